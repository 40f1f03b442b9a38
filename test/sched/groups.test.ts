import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as avg from '../../src/sched/averages.ts';
import { AVG_SE } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import { GROUP_ENTITIES } from '../../src/sched/entity.ts';
import { calcGroupShares } from '../../src/sched/fair-entity.ts';
import { k } from '../../src/sched/kernel.ts';
import { taskHLoad } from '../../src/sched/load-avg.ts';
import type { TaskKind } from '../../src/workload/program.ts';
import { boot, RUN, SLEEP, simulate } from '../support/simulate.ts';

/** Groups by path and weight, and tasks in them; group g's runqueue on CPU c is g * nrCpus + c, the root's g being 0. */
function inGroups(
  weights: Readonly<Record<string, number>>,
  tasks: Readonly<Record<string, Partial<TaskKind>>>,
  { nrCpus = 1, untilMs = 1000, idle = '' } = {},
) {
  return simulate({
    machine: nrCpus,
    hooks: 'none',
    workload: (w) => {
      for (const [path, weight] of Object.entries(weights)) w.group({ path, weight, idle: path === idle });
    },
    tasks,
    untilMs,
  });
}

describe('shares of a group on one CPU', () => {
  /** calc_group_shares with this state of the group's runqueue and the group's total. */
  function shares(weight: number, loadAvg: number, total: number, contrib: number): number {
    boot({ hooks: 'none', workload: (w) => w.group({ path: '/g' }), tasks: { a: { group: 0 } } });
    const q = k.nrCpus;
    cfs.load[q] = weight * 1024;
    avg.loadAvg[q] = loadAvg;
    k.groups.loadAvg[1] = total;
    cfs.tgLoadAvgContrib[q] = contrib;
    return calcGroupShares(q);
  }

  test('spec 02 check 14: are its part of the load of the whole group', () => {
    assert.equal(shares(1024, 1024, 1024, 1024), 1048576);
    assert.equal(shares(1024, 1024, 2048, 1024), 524288);
    assert.equal(shares(2048, 2048, 3072, 2048), 699050);
  });

  test('take the larger of weight now and load lately', () => {
    assert.equal(shares(0, 1024, 2048, 1024), 524288);
    assert.equal(shares(1024, 0, 1024, 0), 524288);
  });

  test('spec 02 check 14: are 2 where there is nothing, and all where there is nobody else', () => {
    assert.equal(shares(0, 0, 5000, 0), 2);
    assert.equal(shares(1024, 0, 0, 0), 1048576);
  });

  test('come of cpu.weight, 100 being 1048576', () => {
    boot({
      hooks: 'none',
      workload: (w) => {
        for (const weight of [100, 1, 10000, 50, 33]) w.group({ path: `/w${weight}`, weight });
        w.group({ path: '/idle', idle: true });
      },
      tasks: { a: {} },
    });
    const expected = [100, 1, 10000, 50, 33].map((w) => Math.round((w * 1024) / 100) * 1024);
    assert.deepEqual([...k.groups.shares].slice(1), [...expected, 3072]);
    assert.equal(expected[0], 1048576);
  });
});

describe('groups share a CPU', () => {
  test('equally, however many tasks each has', () => {
    const run = inGroups(
      { '/a': 100, '/b': 100 },
      { a: { group: 0 }, b1: { group: 1 }, b2: { group: 1 }, b3: { group: 1 } },
    );
    assert.ok(Math.abs(run.ranMs('a') - 500) < 15, `${run.ranMs('a')}`);
    for (const b of ['b1', 'b2', 'b3']) assert.ok(Math.abs(run.ranMs(b) - 167) < 15, `${b}: ${run.ranMs(b)}`);
  });

  test('by weight, with tasks outside of groups as with groups', () => {
    const run = inGroups({ '/a': 300 }, { a: { group: 0 }, root: {} }, { untilMs: 4000 });
    assert.ok(Math.abs(run.ranMs('a') - 3000) < 60, `${run.ranMs('a')}`);
  });

  test('an idle group takes what others leave', () => {
    const run = inGroups({ '/i': 100 }, { i: { group: 0 }, root: {} }, { untilMs: 4000, idle: '/i' });
    assert.ok(run.ranMs('i') < 60, `${run.ranMs('i')}`);
    assert.ok(run.ranMs('i') > 0);
  });
});

describe('averages of a group', () => {
  test('are carried up: the entity and the root have the utilisation of the task', () => {
    const run = inGroups({ '/g': 100 }, { a: { group: 0 } }, { untilMs: 500 });
    const util = [AVG_SE + run.slot('a'), 1, AVG_SE + GROUP_ENTITIES + 1, 0].map((i) => avg.utilAvg[i]!);
    for (const u of util) assert.ok(u > 1015, `${util}`);
    assert.equal(se.weight[GROUP_ENTITIES + 1], 1048576);
  });

  test('a task alone in a group of two CPUs halves its share, and its hierarchical load', () => {
    const tasks = { a: { group: 0, cpus: [0] }, b: { group: 0, cpus: [1] } };
    const run = inGroups({ '/g': 100 }, tasks, { nrCpus: 2, untilMs: 1000 });
    for (const cpu of [0, 1]) {
      const weight = se.weight[GROUP_ENTITIES + 2 + cpu]!;
      assert.ok(Math.abs(weight - 524288) < 6000, `${weight}`);
    }
    const load = taskHLoad(run.slot('a'));
    assert.ok(Math.abs(load - 512) < 20, `${load}`);
  });

  test('decay after the last task has gone', () => {
    const tasks = { a: { group: 0, program: [RUN(100), SLEEP(4000), RUN(1)] } };
    const run = simulate({
      machine: 2,
      workload: (w) => w.group({ path: '/g' }),
      tasks: { ...tasks, hog: { cpus: [1] } },
      untilMs: 90,
    });
    const a = run.slot('a');
    const q = se.cfsRq[a]!;
    assert.ok(avg.utilAvg[q]! > 700);
    assert.equal(cfs.onLeafList[q], 1);
    run.to(3900);
    assert.deepEqual([avg.utilAvg[q], avg.loadAvg[q], k.groups.loadAvg[1]], [0, 0, 0]);
  });

  test('count a new task once on each level', () => {
    const run = inGroups({ '/g': 100 }, { a: { group: 0 } }, { untilMs: 0 });
    const born = avg.utilAvg[AVG_SE + run.slot('a')]!;
    // main was born with 512, and a with half of the rest.
    assert.equal(born, 512);
    assert.deepEqual([avg.utilAvg[1], avg.utilAvg[AVG_SE + GROUP_ENTITIES + 1]], [born, born]);
    assert.equal(avg.utilAvg[0], 512 + born);
  });

  test('follow a task that changes its group', () => {
    const program = [RUN(200), { op: 'setGroup', group: 1 } as const, RUN(200), SLEEP(1000)];
    const run = inGroups({ '/a': 100, '/b': 100 }, { t: { group: 0, program } }, { untilMs: 190 });
    assert.ok(avg.utilAvg[1]! > 900);
    run.to(201);
    assert.deepEqual([cfs.nrRunning[1], cfs.nrRunning[2]], [0, 1]);
    assert.ok(avg.utilAvg[1]! < 30 && avg.utilAvg[2]! > 900, `${avg.utilAvg[1]} ${avg.utilAvg[2]}`);
    assert.ok(avg.utilAvg[0]! > 900 && avg.utilAvg[0]! <= 1024, `${avg.utilAvg[0]}`);
  });
});
