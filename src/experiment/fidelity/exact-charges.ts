/**
 * Charges of virtual time that are not as we would make them, kept until it is clear why. A running task may have been
 * given another weight or class, which its next switch tells; where there are control groups, each task may have been
 * put into one, once, with a vruntime that fits there. Anything else is an inequality.
 */
import type { ExactTally } from './exact-tally.ts';

interface Charge {
  readonly timeNs: number;
  readonly cpu: number;
  readonly task: string;
  readonly expected: number;
  readonly got: number;
}

const KIND = 'vruntime';

export class Charges {
  readonly #tally: ExactTally;
  readonly #groups: boolean;
  readonly #grouped = new Set<number>();
  /** By entity, since it was switched to. */
  readonly #held = new Map<number, Charge[]>();

  /** `groups`: the load has control groups. */
  constructor(tally: ExactTally, groups: boolean) {
    this.#tally = tally;
    this.#groups = groups;
  }

  /** The entity's vruntime is as `expected`, and we `got` another. */
  differ(e: number, charge: Charge): void {
    if (this.#groups && !this.#grouped.has(e)) {
      this.#grouped.add(e);
      this.#tally.skip(KIND, 'its task was put into a control group');
      return;
    }
    const held = this.#held.get(e);
    if (held === undefined) this.#held.set(e, [charge]);
    else held.push(charge);
  }

  /** The entity has another priority than before. */
  excuse(e: number): void {
    for (const _ of this.#held.get(e) ?? []) this.#tally.skip(KIND, 'its priority changed while it ran');
    this.#held.delete(e);
  }

  /** The entity was switched from, and nothing had changed. */
  settle(e: number): void {
    for (const { timeNs, cpu, task, expected, got } of this.#held.get(e) ?? []) {
      this.#tally.begin(KIND, timeNs, cpu, task);
      this.#tally.field(KIND, expected, got);
      this.#tally.end();
    }
    this.#held.delete(e);
  }

  /** The trace is over. */
  end(): void {
    for (const e of [...this.#held.keys()]) this.settle(e);
  }
}
