import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cpuUtilNext, IdlestSearch } from '../../src/balance/find-idlest.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_SE } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import { Wake } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { machine } from '../support/trace-builder.ts';
import { type StillMachine, still } from './still-machine.ts';

/** A machine with a task that is new: it has been on no runqueue yet. */
function withChild(topology: Topology, cpus?: readonly number[]): StillMachine {
  const m = still(topology, { child: cpus === undefined ? {} : { cpus } });
  avg.setLastUpdate(AVG_SE + m.slot('child'), 0);
  return m;
}

/** Where the child of a task on `cpu` goes, seen from the domain `from` of that CPU. */
function forks(m: StillMachine, cpu: number, from: string): number {
  k.thisCpu = cpu;
  return new IdlestSearch().findIdlestCpu(m.domain(cpu, from), m.slot('child'), cpu, cpu, Wake.FORK);
}

/** Idle CPUs have been so since these times; -1: for ever. */
function idleSince(m: StillMachine, stamps: Readonly<Record<number, number>>): StillMachine {
  for (const [cpu, stamp] of Object.entries(stamps)) rq.idleStamp[Number(cpu)] = stamp;
  return m;
}

describe('a new task', () => {
  const twoLlcs = () => idleSince(withChild(machine(8, { llcs: 2 })), { 4: 1, 5: 1, 6: 1, 7: 1 });

  test('spec 05 check 12: stays in its group of the domain while that has as many idle CPUs as any other', () => {
    const m = idleSince(twoLlcs(), { 1: 5, 2: 3, 3: 4 }).cpus([0, 4], { nr: 1 });
    assert.equal(forks(m, 0, 'DIE'), 1);
    // Seen from the LLC: all others are idle groups of one CPU, this one is not.
    m.cpu(5, { nr: 1 });
    assert.equal(forks(m, 0, 'DIE'), 1);
  });

  test('spec 05 check 12: goes to the group of more idle CPUs; of those that are equal to the less used one', () => {
    const m = twoLlcs().cpu(0, { nr: 1 });
    assert.equal(forks(m, 0, 'DIE'), 4);
    const three = idleSince(withChild(machine(12, { llcs: 3 })), { 4: 1, 8: 1 }).cpu(0, { nr: 1 });
    three.cpu(4, { util: 100 });
    assert.equal(forks(three, 0, 'DIE'), 8);
    three.cpu(8, { util: 100 });
    assert.equal(forks(three, 0, 'DIE'), 4);
  });

  test('goes to a group that is not as badly off as its own, whatever the numbers', () => {
    const m = twoLlcs().cpus([0, 1, 2, 3], { nr: 1, util: 1024, load: 10 }).cpus([4, 5, 6], { nr: 1, load: 3000 });
    assert.equal(forks(m, 0, 'DIE'), 7);
    const worse = twoLlcs()
      .cpus([4, 5, 6, 7], { nr: 2, util: 1024, load: 10 })
      .cpus([0, 1, 2, 3], { nr: 1, util: 1024 });
    assert.equal(forks(worse, 0, 'DIE'), 0);
  });

  test('spec 05 check 14: between overloaded groups goes where the load is less by more than imbalance_pct and its like in load', () => {
    const at = (here: number, there: number) => {
      const m = twoLlcs().cpus([0, 1, 2, 3], { nr: 2, util: 1024, load: here });
      return forks(m.cpus([4, 5, 6, 7], { nr: 2, util: 1024, load: there }), 0, 'DIE') >= 4;
    };
    assert.equal(at(1200, 1000), true);
    assert.equal(at(1170, 1000), false);
    assert.equal(at(1171, 1000), true);
    // 174 of load is the least that counts.
    assert.equal(at(600, 426), true);
    assert.equal(at(600, 600), false);
    assert.equal(at(1000, 1173), false);
    assert.equal(at(1000, 1174), false);
  });

  test('goes down the domains, each time into the idlest', () => {
    const m = withChild(machine(16, { llcs: 4, nodes: 2 })).cpus([0, 1, 8, 9, 10], { nr: 1 });
    idleSince(m, { 11: 1, 12: 2, 13: 7, 14: 3, 15: 4 });
    // The other node has five idle CPUs against six here; within this one the second cache has four.
    idleSince(m, { 4: 1, 5: 9, 6: 2, 7: 3 });
    assert.equal(forks(m, 0, 'NUMA'), 5);
  });

  test('may be kept by its affinity: groups without an allowed CPU do not count', () => {
    const stamps = { 1: 1, 2: 2, 3: 3, 4: 4, 5: 5 };
    const m = idleSince(withChild(machine(8, { llcs: 2 }), [1, 2]), stamps).cpu(0, { nr: 1 });
    assert.equal(forks(m, 0, 'DIE'), 1);
    const away = idleSince(withChild(machine(8, { llcs: 2 }), [4, 5]), stamps);
    assert.equal(forks(away, 0, 'DIE'), 5);
    assert.equal(forks(idleSince(withChild(machine(8, { llcs: 2 }), [5]), stamps), 0, 'MC'), 0);
  });
});

