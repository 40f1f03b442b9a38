/**
 * The sets of CPUs tasks may run on. Few different ones occur, so each is kept once and tasks refer to it by number;
 * number 0 is all CPUs of the machine.
 */
import { type CpuMask, fullMask, maskCpus, maskOf } from '../machine/cpumask.ts';

export class AffinityPool {
  readonly words: number;
  readonly #nrCpus: number;
  /** Masks one after the other. */
  bits: Uint32Array;
  #weights: number[] = [];
  #lists: Int32Array[] = [];
  #ids = new Map<string, number>();

  constructor(nrCpus: number) {
    this.#nrCpus = nrCpus;
    this.words = (nrCpus + 31) >>> 5;
    this.bits = new Uint32Array(this.words * 4);
    this.#add(fullMask(nrCpus));
  }

  /** Number of the set; `cpus` must be CPUs of the machine. */
  of(cpus: Iterable<number>): number {
    return this.#add(maskOf(this.#nrCpus, cpus));
  }

  weight(id: number): number {
    return this.#weights[id]!;
  }

  /** The CPUs of the set, ascending. */
  list(id: number): Int32Array {
    return this.#lists[id]!;
  }

  has(id: number, cpu: number): boolean {
    return (this.bits[id * this.words + (cpu >>> 5)]! & (1 << (cpu & 31))) !== 0;
  }

  #add(mask: CpuMask): number {
    const key = mask.join(',');
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const id = this.#weights.length;
    if ((id + 1) * this.words > this.bits.length) {
      const bits = new Uint32Array(this.bits.length * 2);
      bits.set(this.bits);
      this.bits = bits;
    }
    this.bits.set(mask, id * this.words);
    const list = Int32Array.from(maskCpus(mask));
    this.#weights.push(list.length);
    this.#lists.push(list);
    this.#ids.set(key, id);
    return id;
  }
}
