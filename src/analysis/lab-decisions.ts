/**
 * Decisions as far as the kernel lab's events of balancing tell them, for traces without decision records: recordings of
 * real kernels, and our own in text form. @spec 09 §3
 *
 *   lb_enter ── lb_busiest ── can_migrate(_ret), detach ... ── need_active ── lb_leave      a pass
 *   newidle ── (passes) ── newidle_ret                                                      newidle balance, if no pass came
 *   select ── idlest, idlest_ret ... ── select_ret                                          a placement
 *
 * What led to a choice (statistics of groups, the CPUs that a search looked at) is not in these events. A reason is given
 * only where it follows from them; else it is `not_recorded`, and `why` says what is known.
 */
import type { Decision, DecisionDraft, DecisionKindName, KnownReason } from '../trace/decisions.ts';
import { Ev, type EventKind, IDLE_TASK } from '../trace/events.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';

/** Kinds of events that decisions can be told from. */
export const LAB_DECISION_EVENTS: readonly EventKind[] = [
  Ev.LB_LEAVE,
  Ev.NEWIDLE_RET,
  Ev.SELECT_RET,
  Ev.ILB_KICKED,
  Ev.ACTIVE_BALANCE,
];

/** Flags of select_task_rq and of a pass. @spec 05 §1, 06 §1 */
const WF_EXEC = 2;
const WF_FORK = 4;
const ALL_PINNED = 1;
const NEWLY_IDLE = 2;

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Draft = Writable<DecisionDraft>;

/** What is going on on a CPU. */
interface Open {
  pass: Draft | null;
  hasBusiest: boolean;
  group: number;
  needActive: boolean;
  /** Of the last can_migrate, until it has returned. */
  candidate: number;
  newidle: Draft | null;
  nrPasses: number;
  placement: Draft | null;
  active: Draft | null;
}

export class LabDecisions implements TraceSink {
  readonly #take: (decision: Decision) => void;
  #open: Open[] = [];
  #current = new Int32Array(0);
  /** Some pass told its busiest group: so a pass that does not has not looked for one. */
  #tellsBusiest = false;

  constructor(take: (decision: Decision) => void) {
    this.#take = take;
  }

