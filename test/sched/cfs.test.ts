import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import { setLastBuddy, setNextBuddy, taskForkFair, taskTickFair, yieldTaskFair } from '../../src/sched/fair.ts';
import { placeEntity, schedSlice, updateCurr, updateMinVruntime } from '../../src/sched/fair-entity.ts';
import { checkPreemptWakeup, pickNextEntity, wakeupPreemptEntity } from '../../src/sched/fair-pick.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import * as rq from '../../src/sched/rq.ts';
import { needResched } from '../../src/sched/signals.ts';
import { runqueue, SLEEPS_FOR_GOOD, tasksNamed } from '../support/runqueue.ts';
import { boot, MS } from '../support/simulate.ts';

/** Clears need_resched of CPU 0. */
function carryOn(): void {
  loop.todo[0] = 0;
}

describe('latency, granularity and period', () => {
  test('spec 02 check 1: grow with the logarithm of the CPUs, up to 8', () => {
    const scaled = (cpus: number) => {
      boot({ machine: cpus, hooks: 'none', tasks: { a: {} } });
      return [k.latencyNs, k.minGranularityNs, k.wakeupGranularityNs].map((ns) => ns / MS);
    };
    assert.deepEqual(scaled(1), [6, 0.75, 1]);
    for (const cpus of [2, 3]) assert.deepEqual(scaled(cpus), [12, 1.5, 2]);
    for (const cpus of [4, 7]) assert.deepEqual(scaled(cpus), [18, 2.25, 3]);
    for (const cpus of [8, 9, 64]) assert.deepEqual(scaled(cpus), [24, 3, 4]);
  });

  test('can be told not to scale, or to scale by the number of CPUs', () => {
    const latencyMs = (scaling: number, cpus: number) => {
      boot({ machine: cpus, hooks: 'none', tasks: { a: {} }, policy: `linux-6.1,tunable_scaling=${scaling}` });
      return k.latencyNs / MS;
    };
    assert.deepEqual([latencyMs(0, 8), latencyMs(2, 3), latencyMs(2, 64)], [6, 18, 48]);
  });
});

describe('slices on 8 CPUs', () => {
  /** The slice of the first of these tasks, all queued. */
  function slice(kinds: Parameters<typeof runqueue>[0]): number {
    const q = runqueue(kinds);
    for (const name of Object.keys(kinds)) q.queued(name, 0);
    return schedSlice(0, q.task(Object.keys(kinds)[0]!));
  }

  test('spec 02 check 2: are equal parts of the period among equals', () => {
    assert.equal(slice(tasksNamed(2)), 11999994);
    assert.equal(slice(tasksNamed(3)), 7999998);
    assert.equal(slice(tasksNamed(4)), 5999994);
    assert.equal(slice(tasksNamed(8)), 3000000);
    assert.equal(slice(tasksNamed(30)), 3000000);
  });

  test('spec 02 check 2: are parts by weight among others', () => {
    assert.equal(slice({ a: {}, b: { nice: 5 } }), 18083885);
    assert.equal(slice({ a: { nice: 5 }, b: {} }), 5916114);
    assert.equal(slice({ a: {}, b: { nice: 19 } }), 23653512);
    assert.equal(slice({ a: { nice: 19 }, b: {} }), 3000000);
  });

  test('spec 02 check 3: come of a period that stretches with more than 8 tasks', () => {
    // The slice of a task that has all of the weight is the period, but for the last ns.
    const periodUs = (nr: number) => {
      const q = runqueue({ a: {} }).queued('a', 0);
      cfs.hNrRunning[0] = nr;
      return Math.round(schedSlice(0, q.task('a')) / 1000);
    };
    assert.deepEqual([1, 8, 9, 10].map(periodUs), [24_000, 24_000, 27_000, 30_000]);
  });

  test('have a lower floor for idle tasks among others', () => {
    assert.equal(slice({ a: { policy: 'idle' }, b: {} }), 750_000);
    // Among themselves they are like others.
    assert.equal(slice({ a: { policy: 'idle' }, b: { policy: 'idle' } }), 11999999);
  });

  test('of a task not queued count it as one more', () => {
    const q = runqueue(tasksNamed(2));
    q.queued('t0', 0);
    assert.equal(schedSlice(0, q.task('t1')), 11999994);
  });
});

