/**
 * Columns: the state of the simulated kernel is typed arrays by CPU, task, entity and so on, made once when the module is
 * loaded and never replaced.
 *
 * That is deliberate. An array that is a constant of the program costs three machine instructions to read; one that has
 * to be found through an object costs ten, and the scheduler does little else than read and write them: the difference is
 * a factor of two in speed (docs/architecture.md). The price is that a thread simulates one machine at a time.
 * Untouched memory is not really there: an operating system hands it out on first use.
 */
export class ColumnSet {
    #rows;
    #columns = [];
    /** Rows that may have been written since they were last reset. */
    #used = 0;
    constructor(rows) {
        this.#rows = rows;
    }
    f64(fill = 0, width = 1) {
        return this.#add(new Float64Array(...place(this.#rows * width, 8)), fill);
    }
    i32(fill = 0, width = 1) {
        return this.#add(new Int32Array(...place(this.#rows * width, 4)), fill);
    }
    u8(fill = 0) {
        return this.#add(new Uint8Array(...place(this.#rows, 1)), fill);
    }
    /** Puts back what an earlier simulation left, and makes rows up to `rows` ready for use. */
    reset(rows) {
        this.clear(0, Math.max(rows, this.#used));
        this.#used = rows;
    }
    /** Rows up to `rows` are about to be used too; they are as new. */
    use(rows) {
        if (rows <= this.#used)
            return;
        for (const { array, fill } of this.#columns) {
            const width = array.length / this.#rows;
            if (fill !== 0)
                array.fill(fill, this.#used * width, rows * width);
        }
        this.#used = rows;
    }
    /** Puts `count` rows from `first` back to their fill. */
    clear(first, count) {
        for (const { array, fill } of this.#columns) {
            const width = array.length / this.#rows;
            array.fill(fill, first * width, (first + count) * width);
        }
    }
    #add(array, fill) {
        this.#columns.push({ array, fill });
        return array;
    }
}
let nrColumns = 0;
/**
 * Where a column lies. Large buffers begin at page boundaries, so the first rows of all columns would fall into the same
 * few sets of the processor's cache and drive each other out: columns begin at different lines of their page.
 */
function place(length, bytes) {
    const offset = (nrColumns++ * STAGGER) % PAGE;
    return [new ArrayBuffer(length * bytes + PAGE), offset, length];
}
const PAGE = 4096;
/** An odd number of cache lines, far from a simple fraction of the page. */
const STAGGER = 39 * 64;
/** Capacities. A machine has at most MAX_CPUS; groups and CPUs together at most MAX_CFS_RQS runqueues. */
export const MAX_CPUS = 8192;
export const MAX_TASKS = 1 << 17;
export const MAX_CFS_RQS = 1 << 17;
