/**
 * The sets of CPUs tasks may run on. Few different ones occur, so each is kept once and tasks refer to it by number;
 * number 0 is all CPUs of the machine.
 */
import { fullMask, maskCpus, maskOf } from "../machine/cpumask.js";
export const ALL_CPUS = 0;
export class AffinityPool {
    words;
    #nrCpus;
    /** Masks one after the other. */
    bits;
    #weights = [];
    #lists = [];
    #ids = new Map();
    constructor(nrCpus) {
        this.#nrCpus = nrCpus;
        this.words = (nrCpus + 31) >>> 5;
        this.bits = new Uint32Array(this.words * 4);
        this.#add(fullMask(nrCpus));
    }
    /** Number of the set; `cpus` must be CPUs of the machine. */
    of(cpus) {
        return this.#add(maskOf(this.#nrCpus, cpus));
    }
    weight(id) {
        return this.#weights[id];
    }
    /** The CPUs of the set, ascending. */
    list(id) {
        return this.#lists[id];
    }
    has(id, cpu) {
        return (this.bits[id * this.words + (cpu >>> 5)] & (1 << (cpu & 31))) !== 0;
    }
    #add(mask) {
        const key = mask.join(',');
        const known = this.#ids.get(key);
        if (known !== undefined)
            return known;
        const id = this.#weights.length;
        if ((id + 1) * this.words > this.bits.length) {
            const bits = new Uint32Array(this.bits.length * 2);
            bits.set(this.bits);
            this.bits = bits;
        }
        this.bits.set(mask, id * this.words);
        const list = Int32Array.from(maskCpus(mask));
        this.#weights.push(list.length);
        this.#lists.push(list);
        this.#ids.set(key, id);
        return id;
    }
}
