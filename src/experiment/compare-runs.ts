/**
 * The experiment at the heart of the product: the same machine and workload under several policies, run by run with the
 * same seeds, and how the figures differ.
 */
import { type Comparison, compare } from '../analysis/comparison.ts';
import type { Policy } from '../balance/policy.ts';
import { UserError } from '../base/errors.ts';
import type { Topology } from '../machine/topology.ts';
import type { WorkloadReading } from '../workload/reading.ts';
import { type PoolOptions, runJobs } from './pool.ts';
import type { RunPlan, RunResult } from './simulate.ts';
import type { Job } from './worker.ts';

export interface ComparePlan {
  readonly machine: Topology;
  readonly workload: WorkloadReading;
  /** The first is the baseline. */
  readonly policies: readonly Policy[];
  readonly runs: number;
  /** Of the first run; run r has `seed + r` under every policy. */
  readonly seed: number;
  readonly durationNs: number | null;
  readonly warmupNs: number;
  /** Where to keep the trace of the first run of each policy, in their order; default: nowhere. */
  readonly traceFiles?: readonly string[];
  /** With decision records; the files must be of a form that keeps them. */
  readonly decisions?: boolean;
}

export interface CompareResult {
  readonly comparison: Comparison;
  /** By policy and run. */
  readonly results: readonly (readonly RunResult[])[];
}

/** Runs everything. Rejects with `UserError`. */
export async function compareRuns(plan: ComparePlan, options: PoolOptions = {}): Promise<CompareResult> {
  const [result] = await compareSeveral([plan], options);
  return result!;
}

/** Runs several comparisons as one piece of work. Rejects with `UserError`. */
export async function compareSeveral(
  plans: readonly ComparePlan[],
  options: PoolOptions = {},
): Promise<CompareResult[]> {
  const jobs = plans.map(jobsOf);
  const results = await runJobs(jobs.flat(), options);
  let from = 0;
  return plans.map((plan, i) => {
    const own = results.slice(from, from + jobs[i]!.length);
    from += own.length;
    return resultOf(plan, own);
  });
}

/** Run by run, so that what is done at any time is a fair part of the whole. */
function jobsOf(plan: ComparePlan): Job[] {
  const { policies, runs } = plan;
  const names = policies.map((policy) => policy.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError('usage', `policy "${twice}" is given twice`);
  const jobs: Job[] = [];
  for (let run = 0; run < runs; run++) {
    policies.forEach((policy, i) => {
      const { machine, workload, durationNs, warmupNs } = plan;
      const one: RunPlan = { machine, workload, policy, seed: plan.seed + run, durationNs, warmupNs };
      const traceFile = run === 0 ? (plan.traceFiles?.[i] ?? null) : null;
      jobs.push({ plan: one, traceFile, decisions: traceFile !== null && plan.decisions === true });
    });
  }
  return jobs;
}

function resultOf({ policies }: ComparePlan, flat: readonly RunResult[]): CompareResult {
  const results = policies.map((_, i) => flat.filter((_, job) => job % policies.length === i));
  const table = policies.map((policy, i) => ({
    policy: policy.name,
    runs: results[i]!.map((result) => result.figures),
  }));
  return { comparison: compare(policies[0]!.name, table), results };
}
