/**
 * A set of CPUs that is kept for each LLC apart: the CPUs of an LLC share cache lines of the mask only with each other. Who
 * changes or reads it pays for the line. @spec 20 §2, 21 §4
 */
import { k } from '../sched/kernel.ts';
import { atomicOn, readFrom } from '../sched/line-access.ts';
import { allocateLines, CPUS_A_LINE } from '../sched/shared-lines.ts';
import type { LlcMap } from './llc-map.ts';
import { SparseMask } from './sparsemask.ts';

/** The density of a mask whose bits are packed. */
export const PACKED = Math.log2(CPUS_A_LINE);

export class LlcMask {
  readonly #density: number;
  readonly #firstLine: number;
  #of: Int32Array = new Int32Array(0);
  #masks: readonly SparseMask[] = [];
  /** The line that a CPU's bit is in. */
  #line = new Int32Array(0);
  /** Bits set and cleared so far. */
  atomics = 0;

  /** 2^density CPUs share a line. */
  constructor(nrCpus: number, density: number) {
    this.#density = density;
    // An LLC has at most as many lines as it has CPUs.
    this.#firstLine = allocateLines(nrCpus);
  }

  started(llcs: LlcMap): void {
    const { nrCpus } = k;
    this.#of = llcs.of;
    this.#masks = llcs.cpus.map(() => new SparseMask(nrCpus, this.#density));
    this.#line = new Int32Array(nrCpus);
    let next = this.#firstLine;
    for (const cpus of llcs.cpus) {
      const lines = new Map<number, number>();
      for (const cpu of cpus) {
        const chunk = cpu >>> this.#density;
        if (!lines.has(chunk)) lines.set(chunk, next++);
        this.#line[cpu] = lines.get(chunk)!;
      }
    }
  }

  /** The bits are kept in lines that belong to something else. */
  lieIn(lineOf: (cpu: number) => number): void {
    for (let cpu = 0; cpu < this.#line.length; cpu++) this.#line[cpu] = lineOf(cpu);
  }

  has(cpu: number): boolean {
    return this.#masks[this.#of[cpu]!]!.has(cpu);
  }

  /** Members in an LLC. */
  count(llc: number): number {
    return this.#masks[llc]!.count;
  }

  /** Without the charge: what another mechanism has paid for. */
  put(cpu: number, member: boolean): void {
    const mask = this.#masks[this.#of[cpu]!]!;
    if (member) mask.add(cpu);
    else mask.delete(cpu);
  }

  add(cpu: number): void {
    this.put(cpu, true);
    this.#write(cpu);
  }

  delete(cpu: number): void {
    this.put(cpu, false);
    this.#write(cpu);
  }

  #write(cpu: number): void {
    this.atomics++;
    atomicOn(this.#line[cpu]!);
  }

  /** The line of the CPU's bit is read. */
  read(cpu: number): void {
    readFrom(this.#line[cpu]!);
  }

  /** How far up from CPU `origin`, cyclically, the first member of the LLC is that is at least `offset` away; -1: none. */
  next(llc: number, origin: number, offset: number): number {
    return this.#masks[llc]!.next(origin, offset);
  }
}
