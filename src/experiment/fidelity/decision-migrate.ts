/**
 * Which task a balance pass looks at, and whether it may move: `can_migrate` to `can_migrate_ret`, decided again by
 * `canMigrateTask`. @spec 06 §10.1-10.2
 *
 *   told by the probes       source, destination, idle type; failures of the domain so far (`lb_enter`)
 *   rebuilt from the trace   which task runs on the source, which is last in its list (`decision-order.ts`), when each last
 *                            ran, where it may run, whether it has come from another CPU and not run since
 *   not known                buddies, where the destination is busy; preferred nodes
 *
 * The runqueue of the source is locked, so all of this stands still; only the clock of the pass and the moment at which a
 * task was put are between bounds.
 */
import { canMigrateTask } from '../../balance/detach.ts';
import { LbEnv, LbFlag } from '../../balance/env.ts';
import * as cfs from '../../sched/cfs-rq.ts';
import { SD } from '../../sched/domains.ts';
import * as se from '../../sched/entity.ts';
import { k } from '../../sched/kernel.ts';
import * as rq from '../../sched/rq.ts';
import * as tasks from '../../sched/tasks.ts';
import { Class } from '../../sched/tasks.ts';
import { Ev, type EventKind, IDLE_TASK } from '../../trace/events.ts';
import { type Affinities, isPerCpuThread } from './decision-affinity.ts';
import type { CpuStates } from './decision-cpus.ts';
import type { CfsOrder } from './decision-order.ts';
import type { PassDecisions } from './decision-passes.ts';
import type { DecisionTally } from './decision-tally.ts';
import { type Decided, decide, type Worlds } from './decision-worlds.ts';
import { entityOf, useEntity } from './exact-state.ts';

/** When a task last ran up to, by the clock of the trace; 0 if that has been forgotten because it was moved. */
interface Ran {
  fromNs: number;
  toNs: number;
  /** It was put with so many others on the queue that it may have become the `last` buddy. */
  maybeLast: boolean;
  /** It has been enqueued and not run since: it may be the `next` buddy. */
  waits: boolean;
}

/** Entities on a queue from which on a preempted one becomes the `last` buddy; tasks of all classes are at least as many. */
const MANY = 8;
const HOT = 'whether the task ran in the last 500 us';
const NEVER_SEEN = 'when the task last ran';
const AFFINITY = 'where the task may run';
const BUDDY = 'whether the task is a buddy';
const NUMA = 'which node the task prefers';
const BUSY = 'whether the destination is busy';

export interface MigrateOptions {
  /** There are control groups. */
  readonly groups: boolean;
}

