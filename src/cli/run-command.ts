/** `steelyard run`: one machine, one workload, one policy, once. */
import type { Command } from 'commander';
import { compare } from '../analysis/comparison.ts';
import { CONFIRM_NS, type ConfirmNs } from '../analysis/confirmed-violations.ts';
import { openLabFolder } from '../experiment/lab-folder.ts';
import { OutputFile } from '../experiment/output-file.ts';
import { type RunResult, simulateInSteps } from '../experiment/simulate.ts';
import { checkKeepsDecisions, checkTraceName, openTraceFile } from '../experiment/trace-file.ts';
import { comparisonTable } from '../report/comparison-table.ts';
import { costsText } from '../report/cost-text.ts';
import { formatNumber, formatTime } from '../report/numbers.ts';
import { formatSchedstat } from '../trace/schedstat.ts';
import { tee } from '../trace/tee.ts';
import {
  addExperimentOptions,
  type Experiment,
  type ExperimentFlags,
  loadExperiment,
  timeValue,
} from './experiment-options.ts';
import { comparisonJson, printJson, wantsColor } from './output.ts';
import { checkHeatMapName, confirmTime, openChecker, openHeatMap } from './picture-files.ts';
import { startProgress } from './progress.ts';
import { finish } from './steps.ts';

interface RunFlags extends Omit<ExperimentFlags, 'policy'> {
  readonly policy?: string;
  readonly trace?: string;
  readonly schedstat?: string;
  readonly record?: string;
  readonly decisions?: boolean;
  readonly checkInvariants?: boolean;
  readonly heatmap?: string;
  readonly violations?: string;
  readonly confirm?: ConfirmNs;
  readonly sample?: number;
}

export function addRunCommand(program: Command): void {
  addExperimentOptions(program.command('run').description('simulate once and print the figures'))
    .option('-p, --policy <policy>', 'balancing policy: linux-6.1,newidle=off,migration_cost=1ms')
    .option('--trace <file>', 'write the trace: .txt (trace-cmd), .perfetto-trace, .steelyard')
    .option('--decisions', 'keep in the trace (.steelyard) what each placement and balance pass saw, chose and refused')
    .option('--schedstat <file>', 'write /proc/schedstat (version 15) as of the end')
    .option('--heatmap <file>', 'what each CPU had to run over time, and wakeups onto busy CPUs: .svg, .json, .csv')
    .option(
      '--violations <file>',
      'JSON of idle CPUs while tasks waited: exact, and as a checker that samples finds them',
    )
    .option(
      '--confirm <time>',
      'for --violations: 1ms, 10ms or 100ms, from where on they are listed (default: 100ms)',
      confirmTime,
    )
    .option(
      '--sample <time>',
      'for --violations: time between two looks of the sampling checker (default: 1s)',
      timeValue,
    )
    .option('--record <folder>', 'write the run as a record of the kernel lab, for its analyze.py')
    .option('--check-invariants', 'check the scheduler’s books after every event (slow)')
    .action(run);
}

async function run(path: string | undefined, flags: RunFlags): Promise<void> {
  const { policy, ...rest } = flags;
  if (flags.trace !== undefined) checkTraceName(flags.trace);
  if (flags.decisions === true && (flags.trace !== undefined || flags.heatmap === undefined)) {
    checkKeepsDecisions(flags.trace);
  }
  if (flags.heatmap !== undefined) checkHeatMapName(flags.heatmap);
  const experiment = loadExperiment(path, policy === undefined ? rest : { ...rest, policy: [policy] });
  const result = await perform(experiment, flags);
  const comparison = compare(result.policy, [{ policy: result.policy, runs: [result.figures] }]);
  if (flags.json === true) return printJson(comparisonJson(comparison, experiment.policies));
  process.stdout.write(comparisonTable(comparison, { color: wantsColor(process.stdout), all: flags.all === true }));
  const { machine, workload } = experiment;
  process.stdout.write(`\n${costsText(experiment.policies)}`);
  process.stderr.write(
    `${workload.workload.name} on ${machine.name}: ${formatTime(result.simulatedNs)} simulated (${endText(result)}), ` +
      `${formatNumber(result.events)} events, seed ${result.seed}\n`,
  );
  for (const file of [flags.trace, flags.schedstat, flags.record, flags.heatmap, flags.violations])
    if (file !== undefined) process.stderr.write(`wrote ${file}\n`);
}

async function perform(experiment: Experiment, flags: RunFlags): Promise<RunResult> {
  const { machine, workload, policies, seed, durationNs, warmupNs } = experiment;
  const trace = flags.trace === undefined ? null : openTraceFile(flags.trace);
  const record = flags.record === undefined ? null : openLabFolder(flags.record, machine, experiment.name);
  const schedstat = flags.schedstat === undefined ? null : new OutputFile(flags.schedstat);
  const heatMap = flags.heatmap === undefined ? null : openHeatMap(flags.heatmap, experiment.name);
  const checker =
    flags.violations === undefined
      ? null
      : openChecker(flags.violations, {
          fromNs: warmupNs,
          confirmNs: flags.confirm ?? CONFIRM_NS[2],
          sampleNs: flags.sample ?? 1e9,
        });
  const sinks = [trace?.sink, record?.sink, heatMap?.sink, checker?.sink].filter((sink) => sink !== undefined);
  const progress = startProgress(durationNs ?? Number.NaN);
  const steps = simulateInSteps(
    { machine, workload, policy: policies[0]!, seed, durationNs, warmupNs },
    {
      ...(sinks.length === 0 ? {} : { sink: tee(...sinks) }),
      decisions: flags.decisions === true,
      checkInvariants: flags.checkInvariants === true,
      onProgress: (nowNs) => progress.update(nowNs, formatTime(nowNs)),
      schedstat: schedstat !== null || record !== null,
    },
  );
  const result = await finish(steps);
  progress.stop();
  schedstat?.write(new TextEncoder().encode(formatSchedstat(result.schedstat!)));
  schedstat?.commit();
  trace?.file.commit();
  record?.commit(result.schedstat!);
  heatMap?.commit();
  checker?.commit();
  return result;
}

function endText(result: RunResult): string {
  if (result.reason === 'finished') return 'all tasks ended';
  if (result.reason === 'stopped') return 'the workload ended itself';
  return 'its duration';
}
