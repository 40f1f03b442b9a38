/** Domains that one CPU at a time may balance, and how often their lock is tried for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parsePolicy } from '../../src/balance/policy.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { accesses, Line } from '../../src/sched/shared-lines.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { machine as machineOf } from '../support/trace-builder.ts';

const NR_CPUS = 192;

/**
 * Accesses to the lock up to a moment, on a machine of two nodes of which every CPU is busy. Ticks are spread: where all come at
 * one instant, CPUs that are due together find the lock taken, and try again at every tick until it is free.
 */
function accessesTo(ms: number, serialize: string): number {
  const machine = machineOf(NR_CPUS, { threads: 2, llcs: 2, nodes: 2 });
  const policy = parsePolicy(`linux-6.1,hz=250,costs=spr,start_state=random,tick_phase=skewed,serialize=${serialize}`);
  const w = new WorkloadBuilder('busy');
  const forks = Array.from({ length: NR_CPUS }, (_, cpu) => {
    const kind = w.kind({ name: `hog${cpu}`, program: [{ op: 'hog' }], cpus: [cpu] });
    return { op: 'fork', kind, count: 1 } as const;
  });
  w.main([...forks, { op: 'exit' }]);
  simulate({
    machine,
    workload: { workload: w.build(), warnings: [], features: [], repetitions: 1, seed0: 1, samples: [] },
    policy,
    seed: 1,
    durationNs: ms * 1e6,
    warmupNs: 0,
  });
  return accesses[Line.BALANCING]!;
}

test('spec 22 check 14: on 192 busy CPUs the lock is taken fifty times less often when only due domains are tried', () => {
  const [visit, due] = ['visit', 'due'].map((s) => accessesTo(20_000, s)) as [number, number];
  assert.ok(due > 0 && visit >= 50 * due, `${visit} and ${due} accesses`);
});
