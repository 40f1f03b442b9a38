/**
 * What a decision record says: each placement and each balance pass tells what it saw, what it chose, and for what it
 * refused, why. @spec 23 §5.2
 *
 *   DECISION        time, CPU that executed, task │ kind, cpu it is about, level, idle type, chosen, moved, reason, why
 *   DECISION_FACT   avg_idle = 18000                 the numbers it compared
 *   DECISION_GROUP  {4-7} 2 running, 3 idle ...      statistics of the groups it saw
 *   DECISION_CPUS   {0-3} scanned                    the CPUs it looked at
 *   DECISION_TASK   b: cache hot                     the tasks it looked at
 *
 * The rows of one decision are one after another, so a trace with decisions is read like any other. `reason` is of the
 * closed list of the spec; `why` is the rule that decided, in the kernel's words, and may be anything.
 *
 * `Decisions` puts the rows of a stream of events together again.
 */
import { Ev, type EventKind, isDecisionKind } from './events.ts';
import type { TraceSink, TraceTables } from './sink.ts';

/** Kinds of decisions. Numbers are stable in files: new kinds go to the end. */
export const DECISION_KINDS = [
  'wakeup',
  'fork',
  'exec',
  'balance',
  'newidle',
  'nohz-kick',
  'active-balance',
  'steal',
  'push',
  'policy',
] as const;
export type DecisionKindName = (typeof DECISION_KINDS)[number];
export const DecisionKind = {
  /** Placements: about the CPU where the task ran last; chosen: where it goes. */
  WAKEUP: 0,
  FORK: 1,
  EXEC: 2,
  /** A pass over one domain of the CPU it is about, or why there was none; chosen: the busiest queue's CPU. */
  BALANCE: 3,
  /** Newidle balance as a whole: its gates. */
  NEWIDLE: 4,
  /** A busy CPU wants an idle one to balance; chosen: that one. */
  NOHZ_KICK: 5,
  /** The stopper of the CPU it is about pushes a task away; chosen: where to. */
  ACTIVE_BALANCE: 6,
  STEAL: 7,
  PUSH: 8,
  /** Of a user's policy. */
  POLICY: 9,
} as const;
export type DecisionKind = (typeof DecisionKind)[keyof typeof DecisionKind];

/** Why, from the closed list of spec 23 §5.2. Numbers are stable in files. */
export const REASONS = [
  { name: 'none', text: 'nothing was refused' },
  { name: 'pulled', text: 'pulled' },
  { name: 'avg_idle', text: 'gated by avg_idle' },
  { name: 'not_overloaded', text: 'the overloaded flag of the root domain is not set' },
  { name: 'no_busiest_group', text: 'no busiest group' },
  { name: 'group_type', text: 'the busiest group’s type is not above the local one’s' },
  { name: 'no_busiest_queue', text: 'no busiest queue' },
  { name: 'all_pinned', text: 'all tasks pinned' },
  { name: 'cache_hot', text: 'cache hot' },
  { name: 'imbalance', text: 'the imbalance is too small' },
  { name: 'not_its_turn', text: 'not this CPU’s turn' },
  { name: 'interval', text: 'the interval is not over' },
  { name: 'lock_busy', text: 'the lock is taken' },
  { name: 'lost_race', text: 'lost a race' },
  { name: 'random_skip', text: 'skipped at random' },
  { name: 'out_of_scope', text: 'out of scope' },
  // Not of the spec's list: a queue whose one task runs has nothing that a pass could pull.
  { name: 'running', text: 'only running tasks' },
] as const;
export type ReasonName = (typeof REASONS)[number]['name'];
export const Reason = {
  /** Something was chosen, as `why` says. */
  NONE: 0,
  PULLED: 1,
  AVG_IDLE: 2,
  NOT_OVERLOADED: 3,
  NO_BUSIEST_GROUP: 4,
  GROUP_TYPE: 5,
  NO_BUSIEST_QUEUE: 6,
  ALL_PINNED: 7,
  CACHE_HOT: 8,
  IMBALANCE: 9,
  NOT_ITS_TURN: 10,
  INTERVAL: 11,
  LOCK_BUSY: 12,
  LOST_RACE: 13,
  RANDOM_SKIP: 14,
  OUT_OF_SCOPE: 15,
  RUNNING: 16,
} as const;
export type Reason = (typeof Reason)[keyof typeof Reason];

/** Names of group types by their number. @spec 06 §5.3 */
export const GROUP_TYPES = [
  'has_spare',
  'fully_busy',
  'misfit_task',
  'asym_packing',
  'imbalanced',
  'overloaded',
] as const;

/** Role of a group in a decision. */
export const GroupRole = { OTHER: 0, LOCAL: 1, CHOSEN: 2 } as const;

