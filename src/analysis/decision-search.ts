/**
 * The decisions of a trace that are nearest to a moment: of all, or of those that have to do with a CPU or a task.
 *
 * A decision has to do with a CPU if it is about it, executed on it, chose it or put a task of another there; and with a task
 * if it is about it or looked at it. One pass over the trace, which keeps no more than was asked for.
 */
import type { Decision } from '../trace/decisions.ts';
import { Decisions } from '../trace/decisions.ts';
import { Ev, type EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';

export interface SearchOptions {
  readonly atNs: number;
  /** Decisions wanted. */
  readonly count: number;
  readonly cpu?: number;
  /** A comm, or a pid in digits. */
  readonly task?: string;
}

/** A decision and what its tasks were called at the time. */
export interface FoundDecision {
  readonly decision: Decision;
  /** By trace task id. */
  readonly names: ReadonlyMap<number, string>;
}

/** What takes the stream of a trace and gives its decisions: `Decisions`, or what makes them out of lab events. */
export type DecisionReader = new (take: (decision: Decision) => void) => TraceSink;

export class DecisionSearch implements TraceSink {
  readonly #options: SearchOptions;
  readonly #reader: TraceSink;
  #tables!: TraceTables;
  readonly #renamed = new Map<number, string>();
  readonly #found: FoundDecision[] = [];
  #nrAfter = 0;
  /** Decisions in all, and those that have to do with the CPU and the task. */
  total = 0;
  matching = 0;

  constructor(options: SearchOptions, reader: DecisionReader = Decisions) {
    this.#options = options;
    this.#reader = new reader((decision) => this.#take(decision));
  }

  begin(tables: TraceTables, startNs: number): void {
    this.#tables = tables;
    this.#reader.begin?.(tables, startNs);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (kind === Ev.RENAME) this.#renamed.set(task, this.#tables.strings[args[0]!] ?? '');
    this.#reader.event(kind, timeNs, cpu, task, args);
  }

  end(endNs: number): void {
    this.#reader.end?.(endNs);
  }

  /** In the order of the trace. Of two equally near, the earlier one. */
  get found(): readonly FoundDecision[] {
    const { atNs, count } = this.#options;
    const far = ({ decision }: FoundDecision) => Math.abs(decision.timeNs - atNs);
    const nearest = this.#found
      .map((found, i) => ({ found, i }))
      .sort((a, b) => far(a.found) - far(b.found) || a.i - b.i)
      .slice(0, count);
    return nearest.sort((a, b) => a.i - b.i).map(({ found }) => found);
  }

  #take(decision: Decision): void {
    this.total++;
    if (!this.#matches(decision)) return;
    this.matching++;
    const { atNs, count } = this.#options;
    if (decision.timeNs <= atNs) {
      if (this.#found.length === count) this.#found.shift();
    } else if (this.#nrAfter++ >= count) return;
    this.#found.push({ decision, names: this.#namesIn(decision) });
  }

  #matches(decision: Decision): boolean {
    const { cpu, task } = this.#options;
    if (cpu !== undefined && ![decision.cpu, decision.onCpu, decision.chosen].includes(cpu)) return false;
    return task === undefined || tasksOf(decision).some((id) => this.#isCalled(id, task));
  }

  #isCalled(id: number, task: string): boolean {
    const entry = this.#tables.tasks[id];
    return entry !== undefined && (this.#name(id) === task || String(entry.pid) === task);
  }

  #namesIn(decision: Decision): Map<number, string> {
    return new Map([...tasksOf(decision), decision.by].filter((id) => id >= 0).map((id) => [id, this.#name(id)]));
  }

  #name(id: number): string {
    return this.#renamed.get(id) ?? this.#tables.tasks[id]?.comm ?? '';
  }
}

/** Trace ids of the tasks that the decision is about or looked at. */
function tasksOf({ task, tasks }: Decision): number[] {
  const ids = tasks.map((t) => t.task);
  return task >= 0 ? [task, ...ids] : ids;
}