export class MigrateDecisions {
  readonly #tally: DecisionTally;
  readonly #cpus: CpuStates;
  readonly #affinities: Affinities;
  readonly #order: CfsOrder;
  readonly #passes: PassDecisions;
  readonly #options: MigrateOptions;
  readonly #env: LbEnv;
  readonly #ran = new Map<number, Ran>();
  /** By executing CPU: where its active balance takes tasks from and to; when the batch of looks began. */
  readonly #active: ({ readonly src: number; readonly dst: number } | null)[];
  readonly #sinceNs: Float64Array;
  /** By CPU: when the current task has left its queue at the earliest, because newidle balance follows; else infinity. */
  readonly #leftNs: Float64Array;
  readonly #lastKind: Int32Array;
  readonly #lastNs: Float64Array;
  readonly #decided: ({
    readonly timeNs: number;
    readonly task: number;
    readonly decided: Decided;
    readonly reason: string;
  } | null)[];

  constructor(
    tally: DecisionTally,
    cpus: CpuStates,
    affinities: Affinities,
    order: CfsOrder,
    passes: PassDecisions,
    options: MigrateOptions,
  ) {
    this.#tally = tally;
    this.#cpus = cpus;
    this.#affinities = affinities;
    this.#order = order;
    this.#passes = passes;
    this.#options = options;
    this.#env = new LbEnv(k.nrCpus);
    this.#active = new Array(k.nrCpus).fill(null);
    this.#decided = new Array(k.nrCpus).fill(null);
    this.#sinceNs = new Float64Array(k.nrCpus);
    this.#leftNs = new Float64Array(k.nrCpus).fill(Number.POSITIVE_INFINITY);
    this.#lastKind = new Int32Array(k.nrCpus);
    this.#lastNs = new Float64Array(k.nrCpus);
  }

  /** When `CpuStates`, `CfsOrder` and `PassDecisions` have seen the event. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#switch(timeNs, cpu, task, args[0]!);
        break;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        this.#enqueued(task, kind === Ev.SCHED_WAKEUP_NEW);
        break;
      case Ev.SCHED_MIGRATE_TASK:
        this.#enqueued(task, true);
        break;
      case Ev.NEWIDLE:
        this.#leftNs[cpu] = this.#cpus.sinceNs;
        break;
      case Ev.ACTIVE_BALANCE:
        this.#active[cpu] = { src: args[0]!, dst: args[2]! };
        break;
      case Ev.CAN_MIGRATE:
        this.#looks(timeNs, cpu, task, args);
        break;
      case Ev.CAN_MIGRATE_RET:
        this.#answers(cpu, args[0]!);
        break;
    }
    this.#lastKind[cpu] = kind;
    this.#lastNs[cpu] = timeNs;
  }

  #switch(timeNs: number, cpu: number, prev: number, next: number): void {
    this.#active[cpu] = null;
    if (prev !== IDLE_TASK) {
      const maybeLast = this.#cpus.nr[cpu]! >= MANY;
      const fromNs = Math.min(this.#cpus.sinceNs, this.#leftNs[cpu]!);
      this.#ran.set(prev, { fromNs, toNs: timeNs, maybeLast, waits: false });
    }
    if (next !== IDLE_TASK) this.#ran.delete(next);
    this.#leftNs[cpu] = Number.POSITIVE_INFINITY;
  }

  /** `anew`: it has come from another CPU or into being, and when it ran is forgotten. */
  #enqueued(task: number, anew: boolean): void {
    const ran = this.#ran.get(task);
    if (anew) this.#ran.set(task, { fromNs: 0, toNs: 0, maybeLast: false, waits: true });
    else if (ran !== undefined) ran.waits = true;
  }

  #looks(timeNs: number, cpu: number, task: number, args: Float64Array): void {
    const [src, dst, idle] = args as unknown as [number, number, number];
    const pass = this.#passes.of(cpu);
    const active = this.#active[cpu]!;
    // The clock of the source was set between the event before the first look and that look.
    const goesOn = [Ev.CAN_MIGRATE_RET, Ev.SCHED_MIGRATE_TASK, Ev.DETACH].includes(this.#lastKind[cpu] as never);
    if (!goesOn) this.#sinceNs[cpu] = this.#lastNs[cpu]!;
    if (pass === undefined && active === null) return;
    const domain = pass?.domain ?? this.#commonDomain(active!.dst, src);
    if (active === null || !goesOn) this.#compareOrder(timeNs, cpu, src, task);
    if (active === null) this.#order.looked(cpu, task);
    if (domain < 0) return;
    const failed = pass?.failed ?? 0;
    const row = entityOf(task);
    useEntity(row);
    const decided = decide((worlds) => {
      this.#env.begin(domain, dst, idle);
      this.#env.srcCpu = src;
      this.#env.flags = pass === undefined ? LbFlag.ACTIVE_LB : LbFlag.ALL_PINNED;
      k.sd.nrBalanceFailed[domain] = failed;
      this.#prepare(worlds, timeNs, cpu, task, src, dst);
      return canMigrateTask(this.#env, row) ? 'yes' : 'no';
    });
    const ran = this.#ran.get(task);
    const ago = ran === undefined ? 'unknown' : ran.toNs === 0 ? 'forgotten' : `${timeNs - ran.toNs} ns ago`;
    const reason = `from ${src} to ${dst}, idle type ${idle}, level ${k.sd.level[domain]}, failed ${failed}, runs ${this.#cpus.current[src] === task}, last ran ${ago}${pass === undefined ? ', active' : ''}`;
    this.#decided[cpu] = { timeNs, task, decided, reason };
  }

  #answers(cpu: number, answer: number): void {
    const open = this.#decided[cpu];
    if (open == null) return;
    this.#decided[cpu] = null;
    const { timeNs, task, decided, reason } = open;
    this.#tally.compare('can_migrate', { timeNs, cpu, task }, decided, answer !== 0 ? 'yes' : 'no', reason);
  }

  /** The task that is looked at must be the last of the list. */
  #compareOrder(timeNs: number, cpu: number, src: number, task: number): void {
    const last = this.#order.last(src);
    const name = (t: number) => this.#tally.nameOf(t);
    if (last.length === 0) this.#tally.skip('can_migrate_order', 'the trace has not shown the queue');
    else if (last.length > 1) this.#tally.skip('can_migrate_order', 'which of some tasks was put at the head before');
    else {
      const decided = { outcome: name(last[0]!), unknown: '' };
      this.#tally.compare('can_migrate_order', { timeNs, cpu, task }, decided, name(task), `queue of CPU ${src}`);
    }
  }

  /** Puts the tables into one of the possible states. */
  #prepare(worlds: Worlds, timeNs: number, cpu: number, task: number, src: number, dst: number): void {
    const row = entityOf(task);
    const name = this.#affinities.name(task);
    const masks = this.#affinities.masks(task);
    tasks.perCpuKthread[row] = isPerCpuThread(name) ? 1 : 0;
    tasks.schedClass[row] = Class.FAIR;
    tasks.group[row] = 0;
    tasks.onCpu[row] = 0;
    tasks.allowed[row] = 0;
    if (masks === null && tasks.perCpuKthread[row] === 0) {
      tasks.allowed[row] = worlds.either(AFFINITY) ? k.affinity.of([src]) : 0;
    } else if (masks !== null)
      tasks.allowed[row] = masks[masks.length > 1 ? worlds.choose(masks.length, AFFINITY) : 0]!;
    const current = this.#cpus.current[src]!;
    rq.curr[src] = current === IDLE_TASK ? src : entityOf(current);
    this.#prepareHeat(worlds, timeNs, cpu, task, src, dst);
    tasks.numaPreferred[row] = -1;
    if ((k.sd.flags[this.#env.sd]! & SD.NUMA) !== 0) {
      const { node } = k.topology;
      const choice = worlds.choose(3, NUMA);
      tasks.numaPreferred[row] = choice === 0 ? -1 : choice === 1 ? node[src]! : node[dst]!;
      rq.nrRunning[src] = 2;
      rq.preferredRunning[src] = choice === 1 && worlds.either(NUMA) ? 2 : 0;
    }
  }

  #prepareHeat(worlds: Worlds, timeNs: number, cpu: number, task: number, src: number, dst: number): void {
    const row = entityOf(task);
    const ran = this.#ran.get(task);
    const cost = k.tunables.migrationCostNs;
    se.cfsRq[row] = src;
    rq.clock[src] = timeNs;
    if (ran === undefined) se.execStart[row] = worlds.either(NEVER_SEEN) ? timeNs : timeNs - cost;
    else if (ran.toNs === 0) se.execStart[row] = timeNs - cost;
    else {
      const least = this.#sinceNs[cpu]! - ran.toNs;
      const most = timeNs - ran.fromNs;
      const hot = most < cost || (least < cost && worlds.either(HOT));
      se.execStart[row] = hot ? timeNs : timeNs - cost;
    }
    const mayBeBuddy = ran === undefined || ran.maybeLast || ran.waits || this.#options.groups;
    rq.nrRunning[dst] = this.#cpus.nr[dst]!;
    if (this.#cpus.nr[dst] === 0 && this.#cpus.mostRunning(dst) > 0) rq.nrRunning[dst] = worlds.either(BUSY) ? 1 : 0;
    cfs.nextBuddy[src] = rq.nrRunning[dst]! > 0 && mayBeBuddy && worlds.either(BUDDY) ? row : -1;
    cfs.lastBuddy[src] = -1;
  }

  /** Lowest domain of a CPU that spans another. */
  #commonDomain(cpu: number, other: number): number {
    const { sd } = k;
    let domain = sd.lowest[cpu]!;
    while (domain >= 0 && !sd.spans(domain, other)) domain = sd.parent[domain]!;
    return domain;
  }
}
