import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GroupType, Idle } from '../../src/balance/env.ts';
import { GroupStats, groupClassify } from '../../src/balance/group-stats.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_RT } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

const { HAS_SPARE, FULLY_BUSY, MISFIT_TASK, ASYM_PACKING, IMBALANCED, OVERLOADED } = GroupType;

interface Figures {
  readonly cpus: number;
  readonly nr: number;
  readonly util?: number;
  readonly runnable?: number;
  readonly capacity?: number;
  readonly pct?: number;
  readonly packing?: boolean;
  readonly misfit?: number;
  readonly imbalanced?: boolean;
}

function typeOf(f: Figures): number {
  const s = new GroupStats();
  s.weight = f.cpus;
  s.capacity = f.capacity ?? 1024 * f.cpus;
  s.sumNrRunning = f.nr;
  s.sumHNrRunning = f.nr;
  s.util = f.util ?? 0;
  s.runnable = f.runnable ?? 0;
  s.asymPacking = f.packing ?? false;
  s.misfitTaskLoad = f.misfit ?? 0;
  return groupClassify(f.pct ?? 117, s, f.imbalanced ?? false);
}

describe('a group', () => {
  test('spec 06 check 6: of 4 CPUs with 5 tasks is overloaded from 3501 of utilisation or 4793 of runnable time', () => {
    assert.equal(typeOf({ cpus: 4, nr: 5, util: 3501 }), OVERLOADED);
    assert.equal(typeOf({ cpus: 4, nr: 5, util: 3500, runnable: 4792 }), HAS_SPARE);
    assert.equal(typeOf({ cpus: 4, nr: 5, util: 3500, runnable: 4793 }), OVERLOADED);
  });

  test('spec 06 check 7: with fewer tasks than CPUs has capacity to spare, whatever they use', () => {
    assert.equal(typeOf({ cpus: 4, nr: 3, util: 4096, runnable: 9999 }), HAS_SPARE);
  });

  test('passes its thresholds where the table of the spec has them', () => {
    // CPUs, imbalance_pct, overloaded from this utilisation, or this runnable time; with a task a CPU: spare up to.
    const table: [number, number, number, number, number][] = [
      [1, 117, 876, 1199, 875],
      [2, 117, 1751, 2397, 1750],
      [2, 110, 1862, 2253, 1861],
      [4, 117, 3501, 4793, 3500],
      [8, 117, 7002, 9585, 7001],
    ];
    for (const [cpus, pct, util, runnable, spare] of table) {
      const nr = cpus + 1;
      assert.equal(typeOf({ cpus, pct, nr, util }), OVERLOADED);
      assert.notEqual(typeOf({ cpus, pct, nr, util: util - 1 }), OVERLOADED);
      assert.equal(typeOf({ cpus, pct, nr, runnable }), OVERLOADED);
      assert.notEqual(typeOf({ cpus, pct, nr, runnable: runnable - 1 }), OVERLOADED);
      assert.equal(typeOf({ cpus, pct, nr: cpus, util: spare }), HAS_SPARE);
      assert.equal(typeOf({ cpus, pct, nr: cpus, util: spare + 1 }), FULLY_BUSY);
      assert.equal(typeOf({ cpus, pct, nr: cpus, runnable }), FULLY_BUSY);
    }
  });

  test('is of the first type that applies: overloaded, imbalanced, asym packing, misfit, then busy or not', () => {
    const all = { cpus: 2, nr: 3, util: 2048, imbalanced: true, packing: true, misfit: 1 };
    assert.equal(typeOf(all), OVERLOADED);
    assert.equal(typeOf({ ...all, nr: 2 }), IMBALANCED);
    assert.equal(typeOf({ ...all, nr: 2, imbalanced: false }), ASYM_PACKING);
    assert.equal(typeOf({ ...all, nr: 2, imbalanced: false, packing: false }), MISFIT_TASK);
    assert.equal(typeOf({ ...all, nr: 2, imbalanced: false, packing: false, misfit: 0 }), FULLY_BUSY);
  });

  test('whose utilisation is exactly what it can do, by either rule, is neither overloaded nor does it have capacity', () => {
    // 117 * 100 = 100 * 117
    assert.equal(typeOf({ cpus: 1, capacity: 117, nr: 2, util: 100 }), FULLY_BUSY);
    assert.equal(typeOf({ cpus: 1, capacity: 100, nr: 1, runnable: 117 }), HAS_SPARE);
  });
});

