/** Machines whose CPUs differ: in capacity, or in which of them is to be used first. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { asymPrefer, GroupType, Idle, Migrate } from '../../src/balance/env.ts';
import { taskFitsCpu, updateMisfitStatus } from '../../src/balance/misfit.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import { AVG_SE, utilAvg } from '../../src/sched/averages.ts';
import * as se from '../../src/sched/entity.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import { RUN, SLEEP, simulate } from '../support/simulate.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

/** Two little CPUs, 0 and 1, and two big ones, 2 and 3, each pair with a cache. */
const LITTLE_BIG = buildTopology({
  name: 'little and big',
  cpus: [0, 1, 2, 3].map((i) => ({ llc: i >> 1, capacity: i < 2 ? 446 : 1024 })),
});

describe('a task', () => {
  const fits = (util: number, capacity: number) => {
    const m = still(LITTLE_BIG, ['a']).task('a', { util }).cpu(0, { capacity });
    return taskFitsCpu(m.slot('a'), 0);
  };

  test('spec 05 check 18: fits a CPU if it leaves a fifth of it', () => {
    assert.deepEqual([fits(356, 446), fits(357, 446)], [true, false]);
    assert.deepEqual([fits(819, 1024), fits(820, 1024)], [true, false]);
  });

  test('is as big as it was estimated to be when it went to sleep', () => {
    const m = still(LITTLE_BIG, ['a']).task('a', { util: 10 });
    se.utilEstEwma[m.slot('a')] = 357;
    assert.equal(taskFitsCpu(m.slot('a'), 0), false);
    se.utilEstEwma[m.slot('a')] = 0;
    se.utilEstEnqueued[m.slot('a')] = 357;
    assert.equal(taskFitsCpu(m.slot('a'), 0), false);
  });

  test('that does not fit makes its CPU’s misfit load what it weighs, one at least', () => {
    const m = still(LITTLE_BIG, { a: {}, bound: { cpus: [0] } });
    m.cpu(0, { load: 9000 }).task('a', { util: 357, load: 501 }).task('bound', { util: 357, load: 501 });
    const status = (name: string) => {
      updateMisfitStatus(name === '' ? -1 : m.slot(name), 0);
      return rq.misfitTaskLoad[0];
    };
    assert.equal(status('a'), 500);
    assert.equal(status('bound'), 0);
    m.task('a', { load: 0 });
    assert.equal(status('a'), 1);
    assert.equal(status(''), 0);
    m.task('a', { util: 356 });
    assert.equal(status('a'), 0);
  });
});

describe('a misfit group', () => {
  const withMisfit = (kinds: Kinds = []): StillMachine =>
    still(LITTLE_BIG, kinds).cpu(0, { nr: 1, misfit: 400, util: 400 });

  test('is helped by an idle big CPU: one task, whatever its load', () => {
    const m = withMisfit();
    assert.deepEqual(m.busiestGroup(m.domain(2, 'DIE')), { cpus: [0, 1], type: Migrate.MISFIT, imbalance: 1 });
    assert.equal(k.overload, true);
  });

  test('is not helped by a CPU that is no bigger, or a group that has nothing to spare', () => {
    const m = withMisfit().cpu(2, { capacity: 460 });
    k.sd.sgcCapacity[m.sgc(m.domain(2, 'MC'), 2)] = 460;
    assert.equal(m.busiestGroup(m.domain(2, 'DIE')), null);
    const busy = withMisfit().cpus([2, 3], { nr: 1, util: 1024 });
    assert.equal(busy.busiestGroup(busy.domain(2, 'DIE'), Idle.NOT_IDLE), null);
  });

  test('is not helped by a CPU with a busy sibling', () => {
    const threads = buildTopology({
      name: 'little cores, big cores of two threads',
      cpus: [0, 1, 2, 3].map((i) => ({ core: i < 2 ? i : 2, llc: i >> 1, capacity: i < 2 ? 446 : 1024 })),
    });
    const m = still(threads).cpu(0, { nr: 1, misfit: 400, util: 400 });
    assert.notEqual(m.busiestGroup(m.domain(2, 'DIE')), null);
    m.cpu(3, { nr: 1 });
    assert.equal(m.busiestGroup(m.domain(2, 'DIE')), null);
  });

  test('among several is the one of the greatest misfit load, the last of equals', () => {
    const cpus = [0, 1, 2, 3, 4, 5].map((i) => ({ llc: i >> 1, capacity: i < 4 ? 446 : 1024 }));
    const m = still(buildTopology({ name: 'three pairs', cpus }));
    m.cpu(0, { nr: 1, misfit: 400 }).cpu(2, { nr: 1, misfit: 300 });
    const sd = m.domain(4, 'DIE');
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [0, 1]);
    m.cpu(2, { misfit: 400 });
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [2, 3]);
  });
});

