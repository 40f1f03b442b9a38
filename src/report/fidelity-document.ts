/** The distance to a real kernel as a document: Markdown for the repository, HTML for a browser. */
import type { DecisionTotal, ExactTotal } from '../experiment/fidelity/exact-records.ts';
import type { RecordFidelity } from '../experiment/fidelity/run-record.ts';
import type { FidelityFigure, Range } from '../experiment/fidelity/verdict.ts';
import { fidelityTotals, RULE, type Totals } from './fidelity-text.ts';
import { formatNumber } from './numbers.ts';

export interface FidelityReport {
  readonly policy: string;
  readonly records: readonly RecordFidelity[];
  readonly exact: Readonly<Record<string, ExactTotal>>;
  readonly decisions: Readonly<Record<string, DecisionTotal>>;
}

/** The lab's figures that say most; the others are in the JSON. */
const PRIMARY =
  /^(migrations|wasted_time_fraction|ms_to_balanced_10ms|jain|switches|share\..*\.median|wake_latency_us\..*\.p(50|95))$/;

/** Tables in Markdown; what stands between them in the document is written by hand. */
export function fidelityMarkdown(report: FidelityReport): string {
  const totals = fidelityTotals(report.records);
  const lines = [
    `Policy \`${report.policy}\`. ${RULE.replace('\n', ' ')}`,
    '',
    `**All records: ${summary(totals)}.**`,
    '',
    '| record | inside | near | off | inside or near |',
    '|---|---|---|---|---|',
    ...report.records.map(
      ({ totals: t, ...record }) => `| ${marked(record)} | ${t.inside} | ${t.near} | ${t.off} | ${share(t)} |`,
    ),
    '',
    ...fittedLines(report.records),
    '| exact comparison | compared | equal | the trace does not tell |',
    '|---|---|---|---|',
    ...Object.entries(report.exact).map(
      ([kind, { compared, equal, notComparable }]) => `| ${kind} | ${compared} | ${equal} | ${notComparable} |`,
    ),
    '',
    '| decisions | seen | decidable from the trace | agree |',
    '|---|---|---|---|',
    ...Object.entries(report.decisions).map(
      ([kind, { seen, decidable, agree }]) => `| ${kind} | ${seen} | ${decidable} | ${agree} |`,
    ),
    '',
    ...disagreementLines(report.decisions),
    ...farLines(report.records),
    '| record | primary figure | kernel | min..max | simulated | min..max | verdict |',
    '|---|---|---|---|---|---|---|',
    ...report.records.flatMap((record) =>
      record.figures
        .filter((figure) => PRIMARY.test(figure.name))
        .map((figure) => `| ${[marked(record), ...cells(figure)].join(' | ')} |`),
    ),
  ];
  return `${lines.join('\n')}\n`;
}

function marked({ name, fitted }: Pick<RecordFidelity, 'name' | 'fitted'>): string {
  return fitted ? `${name} (fitted)` : name;
}

function fittedLines(records: readonly RecordFidelity[]): string[] {
  const others = records.filter(({ fitted }) => !fitted);
  if (others.length === 0 || others.length === records.length) return [];
  return [`(fitted): costs were fitted on these records. Without them: ${summary(fidelityTotals(others))}.`, ''];
}

/** Primary figures that are off by more of the kernel's mean have causes in the document. */
const FAR_SHARE = 0.25;

function farLines(records: readonly RecordFidelity[]): string[] {
  const rows = records.flatMap((record) =>
    record.figures
      .filter((figure) => PRIMARY.test(figure.name) && isFar(figure))
      .map(({ name: figure, real, simulated }) => {
        const ours = simulated === null ? '-' : formatNumber(simulated.mean);
        return `| ${marked(record)} | ${figure} | ${formatNumber(real.mean)} | ${ours} |`;
      }),
  );
  if (rows.length === 0) return [];
  return [
    `Primary figures that are off by more than ${FAR_SHARE * 100} % of the kernel's mean (${rows.length}); causes above, by the load:`,
    '',
    '| record | primary figure | kernel | simulated |',
    '|---|---|---|---|',
    ...rows,
    '',
  ];
}

function isFar({ verdict, real, simulated }: FidelityFigure): boolean {
  if (verdict !== 'off') return false;
  return simulated === null || Math.abs(simulated.mean - real.mean) > FAR_SHARE * Math.abs(real.mean);
}

