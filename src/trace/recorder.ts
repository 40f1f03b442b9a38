/**
 * The simulator's end of the trace: which kinds of events are wanted, and where they go.
 *
 * The caller tests `on[kind]` first, fills `args` and calls `emit`; a kind that nobody wants costs one load. Tasks get
 * trace task ids that are never reused, unlike the slots of the simulator.
 */
import type { Topology } from '../machine/topology.ts';
import { EVENTS, MAX_EVENT_ARGS } from './event-specs.ts';
import { Ev, type EventKind, isDecisionKind } from './events.ts';
import type { TraceSink, TraceTables, TraceTask } from './sink.ts';

const KINDS = EVENTS.map((_, kind) => kind as EventKind);

/** Named selections of event kinds. */
export const RECORDINGS = {
  /** Nothing: for benchmarks. */
  off: [] as EventKind[],
  /** What the figures need. */
  figures: [
    Ev.SCHED_SWITCH,
    Ev.SCHED_WAKEUP,
    Ev.SCHED_WAKEUP_NEW,
    Ev.SCHED_MIGRATE_TASK,
    Ev.SCHED_PROCESS_FORK,
    Ev.SCHED_PROCESS_EXIT,
    Ev.LB_ENTER,
    Ev.LB_LEAVE,
    Ev.NEWIDLE,
    Ev.NEWIDLE_RET,
    Ev.ILB_KICKED,
    Ev.NOHZ_IDLE_BALANCE,
    Ev.ACTIVE_BALANCE,
    Ev.PRINT,
    Ev.AFFINITY,
    Ev.WORK,
  ] as EventKind[],
  /** Everything but the PELT updates and decision records. */
  full: KINDS.filter((kind) => (kind < Ev.PELT_SE || kind > Ev.PELT_BLOCKED) && !isDecisionKind(kind)),
  /** Everything but decision records. */
  pelt: KINDS.filter((kind) => !isDecisionKind(kind)),
  /** Decision records, to be added to others. */
  decisions: KINDS.filter(isDecisionKind),
} as const;
export type RecordingName = keyof typeof RECORDINGS;

export class Recorder {
  /** 1 for kinds that are recorded. */
  readonly on = new Uint8Array(EVENTS.length);
  /** Arguments of the event about to be emitted. */
  readonly args = new Float64Array(MAX_EVENT_ARGS);
  readonly tables: TraceTables;
  readonly #tasks: TraceTask[] = [];
  readonly #strings: string[] = [];
  readonly #stringIds = new Map<string, number>();
  readonly #masks: number[][] = [];
  readonly #maskIds = new Map<string, number>();
  readonly #sink: TraceSink | null;

  constructor(topology: Topology, source: string, hz: number, sink: TraceSink | null, kinds: readonly EventKind[]) {
    this.#sink = sink;
    if (sink !== null) for (const kind of kinds) this.on[kind] = 1;
    const tables = { topology, source, hz, tasks: this.#tasks, strings: this.#strings, masks: this.#masks };
    this.tables = this.on[Ev.DECISION] === 0 ? tables : { ...tables, decisions: true };
  }

  begin(startNs: number): void {
    this.#sink?.begin?.(this.tables, startNs);
  }

  emit(kind: EventKind, timeNs: number, cpu: number, task: number): void {
    this.#sink!.event(kind, timeNs, cpu, task, this.args);
  }

  end(endNs: number): void {
    this.#sink?.end?.(endNs);
  }

  /** A new task's trace id. */
  addTask(task: TraceTask): number {
    return this.#tasks.push(task) - 1;
  }

  string(text: string): number {
    let id = this.#stringIds.get(text);
    if (id === undefined) {
      id = this.#strings.push(text) - 1;
      this.#stringIds.set(text, id);
    }
    return id;
  }

  mask(cpus: readonly number[]): number {
    const key = cpus.join(',');
    let id = this.#maskIds.get(key);
    if (id === undefined) {
      id = this.#masks.push([...cpus]) - 1;
      this.#maskIds.set(key, id);
    }
    return id;
  }
}
