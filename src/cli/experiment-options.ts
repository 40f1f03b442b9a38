/** What `run` and `compare` have in common: which machine, which load, how long, which seed. */
import { dirname } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import type { Policy } from '../balance/policy.ts';
import { parseTime } from '../balance/settings.ts';
import { UserError } from '../base/errors.ts';
import { loadMachine } from '../experiment/machine-file.ts';
import { loadPolicy } from '../experiment/policy-file.ts';
import { loadScenario, MAX_RUNS, MAX_SEED, type Scenario } from '../experiment/scenario.ts';
import { loadWorkload } from '../experiment/workload-file.ts';
import type { Topology } from '../machine/topology.ts';
import type { WorkloadReading } from '../workload/reading.ts';

export interface ExperimentFlags {
  readonly machine?: string;
  readonly workload?: string;
  readonly policy?: readonly string[];
  readonly seed?: number;
  readonly duration?: number;
  readonly warmup?: number;
  readonly runs?: number;
  readonly json?: boolean;
  readonly all?: boolean;
}

export interface Experiment {
  readonly name: string;
  readonly machine: Topology;
  readonly workload: WorkloadReading;
  readonly policies: readonly Policy[];
  readonly seed: number;
  readonly durationNs: number | null;
  readonly warmupNs: number;
  readonly runs: number | null;
}

export function addExperimentOptions(command: Command): Command {
  return command
    .argument('[scenario]', 'scenario file (YAML); or use --machine and --workload')
    .option(
      '-m, --machine <machine>',
      'preset, synthetic string, hwloc XML, tarball, /sys tree, topology.json, or "host"',
    )
    .option(
      '-w, --workload <workload>',
      'generator (hackbench:groups=4), rt-app JSON, .scn file, or folder of a record',
    )
    .option('--seed <n>', 'seed of the random numbers (default: 1, or the workload’s)', wholeNumber(0, MAX_SEED))
    .option('--duration <time>', 'simulated time to stop at: 500ms, 2s (default: the workload’s own end)', timeValue)
    .option('--warmup <time>', 'leave out of the figures what is before this time', timeValue)
    .option('--stack', 'print the stack trace too when a policy file fails')
    .option('--json', 'print JSON')
    .option('--all', 'print every figure, not only the main ones');
}

/** Joins the scenario and what the command line says otherwise. Throws `UserError`. */
export function loadExperiment(path: string | undefined, flags: ExperimentFlags): Experiment {
  const scenario: Partial<Scenario> = path === undefined ? {} : loadScenario(path);
  const machineSpec = flags.machine ?? scenario.machine;
  const workloadSpec = flags.workload ?? scenario.workload;
  if (machineSpec === undefined || workloadSpec === undefined) {
    const missing = machineSpec === undefined ? '--machine' : '--workload';
    throw new UserError('usage', `${missing} is missing`, {}, 'give a scenario file, or --machine and --workload');
  }
  const policies = policiesOf(path, scenario, flags);
  const machine = loadMachine(machineSpec);
  const workload = loadWorkload(workloadSpec, machine.nrCpus, { capacities: [...machine.capacity] });
  for (const warning of workload.warnings) process.stderr.write(`steelyard: ${warningText(warning)}\n`);
  const durationNs = flags.duration ?? scenario.durationNs ?? workload.workload.durationNs;
  const warmupNs = flags.warmup ?? scenario.warmupNs ?? 0;
  if (durationNs !== null && warmupNs >= durationNs) {
    throw new UserError('usage', `the warm-up of ${warmupNs} ns leaves nothing of ${durationNs} ns`);
  }
  return {
    name: scenario.name ?? workload.workload.name,
    machine,
    workload,
    policies,
    seed: flags.seed ?? scenario.seed ?? workload.seed0,
    durationNs,
    warmupNs,
    runs: flags.runs ?? scenario.runs ?? null,
  };
}

/** Files that a scenario names are relative to it. */
function policiesOf(path: string | undefined, scenario: Partial<Scenario>, flags: ExperimentFlags): readonly Policy[] {
  if (flags.policy !== undefined || path === undefined) {
    return (flags.policy ?? ['linux-6.1']).map((text) => loadPolicy(text));
  }
  return (scenario.policies ?? ['linux-6.1']).map((text) => loadPolicy(text, dirname(path)));
}

function warningText(warning: WorkloadReading['warnings'][number]): string {
  const { file, line, column, message } = warning;
  const place = [file, line, column].filter((part) => part !== undefined).join(':');
  return place === '' ? message : `${place}: ${message}`;
}

/** For commander: a time with its unit, ns. */
export function timeValue(text: string): number {
  const ns = /[a-z]$/.test(text) ? parseTime(text) : undefined;
  if (ns === undefined || ns <= 0)
    throw new InvalidArgumentError('A time is a number with its unit: 500us, 100ms, 2s.');
  return ns;
}

/** For commander: a whole number within limits. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number within ${min}..${max}.`);
  };
}

/** For commander: an option that may be given several times. */
export function several(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

export const runsValue = wholeNumber(1, MAX_RUNS);
