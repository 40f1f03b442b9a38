/**
 * How many tasks each CPU has to run, from the events of a trace: the running one and those that wait.
 *
 *   wakeup, wakeup_new → on the target CPU      switch out in state R → stays      in another state → leaves
 *   migrate → moves if it was there             switch in → is there, if it was not known to be
 *
 * A task that waits from before the trace begins is not known until it runs. The idle task does not count.
 */
import { Ev } from "./events.js";
const NOWHERE = -1;
/** The bits of a state that say what a task waits for. */
const STATE_MASK = 255;
export class RunnableTasks {
    /** Tasks to run, by CPU. */
    nr;
    /** CPU on whose queue each task is, or NOWHERE. */
    #where = [];
    #changed;
    /** `changed` is called after each change, with the CPU whose number it is. */
    constructor(tables, changed = () => { }) {
        const { nrCpus } = tables.topology;
        this.nr = new Int32Array(nrCpus);
        this.#changed = changed;
        tables.initialCurrent?.forEach((task, cpu) => {
            if (task < 0)
                return;
            this.#where[task] = cpu;
            this.nr[cpu] = 1;
        });
    }
    /** To be called with every event; those that change nothing are ignored. */
    event(kind, cpu, task, args) {
        switch (kind) {
            case Ev.SCHED_SWITCH:
                this.#put(task, (args[1] & STATE_MASK) === 0 ? cpu : NOWHERE);
                this.#put(args[0], cpu);
                break;
            case Ev.SCHED_WAKEUP:
            case Ev.SCHED_WAKEUP_NEW:
                this.#put(task, args[0]);
                break;
            case Ev.SCHED_MIGRATE_TASK:
                if ((this.#where[task] ?? NOWHERE) !== NOWHERE)
                    this.#put(task, args[1]);
                break;
        }
    }
    #put(task, cpu) {
        if (task < 0 || cpu >= this.nr.length)
            return;
        const before = this.#where[task] ?? NOWHERE;
        if (before === cpu)
            return;
        this.#where[task] = cpu;
        if (before !== NOWHERE) {
            this.nr[before]--;
            this.#changed(before);
        }
        if (cpu !== NOWHERE) {
            this.nr[cpu]++;
            this.#changed(cpu);
        }
    }
}
