/** Pushing RT tasks to CPUs where they would run, and pulling them from where they would not. @spec 08 §3 */
import { MigrateCause } from '../trace/events.ts';
import { moveQueuedTask } from './activate.ts';
import { k } from './kernel.ts';
import * as rq from './rq.ts';
import { bestPushable, findLowestRq, highestPushable } from './rt.ts';
import { reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';

/** Pushes tasks away from the CPU until none is left that has somewhere better to be. */
export function pushRtTasks(cpu: number): void {
  for (let pushed = highestPushable(cpu); pushed >= 0; pushed = highestPushable(cpu)) {
    const curr = rq.curr[cpu]!;
    if (tasks.prio[pushed]! < tasks.prio[curr]!) {
      reschedCurr(cpu);
      return;
    }
    const target = findLowestRq(pushed);
    if (target < 0 || target === cpu || rq.rtHighestPrio[target]! <= tasks.prio[pushed]!) return;
    moveQueuedTask(pushed, target, MigrateCause.RT_PUSH);
  }
}

/** Pulls tasks that would run here at once: this CPU is about to run something of lower priority. @spec 08 §3 */
export function pullRtTask(cpu: number): void {
  for (let src = 0; src < k.nrCpus; src++) {
    if (src === cpu) continue;
    const pulled = bestPushable(src, cpu);
    if (pulled < 0 || tasks.prio[pulled]! >= rq.rtHighestPrio[cpu]!) continue;
    // It is about to preempt where it is.
    if (tasks.prio[pulled]! < tasks.prio[rq.curr[src]!]!) continue;
    moveQueuedTask(pulled, cpu, MigrateCause.RT_PULL);
  }
}
