/** `steelyard compare`: the same machine and workload under several policies, and an honest difference. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { UserError } from '../base/errors.ts';
import { compareRuns } from '../experiment/compare-runs.ts';
import { compareWithSensitivity, costVariations } from '../experiment/sensitivity-runs.ts';
import { comparisonTable } from '../report/comparison-table.ts';
import { costsText } from '../report/cost-text.ts';
import { formatTime } from '../report/numbers.ts';
import { policyLabels } from '../report/policy-labels.ts';
import { sensitivityText } from '../report/sensitivity-text.ts';
import { compareDecisions } from './compare-decisions.ts';
import {
  addExperimentOptions,
  type ExperimentFlags,
  loadExperiment,
  runsValue,
  several,
  wholeNumber,
} from './experiment-options.ts';
import { comparisonJson, printJson, sensitivityJson, wantsColor } from './output.ts';
import { startProgress } from './progress.ts';

interface CompareFlags extends ExperimentFlags {
  readonly jobs?: number;
  readonly traces?: string;
  /** True without names. */
  readonly sensitivity?: string | true;
  readonly decisions?: boolean;
  readonly firstDivergence?: boolean;
}

const DEFAULT_RUNS = 10;

export function addCompareCommand(program: Command): void {
  addExperimentOptions(
    program.command('compare').description('simulate under several policies and print the differences'),
  )
    .option('-p, --policy <policy>', 'a policy; the first one given is the baseline', several)
    .option('-n, --runs <n>', `runs of each policy, with paired seeds (default: ${DEFAULT_RUNS})`, runsValue)
    .option('-j, --jobs <n>', 'worker threads (default: as many as the machine runs at once)', wholeNumber(1, 1024))
    .option('--traces <folder>', 'write a Perfetto trace of the first run of each policy into this folder')
    .option(
      '--sensitivity [costs]',
      'again with each cost halved and doubled, or those named (line,atomic): which verdicts survive',
    )
    .option('--decisions', 'with --traces: in our own form (.steelyard), with decisions for `steelyard explain`')
    .option(
      '--first-divergence',
      'instead: the first decision at which each policy parts from the baseline, at one seed',
    )
    .action(compareCommand);
}

async function compareCommand(path: string | undefined, flags: CompareFlags): Promise<void> {
  const experiment = loadExperiment(path, flags);
  const { machine, workload, policies, durationNs } = experiment;
  if (policies.length < 2) {
    throw new UserError(
      'usage',
      'there is nothing to compare with',
      {},
      'give two policies or more: --policy A --policy B',
    );
  }
  checkFlags(flags);
  if (flags.firstDivergence === true) return compareDecisions(experiment, flags.json === true);
  const runs = experiment.runs ?? DEFAULT_RUNS;
  const decisions = flags.decisions === true;
  const traceFiles =
    flags.traces === undefined
      ? []
      : traceNames(
          flags.traces,
          policies.map(({ name }) => name),
          decisions ? 'steelyard' : 'perfetto-trace',
        );
  const { sensitivity } = flags;
  const variations =
    sensitivity === undefined ? [] : costVariations(policies, sensitivity === true ? [] : sensitivity.split(','));
  const total = runs * policies.length * (1 + variations.length);
  const progress = startProgress(total);
  const plan = { ...experiment, runs, traceFiles, decisions };
  const pool = {
    ...(flags.jobs === undefined ? {} : { threads: flags.jobs }),
    onProgress: (simulatedNs: number, done: number) => {
      const part = durationNs === null ? done : simulatedNs / durationNs;
      progress.update(part, `${done} of ${total} runs, ${formatTime(simulatedNs)} simulated`);
    },
  };
  const varied = variations.length === 0 ? null : await compareWithSensitivity(plan, variations, pool);
  const { comparison } = varied ?? (await compareRuns(plan, pool));
  progress.stop();
  if (flags.json === true) {
    const json = comparisonJson(comparison, policies);
    return printJson(varied === null ? json : { ...json, sensitivity: sensitivityJson(varied) });
  }
  const labelOf = policyLabels(comparison.policies, comparison.baseline).of;
  process.stdout.write(
    `${workload.workload.name} on ${machine.name} (${machine.nrCpus} CPUs), ${runs} runs a policy, seeds from ${experiment.seed}\n\n` +
      comparisonTable(comparison, { color: wantsColor(process.stdout), all: flags.all === true }) +
      `\n${costsText(policies)}` +
      (varied === null ? '' : `\n${sensitivityText(varied, flags.all === true, labelOf)}`),
  );
  const use = decisions ? '`steelyard explain` reads it' : 'open it in https://ui.perfetto.dev';
  for (const file of traceFiles) process.stderr.write(`wrote ${file}: ${use}\n`);
}

/** Throws `UserError` for what does not go together. */
function checkFlags({ decisions, firstDivergence, traces, runs, jobs, all, sensitivity }: CompareFlags): void {
  if (firstDivergence === true && (traces ?? runs ?? jobs ?? all ?? decisions ?? sensitivity) !== undefined) {
    const what = '--first-divergence makes one run of each policy and prints no figures';
    throw new UserError('usage', what, {}, 'leave out --traces, --decisions, --runs, --jobs, --all and --sensitivity');
  }
  if (decisions === true && traces === undefined) {
    throw new UserError('usage', 'decisions are kept in traces, and none are written', {}, 'add --traces FOLDER');
  }
}

/** A file for each policy, named after it. */
function traceNames(folder: string, policies: readonly string[], extension: string): string[] {
  try {
    mkdirSync(folder, { recursive: true });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UserError('file', `cannot make the folder: ${reason}`, { file: folder });
  }
  return policies.map((policy) => join(folder, `${policy.replace(/[^\w.=-]+/g, '_')}.${extension}`));
}
