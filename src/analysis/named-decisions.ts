/** The decisions of a trace together with what their tasks were called at the time. */
import { type Decision, Decisions } from '../trace/decisions.ts';
import { Ev, type EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';

export interface NamedTask {
  readonly comm: string;
  readonly pid: number;
}

/** A decision and its tasks, by trace task id; the idle task is not among them. */
export interface FoundDecision {
  readonly decision: Decision;
  readonly tasks: ReadonlyMap<number, NamedTask>;
}

/** What takes the stream of a trace and gives its decisions: `Decisions`, or `LabDecisions`. */
export type DecisionReader = new (take: (decision: Decision) => void) => TraceSink;

/** Gives decisions as they are complete; `found` makes one to be kept. */
export class NamedDecisions implements TraceSink {
  readonly #reader: TraceSink;
  readonly #renamed = new Map<number, string>();
  #tables!: TraceTables;

  constructor(take: (decision: Decision, source: NamedDecisions) => void, reader: DecisionReader = Decisions) {
    this.#reader = new reader((decision) => take(decision, this));
  }

  begin(tables: TraceTables, startNs: number): void {
    this.#tables = tables;
    this.#reader.begin?.(tables, startNs);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    this.#reader.event(kind, timeNs, cpu, task, args);
    if (kind === Ev.RENAME) this.#renamed.set(task, this.#tables.strings[args[0]!] ?? '');
  }

  end(endNs: number): void {
    this.#reader.end?.(endNs);
  }

  task(id: number): NamedTask | undefined {
    const entry = this.#tables.tasks[id];
    return entry === undefined ? undefined : { comm: this.#renamed.get(id) ?? entry.comm, pid: entry.pid };
  }

  found(decision: Decision): FoundDecision {
    const tasks = new Map<number, NamedTask>();
    for (const id of [...tasksOf(decision), decision.by]) {
      const task = this.task(id);
      if (task !== undefined) tasks.set(id, task);
    }
    return { decision, tasks };
  }
}

/** Trace ids of the tasks that the decision is about or looked at. */
export function tasksOf({ task, tasks }: Decision): number[] {
  const ids = tasks.map((t) => t.task);
  return task >= 0 ? [task, ...ids] : ids;
}
