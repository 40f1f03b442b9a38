/**
 * The balancing of mainline Linux, as a composition of parts: each decision of the scheduler is made by the mechanism that
 * the policy names for it. @spec 05-07
 */
import { type BalanceHooks, type Counter, UNFINISHED, Wake, Watch } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { lockRq } from '../sched/line-access.ts';
import { updateBlockedAverages } from '../sched/load-avg.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import { raiseSchedSoftirq } from '../sched/softirq.ts';
import { Reason } from '../trace/decisions.ts';
import { ActiveCallback } from './active-callback.ts';
import { EnergyPlacement } from './energy.ts';
import { Idle, LbEnv } from './env.ts';
import { decideNewidle } from './explain-pass.ts';
import { because, decidePlacement } from './explain-placement.ts';
import { IdlestSearch } from './find-idlest.ts';
import { DomainStats } from './group-stats.ts';
import { LoadBalancer } from './load-balance.ts';
import { LoadComparison } from './load-comparison.ts';
import { updateMisfitStatus } from './misfit.ts';
import { Newidle } from './newidle.ts';
import {
  NohzBalancer,
  nohzBalanceEnterIdle,
  nohzBalancerKick,
  nohzCsdFunc,
  nohzRunIdleBalance,
  STATS_KICK,
} from './nohz.ts';
import { NohzLlcs } from './nohz-llcs.ts';
import type { Parts } from './parts.ts';
import type { Policy } from './policy.ts';
import { PushBalance } from './push-balance.ts';
import { Rebalance } from './rebalance.ts';
import { IdleSearch, updateIdleCore } from './select-idle-sibling.ts';
import { selectTaskRqFair } from './select-task-rq.ts';
import { SharedRunq } from './shared-runq.ts';
import { TaskStealing } from './steal.ts';
import { WideIdleSearch } from './wide-idle-search.ts';

/** What the SCHED softirq of a CPU is doing. */
const Mode = { NONE: 0, OWN: 1, NOHZ: 2 } as const;

/** What a CPU that runs out of work is doing. */
const Search = { NEWIDLE: 0, STEAL: 1 } as const;

export class MainlineBalance implements BalanceHooks {
  readonly watches: number;
  readonly #parts: Parts;
  /** A CPU that runs out of work looks into the domains. */
  readonly #searches: boolean;
  readonly #idleSearch: IdleSearch;
  readonly #idlestSearch: IdlestSearch;
  readonly #energy: EnergyPlacement | null;
  readonly #lb: LoadBalancer;
  readonly #active: ActiveCallback | null;
  readonly #newidle: Newidle;
  readonly #rebalance: Rebalance;
  readonly #nohz: NohzBalancer;
  readonly #nohzLlcs: NohzLlcs | null;
  readonly #steal: TaskStealing | null;
  readonly #shared: SharedRunq | null;
  /** For whoever looks in: null when off. */
  readonly push: PushBalance | null;
  readonly #mode: Uint8Array;
  readonly #search: Uint8Array;

