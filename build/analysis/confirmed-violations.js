/**
 * Confirmed violations of work conservation: waits during which some CPU that the task may use ran nothing, without a
 * break, for as long as it takes to call it a fault: 1, 10 or 100 ms. @spec 23 §5.2
 *
 *   task p waits on CPU 0     ├──────────────────────────┤            a wait: from being queued on a CPU to running there,
 *   CPU 1 runs nothing             ├────────────────────────────┤     or to being moved to another
 *                                  ├─────────────────────┤ = both: confirmed if as long as the limit
 *
 * A wait is judged when it ends. The best CPU for it is either one that runs nothing now (the one that has done so for the
 * longest is the best of them: the head of a list in the order of becoming idle), or one that did until after the wait
 * began: of those, the one that ended last is enough, as only whether there is one is asked. So a wait of an unbound task
 * takes a few comparisons; of a bound task, a look at each of its CPUs, if it was long enough to be confirmed at all.
 * A CPU that looks for tasks (a balance pass) still runs nothing, and so does one that runs a task for no time at all: what
 * happens at one instant is taken together.
 */
import { ANYWHERE } from "./affinity-classes.js";
/** Times that confirm a violation, ns, ascending. */
export const CONFIRM_NS = [1_000_000, 10_000_000, 100_000_000];
/** More are counted but not listed. */
const MAX_LISTED = 1000;
const NONE = -1;
const NEVER = Number.NEGATIVE_INFINITY;
export class ConfirmedViolations {
    /** Number of violations, by `CONFIRM_NS`. */
    counts = new Float64Array(CONFIRM_NS.length);
    /** Those as long as `listNs`, in the order of their ends. */
    list = [];
    #listNs;
    #nrCpus;
    #affinity;
    #fromNs;
    /** CPUs that run nothing, longest first: a list through them, [nrCpus] being its ends. */
    #next;
    #previous;
    #runsNothing;
    #sinceNs;
    #willRunNothing;
    #dirty = [];
    #isDirty;
    /**
     * Of the spans without a task that lasted as long as `CONFIRM_NS[i]`, the last one that ended: by limit and CPU, and
     * [i * (nrCpus + 1) + nrCpus] for the machine.
     */
    #lastStartNs;
    #lastEndNs;
    #lastCpu;
    /** Of `#findFor`. */
    #foundCpu = NONE;
    #foundFromNs = 0;
    #foundToNs = 0;
    constructor(affinity, startNs, listNs) {
        const n = affinity.cellOf.length;
        this.#affinity = affinity;
        this.#nrCpus = n;
        this.#fromNs = startNs;
        this.#listNs = listNs;
        this.#next = new Int32Array(n + 1).fill(n);
        this.#previous = new Int32Array(n + 1).fill(n);
        this.#runsNothing = new Uint8Array(n);
        this.#sinceNs = new Float64Array(n);
        this.#willRunNothing = new Uint8Array(n);
        this.#isDirty = new Uint8Array(n);
        const slots = CONFIRM_NS.length * (n + 1);
        this.#lastStartNs = new Float64Array(slots).fill(NEVER);
        this.#lastEndNs = new Float64Array(slots).fill(NEVER);
        this.#lastCpu = new Int32Array(slots).fill(NONE);
    }
    /** The CPU runs nothing, or something, when this instant is over. */
    setRunsNothing(cpu, nothing) {
        this.#willRunNothing[cpu] = nothing ? 1 : 0;
        if (this.#isDirty[cpu] === 1)
            return;
        this.#isDirty[cpu] = 1;
        this.#dirty.push(cpu);
    }
    /** Everything that happened at `nowNs` has been told. */
    settle(nowNs) {
        if (this.#dirty.length === 0)
            return;
        for (const cpu of this.#dirty) {
            this.#isDirty[cpu] = 0;
            if (this.#willRunNothing[cpu] === this.#runsNothing[cpu])
                continue;
            if (this.#willRunNothing[cpu] === 1)
                this.#beginSpan(cpu, nowNs);
            else
                this.#endSpan(cpu, nowNs);
        }
        this.#dirty.length = 0;
    }
    #beginSpan(cpu, nowNs) {
        const end = this.#nrCpus;
        const last = this.#previous[end];
        this.#runsNothing[cpu] = 1;
        this.#sinceNs[cpu] = nowNs;
        this.#next[last] = cpu;
        this.#previous[cpu] = last;
        this.#next[cpu] = end;
        this.#previous[end] = cpu;
    }
    #endSpan(cpu, nowNs) {
        const end = this.#nrCpus;
        this.#runsNothing[cpu] = 0;
        this.#next[this.#previous[cpu]] = this.#next[cpu];
        this.#previous[this.#next[cpu]] = this.#previous[cpu];
        const since = this.#sinceNs[cpu];
        for (let i = 0; i < CONFIRM_NS.length && nowNs - since >= CONFIRM_NS[i]; i++) {
            for (const slot of [i * (end + 1) + cpu, i * (end + 1) + end]) {
                this.#lastStartNs[slot] = since;
                this.#lastEndNs[slot] = nowNs;
                this.#lastCpu[slot] = cpu;
            }
        }
    }
    /** Judges a wait of the task, bound to `set`, on the CPU, that ends now. */
    waited(task, cpu, set, sinceNs, nowNs) {
        const since = Math.max(sinceNs, this.#fromNs);
        for (let i = 0; i < CONFIRM_NS.length && this.#find(i, set, since, nowNs); i++) {
            this.counts[i] += 1;
            if (CONFIRM_NS[i] !== this.#listNs || this.list.length === MAX_LISTED)
                continue;
            this.list.push({ task, cpu, idleCpu: this.#foundCpu, fromNs: this.#foundFromNs, toNs: this.#foundToNs });
        }
    }
    /** Forgets what was counted; waits and spans from before now count from now. */
    restart(nowNs) {
        this.counts.fill(0);
        this.list.length = 0;
        this.#fromNs = nowNs;
    }
    /** Whether a CPU of the set ran nothing for `CONFIRM_NS[i]` of the wait; sets `#found...`. */
    #find(i, set, since, now) {
        if (now - since < CONFIRM_NS[i])
            return false;
        const n = this.#nrCpus;
        if (set === ANYWHERE) {
            const oldest = this.#next[n];
            if (oldest !== n && this.#fits(i, oldest, this.#sinceNs[oldest], now, since))
                return true;
            return this.#endedFits(i, n, since);
        }
        for (const cpu of this.#affinity.cpus(set)) {
            if (this.#runsNothing[cpu] === 1 && this.#fits(i, cpu, this.#sinceNs[cpu], now, since))
                return true;
            if (this.#endedFits(i, cpu, since))
                return true;
        }
        return false;
    }
    #endedFits(i, cpuOrAll, since) {
        const slot = i * (this.#nrCpus + 1) + cpuOrAll;
        return this.#fits(i, this.#lastCpu[slot], this.#lastStartNs[slot], this.#lastEndNs[slot], since);
    }
    #fits(i, cpu, startNs, endNs, since) {
        const from = Math.max(startNs, since);
        // NEVER - NEVER is no number, and no length either
        if (!(endNs - from >= CONFIRM_NS[i]))
            return false;
        this.#foundCpu = cpu;
        this.#foundFromNs = from;
        this.#foundToNs = endNs;
        return true;
    }
}
