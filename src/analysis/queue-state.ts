/**
 * Who runs and who waits where, CPU by CPU, from the events of a trace: for those who look at the whole machine now and
 * then (the sampled checker, pictures). What it knows can be listed, which the counters of `WastedTime` cannot.
 *
 * As `RunTracker` does, it believes switches, and takes kernel threads named after a CPU to be bound to it.
 */
import { Ev, type EventKind } from '../trace/events.ts';
import type { TraceTables } from '../trace/sink.ts';
import { boundCpuOf } from './run-tracker.ts';

const NOWHERE = -1;
const STATE_MASK = 255;
const MAX_RT_PRIO = 100;
const NICE_0_PRIO = 120;
/** Weight of nice 0; each step of nice is worth a quarter more or less. */
const NICE_0_WEIGHT = 1024;
const WEIGHT_STEP = 1.25;
/** Of a mask that has not been named: anywhere. */
const ANY_MASK = -1;

export class QueueState {
  /** Task that runs on each CPU, or -1. */
  readonly current: Int32Array;
  /** Tasks that wait on each CPU, in no order. */
  readonly waiting: readonly number[][];
  /** Sum of the weights of the fair tasks that run or wait there; those of task groups are not known of a trace. */
  readonly load: Float64Array;
  readonly #tables: TraceTables;
  readonly #where: number[] = [];
  readonly #prio: number[] = [];
  readonly #mask: number[] = [];
  readonly #member: Uint8Array[] = [];

  constructor(tables: TraceTables) {
    const { nrCpus } = tables.topology;
    this.#tables = tables;
    this.current = new Int32Array(nrCpus).fill(NOWHERE);
    this.waiting = Array.from({ length: nrCpus }, () => []);
    this.load = new Float64Array(nrCpus);
    tables.initialCurrent?.forEach((task, cpu) => {
      if (task >= 0) this.#run(task, cpu);
    });
  }

  /** Running and waiting tasks of a CPU. */
  nrRunnable(cpu: number): number {
    return this.waiting[cpu]!.length + (this.current[cpu]! >= 0 ? 1 : 0);
  }

  isIdle(cpu: number): boolean {
    return this.#tables.topology.online[cpu] === 1 && this.nrRunnable(cpu) === 0;
  }

  /** The task runs or waits. */
  isQueued(task: number): boolean {
    return (this.#where[task] ?? NOWHERE) !== NOWHERE;
  }

  isFair(task: number): boolean {
    return (this.#prio[task] ?? NICE_0_PRIO) >= MAX_RT_PRIO;
  }

  allowed(task: number, cpu: number): boolean {
    const mask = this.#mask[task] ?? ANY_MASK;
    if (mask !== ANY_MASK) return this.#members(mask)[cpu] === 1;
    const { comm, kthread } = this.#tables.tasks[task]!;
    const bound = kthread ? boundCpuOf(comm) : NOWHERE;
    return bound === NOWHERE || bound === cpu;
  }

  /** A fair task that waits on `from` and may run on `to`, or -1. */
  movable(from: number, to: number): number {
    for (const task of this.waiting[from]!) if (this.isFair(task) && this.allowed(task, to)) return task;
    return NOWHERE;
  }

  event(kind: EventKind, cpu: number, task: number, args: Float64Array): void {
    switch (kind) {
      case Ev.SCHED_SWITCH: {
        const next = args[0]!;
        if (task >= 0) {
          this.#leave(task);
          this.#prio[task] = args[2]!;
          if ((args[1]! & STATE_MASK) === 0) this.#wait(task, cpu);
        }
        if (next < 0) return;
        this.#leave(next);
        this.#prio[next] = args[3]!;
        this.#run(next, cpu);
        break;
      }
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        if (this.#isRunning(task)) return;
        this.#leave(task);
        this.#prio[task] = args[1]!;
        this.#wait(task, args[0]!);
        break;
      case Ev.SCHED_MIGRATE_TASK:
        if (!this.isQueued(task) || this.#isRunning(task)) return;
        this.#leave(task);
        this.#wait(task, args[1]!);
        break;
      case Ev.AFFINITY:
        this.#mask[task] = args[0]!;
        break;
    }
  }

  #isRunning(task: number): boolean {
    const cpu = this.#where[task] ?? NOWHERE;
    return cpu !== NOWHERE && this.current[cpu] === task;
  }

  #run(task: number, cpu: number): void {
    this.current[cpu] = task;
    this.#where[task] = cpu;
    this.load[cpu]! += this.#weight(task);
  }

  #wait(task: number, cpu: number): void {
    if (cpu < 0 || cpu >= this.waiting.length) return;
    this.waiting[cpu]!.push(task);
    this.#where[task] = cpu;
    this.load[cpu]! += this.#weight(task);
  }

  #leave(task: number): void {
    const cpu = this.#where[task] ?? NOWHERE;
    if (cpu === NOWHERE) return;
    this.#where[task] = NOWHERE;
    this.load[cpu]! -= this.#weight(task);
    if (this.current[cpu] === task) {
      this.current[cpu] = NOWHERE;
      return;
    }
    const queue = this.waiting[cpu]!;
    queue.splice(queue.indexOf(task), 1);
  }

  /** Of a whole number, so that sums come back to 0. */
  #weight(task: number): number {
    const prio = this.#prio[task] ?? NICE_0_PRIO;
    return prio < MAX_RT_PRIO ? 0 : Math.round(NICE_0_WEIGHT / WEIGHT_STEP ** (prio - NICE_0_PRIO));
  }

  #members(mask: number): Uint8Array {
    let member = this.#member[mask];
    if (member === undefined) {
      member = this.#member[mask] = new Uint8Array(this.waiting.length);
      for (const cpu of this.#tables.masks[mask]!) if (cpu < member.length) member[cpu] = 1;
    }
    return member;
  }
}
