/** Task stealing, by the Checks of spec 20. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { SparseMask } from '../../src/balance/sparsemask.ts';
import { deactivateTask } from '../../src/sched/activate.ts';
import { Dequeue } from '../../src/sched/fair-entity.ts';
import type { BalanceHooks } from '../../src/sched/hooks.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

const STEAL = 'linux-6.1,newidle=off,steal=on';

function walk(mask: SparseMask, origin: number, n: number): number[] {
  const seen: number[] = [];
  for (let at = mask.next(origin, 0); at >= 0; at = mask.next(origin, at + 1)) seen.push((origin + at) % n);
  return seen;
}

/** Lines that a walk of the whole mask reads. */
function lines(mask: SparseMask, origin: number, n: number): number {
  let read = 1;
  for (let at = mask.nextLine(origin, 0); at < n; at = mask.nextLine(origin, at)) read++;
  return read;
}

/** A machine at a standstill whose CPUs steal. */
function stealing(on: Parameters<typeof machine>, kinds: Kinds, change = ''): StillMachine {
  const m = still(machine(...on), kinds);
  k.hooks = policyHooks(parsePolicy(STEAL + change), k.nrCpus);
  k.watch = k.hooks.watches;
  k.hooks.started();
  return m;
}

/** A CPU runs out of work: null if it does not look, else what it returns. */
function steal(cpu: number): number | null {
  k.thisCpu = cpu;
  if (!k.hooks.newidleBegin(cpu)) return null;
  const result = k.hooks.newidleStep(cpu);
  assert.equal(checkInvariants(), null);
  return result;
}

function counted(name: string, hooks: BalanceHooks = k.hooks): number {
  const found = hooks.counters().find(([figure]) => figure === `steal.${name}`);
  assert.ok(found, name);
  return found[1];
}

describe('spec 20 check 1: the sparse mask', () => {
  test('has elements in lines, and is walked upward from anywhere', () => {
    const mask = new SparseMask(20, 3);
    assert.equal(mask.lineOf(13), 1);
    for (const cpu of [2, 13, 19]) mask.add(cpu);
    assert.deepEqual(walk(mask, 13, 20), [13, 19, 2]);
    assert.deepEqual(walk(mask, 14, 20), [19, 2, 13]);
    assert.equal(lines(new SparseMask(288, 3), 0, 288), 36);
    assert.equal(lines(new SparseMask(288, 3), 100, 288), 36);
  });

  test('property: as a set of numbers, and every line once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 300 }).chain((n) =>
          fc.record({
            n: fc.constant(n),
            density: fc.integer({ min: 0, max: 6 }),
            origin: fc.integer({ min: 0, max: n - 1 }),
            members: fc.uniqueArray(fc.integer({ min: 0, max: n - 1 }), { maxLength: 40 }),
            gone: fc.array(fc.integer({ min: 0, max: n - 1 }), { maxLength: 20 }),
          }),
        ),
        ({ n, density, origin, members, gone }) => {
          const mask = new SparseMask(n, density);
          for (const m of members) mask.add(m);
          for (const g of gone) mask.delete(g);
          const left = members
            .filter((m) => !gone.includes(m))
            .sort((a, b) => ((a - origin + n) % n) - ((b - origin + n) % n));
          assert.deepEqual(walk(mask, origin, n), left);
          assert.equal(mask.count, left.length);
          assert.equal(lines(mask, origin, n), mask.nrLines);
        },
      ),
    );
  });
});

test('spec 20 check 2: the mark is written on the crossing between one task and two only', () => {
  const m = stealing([2], ['a', 'b', 'c']);
  m.waits('a', 0).waits('b', 0).waits('c', 0);
  for (const name of ['c', 'b', 'a']) deactivateTask(0, m.slot(name), Dequeue.SLEEP);
  assert.equal(counted('overload_sets'), 1);
  assert.equal(counted('overload_clears'), 1);
  m.waits('a', 0);
  deactivateTask(0, m.slot('a'), Dequeue.SLEEP);
  assert.equal(counted('overload_sets'), 1);
  assert.equal(counted('overload_clears'), 1);
});

test('spec 20 check 3: throttling a group clears the mark, unthrottling sets it', () => {
  const inside = { group: 0, cpus: [0] };
  const hooks = policyHooks(parsePolicy(STEAL), 2);
  const marks: string[] = [];
  for (const untilMs of [20, 70, 110]) {
    const each = untilMs === 20 ? hooks : policyHooks(parsePolicy(STEAL), 2);
    simulate({
      machine: 2,
      hooks: each,
      main: { policy: 'fifo', priority: 99 },
      workload: (w) => w.group({ path: '/g', quotaNs: 30e6 }),
      tasks: { free: { cpus: [0] }, a: inside, b: inside, c: inside },
      untilMs,
    });
    marks.push(`${counted('overload_sets', each)} set, ${counted('overload_clears', each)} cleared`);
  }
  assert.deepEqual(marks, ['1 set, 0 cleared', '1 set, 1 cleared', '2 set, 1 cleared']);
});

