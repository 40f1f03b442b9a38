/** What the cost model makes of whole mechanisms: the Checks of spec 24 that are not about single lines. */
import { strict as assert } from 'node:assert';
import { describe, it } from 'node:test';
import { Idle } from '../../src/balance/env.ts';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { Level } from '../../src/sched/domains.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import { Line, spentNs } from '../../src/sched/shared-lines.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { Ev } from '../../src/trace/events.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { generate } from '../../src/workload/generators/generate.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { grid } from '../sched/machines.ts';
import { MS, RUN, SLEEP, simulate } from '../support/simulate.ts';

const MB = 2 ** 20;
const KB = 2 ** 10;
const within = (value: number, low: number, high: number, what: string): void =>
  assert.ok(value >= low && value <= high, `${what}: ${value}, not within ${low}..${high}`);

describe('cold caches', () => {
  /** Two LLCs of two cores a node, two nodes. */
  const MACHINE = grid({ packages: 2, llcsPerNode: 2, coresPerLlc: 2 });
  const goTo = (cpu: number): Instruction => ({ op: 'setAffinity', of: 'self', cpus: [cpu] });

  /** CPU time, ns, that a task on CPU 0 needs for 2 ms of work, of which it does half elsewhere. */
  function timeWithMove(to: number, workingSetBytes: number, costs = {}): number {
    const program: Instruction[] = [RUN(1), goTo(to), RUN(1), SLEEP(1000)];
    const a = { cpus: [0], workingSetBytes, program };
    return simulate({ machine: MACHINE, policy: 'linux-6.1,costs=milan', costs, tasks: { a } }).ranMs('a') * MS;
  }
  const refillNs = (to: number, bytes: number, costs = {}) =>
    timeWithMove(to, bytes, costs) - timeWithMove(to, 64, costs);

  it('spec 24 check 3: 1.2 MB take 500 us to another LLC, 256 KB 20 us within one', () => {
    within(refillNs(2, 1.2 * MB), 475_000, 525_000, 'another LLC');
    within(refillNs(1, 256 * KB), 19_000, 21_000, 'within the LLC');
    within(refillNs(4, 1.2 * MB), 1.4 * 475_000, 1.4 * 525_000, 'another node');
    // The LLC holds what the L2 does not, before and after.
    within(refillNs(1, 4 * MB), 40_000, 42_000, 'more than the L2, within the LLC');
  });

  it('are refilled as far as others used the core meanwhile', () => {
    // Two tasks by turns on one CPU, each for 1 ms: enough to touch 200 KB of lines.
    const timeOf = (otherBytes: number) => {
      const program: Instruction[] = [RUN(1), SLEEP(1), RUN(1), SLEEP(1000)];
      const b = { cpus: [0], workingSetBytes: otherBytes };
      const run = simulate({
        machine: MACHINE,
        policy: 'linux-6.1,costs=milan',
        tasks: { a: { cpus: [0], workingSetBytes: 256 * KB, program }, b },
        untilMs: 20,
      });
      return run.ranMs('a') * MS;
    };
    // 4096 lines at 5 ns, of which 1 - exp(-1/2) and nearly nothing were driven out of the L2 of 512 KB.
    within(timeOf(256 * KB) - timeOf(64), 0.35 * 20_480, 2.1 * 20_480, 'after 256 KB');
  });

  it('of a task that waits for memory are only the beginning when that is on another node', () => {
    const time = (to: number, memoryBound: number) => {
      const program: Instruction[] = [RUN(1), goTo(to), RUN(10), SLEEP(1000)];
      const a = { cpus: [0], memoryBound, workingSetBytes: 64, program };
      return simulate({ machine: MACHINE, policy: 'linux-6.1,costs=milan', tasks: { a } }).ranMs('a');
    };
    // 140 ns for 100 ns, half of the time.
    within((time(4, 0.5) - time(4, 0)) / 10, 0.19, 0.21, 'another node');
    within((time(2, 0.5) - time(2, 0)) / 10, -0.001, 0.001, 'the same node');
  });

  it('cost nothing with a profile without latencies', () => {
    const free = { latLlcNs: 0, latMemNs: 0, latRemNs: 0 };
    assert.equal(refillNs(2, 1.2 * MB, free), 0);
  });
});

describe('threads of a core', () => {
  it('share it while both are busy', () => {
    const machine = grid({ coresPerLlc: 2, threads: 2, numbering: 'adjacent' });
    const program: Instruction[] = [RUN(10), SLEEP(1000)];
    const time = (...cpus: number[]) => {
      const kinds = Object.fromEntries(cpus.map((cpu, i) => [`t${i}`, { cpus: [cpu], program }]));
      const costs = { smtShare: 640 };
      const run = simulate({ machine, costs, main: { cpus: [3] }, tasks: kinds, untilMs: 50 });
      return run.ranMs('t0');
    };
    within(time(0), 10, 10.001, 'alone');
    within(time(0, 2), 10, 10.001, 'with a task on the other core');
    within(time(0, 1), 15.99, 16.01, 'with a task on the sibling');
  });
});

