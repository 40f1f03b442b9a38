/** Which path a placement takes: affine and the search around, the slow path, or staying. @spec 05 §3 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IdlestSearch } from '../../src/balance/find-idlest.ts';
import { IdleSearch } from '../../src/balance/select-idle-sibling.ts';
import { selectTaskRqFair } from '../../src/balance/select-task-rq.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_SE } from '../../src/sched/averages.ts';
import { DOMAIN_COUNTERS, Ttwu } from '../../src/sched/domain-state.ts';
import { SD } from '../../src/sched/domains.ts';
import { Wake } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { State } from '../../src/sched/tasks.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

/** CPU 0 runs `waker`; all CPUs began to idle at their number. */
function woken(topology: Topology, kinds: Kinds = ['waker', 'a']): StillMachine {
  const m = still(topology, kinds).runs('waker', 0);
  k.sd.nrIdleScan.fill(99);
  for (let cpu = 0; cpu < k.nrCpus; cpu++) rq.idleStamp[cpu] = 1 + cpu;
  for (const name of ['waker', 'a']) {
    tasks.wakeeFlips[m.slot(name)] = 0;
    tasks.lastWakee[m.slot(name)] = -1;
  }
  return m;
}

function select(m: StillMachine, prev: number, flags: number): number {
  k.thisCpu = 0;
  const task = m.slot('a');
  tasks.recentUsedCpu[task] = prev;
  return selectTaskRqFair(new IdleSearch(k.nrCpus), new IdlestSearch(), task, prev, flags, 0);
}

/** Wakeups that were pulled to the waker, by domain of CPU 0. */
function affine(m: StillMachine, ...names: string[]): number[] {
  return names.map((name) => k.sd.counters[m.domain(0, name) * DOMAIN_COUNTERS + Ttwu.MOVE_AFFINE]!);
}

describe('a wakeup', () => {
  test('goes where the task ran if that idles', () => {
    assert.equal(select(woken(machine(8, { llcs: 2 })), 5, Wake.TTWU), 5);
    assert.equal(select(woken(machine(8, { llcs: 2 })), 0, Wake.TTWU), 1);
  });

  test('spec 05 check 3: with SYNC from a lone waker goes to its cache: the busy target makes it search there', () => {
    const m = woken(machine(8, { llcs: 2 }));
    assert.equal(select(m, 5, Wake.TTWU | Wake.SYNC), 1);
    assert.deepEqual(affine(m, 'MC', 'DIE'), [0, 1]);
    // The check's own case: where the task ran is busy as well. Without SYNC the loads would decide for that cache.
    const busy = woken(machine(8, { llcs: 2 }))
      .cpu(0, { nr: 1, load: 5000 })
      .cpu(5, { nr: 1, load: 100 });
    assert.equal(select(busy, 5, Wake.TTWU | Wake.SYNC), 1);
    assert.deepEqual(affine(busy, 'MC', 'DIE'), [0, 1]);
    assert.equal(select(busy, 5, Wake.TTWU), 6);
  });

  test('but not from one that is exiting', () => {
    const m = woken(machine(8, { llcs: 2 }));
    tasks.state[m.slot('waker')] = State.DEAD;
    assert.equal(select(m, 5, Wake.TTWU | Wake.SYNC), 5);
    assert.deepEqual(affine(m, 'MC', 'DIE'), [0, 0]);
  });

  test('is affine by the lowest domain of the waker that spans both, and its imbalance_pct', () => {
    const m = woken(machine(8, { llcs: 2 }));
    // Busy, and equal but for the bias of MC.
    m.cpu(0, { nr: 2, load: 1050 }).cpu(2, { nr: 1, load: 1000 }).task('a', { load: 0 });
    k.sd.imbalancePct[m.domain(0, 'DIE')] = 100;
    select(m, 2, Wake.TTWU);
    assert.deepEqual(affine(m, 'MC', 'DIE'), [1, 0]);
    k.sd.imbalancePct[m.domain(0, 'MC')] = 100;
    select(m, 2, Wake.TTWU);
    assert.deepEqual(affine(m, 'MC', 'DIE'), [1, 0]);
  });

  test('from a waker of many does not come near it, nor to a CPU that the task may not use', () => {
    const m = woken(machine(8, { llcs: 2 }));
    tasks.wakeeFlips[m.slot('waker')] = 16;
    tasks.wakeeFlips[m.slot('a')] = 4;
    assert.equal(select(m, 5, Wake.TTWU | Wake.SYNC), 5);
    const bound = woken(machine(8, { llcs: 2 }), { waker: {}, a: { cpus: [4, 5] } });
    assert.equal(select(bound, 5, Wake.TTWU | Wake.SYNC), 5);
    // A busy one is searched around, all the same.
    assert.equal(select(bound.cpu(5, { nr: 1 }), 5, Wake.TTWU | Wake.SYNC), 4);
  });

  test('is remembered by the waker, whatever comes of it', () => {
    const m = woken(machine(8));
    select(m, 5, Wake.TTWU);
    select(m, 5, Wake.TTWU);
    assert.deepEqual([tasks.lastWakee[m.slot('waker')], tasks.wakeeFlips[m.slot('waker')]], [m.slot('a'), 1]);
    select(m, 5, Wake.EXEC);
    assert.equal(tasks.wakeeFlips[m.slot('waker')], 1);
  });

  test('takes the slow path only if a domain is to balance wakeups', () => {
    const m = woken(machine(8, { llcs: 2 }), { waker: {}, a: { cpus: [1, 2, 3, 4, 5, 6, 7] } });
    // CPU 0 is not allowed: the wakeup is not affine.
    assert.equal(select(m, 5, Wake.TTWU), 5);
    for (const name of ['MC', 'DIE']) k.sd.flags[m.domain(0, name)]! |= SD.BALANCE_WAKE;
    assert.equal(select(m, 5, Wake.TTWU), 7);
  });
});

describe('a fork', () => {
  const fork = (m: StillMachine) => {
    avg.setLastUpdate(AVG_SE + m.slot('a'), 0);
    return select(m, 0, Wake.FORK);
  };

  test('looks over the whole unbroken run of domains that balance forks', () => {
    assert.equal(fork(woken(machine(8, { llcs: 2 }))), 7);
    const m = woken(machine(8, { llcs: 2 }));
    k.sd.flags[m.domain(0, 'DIE')]! &= ~SD.BALANCE_FORK;
    // In its cache every CPU is a group of its own, and the first of equals is taken.
    assert.equal(fork(m), 1);
    k.sd.flags[m.domain(0, 'MC')]! &= ~SD.BALANCE_FORK;
    k.sd.flags[m.domain(0, 'DIE')]! |= SD.BALANCE_FORK;
    assert.equal(fork(m), 0);
  });

  test('does not look at nodes that are farther than 30', () => {
    const nodes = (far: number) =>
      buildTopology({
        name: 'two nodes',
        cpus: Array.from({ length: 8 }, (_, i) => ({ llc: i >> 2, node: i >> 2, package: i >> 2 })),
        distance: [
          [10, far],
          [far, 10],
        ],
      });
    const m = (far: number) => woken(nodes(far)).cpus([1, 2, 3], { nr: 1 });
    assert.equal(fork(m(30)), 7);
    assert.equal(fork(m(31)), 0);
  });
});
