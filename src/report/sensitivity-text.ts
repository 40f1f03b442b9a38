/**
 * What became of a comparison's verdicts when costs were halved and doubled, for people.
 *
 *   figure           policy                 difference [95 %]     survives
 *   makespan_ms.all  linux-6.1,newidle=off  +4.0 % [+2.1, +6.0]   93 of 94   lost: line_llc x2
 */
import { type FigureSensitivity, isFragile, type Outcome } from '../analysis/sensitivity.ts';
import type { SensitivityResult } from '../experiment/sensitivity-runs.ts';
import { aligned } from './aligned.ts';
import { isMain } from './comparison-table.ts';
import { formatSigned } from './numbers.ts';

/** Without `all`, of the figures a reader wants first. */
export function sensitivityText(result: Pick<SensitivityResult, 'variations' | 'figures'>, all: boolean): string {
  const { variations } = result;
  const shown = result.figures.filter(({ name }) => all || isMain(name));
  const parameters = new Set(variations.map(({ parameter }) => parameter)).size;
  const title = `sensitivity: ${parameters} costs halved and doubled, ${variations.length} more comparisons\n\n`;
  const verdicts = shown.filter(({ sign }) => sign !== 0);
  if (verdicts.length === 0) return `${title}nothing is shown that could change${appearances(shown)}\n`;
  const rows = verdicts.map((row) => [
    row.name,
    row.policy,
    `${formatSigned(row.percent!)} % [${formatSigned(row.low!)}, ${formatSigned(row.high!)}]`,
    `${row.survives} of ${row.variations}`,
    changesText(row),
  ]);
  const fragile = verdicts.filter(isFragile).length;
  const sum =
    fragile === 0
      ? 'every verdict survives'
      : `fragile: ${fragile} of ${verdicts.length} verdicts do not survive everything`;
  return `${title}${aligned([['figure', 'policy', 'difference [95 %]', 'survives', ''], ...rows])}\n${sum}${appearances(shown)}\n`;
}

function changesText({ changes }: FigureSensitivity): string {
  const of = (outcome: Outcome) => {
    const list = changes.filter((change) => change.outcome === outcome);
    return list.length === 0 ? [] : [`${outcome}: ${list.map((c) => `${c.parameter} x${c.factor}`).join(', ')}`];
  };
  return [...of('flipped'), ...of('lost')].join('; ');
}

/** Figures of which something is shown only with other costs. */
function appearances(rows: readonly FigureSensitivity[]): string {
  const n = rows.filter(({ sign }) => sign === 0).length;
  return n === 0 ? '' : `; of ${n} more figures a difference is shown with some other cost (--json has them)`;
}
