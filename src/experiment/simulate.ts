/**
 * One run: a machine, a workload and a policy in, figures out. What a worker thread does, and the library's `simulate`.
 */
import { type Figure, FigureList } from '../analysis/figure-catalogue.ts';
import { FiguresSink } from '../analysis/figures.ts';
import { domainFaults, kernelConfig, type Policy, policyHooks, withFeatures } from '../balance/policy.ts';
import { UserBalance } from '../balance/user/user-balance.ts';
import type { Topology } from '../machine/topology.ts';
import { buildDomains } from '../sched/build-domains.ts';
import type { BalanceHooks, Counter } from '../sched/hooks.ts';
import { takeSchedstat } from '../sched/schedstat.ts';
import { type EndReason, Simulation } from '../sched/simulation.ts';
import type { EventKind } from '../trace/events.ts';
import { RECORDINGS } from '../trace/recorder.ts';
import type { Schedstat } from '../trace/schedstat.ts';
import type { TraceSink } from '../trace/sink.ts';
import { tee } from '../trace/tee.ts';
import type { WorkloadReading } from '../workload/reading.ts';
import { evaluatePolicy } from './policy-module.ts';

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
  const hooks = hooksOf(policy, machine.nrCpus);
  const simulation = new Simulation({
    topology: machine,
    domains: buildDomains(machine, domainFaults(policy)),
    workload: workload.workload,
    config: kernelConfig(policy, plan.seed),
    hooks,
    source: sourceName(policy),
    sink: options.sink === undefined ? figures : tee(figures, options.sink),
    record: [
      ...new Set([...record, ...RECORDINGS.figures, ...(options.decisions === true ? RECORDINGS.decisions : [])]),
    ],
    durationNs: plan.durationNs ?? workload.workload.durationNs,
    checkInvariants: options.checkInvariants ?? false,
  });
  // What happens at that very moment counts; and all of it without a warm-up, booting included.
  simulation.run(plan.warmupNs - 1);
  const before = new Map(plan.warmupNs === 0 ? [] : hooks.counters());
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

function hooksOf(policy: Policy, nrCpus: number): BalanceHooks {
  const base = policyHooks(policy, nrCpus);
  return policy.file === null ? base : new UserBalance(base, evaluatePolicy(policy.file), nrCpus);
}

/** What made a trace: the bytes of a policy file are part of it. */
function sourceName(policy: Policy): string {
  return policy.file === null ? policy.name : `${policy.name} (sha256 ${policy.file.sha256})`;
}

/** Figures that are what a policy file counted. */
const OWN_COUNTERS = 'policy.count.';

/** What the policy's mechanisms counted since the warm-up. */
function mechanismFigures(counters: readonly Counter[], before: ReadonlyMap<string, number>): readonly Figure[] {
  const list = new FigureList();
  for (const [name, value] of counters) {
    const own = name.startsWith(OWN_COUNTERS) ? name.slice(OWN_COUNTERS.length) : null;
    const counted = value - (before.get(name) ?? 0);
    if (own === null) list.add(name, counted);
    else list.add(`${OWN_COUNTERS}{name}`, counted, own);
  }
  return list.figures;
}
