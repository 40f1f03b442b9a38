import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { getInterval, Idle } from '../../src/balance/env.ts';
import { Rebalance } from '../../src/balance/rebalance.ts';
import type { Topology } from '../../src/machine/topology.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import { Ev } from '../../src/trace/events.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

const { IDLE, NOT_IDLE } = Idle;

/** rebalance_domains of a CPU for `target`; the names of the domains that had a pass. */
function rebalance(m: StillMachine, target: number, idle: number, by = target): string[] {
  const before = m.run.events.length;
  const r = new Rebalance(k.nrCpus, m.lb, false);
  k.thisCpu = by;
  r.begin(by, target, idle);
  assert.equal(r.step(by), 0);
  const levels = ['SMT', 'CLS', 'MC', 'DIE', 'NODE', 'NUMA'];
  return m.run.events
    .slice(before)
    .filter((e) => e.kind === Ev.LB_ENTER)
    .map((e) => levels[e.args['level']!]!);
}

/** A machine where all domains were last balanced just now. */
function balancedNow(topology: Topology, kinds: Kinds = []): StillMachine {
  const m = still(topology, kinds);
  k.sd.lastBalance.fill(k.jiffies);
  k.sd.lastDecayMaxLbCost.fill(k.jiffies);
  rq.nextBalance.fill(k.jiffies, 0, k.nrCpus);
  return m;
}

describe('the interval of a domain', () => {
  test('spec 06 check 1, 2: has the bounds of the table of the spec', () => {
    // Weight of the span, threads a core; idle at minimum and maximum, busy at minimum and maximum, in jiffies.
    const table: [number, number, number, number, number][] = [
      [2, 1, 1, 7, 15],
      [4, 1, 2, 15, 31],
      [8, 2, 4, 31, 63],
      [16, 4, 8, 63, 127],
      [64, 16, 32, 255, 511],
    ];
    for (const [weight, ...expected] of table) {
      const m = still(weight === 2 ? machine(4, { threads: 2 }) : machine(weight));
      const sd = m.domain(0, weight === 2 ? 'SMT' : 'MC');
      const at = (ms: number) => {
        k.sd.balanceInterval[sd] = ms;
        return [getInterval(sd, false), getInterval(sd, true)];
      };
      const [idleMin, busyMin] = at(k.sd.minInterval[sd]!);
      const [idleMax, busyMax] = at(k.sd.maxInterval[sd]!);
      assert.deepEqual([idleMin, idleMax, busyMin, busyMax], expected, `weight ${weight}`);
    }
  });

  test('is at most 100 ms for each CPU but the last to come up', () => {
    const m = still(machine(3));
    const sd = m.domain(0, 'MC');
    k.sd.balanceInterval[sd] = 512;
    assert.equal(getInterval(sd, false), 50);
    assert.equal(getInterval(sd, true), 50);
  });
});