describe('statistics of a domain', () => {
  const twoLlcs = () => still(machine(8, { llcs: 2 }));

  test('sum what is on the CPUs; utilisation is at most what a CPU can do, and at least what is estimated', () => {
    const m = twoLlcs().cpus([4, 5], { nr: 2, load: 300, util: 1500, runnable: 900 });
    cfs.utilEstEnqueued[6] = 250;
    m.busiestGroup(m.domain(0, 'DIE'));
    const { busiest, local } = m.stats;
    assert.equal(busiest.load, 600);
    assert.equal(busiest.util, 2 * 1024 + 250);
    assert.equal(busiest.runnable, 1800);
    assert.equal(busiest.sumNrRunning, 4);
    assert.equal(busiest.idleCpus, 2);
    assert.equal(busiest.type, HAS_SPARE);
    assert.equal(busiest.avgLoad, 0);
    assert.equal(local.idleCpus, 4);
    assert.equal(m.stats.totalLoad, 600);
    assert.equal(m.stats.totalCapacity, 8192);
  });

  test('give overloaded groups, and only those, an average load', () => {
    const m = twoLlcs().cpus([4, 5, 6, 7], { nr: 2, load: 1500, util: 1000 });
    m.busiestGroup(m.domain(0, 'DIE'));
    assert.equal(m.stats.busiest.type, OVERLOADED);
    assert.equal(m.stats.busiest.avgLoad, 1500);
  });

  test('do not count as idle a CPU that is being sent a wakeup or has an RT task', () => {
    const m = twoLlcs().cpu(4, { nr: 1 });
    rq.ttwuPending[5] = 1;
    rq.nrRunning[6] = 1;
    m.busiestGroup(m.domain(0, 'DIE'));
    assert.equal(m.stats.busiest.idleCpus, 1);
    assert.equal(m.stats.busiest.sumNrRunning, 2);
    assert.equal(m.stats.busiest.sumHNrRunning, 1);
  });

  test('leave out CPUs that the pass has struck, except from capacity and weight', () => {
    const m = twoLlcs().cpus([4, 5], { nr: 2, load: 300 });
    m.env.begin(m.domain(0, 'DIE'), 0, Idle.IDLE);
    m.env.strike(4);
    m.stats.update(m.env);
    assert.equal(m.stats.busiest.load, 300);
    assert.equal(m.stats.busiest.capacity, 4096);
    assert.equal(m.stats.busiest.weight, 4);
  });

  test('spec 06 check 20: find a runqueue with two tasks in any group; only the top domain says so to the machine, and takes it back', () => {
    const m = twoLlcs().cpu(0, { nr: 2 });
    m.busiestGroup(m.domain(0, 'MC'));
    assert.equal(k.overload, false);
    m.busiestGroup(m.domain(0, 'DIE'));
    assert.equal(k.overload, true);
    m.cpu(0, { nr: 1 });
    m.busiestGroup(m.domain(0, 'MC'));
    assert.equal(k.overload, true);
    m.busiestGroup(m.domain(0, 'DIE'));
    assert.equal(k.overload, false);
  });

  test('say whether every other thread of the destination core idles', () => {
    const m = still(machine(8, { threads: 2 }));
    m.busiestGroup(m.domain(0, 'MC'));
    assert.equal(m.env.dstCoreIdle, true);
    m.cpu(1, { nr: 1 }).busiestGroup(m.domain(0, 'MC'));
    assert.equal(m.env.dstCoreIdle, false);
    const flat = still(machine(8)).cpu(1, { nr: 1 });
    flat.busiestGroup(flat.domain(0, 'MC'));
    assert.equal(flat.env.dstCoreIdle, true);
  });
});

