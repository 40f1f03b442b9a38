/** `steelyard fidelity`: records of a real kernel, and how far the simulation of the same load is from them. */
import { existsSync, readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { UserError } from '../base/errors.ts';
import { compareExactly } from '../experiment/fidelity/exact-records.ts';
import { findRecords, loadRecord, withStarts } from '../experiment/fidelity/record.ts';
import {
  MIN_RUNS,
  policyOfRecord,
  type RecordFidelity,
  recordFidelity,
  recordJobs,
} from '../experiment/fidelity/run-record.ts';
import { writeWholeFile } from '../experiment/output-file.ts';
import { runJobs } from '../experiment/pool.ts';
import { fidelityHtml, fidelityMarkdown } from '../report/fidelity-document.ts';
import { fidelityText, fidelityTotals } from '../report/fidelity-text.ts';
import { runsValue, wholeNumber } from './experiment-options.ts';
import { printJson, wantsColor } from './output.ts';
import { startProgress } from './progress.ts';

const NOT_OBSERVED = { mean: null, min: null, max: null };

interface FidelityFlags {
  readonly runs?: number;
  readonly policy?: string;
  readonly jobs?: number;
  readonly json?: boolean;
  readonly all?: boolean;
  readonly html?: string;
  readonly markdown?: string;
}

export function addFidelityCommand(program: Command): void {
  program
    .command('fidelity')
    .description('simulate the loads of recordings of a real kernel, and print how far the figures are apart')
    .argument('<folder...>', 'records of the kernel lab, or folders of them')
    .option('-n, --runs <n>', `runs of each record, at least (default: ${MIN_RUNS})`, runsValue)
    .option(
      '-p, --policy <policy>',
      "policy to simulate (default: the preset of the record's kernel, in the lab's guest)",
    )
    .option('-j, --jobs <n>', 'worker threads (default: as many as the machine runs at once)', wholeNumber(1, 1024))
    .option('--html <file>', 'write a page with every figure')
    .option('--markdown <file>', 'write the tables of docs/fidelity.md, between its markers if the file exists')
    .option('--json', 'print JSON')
    .option('--all', 'print every figure, not only those that are off')
    .action(fidelity);
}

async function fidelity(folders: readonly string[], flags: FidelityFlags): Promise<void> {
  const records = await withStarts(folders.flatMap(findRecords).map(loadRecord));
  const policies = records.map((record) => flags.policy ?? policyOfRecord(record));
  const jobs = records.map((record, i) => recordJobs(record, policies[i]!, flags.runs ?? MIN_RUNS));
  const total = jobs.reduce((sum, list) => sum + list.length, 0);
  const progress = startProgress(total);
  const results = await runJobs(jobs.flat(), {
    ...(flags.jobs === undefined ? {} : { threads: flags.jobs }),
    onProgress: (_, done) => progress.update(done, `${done} of ${total} runs`),
  });
  progress.stop();
  let taken = 0;
  const compared = records.map((record, i) => recordFidelity(record, results.slice(taken, (taken += jobs[i]!.length))));
  const { exact, decisions } = await compareExactly(records);
  const report = { policy: [...new Set(policies)].join(' or '), records: compared, exact, decisions };
  if (flags.html !== undefined) writeWholeFile(flags.html, fidelityHtml(report));
  if (flags.markdown !== undefined) writeBetweenMarkers(flags.markdown, fidelityMarkdown(report));
  const totals = fidelityTotals(compared);
  if (flags.json === true) {
    return printJson({ records: compared.map(recordJson), totals, exact, decisions });
  }
  process.stdout.write(fidelityText(compared, { all: flags.all === true, color: wantsColor(process.stdout) }));
  for (const [kind, { compared: n, equal, notComparable }] of Object.entries(exact)) {
    process.stdout.write(`exact ${kind}: ${equal} of ${n} equal, ${notComparable} not comparable\n`);
  }
  for (const [kind, { seen, decidable, agree }] of Object.entries(decisions)) {
    process.stdout.write(`decisions ${kind}: ${seen} seen, ${agree} of ${decidable} decidable agree\n`);
  }
}

const BEGIN = '<!-- begin: written by `steelyard fidelity --markdown` -->';
const END = '<!-- end -->';

/** Replaces what stands between the markers, or writes a new file. */
function writeBetweenMarkers(path: string, text: string): void {
  const old = existsSync(path) ? readFileSync(path, 'utf8') : `${BEGIN}\n${END}\n`;
  const begin = old.indexOf(BEGIN);
  const end = old.indexOf(END, begin);
  if (begin < 0 || end < 0)
    throw new UserError('format', 'the file has not the markers', { file: path }, `put ${BEGIN} and ${END} in it`);
  writeWholeFile(path, `${old.slice(0, begin + BEGIN.length)}\n\n${text}\n${old.slice(end)}`);
}

/** A record as JSON: a figure that was not observed in the simulation has nulls for numbers. */
function recordJson({ name, figures }: RecordFidelity): unknown {
  return { name, figures: figures.map((figure) => ({ ...figure, simulated: figure.simulated ?? NOT_OBSERVED })) };
}
