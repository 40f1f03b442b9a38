/**
 * The data of the pictures of "a decade of wasted cores": what each CPU had to run over time, what the balancer looked at,
 * and where tasks were sent.
 *
 *   bins of time ►   ┌──┬──┬──┬──┐     runnable    tasks that run or wait, mean over the bin
 *   CPU 0            │  │  │  │  │     load        sum of their weights, mean over the bin
 *   CPU 1            │  │  │  │  │     considered  decisions that looked at the CPU; null: none were recorded
 *   ...              └──┴──┴──┴──┘     arrows      wakeups, forks and migrations, from CPU to CPU
 *
 * An arrow is `overloaded` if the task was put on a CPU that had something to run while an idle CPU was there for it. How
 * long the trace will be is not known: bins begin small and are joined in pairs when there would be too many. @spec 23 §6
 */
import type { Topology } from '../machine/topology.ts';
import { Ev, type EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables } from '../trace/sink.ts';
import { QueueState } from './queue-state.ts';

export interface HeatMapOptions {
  /** Bins at most, an even number; there will be more than half of them. Default: 1024. */
  readonly maxBins?: number;
}

export interface Arrow {
  readonly timeNs: number;
  readonly kind: 'wakeup' | 'fork' | 'migration';
  readonly task: string;
  /** The CPU that woke or forked it, or that it leaves. */
  readonly from: number;
  readonly to: number;
  readonly isOverloaded: boolean;
}

export interface HeatMapData {
  readonly topology: Topology;
  readonly startNs: number;
  readonly endNs: number;
  readonly binNs: number;
  /** By CPU, then bin. */
  readonly runnable: readonly (readonly number[])[];
  readonly load: readonly (readonly number[])[];
  readonly considered: readonly (readonly number[])[] | null;
  readonly arrows: readonly Arrow[];
  /** Arrows that there was no room for. */
  readonly nrMoreArrows: number;
}

const FIRST_BIN_NS = 1000;
const MAX_ARROWS = 100_000;

export class HeatMap implements TraceSink {
  readonly #maxBins: number;
  #binNs = FIRST_BIN_NS;
  #tables!: TraceTables;
  #state!: QueueState;
  #startNs = 0;
  #endNs = 0;
  /** By CPU and bin: [cpu * maxBins + bin]; time integrals, ns. */
  #runnable!: Float64Array;
  #load!: Float64Array;
  #considered!: Float64Array;
  #sawDecisions = false;
  /** By CPU: counted up to here. */
  #countedNs!: Float64Array;
  readonly #arrows: Arrow[] = [];
  #nrMoreArrows = 0;

  constructor({ maxBins = 1024 }: HeatMapOptions = {}) {
    if (!(Number.isInteger(maxBins) && maxBins >= 2 && maxBins % 2 === 0)) {
      throw new RangeError(`a heat map cannot have ${maxBins} bins: they are joined in pairs`);
    }
    this.#maxBins = maxBins;
  }