describe('a pipe between two processes', () => {
  /** ns from one wakeup to the next. */
  function hop(policy: string, workload: string): number {
    const run = simulate({
      machine: grid({ coresPerLlc: 4 }),
      policy: `linux-6.1,wakeup=stay,${policy}`,
      workload: generate(workload, 4),
      untilMs: 10,
      record: [Ev.SCHED_WAKING],
    });
    const times = run.of(Ev.SCHED_WAKING).map((e) => e.timeNs);
    return (times.at(-1)! - times[20]!) / (times.length - 21);
  }

  it('spec 24 check 4: takes 2.4 us a hop on one CPU of a desktop, a wake of 0.6-1 us more on two, 10 us in a guest', () => {
    within(hop('costs=desktop', 'pipe:loops=0,cpus=0'), 2400 * 0.9, 2400 * 1.1, 'one CPU');
    // On two CPUs: what it would take if an idle CPU were awake at once, and one wake.
    const atOnce = 'costs=desktop,cost.halt_wake=0,cost.poll_wake=0,cost.line_llc=0';
    const wake = hop('costs=desktop', 'pipe:loops=0') - hop(atOnce, 'pipe:loops=0');
    within(wake, 600, 1100, 'a wake');
    within(hop('costs=guest4', 'pipe:loops=0'), 10_000, 20_000, 'a guest');
    within(hop('costs=guest4,cost.halt_poll=200us', 'pipe:loops=0'), 2000, 5000, 'a guest that is polled');
  });
});

describe('newidle balance', () => {
  const BURSTS: Instruction[] = [{ op: 'loop', count: 0 }, RUN(1), SLEEP(3), { op: 'end' }];

  it('spec 24 check 5: takes 30-120 us for a machine of 2 x 44 CPUs, 5-12 us for its LLC', () => {
    const run = simulate({
      machine: grid({ packages: 2, coresPerLlc: 22, threads: 2 }),
      policy: 'linux-6.1,NO_NI_RANDOM,costs=bdw18',
      // Two tasks that share a CPU make the machine overloaded; the others leave theirs now and then, for long enough.
      tasks: {
        a: { cpus: [0] },
        b: { cpus: [0] },
        ...Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`t${i}`, { cpus: [i + 2], program: BURSTS }])),
      },
      untilMs: 100,
      record: [Ev.LB_LEAVE],
    });
    const passes = run.of(Ev.LB_LEAVE).filter(({ args }) => args['idle'] === Idle.NEWLY_IDLE);
    const meanUs = (level: number) => {
      const costs = passes.filter(({ args }) => args['level'] === level).map(({ args }) => args['cost']!);
      assert.ok(costs.length >= 10, `${costs.length} passes`);
      return costs.reduce((a, b) => a + b, 0) / costs.length / 1000;
    };
    within(meanUs(Level.MC), 5, 12, 'LLC');
    within(meanUs(Level.NUMA), 30, 120, 'machine');
  });
});

describe('the lock of domains that are balanced one at a time', () => {
  /** Four nodes in two packages, neighbours in number on different nodes; two levels of NUMA. */
  const NODES = 4;
  const MACHINE = buildTopology({
    name: 'snc',
    cpus: Array.from({ length: 512 }, (_, i) => ({ llc: i % NODES, node: i % NODES, package: (i % NODES) >> 1 })),
    nodes: [0, 1, 2, 3],
    distance: [
      [10, 12, 21, 21],
      [12, 10, 21, 21],
      [21, 21, 10, 12],
      [21, 21, 12, 10],
    ],
  });

  /** Part of the time of all CPUs, in percent, that goes to the lock's line when every tick of a busy CPU visits its domains. */
  function share(options: string): number {
    const policy = parsePolicy(`linux-6.1,hz=1000,start_state=random,costs=spr,cost.fork=1us,${options}`);
    const w = new WorkloadBuilder('hogs');
    const kinds = Array.from({ length: 512 }, (_, i) =>
      w.kind({ name: `hog${i}`, cpus: [i], program: [{ op: 'hog' }] }),
    );
    w.main([...kinds.map((kind): Instruction => ({ op: 'fork', kind, count: 1 })), { op: 'exit' }]);
    const simulation = new Simulation({
      topology: MACHINE,
      domains: buildDomains(MACHINE),
      workload: w.build(),
      config: kernelConfig(policy, 1),
      hooks: policyHooks(policy, 512),
      source: 'test',
      durationNs: null,
    });
    // From a moment between ticks, and when skewed ones are over, to the same moment ten ticks later.
    simulation.run(10 * MS);
    const start = k.nextJiffyAt - 0.2 * MS;
    simulation.run(start);
    const before = spentNs[Line.BALANCING]!;
    for (let i = 1; i <= 10; i++) {
      rq.nextBalance.fill(0, 0, 512);
      simulation.run(start + i * MS);
    }
    return (100 * (spentNs[Line.BALANCING]! - before)) / (512 * 10 * MS);
  }

  it('spec 24 check 6: takes 5-10 % of 512 CPUs with aligned ticks, hardly anything with skewed ones or if tried when due', () => {
    within(share('tick_phase=aligned'), 5, 10, 'aligned');
    within(share('tick_phase=skewed'), 0, 0.5, 'skewed');
    within(share('tick_phase=aligned,serialize=due'), 0, 0.2, 'when due');
  });
});
