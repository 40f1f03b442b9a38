/** Groups compared by load alone, with the bug of the average and the fix of it. @spec 23 §2.1, §3 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GroupType, Idle, Migrate } from '../../src/balance/env.ts';
import { findBusiestGroup } from '../../src/balance/find-busiest.ts';
import { DomainStats } from '../../src/balance/group-stats.ts';
import { LoadComparison } from '../../src/balance/load-comparison.ts';
import { k } from '../../src/sched/kernel.ts';
import { Reason } from '../../src/trace/decisions.ts';
import { machine } from '../support/trace-builder.ts';
import { type StillMachine, still } from './still-machine.ts';

const { LOAD, TASK } = Migrate;
const HERE = [0, 1, 2, 3];
const THERE = [4, 5, 6, 7];

type Metric = 'average' | 'min';
interface Found {
  readonly cpus: readonly number[];
  readonly type: number;
  readonly imbalance: number;
}

/** What CPU 0's pass in a domain is to move, and from where; null: nothing. CPUs of `struck` are out of the pass. */
function busiest(m: StillMachine, metric: Metric, name = 'DIE', struck: readonly number[] = []): Found | null {
  const stats = new DomainStats(new LoadComparison(metric));
  m.env.begin(m.domain(0, name), 0, Idle.IDLE);
  for (const cpu of struck) m.env.strike(cpu);
  const group = findBusiestGroup(m.env, stats);
  if (group < 0) {
    assert.notEqual(m.env.reason, Reason.NONE);
    return null;
  }
  const base = k.sd.groupBase[group]!;
  const cpus = [...k.sd.lists.subarray(base, base + k.sd.groupWeight[group]!)];
  return { cpus, type: m.env.migrationType, imbalance: m.env.imbalance };
}

const twoLlcs = () => still(machine(8, { llcs: 2 }));

describe('a heavy task beside idle CPUs', () => {
  /** As much load here as there, but by one task. */
  const hidden = () => twoLlcs().cpu(1, { nr: 1, load: 1024 }).cpus(THERE, { nr: 2, load: 256 });

  test('hides them from the average: nothing is pulled', () => {
    const m = hidden();
    assert.equal(busiest(m, 'average'), null);
    assert.equal(m.env.reason, Reason.IMBALANCE);
    // The rules of today count CPUs first.
    assert.notEqual(m.busiestGroup(m.domain(0, 'DIE')), null);
  });

  test('does not hide them from the minimum: an idle CPU pulls a task', () => {
    assert.deepEqual(busiest(hidden(), 'min'), { cpus: THERE, type: TASK, imbalance: 1 });
  });

  test('nor do they hide it: the minimum of the other group is what counts', () => {
    const m = twoLlcs()
      .cpus(HERE, { nr: 1, load: 100 })
      .cpu(4, { nr: 3, load: 3000 })
      .cpus([5, 6], { nr: 1, load: 500 });
    assert.equal(busiest(m, 'min'), null);
    assert.notEqual(busiest(m, 'average'), null);
  });
});

describe('as much is pulled', () => {
  test('by average as brings the lower of the two to the mean of the domain', () => {
    const m = twoLlcs().cpus(THERE, { nr: 2, load: 1000 });
    // 0 and 1000: 500 * 4096 / 1024 either way.
    assert.deepEqual(busiest(m, 'average'), { cpus: THERE, type: LOAD, imbalance: 2000 });
    // Half the capacity there: loads a capacity of 0 and 2000, 666 on average.
    k.sd.sgcCapacity[m.sgc(m.domain(0, 'DIE'), 4)] = 2048;
    const mean = Math.floor((4000 * 1024) / 6144);
    assert.equal(busiest(m, 'average')!.imbalance, Math.floor(Math.min((2000 - mean) * 2048, mean * 4096) / 1024));
  });

  test('by minimum half the difference, if this CPU is busy', () => {
    const m = twoLlcs().cpus(HERE, { nr: 1, load: 200 }).cpus(THERE, { nr: 2, load: 900 }).cpu(6, { load: 801 });
    assert.deepEqual(busiest(m, 'min'), { cpus: THERE, type: LOAD, imbalance: 300 });
  });

  test('and nothing by a group above the mean, though another has more', () => {
    const m = still(machine(6, { llcs: 3 }));
    m.cpus([0, 1], { nr: 1, load: 900 }).cpus([2, 3], { nr: 2, load: 1000 });
    // The mean of 900, 1000 and 0 is 633.
    assert.equal(busiest(m, 'average'), null);
    m.cpus([4, 5], { nr: 1, load: 890 });
    // 930: 30 are missing here, on two CPUs; by the minimum it is half of 100.
    assert.equal(busiest(m, 'average')!.imbalance, 60);
    assert.equal(busiest(m, 'min')!.imbalance, 50);
  });

  test('and nothing if the other group has no more load', () => {
    for (const metric of ['average', 'min'] as const) {
      const at = (there: number) =>
        busiest(twoLlcs().cpus(HERE, { nr: 1, load: 500 }).cpus(THERE, { nr: 2, load: there }), metric);
      assert.equal(at(500), null);
      assert.equal(at(499), null);
      assert.notEqual(at(502), null);
    }
  });
});

