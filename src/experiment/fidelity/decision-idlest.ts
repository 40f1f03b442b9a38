/**
 * Which group of a domain a new or exec'ing task goes to: `idlest` to `idlest_ret`, decided again by `findIdlestGroup`.
 * @spec 05 §5.1-5.2
 *
 * The trace tells how many tasks each CPU has and which idle, but no load or utilisation. So a group is possible if it is
 * chosen when everything unknown is for it: it is as idle as it may be and has no load, and all others are as busy as they
 * may be. (The rule never prefers a group for being busier.) To stay in the local group is possible by the same token. A
 * decision is decidable if only one outcome is possible; where some are, but not all, it is an `idlest_among` decision.
 */
import { IdlestSearch } from '../../balance/find-idlest.ts';
import * as avg from '../../sched/averages.ts';
import { AVG_SE } from '../../sched/averages.ts';
import * as cfs from '../../sched/cfs-rq.ts';
import * as se from '../../sched/entity.ts';
import { Wake } from '../../sched/hooks.ts';
import { k } from '../../sched/kernel.ts';
import { allowed } from '../../sched/predicates.ts';
import * as rq from '../../sched/rq.ts';
import * as tasks from '../../sched/tasks.ts';
import { OnRq } from '../../sched/tasks.ts';
import { Ev, type EventKind } from '../../trace/events.ts';
import type { Affinities } from './decision-affinity.ts';
import { type CpuStates, type DecisionQueue, May, type Moment } from './decision-cpus.ts';
import type { ImbalanceMarks } from './decision-imbalance.ts';
import { domainAt } from './decision-passes.ts';
import type { DecisionTally } from './decision-tally.ts';
import { outcomesOf, type Worlds } from './decision-worlds.ts';
import { entityOf, useEntity } from './exact-state.ts';

const BUSY_UTIL = 1024;
const BUSY_LOAD = 1 << 20;
const AFFINITY = 'where the task may run';
const GROUPS = 'load and utilisation of the groups';
export const LOCAL = 'local';

/** A search for a group, as recorded. */
export interface IdlestCall {
  readonly moment: Moment;
  readonly task: number;
  readonly level: number;
  readonly cpu: number;
  readonly domain: number;
  readonly masks: readonly number[] | null;
  /** The task runs on its CPU and is counted there, for it execs. */
  readonly execs: boolean;
  /** By capacity object, what its mark of imbalance may be. */
  readonly imbalance: Uint8Array;
  /** The group's mask in hexadecimal, or LOCAL. */
  group: string;
}

export class IdlestDecisions {
  readonly #tally: DecisionTally;
  readonly #cpus: CpuStates;
  readonly #queue: DecisionQueue;
  readonly #affinities: Affinities;
  readonly #imbalance: ImbalanceMarks;
  readonly #search = new IdlestSearch();
  /** By executing CPU: the searches of the placement under way, and its wake flags. */
  readonly calls: IdlestCall[][];
  readonly #flags: Int32Array;

  constructor(
    tally: DecisionTally,
    cpus: CpuStates,
    queue: DecisionQueue,
    affinities: Affinities,
    imbalance: ImbalanceMarks,
  ) {
    this.#tally = tally;
    this.#cpus = cpus;
    this.#queue = queue;
    this.#affinities = affinities;
    this.#imbalance = imbalance;
    this.calls = Array.from({ length: k.nrCpus }, () => []);
    this.#flags = new Int32Array(k.nrCpus);
  }

