/**
 * The stopper threads `migration/N`: one a CPU, above all other classes. Works are queued on them and run to completion,
 * in order, as soon as the CPU can switch. @spec 08 §5
 */
import { MigrateCause } from '../trace/events.ts';
import { moveQueuedTask } from './activate.ts';
import { StopWork } from './hooks.ts';
import type { Kernel } from './kernel.ts';
import type { Work } from './stop-work.ts';
import { OnRq, State } from './tables.ts';
import { tryToWakeUp } from './wakeup.ts';

/** Queues a work on a CPU's stopper and wakes it. */
export function queueStopWork(k: Kernel, cpu: number, work: Work): void {
  k.stoppers.queues[cpu]!.push(work);
  tryToWakeUp(k, k.nrCpus + cpu, State.INTERRUPTIBLE, 0);
}

/** Asks the stopper of a task's CPU to move the task. */
export function stopAndMigrate(k: Kernel, task: number, to: number, cause: number, waiter: number): void {
  queueStopWork(k, k.task.cpu[task]!, { kind: StopWork.MIGRATE, task, cpu: to, cause, waiter });
}

export function stopAndActiveBalance(k: Kernel, cpu: number): void {
  queueStopWork(k, cpu, { kind: StopWork.ACTIVE_BALANCE, task: -1, cpu: -1, cause: MigrateCause.ACTIVE, waiter: -1 });
}

/** The stopper is current: does one work, or goes back to sleep. */
export function stopperStep(k: Kernel, cpu: number): void {
  const work = k.stoppers.queues[cpu]!.shift();
  if (work === undefined) {
    k.task.state[k.nrCpus + cpu] = State.INTERRUPTIBLE;
    k.setNeedResched(cpu);
    return;
  }
  k.charge(cpu, k.costs.detachNs + k.costs.attachNs);
  if (work.kind === StopWork.ACTIVE_BALANCE) {
    k.hooks.activeBalanceStop(k, cpu);
    return;
  }
  migrateByStopper(k, cpu, work);
  if (work.waiter >= 0) k.programs.stopWorkDone(k, work.waiter);
}

/** Moves the task, wherever it got to since; one that sleeps will be placed when it wakes. */
function migrateByStopper(k: Kernel, cpu: number, work: Work): void {
  const { task } = k;
  if (task.alive[work.task] === 0 || task.cpu[work.task] !== cpu) return;
  if (task.onRq[work.task] === OnRq.QUEUED) {
    let to = work.cpu;
    if (!k.allowed(work.task, to) || k.cpuActive[to] === 0) {
      if (k.allowed(work.task, cpu)) return;
      to = k.affinity.list(task.allowed[work.task]!)[0]!;
    }
    if (to !== cpu) moveQueuedTask(k, work.task, to, work.cause);
  } else {
    task.wakeCpu[work.task] = work.cpu;
  }
}
