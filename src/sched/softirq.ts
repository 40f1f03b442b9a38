/**
 * The SCHED softirq: raised in an interrupt, run when it is over. What is raised after that is run in a further round, unless
 * the CPU is to reschedule: then it is left to the CPU's ksoftirqd, if the workload has such threads. @spec 01 §2
 */
import { Ev } from '../trace/events.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { Todo } from './loop.ts';
import { resume } from './program-sync.ts';
import { record } from './record.ts';
import { needResched } from './signals.ts';

/** Its vector number. */
export const SCHED_SOFTIRQ = 7;

export function raiseSchedSoftirq(cpu: number): void {
  // Its thread sees to it.
  if (loop.softirqLeft[cpu] !== 0) return;
  const again = (loop.todo[cpu]! & Todo.SOFTIRQ) !== 0;
  if (again && k.programs.workload.softirqThreads === undefined) return;
  if (k.tracing) record(Ev.SOFTIRQ_RAISE, k.thisCpu, SCHED_SOFTIRQ);
  loop.todo[cpu]! |= Todo.SOFTIRQ;
  if (again) loop.softirqAgain[cpu] = 1;
}

/** A round is over. */
export function softirqDone(cpu: number): void {
  loop.inSoftirq[cpu] = 0;
  if (loop.softirqAgain[cpu] !== 0) {
    loop.softirqAgain[cpu] = 0;
    if (!needResched(cpu)) return;
    loop.softirqLeft[cpu] = 1;
    resume(k.programs.workload.softirqThreads! + cpu);
  }
  loop.todo[cpu]! &= ~Todo.SOFTIRQ;
}

/** The CPU's ksoftirqd runs: true if something was left to it, which the CPU now does. */
export function takeSoftirqs(cpu: number): boolean {
  if (loop.softirqLeft[cpu] === 0) return false;
  loop.softirqLeft[cpu] = 0;
  loop.todo[cpu]! |= Todo.SOFTIRQ;
  return true;
}
