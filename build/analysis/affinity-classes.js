/**
 * Sets of CPUs that tasks are bound to, numbered; and the cells that these sets cut the machine into.
 *
 *   CPUs      0  1  2  3  4  5  6  7
 *   set 1     ■  ■  ■  ■                     cells: {0,1} only in set 1
 *   set 2           ■  ■  ■  ■                      {2,3} in both, {4,5} only in set 2, {6,7} in none
 *
 * CPUs of one cell are alike to every task, so questions about single CPUs become questions about cells, of which there
 * are few. Set 0 is "anywhere". A set becomes part of the cells only when it is refined: sets of one CPU, which every
 * kernel has many of, are dealt with apart and hardly ever need to be.
 */
export const ANYWHERE = 0;
export class AffinityClasses {
    /** Cell of each CPU. */
    cellOf;
    nrCells = 1;
    #sets = [new Int32Array(0)];
    #members = [new Uint8Array(0)];
    #ids = new Map();
    #cells = [[0]];
    #cellSize;
    #counted;
    /** `counted` is 1 for the CPUs that matter; a set that has all of them is "anywhere". */
    constructor(counted) {
        this.#counted = counted;
        this.cellOf = new Int32Array(counted.length);
        this.#cellSize = [counted.length];
    }
    /** The number of a set. */
    register(cpus) {
        const key = cpus.join(',');
        let id = this.#ids.get(key);
        if (id !== undefined)
            return id;
        const member = new Uint8Array(this.#counted.length);
        const inMachine = cpus.filter((cpu) => cpu >= 0 && cpu < member.length);
        for (const cpu of inMachine)
            member[cpu] = 1;
        if (this.#counted.every((counted, cpu) => counted === 0 || member[cpu] === 1)) {
            id = ANYWHERE;
        }
        else {
            id = this.#sets.push(Int32Array.from(inMachine)) - 1;
            this.#members.push(member);
            this.#cells.push(null);
        }
        this.#ids.set(key, id);
        return id;
    }
    /** CPUs of a set, ascending; of "anywhere", none are listed. */
    cpus(set) {
        return this.#sets[set];
    }
    has(set, cpu) {
        return set === ANYWHERE || this.#members[set][cpu] === 1;
    }
    /** The set is this CPU and no other. */
    isOnly(set, cpu) {
        const cpus = this.#sets[set];
        return cpus.length === 1 && cpus[0] === cpu;
    }
    isRefined(set) {
        return this.#cells[set] !== null;
    }
    /** Makes the set, and with it all others of more than one CPU, a union of cells. */
    refine(set) {
        for (let other = 1; other < this.#sets.length; other++) {
            if (other === set || this.#sets[other].length > 1)
                this.#split(other);
        }
        for (let other = 1; other < this.#sets.length; other++) {
            if (this.#cells[other] !== null)
                this.#cells[other] = this.#cellsOf(other);
        }
    }
    /** Cells of a refined set; those of "anywhere" are all and are not listed. */
    cells(set) {
        return this.#cells[set];
    }
    #split(set) {
        if (this.#cells[set] !== null)
            return;
        this.#cells[set] = [];
        const { cellOf } = this;
        const inSet = new Map();
        for (const cpu of this.#sets[set])
            inSet.set(cellOf[cpu], (inSet.get(cellOf[cpu]) ?? 0) + 1);
        const moved = new Map();
        for (const cpu of this.#sets[set]) {
            const cell = cellOf[cpu];
            const n = inSet.get(cell);
            if (n === undefined || n === this.#cellSize[cell])
                continue;
            let to = moved.get(cell);
            if (to === undefined) {
                to = this.nrCells++;
                moved.set(cell, to);
                this.#cellSize[to] = n;
            }
            cellOf[cpu] = to;
        }
        for (const [cell, to] of moved)
            this.#cellSize[cell] -= this.#cellSize[to];
    }
    #cellsOf(set) {
        return [...new Set(Array.from(this.#sets[set], (cpu) => this.cellOf[cpu]))].sort((a, b) => a - b);
    }
}
