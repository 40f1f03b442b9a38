/**
 * The tickless CPUs by LLC: of each LLC a mask and a count, and one global count of LLCs that have any, which is written only
 * when the first CPU of an LLC stops its tick or the last one runs it again. Who needs all of them walks the list of LLCs.
 * @spec 21 §4
 *
 *   list   LLC 0 (CPUs 0 1 8 9)   LLC 1 (CPUs 2 3 10 11)   ...        CPUs without a cache domain are in one of their own
 *   place    0 1 2 3                4 5 6 7
 */
import { k } from '../sched/kernel.ts';
import { atomicOn, readFrom } from '../sched/line-access.ts';
import { allocateLines, CPUS_A_LINE, Line } from '../sched/shared-lines.ts';

export class NohzLlcs {
  /** A bit for each place in the list. */
  readonly mask: Uint32Array;
  /** The place of each CPU, and the CPU of each place. */
  readonly placeOf: Int32Array;
  readonly cpuAt: Int32Array;
  /** Of each CPU the line that its bit, and the count of its LLC, is in. */
  readonly lineOf: Int32Array;
  readonly #firstLine: number;
  readonly #llcOf: Int32Array;
  #count = new Int32Array(0);
  /** LLCs with tickless CPUs: the global count. */
  llcs = 0;

  constructor(nrCpus: number) {
    this.mask = new Uint32Array((nrCpus + 31) >>> 5);
    this.placeOf = new Int32Array(nrCpus);
    this.cpuAt = new Int32Array(nrCpus);
    this.lineOf = new Int32Array(nrCpus);
    this.#llcOf = new Int32Array(nrCpus);
    this.#firstLine = allocateLines(nrCpus);
  }

  started(): void {
    const { sdLlc, llcId } = k.sd.tree;
    const fallback = -1;
    const members = new Map<number, number[]>();
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      const id = sdLlc[cpu]! < 0 ? fallback : llcId[cpu]!;
      if (!members.has(id)) members.set(id, []);
      members.get(id)!.push(cpu);
    }
    this.#count = new Int32Array(members.size);
    let place = 0;
    let llc = 0;
    let line = this.#firstLine;
    for (const cpus of members.values()) {
      cpus.forEach((cpu, i) => {
        if (i > 0 && i % CPUS_A_LINE === 0) line++;
        this.lineOf[cpu] = line;
        this.#llcOf[cpu] = llc;
        this.placeOf[cpu] = place;
        this.cpuAt[place++] = cpu;
      });
      line++;
      llc++;
    }
  }

  /** The tick of the CPU was stopped (`member`), or runs again; true if the global count changed. */
  set(cpu: number, member: boolean): boolean {
    const place = this.placeOf[cpu]!;
    const llc = this.#llcOf[cpu]!;
    const step = member ? 1 : -1;
    if (member) this.mask[place >>> 5]! |= 1 << (place & 31);
    else this.mask[place >>> 5]! &= ~(1 << (place & 31));
    atomicOn(this.lineOf[cpu]!);
    this.#count[llc]! += step;
    if (this.#count[llc] !== (member ? 1 : 0)) return false;
    this.llcs += step;
    atomicOn(Line.NOHZ);
    return true;
  }

  /** The executing CPU looks at the mask of every LLC. */
  readAll(): void {
    let last = -1;
    for (const cpu of this.cpuAt) {
      const line = this.lineOf[cpu]!;
      if (line !== last) readFrom(line);
      last = line;
    }
  }

  /** What is wrong with the masks, or null. */
  checkBooks(): string | null {
    const count = new Int32Array(this.#count.length);
    const { idleCpusMask } = k.nohz;
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      const place = this.placeOf[cpu]!;
      const here = (this.mask[place >>> 5]! & (1 << (place & 31))) !== 0;
      if (here !== ((idleCpusMask[cpu >>> 5]! & (1 << (cpu & 31))) !== 0)) {
        return `CPU ${cpu} is wrongly in the mask of its LLC or missing there`;
      }
      if (here) count[this.#llcOf[cpu]!]! += 1;
    }
    const llc = count.findIndex((n, i) => n !== this.#count[i]);
    if (llc >= 0) return `LLC ${llc} has ${count[llc]} CPUs without a tick, not ${this.#count[llc]}`;
    const llcs = count.filter((n) => n > 0).length;
    return llcs === this.llcs ? null : `${llcs} LLCs have CPUs without a tick, not ${this.llcs}`;
  }
}
