/**
 * Reads /proc/PID/sched of every task of a simulation as the lab does: just before the task ends, or else the simulation.
 * To be given the trace of a simulation while it runs, for the state is read from the scheduler's tables.
 */
import { k } from '../sched/kernel.ts';
import { takeProcSched } from '../sched/proc-sched.ts';
import * as tasks from '../sched/tasks.ts';
import { Ev, type EventKind } from '../trace/events.ts';
import type { ProcSched } from '../trace/proc-sched.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';

export class ProcSchedSink implements TraceSink {
  /** By the task's id in the trace. */
  readonly files = new Map<number, ProcSched>();
  readonly #renamed = new Map<number, string>();
  #tables: TraceTables | null = null;

  begin(tables: TraceTables): void {
    this.#tables = tables;
  }

  event(kind: EventKind, _timeNs: number, _cpu: number, task: number, args: Float64Array): void {
    if (kind === Ev.RENAME) this.#renamed.set(task, this.#tables!.strings[args[0]!]!);
    if (kind !== Ev.SCHED_PROCESS_EXIT) return;
    for (let row = k.nrCpus; row < k.nrTasks; row++) {
      if (tasks.alive[row] !== 0 && tasks.traceId[row] === task) this.#take(row, task);
    }
  }

  end(): void {
    for (let row = k.nrCpus; row < k.nrTasks; row++) {
      const task = tasks.traceId[row]!;
      if (tasks.alive[row] !== 0 && !this.files.has(task)) this.#take(row, task);
    }
  }

  #take(row: number, task: number): void {
    const comm = this.#renamed.get(task) ?? this.#tables!.tasks[task]!.comm;
    this.files.set(task, takeProcSched(row, comm));
  }
}
