/** The SCHED softirq: raised in an interrupt, run when it is over. @spec 01 §2 */
import { Ev } from '../trace/events.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import { Todo } from './loop.ts';
import { record } from './record.ts';

/** Its vector number. */
export const SCHED_SOFTIRQ = 7;

export function raiseSchedSoftirq(cpu: number): void {
  if (k.tracing && (loop.todo[cpu]! & Todo.SOFTIRQ) === 0) record(Ev.SOFTIRQ_RAISE, k.thisCpu, SCHED_SOFTIRQ);
  loop.todo[cpu]! |= Todo.SOFTIRQ;
}
