/** Simulates the repetitions of a record, and puts the figures beside the kernel's. */
import { labSchedstat, overRepetitions } from '../../analysis/lab-summary.ts';
import { parsePolicy } from '../../balance/policy.ts';
import { presetOfKernel } from '../../balance/presets.ts';
import { UserError } from '../../base/errors.ts';
import type { Schedstat } from '../../trace/schedstat.ts';
import type { Job, JobResult } from '../worker.ts';
import { inGuest } from './guest.ts';
import type { LabRecord } from './record.ts';
import { compareFigures, type FidelityFigure, type Verdict } from './verdict.ts';

/** Runs of a record unless it has more repetitions: as many beginnings of each, where it has two, three, four or six. */
export const MIN_RUNS = 12;

export interface RecordFidelity {
  readonly name: string;
  /** Costs of profile `kernel-lab` were fitted on it. */
  readonly fitted: boolean;
  readonly figures: readonly FidelityFigure[];
  readonly totals: Readonly<Record<Verdict, number>>;
}

/** Records of Linux 6.1 on which costs of profile `kernel-lab` were fitted; nothing else was, and on no others. */
const FITTED: readonly string[] = ['smp4-pingpong', 'smp4-periodic', 'smp4-one', 'smp4-hackbench'];

/** How the lab's guest differs from a machine without costs that has just booted. */
const GUEST = 'costs=kernel-lab,start_state=recorded,rcu_grace=60ms,wakee_flips=5';

/** The preset of the recorded kernel, in the lab's guest. Throws `UserError` if there is none. */
export function policyOfRecord(record: LabRecord): string {
  const preset = presetOfKernel(record.kernel);
  if (preset !== undefined) return `${preset},${GUEST}`;
  const what = `there is no policy for the kernel of record ${record.name}, ${record.kernel.split(' (')[0]}`;
  throw new UserError('policy', what, {}, 'name one with --policy');
}

/** A run for each seed. Repetition r of the lab has seed `seed0 + r`; runs beyond the repetitions go on counting. */
export function recordJobs(record: LabRecord, policy: string, runs: number): Job[] {
  const withSettings = { ...parsePolicy([policy, ...record.settings].join(',')), name: policy };
  const { starts, machine, workload } = record;
  const samplesWakeRcu = presetOfKernel(record.kernel) === 'linux-6.1';
  const recorded = withSettings.environment.startState === 'recorded' && starts.length > 0;
  return Array.from({ length: Math.max(runs, workload.repetitions) }, (_, run): Job => {
    const start = recorded ? starts[run % starts.length]! : null;
    return {
      plan: {
        machine,
        workload: { ...workload, workload: inGuest(workload.workload, machine, start?.load, samplesWakeRcu) },
        policy: withSettings,
        seed: workload.seed0 + run,
        durationNs: null,
        warmupNs: 0,
      },
      traceFile: null,
      lab: record.tasks,
      pelt: record.pelt,
      start: start?.state ?? null,
    };
  });
}

export function recordFidelity(record: LabRecord, results: readonly JobResult[]): RecordFidelity {
  const numbered = Object.keys(record.real).some((name) => name.startsWith('schedstat.domain0.'));
  const named = (stat: Schedstat) => (numbered ? withoutNames(stat) : stat);
  const each = results.flatMap(({ lab, schedstat, schedstatBefore }) => {
    if (lab === null || schedstat === null || schedstatBefore === null) return [];
    // The command's own time: it does nothing but what is simulated.
    const time =
      typeof lab['window_ms'] === 'number' && record.tasks !== 'byKind' ? { hackbench_s: lab['window_ms'] / 1000 } : {};
    return [{ ...lab, ...time, schedstat: labSchedstat(named(schedstatBefore), named(schedstat)) }];
  });
  const figures = compareFigures(record.real, overRepetitions(each));
  const count = (verdict: Verdict) => figures.filter((figure) => figure.verdict === verdict).length;
  const fitted = presetOfKernel(record.kernel) === 'linux-6.1' && FITTED.includes(record.name);
  return {
    name: record.name,
    fitted,
    figures,
    totals: { inside: count('inside'), near: count('near'), off: count('off') },
  };
}

/** Where a record does not tell the names of domains, its figures have their numbers. */
function withoutNames(stat: Schedstat): Schedstat {
  const cpus = stat.cpus.map((cpu) => ({ ...cpu, domains: cpu.domains.map((d) => ({ ...d, name: '' })) }));
  return { ...stat, cpus };
}