/** Decisions that come out otherwise, kind by kind: the first ones and how many there are. */
function disagreementLines(decisions: FidelityReport['decisions']): string[] {
  const rows = disagreementRows(decisions);
  if (rows.length === 0) return [];
  return [
    'Decisions that come out otherwise (of each kind the first ones):',
    '',
    `| ${DISAGREEMENT_HEAD.join(' | ')} |`,
    `|${'---|'.repeat(DISAGREEMENT_HEAD.length)}`,
    ...rows.map((row) => `| ${row.join(' | ')} |`),
    '',
  ];
}

const DISAGREEMENT_HEAD = [
  'decision',
  'record',
  'time, s',
  'CPU',
  'task',
  'by our rules',
  'the kernel',
  'what is known',
];

function disagreementRows(decisions: FidelityReport['decisions']): string[][] {
  return Object.entries(decisions).flatMap(([kind, { disagreements }]) =>
    disagreements.map(({ record, timeNs, cpu, task, expected, got, reason }) => [
      kind,
      record,
      (timeNs / 1e9).toFixed(6),
      String(cpu),
      task,
      expected,
      got,
      reason,
    ]),
  );
}

/** A page of its own, with every figure. */
export function fidelityHtml(report: FidelityReport): string {
  const totals = fidelityTotals(report.records);
  const row = (values: readonly string[], tag = 'td') =>
    `<tr>${values.map((v) => `<${tag}>${escapeHtml(v)}</${tag}>`).join('')}</tr>`;
  const head = row(['figure', 'kernel', 'min..max', 'simulated', 'min..max', 'verdict'], 'th');
  const sections = report.records.map(
    ({ figures, totals: t, ...record }) =>
      `<h2>${escapeHtml(marked(record))}</h2><p>${summary(t)}</p><table>${head}${figures
        .map((figure) => `<tr class="${figure.verdict}">${row(cells(figure)).slice('<tr>'.length)}`)
        .join('')}</table>`,
  );
  const exact = Object.entries(report.exact).map(([kind, t]) =>
    row([kind, `${t.compared}`, `${t.equal}`, `${t.notComparable}`]),
  );
  const decisions = Object.entries(report.decisions).map(([kind, t]) =>
    row([kind, `${t.seen}`, `${t.decidable}`, `${t.agree}`]),
  );
  const otherwise = disagreementRows(report.decisions).map((cells) => row(cells));
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Steelyard: distance to a real kernel</title>
<style>body{font:14px sans-serif;margin:2em}table{border-collapse:collapse}td,th{padding:2px 10px;text-align:left;border-bottom:1px solid #ddd}
.off td:last-child{color:#b00}.near td:last-child{color:#960}.inside td:last-child{color:#060}</style>
<h1>Distance to a real kernel</h1><p>${escapeHtml(report.policy)}: ${summary(totals)}. ${escapeHtml(RULE)}</p>
<h2>Exact comparisons</h2><table>${row(['kind', 'compared', 'equal', 'the trace does not tell'], 'th')}${exact.join('')}</table>
<h2>Decisions</h2><table>${row(['kind', 'seen', 'decidable from the trace', 'agree'], 'th')}${decisions.join('')}</table>
<h3>Decisions that come out otherwise, of each kind the first ones</h3><table>${row(DISAGREEMENT_HEAD, 'th')}${otherwise.join('')}</table>
${sections.join('\n')}</html>
`;
}

function cells({ name, real, simulated, verdict }: FidelityFigure): string[] {
  const ours = simulated === null ? ['-', '-'] : [formatNumber(simulated.mean), ends(simulated)];
  return [name, formatNumber(real.mean), ends(real), ...ours, verdict];
}

function ends({ min, max }: Range): string {
  return `${formatNumber(min)}..${formatNumber(max)}`;
}

function share({ inside, near, off }: Totals): string {
  return `${((100 * (inside + near)) / Math.max(1, inside + near + off)).toFixed(1)} %`;
}

function summary(totals: Totals): string {
  return `${totals.inside} figures inside, ${totals.near} near, ${totals.off} off: ${share(totals)} inside or near`;
}

function escapeHtml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}
