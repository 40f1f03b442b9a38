/** The kernel's figures and the simulated ones, side by side. */
import Table from 'cli-table3';
import { createColors } from 'picocolors';
import type { RecordFidelity } from '../experiment/fidelity/run-record.ts';
import type { Range, Verdict } from '../experiment/fidelity/verdict.ts';
import { formatNumber } from './numbers.ts';
import { PLAIN_BORDERS } from './plain-table.ts';

export type Totals = Record<Verdict, number>;

export function fidelityTotals(records: readonly RecordFidelity[]): Totals {
  const totals: Totals = { inside: 0, near: 0, off: 0 };
  for (const record of records) {
    for (const verdict of ['inside', 'near', 'off'] as const) totals[verdict] += record.totals[verdict];
  }
  return totals;
}

/** Said wherever verdicts are. */
export const RULE = `inside: the simulated mean is within the kernel's own min..max; near: outside by at most 10 % of the
kernel's mean, or by one count; off: further.`;

export function fidelityText(
  records: readonly RecordFidelity[],
  options: { readonly all?: boolean; readonly color?: boolean } = {},
): string {
  const colors = createColors(options.color ?? false);
  const parts = records.map((record) => {
    const table = new Table({
      head: ['figure', 'kernel', 'min..max', 'simulated', 'min..max', 'verdict'],
      style: { head: [], border: [], compact: true },
      colAligns: ['left', 'right', 'left', 'right', 'left', 'left'],
      chars: PLAIN_BORDERS,
    });
    const shown = record.figures.filter(({ verdict }) => options.all === true || verdict === 'off');
    for (const { name, real, simulated, verdict } of shown) {
      const ours = simulated === null ? ['-', ''] : cells(simulated);
      table.push([name, ...cells(real), ...ours, verdict === 'off' ? colors.red(verdict) : verdict]);
    }
    return `${colors.bold(record.name)}  ${totalsText(record.totals)}\n${shown.length === 0 ? '' : `${table.toString()}\n`}`;
  });
  return `${parts.join('\n')}\nall records: ${totalsText(fidelityTotals(records))}\n${RULE}\n`;
}

function cells({ mean, min, max }: Range): [string, string] {
  return [formatNumber(mean), `${formatNumber(min)}..${formatNumber(max)}`];
}

function totalsText({ inside, near, off }: Totals): string {
  const share = (100 * (inside + near)) / Math.max(1, inside + near + off);
  return `${inside} inside, ${near} near, ${off} off: ${share.toFixed(1)} % inside or near`;
}
