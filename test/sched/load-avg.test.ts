import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { scaleRtCapacity } from '../../src/balance/group-stats.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_RT, AVG_SE, LOAD_SUM, PERIOD_CONTRIB, SUM_ROW, UTIL_SUM } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import { k } from '../../src/sched/kernel.ts';
import {
  attachEntityLoadAvg,
  cpuUtilCfs,
  detachEntityLoadAvg,
  postInitEntityUtilAvg,
  taskHLoad,
  updateBlockedAverages,
} from '../../src/sched/load-avg.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { utilEstUpdate } from '../../src/sched/util-est.ts';
import { weightOfNice } from '../../src/sched/weight.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { boot, MS, RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';

const SLEEPER: readonly Instruction[] = [{ op: 'sleep', time: { kind: 'fixed', ns: 3600e9 }, state: 'S' }];

/** A machine on which task `a` sleeps on CPU 0 for good, and its row. */
function sleeper(nice = 0): [Simulated, number] {
  const run = boot({ hooks: 'none', machine: 2, tasks: { a: { program: SLEEPER, cpus: [0], nice } } }).to(0);
  return [run, run.slot('a')];
}

function sum(i: number, field: number): number {
  return avg.sums[i * SUM_ROW + field]!;
}

describe('a new task', () => {
  test('spec 03 check 9: starts with half of what its CPU has left', () => {
    const of = (util: number, load: number, nice = 0, capacity = 1024) => {
      const [, a] = sleeper(nice);
      rq.cpuCapacityOrig[0] = capacity;
      avg.utilAvg[0] = util;
      avg.loadAvg[0] = load;
      avg.utilAvg[AVG_SE + a] = 0;
      postInitEntityUtilAvg(a);
      assert.equal(avg.runnableAvg[AVG_SE + a], avg.utilAvg[AVG_SE + a]);
      return avg.utilAvg[AVG_SE + a];
    };
    assert.deepEqual([of(0, 0), of(512, 1024), of(768, 2048), of(1024, 77)], [512, 256, 128, 0]);
    // The scaled weight makes the other bound matter only for light tasks on heavily loaded CPUs.
    assert.equal(of(100, 200_000, 19), 7);
    assert.equal(of(0, 0, 0, 446), 223);
    assert.equal(of(600, 10, 0, 446), 0);
  });

  test('after another on an idle CPU starts with half of the half, and so on', () => {
    const run = boot({
      hooks: 'none',
      tasks: { a: {}, b: {}, c: {}, d: {} },
      workload: (w) => w.main([]),
    }).to(0);
    // main itself was new on an idle CPU, and has left its utilisation behind.
    const utils = ['a', 'b', 'c', 'd'].map((name) => avg.utilAvg[AVG_SE + run.slot(name)]);
    assert.deepEqual(utils, [256, 128, 64, 32]);
  });

  test('has the load of its weight, and runs on from there', () => {
    const [, a] = sleeper();
    const i = AVG_SE + a;
    avg.clearRows(0, 1);
    avg.clearRows(i, 1);
    avg.loadAvg[i] = 1024;
    avg.utilAvg[i] = 512;
    attachEntityLoadAvg(0, a);
    assert.deepEqual([sum(i, UTIL_SUM), sum(i, LOAD_SUM)], [23919616, 46718]);
    assert.deepEqual([avg.loadAvg[0], sum(0, LOAD_SUM), avg.utilAvg[0]], [1024, 47839232, 512]);
  });

  test('on an idle CPU: utilisation over the next ticks', () => {
    // Forked by a main that has gone, so that the runqueue is its own. Series F of spec 03.
    const program: Instruction[] = [{ op: 'fork', kind: 1, count: 1 }, { op: 'exit' }];
    const run = boot({
      hooks: 'none',
      workload: (w) => {
        w.kind({ name: 'a', program: [{ op: 'hog' }] });
        w.main(program, { cpus: [0] });
      },
    });
    const a = run.to(0).slot('a');
    // As if main had never been there.
    const now = avg.lastUpdate(0);
    avg.clearRows(0, 1);
    avg.setLastUpdate(0, now);
    for (const field of [avg.loadAvg, avg.utilAvg, avg.runnableAvg]) field[AVG_SE + a] = 0;
    cfs.removedNr[0] = 0;
    for (const removed of [cfs.removedLoad, cfs.removedUtil, cfs.removedRunnable]) removed[0] = 0;
    avg.loadAvg[AVG_SE + a] = 1024;
    avg.utilAvg[AVG_SE + a] = 512;
    attachEntityLoadAvg(0, a);
    const utils: number[] = [];
    for (let ms = 4; ms <= 100; ms += 4) {
      run.to(ms);
      utils.push(avg.utilAvg[AVG_SE + a]!);
      assert.equal(avg.utilAvg[0], avg.utilAvg[AVG_SE + a]);
    }
    assert.deepEqual(utils.slice(0, 6), [552, 590, 624, 656, 685, 712]);
    assert.deepEqual([utils.at(-1), avg.loadAvg[AVG_SE + a]], [959, 1023]);
  });
});