describe('placement', () => {
  /** vruntime in ms that a task which slept with `own` gets when min_vruntime is 100 ms. */
  function wakes(own: number, kind = {}): number {
    const q = runqueue({ a: kind });
    cfs.minVruntime[0] = 100 * MS;
    se.vruntime[q.task('a')] = own * MS;
    placeEntity(0, q.task('a'), false);
    return se.vruntime[q.task('a')]! / MS;
  }

  test('spec 02 check 4: of a waking task: half a latency behind at most, and never back', () => {
    assert.equal(wakes(50), 88);
    assert.equal(wakes(95), 95);
    assert.equal(wakes(130), 130);
  });

  test('spec 02 check 4: of a waking idle task: half a granularity', () => {
    assert.equal(wakes(50, { policy: 'idle' }), 98.5);
  });

  test('after 104 days of sleep forgets what vruntime was', () => {
    const q = runqueue({ a: {} });
    cfs.minVruntime[0] = 100 * MS;
    se.vruntime[q.task('a')] = 500 * MS;
    se.execStart[q.task('a')] = 1;
    rq.clock[0] = 2 ** 53 + 4;
    placeEntity(0, q.task('a'), false);
    assert.equal(se.vruntime[q.task('a')], 88 * MS);
  });

  test('spec 02 check 5: of a child: a slice behind min_vruntime, but not before its parent', () => {
    const child = (parentMs: number) => {
      const q = runqueue(tasksNamed(2));
      q.running('t0', parentMs * MS);
      cfs.minVruntime[0] = 100 * MS;
      se.vruntime[q.task('t1')] = 0;
      taskForkFair(q.task('t1'));
      // Relative until it is queued.
      return se.vruntime[q.task('t1')]! + cfs.minVruntime[0]!;
    };
    assert.equal(child(100), 100 * MS + 11999994);
    assert.equal(child(150), 150 * MS);
  });
});

describe('virtual time', () => {
  test('runs by weight, and charges what was run', () => {
    const q = runqueue({ a: { nice: 5 } });
    q.running('a', 0);
    k.now += 1_000_000;
    rq.clock[0] = k.now;
    updateCurr(0);
    const a = q.task('a');
    assert.deepEqual([se.vruntime[a], se.sumExec[a]! - se.prevSumExec[a]!], [3056716, 1_000_000]);
  });

  test('spec 02 check 13: min_vruntime follows the smallest, never goes back, and stays when the queue empties', () => {
    const q = runqueue({ a: {}, b: {} });
    cfs.minVruntime[0] = 0;
    q.running('a', 10);
    updateMinVruntime(0);
    assert.equal(cfs.minVruntime[0], 10);
    q.queued('b', 5);
    updateMinVruntime(0);
    assert.equal(cfs.minVruntime[0], 10);
    se.vruntime[q.task('a')] = 30;
    se.vruntime[q.task('b')] = 20;
    updateMinVruntime(0);
    assert.equal(cfs.minVruntime[0], 20);
    cfs.curr[0] = -1;
    cfs.leftmost[0] = -1;
    updateMinVruntime(0);
    assert.equal(cfs.minVruntime[0], 20);
  });
});

describe('preemption at the tick', () => {
  /** Does the tick end the turn of `a`, which ran so long, with `b` that far behind it in vruntime? */
  function ends(ranNs: number, aheadNs: number): boolean {
    const q = runqueue({ a: {}, b: {} });
    q.running('a', 200 * MS).queued('b', 200 * MS - aheadNs);
    const a = q.task('a');
    se.prevSumExec[a] = 0;
    se.sumExec[a] = ranNs;
    taskTickFair(0, a);
    return needResched(0);
  }

  test('spec 02 check 8: takes more than the slice', () => {
    assert.equal(ends(11999994, 0), false);
    assert.equal(ends(11999995, 0), true);
  });

  test('takes being ahead by more than the slice, after the granularity', () => {
    assert.equal(ends(2_999_999, 50 * MS), false);
    assert.equal(ends(3_000_000, 50 * MS), true);
    assert.equal(ends(3_000_000, 11999994), false);
    assert.equal(ends(3_000_000, 11999995), true);
    assert.equal(ends(3_000_000, -50 * MS), false);
  });

  test('does not happen to a task that is alone', () => {
    const q = runqueue({ a: {} });
    q.running('a', 0);
    se.prevSumExec[q.task('a')] = 0;
    se.sumExec[q.task('a')] = 1000 * MS;
    taskTickFair(0, q.task('a'));
    assert.equal(needResched(0), false);
  });
});

