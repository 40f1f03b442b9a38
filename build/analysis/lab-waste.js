import { roundTo } from "./decimal-round.js";
import { RunnableSpread } from "./runnable-spread.js";
/** How long something has to hold before it is said to be reached, s. */
const HOLD_S = 0.01;
/** Finds the first moment from which something holds for `HOLD_S`, without keeping what was before. */
class Since {
    #heldFromS = null;
    #reachedS = null;
    /** It does (or does not) hold from `s` on. */
    set(s, holds) {
        this.#check(s);
        if (!holds)
            this.#heldFromS = null;
        else
            this.#heldFromS ??= s;
    }
    clear() {
        this.#heldFromS = null;
        this.#reachedS = null;
    }
    /** ms from `fromS`, or null if it never was. */
    reachedMs(fromS, endS) {
        this.#check(endS);
        return this.#reachedS === null ? null : roundTo((this.#reachedS - fromS) * 1e3, 3);
    }
    #check(s) {
        if (this.#heldFromS !== null && s - this.#heldFromS >= HOLD_S)
            this.#reachedS ??= this.#heldFromS;
    }
}
export class LabWaste {
    /** Runnable tasks by CPU: of the load, and all but the idle task. */
    #nrLoad;
    #nrAll;
    #nrIdle;
    /** Tasks beyond the first of each CPU. */
    #nrOver = 0;
    #byCpu;
    #byLlc;
    #byNode;
    /** By core, where cores have several threads: tasks of the load and of all. */
    #core;
    #coreLoad;
    #coreAll;
    #nrIdleCores;
    #nrSharedCores = 0;
    #lastS = null;
    #wastedS = 0;
    #wastedCoreS = 0;
    #spreadS = 0;
    #llcSpreadS = 0;
    #nodeSpreadS = 0;
    #coreWastedS = 0;
    /** Something holds since the last change: wasted, spread, core wasted. */
    #holds = false;
    #isWasted = false;
    #heldSpread = 0;
    #isCoreWasted = false;
    #noWaste = new Since();
    #balanced = new Since();
    #coresUsed = new Since();
    constructor(topology) {
        const { nrCpus, core, llc, node } = topology;
        this.#nrLoad = new Int32Array(nrCpus);
        this.#nrAll = new Int32Array(nrCpus);
        this.#nrIdle = nrCpus;
        this.#byCpu = new RunnableSpread(Array.from(core, (_, cpu) => cpu));
        const several = (spread) => (spread.nrGroups > 1 ? spread : null);
        this.#byLlc = several(new RunnableSpread(llc));
        this.#byNode = several(new RunnableSpread(node));
        this.#core = core;
        this.#nrIdleCores = new Set(core).size;
        this.#coreLoad = this.#nrIdleCores < nrCpus ? new Int32Array(nrCpus) : null;
        this.#coreAll = new Int32Array(nrCpus);
    }
    /** A task becomes runnable on the CPU, or is no longer. */
    change(cpu, by, ofLoad) {
        const before = this.#nrAll[cpu];
        this.#nrAll[cpu] = before + by;
        if (before === 0 || before + by === 0)
            this.#nrIdle -= by;
        const core = this.#core[cpu];
        const coreBefore = this.#coreAll[core];
        this.#coreAll[core] = coreBefore + by;
        if (coreBefore === 0 || coreBefore + by === 0)
            this.#nrIdleCores -= by;
        if (ofLoad)
            this.changeLoad(cpu, by);
    }
    /** A runnable task of the CPU turns out to be of the load (or changes as one that is). */
    changeLoad(cpu, by) {
        const before = this.#nrLoad[cpu];
        this.#nrLoad[cpu] = before + by;
        this.#nrOver += Math.max(0, before + by - 1) - Math.max(0, before - 1);
        this.#byCpu.change(cpu, by);
        this.#byLlc?.change(cpu, by);
        this.#byNode?.change(cpu, by);
        if (this.#coreLoad === null)
            return;
        const core = this.#core[cpu];
        const ofCore = this.#coreLoad[core];
        this.#coreLoad[core] = ofCore + by;
        if (ofCore >= 2 !== ofCore + by >= 2)
            this.#nrSharedCores += by;
    }
    start(s) {
        this.#lastS = s;
    }
    restart(s) {
        this.#lastS = s;
        this.#wastedS = 0;
        this.#wastedCoreS = 0;
        this.#spreadS = 0;
        this.#llcSpreadS = 0;
        this.#nodeSpreadS = 0;
        this.#coreWastedS = 0;
        this.#holds = false;
        for (const since of [this.#noWaste, this.#balanced, this.#coresUsed])
            since.clear();
    }
    /** What holds has held until `s`. */
    advance(s) {
        const last = this.#lastS;
        if (last === null || s <= last)
            return;
        const passed = s - last;
        const wasted = this.#nrIdle > 0 && this.#nrOver > 0;
        if (wasted) {
            this.#wastedS += passed;
            this.#wastedCoreS += passed * Math.min(this.#nrIdle, this.#nrOver);
        }
        const spread = this.#byCpu.value;
        this.#spreadS += passed * spread;
        if (this.#byLlc !== null)
            this.#llcSpreadS += passed * this.#byLlc.value;
        if (this.#byNode !== null)
            this.#nodeSpreadS += passed * this.#byNode.value;
        const coreWasted = this.#coreLoad !== null && this.#nrSharedCores > 0 && this.#nrIdleCores > 0;
        if (coreWasted)
            this.#coreWastedS += passed;
        this.#hold(last, wasted, spread, coreWasted);
        this.#lastS = s;
    }
    /** The figures of the machine, and those of parts it has several of. */
    figures(fromS, endS) {
        const length = endS - fromS;
        const machine = {
            wasted_time_fraction: roundTo(this.#wastedS / length, 6),
            wasted_core_ms: roundTo(this.#wastedCoreS * 1e3, 3),
            mean_spread: roundTo(this.#spreadS / length, 4),
            ms_to_no_waste_10ms: this.#noWaste.reachedMs(fromS, endS),
            ms_to_balanced_10ms: this.#balanced.reachedMs(fromS, endS),
        };
        const ofCores = {
            core_wasted_time_fraction: roundTo(this.#coreWastedS / length, 6),
            ms_to_cores_used_10ms: this.#coresUsed.reachedMs(fromS, endS),
        };
        return {
            machine,
            parts: {
                ...(this.#coreLoad === null ? {} : ofCores),
                ...(this.#byLlc === null ? {} : { mean_llc_spread: roundTo(this.#llcSpreadS / length, 4) }),
                ...(this.#byNode === null ? {} : { mean_node_spread: roundTo(this.#nodeSpreadS / length, 4) }),
            },
        };
    }
    #hold(s, wasted, spread, coreWasted) {
        const same = this.#isWasted === wasted && this.#heldSpread === spread && this.#isCoreWasted === coreWasted;
        if (this.#holds && same)
            return;
        this.#holds = true;
        this.#isWasted = wasted;
        this.#heldSpread = spread;
        this.#isCoreWasted = coreWasted;
        this.#noWaste.set(s, !wasted);
        this.#balanced.set(s, spread <= 1);
        this.#coresUsed.set(s, !coreWasted);
    }
}
