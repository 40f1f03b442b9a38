/**
 * The stopper threads `migration/N`: one a CPU, above all other classes. Works are queued on them and run to completion,
 * in order, as soon as the CPU can switch. @spec 08 §5
 */
import { MigrateCause } from '../trace/events.ts';
import { moveQueuedTask } from './activate.ts';
import { StopWork } from './hooks.ts';
import { k } from './kernel.ts';
import { allowed } from './predicates.ts';
import * as rq from './rq.ts';
import { charge, setNeedResched } from './signals.ts';
import type { Work } from './stop-work.ts';
import * as tasks from './tasks.ts';
import { OnRq, State, TASK_NORMAL } from './tasks.ts';
import { schedTtwuPending, tryToWakeUp } from './wakeup.ts';

/** Queues a work on a CPU's stopper and wakes it. */
export function queueStopWork(cpu: number, work: Work): void {
  k.stoppers.queues[cpu]!.push(work);
  tryToWakeUp(k.nrCpus + cpu, State.INTERRUPTIBLE, 0);
}

/** Asks the stopper of a task's CPU to move the task. */
export function stopAndMigrate(task: number, to: number, cause: number, waiter: number): void {
  queueStopWork(tasks.cpu[task]!, { kind: StopWork.MIGRATE, task, cpu: to, cause, waiter });
}

export function stopAndActiveBalance(cpu: number): void {
  queueStopWork(cpu, { kind: StopWork.ACTIVE_BALANCE, task: -1, cpu: -1, cause: MigrateCause.ACTIVE, waiter: -1 });
}

/** The stopper is current: does one work, or goes back to sleep. */
export function stopperStep(cpu: number): void {
  const work = k.stoppers.queues[cpu]!.shift();
  if (work === undefined) {
    tasks.state[k.nrCpus + cpu] = State.INTERRUPTIBLE;
    setNeedResched(cpu);
    return;
  }
  charge(cpu, k.costs.detachNs + k.costs.attachNs);
  if (work.kind === StopWork.ACTIVE_BALANCE) {
    k.hooks.activeBalanceStop(cpu);
    return;
  }
  if (work.kind === StopWork.PUSH) {
    k.hooks.pushStop(cpu, work.task, work.cpu);
    return;
  }
  migrateByStopper(cpu, work);
  if (work.waiter >= 0) tryToWakeUp(work.waiter, TASK_NORMAL, 0);
}

/** Moves the task, wherever it got to since; one that sleeps will be placed when it wakes. */
function migrateByStopper(cpu: number, work: Work): void {
  // It may be on its way: a wakeup queued on this CPU before it was decided to take the task away. @spec 08 §5
  if (rq.ttwuPending[cpu] !== 0) schedTtwuPending(cpu);
  if (tasks.alive[work.task] === 0 || tasks.cpu[work.task] !== cpu) return;
  if (tasks.onRq[work.task] === OnRq.QUEUED) {
    let to = work.cpu;
    if (!allowed(work.task, to) || k.cpuActive[to] === 0) {
      if (allowed(work.task, cpu)) return;
      to = k.affinity.list(tasks.allowed[work.task]!)[0]!;
    }
    if (to !== cpu) moveQueuedTask(work.task, to, work.cause);
  } else {
    tasks.wakeCpu[work.task] = work.cpu;
  }
}