describe('preemption by a wakeup', () => {
  test('spec 02 check 6, 7: takes more than the granularity, in the weight of the wakee', () => {
    const limit = (nice: number) => {
      const q = runqueue({ a: {}, b: { nice } });
      const [a, b] = [q.task('a'), q.task('b')];
      se.vruntime[b] = 0;
      let ns = 0;
      for (let step = 2 ** 24; step >= 1; step /= 2) {
        se.vruntime[a] = ns + step;
        if (wakeupPreemptEntity(a, b) < 1) ns += step;
      }
      se.vruntime[a] = 0;
      assert.equal(wakeupPreemptEntity(a, b), -1);
      se.vruntime[a] = 1;
      assert.equal(wakeupPreemptEntity(a, b), 0);
      return ns;
    };
    assert.deepEqual([limit(0), limit(5), limit(-5)], [4_000_000, 12226865, 1312399]);
  });

  /** Is `curr`, 10 ms ahead, preempted by the wakeup of `wakee`? */
  function preempted(curr: object, wakee: object, aheadMs = 10): boolean {
    const q = runqueue({ curr, wakee });
    q.running('curr', 100 * MS).queued('wakee', (100 - aheadMs) * MS);
    checkPreemptWakeup(0, q.task('wakee'), 0);
    return needResched(0);
  }

  test('depends on the policies', () => {
    assert.equal(preempted({}, {}), true);
    assert.equal(preempted({}, {}, 4), false);
    assert.equal(preempted({}, { policy: 'batch' }), false);
    assert.equal(preempted({}, { policy: 'idle' }), false);
    assert.equal(preempted({ policy: 'idle' }, {}, -100), true);
    assert.equal(preempted({ policy: 'idle' }, { policy: 'batch' }, -100), true);
    assert.equal(preempted({ policy: 'idle' }, { policy: 'idle' }), false);
    assert.equal(preempted({ policy: 'batch' }, {}), true);
  });

  test('makes the wakee the next buddy', () => {
    const q = runqueue({ curr: {}, wakee: {} });
    q.running('curr', 100 * MS).queued('wakee', 90 * MS);
    checkPreemptWakeup(0, q.task('wakee'), 0);
    assert.equal(cfs.nextBuddy[0], q.task('wakee'));
    assert.equal(cfs.lastBuddy[0], -1);
  });

  test('spec 02 check 9: makes the preempted the last buddy with 8 tasks or more', () => {
    for (const n of [7, 8]) {
      const q = runqueue(tasksNamed(n));
      q.running('t0', 100 * MS);
      for (let i = 1; i < n; i++) q.queued(`t${i}`, 90 * MS);
      checkPreemptWakeup(0, q.task('t1'), 0);
      assert.equal(needResched(0), true);
      assert.equal(cfs.lastBuddy[0], n === 8 ? q.task('t0') : -1, `${n} tasks`);
    }
  });

  test('spec 02 check 9: makes a last buddy by what is queued on the cfs_rq of current, not on the CPU', () => {
    for (const inGroup of [7, 8]) {
      const hogs = tasksNamed(inGroup, { group: 0, program: [{ op: 'hog' }] });
      const run = boot({
        machine: 8,
        hooks: 'none',
        policy: 'linux-6.1,fork=stay',
        main: { policy: 'fifo', priority: 99 },
        workload: (w) => w.group({ path: '/g' }),
        tasks: { ...hogs, w: { group: 0, program: SLEEPS_FOR_GOOD, nice: -20 }, r0: {}, r1: {}, r2: {} },
      }).to(4);
      for (let ms = 4; se.parent[rq.curr[0]!]! < 0; ms++) run.to(ms);
      const curr = rq.curr[0]!;
      const q = se.cfsRq[curr]!;
      assert.deepEqual([cfs.nrRunning[q], cfs.hNrRunning[0]], [inGroup, inGroup + 3]);
      const wakee = run.slot('w');
      se.vruntime[wakee] = se.vruntime[curr]! - 50 * MS;
      carryOn();
      checkPreemptWakeup(0, wakee, 0);
      assert.equal(needResched(0), true);
      assert.equal(cfs.lastBuddy[q], inGroup === 8 ? curr : -1);
    }
  });

  test('is not looked into when current gives way already', () => {
    const q = runqueue({ curr: {}, wakee: {} });
    q.running('curr', 100 * MS).queued('wakee', 90 * MS);
    loop.todo[0] = loop.Todo.RESCHED;
    checkPreemptWakeup(0, q.task('wakee'), 0);
    assert.equal(cfs.nextBuddy[0], -1);
    carryOn();
  });
});

