/**
 * Newidle balance: a CPU that is about to idle looks for one task to pull, domain by domain, as long as that costs less than
 * it expects to idle. In steps, because the search takes time. @spec 07 §2
 */

import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import { fact } from '../sched/decide.ts';
import { SD } from '../sched/domains.ts';
import { UNFINISHED } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { lockRq, readFrom } from '../sched/line-access.ts';
import { updateBlockedAverages } from '../sched/load-avg.ts';
import { record } from '../sched/record.ts';
import * as rq from '../sched/rq.ts';
import { Line } from '../sched/shared-lines.ts';
import { charge, owes } from '../sched/signals.ts';
import { Reason } from '../trace/decisions.ts';
import { Ev } from '../trace/events.ts';
import { getInterval, Idle } from './env.ts';
import { decideNewidle, decideNoPass } from './explain-pass.ts';
import type { LoadBalancer } from './load-balance.ts';
import type { NewidleTunables } from './mechanisms.ts';
import { updateMisfitStatus } from './misfit.ts';
import { bumpNewidleCost, newidleCost, newidleStats } from './newidle-cost.ts';

/** Where a newidle balance is. */
const Step = { DOMAIN: 0, DECIDE: 1, ACCOUNT: 2, FIRST: 3 } as const;

/** What is tried before the search of domains. */
export interface FirstSearch {
  /** It has the gates of the search. */
  readonly gated: boolean;
  /** The lowest domain to be searched when it has found nothing; -1: none. */
  goesOnAt(cpu: number, lowest: number): number;
  begin(cpu: number): void;
  /** UNFINISHED, 1 if a task came, else 0. */
  step(cpu: number): number;
}

export class Newidle {
  readonly #lb: LoadBalancer;
  readonly #tunables: NewidleTunables;
  readonly #first: readonly FirstSearch[];
  /** Domains below NUMA are not searched. */
  readonly #numaOnly: boolean;
  /** Which of the first searches each CPU is at. */
  readonly #nth: Uint8Array;
  readonly #step: Uint8Array;
  readonly #domain: Int32Array;
  readonly #since: Float64Array;
  readonly #enteredAt: Float64Array;
  readonly #cost: Float64Array;
  readonly #pulled: Int32Array;
  readonly #weight: Int32Array;
  readonly #next: Float64Array;

  constructor(
    nrCpus: number,
    lb: LoadBalancer,
    tunables: NewidleTunables,
    first: readonly FirstSearch[] = [],
    numaOnly = false,
  ) {
    this.#lb = lb;
    this.#tunables = tunables;
    this.#first = first;
    this.#numaOnly = numaOnly;
    this.#nth = new Uint8Array(nrCpus);
    this.#step = new Uint8Array(nrCpus);
    this.#domain = new Int32Array(nrCpus);
    this.#since = new Float64Array(nrCpus);
    this.#enteredAt = new Float64Array(nrCpus);
    this.#cost = new Float64Array(nrCpus);
    this.#pulled = new Int32Array(nrCpus);
    this.#weight = new Int32Array(nrCpus);
    this.#next = new Float64Array(nrCpus);
  }

  /** The gates. True if the domains are to be searched with `step`. */
  begin(cpu: number): boolean {
    const { sd } = k;
    updateMisfitStatus(-1, cpu);
    if (k.recorder.on[Ev.NEWIDLE]) recordNewidle(cpu);
    if (rq.ttwuPending[cpu] !== 0) {
      if (k.deciding) decideNewidle(cpu, Reason.LOST_RACE, 'a wakeup is on its way (ttwu_pending)');
      if (k.tracing) record(Ev.NEWIDLE_RET, cpu, 0);
      return false;
    }
    rq.idleStamp[cpu] = rq.clock[cpu]!;
    if (k.cpuActive[cpu] === 0) {
      if (k.deciding) decideNewidle(cpu, Reason.OUT_OF_SCOPE, 'the CPU is not active');
      if (k.tracing) record(Ev.NEWIDLE_RET, cpu, 0);
      return false;
    }
    this.#next[cpu] = k.jiffies + k.hz;
    this.#pulled[cpu] = 0;
    this.#cost[cpu] = 0;
    const lowest = sd.lowest[cpu]!;
    readFrom(Line.OVERLOAD);
    this.#domain[cpu] = this.#numaOnly ? firstNumaDomain(cpu) : lowest;
    this.#nth[cpu] = 0;
    if (this.#beginFirst(cpu)) return true;
    return this.#beginWalk(cpu, this.#domain[cpu]!);
  }

  /** Begins the next of the searches that come before; false if there is none. */
  #beginFirst(cpu: number): boolean {
    const lowest = k.sd.lowest[cpu]!;
    for (; this.#nth[cpu]! < this.#first.length && k.overload; this.#nth[cpu]!++) {
      const first = this.#first[this.#nth[cpu]!]!;
      if (first.gated && lowest >= 0 && this.#tooShort(cpu, lowest)) continue;
      first.begin(cpu);
      this.#step[cpu] = Step.FIRST;
      return true;
    }
    return false;
  }

  /** The gates of the search from this domain upwards; false if it is over already. */
  #beginWalk(cpu: number, lowest: number): boolean {
    if (lowest < 0 || !k.overload || this.#tooShort(cpu, lowest)) {
      if (k.deciding) this.#decideGate(cpu, lowest);
      if (lowest >= 0) this.#bumpNext(cpu, lowest);
      this.#out(cpu);
      return false;
    }
    this.#since[cpu] = k.now;
    lockRq(cpu, k.costs.blockedNs);
    updateBlockedAverages(cpu);
    charge(cpu, k.costs.blockedNs);
    this.#domain[cpu] = lowest;
    this.#step[cpu] = Step.DOMAIN;
    return true;
  }

