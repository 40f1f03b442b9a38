/**
 * A governor in the manner of `menu`: it expects the CPU to idle as long as it did lately, or until its next timer, and
 * picks the deepest state worth that. @spec 24 §6
 */
import { k } from "./kernel.js";
import * as rq from "./rq.js";
import { nextTimer } from "./task-timers.js";
const SAMPLES = 8;
export class MenuGovernor {
    /** The latest idle spells of each CPU, ns. */
    #spells;
    #sums;
    #counts;
    constructor(nrCpus) {
        this.#spells = new Float64Array(nrCpus * SAMPLES);
        this.#sums = new Float64Array(nrCpus);
        this.#counts = new Int32Array(nrCpus);
    }
    /** An idle spell has ended. */
    observe(cpu, spellNs) {
        const n = this.#counts[cpu];
        const at = cpu * SAMPLES + (n % SAMPLES);
        this.#sums[cpu] += spellNs - this.#spells[at];
        this.#spells[at] = spellNs;
        this.#counts[cpu] = n + 1 === 2 * SAMPLES ? SAMPLES : n + 1;
    }
    /** Sets the CPU's idle state; true if the tick is not worth keeping. */
    choose(cpu, tickStopped) {
        const predicted = this.#predict(cpu);
        const { idleStates } = k.costs;
        let state = -1;
        for (let s = 0; s < idleStates.length && idleStates[s].residencyNs <= predicted; s++)
            state = s;
        rq.idleState[cpu] = state;
        return tickStopped || predicted >= k.tickNs;
    }
    #predict(cpu) {
        const timer = nextTimer(cpu) - k.now;
        const n = Math.min(this.#counts[cpu], SAMPLES);
        return n < SAMPLES ? timer : Math.min(timer, this.#sums[cpu] / SAMPLES);
    }
}
