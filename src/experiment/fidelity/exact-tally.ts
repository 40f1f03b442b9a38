/**
 * The books of exact comparisons: how many updates of each kind were compared, how many were equal in all fields, the
 * first that were not, and why the others could not be compared.
 */
import { ByKind } from './by-kind.ts';

/** One field of an update that is not as the kernel has it. */
export interface Inequality {
  readonly timeNs: number;
  /** CPU of the runqueue. */
  readonly cpu: number;
  /** Name and pid; empty where the update is of no task. */
  readonly task: string;
  readonly field: string;
  readonly expected: number;
  readonly got: number;
}

export interface ExactCount {
  readonly compared: number;
  readonly equal: number;
  /** Fields of the first updates that differ. */
  readonly unequal: readonly Inequality[];
  /** Updates that the trace does not tell enough about, by reason. */
  readonly notComparable: Readonly<Record<string, number>>;
}

/** By kind of value: events of PELT by their names, then `vruntime`, `sum_exec_runtime`, `min_vruntime`. */
export type ExactResult = Readonly<Record<string, ExactCount>>;

/** Inequalities of a kind that are kept. */
const MAX_UNEQUAL = 20;

class KindTally implements ExactCount {
  compared = 0;
  equal = 0;
  readonly unequal: Inequality[] = [];
  readonly notComparable: Record<string, number> = {};
}

export class ExactTally {
  readonly #kinds = new ByKind(() => new KindTally());
  #current: KindTally | null = null;
  #differs = false;
  #timeNs = 0;
  #cpu = 0;
  #task = '';

  /** An update is about to be compared field by field; `end` closes it. */
  begin(kind: string, timeNs: number, cpu: number, task: string): void {
    this.#current = this.#kinds.of(kind);
    this.#differs = false;
    this.#timeNs = timeNs;
    this.#cpu = cpu;
    this.#task = task;
  }

  /** `expected` is what the kernel has, `got` what we have. */
  field(field: string, expected: number, got: number): void {
    if (expected === got) return;
    this.#differs = true;
    const { unequal } = this.#current!;
    if (unequal.length >= MAX_UNEQUAL) return;
    unequal.push({ timeNs: this.#timeNs, cpu: this.#cpu, task: this.#task, field, expected, got });
  }

  end(): void {
    const kind = this.#current!;
    kind.compared++;
    if (!this.#differs) kind.equal++;
  }

  skip(kind: string, reason: string): void {
    const { notComparable } = this.#kinds.of(kind);
    notComparable[reason] = (notComparable[reason] ?? 0) + 1;
  }

  result(): ExactResult {
    return this.#kinds.result();
  }
}