test('a task that begins when the simulation does is tracked from then on', () => {
  const run = simulate({ machine: 8, hooks: 'none', tasks: { a: { cpus: [0] }, b: { cpus: [0] } }, untilMs: 12 });
  // a has run and b has waited, born with 256 and 128.
  assert.ok(avg.utilAvg[AVG_SE + run.slot('a')]! > 400);
  assert.ok(avg.utilAvg[AVG_SE + run.slot('b')]! < 105);
  assert.equal(tasks.lastQueued[run.slot('b')], -1);
  assert.equal(tasks.runDelay[run.slot('b')], 12 * MS);
});

describe('attaching and detaching', () => {
  test('spec 03 check 10: turns the average back into the sum of its time', () => {
    const loadSum = (nice: number, loadAvg: number) => {
      const [, a] = sleeper(nice);
      avg.clearRows(0, 1);
      avg.loadAvg[AVG_SE + a] = loadAvg;
      attachEntityLoadAvg(0, a);
      return sum(AVG_SE + a, LOAD_SUM);
    };
    assert.equal(loadSum(0, 1024), 46718);
    assert.equal(loadSum(19, 15), 46718);
    // Not even a trace of load still counts as one.
    assert.equal(loadSum(0, 0), 1);
  });

  test('takes over the period of the runqueue', () => {
    const [, a] = sleeper();
    avg.sums[0 * SUM_ROW + PERIOD_CONTRIB] = 376;
    avg.setLastUpdate(0, 123 * 1024);
    avg.loadAvg[AVG_SE + a] = 1024;
    attachEntityLoadAvg(0, a);
    assert.deepEqual([sum(AVG_SE + a, PERIOD_CONTRIB), avg.lastUpdate(AVG_SE + a)], [376, 123 * 1024]);
    assert.equal(sum(AVG_SE + a, LOAD_SUM), 47094);
  });

  test('one after the other leaves the runqueue as it was', () => {
    const [, a] = sleeper();
    avg.clearRows(0, 1);
    avg.loadAvg[0] = 3000;
    avg.utilAvg[0] = 700;
    avg.runnableAvg[0] = 2000;
    avg.sums.set([0, 3000 * 46718, 2000 * 46718, 700 * 46718, 0], 0);
    const before = [...avg.sums.subarray(0, 5), avg.loadAvg[0], avg.utilAvg[0], avg.runnableAvg[0]];
    avg.loadAvg[AVG_SE + a] = 1024;
    avg.utilAvg[AVG_SE + a] = 300;
    avg.runnableAvg[AVG_SE + a] = 400;
    attachEntityLoadAvg(0, a);
    assert.deepEqual([avg.loadAvg[0], avg.utilAvg[0], avg.runnableAvg[0]], [4024, 1000, 2400]);
    detachEntityLoadAvg(0, a);
    assert.deepEqual([...avg.sums.subarray(0, 5), avg.loadAvg[0], avg.utilAvg[0], avg.runnableAvg[0]], before);
  });

  test('never leaves less than nothing, nor a sum below its average', () => {
    const [, a] = sleeper();
    avg.clearRows(0, 1);
    avg.loadAvg[0] = 500;
    avg.utilAvg[0] = 10;
    avg.sums[UTIL_SUM] = 1;
    avg.loadAvg[AVG_SE + a] = 1024;
    avg.utilAvg[AVG_SE + a] = 4;
    avg.sums[(AVG_SE + a) * SUM_ROW + LOAD_SUM] = 46718;
    detachEntityLoadAvg(0, a);
    assert.deepEqual([avg.loadAvg[0], sum(0, LOAD_SUM)], [0, 0]);
    assert.deepEqual([avg.utilAvg[0], sum(0, UTIL_SUM)], [6, 6 * 46718]);
  });
});

