import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  NohzBalancer,
  nohzBalanceEnterIdle,
  nohzBalancerKick,
  nohzCsdFunc,
  nohzRunIdleBalance,
} from '../../src/balance/nohz.ts';
import { Rebalance } from '../../src/balance/rebalance.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import * as avg from '../../src/sched/averages.ts';
import { UNFINISHED } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import { Todo } from '../../src/sched/loop.ts';
import { idleCpu } from '../../src/sched/predicates.ts';
import * as rq from '../../src/sched/rq.ts';
import { setNeedResched } from '../../src/sched/signals.ts';
import { Ev } from '../../src/trace/events.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

const BALANCE = 1;
const STATS = 2;
const NEWILB = 4;
const NEXT = 8;

/** A machine where the tick of these CPUs is stopped, everything is due and nothing is known to need an update. */
function tickless(topology: Topology, cpus: readonly number[], kinds: Kinds = []): StillMachine {
  const m = still(topology, kinds);
  for (const cpu of cpus) nohzBalanceEnterIdle(cpu);
  k.nohz.needsUpdate = false;
  k.nohz.hasBlocked = false;
  k.nohz.nextBalance = k.jiffies;
  k.nohz.nextBlocked = k.jiffies;
  return m;
}

/** The tick of a CPU; the flags that CPU `kicked` was sent. */
function kick(cpu: number, kicked: number): number {
  k.thisCpu = cpu;
  rq.idleBalance[cpu] = idleCpu(cpu) ? 1 : 0;
  nohzBalancerKick(cpu);
  return rq.nohzFlags[kicked]!;
}

function mask(): number[] {
  return Array.from({ length: k.nrCpus }, (_, cpu) => cpu).filter(
    (cpu) => (k.nohz.idleCpusMask[cpu >>> 5]! & (1 << (cpu & 31))) !== 0,
  );
}

