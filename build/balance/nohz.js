/**
 * NOHZ idle balance: idle CPUs without a tick are balanced by one of them, which a busy CPU kicks at its tick.
 * @spec 07 §3-5
 */
import * as cfs from "../sched/cfs-rq.js";
import { updateRqClock } from "../sched/clock.js";
import { UNFINISHED } from "../sched/hooks.js";
import { k, msecsToJiffies } from "../sched/kernel.js";
import { updateBlockedAverages } from "../sched/load-avg.js";
import { idleCpu } from "../sched/predicates.js";
import { record } from "../sched/record.js";
import * as rq from "../sched/rq.js";
import { charge, needResched, owes, sendCall } from "../sched/signals.js";
import { raiseSchedSoftirq } from "../sched/softirq.js";
import { Ev } from "../trace/events.js";
import { asymPrefer, capacityReduced, Idle } from "./env.js";
import { NEWILB_KICK } from "./newidle.js";
const BALANCE_KICK = 1;
export const STATS_KICK = 2;
const NEXT_KICK = 8;
const KICK_MASK = BALANCE_KICK | STATS_KICK | NEXT_KICK;
export class NohzBalancer {
    #rebalance;
    /** The loop over idle CPUs, by executing CPU: who comes next, past the last CPU or not, and what was found. */
    #cursor;
    #wrapped;
    #flags;
    #balancing;
    #start;
    #next;
    #haveNext;
    #blocked;
    #active;
    #target;
    constructor(nrCpus, rebalance) {
        this.#rebalance = rebalance;
        this.#cursor = new Int32Array(nrCpus);
        this.#wrapped = new Uint8Array(nrCpus);
        this.#flags = new Uint8Array(nrCpus);
        this.#balancing = new Uint8Array(nrCpus);
        this.#start = new Float64Array(nrCpus);
        this.#next = new Float64Array(nrCpus);
        this.#haveNext = new Uint8Array(nrCpus);
        this.#blocked = new Uint8Array(nrCpus);
        this.#active = new Uint8Array(nrCpus);
        this.#target = new Int32Array(nrCpus);
    }
    /** The loop of _nohz_idle_balance starts on a CPU. @spec 07 §4.3 */
    begin(cpu, flags) {
        if (k.tracing)
            record(Ev.NOHZ_IDLE_BALANCE, cpu, cpu, flags);
        if ((flags & STATS_KICK) !== 0)
            k.nohz.hasBlocked = false;
        if ((flags & NEXT_KICK) !== 0)
            k.nohz.needsUpdate = false;
        this.#flags[cpu] = flags;
        this.#cursor[cpu] = cpu + 1;
        this.#wrapped[cpu] = 0;
        this.#balancing[cpu] = 0;
        this.#start[cpu] = k.jiffies;
        this.#next[cpu] = k.jiffies + 60 * k.hz;
        this.#haveNext[cpu] = 0;
        this.#blocked[cpu] = 0;
        this.#active[cpu] = 1;
    }
    isActive(cpu) {
        return this.#active[cpu] !== 0;
    }
    /** Goes on with the loop; 0 when it is over. */
    step(cpu) {
        const flags = this.#flags[cpu];
        if (this.#balancing[cpu] !== 0) {
            if (this.#rebalance.step(cpu) === UNFINISHED)
                return UNFINISHED;
            this.#balancing[cpu] = 0;
            this.#collect(cpu);
        }
        const { nextBalance, nrRunning, curr, ttwuPending } = rq;
        const mask = k.nohz.idleCpusMask;
        for (;;) {
            const target = this.#advance(cpu, mask);
            if (target < 0)
                break;
            if (curr[target] !== target || nrRunning[target] !== 0 || ttwuPending[target] !== 0)
                continue;
            if (needResched(cpu) && !idleCpu(cpu)) {
                if ((flags & STATS_KICK) !== 0)
                    this.#blocked[cpu] = 1;
                if ((flags & NEXT_KICK) !== 0)
                    k.nohz.needsUpdate = true;
                this.#end(cpu);
                return 0;
            }
            if ((flags & STATS_KICK) !== 0 && this.#updateStats(cpu, target))
                this.#blocked[cpu] = 1;
            this.#target[cpu] = target;
            if (k.jiffies >= nextBalance[target])
                updateRqClock(target);
            if ((flags & BALANCE_KICK) !== 0 && k.jiffies >= nextBalance[target]) {
                this.#rebalance.begin(cpu, target, Idle.IDLE);
                if (owes(cpu) || this.#rebalance.step(cpu) === UNFINISHED) {
                    this.#balancing[cpu] = 1;
                    return UNFINISHED;
                }
            }
            this.#collect(cpu);
            if (owes(cpu))
                return UNFINISHED;
        }
        if (this.#haveNext[cpu] !== 0)
            k.nohz.nextBalance = this.#next[cpu];
        if ((flags & STATS_KICK) !== 0)
            k.nohz.nextBlocked = this.#start[cpu] + msecsToJiffies(32);
        this.#end(cpu);
        return 0;
    }
    #end(cpu) {
        if (this.#blocked[cpu] !== 0)
            k.nohz.hasBlocked = true;
        this.#active[cpu] = 0;
    }
    #collect(cpu) {
        const due = rq.nextBalance[this.#target[cpu]];
        if (this.#next[cpu] > due) {
            this.#next[cpu] = due;
            this.#haveNext[cpu] = 1;
        }
    }
    /** The next CPU of the mask, wrapping, this CPU last; -1 after that. */
    #advance(cpu, mask) {
        let from = this.#cursor[cpu];
        if (this.#wrapped[cpu] === 0) {
            const found = nextInMask(mask, from, k.nrCpus);
            if (found >= 0) {
                this.#cursor[cpu] = found + 1;
                return found;
            }
            this.#wrapped[cpu] = 1;
            from = 0;
        }
        const found = nextInMask(mask, from, cpu + 1);
        this.#cursor[cpu] = found < 0 ? cpu + 1 : found + 1;
        return found;
    }
    /** True if the CPU may have blocked load left. @spec 07 §4.3 */
    #updateStats(cpu, target) {
        if (rq.hasBlockedLoad[target] === 0)
            return false;
        if (k.jiffies <= rq.lastBlockedUpdate[target])
            return true;
        updateBlockedAverages(target);
        charge(cpu, k.costs.blockedNs);
        return rq.hasBlockedLoad[target] !== 0;
    }
}
/** The first CPU of the mask within from..end-1, or -1. */
function nextInMask(mask, from, end) {
    if (from >= end)
        return -1;
    let word = from >>> 5;
    let bits = mask[word] & (-1 << (from & 31));
    while (bits === 0) {
        if (++word >= mask.length)
            return -1;
        bits = mask[word];
    }
    const found = (word << 5) + 31 - Math.clz32(bits & -bits);
    return found < end ? found : -1;
}
/** An idle CPU's tick has been stopped. @spec 07 §3.1 */
export function nohzBalanceEnterIdle(cpu) {
    const { nohz, sd } = k;
    if (k.tracing)
        record(Ev.NOHZ_ENTER, cpu, cpu);
    if (k.cpuActive[cpu] === 0)
        return;
    rq.hasBlockedLoad[cpu] = 1;
    if (rq.nohzTickStopped[cpu] === 0) {
        if (sd.lowest[cpu] < 0)
            return;
        rq.nohzTickStopped[cpu] = 1;
        nohz.idleCpusMask[cpu >>> 5] |= 1 << (cpu & 31);
        nohz.nrCpus += 1;
        const shared = sharedOf(cpu);
        if (shared >= 0 && rq.sdNohzIdle[cpu] === 0) {
            rq.sdNohzIdle[cpu] = 1;
            sd.nrBusyCpus[shared] -= 1;
        }
        nohz.needsUpdate = true;
    }
    nohz.hasBlocked = true;
}
/** The first busy tick after idle. @spec 07 §3.1 */
function nohzBalanceExitIdle(cpu) {
    const { nohz, sd } = k;
    if (rq.nohzTickStopped[cpu] === 0)
        return;
    rq.nohzTickStopped[cpu] = 0;
    nohz.idleCpusMask[cpu >>> 5] &= ~(1 << (cpu & 31));
    nohz.nrCpus -= 1;
    const shared = sharedOf(cpu);
    if (shared >= 0 && rq.sdNohzIdle[cpu] !== 0) {
        rq.sdNohzIdle[cpu] = 0;
        sd.nrBusyCpus[shared] += 1;
    }
}
function sharedOf(cpu) {
    const llc = k.sd.tree.sdLlc[cpu];
    return llc < 0 ? -1 : k.sd.shared[llc];
}
/** At every tick: should an idle CPU be kicked? @spec 07 §4 */
export function nohzBalancerKick(cpu) {
    const { nohz } = k;
    if (rq.idleBalance[cpu] !== 0)
        return;
    nohzBalanceExitIdle(cpu);
    if (nohz.nrCpus === 0)
        return;
    let flags = 0;
    if (nohz.hasBlocked && k.jiffies > nohz.nextBlocked)
        flags = STATS_KICK;
    if (k.jiffies >= nohz.nextBalance && wantsBalance(cpu))
        flags = STATS_KICK | BALANCE_KICK;
    if (nohz.needsUpdate)
        flags |= NEXT_KICK;
    if (flags !== 0)
        kickIlb(cpu, flags);
}
function wantsBalance(cpu) {
    const { sd } = k;
    if (rq.nrRunning[cpu] >= 2)
        return true;
    const lowest = sd.lowest[cpu];
    if (lowest >= 0 && cfs.hNrRunning[cpu] >= 1 && capacityReduced(cpu, lowest))
        return true;
    const packing = sd.tree.sdAsymPacking[cpu];
    if (packing >= 0 && preferredCpuIdles(cpu, packing))
        return true;
    const asym = sd.tree.sdAsymCpucapacity[cpu];
    if (asym >= 0) {
        if (rq.misfitTaskLoad[cpu] === 0)
            return false;
        return rq.cpuCapacityOrig[cpu] < k.maxCpuCapacity || capacityReduced(cpu, asym);
    }
    const shared = sharedOf(cpu);
    return shared >= 0 && sd.nrBusyCpus[shared] > 1;
}
function preferredCpuIdles(cpu, domain) {
    const { sd, nohz } = k;
    const base = sd.spanBase[domain];
    for (let i = 0; i < sd.spanWeight[domain]; i++) {
        const other = sd.lists[base + i];
        if ((nohz.idleCpusMask[other >>> 5] & (1 << (other & 31))) !== 0 && asymPrefer(other, cpu))
            return true;
    }
    return false;
}
/** @spec 07 §4.1 */
function kickIlb(cpu, flags) {
    if ((flags & BALANCE_KICK) !== 0)
        k.nohz.nextBalance = k.jiffies + 1;
    const target = findNewIlb(cpu);
    if (target < 0)
        return;
    const before = rq.nohzFlags[target];
    rq.nohzFlags[target] = before | flags;
    if ((before & KICK_MASK) !== 0)
        return;
    sendCall(target);
}
/** The lowest-numbered tickless CPU that idles. */
function findNewIlb(cpu) {
    const mask = k.nohz.idleCpusMask;
    for (let c = nextInMask(mask, 0, k.nrCpus); c >= 0; c = nextInMask(mask, c + 1, k.nrCpus)) {
        if (c !== cpu && idleCpu(c))
            return c;
    }
    return -1;
}
/** The kick arrives. @spec 07 §4.2 */
export function nohzCsdFunc(cpu) {
    const flags = rq.nohzFlags[cpu];
    if ((flags & KICK_MASK) === 0)
        return;
    if (k.tracing)
        record(Ev.ILB_KICKED, cpu, cpu, rq.nrRunning[cpu]);
    rq.nohzFlags[cpu] = flags & ~(KICK_MASK | NEWILB_KICK);
    rq.idleBalance[cpu] = idleCpu(cpu) ? 1 : 0;
    if (rq.idleBalance[cpu] === 0)
        return;
    rq.nohzIdleBalance[cpu] = flags;
    raiseSchedSoftirq(cpu);
}
/** The first act of an idle iteration; true if the blocked load of idle CPUs is to be updated now. @spec 07 §5 */
export function nohzRunIdleBalance(cpu) {
    const flags = rq.nohzFlags[cpu];
    if ((flags & NEWILB_KICK) === 0)
        return false;
    rq.nohzFlags[cpu] = flags & ~NEWILB_KICK;
    return flags === NEWILB_KICK && !needResched(cpu);
}