describe('rebalancing the domains of a CPU', () => {
  test('has a pass in those that are due, and says when the next is', () => {
    const m = balancedNow(machine(16, { llcs: 2 }));
    const now = k.jiffies;
    k.sd.lastBalance[m.domain(0, 'MC')] = now - 2;
    assert.deepEqual(rebalance(m, 0, IDLE), ['MC']);
    assert.equal(k.sd.lastBalance[m.domain(0, 'MC')], now);
    assert.equal(k.sd.lastBalance[m.domain(0, 'DIE')], now);
    // Both found balance: MC is now at 16 ms, 4 jiffies; DIE is due in 4.
    assert.equal(rq.nextBalance[0], now + 4);
    k.jiffies = now + 4;
    assert.deepEqual(rebalance(m, 0, IDLE), ['MC', 'DIE']);
    assert.equal(rq.nextBalance[0], now + 8);
  });

  test('counts a busy CPU’s intervals sixteen times, less one jiffy', () => {
    const m = balancedNow(machine(8)).cpu(0, { nr: 1 });
    k.jiffies += 30;
    assert.deepEqual(rebalance(m, 0, NOT_IDLE), []);
    assert.equal(rq.nextBalance[0], k.jiffies + 1);
    k.jiffies += 1;
    assert.deepEqual(rebalance(m, 0, NOT_IDLE), ['MC']);
  });

  test('takes a CPU of SCHED_IDLE tasks for an idle one', () => {
    const m = balancedNow(machine(8)).cpu(0, { nr: 1 });
    cfs.idleHNrRunning[0] = 1;
    k.jiffies += 2;
    assert.deepEqual(rebalance(m, 0, NOT_IDLE), ['MC']);
  });

  test('stops where the CPU is not the one to balance: higher domains are not touched, nor waited for', () => {
    const m = balancedNow(machine(16, { llcs: 2 }));
    const now = k.jiffies;
    k.jiffies += 20;
    // In MC a group is one CPU. In DIE it is the LLC, where CPU 0 is the first to idle: the pass of CPU 1 ends as it began.
    assert.deepEqual(rebalance(m, 1, IDLE), ['MC', 'DIE']);
    assert.equal(k.sd.lastBalance[m.domain(1, 'DIE')], now + 20);
    const three = balancedNow(machine(16, { llcs: 4, nodes: 2 }));
    k.jiffies += 20;
    const since = k.sd.lastBalance[three.domain(1, 'NUMA')]!;
    assert.deepEqual(rebalance(three, 1, IDLE), ['MC', 'NODE']);
    assert.equal(k.sd.lastBalance[three.domain(1, 'NUMA')], since);
    // NODE: balanced, interval 16 ms.
    assert.equal(rq.nextBalance[1], k.jiffies + 2);
  });

  test('asks again whether the CPU idles once something has moved', () => {
    const m = balancedNow(machine(8, { llcs: 2 }), ['a', 'b'])
      .runs('a', 0)
      .waits('b', 0);
    k.jiffies += 20;
    assert.deepEqual(rebalance(m, 1, IDLE), ['MC']);
    assert.deepEqual(m.cfsTasks(1), ['b']);
    // Not idle any more: MC is due in 15 jiffies, and DIE, last balanced 20 ago, 31 after that.
    assert.equal(rq.nextBalance[1], k.jiffies + 11);
  });

  test('goes across nodes one CPU at a time', () => {
    const m = balancedNow(machine(8, { llcs: 2, nodes: 2 }));
    k.jiffies += 20;
    k.balancingLock = 5;
    assert.deepEqual(rebalance(m, 0, IDLE), ['MC']);
    // Its turn may come at once: it is due as ever.
    assert.equal(rq.nextBalance[0], k.jiffies - 18);
    k.balancingLock = -1;
    assert.deepEqual(rebalance(m, 0, IDLE), ['NUMA']);
    assert.equal(k.balancingLock, -1);
  });

  test('takes time, if there are costs, in each domain before it is decided', () => {
    const m = still(machine(8, { llcs: 2 }), [], 'linux-6.1,costs=milan');
    k.sd.lastBalance.fill(k.jiffies - 99);
    const r = new Rebalance(k.nrCpus, m.lb, false);
    r.begin(0, 0, IDLE);
    let steps = 1;
    while (r.step(0) !== 0) steps++;
    assert.ok(steps >= 2);
    assert.equal(m.counters(m.domain(0, 'MC'), IDLE)['count'], 1);
    assert.equal(m.counters(m.domain(0, 'DIE'), IDLE)['count'], 1);
  });
});

describe('what newidle balance is believed to cost', () => {
  const decayed = (agoJiffies: number) => {
    const m = balancedNow(machine(8, { llcs: 2 }));
    const [mc, die] = [m.domain(0, 'MC'), m.domain(0, 'DIE')];
    k.sd.maxNewidleLbCost[mc] = 100_000;
    k.sd.maxNewidleLbCost[die] = 900_000;
    k.sd.lastDecayMaxLbCost[mc] = k.jiffies - agoJiffies;
    k.sd.lastDecayMaxLbCost[die] = k.jiffies - agoJiffies;
    rq.maxIdleBalanceCost[0] = 2_000_000;
    rebalance(m, 0, IDLE);
    return [k.sd.maxNewidleLbCost[mc], k.sd.maxNewidleLbCost[die], rq.maxIdleBalanceCost[0]];
  };

  test('spec 07 check 9: decays a second after it last changed, strictly', () => {
    assert.deepEqual(decayed(250), [100_000, 900_000, 2_000_000]);
    assert.deepEqual(decayed(251), [98_828, 889_453, 98_828 + 889_453]);
  });

  test('bounds the CPU’s by the migration cost from below', () => {
    const m = balancedNow(machine(4));
    k.sd.lastDecayMaxLbCost.fill(k.jiffies - 251);
    rq.maxIdleBalanceCost[0] = 2_000_000;
    rebalance(m, 0, IDLE);
    assert.equal(rq.maxIdleBalanceCost[0], 500_000);
  });

  test('decays in higher domains too when a lower one is not this CPU’s to balance', () => {
    const m = balancedNow(machine(16, { llcs: 4, nodes: 2 }));
    k.jiffies += 20;
    for (const name of ['MC', 'NODE', 'NUMA']) {
      k.sd.maxNewidleLbCost[m.domain(1, name)] = 100_000;
      k.sd.lastDecayMaxLbCost[m.domain(1, name)] = k.jiffies - 251;
    }
    assert.deepEqual(rebalance(m, 1, IDLE), ['MC', 'NODE']);
    assert.equal(k.sd.maxNewidleLbCost[m.domain(1, 'NUMA')], 98_828);
  });
});