describe('a busy CPU at its tick', () => {
  test('kicks the first idle CPU without a tick if it has two tasks, of whatever class', () => {
    const m = tickless(machine(8), [2, 5]).cpu(0, { nr: 2 });
    assert.equal(kick(0, 2), STATS | BALANCE);
    assert.equal(rq.nohzFlags[5], 0);
    assert.equal(k.nohz.nextBalance, k.jiffies + 1);
    assert.ok(k.queue.isPending(k.slotCall + 2));
    assert.equal(m.run.events.length, 2, 'two CPUs entered nohz idle');
  });

  test('spec 07 check 12: passes over one that is not idle any more, and over itself', () => {
    tickless(machine(8), [2, 5]).cpu(7, { nr: 2 });
    assert.equal(kick(7, 2), STATS | BALANCE);
    tickless(machine(8), [2, 5]).cpu(7, { nr: 2 }).cpu(2, { nr: 1 });
    assert.equal(kick(7, 2), 0);
    assert.equal(rq.nohzFlags[5], STATS | BALANCE);
    tickless(machine(8), [2, 5]).cpu(7, { nr: 2 });
    rq.ttwuPending[2] = 1;
    assert.equal(kick(7, 5), STATS | BALANCE);
    // The kicker is never its own balancer, and is taken out of the mask.
    tickless(machine(8), [2, 5]).cpu(2, { nr: 2 });
    assert.equal(kick(2, 5), STATS | BALANCE);
    assert.deepEqual(mask(), [5]);
  });

  test('having nobody to kick still puts off the next kick', () => {
    tickless(machine(8), [2]).cpu(0, { nr: 2 }).cpu(2, { nr: 1 });
    assert.equal(kick(0, 2), 0);
    assert.equal(k.nohz.nextBalance, k.jiffies + 1);
  });

  test('spec 07 check 13: sends nothing to one that has been kicked already, but adds what it wants', () => {
    tickless(machine(8), [2]).cpu(0, { nr: 2 });
    rq.nohzFlags[2] = NEXT;
    assert.equal(kick(0, 2), NEXT | STATS | BALANCE);
    assert.equal(k.queue.isPending(k.slotCall + 2), false);
    // A wish of its own is not a kick.
    tickless(machine(8), [2]).cpu(0, { nr: 2 });
    rq.nohzFlags[2] = NEWILB;
    kick(0, 2);
    assert.ok(k.queue.isPending(k.slotCall + 2));
  });

  test('spec 07 check 10: before it is time only asks for statistics, if there is blocked load and it is time for those', () => {
    const at = (blocked: boolean, blockedAgo: number) => {
      tickless(machine(8), [2]).cpu(0, { nr: 3 });
      k.nohz.nextBalance = k.jiffies + 1;
      k.nohz.hasBlocked = blocked;
      k.nohz.nextBlocked = k.jiffies - blockedAgo;
      const flags = kick(0, 2);
      assert.equal(k.nohz.nextBalance, k.jiffies + 1);
      return flags;
    };
    assert.equal(at(true, 1), STATS);
    assert.equal(at(true, 0), 0);
    assert.equal(at(false, 1), 0);
  });

  test('spec 07 check 17: with one task kicks only while two CPUs of its cache are not in nohz idle', () => {
    tickless(machine(8), [1, 2, 3, 4, 5, 6, 7]).cpu(0, { nr: 1 });
    assert.equal(k.sd.nrBusyCpus[0], 1);
    assert.equal(kick(0, 1), 0);
    tickless(machine(8), [1, 2, 3, 4, 5, 6]).cpu(0, { nr: 1 });
    assert.equal(k.sd.nrBusyCpus[0], 2);
    assert.equal(kick(0, 1), STATS | BALANCE);
    // Of its own cache: others do not matter.
    tickless(machine(8, { llcs: 2 }), [1, 2, 3]).cpu(0, { nr: 1 });
    assert.equal(kick(0, 1), 0);
  });

  test('spec 07 check 11: asks for a new date when a CPU has come since, and for nothing else if nothing else is the matter', () => {
    tickless(machine(8), [1, 2, 3, 4, 5, 6, 7]).cpu(0, { nr: 1 });
    k.nohz.needsUpdate = true;
    const due = k.nohz.nextBalance;
    assert.equal(kick(0, 1), NEXT);
    assert.equal(k.nohz.nextBalance, due);
  });

  test('with one CFS task and reduced capacity kicks, by the imbalance_pct of its lowest domain', () => {
    const at = (threads: number, capacity: number) => {
      const all = Array.from({ length: 7 }, (_, i) => i + 1);
      tickless(machine(8, { threads }), all).cpu(0, { nr: 1, capacity });
      return kick(0, 1);
    };
    assert.deepEqual([at(1, 875), at(1, 876)], [STATS | BALANCE, 0]);
    assert.deepEqual([at(2, 930), at(2, 931)], [STATS | BALANCE, 0]);
  });

  test('kicks for an idle CPU that is to be preferred', () => {
    const cores = buildTopology({ name: 'p', cpus: [0, 1, 2, 3].map((i) => ({ llc: 0, priority: i === 2 ? 5 : 1 })) });
    const at = (idle: readonly number[]) => {
      tickless(cores, idle).cpus(
        [0, 1, 2, 3].filter((c) => !idle.includes(c)),
        { nr: 1 },
      );
      k.sd.nrBusyCpus[0] = 1;
      return kick(0, idle[0]!);
    };
    assert.equal(at([2]), STATS | BALANCE);
    assert.equal(at([3]), 0);
  });

  test('where capacities differ, kicks for a misfit task and not for the cache’s sake', () => {
    const mixed = buildTopology({
      name: 'little and big',
      cpus: [0, 1, 2, 3].map((i) => ({ llc: i >> 1, capacity: i < 2 ? 446 : 1024 })),
    });
    const at = (cpu: number, misfit: number, capacity?: number) => {
      tickless(mixed, cpu < 2 ? [3] : [1]).cpu(cpu, { nr: 1, misfit, ...(capacity === undefined ? {} : { capacity }) });
      return kick(cpu, cpu < 2 ? 3 : 1);
    };
    assert.equal(at(0, 100), STATS | BALANCE);
    assert.equal(at(0, 0), 0);
    // The biggest can be helped only if it is not what it should be; at 875 the lowest domain says so already.
    assert.equal(at(2, 100), 0);
    assert.equal(at(2, 100, 875), STATS | BALANCE);
  });

  test('that idles does nothing, and stays where it is', () => {
    tickless(machine(8), [0, 2]);
    assert.equal(kick(0, 2), 0);
    assert.deepEqual(mask(), [0, 2]);
  });

  test('kicks nobody if there is nobody', () => {
    tickless(machine(8), []).cpu(0, { nr: 2 });
    const due = k.nohz.nextBalance;
    kick(0, 1);
    assert.equal(k.nohz.nextBalance, due);
  });
});

