/** The queues of the real-time class: per CPU one FIFO list a priority. @spec 08 §2 */

/** Priorities 0 (best) to 98; deadline tasks at -1 use list 0 of their own. */
export const NR_RT_LISTS = 100;
/** rt.highest_prio of a runqueue without RT tasks: of no use to any RT task, level 0 of cpupri. @spec 08 §3 */
export const NO_RT_PRIO = 99;

/** The lists: heads and tails by CPU and list. */
export class RtLists {
  readonly head: Int32Array;
  readonly tail: Int32Array;
  /** Rotates the choice among equally good CPUs. */
  distribute = 0;

  constructor(nrCpus: number) {
    this.head = new Int32Array(nrCpus * NR_RT_LISTS).fill(-1);
    this.tail = new Int32Array(nrCpus * NR_RT_LISTS).fill(-1);
  }
}
