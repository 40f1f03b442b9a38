import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { recordWakee, wakeAffine, wakeWide } from '../../src/balance/wake-affine.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { DOMAIN_COUNTERS, Ttwu } from '../../src/sched/domain-state.ts';
import { k } from '../../src/sched/kernel.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

interface Loads {
  readonly here: number;
  readonly prev: number;
  /** h_load of the woken task. */
  readonly task: number;
  /** h_load of the waker. */
  readonly waker?: number;
  readonly sync?: boolean;
  readonly nr?: number;
  readonly pct?: number;
  readonly capacity?: readonly [here: number, prev: number];
  readonly policy?: string;
}

/** CPU 0 wakes a task that ran on CPU 1; both are busy. The task's h_load is load * L / (L + 1). */
function byWeight(loads: Loads, topology: Topology = machine(4)): number {
  const m = still(topology, { waker: {}, a: {} }, loads.policy).waits('a', 1).runs('waker', 0);
  const { here, prev, task, waker = 0, sync = false, nr = 2, capacity = [1024, 1024] } = loads;
  m.cpu(0, { nr, load: here, capacity: capacity[0] }).cpu(1, { nr: 1, load: prev, capacity: capacity[1] });
  m.task('a', { load: task === 0 ? 0 : task + 1 }).task('waker', { load: waker === 0 ? 0 : waker + 1 });
  const sd = m.domain(0, 'MC');
  if (loads.pct !== undefined) k.sd.imbalancePct[sd] = loads.pct;
  const chosen = wakeAffine(sd, m.slot('a'), 0, 1, sync);
  assert.equal(k.sd.counters[sd * DOMAIN_COUNTERS + Ttwu.MOVE_AFFINE], chosen === 0 ? 1 : 0);
  return chosen;
}

describe('by weight, the task goes', () => {
  test('spec 05 check 2: to the waker if that leaves it less loaded than the other CPU, which is favoured by half of imbalance_pct', () => {
    assert.equal(byWeight({ here: 1024, prev: 2048, task: 512 }), 0);
    assert.equal(byWeight({ here: 1024, prev: 1536, task: 512 }), 1);
    // 108 of 100 at 117 %: 1080 here against 1000 there.
    assert.equal(byWeight({ here: 1079, prev: 1000, task: 0 }), 0);
    assert.equal(byWeight({ here: 1080, prev: 1000, task: 0 }), 1);
    assert.equal(byWeight({ here: 1049, prev: 1000, task: 0, pct: 110 }), 0);
    assert.equal(byWeight({ here: 1050, prev: 1000, task: 0, pct: 110 }), 1);
  });

  test('there without favour if WA_BIAS is off, and never if WA_WEIGHT is', () => {
    assert.equal(byWeight({ here: 1000, prev: 1000, task: 0, policy: 'linux-6.1,NO_WA_BIAS' }), 1);
    assert.equal(byWeight({ here: 999, prev: 1000, task: 0, policy: 'linux-6.1,NO_WA_BIAS' }), 0);
    assert.equal(byWeight({ here: 1, prev: 4000, task: 0, policy: 'linux-6.1,NO_WA_WEIGHT' }), 1);
  });

  test('there sooner if that CPU can do more', () => {
    assert.equal(byWeight({ here: 1080, prev: 1000, task: 0, capacity: [1024, 1000] }), 0);
    assert.equal(byWeight({ here: 1079, prev: 1000, task: 0, capacity: [1000, 1024] }), 1);
  });

  test('there if the waker is about to sleep and would be missed: its load is taken off', () => {
    const loads = { here: 1500, prev: 1000, task: 100, waker: 1000 };
    assert.equal(byWeight(loads), 1);
    assert.equal(byWeight({ ...loads, sync: true }), 0);
    // 500 + 486 is 986; 900 * 108 = 97200 is less than 98600.
    assert.equal(byWeight({ ...loads, task: 486, prev: 1386, sync: true }), 1);
    // More than all the load of its CPU: nothing would be left.
    assert.equal(byWeight({ here: 400, prev: 0, task: 0, waker: 380, sync: true }), 1);
    assert.equal(byWeight({ here: 400, prev: 0, task: 0, waker: 2000, sync: true }), 0);
  });

  test('there on equal terms only if the waker is about to sleep', () => {
    // 108 * 1000 = 100 * 1080
    assert.equal(byWeight({ here: 1080, prev: 1000, task: 0, sync: true }), 0);
    assert.equal(byWeight({ here: 1081, prev: 1000, task: 0, sync: true }), 1);
  });
});

