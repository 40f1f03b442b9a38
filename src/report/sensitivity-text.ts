/**
 * What became of a comparison's verdicts when costs were halved and doubled, for people.
 *
 *   figure           policy  difference [95 %]    survives
 *   makespan_ms.all  B       +4.0 % [+2.1, +6.0]  93 of 94  lost: line_llc x2
 */
import { type FigureSensitivity, isFragile, type Outcome } from '../analysis/sensitivity.ts';
import type { SensitivityResult } from '../experiment/sensitivity-runs.ts';
import { aligned } from './aligned.ts';
import { isMain } from './comparison-table.ts';
import { formatSigned } from './numbers.ts';

/** Without `all`, of the figures a reader wants first. `labelOf`: what the comparison's own table calls a policy. */
export function sensitivityText(
  result: Pick<SensitivityResult, 'variations' | 'figures'>,
  all: boolean,
  labelOf: (policy: string) => string,
): string {
  const { variations } = result;
  const shown = result.figures.filter(({ name }) => all || isMain(name));
  const parameters = new Set(variations.map(({ parameter }) => parameter)).size;
  const title = `sensitivity: ${parameters} costs halved and doubled, ${variations.length} more comparisons\n\n`;
  const verdicts = shown.filter(({ sign }) => sign !== 0);
  if (verdicts.length === 0) return `${title}nothing is shown that could change${appearances(shown)}\n`;
  const rows = verdicts.flatMap((row) => {
    const [first = '', ...more] = changesLines(row);
    const cells = [
      row.name,
      labelOf(row.policy),
      `${formatSigned(row.percent!)} % [${formatSigned(row.low!)}, ${formatSigned(row.high!)}]`,
      `${row.survives} of ${row.variations}`,
      first,
    ];
    return [cells, ...more.map((line) => ['', '', '', '', line])];
  });
  const fragile = verdicts.filter(isFragile).length;
  const sum =
    fragile === 0
      ? 'every verdict survives'
      : `fragile: ${fragile} of ${verdicts.length} verdicts do not survive everything`;
  return `${title}${aligned([['figure', 'policy', 'difference [95 %]', 'survives', ''], ...rows])}\n${sum}${appearances(shown)}\n`;
}

/** In the last column, lines are no longer than this if that can be helped. */
const MAX_LINE = 60;

function changesLines({ changes }: FigureSensitivity): string[] {
  const of = (outcome: Outcome) => {
    const list = changes.filter((change) => change.outcome === outcome).map((c) => `${c.parameter} x${c.factor}`);
    return list.length === 0 ? [] : wrapped(`${outcome}: `, list);
  };
  return [...of('flipped'), ...of('lost')];
}

/** `lost: tick x2, line_llc x0.5,` and the rest below it. */
function wrapped(begin: string, words: readonly string[]): string[] {
  const lines: string[] = [];
  let line = begin;
  words.forEach((word, i) => {
    const text = i < words.length - 1 ? `${word}, ` : word;
    if (line.trim() !== begin.trim() && line.trim() !== '' && line.length + text.length > MAX_LINE) {
      lines.push(line.trimEnd());
      line = ' '.repeat(begin.length);
    }
    line += text;
  });
  return [...lines, line.trimEnd()];
}

/** Figures of which something is shown only with other costs. */
function appearances(rows: readonly FigureSensitivity[]): string {
  const n = rows.filter(({ sign }) => sign === 0).length;
  return n === 0 ? '' : `; of ${n} more figures a difference is shown with some other cost (--json has them)`;
}