describe('across nodes', () => {
  interface Beside {
    readonly preferred?: number;
    readonly cpus?: readonly number[];
    readonly pending?: readonly number[];
  }
  const at = (runningHere: number, idleThere: number, { preferred = -1, cpus, pending = [] }: Beside = {}) => {
    const m = withChild(machine(16, { llcs: 2, nodes: 2 }), cpus);
    for (const cpu of pending) rq.ttwuPending[cpu] = 1;
    const sd = m.domain(0, 'NUMA');
    k.sd.imbNumaNr[sd] = 2;
    m.cpus([0, 1, 2].slice(0, runningHere), { nr: 1 }).cpus([8, 9, 10, 11].slice(0, 8 - idleThere), { nr: 1 });
    for (let cpu = 0; cpu < 16; cpu++) rq.idleStamp[cpu] = 1;
    tasks.numaPreferred[m.slot('child')] = preferred;
    return forks(m, 0, 'NUMA') >= 8;
  };

  test('spec 05 check 13: a task stays while few run here, even if two more CPUs idle there', () => {
    assert.equal(at(2, 8), true);
    assert.equal(at(1, 8), false);
    assert.equal(at(1, 7), false);
    // One task here and two more CPUs idle there: the second CPU that does not idle is being sent a wakeup.
    assert.equal(at(1, 8, { pending: [1] }), false);
    assert.equal(at(2, 8, { pending: [7] }), true);
  });

  test('few is no more than the CPUs that it may use here', () => {
    assert.equal(at(1, 8, { cpus: [0, 8, 9, 10, 11, 12, 13, 14, 15] }), true);
  });

  test('a preferred node decides', () => {
    assert.equal(at(3, 8, { preferred: 0 }), false);
    assert.equal(at(0, 4, { preferred: 1 }), true);
  });

  test('fully busy groups are compared with the tolerance on the other side too', () => {
    const full = (here: number, there: number) => {
      const m = withChild(machine(16, { llcs: 2, nodes: 2 }));
      const all = Array.from({ length: 16 }, (_, i) => i);
      m.cpus(all, { nr: 1, util: 1024, load: here }).cpus(all.slice(8), { load: there });
      return forks(m, 0, 'NUMA') >= 8;
    };
    assert.equal(full(1174, 1000), false);
    assert.equal(full(1175, 1000), true);
  });
});

