/**
 * How unevenly tasks lie on groups of CPUs: the most minus the fewest runnable tasks of a group. Numbers change by one, so
 * the extremes do too: how many groups have each number is enough to follow them.
 */
export class RunnableSpread {
    nrGroups;
    #groupOf;
    #nr;
    /** Groups by their number of tasks. */
    #groupsWith;
    #most = 0;
    #fewest = 0;
    /** `column`: what the CPUs of one group have in common. */
    constructor(column) {
        const ids = new Map();
        this.#groupOf = Int32Array.from(column, (value) => {
            if (!ids.has(value))
                ids.set(value, ids.size);
            return ids.get(value);
        });
        this.nrGroups = ids.size;
        this.#nr = new Int32Array(ids.size);
        this.#groupsWith = [ids.size];
    }
    get value() {
        return this.#most - this.#fewest;
    }
    /** Tasks of the CPU's group. */
    nr(cpu) {
        return this.#nr[this.#groupOf[cpu]];
    }
    change(cpu, by) {
        const group = this.#groupOf[cpu];
        const before = this.#nr[group];
        const now = before + by;
        this.#nr[group] = now;
        this.#groupsWith[before]--;
        this.#groupsWith[now] = (this.#groupsWith[now] ?? 0) + 1;
        if (now > this.#most)
            this.#most = now;
        else if (before === this.#most && this.#groupsWith[before] === 0)
            this.#most = now;
        if (now < this.#fewest)
            this.#fewest = now;
        else if (before === this.#fewest && this.#groupsWith[before] === 0)
            this.#fewest = now;
    }
}