test('a little CPU does not relieve bigger ones that are not overloaded', () => {
  const m = still(LITTLE_BIG).cpus([2, 3], { nr: 1, util: 1024 });
  const sd = m.domain(0, 'DIE');
  assert.equal(m.busiestGroup(sd), null);
  m.cpus([2, 3], { nr: 2 });
  assert.equal(m.busiestGroup(sd)!.type, Migrate.UTIL);
});

test('a task grown too big for its little CPU is pushed to an idle big one while it runs', () => {
  const run = simulate({
    machine: LITTLE_BIG,
    tasks: {
      a: {
        program: [
          { op: 'setAffinity', of: 'self', cpus: [0] },
          RUN(40),
          SLEEP(1),
          { op: 'setAffinity', of: 'self', cpus: null },
          { op: 'hog' },
        ],
      },
    },
    policy: 'linux-6.1,wakeup=stay',
    untilMs: 300,
  });
  const moves = run.migrations();
  assert.equal(moves.length, 2, moves.join('; '));
  assert.match(moves[0]!, / a [123]>0 affinity$/);
  assert.match(moves[1]!, / a 0>[23] active$/);
  assert.ok(utilAvg[AVG_SE + run.slot('a')]! > 357);
});

describe('asymmetric packing', () => {
  // On hybrid machines there is no level of clusters between threads and caches, so groups know that they are cores.
  const cores = (threads: number) =>
    buildTopology({
      name: 'cores of rising priority',
      hybrid: true,
      cpus: Array.from({ length: 4 * threads }, (_, i) => {
        const core = Math.floor(i / threads);
        return { core, llc: 0, priority: core };
      }),
    });

  test('prefers the CPU of higher priority, neither of equals', () => {
    still(cores(2));
    assert.deepEqual([asymPrefer(2, 0), asymPrefer(0, 2), asymPrefer(0, 1)], [true, false, false]);
  });

  test('lets an idle CPU take everything from one of lower priority', () => {
    const m = still(cores(1)).cpu(1, { nr: 1, util: 500 });
    const found = m.busiestGroup(m.domain(2, 'MC'));
    assert.equal(m.stats.busiest.type, GroupType.ASYM_PACKING);
    assert.deepEqual(found, { cpus: [1], type: Migrate.TASK, imbalance: 1 });
    assert.equal(m.busiestGroup(m.domain(0, 'MC')), null);
    assert.equal(m.busiestGroup(m.domain(2, 'MC'), Idle.NOT_IDLE), null);
  });

  test('relieves the group of lowest priority first, the last of equals', () => {
    const m = still(cores(1)).cpus([0, 1, 2], { nr: 1, util: 500 });
    assert.deepEqual(m.busiestGroup(m.domain(3, 'MC'))!.cpus, [0]);
  });

  test('does not take the only task of a preferred CPU', () => {
    const m = still(cores(1)).cpu(3, { nr: 1 });
    const sd = m.domain(0, 'MC');
    const group = m.group(sd, 3);
    assert.equal(m.busiestQueue(sd, Migrate.TASK, 1, group), -1);
    m.cpu(3, { nr: 2 });
    assert.equal(m.busiestQueue(sd, Migrate.TASK, 1, group), 3);
  });

  test('between cores of two threads asks for exactly one busy thread more there than here', () => {
    const type = (here: number, there: number) => {
      const m = still(cores(2));
      m.cpus([6, 7].slice(2 - here), { nr: 1, util: 300 }).cpus([2, 3].slice(0, there), { nr: 1, util: 300 });
      m.busiestGroup(m.domain(6, 'MC'));
      return m.stats.busiest.type;
    };
    assert.equal(type(0, 1), GroupType.ASYM_PACKING);
    assert.equal(type(0, 2), GroupType.HAS_SPARE);
    assert.equal(type(1, 1), GroupType.HAS_SPARE);
    assert.equal(type(1, 2), GroupType.ASYM_PACKING);
  });

  test('between a core of two threads and one of one: a second busy thread is reason enough', () => {
    const mixed = buildTopology({
      name: 'two threads, two threads, one, one',
      hybrid: true,
      cpus: [0, 0, 2, 2, 4, 5].map((core, i) => ({ core, llc: 0, priority: i < 4 ? 10 : core })),
    });
    const type = (sd: string, cpu: number, busy: readonly number[], idle: readonly number[] = []) => {
      const m = still(mixed).cpus(busy, { nr: 1, util: 300 }).cpus(idle, { nr: 0 });
      m.busiestGroup(m.domain(cpu, sd));
      return m.stats.busiest.type;
    };
    // The lone core has the lower priority: it helps a core with two busy threads all the same.
    assert.equal(type('MC', 4, [0, 1]), GroupType.ASYM_PACKING);
    assert.equal(type('MC', 4, [0]), GroupType.HAS_SPARE);
    // The other way round: only while the whole core idles.
    assert.equal(type('MC', 0, [4]), GroupType.ASYM_PACKING);
    assert.notEqual(type('MC', 0, [4, 1]), GroupType.ASYM_PACKING);
  });
});