describe('the busiest group', () => {
  const fourLlcs = () => still(machine(8, { llcs: 4 }));

  test('is an overloaded one, else one marked as imbalanced, else any: then by load', () => {
    for (const metric of ['average', 'min'] as const) {
      const m = fourLlcs().cpus([2, 3], { nr: 1, load: 1200 }).cpus([4, 5], { nr: 1, load: 1100 });
      m.cpus([6, 7], { nr: 1, load: 1000 });
      const cpus = () => busiest(m, metric)!.cpus;
      assert.deepEqual(cpus(), [2, 3]);
      k.sd.sgcImbalance[m.sgc(m.domain(0, 'DIE'), 4)] = 1;
      assert.deepEqual(cpus(), [4, 5]);
      m.cpu(6, { nr: 2 });
      assert.deepEqual(cpus(), [6, 7]);
    }
  });

  test('of equals is the first in ring order', () => {
    const m = fourLlcs().cpus([2, 3, 4, 5, 6, 7], { nr: 2, load: 1000 });
    assert.deepEqual(busiest(m, 'average')!.cpus, [2, 3]);
    assert.deepEqual(busiest(m, 'min')!.cpus, [2, 3]);
  });

  test('tells the rest of the pass whether it is overloaded', () => {
    const at = (nr: number) => {
      const m = twoLlcs().cpus(THERE, { nr, load: 500 });
      const stats = new DomainStats(new LoadComparison('average'));
      m.env.begin(m.domain(0, 'DIE'), 0, Idle.IDLE);
      findBusiestGroup(m.env, stats);
      return stats.busiest.type;
    };
    assert.deepEqual([at(1), at(2)], [GroupType.HAS_SPARE, GroupType.OVERLOADED]);
  });

  test('is not one for the load that tasks have left on a CPU: that counts as none', () => {
    const m = twoLlcs().cpus(HERE, { nr: 1, load: 100 }).cpus(THERE, { load: 2000 });
    assert.equal(busiest(m, 'average'), null);
    assert.equal(busiest(m, 'min'), null);
  });

  test('is not one whose CPUs are struck from the pass', () => {
    for (const metric of ['average', 'min'] as const) {
      const m = still(machine(4)).cpu(1, { nr: 3, load: 3000 }).cpu(2, { nr: 2, load: 1000 });
      assert.deepEqual(busiest(m, metric, 'MC')!.cpus, [1]);
      assert.deepEqual(busiest(m, metric, 'MC', [1])!.cpus, [2], metric);
      assert.equal(busiest(m, metric, 'MC', [1, 2]), null);
    }
  });
});

describe('a new task', () => {
  /** The group that a child of CPU 0 is sent to; null: none but the local one. */
  const idlest = (m: StillMachine) => {
    const group = new LoadComparison('min').findIdlestGroup(m.domain(0, 'DIE'), m.slot('child'), 0);
    return group < 0 ? null : k.sd.groupFirst[group];
  };
  const threeLlcs = (cpus: readonly number[] | null = null) => still(machine(6, { llcs: 3 }), { child: { cpus } });

  test('leaves for an average that is lower by half the tolerance of the domain, under either metric', () => {
    // 108.5 % at 117: the local load has to be above 1085. The minimum here is 0 all the time.
    const at = (here: number) => {
      const m = threeLlcs().cpus([2, 3, 4, 5], { nr: 1, load: 1000 }).cpu(3, { load: 1200 });
      return idlest(m.cpu(0, { nr: 2, load: 2 * here }));
    };
    assert.equal(at(1085), null);
    assert.equal(at(1086), 4);
  });

  test('goes to the first of equals', () => {
    assert.equal(idlest(threeLlcs().cpu(0, { nr: 1, load: 1000 })), 2);
    assert.equal(idlest(threeLlcs().cpu(0, { nr: 1, load: 1000 }).cpu(2, { nr: 1, load: 1 })), 2);
    assert.equal(idlest(threeLlcs().cpu(0, { nr: 1, load: 1000 }).cpu(2, { nr: 1, load: 2 })), 4);
  });

  test('goes only where it may run, and away from where it may not', () => {
    assert.equal(idlest(threeLlcs([0, 1, 5]).cpu(0, { nr: 1, load: 1000 })), 4);
    assert.equal(idlest(threeLlcs([0, 1]).cpu(0, { nr: 1, load: 1000 })), null);
    assert.equal(idlest(threeLlcs([4]).cpus([4, 5], { nr: 3, load: 3000 })), 4);
  });
});
