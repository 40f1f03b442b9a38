/**
 * Which whole cores idle, one sparse mask an LLC: the core's bit, at its lowest CPU, is set when the last of its threads enters
 * the idle task and cleared when the first leaves it. @spec 20 §8, 21 §6
 *
 * In place of the hint of an LLC (`has_idle_cores`), which says that there may be one and leaves the search to whoever
 * wants it.
 */
import { k } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';
import type { LlcMap } from './llc-map.ts';
import { LlcMask } from './llc-mask.ts';
import { SPARSE } from './sparsemask.ts';

export class IdleCores {
  readonly cores: LlcMask;
  /** Threads of each core that idle, by its lowest CPU. */
  readonly #idle: Uint8Array;

  constructor(nrCpus: number) {
    this.cores = new LlcMask(nrCpus, SPARSE);
    this.#idle = new Uint8Array(nrCpus);
  }

  started(llcs: LlcMap): void {
    this.cores.started(llcs);
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if (k.cpuActive[cpu] === 0 || rq.curr[cpu] !== cpu) continue;
      const core = coreOf(cpu);
      if (++this.#idle[core]! === k.siblings[core]!.length) this.cores.put(core, true);
    }
  }

  entered(cpu: number): void {
    if (k.cpuActive[cpu] === 0) return;
    const core = coreOf(cpu);
    if (++this.#idle[core]! === k.siblings[core]!.length) this.cores.add(core);
  }

  left(cpu: number): void {
    if (k.cpuActive[cpu] === 0) return;
    const core = coreOf(cpu);
    if (this.#idle[core]!-- === k.siblings[core]!.length) this.cores.delete(core);
  }

  /** What is wrong with the mask, or null. */
  checkBooks(): string | null {
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if (k.cpuActive[cpu] === 0 || coreOf(cpu) !== cpu) continue;
      const all = this.#idle[cpu] === k.siblings[cpu]!.length;
      if (all !== this.cores.has(cpu)) return `core ${cpu} is wrongly among the idle cores or missing there`;
      if (this.#idle[cpu]! > k.siblings[cpu]!.length) return `core ${cpu} has more idle threads than threads`;
    }
    return null;
  }
}

function coreOf(cpu: number): number {
  return k.siblings[cpu]![0]!;
}
