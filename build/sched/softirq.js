/** The SCHED softirq: raised in an interrupt, run when it is over. @spec 01 §2 */
import { Ev } from "../trace/events.js";
import { k } from "./kernel.js";
import * as loop from "./loop.js";
import { Todo } from "./loop.js";
import { record } from "./record.js";
/** Its vector number. */
export const SCHED_SOFTIRQ = 7;
export function raiseSchedSoftirq(cpu) {
    if (k.tracing && (loop.todo[cpu] & Todo.SOFTIRQ) === 0)
        record(Ev.SOFTIRQ_RAISE, k.thisCpu, SCHED_SOFTIRQ);
    loop.todo[cpu] |= Todo.SOFTIRQ;
}
