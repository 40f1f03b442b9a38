/**
 * How much of a comparison hangs on the numbers that were put into it: the same comparison with one of them halved or doubled,
 * figure by figure.
 *
 * A verdict is the sign of a difference whose 95 % interval does not hold zero. It survives a variation if the same is shown
 * there; else it is lost (nothing is shown any more) or flipped (the opposite is shown). Where nothing was shown, something
 * may appear.
 */
import type { ComparedFigure, Comparison, Difference } from './comparison.ts';

export interface Variation {
  readonly parameter: string;
  readonly factor: number;
  readonly comparison: Comparison;
}

export type Outcome = 'lost' | 'flipped' | 'appeared';

export interface VerdictChange {
  readonly parameter: string;
  readonly factor: number;
  readonly outcome: Outcome;
  /** The difference there, in percent of the baseline, and its interval. */
  readonly percent: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

export interface FigureSensitivity {
  readonly name: string;
  /** The policy that is compared with the baseline. */
  readonly policy: string;
  /** Of the difference without variation: 1 more, -1 less, 0 nothing shown. */
  readonly sign: number;
  readonly percent: number | null;
  readonly low: number | null;
  readonly high: number | null;
  /** In so many of so many variations the verdict is the same. */
  readonly survives: number;
  readonly variations: number;
  /** The others, in the order of the variations. */
  readonly changes: readonly VerdictChange[];
}

/** Figures of which something is shown, with or without variation, in the order of the comparison. */
export function sensitivity(base: Comparison, variations: readonly Variation[]): FigureSensitivity[] {
  const tables = variations.map(({ comparison }) => new Map(comparison.figures.map((figure) => [figure.name, figure])));
  const others = base.policies.filter((policy) => policy !== base.baseline);
  return base.figures
    .flatMap((figure) => others.map((policy) => row(figure, policy, variations, tables)))
    .filter(({ sign, changes }) => sign !== 0 || changes.length > 0);
}

/** Was something shown that is not shown in every variation? */
export function isFragile({ sign, changes }: FigureSensitivity): boolean {
  return sign !== 0 && changes.length > 0;
}

function row(
  figure: ComparedFigure,
  policy: string,
  variations: readonly Variation[],
  tables: readonly ReadonlyMap<string, ComparedFigure>[],
): FigureSensitivity {
  const { percent, low, high } = figure.differences[policy]!;
  const sign = signOf(figure.differences[policy]);
  const changes: VerdictChange[] = [];
  variations.forEach(({ parameter, factor }, i) => {
    const there = tables[i]!.get(figure.name)?.differences[policy];
    const signThere = signOf(there);
    if (signThere === sign) return;
    const outcome = sign === 0 ? 'appeared' : signThere === 0 ? 'lost' : 'flipped';
    const { percent = null, low = null, high = null } = there ?? {};
    changes.push({ parameter, factor, outcome, percent, low, high });
  });
  const survives = variations.length - changes.length;
  return { name: figure.name, policy, sign, percent, low, high, survives, variations: variations.length, changes };
}

function signOf(difference: Difference | undefined): number {
  const { low = null, high = null } = difference ?? {};
  if (low === null || high === null) return 0;
  return low > 0 ? 1 : high < 0 ? -1 : 0;
}
