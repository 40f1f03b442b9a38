/** Pushing RT tasks to CPUs where they would run, and pulling them from where they would not. @spec 08 §3 */
import { MigrateCause } from '../trace/events.ts';
import { moveQueuedTask } from './activate.ts';
import type { Kernel } from './kernel.ts';
import { findLowestRq, highestPushable } from './rt.ts';

/** Pushes tasks away from the CPU until none is left that has somewhere better to be. */
export function pushRtTasks(k: Kernel, cpu: number): void {
  const { rq, task } = k;
  for (let pushed = highestPushable(k, cpu); pushed >= 0; pushed = highestPushable(k, cpu)) {
    const curr = rq.curr[cpu]!;
    if (task.prio[pushed]! < task.prio[curr]!) {
      k.reschedCurr(cpu);
      return;
    }
    const target = findLowestRq(k, pushed);
    if (target < 0 || target === cpu || rq.rtHighestPrio[target]! <= task.prio[pushed]!) return;
    moveQueuedTask(k, pushed, target, MigrateCause.RT_PUSH);
  }
}

/** Pulls tasks that would run here at once: this CPU is about to run something of lower priority. */
export function pullRtTask(k: Kernel, cpu: number): void {
  const { rq, task } = k;
  for (let src = 0; src < k.nrCpus; src++) {
    if (src === cpu || rq.rtNrRunning[src]! < 2 || rq.rtNrMigratory[src] === 0) continue;
    for (let p = pullable(k, src, cpu); p >= 0; p = pullable(k, src, cpu)) {
      if (task.prio[p]! >= rq.rtHighestPrio[cpu]!) break;
      // It is about to preempt where it is.
      if (task.prio[p]! < task.prio[rq.curr[src]!]!) break;
      moveQueuedTask(k, p, cpu, MigrateCause.RT_PULL);
    }
  }
}

/** The best task of `src` that waits and may run on `cpu`. */
function pullable(k: Kernel, src: number, cpu: number): number {
  const p = highestPushable(k, src);
  return p >= 0 && k.allowed(p, cpu) ? p : -1;
}