  /** When `CpuStates` has seen the event. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    switch (kind) {
      case Ev.SELECT:
        this.#flags[cpu] = args[1]!;
        this.calls[cpu] = [];
        return;
      case Ev.IDLEST:
        this.calls[cpu]!.push({
          moment: this.#cpus.open(timeNs),
          task,
          level: args[0]!,
          cpu: args[1]!,
          domain: domainAt(args[1]!, args[0]!),
          masks: this.#affinities.masks(task),
          execs: (this.#flags[cpu]! & Wake.EXEC) !== 0,
          imbalance: this.#imbalance.marks.slice(),
          group: '',
        });
        return;
      case Ev.IDLEST_RET: {
        const call = this.calls[cpu]!.at(-1);
        if (call === undefined || call.group !== '') return;
        call.group = args[0] === 0 ? LOCAL : maskText(args[1]!, args[2]!);
        this.#queue.close(call.moment, timeNs, () => this.#decide(call, cpu));
        return;
      }
    }
  }

  #decide(call: IdlestCall, by: number): void {
    const { moment, domain, task, group } = call;
    const decision = { timeNs: moment.timeNs, cpu: by, task };
    if (domain < 0) return;
    useEntity(entityOf(task));
    let mostOutcomes = Number.POSITIVE_INFINITY;
    const all = outcomesOf((worlds) => {
      mostOutcomes = Math.min(mostOutcomes, this.#prepare(call, worlds));
      k.thisCpu = by;
      const chosen = this.#search.findIdlestGroup(domain, entityOf(task), call.cpu);
      return chosen < 0 ? LOCAL : groupText(chosen);
    });
    if (all === null) return this.#tally.skip('idlest', 'too much is not known');
    const reason = `level ${call.level} from CPU ${call.cpu}${call.execs ? ' exec' : ''}, CPUs ${moment.describe()}`;
    const { outcomes, unknown } = all;
    if (outcomes.size === 1) {
      this.#tally.compare('idlest', decision, { outcome: [...outcomes][0]!, unknown: '' }, group, reason);
      return;
    }
    this.#tally.skip('idlest', unknown);
    if (outcomes.size >= mostOutcomes) return;
    const outcome = outcomes.has(group) ? group : [...outcomes].join(' or ');
    this.#tally.compare('idlest_among', decision, { outcome, unknown: '' }, group, reason);
  }

  /** Puts the tables into the state that is best for one outcome. Returns how many outcomes there could be at all. */
  #prepare(call: IdlestCall, worlds: Worlds): number {
    const { sd } = k;
    const { domain, cpu, masks } = call;
    const row = entityOf(call.task);
    prepareTask(row, masks, call.cpu, worlds);
    const base = sd.ringBase[domain]!;
    const groups: number[] = [];
    for (let i = 0; i < sd.ringLength[domain]!; i++) {
      const group = sd.lists[base + i]!;
      if (mayUse(group, row)) groups.push(group);
    }
    const local = groups.findIndex((group) => sd.groupHas(group, cpu));
    const nr = groups.length + (local < 0 ? 1 : 0);
    const best = groups.length > 1 ? worlds.choose(groups.length, GROUPS) : 0;
    groups.forEach((group, i) => {
      this.#prepareGroup(call, group, i === best);
    });
    return nr;
  }

  #prepareGroup({ moment, task, cpu, execs, imbalance }: IdlestCall, group: number, best: boolean): void {
    const { sd } = k;
    const sgc = sd.groupSgc[group]!;
    const marks = imbalance[sgc]!;
    sd.sgcImbalance[sgc] = best ? ((marks & May.NOT) !== 0 ? 0 : 1) : (marks & May.BE) !== 0 ? 1 : 0;
    for (let i = 0; i < sd.groupWeight[group]!; i++) {
      const c = sd.lists[sd.groupBase[group]! + i]!;
      const own = execs && c === cpu ? 1 : 0;
      const mayIdle = own !== 0 ? moment.least[c]! <= 1 && (moment.announced[c]! & May.NOT) !== 0 : moment.mayIdle(c);
      const mayBeBusy = own !== 0 ? moment.most[c]! > 1 || (moment.announced[c]! & May.BE) !== 0 : moment.mayBeBusy(c);
      const idles = best ? mayIdle : !mayBeBusy;
      const others = idles ? 0 : Math.max(0, (best ? moment.least[c]! : moment.most[c]!) - own);
      rq.nrRunning[c] = others + own;
      cfs.hNrRunning[c] = others + own;
      rq.curr[c] = own !== 0 ? entityOf(task) : idles ? c : -1;
      rq.ttwuPending[c] = own !== 0 && !idles && others === 0 ? 1 : 0;
      avg.utilAvg[c] = best ? 0 : BUSY_UTIL;
      avg.runnableAvg[c] = best ? 0 : BUSY_UTIL * (others + 1);
      avg.loadAvg[c] = best ? 0 : BUSY_LOAD;
      cfs.utilEstEnqueued[c] = 0;
      if (own !== 0) tasks.cpu[entityOf(task)] = c;
    }
    if (execs) {
      tasks.onRq[entityOf(task)] = OnRq.QUEUED;
      avg.setLastUpdate(AVG_SE + entityOf(task), 1);
    }
  }
}

/** The task itself: of no weight, not counted anywhere yet. */
export function prepareTask(row: number, masks: readonly number[] | null, cpu: number, worlds: Worlds): void {
  if (masks === null) tasks.allowed[row] = worlds.either(AFFINITY) ? k.affinity.of([cpu]) : 0;
  else tasks.allowed[row] = masks[masks.length > 1 ? worlds.choose(masks.length, AFFINITY) : 0]!;
  tasks.onRq[row] = OnRq.NO;
  tasks.cpu[row] = cpu;
  tasks.numaPreferred[row] = -1;
  se.cfsRq[row] = cpu;
  avg.clearRows(AVG_SE + row, 1);
}

function mayUse(group: number, row: number): boolean {
  const { sd } = k;
  for (let i = 0; i < sd.groupWeight[group]!; i++) if (allowed(row, sd.lists[sd.groupBase[group]! + i]!)) return true;
  return false;
}

/** First 64 bits of a group's mask, in hexadecimal. */
export function groupText(group: number): string {
  const { sd } = k;
  const mask = sd.groupMask[group]!;
  return maskText(sd.masks[mask]!, sd.maskWords < 2 ? 0 : sd.masks[mask + 1]!);
}

function maskText(low: number, high: number): string {
  return `0x${((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16)}`;
}
