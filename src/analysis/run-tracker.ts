/**
 * Who runs and who waits, from the events of a trace: keeps the columns of the tasks and what each CPU does, and tells
 * the measures of time (`WastedTime`) and of latency (`WorkloadFigures`).
 *
 * Dirty data: a switch away from a task that was not current (events were lost) is believed; the task that was current is
 * taken to sleep. It counts as a lost event. The end of a balance pass that is missing is supplied by the next switch of
 * the CPU. Kernel threads named after a CPU (`kworker/3:1`) are taken to be bound to it; recordings do not tell affinities.
 */
import type { TraceTables, TraceTask } from '../trace/sink.ts';
import { ANYWHERE } from './affinity-classes.ts';
import { type Kinds, NO_TIME, TaskAt, TaskColumns } from './task-columns.ts';
import type { WastedTime } from './wasted-time.ts';
import type { WorkloadFigures } from './workload-figures.ts';

const MAX_RT_PRIO = 100;
/** A kernel thread of one CPU: `kworker/3:1`, `ksoftirqd/3`, but not `kworker/u8:1`. */
const BOUND_KTHREAD = /\/(\d+)(?::|$)/;

export class RunTracker {
  readonly tasks = new TaskColumns();
  /** Switches that show that events were lost. */
  nrCorrected = 0;
  readonly #tables: TraceTables;
  readonly #kinds: Kinds;
  readonly #kindOf: (task: TraceTask) => string;
  readonly #wasted: WastedTime;
  readonly #workload: WorkloadFigures;
  readonly #startNs: number;
  #nowNs: number;
  /** Latencies count from here on. */
  #fromNs: number;
  /** By CPU. */
  readonly #current: Int32Array;
  readonly #inNewidle: Uint8Array;
  readonly #inPass: Uint8Array;
  /** Set of CPUs of each mask of the tables, as far as needed. */
  readonly #setOfMask: number[] = [];

  constructor(
    tables: TraceTables,
    startNs: number,
    fromNs: number,
    kinds: Kinds,
    kindOf: (task: TraceTask) => string,
    wasted: WastedTime,
    workload: WorkloadFigures,
  ) {
    const { nrCpus } = tables.topology;
    this.#tables = tables;
    this.#startNs = startNs;
    this.#nowNs = startNs;
    this.#fromNs = fromNs;
    this.#kinds = kinds;
    this.#kindOf = kindOf;
    this.#wasted = wasted;
    this.#workload = workload;
    this.#current = new Int32Array(nrCpus).fill(-1);
    this.#inNewidle = new Uint8Array(nrCpus);
    this.#inPass = new Uint8Array(nrCpus);
    tables.initialCurrent?.forEach((task, cpu) => {
      if (task < 0) return;
      this.know(task);
      this.#current[cpu] = task;
      this.#run(task, cpu);
      this.#updateCpu(cpu);
    });
  }

  /** Events from now on are of this time. */
  advance(nowNs: number): void {
    this.#wasted.advance(nowNs);
    this.#nowNs = nowNs;
  }

