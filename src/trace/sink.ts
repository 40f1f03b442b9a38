/**
 * Where events go: the one interface between those that make events (the simulator, readers of recordings, a stored
 * trace being played back) and those that use them (a stored trace, writers, figures, audits).
 *
 *   simulator ─┐                       ┌─► TraceStore (columns, memory or disk)
 *   readers   ─┼─► sink.event(...) ────┼─► writers (Perfetto, ftrace text)
 *   TraceStore ┘                       └─► figures
 */
import type { Topology } from '../machine/topology.ts';
import type { EventKind } from './events.ts';

export interface TraceTask {
  readonly pid: number;
  /** comm at the beginning; a RENAME event changes it. */
  readonly comm: string;
  /** Kind of task: the workload's name for all tasks of one sort; empty for tasks that are not the workload's. */
  readonly kind: string;
  readonly kthread: boolean;
}

/**
 * What the numbers of a trace refer to. Tables only grow: a sink may read entries that events so far have mentioned,
 * and must not keep copies of the lengths.
 */
export interface TraceTables {
  readonly topology: Topology;
  /** What made this trace: `linux-6.1`, or the kernel's version line. */
  readonly source: string;
  /** Tick rate, for jiffies; 0 when not known. */
  readonly hz: number;
  readonly tasks: readonly TraceTask[];
  readonly strings: readonly string[];
  /** CPU lists, ascending. */
  readonly masks: readonly (readonly number[])[];
  /** Task that each CPU is running when the trace begins, complete at `begin`; absent: every CPU is idle. */
  readonly initialCurrent?: readonly number[];
  /** Decisions were recorded: if there are none, none were taken. Absent: they were not. */
  readonly decisions?: true;
}

export interface TraceSink {
  /** Called once before the first event. */
  begin?(tables: TraceTables, startNs: number): void;
  /**
   * One event. Times never go back. `args` is reused by the caller: read it during the call, in the order of
   * `EVENTS[kind].args`.
   */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void;
  /** Called once after the last event, with the time the observation ended. */
  end?(endNs: number): void;
}
