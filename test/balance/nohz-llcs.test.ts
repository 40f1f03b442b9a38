/** Tickless CPUs by LLC: idle.tracking=nohz_llc. @spec 21 §4 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { NohzBalancer, nohzBalanceEnterIdle, nohzBalancerKick } from '../../src/balance/nohz.ts';
import { NohzLlcs } from '../../src/balance/nohz-llcs.ts';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { Rebalance } from '../../src/balance/rebalance.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { UNFINISHED } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import { Todo } from '../../src/sched/loop.ts';
import * as rq from '../../src/sched/rq.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { Ev } from '../../src/trace/events.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { boot, MS, RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

/** LLCs of two cores of two threads, the second threads numbered after all first ones. */
const APART = buildTopology({
  name: 'apart',
  cpus: [0, 1, 2, 3, 4, 5, 6, 7].map((cpu) => ({ core: cpu % 4, llc: (cpu % 4) >> 1 })),
});

/** A machine at a standstill whose CPUs are told apart by LLC. */
function byLlc(topology: Topology): { m: ReturnType<typeof still>; llcs: NohzLlcs } {
  const m = still(topology, ['a', 'b']);
  const llcs = new NohzLlcs(k.nrCpus);
  llcs.started();
  return { m, llcs };
}

describe('spec 21 §4: tickless CPUs by LLC', () => {
  test('the count that all share is written when an LLC gets its first CPU or loses its last', () => {
    const { llcs } = byLlc(machine(8, { llcs: 2 }));
    const written = (cpu: number, member: boolean) => {
      const before = k.nohz.globalAtomics;
      if (member) nohzBalanceEnterIdle(cpu, llcs);
      else {
        k.thisCpu = cpu;
        nohzBalancerKick(cpu, llcs);
      }
      return k.nohz.globalAtomics - before;
    };
    assert.deepEqual(
      [1, 2, 5, 3].map((cpu) => written(cpu, true)),
      [1, 0, 1, 0],
    );
    assert.deepEqual([llcs.llcs, k.nohz.nrCpus], [2, 4]);
    assert.deepEqual(
      [1, 5, 3, 2].map((cpu) => written(cpu, false)),
      [0, 1, 0, 1],
    );
    assert.deepEqual([llcs.llcs, k.nohz.nrCpus, llcs.checkBooks()], [0, 0, null]);
  });

  test('CPUs without a cache domain share one', () => {
    const { llcs } = byLlc(machine(4, { llcs: 4 }));
    for (const cpu of [0, 1, 2, 3]) nohzBalanceEnterIdle(cpu, llcs);
    assert.deepEqual([llcs.llcs, k.nohz.globalAtomics], [1, 1]);
  });

  test('a kick goes to the first LLC of the list that has an idle CPU', () => {
    const { m, llcs } = byLlc(APART);
    m.runs('a', 7).waits('b', 7);
    for (const cpu of [2, 4, 5]) nohzBalanceEnterIdle(cpu, llcs);
    k.nohz.nextBalance = k.jiffies;
    k.thisCpu = 7;
    nohzBalancerKick(7, llcs);
    // By number 2 would be the first; it is in the second LLC.
    assert.deepEqual([rq.nohzFlags[2], rq.nohzFlags[4] !== 0], [0, true]);
  });

  test('the kicked CPU goes round the list from its own place', () => {
    const { m, llcs } = byLlc(APART);
    for (const cpu of [0, 2, 3, 4, 6]) nohzBalanceEnterIdle(cpu, llcs);
    rq.nextBalance.fill(k.jiffies, 0, k.nrCpus);
    const nohz = new NohzBalancer(k.nrCpus, new Rebalance(k.nrCpus, m.lb, false), llcs);
    k.thisCpu = 2;
    nohz.begin(2, 1);
    while (nohz.step(2) === UNFINISHED) loop.todo[2]! &= ~Todo.PAY;
    const order = m.run.of(Ev.REBALANCE).map((e) => e.args['cpu']);
    assert.deepEqual(order, [3, 6, 0, 4, 2]);
  });

  test('property: where LLCs are numbered one after the other it is the global mask by another name', () => {
    const shapes = fc.constantFrom(machine(8, { llcs: 2 }), machine(8, { llcs: 4, nodes: 2 }), machine(6));
    fc.assert(
      fc.property(shapes, fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 3, maxLength: 12 }), (on, times) => {
        const program = (ms: number) => [{ op: 'loop', count: 0 }, RUN(ms), SLEEP(2 * ms), { op: 'end' }] as const;
        const tasksOf = Object.fromEntries(times.map((ms, i) => [`t${i}`, i === 0 ? {} : { program: program(ms) }]));
        const trace = (tracking: string) =>
          simulate({ machine: on, policy: `linux-6.1,idle.tracking=${tracking}`, tasks: tasksOf, untilMs: 120 }).events;
        assert.deepEqual(trace('nohz_llc'), trace('nohz_global'));
      }),
      { numRuns: 20 },
    );
  });

  test('the books agree where siblings are numbered apart, and idle CPUs are pushed to', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(3), SLEEP(9), { op: 'end' }] as const;
    const kinds = Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((i) => [`t${i}`, { program: nap }]));
    for (const push of ['off', 'on']) {
      const policy = `linux-6.1,idle.tracking=nohz_llc,costs=milan,push=${push}`;
      const run = boot({ machine: APART, policy, tasks: kinds });
      for (let ms = 5; ms <= 200; ms += 5) {
        run.to(ms);
        assert.equal(k.hooks.checkBooks(), null);
      }
    }
  });
});

