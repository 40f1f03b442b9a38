/** The SCHED softirq: raised in an interrupt, run when it is over. @spec 01 §2 */
import { Ev } from '../trace/events.ts';
import { type Kernel, Todo } from './kernel.ts';
import { record } from './record.ts';

/** Its vector number. */
export const SCHED_SOFTIRQ = 7;

export function raiseSchedSoftirq(k: Kernel, cpu: number): void {
  if (k.tracing && (k.loop.todo[cpu]! & Todo.SOFTIRQ) === 0) record(k, Ev.SOFTIRQ_RAISE, k.thisCpu, SCHED_SOFTIRQ);
  k.loop.todo[cpu]! |= Todo.SOFTIRQ;
}