describe('the capacity of the local group', () => {
  test('is what real-time tasks leave of a CPU, at least 1', () => {
    const m = still(machine(4));
    const sd = m.domain(0, 'MC');
    avg.utilAvg[AVG_RT] = 300;
    m.busiestGroup(sd);
    assert.equal(rq.cpuCapacity[0], 724);
    assert.equal(k.sd.sgcCapacity[m.sgc(sd, 0)], 724);
    avg.utilAvg[AVG_RT] = 1024;
    m.busiestGroup(sd);
    assert.equal(rq.cpuCapacity[0], 1);
  });

  test('is summed from the groups of the child as they are stored; other groups are left alone', () => {
    const m = still(machine(8, { llcs: 2 }));
    const mc = m.domain(0, 'MC');
    const die = m.domain(0, 'DIE');
    k.sd.sgcCapacity[m.sgc(mc, 1)] = 100;
    k.sd.sgcMin[m.sgc(mc, 1)] = 100;
    k.sd.sgcMax[m.sgc(mc, 1)] = 100;
    rq.cpuCapacity[2] = 50;
    rq.cpuCapacity[4] = 50;
    m.busiestGroup(die);
    assert.equal(k.sd.sgcCapacity[m.sgc(die, 0)], 3 * 1024 + 100);
    assert.equal(k.sd.sgcMin[m.sgc(die, 0)], 100);
    assert.equal(k.sd.sgcMax[m.sgc(die, 0)], 1024);
    assert.equal(k.sd.sgcCapacity[m.sgc(die, 4)], 4096);
  });

  test('is refreshed by a newidle pass only when it is time; then not before the interval is over', () => {
    const m = still(machine(4));
    const sd = m.domain(0, 'MC');
    const sgc = m.sgc(sd, 0);
    k.sd.sgcNextUpdate[sgc] = k.jiffies + 1;
    avg.utilAvg[AVG_RT] = 300;
    m.busiestGroup(sd, Idle.NEWLY_IDLE);
    assert.equal(rq.cpuCapacity[0], 1024);
    k.jiffies += 1;
    k.sd.balanceInterval[sd] = 8;
    m.busiestGroup(sd, Idle.NEWLY_IDLE);
    assert.equal(rq.cpuCapacity[0], 724);
    assert.equal(k.sd.sgcNextUpdate[sgc], k.jiffies + 2);
  });

  test('counts the CPUs themselves above a domain of overlapping groups', () => {
    // A ring of four nodes: the lowest NUMA domain spans three of them, seen differently from each.
    const distance = [0, 1, 2, 3].map((i) => [0, 1, 2, 3].map((j) => [10, 16, 22, 16][(i - j + 4) % 4]!));
    const cpus = Array.from({ length: 8 }, (_, i) => ({ llc: i >> 1, node: i >> 1, package: i >> 1 }));
    const m = still(buildTopology({ name: 'ring', cpus, distance }));
    let top = k.sd.lowest[0]!;
    while (k.sd.parent[top]! >= 0) top = k.sd.parent[top]!;
    const group = k.sd.localGroup(top);
    rq.cpuCapacity[k.sd.groupFirst[group]!] = 24;
    m.busiestGroup(top);
    assert.equal(k.sd.sgcCapacity[k.sd.groupSgc[group]!], (k.sd.groupWeight[group]! - 1) * 1024 + 24);
    assert.equal(k.sd.sgcMin[k.sd.groupSgc[group]!], 24);
  });
});

describe('how many CPUs a wakeup may look at', () => {
  const scanned = (cpus: number, utilPercent: number, idle: number = Idle.IDLE) => {
    const m = still(machine(cpus));
    const each = Array.from({ length: cpus }, (_, i) => i);
    m.cpus(each, { util: (1024 * utilPercent) / 100 }).busiestGroup(m.domain(0, 'MC'), idle);
    return k.sd.nrIdleScan[0];
  };

  test('spec 05 check 11: follows from the mean utilisation of the LLC as the table of the spec has it', () => {
    const utils = [0, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 83, 86, 100];
    const rows: [number, number[]][] = [
      [4, [4, 3, 3, 3, 3, 3, 2, 2, 1, 0, 0, 0, 0, 0]],
      [8, [8, 7, 7, 7, 7, 6, 5, 4, 2, 1, 1, 0, 0, 0]],
      [16, [16, 15, 15, 14, 14, 12, 10, 8, 5, 3, 2, 0, 0, 0]],
    ];
    for (const [cpus, expected] of rows) {
      const got = utils.map((u) => scanned(cpus, u));
      assert.deepEqual(got, expected, `LLC of ${cpus}`);
    }
  });

  test('spec 22 check 13: is 10 of 16 at half of the capacity, and 0 at 86 %', () => {
    assert.deepEqual([scanned(16, 50), scanned(16, 86)], [10, 0]);
  });

  test('is not touched by a newidle pass, nor by one of a domain that is no LLC', () => {
    assert.equal(scanned(8, 0, Idle.NEWLY_IDLE), 0);
    const m = still(machine(8, { threads: 2 }));
    m.busiestGroup(m.domain(0, 'SMT'));
    assert.equal(k.sd.nrIdleScan[k.sd.shared[m.domain(0, 'MC')]!], 0);
  });
});