  /** What was measured is forgotten; what is going on counts from now on. */
  restart(): void {
    this.#wasted.restart();
    this.tasks.cpuNs.fill(0);
    for (const task of this.#current) if (task >= 0) this.tasks.runSinceNs[task] = this.#nowNs;
    this.nrCorrected = 0;
  }

  /** Ends all waits and runs. */
  end(): void {
    const { at, cpu } = this.tasks;
    for (let task = 0; task < this.tasks.length; task++) {
      if (at[task] === TaskAt.QUEUED) this.#unqueue(task);
      else if (at[task] === TaskAt.RUNNING && this.#inNewidle[cpu[task]!] === 0) this.#countRun(task);
    }
    this.#wasted.end();
  }

  switch(cpu: number, prev: number, next: number, prevRunnable: boolean, prevPrio: number, nextPrio: number): void {
    if (this.#inNewidle[cpu] === 1) this.#resumeRun(cpu);
    if (this.#current[cpu] !== prev) this.#correctCurrent(cpu, prev);
    this.#inPass[cpu] = 0;
    if (prev >= 0) {
      this.#setPrio(prev, prevPrio);
      this.#countRun(prev);
      if (prevRunnable) this.#queue(prev, cpu);
      else this.tasks.at[prev] = TaskAt.OFF;
    }
    if (next >= 0) {
      this.know(next);
      this.#setPrio(next, nextPrio);
      this.#switchIn(next, cpu);
    }
    this.#current[cpu] = next;
    this.#updateCpu(cpu);
  }

  wake(task: number, cpu: number, prio: number): void {
    this.know(task);
    const tasks = this.tasks;
    if (tasks.at[task] === TaskAt.RUNNING) return;
    if (tasks.at[task] === TaskAt.QUEUED) {
      // it had been switched out as runnable while its wakeup was on the way
      if (tasks.cpu[task] === cpu) return;
      this.#unqueue(task);
    } else {
      tasks.wokenNs[task] = this.#nowNs;
    }
    this.#setPrio(task, prio);
    this.#queue(task, cpu);
  }

  migrate(task: number, to: number): void {
    this.know(task);
    const tasks = this.tasks;
    if (tasks.at[task] === TaskAt.QUEUED) {
      this.#unqueue(task);
      this.#queue(task, to);
    } else if (tasks.at[task] === TaskAt.OFF) {
      tasks.cpu[task] = to;
    }
  }

  /** The task may run on the CPUs of a mask of the tables. */
  bind(task: number, mask: number): void {
    this.know(task);
    const set = (this.#setOfMask[mask] ??= this.#wasted.affinity.register(this.#tables.masks[mask]!));
    const queued = this.tasks.at[task] === TaskAt.QUEUED;
    if (queued) this.#unqueue(task);
    this.tasks.affinity[task] = set;
    if (queued) this.#queue(task, this.tasks.cpu[task]!);
  }

  rename(task: number, comm: number): void {
    this.know(task);
    const entry = { ...this.#tables.tasks[task]!, comm: this.#tables.strings[comm]! };
    this.tasks.kind[task] = this.#kinds.id(this.#kindOf(entry));
  }

  /** The task, if it has not been mentioned before, is born now. */
  born(task: number): void {
    if (this.#isKnown(task)) return;
    this.know(task);
    this.tasks.bornNs[task] = this.#nowNs;
  }

  exit(task: number): void {
    this.know(task);
    this.tasks.exitNs[task] = this.#nowNs;
  }

  /** A balance pass begins or ends on the CPU. */
  setInPass(cpu: number, inPass: boolean): void {
    this.#inPass[cpu] = inPass ? 1 : 0;
    this.#updateCpu(cpu);
  }

  /** Newidle balancing begins or ends on the CPU; the task that still is current has gone to sleep. */
  setInNewidle(cpu: number, inNewidle: boolean): void {
    if (inNewidle) {
      const task = this.#current[cpu]!;
      if (task >= 0 && this.#inNewidle[cpu] === 0) this.#countRun(task);
      this.#inNewidle[cpu] = 1;
    } else {
      this.#resumeRun(cpu);
    }
    this.#updateCpu(cpu);
  }

  /** Fills in the columns of a task at its first mention. Unless it is seen to be born, it is as old as the trace. */
  know(task: number): void {
    if (this.#isKnown(task)) return;
    const tasks = this.tasks;
    while (tasks.length <= task) tasks.add();
    const entry = this.#tables.tasks[task]!;
    tasks.bornNs[task] = this.#startNs;
    tasks.kind[task] = this.#kinds.id(this.#kindOf(entry));
    tasks.affinity[task] = entry.kthread ? this.#affinityOfKthread(entry.comm) : ANYWHERE;
  }

  #isKnown(task: number): boolean {
    return task < this.tasks.length && this.tasks.bornNs[task] !== NO_TIME;
  }

  #switchIn(task: number, cpu: number): void {
    const tasks = this.tasks;
    if (tasks.at[task] === TaskAt.RUNNING) this.#stopElsewhere(task, cpu);
    this.#run(task, cpu);
    const woken = tasks.wokenNs[task]!;
    if (woken === NO_TIME) return;
    tasks.wokenNs[task] = NO_TIME;
    if (this.#nowNs >= this.#fromNs && tasks.kind[task]! >= 0) {
      this.#workload.woke(tasks.kind[task]!, this.#nowNs - woken);
    }
  }

  /** Events were lost: `prev` has been running on the CPU. */
  #correctCurrent(cpu: number, prev: number): void {
    this.nrCorrected++;
    const current = this.#current[cpu]!;
    if (current >= 0) {
      this.#countRun(current);
      this.tasks.at[current] = TaskAt.OFF;
    }
    if (prev < 0) return;
    this.know(prev);
    if (this.tasks.at[prev] === TaskAt.RUNNING) this.#stopElsewhere(prev, cpu);
    this.#run(prev, cpu);
    this.tasks.wokenNs[prev] = NO_TIME;
  }

  /** Events were lost: the task left the CPU that it was known to run on. */
  #stopElsewhere(task: number, cpu: number): void {
    const elsewhere = this.tasks.cpu[task]!;
    this.#countRun(task);
    if (elsewhere === cpu || this.#current[elsewhere] !== task) return;
    this.nrCorrected++;
    this.#current[elsewhere] = -1;
    this.#updateCpu(elsewhere);
  }

  /** The task begins to wait on the CPU. */
  #queue(task: number, cpu: number): void {
    const tasks = this.tasks;
    tasks.at[task] = TaskAt.QUEUED;
    tasks.cpu[task] = cpu;
    if (tasks.isRt[task] === 1 || cpu >= this.#current.length) return;
    tasks.waits[task] = 1;
    tasks.waitSinceNs[task] = this.#nowNs;
    this.#wasted.beginWait(cpu, tasks.affinity[task]!);
  }

  #unqueue(task: number): void {
    const tasks = this.tasks;
    if (tasks.waits[task] === 0) return;
    tasks.waits[task] = 0;
    this.#wasted.endWait(task, tasks.cpu[task]!, tasks.affinity[task]!, tasks.waitSinceNs[task]!);
  }

  #run(task: number, cpu: number): void {
    const tasks = this.tasks;
    if (tasks.at[task] === TaskAt.QUEUED) this.#unqueue(task);
    tasks.at[task] = TaskAt.RUNNING;
    tasks.cpu[task] = cpu;
    tasks.runSinceNs[task] = this.#nowNs;
  }

  #countRun(task: number): void {
    const tasks = this.tasks;
    tasks.cpuNs[task]! += this.#nowNs - tasks.runSinceNs[task]!;
    tasks.runSinceNs[task] = this.#nowNs;
  }

  #resumeRun(cpu: number): void {
    const task = this.#current[cpu]!;
    if (task >= 0 && this.#inNewidle[cpu] === 1) this.tasks.runSinceNs[task] = this.#nowNs;
    this.#inNewidle[cpu] = 0;
  }

  #updateCpu(cpu: number): void {
    this.#wasted.setCpu(cpu, this.#current[cpu]! >= 0, this.#inPass[cpu] === 1 || this.#inNewidle[cpu] === 1);
  }

  #setPrio(task: number, prio: number): void {
    if (prio >= 0) this.tasks.isRt[task] = prio < MAX_RT_PRIO ? 1 : 0;
  }

  #affinityOfKthread(comm: string): number {
    const cpu = boundCpuOf(comm);
    return cpu < 0 || cpu >= this.#current.length ? ANYWHERE : this.#wasted.affinity.register([cpu]);
  }
}

/** The CPU that a kernel thread of this name is bound to, or -1. */
export function boundCpuOf(comm: string): number {
  const m = BOUND_KTHREAD.exec(comm);
  return m === null ? -1 : Number(m[1]);
}
