/**
 * Where a new or exec'ing task was put: `select` to `select_ret` of the slow path, decided again by `selectTaskRqFair`.
 * @spec 05 §5, 5.3
 *
 * Which group was chosen in each domain is taken from the recording (`decision-idlest.ts` decides that); what is tried is
 * which domains are searched from which CPU, and which CPU of a group is taken: the one that went idle last, as far as the
 * events tell when each did. Where the trace does not tell, a CPU is possible if it is taken when everything is for it.
 */
import { IdlestSearch } from '../../balance/find-idlest.ts';
import { IdleSearch } from '../../balance/select-idle-sibling.ts';
import { selectTaskRqFair } from '../../balance/select-task-rq.ts';
import * as avg from '../../sched/averages.ts';
import { Wake } from '../../sched/hooks.ts';
import { k } from '../../sched/kernel.ts';
import { allowed } from '../../sched/predicates.ts';
import * as rq from '../../sched/rq.ts';
import * as tasks from '../../sched/tasks.ts';
import { State } from '../../sched/tasks.ts';
import { Ev, type EventKind } from '../../trace/events.ts';
import type { Affinities } from './decision-affinity.ts';
import type { CpuStates, DecisionQueue, Moment } from './decision-cpus.ts';
import { groupText, type IdlestCall, type IdlestDecisions, LOCAL, prepareTask } from './decision-idlest.ts';
import type { DecisionTally } from './decision-tally.ts';
import { outcomesOf, type Worlds } from './decision-worlds.ts';
import { entityOf, useEntity } from './exact-state.ts';

const BUSY_LOAD = 1 << 20;
const STAMPS = 'which CPU of the group went idle last, or has least load';

/** When each CPU last began to look for work in vain (`idle_stamp`), between bounds; 0: that has been forgotten. */
class IdleStamps {
  readonly least: Float64Array;
  readonly most: Float64Array;
  readonly changes: Uint32Array;

  constructor(nrCpus: number, startNs: number) {
    this.least = new Float64Array(nrCpus);
    this.most = new Float64Array(nrCpus).fill(startNs);
    this.changes = new Uint32Array(nrCpus);
  }

  set(cpu: number, least: number, most: number): void {
    this.least[cpu] = least;
    this.most[cpu] = most;
    this.changes[cpu]!++;
  }
}

interface Placement {
  readonly moment: Moment;
  readonly task: number;
  readonly cpu: number;
  readonly prev: number;
  readonly flags: number;
  readonly masks: readonly number[] | null;
  readonly least: Float64Array;
  readonly most: Float64Array;
  readonly changes: Uint32Array;
  calls: readonly IdlestCall[];
  chosen: number;
}

/** Searches as recorded: says what the kernel said, and notes what it is asked. */
class RecordedSearch extends IdlestSearch {
  path = '';
  #next = 0;
  readonly #placement: Placement;
  readonly #enter: (group: number) => void;

  constructor(placement: Placement, enter: (group: number) => void) {
    super();
    this.#placement = placement;
    this.#enter = enter;
  }

  override findIdlestGroup(sd: number, _task: number, cpu: number): number {
    const call = this.#placement.calls[this.#next++];
    this.path += `${step(k.sd.level[sd]!, cpu)} `;
    if (call === undefined || call.domain !== sd || call.group === LOCAL) return -1;
    const group = groupOf(sd, call.group);
    if (group >= 0) this.#enter(group);
    return group;
  }
}

export class ForkDecisions {
  readonly #tally: DecisionTally;
  readonly #cpus: CpuStates;
  readonly #queue: DecisionQueue;
  readonly #affinities: Affinities;
  readonly #idlest: IdlestDecisions;
  readonly #stamps: IdleStamps;
  readonly #idle: IdleSearch;
  readonly #open: (Placement | null)[];

  constructor(
    tally: DecisionTally,
    cpus: CpuStates,
    queue: DecisionQueue,
    affinities: Affinities,
    idlest: IdlestDecisions,
    startNs: number,
  ) {
    this.#tally = tally;
    this.#cpus = cpus;
    this.#queue = queue;
    this.#affinities = affinities;
    this.#idlest = idlest;
    this.#stamps = new IdleStamps(k.nrCpus, startNs);
    this.#idle = new IdleSearch(k.nrCpus);
    this.#open = new Array<Placement | null>(k.nrCpus).fill(null);
  }

