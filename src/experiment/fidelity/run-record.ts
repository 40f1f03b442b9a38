/** Simulates the repetitions of a record, and puts the figures beside the kernel's. */
import { labSchedstat, overRepetitions } from '../../analysis/lab-summary.ts';
import { parsePolicy } from '../../balance/policy.ts';
import type { Job, JobResult } from '../worker.ts';
import { inGuest } from './guest.ts';
import type { LabRecord } from './record.ts';
import { compareFigures, type FidelityFigure, type Verdict } from './verdict.ts';

/** Runs of a record unless it has more repetitions. */
export const MIN_RUNS = 5;

export interface RecordFidelity {
  readonly name: string;
  readonly figures: readonly FidelityFigure[];
  readonly totals: Readonly<Record<Verdict, number>>;
}

/** A run for each seed. Repetition r of the lab has seed `seed0 + r`; runs beyond the repetitions go on counting. */
export function recordJobs(record: LabRecord, policy: string, runs: number): Job[] {
  const workload = { ...record.workload, workload: inGuest(record.workload.workload, record.machine) };
  const withSettings = { ...parsePolicy([policy, ...record.settings].join(',')), name: policy };
  return Array.from(
    { length: Math.max(runs, record.workload.repetitions) },
    (_, run): Job => ({
      plan: {
        machine: record.machine,
        workload,
        policy: withSettings,
        seed: record.workload.seed0 + run,
        durationNs: null,
        warmupNs: 0,
      },
      traceFile: null,
      lab: record.tasks,
    }),
  );
}

export function recordFidelity(record: LabRecord, results: readonly JobResult[]): RecordFidelity {
  const each = results.flatMap(({ lab, schedstat, schedstatBefore }) => {
    if (lab === null || schedstat === null || schedstatBefore === null) return [];
    // The command's own time: it does nothing but what is simulated.
    const time =
      typeof lab['window_ms'] === 'number' && record.tasks !== 'byKind' ? { hackbench_s: lab['window_ms'] / 1000 } : {};
    return [{ ...lab, ...time, schedstat: labSchedstat(schedstatBefore, schedstat) }];
  });
  const figures = compareFigures(record.real, overRepetitions(each));
  const count = (verdict: Verdict) => figures.filter((figure) => figure.verdict === verdict).length;
  return { name: record.name, figures, totals: { inside: count('inside'), near: count('near'), off: count('off') } };
}
