/** `steelyard explain`: the decisions of a trace around a moment, as a person would say them. */
import { type Command, InvalidArgumentError } from 'commander';
import { CONFIRM_NS, type ConfirmNs } from '../analysis/confirmed-violations.ts';
import { DecisionSearch } from '../analysis/decision-search.ts';
import { LAB_DECISION_EVENTS, LabDecisions } from '../analysis/lab-decisions.ts';
import type { DecisionReader } from '../analysis/named-decisions.ts';
import { explainViolations } from '../analysis/violation-decisions.ts';
import { parseTime } from '../balance/settings.ts';
import { didYouMean, UserError } from '../base/errors.ts';
import { loadTraces } from '../experiment/read-trace-file.ts';
import { decisionJson, decisionText } from '../report/decision-text.ts';
import { formatTime } from '../report/numbers.ts';
import { violationJson, violationText } from '../report/violation-text.ts';
import { plural } from '../report/words.ts';
import { Decisions } from '../trace/decisions.ts';
import { type EventKind, isDecisionKind } from '../trace/events.ts';
import type { TraceSource } from '../trace/store.ts';
import { wholeNumber } from './experiment-options.ts';
import { printJson } from './output.ts';

interface ExplainFlags {
  readonly at?: number;
  readonly violations?: ConfirmNs;
  readonly cpu?: number;
  readonly task?: string;
  readonly count?: number;
  readonly kernel: string;
  readonly json?: boolean;
}

const DEFAULT_COUNT = 10;
const PARTIAL =
  'This trace has the events of balancing, not the decisions: what groups and searches saw, and most reasons, were not recorded.';

export function addExplainCommand(program: Command): void {
  program
    .command('explain')
    .description('say what the scheduler decided around a moment of a trace, and why')
    .argument(
      '<trace>',
      'a .steelyard file of `run --decisions`, or the text of trace-cmd report with the lab’s events',
    )
    .option('--at <time>', 'the moment, in the time of the trace: 12.5ms', momentValue)
    .option('--cpu <n>', 'only decisions about this CPU, on it, or that chose it', wholeNumber(0, 65_535))
    .option('--task <name>', 'only decisions about this task (comm or pid), or that looked at it')
    .option('-n, --count <n>', `decisions nearest to the moment (default: ${DEFAULT_COUNT})`, wholeNumber(1, 10_000))
    .option(
      '--violations <time>',
      'instead of --at: waits of 1ms, 10ms or 100ms while a CPU ran nothing, and all that was decided about it',
      confirmValue,
    )
    .option('--kernel <release>', 'kernel that a text is of', releaseValue, '6.1')
    .option('--json', 'print JSON')
    .action(explain);
}

function explain(path: string, flags: ExplainFlags): void {
  const { at, violations, cpu, task, count } = flags;
  if ((at === undefined) === (violations === undefined)) {
    throw new UserError('usage', 'give --at TIME or --violations TIME', {}, 'steelyard explain FILE --at 12.5ms');
  }
  if (violations !== undefined && (cpu ?? task ?? count) !== undefined) {
    throw new UserError('usage', '--cpu, --task and --count go with --at');
  }
  const { form, traces } = loadTraces(path, flags.kernel);
  const reader = form === 'text' ? LabDecisions : Decisions;
  if (at !== undefined) explainMoment(path, traceAt(path, traces, at), reader, at, flags);
  else explainWaits(path, traces, reader, violations!, flags);
}

function explainMoment(
  path: string,
  trace: TraceSource,
  reader: DecisionReader,
  atNs: number,
  { cpu, task, count = DEFAULT_COUNT, json }: ExplainFlags,
): void {
  checkRecorded(path, trace, reader);
  checkSubject(path, trace, cpu, task);
  const search = new DecisionSearch({ atNs, count, cpu, task }, reader);
  trace.play(search);
  const { tables } = trace;
  const { found, total, matching } = search;
  const complete = reader === Decisions;
  if (json === true) {
    const head = { source: tables.source, machine: tables.topology.name, complete };
    return printJson({ ...head, atNs, total, matching, decisions: found.map(decisionJson) });
  }
  const about = [cpu === undefined ? '' : ` with CPU ${cpu}`, task === undefined ? '' : ` with ${task}`];
  const which = matching === total ? '' : ` that have to do${about.filter((a) => a !== '').join(' and')}`;
  const lines = [
    `${tables.source} on ${tables.topology.name}: ${found.length} of ${plural(matching, 'decision')}${which}`,
  ];
  if (!complete) lines.push(PARTIAL);
  process.stdout.write(`${lines.join('\n')}\n`);
  const firstAfter = found.findIndex(({ decision }) => decision.timeNs > atNs);
  found.forEach((one, i) => {
    if (i === firstAfter && i > 0) process.stdout.write(`-- ${(atNs / 1e6).toFixed(6)} ms --\n`);
    process.stdout.write(decisionText(one));
  });
}