/** 16 LLCs of 16 CPUs; counters after so many ms, and when the last event of these kinds was. */
function large(tracking: string, seed: number, untilMs: number, workload: (w: WorkloadBuilder) => void) {
  const topology = machine(256, { llcs: 16 });
  const policy = parsePolicy(`linux-6.1,costs=milan,idle_governor=menu,idle.tracking=${tracking}`);
  const w = new WorkloadBuilder('large');
  workload(w);
  let wakeups = 0;
  new Simulation({
    topology,
    domains: buildDomains(topology, {}),
    workload: w.build(),
    config: kernelConfig(policy, seed),
    hooks: policyHooks(policy, topology.nrCpus),
    source: 'test',
    sink: {
      begin: () => {},
      event: () => wakeups++,
    },
    record: [Ev.SCHED_WAKEUP],
    durationNs: null,
    checkInvariants: false,
  }).run(untilMs * MS);
  const counters = new Map(k.hooks.counters());
  return { wakeups, stops: counters.get('nohz.tick_stops')!, atomics: counters.get('nohz.global_atomics')! };
}

function about(ms: number) {
  return { kind: 'uniform', minNs: Math.round(0.5 * ms * MS), maxNs: Math.round(1.5 * ms * MS), stepNs: 1000 } as const;
}

test('spec 21 check 11: a write of the global line where an LLC gets its first idle CPU or loses the last', () => {
  // Half of the time of 256 CPUs.
  const half = (w: WorkloadBuilder) => {
    const nap = { op: 'sleep', time: about(20), state: 'S' } as const;
    const program = [{ op: 'loop', count: 0 }, { op: 'run', work: about(20) }, nap, { op: 'end' }] as const;
    w.main([{ op: 'fork', kind: w.kind({ name: 't', program }), count: 256 }, { op: 'exit' }]);
  };
  const global = large('nohz_global', 1, 300, half);
  const llc = large('nohz_llc', 1, 300, half);
  // Two for each spell; those that go on have had only one so far.
  assert.ok(global.atomics <= 2 * global.stops && global.atomics > 1.9 * global.stops, `${global.atomics}`);
  const ratio = global.atomics / global.stops / (llc.atomics / llc.stops);
  assert.ok(ratio > 100 && ratio < 1000, `${ratio}`);
});

test('spec 21 check 13: the masks alone change the throughput of 256 CPUs in 16 LLCs by less than 2 %', () => {
  const naps = (w: WorkloadBuilder) => {
    const nap = { op: 'sleep', time: about(0.2), state: 'S' } as const;
    const program = [{ op: 'loop', count: 0 }, { op: 'run', work: about(1) }, nap, { op: 'end' }] as const;
    w.main([{ op: 'fork', kind: w.kind({ name: 't', program }), count: 320 }, { op: 'exit' }]);
  };
  const sum = (tracking: string) => [1, 2, 3].reduce((n, seed) => n + large(tracking, seed, 60, naps).wakeups, 0);
  const [global, llc] = [sum('nohz_global'), sum('nohz_llc')];
  assert.ok(Math.abs(llc / global - 1) < 0.02, `${llc} wakeups, not ${global}`);
});