describe('waking', () => {
  test('spec 03 check 11: on the same CPU does not move the load of the runqueue', () => {
    const run = boot({ hooks: 'none', tasks: { a: { program: [RUN(200), SLEEP(20), { op: 'hog' }] } } });
    run.to(219.9);
    const before = avg.loadAvg[0]!;
    const task = avg.loadAvg[AVG_SE + run.slot('a')]!;
    assert.ok(before >= task && before > 500, `${before} of the runqueue, ${task} of the task`);
    run.to(220.1);
    // It has decayed by 20 ms of sleep meanwhile, and the task with it.
    const after = avg.loadAvg[0]!;
    assert.ok(after < before && after > before * 0.6, `${before} before, ${after} after`);
    assert.ok(Math.abs(after - avg.loadAvg[AVG_SE + run.slot('a')]!) < 10);
  });

  test('spec 03 check 11: on another CPU the load leaves the old runqueue at its next update, and is on the new one at once', () => {
    const run = boot({
      machine: 2,
      hooks: 'none',
      tasks: {
        a: { program: [RUN(100), SLEEP(20), { op: 'hog' }], cpus: [0] },
        mover: {
          cpus: [1],
          program: [SLEEP(110), { op: 'setAffinity', of: 1, cpus: [1] }, SLEEP(1e6)],
        },
      },
    });
    run.to(119.9);
    const old = avg.loadAvg[0]!;
    const onNew = avg.loadAvg[1]!;
    assert.ok(old > 500);
    run.to(120.1);
    assert.deepEqual(run.migrations(), ['120.05 a 0>1 wakeup']);
    const a = run.slot('a');
    assert.equal(cfs.removedNr[0], 1);
    // The old CPU idles, so the sleep is estimated and the task has decayed for 20 ms before it came over.
    assert.ok(avg.loadAvg[AVG_SE + a]! < 700);
    assert.ok(avg.loadAvg[1]! >= avg.loadAvg[AVG_SE + a]! && avg.loadAvg[1]! > onNew);
    k.thisCpu = 0;
    updateBlockedAverages(0);
    assert.equal(cfs.removedNr[0], 0);
    assert.ok(avg.loadAvg[0]! < 30, `${avg.loadAvg[0]} left of ${old}`);
  });
});

describe('the share of a task in the load of its CPU', () => {
  test('spec 03 check 12: is nearly all, alone on the root', () => {
    const [, a] = sleeper();
    avg.loadAvg[0] = 1024;
    avg.loadAvg[AVG_SE + a] = 1024;
    cfs.hLoadUpdated[0] = -1;
    assert.equal(taskHLoad(a), 1023);
  });

  test('keeps what was worked out in the same jiffy, whatever the load became', () => {
    const [, a] = sleeper();
    avg.loadAvg[0] = 1024;
    avg.loadAvg[AVG_SE + a] = 1024;
    cfs.hLoadUpdated[0] = -1;
    taskHLoad(a);
    avg.loadAvg[0] = 2047;
    assert.equal(taskHLoad(a), Math.floor((1024 * 1024) / 2048));
    k.jiffies++;
    assert.equal(taskHLoad(a), Math.floor((1024 * 2047) / 2048));
  });
});

