/** What stands in the place of newidle balance, and what its absence costs. @spec 21 §5 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { k } from '../../src/sched/kernel.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { generate } from '../../src/workload/generators/generate.ts';
import { MS } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';

/** What 16 CPUs get done of a workload in that time, over three seeds. */
function done(workload: string, llcs: number, untilMs: number, newidle: string): number {
  const topology = machine(16, { llcs });
  const policy = parsePolicy(`linux-6.1,costs=milan,idle_governor=menu,newidle=${newidle}`);
  let units = 0;
  for (const seed of [1, 2, 3]) {
    new Simulation({
      topology,
      domains: buildDomains(topology, {}),
      workload: generate(workload, topology.nrCpus),
      config: kernelConfig(policy, seed),
      hooks: policyHooks(policy, topology.nrCpus),
      source: 'test',
      sink: { begin: () => {}, event: () => {} },
      record: [],
      durationNs: null,
      checkInvariants: false,
    }).run(untilMs * MS);
    units = k.programs.unitsDone.reduce((sum, n) => sum + n, units);
  }
  return units;
}

/** About as many busy tasks as CPUs. Loads that lose nothing are rows of the study `without-newidle`. */
const LOADS = [
  ['hackbench:groups=2,loops=100000', 1, 15],
  ['tbench:clients=14', 1, 30],
  ['schbench', 4, 400],
] as const;

for (const [workload, llcs, ms] of LOADS) {
  test(`spec 21 check 12: without newidle balance ${workload} gets less done`, () => {
    const full = done(workload, llcs, ms, 'full');
    const off = done(workload, llcs, ms, 'off');
    assert.ok(off < 0.98 * full, `${off} of ${full}`);
  });
}
