/**
 * Random workloads on random machines under random policies, with the scheduler's books checked after every event. A
 * counterexample is printed small, with the seed that reproduces it.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { UserError } from '../../src/base/errors.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { EVENT_ARITY } from '../../src/trace/event-specs.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import type { TraceSink } from '../../src/trace/sink.ts';
import type { Workload } from '../../src/workload/program.ts';
import { anyMachine, anyPolicy, anyWorkload } from '../support/simulation-arbitrary.ts';

const SIMULATED_NS = 12_000_000;

interface Outcome {
  readonly reason: string | null;
  readonly events: number;
  /** Of everything that was recorded. */
  readonly hash: number;
}

/** Simulates with the books checked; null where the machine has none of the CPUs that a task is bound to. */
function outcome(
  machine: Topology,
  workload: Workload,
  policyName: string,
  seed: number,
  check: boolean,
): Outcome | null {
  let hash = 0;
  const sink: TraceSink = {
    event: (kind, timeNs, cpu, task, args) => {
      hash = (Math.imul(hash, 31) + kind + cpu * 7 + task * 13 + (timeNs % 4294967291)) | 0;
      for (let i = 0; i < EVENT_ARITY[kind]!; i++) hash = (Math.imul(hash, 31) + (args[i]! % 4294967291)) | 0;
    },
  };
  const policy = parsePolicy(policyName);
  try {
    const simulation = new Simulation({
      topology: machine,
      domains: buildDomains(machine),
      workload,
      config: kernelConfig(policy, seed),
      hooks: policyHooks(policy, machine.nrCpus),
      source: policyName,
      sink,
      record: RECORDINGS.full,
      durationNs: SIMULATED_NS,
      checkInvariants: check,
    });
    simulation.run();
    return { reason: simulation.reason, events: simulation.events + simulation.ticks, hash };
  } catch (error) {
    if (error instanceof UserError) return null;
    throw error;
  }
}

const seed = fc.nat({ max: 1000 });

test('the books agree after every event', () => {
  let simulated = 0;
  fc.assert(
    fc.property(anyMachine, anyWorkload, anyPolicy, seed, (machine, workload, policy, s) => {
      if (outcome(machine, workload, policy, s, true) !== null) simulated++;
    }),
    { numRuns: 2200, interruptAfterTimeLimit: 240_000, markInterruptAsFailure: true },
  );
  assert.ok(simulated > 1500, `${simulated} of them could be simulated`);
});

test('the same seed gives the same events, whether the books are checked or not', () => {
  fc.assert(
    fc.property(anyMachine, anyWorkload, anyPolicy, seed, (machine, workload, policy, s) => {
      assert.deepEqual(outcome(machine, workload, policy, s, true), outcome(machine, workload, policy, s, false));
    }),
    { numRuns: 150 },
  );
});
