/** What a policy file keeps: numbers by task, and sets of CPUs whose cache lines cost what they cost the kernel. */
import { MAX_TASKS } from '../../sched/columns.ts';
import { atomicOn, readFrom } from '../../sched/line-access.ts';
import * as tasks from '../../sched/tasks.ts';
import { SparseMask } from '../sparsemask.ts';

/** A number for each task. Slots of tasks that ended are used again: a new task has the number it begins with. */
export class TaskStore {
  readonly #fill: number;
  readonly #values = new Float64Array(MAX_TASKS);
  /** Of which task the number is, by its id in the trace. */
  readonly #owner = new Int32Array(MAX_TASKS).fill(-1);

  constructor(fill: number) {
    this.#fill = fill;
  }

  get(task: number): number {
    return this.#owner[task] === tasks.traceId[task] ? this.#values[task]! : this.#fill;
  }

  set(task: number, value: number): void {
    this.#owner[task] = tasks.traceId[task]!;
    this.#values[task] = value;
  }
}

/**
 * A set of CPUs in which 2^density share a cache line. `add` and `delete` are locked operations; `has` and a walk read the
 * lines they come to. All are charged to the CPU that executes. @spec 20 §2
 */
export class CpuSet {
  readonly #mask: SparseMask;
  readonly #n: number;
  /** By line of the mask; -1: nobody can be in it, and nobody ever writes it. */
  readonly #lines: Int32Array;

  constructor(n: number, density: number, cpus: readonly number[], allocate: (count: number) => number) {
    this.#n = n;
    this.#mask = new SparseMask(n, density);
    this.#lines = new Int32Array(this.#mask.nrLines).fill(-1);
    const used = [...new Set(cpus.map((cpu) => this.#mask.lineOf(cpu)))];
    if (used.length === 0) return;
    const first = allocate(used.length);
    used.forEach((line, i) => {
      this.#lines[line] = first + i;
    });
  }

  /** CPUs in it. Nothing is charged. */
  get size(): number {
    return this.#mask.count;
  }

  add(cpu: number): void {
    atomicOn(this.#lineOf(cpu));
    this.#mask.add(cpu);
  }

  delete(cpu: number): void {
    atomicOn(this.#lineOf(cpu));
    this.#mask.delete(cpu);
  }

  has(cpu: number): boolean {
    this.#read(cpu);
    return this.#mask.has(cpu);
  }

  /**
   * The walk upward from `origin` and round: how far from it the first member is that is at least `from` away, or -1.
   *
   *   for (let at = set.next(cpu, 0); at >= 0; at = set.next(cpu, at + 1)) look at (cpu + at) % s.nrCpus
   */
  next(origin: number, from: number): number {
    const n = this.#n;
    if (from >= n) return -1;
    const to = this.#mask.next(origin, from);
    if (from === 0) this.#read(origin);
    const end = to < 0 ? n - 1 : to;
    for (let at = this.#mask.nextLine(origin, Math.max(from - 1, 0)); at <= end; at = this.#mask.nextLine(origin, at)) {
      this.#read((origin + at) % n);
    }
    return to;
  }

  #lineOf(cpu: number): number {
    const line = this.#lines[this.#mask.lineOf(cpu)];
    if (line === undefined || line < 0) throw new RangeError(`CPU ${cpu} cannot be in this set`);
    return line;
  }

  #read(cpu: number): void {
    const line = this.#lines[this.#mask.lineOf(cpu)]!;
    if (line >= 0) readFrom(line);
  }
}
