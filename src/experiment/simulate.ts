/**
 * One run: a machine, a workload and a policy in, figures out. What a worker thread does, and the library's `simulate`.
 */
import { type Figure, FigureList } from '../analysis/figure-catalogue.ts';
import { FiguresSink } from '../analysis/figures.ts';
import { domainFaults, kernelConfig, type Policy, policyHooks, withFeatures } from '../balance/policy.ts';
import type { Topology } from '../machine/topology.ts';
import { buildDomains } from '../sched/build-domains.ts';
import type { Counter } from '../sched/hooks.ts';
import { takeSchedstat } from '../sched/schedstat.ts';
import { type EndReason, Simulation } from '../sched/simulation.ts';
import type { EventKind } from '../trace/events.ts';
import { RECORDINGS } from '../trace/recorder.ts';
import type { Schedstat } from '../trace/schedstat.ts';
import type { TraceSink } from '../trace/sink.ts';
import { tee } from '../trace/tee.ts';
import type { WorkloadReading } from '../workload/reading.ts';

/** Everything that decides a run: the same plan gives the same trace, byte for byte. Can be sent to a worker. */
export interface RunPlan {
  readonly machine: Topology;
  readonly workload: WorkloadReading;
  readonly policy: Policy;
  readonly seed: number;
  /** Simulated time to stop at, ns; null: the workload's own, or its end. */
  readonly durationNs: number | null;
  /** Figures are of the time from here on, ns. */
  readonly warmupNs: number;
}

export interface RunOptions {
  /** Also gets the trace, with the kinds of events in `record` (default: all but PELT updates). */
  readonly sink?: TraceSink;
  readonly record?: readonly EventKind[];
  /** Decision records go into the trace too. */
  readonly decisions?: boolean;
  /** Check the scheduler's books after every event; slow. */
  readonly checkInvariants?: boolean;
  /** Called now and then with the simulated time, ns. */
  readonly onProgress?: (nowNs: number) => void;
  /** Also take a snapshot of /proc/schedstat at the end. */
  readonly schedstat?: boolean;
}

export interface RunResult {
  readonly policy: string;
  readonly seed: number;
  readonly figures: readonly Figure[];
  readonly reason: EndReason;
  readonly simulatedNs: number;
  /** Events handled, ticks included. */
  readonly events: number;
  readonly schedstat: Schedstat | null;
}

/** Simulated time between two steps, ns; the largest machines take a minute for a second of it. */
const STEP_NS = 5_000_000;

/** Simulates. Throws `UserError` for a workload that does not fit the machine, or gets stuck. */
export function simulate(plan: RunPlan, options: RunOptions = {}): RunResult {
  const steps = simulateInSteps(plan, options);
  for (;;) {
    const { done, value } = steps.next();
    if (done === true) return value;
  }
}

/** The same in steps of simulated time, for those who have other things to do in between. */
export function* simulateInSteps(plan: RunPlan, options: RunOptions = {}): Generator<void, RunResult> {
  const { machine, workload } = plan;
  const policy = withFeatures(plan.policy, workload.features);
  const record = options.sink === undefined ? RECORDINGS.figures : (options.record ?? RECORDINGS.full);
  const figures = new FiguresSink({ fromNs: plan.warmupNs, observed: RECORDINGS.figures });
  const hooks = policyHooks(policy, machine.nrCpus);
  const simulation = new Simulation({
    topology: machine,
    domains: buildDomains(machine, domainFaults(policy)),
    workload: workload.workload,
    config: kernelConfig(policy, plan.seed),
    hooks,
    source: policy.name,
    sink: options.sink === undefined ? figures : tee(figures, options.sink),
    record: [
      ...new Set([...record, ...RECORDINGS.figures, ...(options.decisions === true ? RECORDINGS.decisions : [])]),
    ],
    durationNs: plan.durationNs ?? workload.workload.durationNs,
    checkInvariants: options.checkInvariants ?? false,
  });
  simulation.run(plan.warmupNs);
  const before = new Map(hooks.counters());
  for (let until = 0; !simulation.run(until); until += STEP_NS) {
    options.onProgress?.(simulation.now);
    yield;
  }
  simulation.failOnDeadlock();
  return {
    policy: plan.policy.name,
    seed: plan.seed,
    figures: [...figures.figures(), ...mechanismFigures(hooks.counters(), before)],
    reason: simulation.reason!,
    simulatedNs: simulation.now,
    events: simulation.events + simulation.ticks,
    schedstat: options.schedstat === true ? takeSchedstat() : null,
  };
}

/** What the policy's mechanisms counted since the warm-up. */
function mechanismFigures(counters: readonly Counter[], before: ReadonlyMap<string, number>): readonly Figure[] {
  const list = new FigureList();
  for (const [name, value] of counters) list.add(name, value - (before.get(name) ?? 0));
  return list.figures;
}
