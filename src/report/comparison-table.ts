/**
 * A comparison, or the figures of one run, as a table on a terminal.
 *
 *   figure                        better  linux-6.1   linux-6.1,newidle=off
 *   makespan_ms.all           ms  less        812.3   845.1   +4.0 % [+2.1, +6.0]  worse
 *
 * Policies with long names go by letters, which are explained above the table. Without `all`, only figures a reader wants first are shown, and of these only those that say something: not those that
 * are the same for all policies and zero, or were not observed.
 */

import Table from 'cli-table3';
import { createColors } from 'picocolors';
import type { ComparedFigure, Comparison, Difference } from '../analysis/comparison.ts';
import { formatNumber, formatSigned } from './numbers.ts';
import { PLAIN_BORDERS } from './plain-table.ts';
import { policyLabels } from './policy-labels.ts';

export interface ComparisonTableOptions {
  readonly color?: boolean;
  /** Every figure. */
  readonly all?: boolean;
}

/** What is shown first. */
const MAIN_FIGURES: readonly RegExp[] = [
  /^(makespan_ms|throughput)\./,
  /^request_latency_us\.[^.]*\.(p50|p99|max)$/,
  /^wake_latency_us\.[^.]*\.(p50|p95|p99|max)$/,
  /^(cpu_share|jain)\.all$/,
  /^share_spread\./,
  /^(switches|migrations)$/,
  /^migrations_by_(distance|cause)\./,
  /^wasted_cpu_ms/,
  /^(wasted_ratio|busy_ms|energy|balancing_ms|balance_passes)$/,
  /^violations\./,
  /^load_balance\..*\.(calls|pulls)$/,
  /^(newidle_calls|newidle_pulled|nohz_kicks|nohz_balances|active_balances)$/,
];

export function comparisonTable(comparison: Comparison, options: ComparisonTableOptions = {}): string {
  const { baseline, policies } = comparison;
  const colors = createColors(options.color ?? false);
  const others = policies.filter((policy) => policy !== baseline);
  const { of, legend } = policyLabels(policies, baseline);
  const table = new Table({
    head: ['figure', 'unit', 'better', of(baseline), ...others.flatMap((policy) => [of(policy), 'difference [95 %]'])],
    style: { head: options.color === true ? ['bold'] : [], border: [], compact: true },
    colAligns: ['left', 'left', 'left', 'right', ...others.flatMap((): ['right', 'left'] => ['right', 'left'])],
    chars: PLAIN_BORDERS,
  });
  const only = onlyKind(comparison);
  for (const figure of comparison.figures) {
    const isShown = isMain(figure.name) && saysSomething(figure) && !(only !== null && figure.name.includes(only));
    if (options.all !== true && !isShown) continue;
    table.push([
      figure.name,
      figure.unit,
      figure.better ?? '',
      formatNumber(figure.policies[baseline]!.mean),
      ...others.flatMap((policy) => [
        formatNumber(figure.policies[policy]!.mean),
        differenceText(figure.differences[policy]!, colors),
      ]),
    ]);
  }
  return `${legend}${table.toString()}\n`;
}

/** `.kind` where there is but one kind of task, of which the figures are those of all; else null. */
function onlyKind({ figures }: Comparison): string | null {
  const kinds = figures.flatMap(({ name }) => (/^tasks\.(?!all$)/.test(name) ? [name.slice('tasks'.length)] : []));
  return kinds.length === 1 ? kinds[0]! : null;
}

/** Is the figure one that a reader wants first? */
export function isMain(name: string): boolean {
  return MAIN_FIGURES.some((pattern) => pattern.test(name));
}

function saysSomething(figure: ComparedFigure): boolean {
  return Object.values(figure.policies).some(({ mean }) => mean !== null && mean !== 0);
}

function differenceText(difference: Difference, colors: ReturnType<typeof createColors>): string {
  const { percent, low, high, verdict, note } = difference;
  if (percent === null) return note ?? '';
  const interval = low === null || high === null ? '' : ` [${formatSigned(low)}, ${formatSigned(high)}]`;
  const text = `${formatSigned(percent)} %${interval}`;
  if (verdict === 'better') return colors.green(`${text} better`);
  if (verdict === 'worse') return colors.red(`${text} worse`);
  return text;
}