function explainWaits(
  path: string,
  traces: Iterable<TraceSource>,
  reader: DecisionReader,
  confirmNs: ConfirmNs,
  { json }: ExplainFlags,
): void {
  const complete = reader === Decisions;
  const repetitions = [...traces].map((trace) => {
    checkRecorded(path, trace, reader);
    return explainViolations(trace, confirmNs, reader);
  });
  const all = repetitions.flat();
  if (json === true) return printJson({ confirmNs, complete, violations: all.map(violationJson) });
  process.stdout.write(`${plural(all.length, 'wait')} of ${formatTime(confirmNs)} or more while a CPU ran nothing\n`);
  if (!complete) process.stdout.write(`${PARTIAL}\n`);
  for (const violation of all) process.stdout.write(violationText(violation));
}

/** The trace that the moment is in. */
function traceAt(path: string, traces: Iterable<TraceSource>, atNs: number): TraceSource {
  const spans: string[] = [];
  for (const trace of traces) {
    if (atNs >= trace.startNs && atNs <= trace.endNs) return trace;
    spans.push(`${momentText(trace.startNs)} to ${momentText(trace.endNs)}`);
  }
  const what = `${momentText(atNs)} is not in the trace`;
  throw new UserError('usage', what, { file: path }, `it is of ${spans.slice(0, 8).join(', ')}`);
}

/** Throws `UserError` for a trace that nothing is to be explained of. */
function checkRecorded(path: string, trace: TraceSource, reader: DecisionReader): void {
  const kinds = new Set<EventKind>();
  trace.play({ event: (kind) => kinds.add(kind) });
  const place = { file: path };
  if (reader === Decisions) {
    if (trace.tables.decisions === true || [...kinds].some(isDecisionKind)) return;
    const hint = 'record it again with `steelyard run --decisions --trace FILE.steelyard`';
    throw new UserError('usage', 'no decisions were recorded in this trace', place, hint);
  }
  if (LAB_DECISION_EVENTS.some((kind) => kinds.has(kind))) return;
  const hint = 'it needs the kernel lab’s probes (lb_leave, newidle_ret, select_ret)';
  throw new UserError('usage', 'this trace has no events of balancing', place, hint);
}

/** Throws `UserError` for a CPU or task that there is not. */
function checkSubject(path: string, { tables }: TraceSource, cpu: number | undefined, task: string | undefined): void {
  const { nrCpus } = tables.topology;
  if (cpu !== undefined && cpu >= nrCpus) {
    const hint = `the machine has ${plural(nrCpus, 'CPU')}, from 0`;
    throw new UserError('usage', `there is no CPU ${cpu}`, { file: path }, hint);
  }
  if (task === undefined) return;
  const names = [...new Set([...tables.tasks.map(({ comm }) => comm), ...tables.strings])];
  if (names.includes(task) || tables.tasks.some(({ pid }) => String(pid) === task)) return;
  throw new UserError('usage', `there is no task "${task}"`, { file: path }, didYouMean(task, names));
}

function momentText(ns: number): string {
  return `${(ns / 1e6).toFixed(6)} ms`;
}

/** For commander: a moment with its unit, ns. */
function momentValue(text: string): number {
  const ns = /[a-z]$/.test(text) ? parseTime(text) : undefined;
  if (ns !== undefined && ns >= 0) return ns;
  throw new InvalidArgumentError('A time is a number with its unit: 500us, 12.5ms, 2s.');
}

/** For commander: how long a wait is to be reported. */
function confirmValue(text: string): ConfirmNs {
  const ns = CONFIRM_NS.find((limit) => limit === parseTime(text));
  if (ns !== undefined) return ns;
  throw new InvalidArgumentError('It must be 1ms, 10ms or 100ms.');
}

/** For commander: a kernel release. */
function releaseValue(text: string): string {
  if (/^\d{1,3}\.\d{1,4}$/.test(text)) return text;
  throw new InvalidArgumentError('A release is as 6.1 or 6.12.');
}
