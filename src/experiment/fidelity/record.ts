/**
 * A record of the kernel lab as an experiment: the machine, the load, the scheduler's tunables as they were, and the
 * figures that the kernel gave.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { LabTasks } from '../../analysis/lab-repetition.ts';
import type { OverRepetitions } from '../../analysis/lab-summary.ts';
import { UserError } from '../../base/errors.ts';
import type { Topology } from '../../machine/topology.ts';
import { zstdDecompressor } from '../../trace/zstd.ts';
import type { WorkloadReading } from '../../workload/reading.ts';
import { loadMachine } from '../machine-file.ts';
import { loadWorkload } from '../workload-file.ts';
import { type RecordedStart, recordedStarts } from './recorded-start.ts';

export interface LabRecord {
  readonly name: string;
  readonly folder: string;
  /** The kernel's version line. */
  readonly kernel: string;
  readonly machine: Topology;
  readonly workload: WorkloadReading;
  /** Which tasks the lab's figures are of. */
  readonly tasks: LabTasks;
  /** `name=value` and features for a policy: what was not as the policy has it. */
  readonly settings: readonly string[];
  /** What the boot had left behind before each repetition. */
  readonly starts: readonly RecordedStart[];
  /** Updates of averages were recorded too. */
  readonly pelt: boolean;
  /** The kernel's figures over its repetitions. */
  readonly real: Readonly<Record<string, OverRepetitions>>;
}

/** Ticks a second of the recorded kernels. */
const HZ = 250;

/** Files that tell a record from another folder. */
const PARTS = ['topology.json', 'summary.json', 'run.json'];

/** Folders of records: the one given, or those in it. Throws `UserError` if there are none. */
export function findRecords(folder: string): string[] {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) {
    throw new UserError(
      'file',
      'no such folder',
      { file: folder },
      'give a record of the kernel lab, or a folder of them',
    );
  }
  if (isRecord(folder)) return [folder];
  const found = readdirSync(folder)
    .sort()
    .map((name) => join(folder, name))
    .filter(isRecord);
  if (found.length > 0) return found;
  throw new UserError(
    'file',
    'there is no record in this folder',
    { file: folder },
    `a record has ${PARTS.join(', ')}`,
  );
}

function isRecord(folder: string): boolean {
  return PARTS.every((file) => existsSync(join(folder, file)));
}

export function loadRecord(folder: string): LabRecord {
  const machine = loadMachine(join(folder, 'topology.json'));
  const workload = loadWorkload(folder, machine.nrCpus);
  const { kernel, comm } = readJson(folder, 'run.json') as { kernel: string; comm?: string };
  const { over_repetitions: real } = readJson(folder, 'summary.json') as { over_repetitions: LabRecord['real'] };
  const isCommand = existsSync(join(folder, 'cmd'));
  return {
    name: basename(folder),
    folder,
    kernel,
    machine,
    workload,
    tasks: isCommand ? { byComm: comm ?? 'hackbench' } : 'byKind',
    settings: [...readSettings(folder), ...readTurns(folder, machine)],
    starts: [],
    pelt: probes(folder).includes('pelt_se'),
    real,
  };
}

function readJson(folder: string, file: string): unknown {
  const path = join(folder, file);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new UserError('format', error instanceof Error ? error.message : String(error), { file: path });
  }
}

/** Tunables by the end of their path; those that the number of CPUs scales are left to the policy, which scales them. */
const TUNABLES: Readonly<Record<string, (value: string) => string>> = {
  migration_cost_ns: (value) => `migration_cost=${value}ns`,
  nr_migrate: (value) => `nr_migrate=${value}`,
  sched_child_runs_first: (value) => `child_runs_first=${value}`,
  sched_cfs_bandwidth_slice_us: (value) => `cfs_bandwidth_slice=${value}us`,
  sched_rt_period_us: (value) => `rt_period=${value}us`,
  sched_rt_runtime_us: (value) => `rt_runtime=${value === '-1' ? '-1' : `${value}us`}`,
  sched_rr_timeslice_ms: (value) => `rr_timeslice=${value}`,
};

/** How often the emulator's timer ended turns, us: the period of its audio timer. */
function readTurns(folder: string, machine: Topology): string[] {
  const { qemu_args: args = [] } = readJson(folder, 'run.json') as { qemu_args?: readonly string[] };
  const period = args.map((arg) => /timer-period=(\d+)/.exec(arg)?.[1]).find((us) => us !== undefined);
  return [`spin_turn=${spinTurnNs(folder, machine)}ns`, ...(period === undefined ? [] : [`turn_slice=${period}us`])];
}

/**
 * A turn of the load generator's loop. It was made longer twice while records were made; of the records without the
 * newidle ratio, those of machines with SMT are from between.
 */
function spinTurnNs(folder: string, machine: Topology): number {
  const text = probes(folder);
  if (text === '' || text.includes(' ratio=')) return 1880;
  return new Set(machine.core).size < machine.nrCpus ? 1300 : 440;
}

/** The probes as the kernel listed them; empty if that was not kept. */
function probes(folder: string): string {
  const path = join(folder, 'kprobe_events');
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** `/path/of/tunable:value` a line. */
function readSettings(folder: string): string[] {
  const path = join(folder, 'tunables.txt');
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const colon = line.indexOf(':');
      const toSetting = TUNABLES[line.slice(line.lastIndexOf('/', colon) + 1, colon)];
      return toSetting === undefined ? [] : [toSetting(line.slice(colon + 1).trim())];
    });
}

/** Records with what their traces tell of the start of each repetition. */
export async function withStarts(records: readonly LabRecord[]): Promise<LabRecord[]> {
  const decompress = await zstdDecompressor();
  return records.map((record) => {
    const path = join(record.folder, 'trace.txt.zst');
    if (!existsSync(path)) return record;
    return {
      ...record,
      starts: recordedStarts(decompress(readFileSync(path)), HZ, record.workload.workload.kinds[0]!.comm),
    };
  });
}
