import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { capacityGreater, capacityReduced, Fbq, Idle, Migrate } from '../../src/balance/env.ts';
import { findBusiestQueue } from '../../src/balance/find-busiest.ts';
import { fbqClassifyRq } from '../../src/balance/group-stats.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { type StillMachine, still } from './still-machine.ts';

const { LOAD, UTIL, TASK, MISFIT } = Migrate;

/** Two LLCs of four CPUs: the queue is sought among 4-7, for CPU 0. */
function twoLlcs(): StillMachine {
  return still(machine(8, { llcs: 2 }));
}

function queue(m: StillMachine, migrationType: number, imbalance = 0): number {
  const sd = m.domain(0, 'DIE');
  return m.busiestQueue(sd, migrationType, imbalance, m.group(sd, 4));
}

describe('the busiest queue', () => {
  test('spec 06 check 17: by tasks has the most CFS tasks, the first of equals', () => {
    const m = twoLlcs().cpu(4, { nr: 2 }).cpu(5, { nr: 3 }).cpu(6, { nr: 3 });
    assert.equal(queue(m, TASK), 5);
    // Tasks of other classes do not count.
    rq.nrRunning[4] = 9;
    assert.equal(queue(m, TASK), 5);
  });

  test('is none where no CFS task is', () => {
    const m = twoLlcs();
    rq.nrRunning[4] = 9;
    for (const type of [LOAD, UTIL, TASK, MISFIT]) assert.equal(queue(m, type), -1);
  });

  test('by load has the most for its capacity', () => {
    const m = twoLlcs().cpu(4, { nr: 2, load: 1000 }).cpu(5, { nr: 2, load: 600, capacity: 512 });
    assert.equal(queue(m, LOAD, 100), 5);
    m.cpu(5, { load: 500 });
    assert.equal(queue(m, LOAD, 100), 4);
    m.cpu(5, { load: 501 });
    assert.equal(queue(m, LOAD, 100), 5);
  });

  test('by load is not one of a single task of more than the imbalance, unless its CPU is short of capacity', () => {
    const m = twoLlcs().cpu(4, { nr: 1, load: 501 });
    assert.equal(queue(m, LOAD, 500), -1);
    assert.equal(queue(m, LOAD, 501), 4);
    m.cpu(4, { capacity: 875 });
    assert.equal(queue(m, LOAD, 500), 4);
    m.cpu(4, { capacity: 876 });
    assert.equal(queue(m, LOAD, 500), -1);
  });

  test('by load is never one without load', () => {
    assert.equal(queue(twoLlcs().cpu(4, { nr: 2, load: 0 }), LOAD, 500), -1);
  });

  test('by utilisation has the most, by average or estimate, and two tasks at least', () => {
    const m = twoLlcs().cpu(4, { nr: 1, util: 1000 }).cpu(5, { nr: 2, util: 300 }).cpu(6, { nr: 2, util: 200 });
    assert.equal(queue(m, UTIL, 1), 5);
    cfs.utilEstEnqueued[6] = 301;
    assert.equal(queue(m, UTIL, 1), 6);
    // No more than a CPU can do.
    m.cpu(5, { util: 1500 });
    cfs.utilEstEnqueued[6] = 1600;
    assert.equal(queue(m, UTIL, 1), 5);
  });

  test('by misfit has the greatest misfit load', () => {
    const m = twoLlcs().cpu(4, { nr: 1, misfit: 100 }).cpu(5, { nr: 1, misfit: 300 }).cpu(6, { nr: 1, misfit: 300 });
    assert.equal(queue(m, MISFIT, 1), 5);
  });

  test('is not a CPU that has been struck from the pass', () => {
    const m = twoLlcs().cpu(4, { nr: 2 }).cpu(5, { nr: 3 });
    const sd = m.domain(0, 'DIE');
    m.env.begin(sd, 0, Idle.IDLE);
    m.env.migrationType = TASK;
    m.env.strike(5);
    assert.equal(findBusiestQueue(m.env, m.group(sd, 4)), 4);
  });
});