  begin({ topology, initialCurrent }: TraceTables): void {
    this.#current = Int32Array.from({ length: topology.nrCpus }, (_, cpu) => initialCurrent?.[cpu] ?? IDLE_TASK);
    this.#open = Array.from({ length: topology.nrCpus }, () => ({
      pass: null,
      hasBusiest: false,
      group: 0,
      needActive: false,
      candidate: -1,
      newidle: null,
      nrPasses: 0,
      placement: null,
      active: null,
    }));
  }

  /** Long because it is the dispatch. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    const open = this.#open[cpu]!;
    if (open.active !== null && kind !== Ev.CAN_MIGRATE && kind !== Ev.CAN_MIGRATE_RET && kind !== Ev.DETACH) {
      this.#endActive(open);
    }
    const { pass } = open;
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#current[cpu] = args[0]!;
        break;
      case Ev.LB_ENTER:
        open.pass = this.#draft('balance', timeNs, cpu, args[0]!);
        open.pass.level = args[1]!;
        open.pass.idle = args[2]!;
        open.hasBusiest = false;
        open.needActive = false;
        open.nrPasses++;
        break;
      case Ev.LB_BUSIEST:
        this.#tellsBusiest = true;
        if (pass === null) break;
        open.hasBusiest = true;
        open.group = args[3]!;
        if (args[3] === 0) break;
        pass.looked.push({ what: 'busiest group', cpus: cpusOf(args[4]!, args[5]!) });
        pass.facts.set('imbalance', args[6]!);
        pass.facts.set('migration_type', args[7]!);
        break;
      case Ev.CAN_MIGRATE:
        open.candidate = task;
        break;
      case Ev.CAN_MIGRATE_RET: {
        const refused = args[0] === 0;
        const reason = refused ? 'not_recorded' : 'imbalance';
        const why = refused ? 'can_migrate_task said no' : 'it might go, and was not detached';
        (pass ?? open.active)?.tasks.push({ task: open.candidate, reason, why });
        break;
      }
      case Ev.DETACH: {
        const draft = pass ?? open.active;
        if (draft === null) break;
        if (draft.tasks.at(-1)?.task === task) draft.tasks.pop();
        draft.tasks.push({ task, reason: 'pulled', why: '' });
        break;
      }
      case Ev.NEED_ACTIVE:
        open.needActive = true;
        break;
      case Ev.LB_LEAVE:
        if (pass !== null) this.#leave(open, pass, timeNs, args);
        break;
      case Ev.NEWIDLE:
        open.newidle = this.#draft('newidle', timeNs, cpu, args[0]!);
        open.newidle.idle = NEWLY_IDLE;
        open.nrPasses = 0;
        open.newidle.facts.set('avg_idle_ns', args[2]!);
        if (args[7]! >= 0) open.newidle.facts.set('max_newidle_lb_cost_ns', args[7]!);
        break;
      case Ev.NEWIDLE_RET:
        if (open.newidle !== null && open.nrPasses === 0) this.#gated(open.newidle, timeNs);
        open.newidle = null;
        break;
      case Ev.SELECT: {
        const name = (args[1]! & WF_EXEC) !== 0 ? 'exec' : (args[1]! & WF_FORK) !== 0 ? 'fork' : 'wakeup';
        open.placement = this.#draft(name, timeNs, cpu, args[0]!);
        open.placement.task = task;
        break;
      }
      case Ev.IDLEST_RET:
        if (args[0] !== 0) open.placement?.looked.push({ what: 'idlest group', cpus: cpusOf(args[1]!, args[2]!) });
        break;
      case Ev.SELECT_RET:
        if (open.placement === null) break;
        this.#give(open.placement, timeNs, 'not_recorded', '', args[0]!);
        open.placement = null;
        break;
      case Ev.ILB_KICKED:
        this.#give(
          this.#draft('nohz-kick', timeNs, cpu, cpu),
          timeNs,
          'not_recorded',
          'it arrives; who sent it and why',
          cpu,
        );
        break;
      case Ev.ACTIVE_BALANCE:
        open.active = this.#draft('active-balance', timeNs, cpu, args[0]!);
        open.active.chosen = args[2]!;
        break;
    }
  }

  end(): void {
    for (const open of this.#open) if (open.active !== null) this.#endActive(open);
  }

  #leave(open: Open, pass: Draft, timeNs: number, args: Float64Array): void {
    open.pass = null;
    pass.moved = args[3]!;
    pass.facts.set('nr_balance_failed', args[10]!);
    pass.facts.set('balance_interval_ms', args[9]!);
    const [reason, why] = this.#reasonOf(open, pass, (args[7]! & ALL_PINNED) !== 0);
    const chosen = reason === 'no_busiest_group' || reason === 'no_busiest_queue' || !open.hasBusiest ? -1 : args[4]!;
    this.#give(pass, timeNs, reason, why, chosen);
  }

  #reasonOf(open: Open, pass: Draft, allPinned: boolean): [KnownReason, string] {
    if (pass.moved > 0) return ['pulled', ''];
    if (!open.hasBusiest) {
      if (!this.#tellsBusiest) return ['not_recorded', 'nothing is known of its groups'];
      return pass.idle === NEWLY_IDLE
        ? ['lost_race', 'should_we_balance: a task has come to this CPU meanwhile']
        : ['not_its_turn', 'should_we_balance said no'];
    }
    if (open.group === 0)
      return ['no_busiest_group', 'find_busiest_group returned none; by which rule is not recorded'];
    if (pass.tasks.length === 0) {
      if (!open.needActive) return ['no_busiest_queue', 'find_busiest_queue returned none'];
      return ['running', 'the queue had nothing but its running task'];
    }
    if (allPinned) return ['all_pinned', 'no task may run on the CPU'];
    if (pass.tasks.some(({ reason }) => reason === 'imbalance')) return ['imbalance', 'what might go is more than it'];
    return ['not_recorded', 'can_migrate_task refused all: running, pinned or cache hot'];
  }

  /** Newidle balance that made no pass. */
  #gated(newidle: Draft, timeNs: number): void {
    const cost = newidle.facts.get('max_newidle_lb_cost_ns') ?? 0;
    if (newidle.facts.get('avg_idle_ns')! < cost)
      this.#give(newidle, timeNs, 'avg_idle', 'avg_idle < max_newidle_lb_cost');
    else this.#give(newidle, timeNs, 'not_recorded', 'rd->overload, NI_RANDOM or a pending wakeup');
  }

  #endActive(open: Open): void {
    const active = open.active!;
    open.active = null;
    const pushed = active.tasks.find(({ reason }) => reason === 'pulled');
    active.task = pushed?.task ?? -1;
    active.moved = pushed === undefined ? 0 : 1;
    this.#give(active, active.timeNs, pushed === undefined ? 'not_recorded' : 'pulled', '', active.chosen);
  }

  #give(draft: Draft, timeNs: number, reason: KnownReason, why: string, chosen = -1): void {
    this.#take({ ...draft, timeNs, reason, why, chosen });
  }

  #draft(kind: DecisionKindName, timeNs: number, onCpu: number, cpu: number): Draft {
    return {
      timeNs,
      kind,
      onCpu,
      by: this.#current[onCpu]!,
      cpu,
      task: -1,
      level: -1,
      idle: -1,
      chosen: -1,
      moved: 0,
      reason: 'not_recorded',
      why: '',
      facts: new Map(),
      groups: [],
      looked: [],
      tasks: [],
    };
  }
}

/** CPUs of the first 64 bits of a mask. */
function cpusOf(low: number, high: number): number[] {
  const cpus: number[] = [];
  for (let bit = 0; bit < 64; bit++) if ((((bit < 32 ? low : high) >>> (bit & 31)) & 1) !== 0) cpus.push(bit);
  return cpus;
}