describe('by idleness, the task goes', () => {
  /** CPU 0 wakes a task that ran on `prev`. */
  const byIdle = (busy: readonly number[], { sync = false, prev = 1, nr = 1, llcs = 1, policy = 'linux-6.1' } = {}) => {
    const m = still(machine(8, { llcs }), ['waker', 'a'], policy).runs('waker', 0).cpus(busy, { nr: 1, load: 500 });
    m.cpu(0, { nr, load: 5000 });
    if (nr === 0) {
      tasks.onCpu[m.slot('waker')] = 0;
      m.idles(0);
    }
    return wakeAffine(m.domain(0, llcs > 1 ? 'DIE' : 'MC'), m.slot('a'), 0, prev, sync);
  };

  test('to where it ran, if that CPU idles', () => {
    assert.equal(byIdle([]), 1);
    assert.equal(byIdle([], { prev: 5, llcs: 2 }), 5);
  });

  test('to an idle CPU that took the interrupt, if they share a cache and the other is busy', () => {
    assert.equal(byIdle([1], { nr: 0 }), 0);
    assert.equal(byIdle([], { nr: 0 }), 1);
    // Across caches it is a matter of weight.
    assert.equal(byIdle([5], { nr: 0, prev: 5, llcs: 2 }), 5);
  });

  test('to the waker if that is alone and about to sleep', () => {
    assert.equal(byIdle([1], { sync: true }), 0);
    assert.equal(byIdle([], { sync: true }), 0);
    assert.equal(byIdle([1], { sync: true, nr: 2 }), 1);
  });

  test('nowhere without WA_IDLE', () => {
    assert.equal(byIdle([1], { sync: true, policy: 'linux-6.1,NO_WA_IDLE,NO_WA_WEIGHT' }), 1);
  });
});

describe('a waker and its wakees', () => {
  const wide = (waker: number, wakee: number) => {
    const m = still(machine(8), ['w', 'a']);
    tasks.wakeeFlips[m.slot('w')] = waker;
    tasks.wakeeFlips[m.slot('a')] = wakee;
    assert.equal(wakeWide(m.slot('w'), m.slot('a'), 0), wakeWide(m.slot('a'), m.slot('w'), 0));
    return wakeWide(m.slot('w'), m.slot('a'), 0);
  };

  test('spec 05 check 1: are kept apart if both change partners, one of them as often again as the cache has CPUs', () => {
    assert.equal(wide(64, 8), true);
    assert.equal(wide(63, 8), false);
    assert.equal(wide(100, 7), false);
  });

  test('are counted at each change; the count halves when the last halving is more than a second ago', () => {
    const m = still(machine(4), ['w', 'a', 'b']);
    const [w, a, b] = [m.slot('w'), m.slot('a'), m.slot('b')];
    tasks.wakeeFlips[w] = 0;
    tasks.wakeeFlipDecay[w] = k.jiffies;
    for (const task of [a, a, b, a, b, b]) recordWakee(w, task);
    assert.equal(tasks.wakeeFlips[w], 4);
    k.jiffies += 250;
    recordWakee(w, b);
    assert.equal(tasks.wakeeFlips[w], 4);
    k.jiffies += 1;
    recordWakee(w, b);
    assert.equal(tasks.wakeeFlips[w], 2);
    assert.equal(tasks.wakeeFlipDecay[w], k.jiffies);
    assert.equal(tasks.lastWakee[w], b);
  });

  test('a child begins with its parent’s count', () => {
    const run = simulate({
      machine: 2,
      workload: (w) => {
        const [s, t] = [w.semaphore('s'), w.semaphore('t')];
        const of = (id: number) => ({ base: id, stride: 0, shift: 0 });
        const wake = (id: number) => ({ op: 'wake', semaphore: of(id), count: 1, sync: false }) as const;
        const sleep = { op: 'sleep', time: { kind: 'fixed', ns: 5_000_000 }, state: 'S' } as const;
        const waiter = (name: string, id: number) =>
          w.kind({ name, program: [{ op: 'loop', count: 0 }, { op: 'wait', semaphore: of(id) }, { op: 'end' }] });
        const child = w.kind({
          name: 'child',
          program: [{ ...sleep, time: { kind: 'fixed', ns: 3_600_000_000_000 } }],
        });
        const fork = (kind: number) => ({ op: 'fork', kind, count: 1 }) as const;
        w.main([
          fork(waiter('x', s)),
          fork(waiter('y', t)),
          sleep,
          wake(s),
          sleep,
          wake(t),
          sleep,
          wake(s),
          fork(child),
          sleep,
          sleep,
        ]);
      },
      untilMs: 19,
    });
    assert.equal(tasks.wakeeFlips[run.slot('main')], 3);
    assert.equal(tasks.wakeeFlips[run.slot('child')], 3);
  });
});