describe('where CPUs differ in capacity', () => {
  const asym = () =>
    still(
      buildTopology({
        name: 'little, little, big, big',
        cpus: [0, 1, 2, 3].map((i) => ({ llc: i >> 1, capacity: i < 2 ? 512 : 1024 })),
      }),
    );

  test('a single task is taken only to a CPU of more capacity, by more than 5 %', () => {
    const m = asym().cpu(0, { nr: 1 });
    const at = (capacity: number) => {
      m.cpu(2, { capacity });
      const sd = m.domain(2, 'DIE');
      return m.busiestQueue(sd, TASK, 1, m.group(sd, 0));
    };
    assert.equal(at(1024), 0);
    // 539 * 1024 = 551936, the same as 512 * 1078.
    assert.equal(at(539), -1);
    assert.equal(at(540), 0);
  });

  test('5 % more is 1078 of 1024', () => {
    assert.equal(capacityGreater(1078, 1024), false);
    assert.equal(capacityGreater(1079, 1024), true);
  });
});

test('capacity is reduced below 875.2 of 1024 at 117 %, below 930.9 at 110 %', () => {
  const m = still(machine(4, { threads: 2 }));
  const at = (name: string, capacity: number) => {
    m.cpu(0, { capacity });
    return capacityReduced(0, m.domain(0, name));
  };
  assert.deepEqual([at('MC', 875), at('MC', 876)], [true, false]);
  assert.deepEqual([at('SMT', 930), at('SMT', 931)], [true, false]);
});

describe('tasks and the nodes they prefer', () => {
  const fourNodes = () => still(machine(8, { llcs: 2, nodes: 2 }));
  const numa = (m: StillMachine, cpu: number, nr: number, running: number, preferred: number) => {
    m.cpu(cpu, { nr });
    rq.numaRunning[cpu] = running;
    rq.preferredRunning[cpu] = preferred;
  };

  test('a runqueue is regular, remote or neither, by whether some task has no preference or is away from home', () => {
    const m = fourNodes();
    numa(m, 4, 3, 2, 2);
    assert.equal(fbqClassifyRq(4), Fbq.REGULAR);
    numa(m, 4, 3, 3, 2);
    assert.equal(fbqClassifyRq(4), Fbq.REMOTE);
    numa(m, 4, 3, 3, 3);
    assert.equal(fbqClassifyRq(4), Fbq.ALL);
  });

  test('a queue is taken only if it is of the group’s class or a better one', () => {
    const m = fourNodes();
    numa(m, 4, 5, 5, 5);
    numa(m, 5, 4, 4, 3);
    numa(m, 6, 3, 3, 3);
    const sd = m.domain(0, 'NUMA');
    m.busiestGroup(sd);
    assert.equal(m.env.fbqType, Fbq.REMOTE);
    m.env.migrationType = TASK;
    assert.equal(findBusiestQueue(m.env, m.stats.busiest.group), 5);
    numa(m, 6, 3, 2, 2);
    m.busiestGroup(sd);
    assert.equal(m.env.fbqType, Fbq.REGULAR);
    m.env.migrationType = TASK;
    assert.equal(findBusiestQueue(m.env, m.stats.busiest.group), 6);
  });

  test('spec 10 check 5: a group is regular, remote or neither, by the tasks of all its CPUs', () => {
    const group = (running: number, preferred: number) => {
      const m = fourNodes();
      // Four tasks on two of its CPUs.
      numa(m, 4, 3, Math.min(3, running), Math.min(3, preferred));
      numa(m, 5, 1, running - Math.min(3, running), preferred - Math.min(3, preferred));
      m.busiestGroup(m.domain(0, 'NUMA'));
      return m.env.fbqType;
    };
    assert.deepEqual([group(3, 3), group(4, 3), group(4, 4)], [Fbq.REGULAR, Fbq.REMOTE, Fbq.ALL]);
  });

  /** No task has a preferred node, and no queue counts one. */
  function noPreferences(nodes: number): void {
    const run = simulate({ machine: machine(8, { llcs: 2, nodes }), tasks: { a: {}, b: {}, c: {} }, untilMs: 3000 });
    for (const name of ['a', 'b', 'c']) assert.equal(tasks.numaPreferred[run.slot(name)], -1);
    for (let cpu = 0; cpu < 8; cpu++) assert.deepEqual([rq.numaRunning[cpu], rq.preferredRunning[cpu]], [0, 0]);
  }

  test('spec 10 check 1: nobody has a preference on one node, and none is counted', () => noPreferences(1));

  test('nobody has one on two nodes either: faults, and with them task_numa_migrate, are not modelled', () => {
    noPreferences(2);
  });

  test('spec 10 check 1: is no question in domains inside a node', () => {
    const m = twoLlcs();
    numa(m, 4, 5, 5, 5);
    numa(m, 5, 4, 4, 3);
    m.busiestGroup(m.domain(0, 'DIE'));
    assert.equal(m.env.fbqType, Fbq.ALL);
  });
});
