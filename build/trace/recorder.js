import { EVENTS, Ev, MAX_EVENT_ARGS } from "./events.js";
/** Named selections of event kinds. */
export const RECORDINGS = {
    /** Nothing: for benchmarks. */
    off: [],
    /** What the figures need. */
    figures: [
        Ev.SCHED_SWITCH,
        Ev.SCHED_WAKEUP,
        Ev.SCHED_WAKEUP_NEW,
        Ev.SCHED_MIGRATE_TASK,
        Ev.SCHED_PROCESS_FORK,
        Ev.SCHED_PROCESS_EXIT,
        Ev.LB_ENTER,
        Ev.LB_LEAVE,
        Ev.NEWIDLE,
        Ev.NEWIDLE_RET,
        Ev.ILB_KICKED,
        Ev.NOHZ_IDLE_BALANCE,
        Ev.ACTIVE_BALANCE,
        Ev.PRINT,
        Ev.AFFINITY,
        Ev.WORK,
    ],
    /** Everything but the PELT updates. */
    full: EVENTS.map((_, kind) => kind).filter((kind) => kind < Ev.PELT_SE || kind > Ev.PELT_BLOCKED),
    /** Everything. */
    pelt: EVENTS.map((_, kind) => kind),
};
export class Recorder {
    /** 1 for kinds that are recorded. */
    on = new Uint8Array(EVENTS.length);
    /** Arguments of the event about to be emitted. */
    args = new Float64Array(MAX_EVENT_ARGS);
    tables;
    #tasks = [];
    #strings = [];
    #stringIds = new Map();
    #masks = [];
    #maskIds = new Map();
    #sink;
    constructor(topology, source, hz, sink, kinds) {
        this.tables = { topology, source, hz, tasks: this.#tasks, strings: this.#strings, masks: this.#masks };
        this.#sink = sink;
        if (sink !== null)
            for (const kind of kinds)
                this.on[kind] = 1;
    }
    begin(startNs) {
        this.#sink?.begin?.(this.tables, startNs);
    }
    emit(kind, timeNs, cpu, task) {
        this.#sink.event(kind, timeNs, cpu, task, this.args);
    }
    end(endNs) {
        this.#sink?.end?.(endNs);
    }
    /** A new task's trace id. */
    addTask(task) {
        return this.#tasks.push(task) - 1;
    }
    string(text) {
        let id = this.#stringIds.get(text);
        if (id === undefined) {
            id = this.#strings.push(text) - 1;
            this.#stringIds.set(text, id);
        }
        return id;
    }
    mask(cpus) {
        const key = cpus.join(',');
        let id = this.#maskIds.get(key);
        if (id === undefined) {
            id = this.#masks.push([...cpus]) - 1;
            this.#maskIds.set(key, id);
        }
        return id;
    }
}