describe('picking', () => {
  test('spec 02 check 12: takes the leftmost, of equals the one that came first', () => {
    const q = runqueue(tasksNamed(4));
    q.queued('t2', 5).queued('t0', 5).queued('t3', 4).queued('t1', 4);
    assert.equal(pickNextEntity(0, -1), q.task('t3'));
    const order: number[] = [];
    for (let e = cfs.leftmost[0]!; e >= 0; e = se.next[e]!) order.push(e);
    assert.deepEqual(
      order,
      ['t3', 't1', 't2', 't0'].map((name) => q.task(name)),
    );
  });

  test('spec 02 check 12: keeps current only if it is strictly before the leftmost', () => {
    const picks = (currAt: number) => {
      const q = runqueue({ curr: {}, other: {} });
      q.running('curr', currAt).queued('other', 7);
      return pickNextEntity(0, q.task('curr')) === q.task('curr') ? 'curr' : 'other';
    };
    assert.deepEqual([6, 7, 8].map(picks), ['curr', 'other', 'other']);
  });

  test('spec 02 check 10: prefers a buddy within the granularity of the leftmost', () => {
    for (const set of [setNextBuddy, setLastBuddy]) {
      const picks = (buddyAt: number) => {
        const q = runqueue({ a: {}, b: {} });
        q.queued('a', 0).queued('b', buddyAt);
        set(q.task('b'));
        return pickNextEntity(0, -1) === q.task('b') ? 'b' : 'a';
      };
      assert.deepEqual([4_000_000, 4_000_001].map(picks), ['b', 'a']);
    }
  });

  test('prefers the next buddy to the last', () => {
    const q = runqueue({ a: {}, next: {}, last: {} });
    q.queued('a', 0).queued('next', 2).queued('last', 1);
    setNextBuddy(q.task('next'));
    setLastBuddy(q.task('last'));
    assert.equal(pickNextEntity(0, -1), q.task('next'));
  });

  test('never makes a buddy of an idle task', () => {
    const q = runqueue({ a: { policy: 'idle' } });
    q.queued('a', 0);
    setNextBuddy(q.task('a'));
    setLastBuddy(q.task('a'));
    assert.deepEqual([cfs.nextBuddy[0], cfs.lastBuddy[0]], [-1, -1]);
  });
});

describe('sched_yield', () => {
  /** Who runs after `a`, at 10 ms, has yielded to `b`? */
  function after(bMs: number): string {
    const q = runqueue({ a: {}, b: {} });
    q.running('a', 10 * MS).queued('b', bMs * MS);
    yieldTaskFair(0, q.task('a'));
    return pickNextEntity(0, q.task('a')) === q.task('b') ? 'b' : 'a';
  }

  test('spec 02 check 11: lets another run that is not far ahead', () => {
    assert.deepEqual([13, 14, 15].map(after), ['b', 'b', 'a']);
  });

  test('does nothing for a task that is alone', () => {
    const q = runqueue({ a: {} });
    q.running('a', 10 * MS);
    yieldTaskFair(0, q.task('a'));
    assert.equal(cfs.skipBuddy[0], -1);
  });
});
