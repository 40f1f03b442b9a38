/**
 * The books of the decisions that a recording shows: how many were seen, how many of them the trace tells enough about to
 * be decided by our rules, how many came out the same, and the others one by one.
 *
 * A decision is decided in every state the trace admits (`decision-worlds.ts`), before its outcome is looked at: it is
 * decidable if our rules come to one and the same outcome in all of them.
 */
import { ByKind } from './by-kind.ts';
import type { Decided } from './decision-worlds.ts';

export interface Disagreement {
  readonly timeNs: number;
  readonly cpu: number;
  /** Name and pid; empty where the decision is about no task. */
  readonly task: string;
  /** What our rules say. */
  readonly expected: string;
  /** What the recorded kernel did. */
  readonly got: string;
  readonly reason: string;
}

export interface DecisionCount {
  readonly seen: number;
  readonly decidable: number;
  readonly agree: number;
  /** The first ones. */
  readonly disagreements: readonly Disagreement[];
  /** The decisions that cannot be decided, by what is not known. */
  readonly undecidable: Readonly<Record<string, number>>;
}

/** By kind of decision. */
export type DecisionResult = Readonly<Record<string, DecisionCount>>;

/** When and about what a decision was made. */
export interface Decision {
  readonly timeNs: number;
  readonly cpu: number;
  /** Trace task id; -1: of none. */
  readonly task: number;
}

/** Disagreements of a kind that are kept. */
const MAX_DISAGREEMENTS = 200;

class KindTally implements DecisionCount {
  seen = 0;
  decidable = 0;
  agree = 0;
  readonly disagreements: Disagreement[] = [];
  readonly undecidable: Record<string, number> = {};
}

export class DecisionTally {
  readonly #kinds = new ByKind(() => new KindTally());
  /** Name and pid of a trace's task. */
  nameOf: (task: number) => string = () => '';

  /** `got` is what was recorded; `reason` says what our outcome comes from. */
  compare(kind: string, decision: Decision, decided: Decided, got: string, reason: string): void {
    if (decided.outcome === null) {
      this.skip(kind, decided.unknown);
      return;
    }
    const count = this.#kinds.of(kind);
    count.seen++;
    count.decidable++;
    if (decided.outcome === got) {
      count.agree++;
      return;
    }
    if (count.disagreements.length >= MAX_DISAGREEMENTS) return;
    const { timeNs, cpu, task } = decision;
    const name = task < 0 ? '' : this.nameOf(task);
    count.disagreements.push({ timeNs, cpu, task: name, expected: decided.outcome, got, reason });
  }

  /** A decision that the trace does not tell enough about. */
  skip(kind: string, unknown: string): void {
    const count = this.#kinds.of(kind);
    count.seen++;
    count.undecidable[unknown] = (count.undecidable[unknown] ?? 0) + 1;
  }

  result(): DecisionResult {
    return this.#kinds.result();
  }
}
