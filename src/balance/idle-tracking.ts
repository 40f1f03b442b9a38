/**
 * Which idle CPUs a push can see: for each LLC a mask, kept in one of these ways. @spec 21 §4-5
 *
 *   nohz_global, nohz_llc   when the tick is stopped          until the first busy tick: a bit may be stale that long
 *   all_llc, all_sharded    when the idle task is entered     until it is left: exact
 *   all_llc_lazy            when the idle task is entered     until somebody finds it wrong, or the first busy tick
 *
 * The bits of the first two are those of nohz balancing, in its cache lines, and it pays for setting and clearing them; here
 * is what is read, and what a claim takes out of the mask.
 */

import { tickRuns } from '../sched/idle.ts';
import { k } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';
import { CPUS_A_LINE, Line } from '../sched/shared-lines.ts';
import type { LlcMap } from './llc-map.ts';
import { LlcMask, PACKED } from './llc-mask.ts';
import type { IdleTunables } from './mechanisms.ts';
import type { NohzLlcs } from './nohz-llcs.ts';
import { SPARSE } from './sparsemask.ts';

export class IdleTracking {
  readonly cpus: LlcMask;
  readonly #nohz: boolean;
  readonly #nohzLlcs: NohzLlcs | null;
  readonly #lazy: boolean;

  constructor(nrCpus: number, { tracking }: IdleTunables, nohzLlcs: NohzLlcs | null) {
    this.cpus = new LlcMask(nrCpus, tracking === 'all_sharded' ? SPARSE : PACKED);
    this.#nohz = tracking === 'nohz_global' || tracking === 'nohz_llc';
    this.#nohzLlcs = nohzLlcs;
    this.#lazy = tracking === 'all_llc_lazy';
  }

  started(llcs: LlcMap): void {
    this.cpus.started(llcs);
    if (this.#nohz) {
      this.cpus.lieIn((cpu) => this.#nohzLlcs?.lineOf[cpu] ?? Line.NOHZ_MASK + Math.floor(cpu / CPUS_A_LINE));
      return;
    }
    for (let cpu = 0; cpu < k.nrCpus; cpu++) this.cpus.put(cpu, k.cpuActive[cpu] !== 0 && rq.curr[cpu] === cpu);
  }

  /** The tick of the idle CPU has been stopped. */
  tickStopped(cpu: number): void {
    if (this.#nohz && k.cpuActive[cpu] !== 0 && k.sd.lowest[cpu]! >= 0) this.cpus.put(cpu, true);
  }

  /** A tick. */
  ticked(cpu: number): void {
    if (rq.idleBalance[cpu] !== 0 || !this.cpus.has(cpu)) return;
    if (this.#nohz) this.cpus.put(cpu, false);
    else this.cpus.delete(cpu);
  }

  idleEntered(cpu: number): void {
    if (this.#nohz || k.cpuActive[cpu] === 0) return;
    // A stale bit is good again.
    if (this.cpus.has(cpu)) this.cpus.read(cpu);
    else this.cpus.add(cpu);
  }

  idleLeft(cpu: number): void {
    if (!this.#nohz && !this.#lazy && this.cpus.has(cpu)) this.cpus.delete(cpu);
  }

  /**
   * A search has come to the CPU and found that it does not idle. A CPU that only waits for what was promised to it keeps
   * its bit: nothing may come after all, and then it would not be seen again in this spell.
   */
  foundWrong(cpu: number): void {
    if (this.#lazy && rq.curr[cpu] !== cpu && this.cpus.has(cpu)) this.cpus.delete(cpu);
  }

  /** Takes the bit out of the mask for good; false if somebody else was first. */
  take(cpu: number): boolean {
    const had = this.cpus.has(cpu);
    this.cpus.delete(cpu);
    return had;
  }

  /** Nothing comes to the CPU that was taken: if it idles on, it is to be seen again. */
  giveBack(cpu: number): void {
    const visible = this.#nohz ? rq.nohzTickStopped[cpu] !== 0 : rq.curr[cpu] === cpu;
    if (visible && !this.cpus.has(cpu)) this.cpus.add(cpu);
  }

  /** Is this CPU, of which it is known that it waits in the idle loop, missing from the mask? */
  misses(cpu: number): boolean {
    if (this.#nohz) return rq.nohzTickStopped[cpu] !== 0 && !this.cpus.has(cpu) && !tickRuns(cpu);
    return k.cpuActive[cpu] !== 0 && !this.cpus.has(cpu);
  }
}
