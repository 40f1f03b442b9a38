/**
 * How far a simulated figure is from the kernel's.
 *
 *   inside   the simulated mean lies within the least and greatest of the kernel's own repetitions
 *   near     outside by at most 10 % of the kernel's mean, or by at most one where all are counts
 *   off      further, or not there at all
 */
import type { OverRepetitions } from '../../analysis/lab-summary.ts';

export type Verdict = 'inside' | 'near' | 'off';

export interface Range {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
}

export interface FidelityFigure {
  readonly name: string;
  readonly real: Range;
  /** Null: the simulation has no such figure, and it is not a count of events that did not occur. */
  readonly simulated: Range | null;
  readonly verdict: Verdict;
}

const NEAR_SHARE = 0.1;
const NEAR_COUNT = 1;
/** Sums over repetitions are not exact. */
const ROUNDING = 1e-9;

export function judge(real: Range, simulated: Range | null): Verdict {
  if (simulated === null) return 'off';
  const slack = ROUNDING * Math.abs(real.mean);
  const outside = Math.max(real.min - simulated.mean, simulated.mean - real.max);
  if (outside <= slack) return 'inside';
  const isCount = [real.min, real.max, simulated.min, simulated.max].every(Number.isInteger);
  const near = Math.max(NEAR_SHARE * Math.abs(real.mean), isCount ? NEAR_COUNT : 0);
  return outside <= near + slack ? 'near' : 'off';
}

/** What is not there was not seen, which for a count of events is 0. */
const COUNTS = /^(migrations_by|load_balance|schedstat)/;
const NEVER: Range = { mean: 0, min: 0, max: 0 };

/** Puts every figure of the kernel beside the simulated one. */
export function compareFigures(
  real: Readonly<Record<string, OverRepetitions>>,
  simulated: Readonly<Record<string, OverRepetitions>>,
): FidelityFigure[] {
  return Object.entries(real).map(([name, theirs]) => {
    const ours = simulated[name] ?? (COUNTS.test(name) ? NEVER : null);
    return { name, real: range(theirs), simulated: ours === null ? null : range(ours), verdict: judge(theirs, ours) };
  });
}

function range({ mean, min, max }: Range): Range {
  return { mean, min, max };
}
