/**
 * The decisions of a trace that are nearest to a moment: of all, or of those that have to do with a CPU or a task.
 *
 * A decision has to do with a CPU if it is about it, was executed on it or chose it; and with a task if it is about it or
 * looked at it. One pass over the trace, which keeps no more than was asked for.
 */
import { type Decision, Decisions } from '../trace/decisions.ts';
import type { EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';
import { type DecisionReader, type FoundDecision, NamedDecisions, tasksOf } from './named-decisions.ts';

export interface SearchOptions {
  readonly atNs: number;
  /** Decisions wanted. */
  readonly count: number;
  readonly cpu?: number | undefined;
  /** A comm, or a pid in digits. */
  readonly task?: string | undefined;
}

export class DecisionSearch implements TraceSink {
  /** Decisions in all, and those that have to do with the CPU and the task. */
  total = 0;
  matching = 0;
  readonly #options: SearchOptions;
  readonly #decisions: NamedDecisions;
  readonly #kept: FoundDecision[] = [];
  #nrAfter = 0;

  constructor(options: SearchOptions, reader: DecisionReader = Decisions) {
    this.#options = options;
    this.#decisions = new NamedDecisions((decision) => this.#take(decision), reader);
  }

  begin(tables: TraceTables, startNs: number): void {
    this.#decisions.begin(tables, startNs);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    this.#decisions.event(kind, timeNs, cpu, task, args);
  }

  end(endNs: number): void {
    this.#decisions.end(endNs);
  }

  /** In the order of the trace. Of two equally near, the earlier one. */
  get found(): readonly FoundDecision[] {
    const { atNs, count } = this.#options;
    const far = ({ decision }: FoundDecision) => Math.abs(decision.timeNs - atNs);
    const nearest = this.#kept
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
    if (decision.timeNs > atNs && this.#nrAfter++ >= count) return;
    if (decision.timeNs <= atNs && this.#kept.length === count) this.#kept.shift();
    this.#kept.push(this.#decisions.found(decision));
  }

  #matches(decision: Decision): boolean {
    const { cpu, task } = this.#options;
    if (cpu !== undefined && ![decision.cpu, decision.onCpu, decision.chosen].includes(cpu)) return false;
    return task === undefined || tasksOf(decision).some((id) => this.#isCalled(id, task));
  }

  #isCalled(id: number, name: string): boolean {
    const task = this.#decisions.task(id);
    return task !== undefined && (task.comm === name || String(task.pid) === name);
  }
}