  /** When `CpuStates` has seen the event. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    const stamps = this.#stamps;
    switch (kind) {
      case Ev.NEWIDLE: {
        const c = args[0]!;
        const { sinceNs } = this.#cpus;
        // A CPU to which a task is on its way does not even begin to look.
        const looks = this.#cpus.mostRunning(c) === this.#cpus.nr[c];
        stamps.set(c, looks ? sinceNs : Math.min(sinceNs, stamps.least[c]!), timeNs);
        return;
      }
      case Ev.NEWIDLE_RET:
        if (args[0] !== 0) stamps.set(cpu, 0, 0);
        return;
      case Ev.SCHED_WAKEUP:
        stamps.set(args[0]!, 0, 0);
        return;
      case Ev.SELECT:
        if ((args[1]! & (Wake.EXEC | Wake.FORK)) !== 0) this.#begin(timeNs, cpu, task, args);
        return;
    }
  }

  /** Before `CpuStates` sees it. */
  selectRet(timeNs: number, cpu: number, chosen: number): void {
    const placement = this.#open[cpu];
    if (placement == null) return;
    this.#open[cpu] = null;
    placement.chosen = chosen;
    placement.calls = this.#idlest.calls[cpu]!;
    this.#queue.close(placement.moment, timeNs, () => this.#decide(placement));
  }

  #begin(timeNs: number, cpu: number, task: number, args: Float64Array): void {
    const { least, most, changes } = this.#stamps;
    this.#open[cpu] = {
      moment: this.#cpus.open(timeNs),
      task,
      cpu,
      prev: args[0]!,
      flags: args[1]!,
      masks: this.#affinities.masks(task),
      least: least.slice(),
      most: most.slice(),
      changes: changes.slice(),
      calls: [],
      chosen: -1,
    };
  }

  #decide(placement: Placement): void {
    const { moment, task, cpu, prev, flags, calls, chosen } = placement;
    const row = entityOf(task);
    useEntity(row);
    for (let c = 0; c < k.nrCpus; c++) {
      if (placement.changes[c] === this.#stamps.changes[c]) continue;
      placement.least[c] = 0;
      placement.most[c] = Number.POSITIVE_INFINITY;
    }
    let nrAllowed = Number.POSITIVE_INFINITY;
    const all = outcomesOf((worlds) => {
      const search = new RecordedSearch(placement, (group) => this.#prepareGroup(placement, group, worlds));
      prepareTask(row, placement.masks, cpu, worlds);
      nrAllowed = Math.min(nrAllowed, k.affinity.weight(tasks.allowed[row]!));
      rq.curr[cpu] = (flags & Wake.EXEC) !== 0 ? row : -1;
      tasks.state[row] = State.RUNNING;
      k.thisCpu = cpu;
      const to = selectTaskRqFair(this.#idle, search, row, prev, flags, cpu);
      return `${search.path}CPU ${to}`;
    });
    const decision = { timeNs: moment.timeNs, cpu, task };
    const got = `${calls.map(({ level, cpu: from }) => `${step(level, from)} `).join('')}CPU ${chosen}`;
    const groups = calls.map(({ group }) => group).join();
    const reason = `from CPU ${cpu}, flags ${flags}, groups ${groups}, CPUs ${moment.describe()}`;
    if (all === null) return this.#tally.skip('select', 'too much is not known');
    const { outcomes, unknown } = all;
    if (outcomes.size === 1) {
      this.#tally.compare('select', decision, { outcome: [...outcomes][0]!, unknown: '' }, got, reason);
      return;
    }
    this.#tally.skip('select', unknown);
    if (outcomes.size >= nrAllowed) return;
    const outcome = outcomes.has(got) ? got : [...outcomes].join(' or ');
    this.#tally.compare('select_among', decision, { outcome, unknown: '' }, got, reason);
  }

  /** Makes everything unknown of the group's CPUs be for one of them, or for none. */
  #prepareGroup(placement: Placement, group: number, worlds: Worlds): void {
    const { sd } = k;
    const { moment } = placement;
    const weight = sd.groupWeight[group]!;
    if (weight === 1) return;
    const base = sd.groupBase[group]!;
    const row = entityOf(placement.task);
    const best = worlds.choose(weight + 1, STAMPS);
    for (let i = 0; i < weight; i++) {
      const c = sd.lists[base + i]!;
      if (!allowed(row, c)) continue;
      const mayIdle = moment.mayIdle(c);
      const mayBeBusy = moment.mayBeBusy(c);
      let idles = mayIdle && (!mayBeBusy || best === weight);
      if (i === best && mayIdle && mayBeBusy) idles = worlds.either(STAMPS);
      rq.curr[c] = idles ? c : -1;
      rq.nrRunning[c] = idles ? 0 : 1;
      rq.ttwuPending[c] = 0;
      rq.idleState[c] = -1;
      rq.idleStamp[c] = i === best ? placement.most[c]! : placement.least[c]!;
      avg.loadAvg[c] = i === best ? 0 : BUSY_LOAD;
    }
  }
}

function step(level: number, cpu: number): string {
  return `level ${level} from ${cpu}:`;
}

function groupOf(sd: number, text: string): number {
  const { sd: d } = k;
  for (let i = 0; i < d.ringLength[sd]!; i++) {
    const group = d.lists[d.ringBase[sd]! + i]!;
    if (groupText(group) === text) return group;
  }
  return -1;
}