describe('spec 20 check 4: where to look first', () => {
  const busy = (m: StillMachine) => m.runs('a', 3).waits('b', 3).runs('c', 1).waits('d', 1);

  test('the SMT sibling comes before a nearer CPU of the mask', () => {
    // CPUs 2 and 3 are one core; from CPU 3 upward CPU 4 comes first.
    const m = stealing([8, { threads: 2 }], ['a', 'b', 'c', 'd']);
    m.runs('a', 4).waits('b', 4).runs('c', 2).waits('d', 2);
    assert.equal(steal(3), 1);
    assert.equal(tasks.cpu[m.slot('d')], 3);
    const without = stealing([8, { threads: 2 }], ['a', 'b', 'c', 'd'], ',steal.smt_first=off');
    without.runs('a', 4).waits('b', 4).runs('c', 2).waits('d', 2);
    assert.equal(steal(3), 1);
    assert.equal(tasks.cpu[without.slot('b')], 3);
  });

  test('without siblings it is the first marked CPU at or after the own', () => {
    const m = stealing([8], ['a', 'b', 'c', 'd']);
    busy(m);
    assert.equal(steal(2), 1);
    assert.equal(rq.nrRunning[3], 1);
    assert.equal(rq.nrRunning[1], 2);
    assert.equal(tasks.cpu[m.slot('b')], 2);
    // From CPU 4 the walk wraps to CPU 1.
    assert.equal(steal(4), 1);
    assert.equal(tasks.cpu[m.slot('d')], 4);
  });
});

test('spec 20 check 5: what may not come is not stolen, and the walk goes on', () => {
  const m = stealing([4], { a: {}, pinned: { cpus: [1] }, c: {}, d: {} });
  m.runs('a', 1).waits('pinned', 1);
  assert.equal(steal(0), 0);
  assert.equal(tasks.nrFailedAffine[m.slot('pinned')], 1);
  assert.equal(tasks.nrFailedRunning[m.slot('a')], 1);
  assert.equal(counted('failed'), 1);
  m.runs('c', 2).waits('d', 2);
  assert.equal(steal(0), 1);
  assert.equal(tasks.cpu[m.slot('d')], 0);
  assert.equal(tasks.nrFailedAffine[m.slot('pinned')], 2);
});

test('spec 20 check 6: expecting to idle less than 10 us it does not try', () => {
  const m = stealing([4], ['a', 'b']);
  m.runs('a', 1).waits('b', 1);
  rq.avgIdle[0] = 9999;
  assert.equal(steal(0), null);
  rq.avgIdle[0] = 10_000;
  assert.equal(steal(0), 1);
});

test('spec 20 check 7: one task at most, never the running one, and a hot one too', () => {
  const m = stealing([4], ['a', 'b', 'c', 'd']);
  m.runs('a', 1);
  for (const name of ['b', 'c', 'd']) m.waits(name, 1, { ranAgoNs: 0 });
  assert.equal(steal(0), 1);
  assert.equal(rq.nrRunning[0], 1);
  assert.equal(rq.nrRunning[1], 3);
  assert.equal(tasks.cpu[m.slot('a')], 1);
  assert.equal(tasks.cpu[m.slot('b')], 0, 'the one that would run next');
});

test('spec 20 check 8: no stealing on three nodes unless the limit is raised', () => {
  const three = (change: string) => {
    const m = stealing([6, { llcs: 3, nodes: 3 }], ['a', 'b'], change);
    m.runs('a', 1).waits('b', 1);
    return steal(0);
  };
  assert.equal(three(''), null);
  assert.equal(three(',steal.node_limit=3'), 1);
});

describe('how far a CPU goes', () => {
  const far = (change: string) => {
    const m = stealing([8, { llcs: 4, nodes: 2 }], ['a', 'b', 'c', 'd'], change);
    m.runs('a', 4).waits('b', 4);
    return { m, result: steal(0) };
  };

  test('its LLC, its node, the machine', () => {
    assert.equal(far('').result, 0);
    assert.equal(far(',steal.scope=node').result, 0);
    assert.equal(far(',steal.scope=machine').result, 1);
    const near = (change: string) => {
      const m = stealing([8, { llcs: 4, nodes: 2 }], ['a', 'b'], change);
      m.runs('a', 2).waits('b', 2);
      return steal(0);
    };
    assert.deepEqual([near(''), near(',steal.scope=node'), near(',steal.scope=machine')], [0, 1, 1]);
  });

  test('nearest first', () => {
    const m = stealing([8, { llcs: 4, nodes: 2 }], ['a', 'b', 'c', 'd'], ',steal.scope=machine');
    m.runs('a', 4).waits('b', 4).runs('c', 2).waits('d', 2);
    assert.equal(steal(0), 1);
    assert.equal(tasks.cpu[m.slot('d')], 0);
    assert.equal(steal(1), 1);
    assert.equal(tasks.cpu[m.slot('b')], 1);
  });
});

test('a waiting real-time task is stolen too, if that is asked for', () => {
  const fifo = { policy: 'fifo', priority: 5 } as const;
  for (const [change, result, cpu] of [
    ['', 0, 0],
    [',steal.rt=on', -1, 1],
  ] as const) {
    const m = stealing([2], { a: fifo, b: fifo }, change);
    m.waits('a', 0).waits('b', 0);
    const a = m.slot('a');
    rq.curr[0] = a;
    tasks.onCpu[a] = 1;
    tasks.onCpu[0] = 0;
    assert.equal(steal(1), result, 'a task of another class: pick again');
    assert.equal(tasks.cpu[m.slot('b')], cpu);
  }
});