export interface DecisionGroup {
  readonly cpus: readonly number[];
  readonly level: number;
  readonly role: 'other' | 'local' | 'chosen';
  readonly type: string;
  readonly nrRunning: number;
  readonly hNrRunning: number;
  readonly idleCpus: number;
  readonly weight: number;
  readonly load: number;
  readonly util: number;
  readonly runnable: number;
  readonly capacity: number;
  /** load / capacity, in 1024ths; 0 unless the group is overloaded. */
  readonly avgLoad: number;
}

/** Traces made by others do not tell every reason. */
export type KnownReason = ReasonName | 'not_recorded';

export interface DecisionTask {
  /** Trace task id. */
  readonly task: number;
  readonly reason: KnownReason;
  readonly why: string;
}

/** A decision, put together. CPUs, levels and idle types that it has none of are -1. */
export interface Decision {
  readonly timeNs: number;
  readonly kind: DecisionKindName;
  /** The CPU that executed it, and the task that was current there. */
  readonly onCpu: number;
  readonly by: number;
  /** The CPU that it is about. */
  readonly cpu: number;
  /** Trace id of the task it is about, or -1. */
  readonly task: number;
  readonly level: number;
  readonly idle: number;
  readonly chosen: number;
  /** Tasks moved. */
  readonly moved: number;
  readonly reason: KnownReason;
  /** The rule that decided, in the kernel's words; may be empty. */
  readonly why: string;
  readonly facts: ReadonlyMap<string, number>;
  readonly groups: readonly DecisionGroup[];
  readonly looked: readonly { readonly what: string; readonly cpus: readonly number[] }[];
  readonly tasks: readonly DecisionTask[];
}

/** A decision about which more is to be said. */
export interface DecisionDraft extends Decision {
  readonly facts: Map<string, number>;
  readonly groups: DecisionGroup[];
  readonly looked: { what: string; cpus: readonly number[] }[];
  readonly tasks: DecisionTask[];
}

const ROLES = ['other', 'local', 'chosen'] as const;

/** Hands on the decisions of a trace, each when it is complete. */
export class Decisions implements TraceSink {
  readonly #take: (decision: Decision) => void;
  #tables!: TraceTables;
  #draft: DecisionDraft | null = null;

  constructor(take: (decision: Decision) => void) {
    this.#take = take;
  }

  begin(tables: TraceTables): void {
    this.#tables = tables;
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (!isDecisionKind(kind)) return this.#flush();
    if (kind === Ev.DECISION) {
      this.#flush();
      this.#draft = this.#begin(timeNs, cpu, task, args);
    } else if (this.#draft !== null) this.#add(this.#draft, kind, task, args);
  }

  end(): void {
    this.#flush();
  }

  #flush(): void {
    const draft = this.#draft;
    if (draft === null) return;
    this.#draft = null;
    this.#take(draft);
  }

  #begin(timeNs: number, onCpu: number, task: number, args: Float64Array): DecisionDraft {
    return {
      timeNs,
      kind: DECISION_KINDS[args[0]!] ?? 'policy',
      onCpu,
      by: args[2]!,
      cpu: args[1]!,
      task,
      level: args[3]!,
      idle: args[4]!,
      chosen: args[5]!,
      moved: args[6]!,
      reason: REASONS[args[7]!]?.name ?? 'none',
      why: this.#string(args[8]!),
      facts: new Map(),
      groups: [],
      looked: [],
      tasks: [],
    };
  }

  #add(draft: DecisionDraft, kind: EventKind, task: number, args: Float64Array): void {
    const { masks } = this.#tables;
    switch (kind) {
      case Ev.DECISION_FACT:
        draft.facts.set(this.#string(args[0]!), args[1]!);
        break;
      case Ev.DECISION_GROUP:
        draft.groups.push({
          cpus: masks[args[0]!] ?? [],
          level: args[1]!,
          role: ROLES[args[2]!] ?? 'other',
          type: GROUP_TYPES[args[3]!] ?? 'unknown',
          nrRunning: args[4]!,
          hNrRunning: args[5]!,
          idleCpus: args[6]!,
          weight: args[7]!,
          load: args[8]!,
          util: args[9]!,
          runnable: args[10]!,
          capacity: args[11]!,
          avgLoad: args[12]!,
        });
        break;
      case Ev.DECISION_CPUS:
        draft.looked.push({ cpus: masks[args[0]!] ?? [], what: this.#string(args[1]!) });
        break;
      default:
        draft.tasks.push({ task, reason: REASONS[args[0]!]?.name ?? 'none', why: this.#string(args[1]!) });
    }
  }

  #string(index: number): string {
    return this.#tables.strings[index] ?? '';
  }
}
