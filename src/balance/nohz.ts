/**
 * NOHZ idle balance: idle CPUs without a tick are balanced by one of them, which a busy CPU kicks at its tick.
 * @spec 07 §3-5
 */

import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import { decide, fact } from '../sched/decide.ts';
import { UNFINISHED } from '../sched/hooks.ts';
import { k, msecsToJiffies } from '../sched/kernel.ts';
import { atomicOn, lockRq, readFrom } from '../sched/line-access.ts';
import { updateBlockedAverages } from '../sched/load-avg.ts';
import { idleCpu } from '../sched/predicates.ts';
import { record } from '../sched/record.ts';
import * as rq from '../sched/rq.ts';
import { CPUS_A_LINE, Line } from '../sched/shared-lines.ts';
import { charge, needResched, owes, sendCall } from '../sched/signals.ts';
import { raiseSchedSoftirq } from '../sched/softirq.ts';
import { DecisionKind, Reason } from '../trace/decisions.ts';
import { Ev } from '../trace/events.ts';
import { asymPrefer, capacityReduced, Idle } from './env.ts';
import { decideNoPass } from './explain-pass.ts';
import { NEWILB_KICK } from './newidle.ts';
import type { NohzLlcs } from './nohz-llcs.ts';
import type { Rebalance } from './rebalance.ts';

const BALANCE_KICK = 1;
export const STATS_KICK = 2;
const NEXT_KICK = 8;
const KICK_MASK = BALANCE_KICK | STATS_KICK | NEXT_KICK;

/** How a round of visits ended: with all CPUs, at one that is to be balanced, or at a charge to be paid first. */
const Visit = { ALL: 0, DUE: 1, PAUSED: 2 } as const;
type Visit = (typeof Visit)[keyof typeof Visit];

export class NohzBalancer {
  readonly #rebalance: Rebalance;
  /** idle.tracking=nohz_llc */
  readonly #llcs: NohzLlcs | null;
  /** The loop over idle CPUs, by executing CPU: who comes next, past the last CPU or not, and what was found. */
  readonly #cursor: Int32Array;
  readonly #wrapped: Uint8Array;
  readonly #flags: Uint8Array;
  readonly #balancing: Uint8Array;
  readonly #start: Float64Array;
  readonly #next: Float64Array;
  readonly #blocked: Uint8Array;
  readonly #active: Uint8Array;
  readonly #target: Int32Array;

  constructor(nrCpus: number, rebalance: Rebalance, llcs: NohzLlcs | null = null) {
    this.#rebalance = rebalance;
    this.#llcs = llcs;
    this.#cursor = new Int32Array(nrCpus);
    this.#wrapped = new Uint8Array(nrCpus);
    this.#flags = new Uint8Array(nrCpus);
    this.#balancing = new Uint8Array(nrCpus);
    this.#start = new Float64Array(nrCpus);
    this.#next = new Float64Array(nrCpus);
    this.#blocked = new Uint8Array(nrCpus);
    this.#active = new Uint8Array(nrCpus);
    this.#target = new Int32Array(nrCpus);
  }

  /** The loop of _nohz_idle_balance starts on a CPU. @spec 07 §4.3 */
  begin(cpu: number, flags: number): void {
    if (k.tracing) record(Ev.NOHZ_IDLE_BALANCE, cpu, cpu, flags);
    if ((flags & STATS_KICK) !== 0) k.nohz.hasBlocked = false;
    if ((flags & NEXT_KICK) !== 0) k.nohz.needsUpdate = false;
    this.#flags[cpu] = flags;
    this.#cursor[cpu] = this.#placeOf(cpu) + 1;
    this.#wrapped[cpu] = 0;
    this.#balancing[cpu] = 0;
    this.#start[cpu] = k.jiffies;
    this.#next[cpu] = k.jiffies + 60 * k.hz;
    this.#blocked[cpu] = 0;
    this.#active[cpu] = 1;
    readMask(this.#llcs);
  }

  /** Where the CPU is in the order of visits. */
  #placeOf(cpu: number): number {
    return this.#llcs === null ? cpu : this.#llcs.placeOf[cpu]!;
  }

  isActive(cpu: number): boolean {
    return this.#active[cpu] !== 0;
  }