describe('util_est', () => {
  /** Ends an activation of the task with this utilisation; the estimate after it. */
  function sleepAt(task: number, util: number): number {
    avg.utilAvg[AVG_SE + task] = util;
    se.utilEstUnchanged[task] = 0;
    utilEstUpdate(0, task);
    return se.utilEstEwma[task]!;
  }

  test('spec 03 check 14: sinks by quarters, until the difference is within the margin', () => {
    const [, a] = sleeper();
    se.utilEstEwma[a] = 400;
    se.utilEstEnqueued[a] = 400;
    const series = Array.from({ length: 13 }, () => sleepAt(a, 200));
    assert.deepEqual(series, [350, 312, 284, 263, 247, 235, 226, 219, 214, 210, 207, 207, 207]);
    assert.equal(se.utilEstEnqueued[a], 200);
  });

  test('spec 03 check 14: rises at once', () => {
    const [, a] = sleeper();
    se.utilEstEwma[a] = 100;
    assert.equal(sleepAt(a, 300), 300);
  });

  test('spec 03 check 14: is not updated by a sleep that saw no period boundary', () => {
    const [, a] = sleeper();
    se.utilEstEwma[a] = 400;
    se.utilEstEnqueued[a] = 400;
    sleepAt(a, 200);
    avg.utilAvg[AVG_SE + a] = 100;
    utilEstUpdate(0, a);
    assert.deepEqual([se.utilEstEwma[a], se.utilEstEnqueued[a]], [350, 200]);
  });

  test('is its moving average: the value of the last activation is never above it, so that one number would do, as in 6.12', () => {
    const [, a] = sleeper();
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1100 }), { minLength: 1, maxLength: 30 }), (utils) => {
        se.utilEstEwma[a] = 0;
        se.utilEstEnqueued[a] = 0;
        for (const util of utils) {
          sleepAt(a, util);
          assert.ok(se.utilEstEnqueued[a]! <= se.utilEstEwma[a]!);
        }
      }),
    );
  });

  test('of what is above the capacity of the CPU is not taken for the task', () => {
    const [, a] = sleeper();
    rq.cpuCapacityOrig[0] = 446;
    se.utilEstEwma[a] = 800;
    assert.equal(sleepAt(a, 600), 800);
    assert.equal(sleepAt(a, 400), 700);
  });

  test('makes the utilisation of a CPU as large as its tasks will be', () => {
    sleeper();
    avg.utilAvg[0] = 100;
    cfs.utilEstEnqueued[0] = 300;
    assert.equal(cpuUtilCfs(0), 300);
    cfs.utilEstEnqueued[0] = 3000;
    assert.equal(cpuUtilCfs(0), 1024);
    avg.utilAvg[0] = 400;
    cfs.utilEstEnqueued[0] = 300;
    assert.equal(cpuUtilCfs(0), 400);
  });
});

describe('capacity', () => {
  test('spec 03 check 13: is what real-time tasks leave, and never nothing', () => {
    sleeper();
    const left = (rtUtil: number) => {
      avg.utilAvg[AVG_RT] = rtUtil;
      return scaleRtCapacity(0);
    };
    assert.deepEqual([0, 100, 1023, 1024, 2000].map(left), [1024, 924, 1, 1, 1]);
  });

  test('falls to 800 by 12 ms of a real-time task', () => {
    simulate({ hooks: 'none', tasks: { rt: { policy: 'fifo', priority: 10 } }, untilMs: 12 });
    assert.equal(avg.utilAvg[AVG_RT], 224);
    assert.equal(scaleRtCapacity(0), 800);
  });
});

test('weight of a nice level and load of a task that runs on agree', () => {
  for (const nice of [-20, -5, 0, 5, 19]) {
    const run = simulate({ hooks: 'none', tasks: { a: { nice } }, untilMs: 500 });
    const weight = weightOfNice(nice) / 1024;
    const load = avg.loadAvg[AVG_SE + run.slot('a')]!;
    assert.ok(load <= weight && load >= weight * 0.99 - 1, `nice ${nice}: ${load} of ${weight}`);
  }
});
