/**
 * Which jiffy it was. No event tells it, but each pass leaves the jiffy of its end in the domain, and the next one shows
 * it; and ticks raise softirqs. All ticks of the recorded machine come at one phase; who of the CPUs is first, and who
 * counts the jiffy, differs, so near a tick it may be the one or the other.
 *
 *   jiffy      J-1    │ J or J-1 │            J             │ J or J+1 │
 *                     tick       + LATE                     tick - EARLY
 *
 * Jiffies are never early: whatever saw J came after the tick of J.
 */

/** A CPU may be this late in counting, ns; and this is how exactly the phase is known. */
const LATE_NS = 500_000;
const EARLY_NS = 60_000;
/** A raised softirq belongs to a tick if it comes within this after what is known of the phase. */
const TICK_WINDOW_NS = 400_000;

export class Jiffies {
  readonly #tickNs: number;
  /** What was seen: jiffy `#jiffy[i]` at `#time[i]`, in any order until `settle`. */
  readonly #seen: { readonly timeNs: number; readonly jiffy: number }[] = [];
  readonly #ticks: number[] = [];
  /** When jiffy 0 began. */
  #originNs = 0;

  constructor(hz: number) {
    this.#tickNs = 1_000_000_000 / hz;
  }

  saw(timeNs: number, jiffy: number): void {
    this.#seen.push({ timeNs, jiffy });
  }

  /** Something that happens in ticks. */
  tick(timeNs: number): void {
    this.#ticks.push(timeNs);
  }

  /** Everything has been seen. False if nothing has. */
  settle(): boolean {
    const seen = this.#seen;
    if (seen.length === 0) return false;
    seen.sort((a, b) => a.timeNs - b.timeNs);
    let origin = Number.POSITIVE_INFINITY;
    for (const { timeNs, jiffy } of seen) origin = Math.min(origin, timeNs - jiffy * this.#tickNs);
    let earliest = 0;
    for (const timeNs of this.#ticks) {
      const before = this.#tickNs - modulo(timeNs - origin, this.#tickNs);
      if (before < TICK_WINDOW_NS) earliest = Math.max(earliest, before);
    }
    this.#originNs = origin - earliest;
    return true;
  }

  /** The least and the most that jiffies can have been. */
  between(timeNs: number): [number, number] {
    const since = timeNs - this.#originNs;
    const jiffy = Math.floor(since / this.#tickNs);
    const phase = since - jiffy * this.#tickNs;
    let least = phase < LATE_NS ? jiffy - 1 : jiffy;
    let most = phase > this.#tickNs - EARLY_NS ? jiffy + 1 : jiffy;
    if (least === most) return [least, most];
    const seen = this.#seen;
    let low = 0;
    for (let high = seen.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if (seen[middle]!.timeNs <= timeNs) low = middle + 1;
      else high = middle;
    }
    if (low > 0) least = Math.max(least, seen[low - 1]!.jiffy);
    if (low < seen.length) most = Math.min(most, seen[low]!.jiffy);
    return [least, Math.max(least, most)];
  }
}

function modulo(a: number, b: number): number {
  return a - Math.floor(a / b) * b;
}