describe('nohz idle', () => {
  test('spec 07 check 17: is entered once, and left at the first busy tick', () => {
    const m = tickless(machine(8), []);
    assert.equal(k.sd.nrBusyCpus[0], 8);
    for (const cpu of [1, 2, 3, 4, 5, 6]) nohzBalanceEnterIdle(cpu);
    assert.equal(k.sd.nrBusyCpus[0], 2);
    nohzBalanceEnterIdle(6);
    assert.equal(k.sd.nrBusyCpus[0], 2);
    assert.equal(k.nohz.nrCpus, 6);
    assert.deepEqual([k.nohz.hasBlocked, k.nohz.needsUpdate], [true, true]);
    // A CPU that runs for less than a tick stays in the mask; its tick takes it out.
    m.cpu(3, { nr: 1 });
    assert.deepEqual(mask(), [1, 2, 3, 4, 5, 6]);
    kick(3, 1);
    assert.deepEqual(mask(), [1, 2, 4, 5, 6]);
    assert.equal(k.sd.nrBusyCpus[0], 3);
  });

  test('again says that there may be blocked load, but not that there is a new CPU', () => {
    tickless(machine(8), [1]);
    rq.hasBlockedLoad[1] = 0;
    nohzBalanceEnterIdle(1);
    assert.equal(rq.hasBlockedLoad[1], 1);
    assert.deepEqual([k.nohz.hasBlocked, k.nohz.needsUpdate], [true, false]);
  });

  test('is not for a CPU without domains, or one that goes offline', () => {
    tickless(machine(1), [0]);
    assert.deepEqual(mask(), []);
    assert.equal(k.nohz.hasBlocked, false);
    tickless(machine(4), []);
    k.cpuActive[1] = 0;
    nohzBalanceEnterIdle(1);
    assert.deepEqual(mask(), []);
  });
});

describe('the CPU that is kicked', () => {
  test('balances in the softirq, if it still idles', () => {
    tickless(machine(8), [2]);
    rq.nohzFlags[2] = STATS | BALANCE;
    nohzCsdFunc(2);
    assert.deepEqual([rq.nohzFlags[2], rq.nohzIdleBalance[2], rq.idleBalance[2]], [0, STATS | BALANCE, 1]);
    assert.notEqual(loop.todo[2]! & Todo.SOFTIRQ, 0);
  });

  test('forgets the kick otherwise, as when a wakeup came with it', () => {
    tickless(machine(8), [2]);
    rq.nohzFlags[2] = STATS | BALANCE;
    rq.ttwuPending[2] = 1;
    nohzCsdFunc(2);
    assert.deepEqual([rq.nohzFlags[2], rq.nohzIdleBalance[2], rq.idleBalance[2]], [0, 0, 0]);
    assert.equal(loop.todo[2]! & Todo.SOFTIRQ, 0);
  });

  test('takes its own wish for an update of blocked load with it', () => {
    tickless(machine(8), [2]);
    rq.nohzFlags[2] = STATS | NEWILB;
    nohzCsdFunc(2);
    assert.deepEqual([rq.nohzFlags[2], rq.nohzIdleBalance[2]], [0, STATS | NEWILB]);
  });
});

/** The loop of a kicked CPU, to its end; the CPUs whose domains it balances, in order. */
function balanceFor(m: StillMachine, cpu: number, flags: number): number[] {
  const nohz = new NohzBalancer(k.nrCpus, new Rebalance(k.nrCpus, m.lb, false));
  const before = m.run.events.length;
  k.thisCpu = cpu;
  nohz.begin(cpu, flags);
  while (nohz.step(cpu) === UNFINISHED) loop.todo[cpu]! &= ~Todo.PAY;
  assert.equal(nohz.isActive(cpu), false);
  return m.run.events
    .slice(before)
    .filter((e) => e.kind === Ev.REBALANCE)
    .map((e) => e.args['cpu']!);
}