describe('the CPU within the group', () => {
  /** Group 4-7, seen from CPU 0 which is busy. */
  const chosen = (prepare: (m: StillMachine) => void, policy = 'linux-6.1') => {
    const m = still(machine(8, { llcs: 2 }), { child: { cpus: [4, 5, 6, 7] } }, policy);
    avg.setLastUpdate(AVG_SE + m.slot('child'), 0);
    prepare(m);
    k.thisCpu = 0;
    // Down to its own domain, every CPU is a group: the first choice is what matters, so the others look worse.
    return new IdlestSearch().findIdlestCpu(m.domain(0, 'DIE'), m.slot('child'), 0, 0, Wake.FORK);
  };

  test('spec 05 check 17: without idle states is the one that began to idle last', () => {
    assert.equal(
      chosen((m) => idleSince(m.cpu(7, { nr: 1 }), { 4: 100, 5: 300, 6: 200 })),
      5,
    );
  });

  test('is none whose idling was not timed, unless it is found below', () => {
    // 4 is the least loaded of those that do not idle; then, in its own cache, the idle ones are better groups.
    assert.equal(
      chosen((m) => idleSince(m.cpu(4, { nr: 1 }), { 5: -1, 6: -1, 7: 50 })),
      7,
    );
  });

  test('in a shallower idle state comes first, whenever it began', () => {
    assert.equal(
      chosen((m) => {
        idleSince(m, { 4: 100, 5: 300, 6: 200, 7: 50 });
        [2, 2, 2, 1].forEach((state, i) => {
          rq.idleState[4 + i] = state;
        });
        assert.ok(k.costs.idleStates[1]!.exitNs < k.costs.idleStates[2]!.exitNs);
      }, 'linux-6.1,idle_governor=menu,costs=milan'),
      7,
    );
  });

  test('all in one state: the first by its latency, then the latest', () => {
    const states = (stamps: Readonly<Record<number, number>>) =>
      chosen((m) => {
        idleSince(m, stamps);
        for (const cpu of [4, 5, 6, 7]) rq.idleState[cpu] = 1;
      }, 'linux-6.1,idle_governor=menu,costs=milan');
    assert.equal(states({ 4: 400, 5: 300, 6: 200, 7: 50 }), 4);
    assert.equal(states({ 4: 100, 5: 300, 6: 200, 7: 50 }), 5);
    assert.equal(states({ 4: -1, 5: -1, 6: -1, 7: -1 }), 4);
  });

  test('with SCHED_IDLE tasks only is taken at once', () => {
    assert.equal(
      chosen((m) => {
        idleSince(m.cpu(6, { nr: 1 }), { 5: 300 });
        cfs.idleHNrRunning[6] = 1;
        m.cpus([4, 5, 7], { nr: 1, util: 1024, load: 1024 });
      }),
      6,
    );
  });

  test('is the least loaded if none idles', () => {
    assert.equal(
      chosen((m) => {
        m.cpus([4, 5, 6, 7], { nr: 1, util: 1024, load: 1000 }).cpus([5, 7], { load: 800 });
      }),
      5,
    );
  });
});

describe('a task that executes a new program', () => {
  test('is not counted where it runs', () => {
    const m = still(machine(8, { llcs: 2 }), ['a']).runs('a', 0, { load: 1024, util: 800 });
    for (let cpu = 0; cpu < 8; cpu++) rq.idleStamp[cpu] = 1;
    m.cpu(0, { load: 1024, util: 800 });
    k.thisCpu = 0;
    // Without itself both caches idle; and no CPU of its own is idler than its own.
    const to = new IdlestSearch().findIdlestCpu(m.domain(0, 'DIE'), m.slot('a'), 0, 0, Wake.EXEC);
    assert.equal(to, 0);
  });

  test('leaves if another task waits behind it', () => {
    const m = still(machine(8, { llcs: 2 }), ['a', 'b'])
      .runs('a', 0)
      .waits('b', 0);
    for (let cpu = 0; cpu < 8; cpu++) rq.idleStamp[cpu] = cpu;
    k.thisCpu = 0;
    const to = new IdlestSearch().findIdlestCpu(m.domain(0, 'DIE'), m.slot('a'), 0, 0, Wake.EXEC);
    assert.equal(to, 7);
  });
});

describe('utilisation as it would be', () => {
  const at = (cpu: number, dst: number, queued = false) => {
    const m = still(machine(4), ['a']);
    if (queued) m.waits('a', 1);
    const task = m.slot('a');
    tasks.cpu[task] = 1;
    m.task('a', { util: 100 }).cpus([0, 1], { util: 300 });
    se.utilEstEwma[task] = 250;
    se.utilEstEnqueued[task] = 100;
    cfs.utilEstEnqueued[0] = 200;
    cfs.utilEstEnqueued[1] = 500;
    return cpuUtilNext(cpu, task, dst);
  };

  test('counts a task where it goes, by the greater of average and estimate', () => {
    assert.equal(at(0, 0), 450);
    assert.equal(at(0, 2), 300);
    assert.equal(at(1, -1), 500);
    assert.equal(at(1, -1, true), 250);
    assert.equal(at(1, 1), 750);
  });

  test('is at most what the CPU can do', () => {
    const m = still(buildTopology({ name: 'small', cpus: [{ llc: 0, capacity: 300 }, { llc: 0 }] }), ['a']);
    m.task('a', { util: 200 }).cpu(0, { util: 200 });
    tasks.cpu[m.slot('a')] = 1;
    assert.equal(cpuUtilNext(0, m.slot('a'), 0), 300);
  });
});