  /** A search that comes before the domains is over: true if it goes on, here or there. @spec 20 §9, 21 §3.2 */
  #afterFirst(cpu: number, pulled: number): boolean {
    const domain = this.#first[this.#nth[cpu]++]!.goesOnAt(cpu, this.#domain[cpu]!);
    this.#pulled[cpu] = pulled;
    this.#domain[cpu] = -1;
    if (pulled !== 0 || rq.ttwuPending[cpu] !== 0) {
      this.#finish(cpu);
      return false;
    }
    this.#domain[cpu] = domain;
    if (this.#beginFirst(cpu)) return true;
    this.#domain[cpu] = -1;
    return this.#beginWalk(cpu, domain);
  }

  #tooShort(cpu: number, lowest: number): boolean {
    return rq.avgIdle[cpu]! < this.#leastIdleNs(lowest);
  }

  /** avg_idle below this is too short for any search. @spec 20 §7.6, 22 §4 */
  #leastIdleNs(lowest: number): number {
    const { gate } = this.#tunables;
    if (gate === 'domain_cost') return k.sd.maxNewidleLbCost[lowest]!;
    return gate === 'migration_cost' ? k.tunables.migrationCostNs : 0;
  }

  /** Which of the gates it was, for the record. */
  #decideGate(cpu: number, lowest: number): void {
    if (lowest < 0) {
      decideNewidle(cpu, Reason.OUT_OF_SCOPE, 'there is no domain to search');
      return;
    }
    noteAvgIdle(cpu, lowest);
    if (!k.overload) {
      decideNewidle(cpu, Reason.NOT_OVERLOADED, 'rd->overload is 0');
      return;
    }
    const byDomain = this.#tunables.gate === 'domain_cost';
    if (!byDomain) fact('migration_cost_ns', k.tunables.migrationCostNs);
    decideNewidle(cpu, Reason.AVG_IDLE, byDomain ? 'avg_idle < max_newidle_lb_cost' : 'avg_idle < migration_cost');
  }

  /** Goes on with the search. Its result as hooks.ts has it. */
  step(cpu: number): number {
    while (this.#step[cpu] === Step.FIRST) {
      const pulled = this.#first[this.#nth[cpu]!]!.step(cpu);
      if (pulled === UNFINISHED) return UNFINISHED;
      if (!this.#afterFirst(cpu, pulled)) return this.#pulled[cpu]!;
    }
    while (this.#domain[cpu]! >= 0) {
      if (this.#step[cpu] === Step.DOMAIN && !this.#enter(cpu)) continue;
      if (this.#step[cpu] === Step.DECIDE) {
        if (owes(cpu)) return UNFINISHED;
        const domain = this.#domain[cpu]!;
        const cost = k.now - this.#enteredAt[cpu]!;
        this.#pulled[cpu] = this.#lb.balance(domain, cpu, Idle.NEWLY_IDLE, cost);
        this.#step[cpu] = Step.ACCOUNT;
      }
      if (owes(cpu)) return UNFINISHED;
      this.#account(cpu);
    }
    return this.#finish(cpu);
  }

  /** Looks at the domain at hand; false if it is skipped or the search ends. */
  #enter(cpu: number): boolean {
    const { sd } = k;
    const domain = this.#domain[cpu]!;
    this.#bumpNext(cpu, domain);
    if (rq.avgIdle[cpu]! < this.#cost[cpu]! + sd.maxNewidleLbCost[domain]!) {
      if (k.deciding) {
        noteAvgIdle(cpu, domain);
        fact('search_cost_ns', this.#cost[cpu]!);
        const why = 'avg_idle < what the search has cost + max_newidle_lb_cost';
        decideNoPass(domain, cpu, Idle.NEWLY_IDLE, Reason.AVG_IDLE, why);
      }
      this.#domain[cpu] = -1;
      return false;
    }
    if ((sd.flags[domain]! & SD.BALANCE_NEWIDLE) === 0) {
      if (k.deciding)
        decideNoPass(domain, cpu, Idle.NEWLY_IDLE, Reason.OUT_OF_SCOPE, 'the domain is without SD_BALANCE_NEWIDLE');
      this.#advance(cpu);
      return false;
    }
    let weight = 1;
    if (k.features.NI_RANDOM && !(k.features.NI_RATE && sd.newidleRatio[domain]! >= 1024)) {
      weight = 1 + sd.newidleRatio[domain]!;
      if (k.random.below(cpu, 1024) > weight) {
        if (k.deciding) {
          fact('newidle_ratio', sd.newidleRatio[domain]!);
          decideNoPass(domain, cpu, Idle.NEWLY_IDLE, Reason.RANDOM_SKIP, 'NI_RANDOM: random > 1 + newidle_ratio');
        }
        newidleStats(domain, 0);
        this.#domain[cpu] = sd.parent[domain]!;
        return false;
      }
      weight = Math.floor((1024 + Math.floor(weight / 2)) / weight);
    }
    this.#weight[cpu] = weight;
    this.#lb.enter(domain, cpu, Idle.NEWLY_IDLE);
    this.#enteredAt[cpu] = k.now;
    charge(cpu, this.#lb.statisticsCost(domain, cpu, Idle.NEWLY_IDLE));
    this.#step[cpu] = Step.DECIDE;
    return true;
  }

  /** The pass is over and paid for. */
  #account(cpu: number): void {
    const cost = k.now - this.#since[cpu]!;
    this.#since[cpu] = k.now;
    this.#cost[cpu]! += cost;
    newidleCost(this.#domain[cpu]!, cost, this.#pulled[cpu] !== 0 ? this.#weight[cpu]! : 0);
    if (this.#tunables.costBump && this.#pulled[cpu] === 0) bumpNewidleCost(this.#domain[cpu]!);
    this.#step[cpu] = Step.DOMAIN;
    this.#advance(cpu);
  }

  /** Up one domain, unless there is something to run. */
  #advance(cpu: number): void {
    const { sd } = k;
    const done = this.#pulled[cpu] !== 0 || rq.nrRunning[cpu]! > 0 || rq.ttwuPending[cpu] !== 0;
    this.#domain[cpu] = done ? -1 : sd.parent[this.#domain[cpu]!]!;
  }

  #finish(cpu: number): number {
    if (this.#cost[cpu]! > rq.maxIdleBalanceCost[cpu]!) rq.maxIdleBalanceCost[cpu] = this.#cost[cpu]!;
    if (cfs.hNrRunning[cpu]! > 0 && this.#pulled[cpu] === 0) this.#pulled[cpu] = 1;
    if (rq.nrRunning[cpu] !== cfs.hNrRunning[cpu]) this.#pulled[cpu] = -1;
    updateRqClock(cpu);
    return this.#out(cpu);
  }

  #out(cpu: number): number {
    const pulled = this.#pulled[cpu]!;
    if (rq.nextBalance[cpu]! > this.#next[cpu]!) rq.nextBalance[cpu] = this.#next[cpu]!;
    if (pulled !== 0) rq.idleStamp[cpu] = -1;
    else nohzNewidleBalance(cpu);
    if (k.tracing) record(Ev.NEWIDLE_RET, cpu, pulled);
    return pulled;
  }

  #bumpNext(cpu: number, sd: number): void {
    const due = k.sd.lastBalance[sd]! + getInterval(sd, false);
    if (due < this.#next[cpu]!) this.#next[cpu] = due;
  }
}

function noteAvgIdle(cpu: number, domain: number): void {
  fact('avg_idle_ns', rq.avgIdle[cpu]!);
  fact('max_newidle_lb_cost_ns', k.sd.maxNewidleLbCost[domain]!);
}

/** Before idling, blocked load of idle CPUs may be worth an update. @spec 07 §5 */
function nohzNewidleBalance(cpu: number): void {
  if (rq.avgIdle[cpu]! < k.tunables.migrationCostNs) return;
  if (!k.nohz.hasBlocked || k.jiffies < k.nohz.nextBlocked) return;
  rq.nohzFlags[cpu]! |= NEWILB_KICK;
}

/** Update blocked load before idling. @spec 07 §3 */
export const NEWILB_KICK = 4;

function recordNewidle(cpu: number): void {
  const { args } = k.recorder;
  const sd = k.sd.lowest[cpu]!;
  args[0] = cpu;
  args[1] = rq.nrRunning[cpu]!;
  args[2] = rq.avgIdle[cpu]!;
  args[3] = rq.maxIdleBalanceCost[cpu]!;
  args[4] = sd < 0 ? 0 : k.sd.newidleRatio[sd]!;
  args[5] = sd < 0 ? 0 : k.sd.newidleCall[sd]!;
  args[6] = sd < 0 ? 0 : k.sd.newidleSuccess[sd]!;
  args[7] = sd < 0 ? 0 : k.sd.maxNewidleLbCost[sd]!;
  k.recorder.emit(Ev.NEWIDLE, k.now, cpu, -1);
}

/** The lowest NUMA domain of the CPU, or -1. */
export function firstNumaDomain(cpu: number): number {
  let domain = k.sd.lowest[cpu]!;
  while (domain >= 0 && (k.sd.flags[domain]! & SD.NUMA) === 0) domain = k.sd.parent[domain]!;
  return domain;
}
