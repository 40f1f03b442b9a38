/**
 * When which CPU ticks next. All CPUs tick at the same instants (or, with `skew_tick`, a little apart): one cursor walks the
 * CPUs whose tick runs, in order of their number, so that a tick costs no queue operation. @spec 01 §2
 */
import { tickOn, tickOnSince } from "./loop.js";
export class TickCursor {
    #periodNs;
    /** Words of the mask of ticking CPUs. */
    #words;
    /** Offset of each CPU within a round; null when all tick together. */
    #phase;
    /** The round being walked, and the first CPU of it that has not been looked at. */
    #roundNs;
    #from = 0;
    #valid = false;
    /** The next tick of any CPU; -1 and Infinity when no CPU ticks. Only right after `find`. */
    cpu = -1;
    time = Number.POSITIVE_INFINITY;
    constructor(nrCpus, periodNs, offsetNs, skewed) {
        this.#periodNs = periodNs;
        this.#words = (nrCpus + 31) >>> 5;
        this.#roundNs = -offsetNs;
        this.#phase = skewed
            ? Float64Array.from({ length: nrCpus }, (_, cpu) => Math.floor((periodNs * cpu) / (2 * nrCpus)))
            : null;
    }
    /** Works out the next tick. */
    find() {
        if (this.#valid)
            return;
        this.#valid = true;
        for (let empty = false;;) {
            for (let word = this.#from >>> 5; word < this.#words; word++) {
                let bits = tickOn[word];
                if (word === this.#from >>> 5)
                    bits &= -1 << (this.#from & 31);
                for (; bits !== 0; bits &= bits - 1) {
                    const cpu = (word << 5) + 31 - Math.clz32(bits & -bits);
                    const time = this.#phase === null ? this.#roundNs : this.#roundNs + this.#phase[cpu];
                    // A tick that was switched on at this instant comes a period later.
                    if (time > tickOnSince[cpu]) {
                        this.cpu = cpu;
                        this.time = time;
                        return;
                    }
                }
            }
            if (empty && !this.#anyTicks()) {
                this.cpu = -1;
                this.time = Number.POSITIVE_INFINITY;
                return;
            }
            empty = true;
            this.#roundNs += this.#periodNs;
            this.#from = 0;
        }
    }
    /** The tick that was found is being handled. */
    taken() {
        this.#from = this.cpu + 1;
        this.#valid = false;
    }
    /** Some CPU's tick was switched on or off at `now`. */
    changed(now) {
        this.#valid = false;
        // After a time without any ticks the round may lie far back.
        if (this.#roundNs + this.#periodNs <= now) {
            this.#roundNs += Math.floor((now - this.#roundNs) / this.#periodNs) * this.#periodNs;
            this.#from = 0;
        }
    }
    #anyTicks() {
        for (let word = 0; word < this.#words; word++)
            if (tickOn[word] !== 0)
                return true;
        return false;
    }
}