  begin(tables: TraceTables, startNs: number): void {
    const { nrCpus } = tables.topology;
    this.#tables = tables;
    this.#state = new QueueState(tables);
    this.#startNs = startNs;
    this.#runnable = new Float64Array(nrCpus * this.#maxBins);
    this.#load = new Float64Array(nrCpus * this.#maxBins);
    this.#considered = new Float64Array(nrCpus * this.#maxBins);
    this.#countedNs = new Float64Array(nrCpus).fill(startNs);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#count(cpu, timeNs);
        break;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW: {
        const to = args[0]!;
        this.#count(to, timeNs);
        this.#arrow(timeNs, kind === Ev.SCHED_WAKEUP ? 'wakeup' : 'fork', task, cpu, to);
        break;
      }
      case Ev.SCHED_MIGRATE_TASK:
        this.#count(args[0]!, timeNs);
        this.#count(args[1]!, timeNs);
        // A task that sleeps is migrated by its wakeup, which has an arrow of its own.
        if (this.#state.isQueued(task)) this.#arrow(timeNs, 'migration', task, args[0]!, args[1]!);
        break;
      case Ev.DECISION_CPUS:
      case Ev.DECISION_GROUP: {
        this.#sawDecisions = true;
        const bin = this.#binOf(timeNs);
        for (const looked of this.#tables.masks[args[0]!] ?? []) this.#considered[looked * this.#maxBins + bin]! += 1;
        return;
      }
    }
    this.#state.event(kind, cpu, task, args);
  }

  end(endNs: number): void {
    this.#endNs = endNs;
    for (let cpu = 0; cpu < this.#countedNs.length; cpu++) this.#count(cpu, endNs);
  }

  /** The trace must have ended. */
  data(): HeatMapData {
    const nrBins = Math.ceil((this.#endNs - this.#startNs) / this.#binNs);
    const rows = (table: Float64Array, value: (x: number, lengthNs: number) => number) =>
      Array.from(this.#countedNs, (_, cpu) =>
        Array.from({ length: nrBins }, (_, bin) => {
          const lengthNs = Math.min(this.#binNs, this.#endNs - this.#startNs - bin * this.#binNs);
          return value(table[cpu * this.#maxBins + bin]!, lengthNs);
        }),
      );
    const mean = (integral: number, lengthNs: number) => integral / lengthNs;
    return {
      topology: this.#tables.topology,
      startNs: this.#startNs,
      endNs: this.#endNs,
      binNs: this.#binNs,
      runnable: rows(this.#runnable, mean),
      load: rows(this.#load, mean),
      considered: this.#sawDecisions ? rows(this.#considered, (n) => n) : null,
      arrows: this.#arrows,
      nrMoreArrows: this.#nrMoreArrows,
    };
  }

  /** What the CPU has had to run since it was last looked at goes into the bins. */
  #count(cpu: number, nowNs: number): void {
    const nr = this.#state.nrRunnable(cpu);
    const load = this.#state.load[cpu]!;
    let from = this.#countedNs[cpu]!;
    this.#countedNs[cpu] = nowNs;
    if (nr === 0 || from >= nowNs) return;
    // The last moment that counts: bins are joined before anything is put into them.
    this.#binOf(nowNs - 1);
    while (from < nowNs) {
      const bin = this.#binOf(from);
      const to = Math.min(nowNs, this.#startNs + (bin + 1) * this.#binNs);
      this.#runnable[cpu * this.#maxBins + bin]! += nr * (to - from);
      this.#load[cpu * this.#maxBins + bin]! += load * (to - from);
      from = to;
    }
  }

  /** The bin of a moment, which there is room for afterwards. */
  #binOf(timeNs: number): number {
    for (;;) {
      const bin = Math.floor((timeNs - this.#startNs) / this.#binNs);
      if (bin < this.#maxBins) return bin;
      for (const table of [this.#runnable, this.#load, this.#considered]) this.#joinPairs(table);
      this.#binNs *= 2;
    }
  }

  #joinPairs(table: Float64Array): void {
    const half = this.#maxBins / 2;
    for (let row = 0; row < table.length; row += this.#maxBins) {
      for (let bin = 0; bin < half; bin++) table[row + bin] = table[row + 2 * bin]! + table[row + 2 * bin + 1]!;
      table.fill(0, row + half, row + this.#maxBins);
    }
  }

  #arrow(timeNs: number, kind: Arrow['kind'], task: number, from: number, to: number): void {
    if (this.#arrows.length === MAX_ARROWS) {
      this.#nrMoreArrows++;
      return;
    }
    const isOverloaded = kind !== 'migration' && this.#state.nrRunnable(to) > 0 && this.#hasIdleFor(task);
    this.#arrows.push({ timeNs, kind, task: this.#tables.tasks[task]!.comm, from, to, isOverloaded });
  }

  #hasIdleFor(task: number): boolean {
    for (let cpu = 0; cpu < this.#countedNs.length; cpu++) {
      if (this.#state.isIdle(cpu) && this.#state.allowed(task, cpu)) return true;
    }
    return false;
  }
}