  constructor(policy: Pick<Policy, 'parts' | 'mechanisms' | 'tunables'>, nrCpus: number) {
    const { parts, mechanisms } = policy;
    this.#parts = parts;
    this.#steal = parts.steal === 'on' || parts.newidle === 'steal' ? new TaskStealing(nrCpus, mechanisms.steal) : null;
    this.#shared = parts.shared_runq === 'on' ? new SharedRunq(nrCpus, mechanisms.sharedRunq) : null;
    this.#energy = policy.tunables.energyAware ? new EnergyPlacement() : null;
    this.#nohzLlcs = mechanisms.idle.tracking === 'nohz_llc' ? new NohzLlcs(nrCpus) : null;
    const lists = parts.push === 'on' || parts.newidle === 'pull_one';
    this.push = lists ? new PushBalance(nrCpus, mechanisms, parts, this.#nohzLlcs, this.#energy) : null;
    this.watches =
      (this.#steal === null ? 0 : Watch.FAIR_COUNT) |
      (this.#shared === null ? 0 : Watch.QUEUE | Watch.RUN) |
      (this.push === null ? 0 : Watch.QUEUE | Watch.RUN | Watch.IDLE);
    this.#active = parts.active === 'callback' ? new ActiveCallback(nrCpus) : null;
    const { groupMetric, wakeupScope } = mechanisms.fault;
    const byLoad = groupMetric === 'mainline' ? null : new LoadComparison(groupMetric);
    this.#idleSearch = wakeupScope === 'llc' ? new IdleSearch(nrCpus) : new WideIdleSearch(nrCpus, wakeupScope);
    this.#idlestSearch = new IdlestSearch(byLoad);
    this.#lb = new LoadBalancer(new LbEnv(nrCpus), new DomainStats(byLoad), parts.active !== 'off', this.#active);
    const first = [this.#shared, this.push?.pull].filter((search) => search != null);
    this.#searches = parts.newidle !== 'off' && parts.newidle !== 'steal';
    this.#newidle = new Newidle(nrCpus, this.#lb, mechanisms.newidle, first, parts.newidle === 'off_below_numa');
    this.#rebalance = new Rebalance(nrCpus, this.#lb, parts.serialize === 'due');
    this.#nohz = new NohzBalancer(nrCpus, this.#rebalance, this.#nohzLlcs);
    this.#mode = new Uint8Array(nrCpus);
    this.#search = new Uint8Array(nrCpus);
  }

  started(): void {
    this.#energy?.started();
    this.#nohzLlcs?.started();
    this.#steal?.started();
    this.#shared?.started();
    this.push?.started();
  }

  counters(): readonly Counter[] {
    const mechanisms = [this.#steal, this.#shared, this.push, this.#active, this.#energy];
    const counted = mechanisms.flatMap((mechanism) => mechanism?.counters() ?? []);
    if (this.#parts.active !== 'off') {
      counted.push(['active.stops', this.#lb.stops], ['active.rt_preempted', this.#lb.rtPreempted]);
    }
    if (this.#parts.nohz === 'on') {
      counted.push(['nohz.tick_stops', k.nohz.tickStops], ['nohz.global_atomics', k.nohz.globalAtomics]);
    }
    return [['wakeup_search_ms', this.#idleSearch.searchNs / 1e6], ...counted];
  }

  checkBooks(): string | null {
    return (
      this.#steal?.checkBooks() ??
      this.#shared?.checkBooks() ??
      this.push?.checkBooks() ??
      this.#nohzLlcs?.checkBooks() ??
      this.#active?.checkBooks() ??
      null
    );
  }

  selectTaskRqFair(task: number, prev: number, flags: number, cpu: number): number {
    const part =
      (flags & Wake.TTWU) !== 0 ? this.#parts.wakeup : (flags & Wake.FORK) !== 0 ? this.#parts.fork : this.#parts.exec;
    if (part === 'stay') {
      if (k.deciding) decidePlacement(task, prev, because(prev, 'the policy says: stay'), flags);
      return prev;
    }
    return selectTaskRqFair(this.#idleSearch, this.#idlestSearch, task, prev, flags, cpu, this.#energy);
  }

  newidleBegin(cpu: number): boolean {
    this.#search[cpu] = Search.NEWIDLE;
    if (!this.#searches) {
      // The idle spell is timed all the same: avg_idle is not newidle's alone.
      rq.idleStamp[cpu] = rq.clock[cpu]!;
      if (k.deciding) decideNewidle(cpu, Reason.OUT_OF_SCOPE, `the policy has newidle=${this.#parts.newidle}`);
    } else if (this.#newidle.begin(cpu)) {
      return true;
    }
    return this.#stealBegin(cpu);
  }

  newidleStep(cpu: number): number {
    if (this.#search[cpu] === Search.NEWIDLE) {
      const result = this.#newidle.step(cpu);
      if (result !== 0 || !this.#stealBegin(cpu)) return result;
    }
    return this.#steal!.step(cpu);
  }

  /** Newidle balance has found nothing. @spec 20 §5 */
  #stealBegin(cpu: number): boolean {
    if (this.#steal === null || !this.#steal.begin(cpu)) return false;
    this.#search[cpu] = Search.STEAL;
    return true;
  }

  triggerLoadBalance(cpu: number): void {
    this.push?.ticked(cpu);
    if (k.sd.lowest[cpu]! < 0 || k.cpuActive[cpu] === 0) return;
    if (k.jiffies >= rq.nextBalance[cpu]! && this.#parts.periodic === 'on') raiseSchedSoftirq(cpu);
    if (this.#parts.nohz === 'on') nohzBalancerKick(cpu, this.#nohzLlcs);
  }

  softirqStep(cpu: number, first: boolean): number {
    if (first) this.#softirqBegin(cpu);
    const result = this.#mode[cpu] === Mode.NOHZ ? this.#nohz.step(cpu) : this.#rebalance.step(cpu);
    if (result !== UNFINISHED) this.#mode[cpu] = Mode.NONE;
    return result;
  }

  /** @spec 06 §2.2 */
  #softirqBegin(cpu: number): void {
    const idle = rq.idleBalance[cpu] !== 0 ? Idle.IDLE : Idle.NOT_IDLE;
    const flags = rq.nohzIdleBalance[cpu]!;
    rq.nohzIdleBalance[cpu] = 0;
    if (flags !== 0 && idle === Idle.IDLE) {
      this.#mode[cpu] = Mode.NOHZ;
      this.#nohz.begin(cpu, flags);
      return;
    }
    this.#mode[cpu] = Mode.OWN;
    lockRq(cpu, k.costs.blockedNs);
    updateBlockedAverages(cpu);
    charge(cpu, k.costs.blockedNs);
    this.#rebalance.begin(cpu, cpu, idle);
  }

  idleIterationStep(cpu: number): number {
    if (!this.#nohz.isActive(cpu)) {
      if (!nohzRunIdleBalance(cpu)) return 0;
      this.#nohz.begin(cpu, STATS_KICK);
    }
    return this.#nohz.step(cpu);
  }

  tickStopped(cpu: number): void {
    nohzBalanceEnterIdle(cpu, this.#nohzLlcs);
    this.push?.tickStopped(cpu);
  }

  nohzCall(cpu: number): void {
    nohzCsdFunc(cpu);
    this.push?.called(cpu);
  }

  activeBalanceStop(cpu: number): void {
    this.#lb.activeBalanceStop(cpu);
  }

  pushStop(cpu: number, task: number, target: number): void {
    this.push?.stopped(cpu, task, target);
  }

  idleTaskPicked(cpu: number): void {
    updateIdleCore(cpu);
  }

  updateMisfitStatus(task: number, cpu: number): void {
    updateMisfitStatus(task, cpu);
  }

  fairCountChanged(cpu: number, before: number, after: number): void {
    this.#steal?.fairCountChanged(cpu, before, after);
  }

  taskQueued(cpu: number, task: number): void {
    this.#shared?.taskQueued(cpu, task);
    this.push?.taskQueued(cpu, task);
  }

  taskDequeued(_cpu: number, task: number): void {
    this.#shared?.taskLeft(task);
    this.push?.taskDequeued(task);
  }

  taskPut(cpu: number, task: number): void {
    this.#shared?.taskPut(cpu, task);
    this.push?.taskPut(cpu, task);
  }

  taskSet(cpu: number, task: number): void {
    this.#shared?.taskLeft(task);
    this.push?.taskSet(cpu, task);
  }

  idleEntered(cpu: number): void {
    this.push?.idleEntered(cpu);
  }

  idleLeft(cpu: number): void {
    this.push?.idleLeft(cpu);
  }

  balanceCallback(cpu: number): number {
    this.#active?.callback(cpu);
    return this.push === null ? 0 : this.push.callback(cpu);
  }
}