describe('balancing for idle CPUs', () => {
  const all = (n: number) => Array.from({ length: n }, (_, i) => i);
  const due = (cpus: readonly number[]) => {
    rq.nextBalance.fill(k.jiffies + 1000, 0, k.nrCpus);
    for (const cpu of cpus) rq.nextBalance[cpu] = k.jiffies;
  };

  test('spec 07 check 14: goes round the mask from the CPU after its own, which comes last', () => {
    const m = tickless(machine(8), [1, 3, 5]);
    due(all(8));
    assert.deepEqual(balanceFor(m, 5, STATS | BALANCE), [1, 3, 5]);
    due(all(8));
    assert.deepEqual(balanceFor(m, 3, STATS | BALANCE), [5, 1, 3]);
    const wide = tickless(machine(80), [0, 31, 32, 63, 64, 79]);
    due(all(80));
    assert.deepEqual(balanceFor(wide, 32, BALANCE), [63, 64, 79, 0, 31, 32]);
  });

  test('leaves out those that are not due or not idle', () => {
    const m = tickless(machine(8), [1, 3, 5]).cpu(3, { nr: 1 });
    due([3, 5]);
    assert.deepEqual(balanceFor(m, 5, STATS | BALANCE), [5]);
  });

  test('spec 07 check 15: leaves the date of the first CPU that is due next', () => {
    const m = tickless(machine(8), [1, 3, 5]);
    due([1]);
    rq.nextBalance[3] = k.jiffies + 77;
    k.sd.lastBalance.fill(k.jiffies);
    k.sd.lastBalance[m.domain(1, 'MC')] = k.jiffies - 2;
    assert.deepEqual(balanceFor(m, 5, BALANCE), [1]);
    // MC found balance: 16 ms.
    assert.equal(rq.nextBalance[1], k.jiffies + 4);
    assert.equal(k.nohz.nextBalance, k.jiffies + 4);
  });

  test('spec 07 check 11: only looks up that date when that is all it was asked for', () => {
    const m = tickless(machine(8), [1, 3, 5]);
    due([]);
    rq.nextBalance[3] = k.jiffies - 5;
    k.nohz.needsUpdate = true;
    assert.deepEqual(balanceFor(m, 5, NEXT), []);
    assert.equal(k.nohz.nextBalance, k.jiffies - 5);
    assert.equal(k.nohz.needsUpdate, false);
    assert.equal(k.nohz.nextBlocked, k.jiffies);
  });

  test('updates blocked load when asked for statistics, once a jiffy, and remembers whether some is left', () => {
    const m = tickless(machine(8), [1, 3]);
    due([]);
    rq.hasBlockedLoad[3] = 0;
    rq.lastBlockedUpdate[1] = k.jiffies - 1;
    avg.loadAvg[1] = 50;
    avg.sums[1 * avg.SUM_ROW + avg.LOAD_SUM] = 50 * 46718;
    avg.setLastUpdate(1, k.now);
    balanceFor(m, 3, STATS);
    assert.equal(rq.lastBlockedUpdate[1], k.jiffies);
    assert.equal(k.nohz.hasBlocked, true);
    assert.equal(k.nohz.nextBlocked, k.jiffies + 8);
    // Again in the same jiffy: not updated, so who knows.
    avg.loadAvg[1] = 0;
    avg.sums[1 * avg.SUM_ROW + avg.LOAD_SUM] = 0;
    balanceFor(m, 3, STATS);
    assert.equal(k.nohz.hasBlocked, true);
    k.jiffies += 1;
    balanceFor(m, 3, STATS);
    assert.equal(k.nohz.hasBlocked, false);
    assert.equal(rq.hasBlockedLoad[1], 0);
  });

  test('stops at the next CPU when there is something to run here, and leaves all dates as they were', () => {
    const m = tickless(machine(8), [1, 3]).cpu(3, { nr: 1 });
    due(all(8));
    k.thisCpu = 3;
    setNeedResched(3);
    k.nohz.nextBalance = k.jiffies - 3;
    k.nohz.nextBlocked = k.jiffies - 4;
    assert.deepEqual(balanceFor(m, 3, STATS | BALANCE | NEXT), []);
    assert.deepEqual([k.nohz.nextBalance, k.nohz.nextBlocked], [k.jiffies - 3, k.jiffies - 4]);
    assert.deepEqual([k.nohz.hasBlocked, k.nohz.needsUpdate], [true, true]);
  });

  test('pulls a task to the CPU it balances for', () => {
    const m = tickless(machine(4), [1, 2, 3], ['a', 'b']).runs('a', 0).waits('b', 0);
    k.sd.lastBalance.fill(k.jiffies - 100);
    due(all(4));
    assert.deepEqual(balanceFor(m, 2, BALANCE), [3, 1, 2]);
    assert.deepEqual(m.cfsTasks(3), ['b']);
    assert.ok(k.queue.isPending(3), 'a reschedule interrupt is on its way');
  });
});

describe('before it idles, a CPU', () => {
  test('updates blocked load if it wished to, was not kicked and has nothing to run', () => {
    tickless(machine(8), [2]);
    rq.nohzFlags[2] = NEWILB;
    assert.equal(nohzRunIdleBalance(2), true);
    assert.equal(rq.nohzFlags[2], 0);
    rq.nohzFlags[2] = NEWILB | STATS;
    assert.equal(nohzRunIdleBalance(2), false);
    assert.equal(rq.nohzFlags[2], STATS);
    rq.nohzFlags[2] = NEWILB;
    setNeedResched(2);
    assert.equal(nohzRunIdleBalance(2), false);
  });
});
