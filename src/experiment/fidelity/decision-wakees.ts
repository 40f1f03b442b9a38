/**
 * How often each task has changed whom it wakes, between bounds: it is counted from the first event of a trace on, but
 * what a task has counted before is not known. Bounds move by the simulator's own rule, in tasks' own rows.  @spec 05 §3.1
 *
 * A tick has passed for certain when two have by the clock; so the time of the last halving is between bounds, too.
 */
import { recordWakee, wakeWide } from '../../balance/wake-affine.ts';
import { k } from '../../sched/kernel.ts';
import * as tasks from '../../sched/tasks.ts';
import { Ev, type EventKind } from '../../trace/events.ts';
import { entityOf, useEntity } from './exact-state.ts';

/** More than any task can have counted: it loses half each second. */
const MOST_FLIPS = 1_000_000;

interface Flips {
  least: number;
  most: number;
  /** Jiffies by the clock, of the last halving: not before, not after. */
  decayedFrom: number;
  decayedTo: number;
  last: number;
}

export class Wakees {
  /** By row. */
  readonly #flips = new Map<number, Flips>();

  /** A new task begins with its parent's count. */
  event(kind: EventKind, task: number, args: Float64Array): void {
    if (kind !== Ev.SCHED_PROCESS_FORK) return;
    this.#flips.set(entityOf(args[0]!), { ...this.#of(entityOf(task)) });
  }

  /** A task is woken, at a jiffy by the clock. */
  wakes(waker: number, wakee: number, jiffy: number): void {
    const flips = this.#of(waker);
    flips.decayedTo = Math.min(flips.decayedTo, jiffy);
    if (flips.last === wakee && jiffy + 1 <= flips.decayedFrom + k.hz) return;
    const { least, most, decayedFrom, decayedTo } = flips;
    flips.least = this.#record(least, decayedFrom, jiffy + 1, flips.last, waker, wakee);
    if (tasks.wakeeFlipDecay[waker] !== decayedFrom) flips.decayedTo = jiffy;
    flips.most = this.#record(most, decayedTo, jiffy - 1, flips.last, waker, wakee);
    if (tasks.wakeeFlipDecay[waker] !== decayedTo) flips.decayedFrom = jiffy;
    // Were the last halving longer ago, there would have been one now.
    flips.decayedFrom = Math.max(flips.decayedFrom, jiffy - k.hz - 1);
    flips.last = wakee;
  }

  /** Whether the two are too wide a pair to be pulled together: `true`, `false`, null if it is not known. */
  wide(waker: number, wakee: number, cpu: number): boolean | null {
    useEntity(Math.max(waker, wakee));
    const a = this.#of(waker);
    const b = this.#of(wakee);
    const isWide = (ofA: number, ofB: number) => {
      tasks.wakeeFlips[waker] = ofA;
      tasks.wakeeFlips[wakee] = ofB;
      return wakeWide(waker, wakee, cpu);
    };
    const factor = k.sd.tree.llcSize[cpu]!;
    // Wide are those that are far apart, with the lesser just enough; not wide those that are close, or few.
    const mayBe = isWide(within(factor, a), b.most) || isWide(a.most, within(factor, b));
    const mayNot = !isWide(a.least, b.least) || !isWide(within(b.least, a), within(a.least, b));
    return mayBe && mayNot ? null : mayBe;
  }

  #record(count: number, decayed: number, jiffy: number, last: number, waker: number, wakee: number): number {
    useEntity(Math.max(waker, wakee));
    tasks.wakeeFlips[waker] = count;
    tasks.wakeeFlipDecay[waker] = decayed;
    tasks.lastWakee[waker] = last;
    k.jiffies = jiffy;
    recordWakee(waker, wakee);
    return tasks.wakeeFlips[waker]!;
  }

  #of(row: number): Flips {
    let flips = this.#flips.get(row);
    if (flips === undefined) {
      const { NEGATIVE_INFINITY: decayedFrom, POSITIVE_INFINITY: decayedTo } = Number;
      flips = { least: 0, most: MOST_FLIPS, decayedFrom, decayedTo, last: -1 };
      this.#flips.set(row, flips);
    }
    return flips;
  }
}

/** The number closest to `n` that the flips may be. */
function within(n: number, { least, most }: Flips): number {
  return Math.min(Math.max(n, least), most);
}
