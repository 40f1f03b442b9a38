/**
 * The emulator of the kernel lab's guest: one thread, in which the virtual CPUs that are not halted take turns, and a clock
 * that counts the instructions of all of them. So a CPU does kernel work at full speed while it has its turn, and everybody
 * else's turns pass before it goes on. @spec 24 §8
 *
 *   slice      ├──────────── emulator's next timer ────────────┤      a turn is what is left of the slice / all CPUs
 *   turns      │ CPU 0 │CPU 1│CPU 2│CPU 0│CPU 1│CPU 2│ ...... │      so turns become shorter towards its end
 *
 * A task that waits for a clock to advance (a hog) gives its turn away as soon as it has looked at the clock. An interrupt
 * reaches a CPU at its next turn, be it halted or not; and so does the end of a hog's time.
 *
 * Nothing of this is simulated turn by turn, only where kernel work is done: `stretch` is how long that takes, `wait` and
 * `reach` how long until a CPU has its turn.
 */
import { RandomStreams } from '../engine/random.ts';
import { MAX_CPUS } from './columns.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';

/** The emulator stops only after a block of instructions, ns. */
const LEAST_TURN_NS = 200;

export class Emulator {
  readonly #sliceNs: number;
  readonly #spinNs: number;
  /** When a slice began. */
  readonly #phase: number;
  readonly #random = new RandomStreams(1);
  /** What is left of each CPU's turn, at a moment until which it had it. */
  readonly #left = new Float64Array(MAX_CPUS);
  readonly #leftAt = new Float64Array(MAX_CPUS).fill(-1);

  /** `spinNs`: how long a hog needs to look at the clock. */
  constructor(sliceNs: number, spinNs: number, seed: number) {
    this.#sliceNs = sliceNs;
    this.#spinNs = spinNs;
    this.#random.seed(0, seed, 'emulator', 0);
    this.#phase = this.#random.below(0, sliceNs);
  }

  /** A turn that begins at `time`. */
  #turn(time: number): number {
    const slice = this.#sliceNs;
    const left = slice - ((time + this.#phase) % slice);
    return Math.max(LEAST_TURN_NS, Math.ceil(left / k.nrCpus));
  }

  /** The other CPUs' turns, from the one after `from` to the one before `to`, beginning at `time`; ns. */
  #between(from: number, to: number, time: number): number {
    let t = time;
    const n = k.nrCpus;
    for (let i = from + 1 === n ? 0 : from + 1; i !== to; i = i + 1 === n ? 0 : i + 1) {
      const works = loop.busy[i] !== 0 || k.queue.isPending(i) || k.queue.isPending(k.slotCall + i);
      if (works || (loop.segmentActive[i] !== 0 && loop.segmentSpins[i] === 0)) t += this.#turn(t);
      else if (loop.segmentActive[i] !== 0) t += Math.min(this.#spinNs, this.#turn(t));
    }
    return t - time;
  }

  /** Time that `work` ns of instructions take on the CPU, from now. */
  stretch(cpu: number, work: number): number {
    const { now } = k;
    let t = now;
    let turn = this.#leftAt[cpu] === now ? this.#left[cpu]! : this.#turn(now);
    while (work > turn) {
      work -= turn;
      t += turn;
      t += this.#between(cpu, cpu, t);
      turn = this.#turn(t);
    }
    t += work;
    this.#left[cpu] = turn - work;
    this.#leftAt[cpu] = t;
    return t - now;
  }

  /** Time until a CPU that is halted, or looks at the clock now and then, has its turn; which it then has. */
  wait(cpu: number): number {
    const { now } = k;
    const others = this.#between(cpu, cpu, now);
    const wait = others === 0 ? 0 : this.#random.below(0, Math.ceil(others));
    this.#leftAt[cpu] = now + wait;
    this.#left[cpu] = this.#turn(now + wait);
    return wait;
  }

  /**
   * Time until another CPU has its turn after the executing CPU has done `work` more: the rest of its turn, and the turns
   * of those in between.
   */
  reach(from: number, to: number, work: number): number {
    const left = this.#left[from]!;
    const leftAt = this.#leftAt[from]!;
    const sent = this.stretch(from, work);
    const rest = this.#left[from]!;
    this.#left[from] = left;
    this.#leftAt[from] = leftAt;
    const at = k.now + sent + rest;
    const wait = sent + rest + this.#between(from, to, at);
    this.#leftAt[to] = k.now + wait;
    this.#left[to] = this.#turn(k.now + wait);
    return wait;
  }
}