  /** Goes on with the loop; 0 when it is over. */
  step(cpu: number): number {
    if (this.#balancing[cpu] !== 0) {
      if (this.#rebalance.step(cpu) === UNFINISHED) return UNFINISHED;
      this.#balanced(cpu);
    }
    for (;;) {
      const found = this.#visit(cpu);
      if (found !== Visit.DUE) return found === Visit.PAUSED ? UNFINISHED : 0;
      this.#rebalance.begin(cpu, this.#target[cpu]!, Idle.IDLE);
      this.#balancing[cpu] = 1;
      if (owes(cpu) || this.#rebalance.step(cpu) === UNFINISHED) return UNFINISHED;
      this.#balanced(cpu);
      if (owes(cpu)) return UNFINISHED;
    }
  }

  #balanced(cpu: number): void {
    this.#balancing[cpu] = 0;
    this.#next[cpu] = Math.min(this.#next[cpu]!, rq.nextBalance[this.#target[cpu]!]!);
  }

  /**
   * Visits CPUs of the mask: those after this one, those before it, itself; up to one that is to be balanced. Most visits
   * find nothing to do, and a large machine has many: what they need is in locals.
   */
  #visit(cpu: number): Visit {
    const flags = this.#flags[cpu]!;
    const stats = (flags & STATS_KICK) !== 0;
    const balance = (flags & BALANCE_KICK) !== 0;
    const stop = needResched(cpu) && !idleCpu(cpu);
    const llcs = this.#llcs;
    const mask = llcs === null ? k.nohz.idleCpusMask : llcs.mask;
    const own = this.#placeOf(cpu);
    const { jiffies } = k;
    let next = this.#next[cpu]!;
    let cursor = this.#cursor[cpu]!;
    let end = this.#wrapped[cpu] === 0 ? k.nrCpus : own + 1;
    let found: Visit = Visit.ALL;
    for (;;) {
      const place = nextInMask(mask, cursor, end);
      if (place < 0) {
        if (this.#wrapped[cpu] !== 0) break;
        this.#wrapped[cpu] = 1;
        cursor = 0;
        end = own + 1;
        continue;
      }
      cursor = place + 1;
      const target = llcs === null ? place : llcs.cpuAt[place]!;
      if (rq.curr[target] !== target || rq.nrRunning[target] !== 0 || rq.ttwuPending[target] !== 0) continue;
      if (stop) {
        if (k.deciding) nohzStopped(target);
        if (stats) this.#blocked[cpu] = 1;
        if ((flags & NEXT_KICK) !== 0) k.nohz.needsUpdate = true;
        this.#end(cpu);
        return Visit.ALL;
      }
      if (stats && this.#updateStats(cpu, target)) this.#blocked[cpu] = 1;
      const due = rq.nextBalance[target]!;
      if (jiffies >= due) {
        updateRqClock(target);
        if (balance) {
          this.#target[cpu] = target;
          found = Visit.DUE;
          break;
        }
      }
      if (due < next) next = due;
      if (owes(cpu)) {
        found = Visit.PAUSED;
        break;
      }
    }
    this.#next[cpu] = next;
    this.#cursor[cpu] = cursor;
    if (found !== Visit.ALL) return found;
    if (next < this.#start[cpu]! + 60 * k.hz) k.nohz.nextBalance = next;
    if (stats) k.nohz.nextBlocked = this.#start[cpu]! + msecsToJiffies(32);
    this.#end(cpu);
    return Visit.ALL;
  }

  #end(cpu: number): void {
    if (this.#blocked[cpu] !== 0) k.nohz.hasBlocked = true;
    this.#active[cpu] = 0;
  }

  /** True if the CPU may have blocked load left. @spec 07 §4.3 */
  #updateStats(cpu: number, target: number): boolean {
    if (rq.hasBlockedLoad[target] === 0) return false;
    if (k.jiffies <= rq.lastBlockedUpdate[target]!) return true;
    lockRq(target, k.costs.blockedNs);
    updateBlockedAverages(target);
    charge(cpu, k.costs.blockedNs);
    return rq.hasBlockedLoad[target] !== 0;
  }
}

/** The executing CPU looks at all of the mask. */
function readMask(llcs: NohzLlcs | null): void {
  if (llcs !== null) llcs.readAll();
  else for (let first = 0; first < k.nrCpus; first += CPUS_A_LINE) readFrom(Line.NOHZ_MASK + first / CPUS_A_LINE);
}

/** A bit of the mask and the counter change. @spec 24 §2 */
function writeMask(cpu: number, member: boolean, llcs: NohzLlcs | null): void {
  const { nohz } = k;
  if (member) nohz.idleCpusMask[cpu >>> 5]! |= 1 << (cpu & 31);
  else nohz.idleCpusMask[cpu >>> 5]! &= ~(1 << (cpu & 31));
  nohz.nrCpus += member ? 1 : -1;
  if (llcs !== null) {
    if (llcs.set(cpu, member)) nohz.globalAtomics += 1;
    return;
  }
  nohz.globalAtomics += 1;
  atomicOn(Line.NOHZ_MASK + Math.floor(cpu / CPUS_A_LINE));
  atomicOn(Line.NOHZ);
}

/** The first CPU of the mask within from..end-1, or -1. */
function nextInMask(mask: Uint32Array, from: number, end: number): number {
  if (from >= end) return -1;
  let word = from >>> 5;
  let bits = mask[word]! & (-1 << (from & 31));
  while (bits === 0) {
    if (++word >= mask.length) return -1;
    bits = mask[word]!;
  }
  const found = (word << 5) + 31 - Math.clz32(bits & -bits);
  return found < end ? found : -1;
}

/** An idle CPU's tick has been stopped. @spec 07 §3.1 */
export function nohzBalanceEnterIdle(cpu: number, llcs: NohzLlcs | null = null): void {
  const { nohz, sd } = k;
  if (k.tracing) record(Ev.NOHZ_ENTER, cpu, cpu);
  if (k.cpuActive[cpu] === 0) return;
  rq.hasBlockedLoad[cpu] = 1;
  if (rq.nohzTickStopped[cpu] === 0) {
    if (sd.lowest[cpu]! < 0) return;
    rq.nohzTickStopped[cpu] = 1;
    nohz.tickStops += 1;
    writeMask(cpu, true, llcs);
    const shared = sharedOf(cpu);
    if (shared >= 0 && rq.sdNohzIdle[cpu] === 0) {
      rq.sdNohzIdle[cpu] = 1;
      sd.nrBusyCpus[shared]! -= 1;
    }
    nohz.needsUpdate = true;
  }
  nohz.hasBlocked = true;
}

/** The first busy tick after idle. @spec 07 §3.1 */
function nohzBalanceExitIdle(cpu: number, llcs: NohzLlcs | null): void {
  const { sd } = k;
  if (rq.nohzTickStopped[cpu] === 0) return;
  rq.nohzTickStopped[cpu] = 0;
  writeMask(cpu, false, llcs);
  const shared = sharedOf(cpu);
  if (shared >= 0 && rq.sdNohzIdle[cpu] !== 0) {
    rq.sdNohzIdle[cpu] = 0;
    sd.nrBusyCpus[shared]! += 1;
  }
}

function sharedOf(cpu: number): number {
  const llc = k.sd.tree.sdLlc[cpu]!;
  return llc < 0 ? -1 : k.sd.shared[llc]!;
}

/** At every tick: should an idle CPU be kicked? @spec 07 §4 */
export function nohzBalancerKick(cpu: number, llcs: NohzLlcs | null = null): void {
  const { nohz } = k;
  if (rq.idleBalance[cpu] !== 0) return;
  nohzBalanceExitIdle(cpu, llcs);
  readFrom(Line.NOHZ);
  if (nohz.nrCpus === 0) return;
  let flags = 0;
  if (nohz.hasBlocked && k.jiffies > nohz.nextBlocked) flags = STATS_KICK;
  if (k.jiffies >= nohz.nextBalance) {
    if (wantsBalance(cpu)) flags = STATS_KICK | BALANCE_KICK;
  } else if (k.deciding && wantsBalance(cpu)) {
    fact('due_in_jiffies', nohz.nextBalance - k.jiffies);
    decide(DecisionKind.NOHZ_KICK, cpu, -1, -1, Reason.INTERVAL, 'jiffies < nohz.next_balance');
  }
  if (nohz.needsUpdate) flags |= NEXT_KICK;
  if (flags !== 0) kickIlb(cpu, flags, llcs);
}

function wantsBalance(cpu: number): boolean {
  const { sd } = k;
  if (rq.nrRunning[cpu]! >= 2) return true;
  const lowest = sd.lowest[cpu]!;
  if (lowest >= 0 && cfs.hNrRunning[cpu]! >= 1 && capacityReduced(cpu, lowest)) return true;
  const packing = sd.tree.sdAsymPacking[cpu]!;
  if (packing >= 0 && preferredCpuIdles(cpu, packing)) return true;
  const asym = sd.tree.sdAsymCpucapacity[cpu]!;
  if (asym >= 0) {
    if (rq.misfitTaskLoad[cpu] === 0) return false;
    return rq.cpuCapacityOrig[cpu]! < k.maxCpuCapacity || capacityReduced(cpu, asym);
  }
  const shared = sharedOf(cpu);
  return shared >= 0 && sd.nrBusyCpus[shared]! > 1;
}

function preferredCpuIdles(cpu: number, domain: number): boolean {
  const { sd, nohz } = k;
  const base = sd.spanBase[domain]!;
  for (let i = 0; i < sd.spanWeight[domain]!; i++) {
    const other = sd.lists[base + i]!;
    if ((nohz.idleCpusMask[other >>> 5]! & (1 << (other & 31))) !== 0 && asymPrefer(other, cpu)) return true;
  }
  return false;
}

/** @spec 07 §4.1 */
function kickIlb(cpu: number, flags: number, llcs: NohzLlcs | null): void {
  if ((flags & BALANCE_KICK) !== 0) k.nohz.nextBalance = k.jiffies + 1;
  const target = llcs === null ? findNewIlb(cpu) : findNewIlbByLlc(cpu, llcs);
  if (target < 0) {
    if (k.deciding) decideKick(cpu, -1, flags, Reason.LOST_RACE, 'find_new_ilb: no CPU without a tick idles');
    return;
  }
  const before = rq.nohzFlags[target]!;
  atomicOn(Line.CALLS + target);
  rq.nohzFlags[target] = before | flags;
  if ((before & KICK_MASK) !== 0) {
    if (k.deciding) decideKick(cpu, target, flags, Reason.LOST_RACE, 'it has been kicked already');
    return;
  }
  if (k.deciding) decideKick(cpu, target, flags, Reason.NONE, 'find_new_ilb: the first idle CPU without a tick');
  sendCall(target);
}

function decideKick(cpu: number, target: number, flags: number, reason: Reason, why: string): void {
  fact('balance', (flags & BALANCE_KICK) !== 0 ? 1 : 0);
  fact('nr_running', rq.nrRunning[cpu]!);
  decide(DecisionKind.NOHZ_KICK, cpu, -1, target, reason, why);
}

/** The idle balancer has to run something itself: this CPU and those after it are not balanced. */
function nohzStopped(target: number): void {
  const sd = k.sd.lowest[target]!;
  if (sd >= 0) decideNoPass(sd, target, Idle.IDLE, Reason.LOST_RACE, 'need_resched on the idle balancer');
}

/** The lowest-numbered tickless CPU that idles. */
function findNewIlb(cpu: number): number {
  const mask = k.nohz.idleCpusMask;
  readMask(null);
  for (let c = nextInMask(mask, 0, k.nrCpus); c >= 0; c = nextInMask(mask, c + 1, k.nrCpus)) {
    if (c === cpu) continue;
    charge(cpu, k.costs.scanFarNs);
    if (idleCpu(c)) return c;
  }
  return -1;
}

/** The same of the first LLC of the list that has one; the masks of the LLCs after it are not looked at. @spec 21 §4 */
function findNewIlbByLlc(cpu: number, llcs: NohzLlcs): number {
  let line = -1;
  for (let place = 0; place < k.nrCpus; place++) {
    const c = llcs.cpuAt[place]!;
    if (llcs.lineOf[c] !== line) {
      line = llcs.lineOf[c]!;
      readFrom(line);
    }
    if (c === cpu || (llcs.mask[place >>> 5]! & (1 << (place & 31))) === 0) continue;
    charge(cpu, k.costs.scanFarNs);
    if (idleCpu(c)) return c;
  }
  return -1;
}

/** The kick arrives. @spec 07 §4.2 */
export function nohzCsdFunc(cpu: number): void {
  const flags = rq.nohzFlags[cpu]!;
  if ((flags & KICK_MASK) === 0) return;
  if (k.tracing) record(Ev.ILB_KICKED, cpu, cpu, rq.nrRunning[cpu]!);
  rq.nohzFlags[cpu] = flags & ~(KICK_MASK | NEWILB_KICK);
  rq.idleBalance[cpu] = idleCpu(cpu) ? 1 : 0;
  if (rq.idleBalance[cpu] === 0) return;
  rq.nohzIdleBalance[cpu] = flags;
  raiseSchedSoftirq(cpu);
}

/** The first act of an idle iteration; true if the blocked load of idle CPUs is to be updated now. @spec 07 §5 */
export function nohzRunIdleBalance(cpu: number): boolean {
  const flags = rq.nohzFlags[cpu]!;
  if ((flags & NEWILB_KICK) === 0) return false;
  rq.nohzFlags[cpu] = flags & ~NEWILB_KICK;
  return flags === NEWILB_KICK && !needResched(cpu);
}
