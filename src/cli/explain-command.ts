/** `steelyard explain`: the decisions of a trace around a moment, as a person would say them. */
import { type Command, InvalidArgumentError } from 'commander';
import { DecisionSearch } from '../analysis/decision-search.ts';
import { parseTime } from '../balance/settings.ts';
import { didYouMean, UserError } from '../base/errors.ts';
import { loadTrace } from '../experiment/read-trace-file.ts';
import { decisionJson, decisionText } from '../report/decision-text.ts';
import { formatTime } from '../report/numbers.ts';
import type { TraceSource } from '../trace/store.ts';
import { wholeNumber } from './experiment-options.ts';
import { printJson } from './output.ts';

interface ExplainFlags {
  readonly at: number;
  readonly cpu?: number;
  readonly task?: string;
  readonly count?: number;
  readonly json?: boolean;
}

const DEFAULT_COUNT = 10;

export function addExplainCommand(program: Command): void {
  program
    .command('explain')
    .description('say what the scheduler decided around a moment of a trace, and why')
    .argument('<trace>', 'a .steelyard file of `run --decisions`')
    .requiredOption('--at <time>', 'the moment, in the time of the trace: 12.5ms', momentValue)
    .option('--cpu <n>', 'only decisions about, on or for this CPU', wholeNumber(0, 65_535))
    .option('--task <name>', 'only decisions about this task (comm or pid), or that looked at it')
    .option('-n, --count <n>', `decisions nearest to the moment (default: ${DEFAULT_COUNT})`, wholeNumber(1, 10_000))
    .option('--json', 'print JSON')
    .action(explain);
}

function explain(path: string, flags: ExplainFlags): void {
  const trace = loadTrace(path);
  check(trace, path, flags);
  const { at: atNs, cpu, task, count = DEFAULT_COUNT } = flags;
  const search = new DecisionSearch({
    atNs,
    count,
    ...(cpu === undefined ? {} : { cpu }),
    ...(task === undefined ? {} : { task }),
  });
  trace.play(search);
  const { tables } = trace;
  const { found, total, matching } = search;
  if (flags.json === true) {
    const decisions = found.map((one) => decisionJson(one, tables));
    return printJson({ source: tables.source, machine: tables.topology.name, atNs, total, matching, decisions });
  }
  const about = [cpu === undefined ? '' : ` to do with CPU ${cpu}`, task === undefined ? '' : ` to do with ${task}`];
  const which = matching === total ? `${total}` : `${matching}${about.join(' and')} of ${total}`;
  process.stdout.write(`${tables.source} on ${tables.topology.name}: ${found.length} of ${which} decisions\n`);
  let passed = false;
  for (const one of found) {
    if (!passed && one.decision.timeNs > atNs) {
      process.stdout.write(`-- ${formatTime(atNs)} --\n`);
      passed = true;
    }
    process.stdout.write(decisionText(one, tables));
  }
}

/** Throws `UserError` for what the trace cannot answer. */
function check({ tables, startNs, endNs }: TraceSource, path: string, { at, cpu, task }: ExplainFlags): void {
  if (tables.decisions !== true) {
    throw new UserError(
      'usage',
      'no decisions were recorded in this trace',
      { file: path },
      'record it again with `steelyard run --decisions --trace FILE.steelyard`',
    );
  }
  if (at < startNs || at > endNs) {
    throw new UserError('usage', `the trace is of ${formatTime(startNs)} to ${formatTime(endNs)}`, { file: path });
  }
  const { nrCpus } = tables.topology;
  if (cpu !== undefined && cpu >= nrCpus) {
    throw new UserError('usage', `there is no CPU ${cpu}`, { file: path }, `the machine has ${nrCpus}, from 0`);
  }
  if (task === undefined) return;
  const comms = [...new Set([...tables.tasks.map(({ comm }) => comm), ...tables.strings])];
  if (comms.includes(task) || tables.tasks.some(({ pid }) => String(pid) === task)) return;
  throw new UserError('usage', `there is no task "${task}"`, { file: path }, didYouMean(task, comms));
}

/** For commander: a moment with its unit, ns. */
function momentValue(text: string): number {
  const ns = /[a-z]$/.test(text) ? parseTime(text) : undefined;
  if (ns === undefined || ns < 0)
    throw new InvalidArgumentError('A time is a number with its unit: 500us, 12.5ms, 2s.');
  return ns;
}
