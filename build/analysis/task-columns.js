/** Where a task is. */
export const TaskAt = { OFF: 0, QUEUED: 1, RUNNING: 2 };
/** "Not so", in columns of times. */
export const NO_TIME = -1;
export class TaskColumns {
    /** Number of tasks known. */
    length = 0;
    at = new Uint8Array(64);
    /** CPU it runs or waits on, or was last on. */
    cpu = new Int32Array(64);
    /** Real-time: its waiting is no concern of the balancing of fair tasks. */
    isRt = new Uint8Array(64);
    /** Set of CPUs it is bound to, a number of `AffinityClasses`. */
    affinity = new Int32Array(64);
    /** Kind, a number of `Kinds`, or -1: not of the workload. */
    kind = new Int32Array(64);
    /** Its wait is being counted as a fair task's, and since when it has waited on this queue. */
    waits = new Uint8Array(64);
    waitSinceNs = new Float64Array(64);
    /** When it was woken, until it is switched in; or NO_TIME. */
    wokenNs = new Float64Array(64);
    /** When it was switched in, or its CPU time was last counted. */
    runSinceNs = new Float64Array(64);
    /** CPU time counted so far. */
    cpuNs = new Float64Array(64);
    /** Or NO_TIME: not mentioned so far, and then it has no kind. */
    bornNs = new Float64Array(64);
    /** Or NO_TIME. */
    exitNs = new Float64Array(64);
    /** Adds a task; its columns are zero but for what is NO_TIME. */
    add() {
        const task = this.length++;
        if (task === this.at.length)
            this.#grow(2 * task);
        this.kind[task] = -1;
        this.bornNs[task] = NO_TIME;
        this.wokenNs[task] = NO_TIME;
        this.exitNs[task] = NO_TIME;
        return task;
    }
    #grow(capacity) {
        const ints = (old, larger) => {
            larger.set(old);
            return larger;
        };
        this.at = ints(this.at, new Uint8Array(capacity));
        this.cpu = ints(this.cpu, new Int32Array(capacity));
        this.isRt = ints(this.isRt, new Uint8Array(capacity));
        this.affinity = ints(this.affinity, new Int32Array(capacity));
        this.kind = ints(this.kind, new Int32Array(capacity));
        this.waits = ints(this.waits, new Uint8Array(capacity));
        this.waitSinceNs = ints(this.waitSinceNs, new Float64Array(capacity));
        this.wokenNs = ints(this.wokenNs, new Float64Array(capacity));
        this.runSinceNs = ints(this.runSinceNs, new Float64Array(capacity));
        this.cpuNs = ints(this.cpuNs, new Float64Array(capacity));
        this.bornNs = ints(this.bornNs, new Float64Array(capacity));
        this.exitNs = ints(this.exitNs, new Float64Array(capacity));
    }
}
/** Kinds of tasks by number, in the order of their appearance. */
export class Kinds {
    names = [];
    #ids = new Map();
    #only;
    /** With `only`, all other kinds are not of the workload. */
    constructor(only) {
        this.#only = only === undefined ? null : new Set(only);
    }
    /** Number of a kind; -1 if it is not of the workload. */
    id(name) {
        if (name === '' || this.#only?.has(name) === false)
            return -1;
        let id = this.#ids.get(name);
        if (id === undefined) {
            id = this.names.push(name) - 1;
            this.#ids.set(name, id);
        }
        return id;
    }
    /** Numbers of the kinds, by name. */
    sorted() {
        return this.names.map((_, id) => id).sort((a, b) => (this.names[a] < this.names[b] ? -1 : 1));
    }
}
/**
 * Kinds for recordings of nobody's workload in particular: the name without the number at its end (`hog-3` and `hog4` are
 * hogs); kernel threads are of no kind.
 */
export function kindByComm({ comm, kthread }) {
    return kthread ? '' : comm.replace(/[-_/:.#]?\d+$/, '') || comm;
}
