import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { adjustNumaImbalance, GroupType, Idle, Migrate } from '../../src/balance/env.ts';
import { siblingImbalance } from '../../src/balance/find-busiest.ts';
import { GroupStats } from '../../src/balance/group-stats.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_RT } from '../../src/sched/averages.ts';
import { SD } from '../../src/sched/domains.ts';
import { k } from '../../src/sched/kernel.ts';
import { machine } from '../support/trace-builder.ts';
import { type StillMachine, still } from './still-machine.ts';

const { LOAD, UTIL, TASK } = Migrate;
const FAR = [4, 5, 6, 7];

/** Two LLCs of four CPUs; domains are seen from CPU 0. */
function twoLlcs(): StillMachine {
  return still(machine(8, { llcs: 2 }));
}

/** Two nodes of `cpus / 2`. */
function twoNodes(cpus: number): StillMachine {
  return still(machine(cpus, { llcs: 2, nodes: 2 }));
}

/** The domain's child says nothing about its siblings. */
function withoutPreferSibling(m: StillMachine, sd: number): StillMachine {
  k.sd.flags[k.sd.child[sd]!]! &= ~SD.PREFER_SIBLING;
  return m;
}

describe('between single CPUs', () => {
  const flat = () => still(machine(4));

  test('spec 06 check 8: an idle CPU takes one of two tasks of utilisation 512, and leaves a lone one', () => {
    for (const [util, type] of [
      [1024, GroupType.OVERLOADED],
      [512, GroupType.HAS_SPARE],
    ] as const) {
      const m = still(machine(4), ['a', 'b']).runs('a', 1, { util: 512 }).waits('b', 1, { util: 512 });
      m.cpu(1, { util });
      const sd = m.domain(0, 'MC');
      assert.deepEqual(m.busiestGroup(sd), { cpus: [1], type: TASK, imbalance: 1 });
      assert.equal(m.stats.busiest.type, type);
      assert.equal(m.pass(sd), 1);
      assert.deepEqual([m.cfsTasks(0), m.cfsTasks(1)], [['b'], ['a']]);
    }
    const alone = still(machine(4), ['a']).runs('a', 1).cpu(1, { util: 1024, load: 1024, runnable: 1024 });
    assert.equal(alone.pass(alone.domain(0, 'MC')), 0);
    assert.equal(alone.stats.busiest.sumHNrRunning, 1);
    assert.deepEqual(alone.counters(alone.domain(0, 'MC'), Idle.IDLE), { count: 1, balanced: 1, nobusyg: 1 });
  });

  test('an idle CPU takes one of two tasks, of three as well, two of four', () => {
    for (const [nr, imbalance] of [
      [2, 1],
      [3, 1],
      [4, 2],
      [5, 2],
    ] as const) {
      const m = flat().cpu(1, { nr, util: 512 });
      assert.deepEqual(m.busiestGroup(m.domain(0, 'MC')), { cpus: [1], type: TASK, imbalance });
    }
  });

  test('a CPU with one task is left alone', () => {
    const m = flat().cpu(1, { nr: 1, util: 1024, load: 1024, runnable: 1024 });
    assert.equal(m.busiestGroup(m.domain(0, 'MC')), null);
  });

  test('tasks are counted, not load, inside a cache even if the other CPU is overloaded', () => {
    const m = flat().cpu(1, { nr: 3, util: 1024, load: 3072, runnable: 3072 });
    const found = m.busiestGroup(m.domain(0, 'MC'));
    assert.equal(m.stats.busiest.type, GroupType.OVERLOADED);
    assert.deepEqual(found, { cpus: [1], type: TASK, imbalance: 1 });
  });

  test('a busy CPU pulls from one with spare capacity only by the rule of siblings', () => {
    // Local: a task that hardly runs. Nothing is overloaded, and MC of single CPUs has no child.
    const m = flat().cpu(0, { nr: 1, util: 10 }).cpu(1, { nr: 3, util: 600 });
    assert.equal(m.busiestGroup(m.domain(0, 'MC'), Idle.NOT_IDLE), null);
    assert.notEqual(m.busiestGroup(m.domain(0, 'MC'), Idle.IDLE), null);
  });
});

describe('between groups that prefer to spread', () => {
  const at = (local: number, busiest: number, idle: number = Idle.IDLE) => {
    const m = twoLlcs();
    m.cpus([0, 1, 2, 3].slice(0, Math.min(local, 4)), { nr: 1, util: 100 });
    m.cpus(FAR.slice(0, Math.min(busiest, 4)), { nr: 1, util: 100 });
    if (busiest > 4) m.cpu(4, { nr: busiest - 3 });
    return m.busiestGroup(m.domain(0, 'DIE'), idle);
  };

  test('one task more is not enough to move one; two more are', () => {
    assert.equal(at(2, 3), null);
    assert.deepEqual(at(2, 4), { cpus: FAR, type: TASK, imbalance: 1 });
    assert.deepEqual(at(0, 4), { cpus: FAR, type: TASK, imbalance: 2 });
  });

  test('spec 06 check 9: 3 running here and 4 there is balanced: idle CPUs differ by one; with 5 there one task moves', () => {
    assert.equal(at(3, 4), null);
    assert.deepEqual(at(3, 5), { cpus: FAR, type: TASK, imbalance: 1 });
  });

  test('a busy CPU does it too', () => {
    assert.deepEqual(at(2, 4, Idle.NOT_IDLE), { cpus: FAR, type: TASK, imbalance: 1 });
  });

  test('a local group that is fully busy pulls from nobody who is no more than that', () => {
    const m = twoLlcs()
      .cpus([0, 1, 2, 3], { nr: 1, util: 1024, load: 1024 })
      .cpus(FAR, { nr: 1, util: 1024, load: 2048 });
    assert.equal(m.busiestGroup(m.domain(0, 'DIE')), null);
  });
});

describe('between groups that do not', () => {
  const at = (local: number, busiest: number) => {
    const m = twoLlcs();
    const sd = m.domain(0, 'DIE');
    m.cpus([0, 1, 2, 3].slice(0, local), { nr: 1, util: 100 }).cpus(FAR.slice(0, busiest), { nr: 1, util: 100 });
    return withoutPreferSibling(m, sd).busiestGroup(sd);
  };

  test('half the difference in idle CPUs moves', () => {
    assert.equal(at(0, 1), null);
    assert.equal(at(1, 2), null);
    assert.deepEqual(at(0, 2), { cpus: FAR, type: TASK, imbalance: 1 });
    assert.deepEqual(at(0, 4), { cpus: FAR, type: TASK, imbalance: 2 });
  });

  test('a busy CPU leaves a group alone that is not overloaded', () => {
    const m = twoLlcs().cpu(0, { nr: 1, util: 10 }).cpus(FAR, { nr: 1, util: 1024 });
    const sd = m.domain(0, 'DIE');
    assert.equal(withoutPreferSibling(m, sd).busiestGroup(sd, Idle.NOT_IDLE), null);
  });

  test('more idle CPUs there than here is a huge imbalance inside a cache, by unsigned arithmetic', () => {
    const m = still(machine(8, { threads: 4 }));
    const sd = m.domain(0, 'MC');
    // Seen from CPU 0: three tasks a CPU each; there: one CPU with so many that the group is overloaded.
    m.cpus([0, 1, 2], { nr: 1, util: 10 }).cpu(4, { nr: 5, util: 1024, runnable: 9000, load: 5000 });
    assert.deepEqual(withoutPreferSibling(m, sd).busiestGroup(sd), {
      cpus: FAR,
      type: TASK,
      imbalance: (2 ** 32 - 2) / 2,
    });
  });
});

describe('across caches, from an overloaded group', () => {
  test('a group with spare capacity takes utilisation, as much as it has room for', () => {
    const m = twoLlcs().cpu(0, { nr: 1, util: 1000 }).cpus(FAR, { nr: 2, util: 1024, load: 2048 });
    assert.deepEqual(m.busiestGroup(m.domain(0, 'DIE')), { cpus: FAR, type: UTIL, imbalance: 4096 - 1000 });
  });

  test('without room, an idle CPU takes a task, and a busy one nothing', () => {
    // Utilisation lingers after the tasks have gone: three tasks, so there are CPUs to spare.
    const m = twoLlcs().cpus([1, 2, 3], { nr: 1 }).cpus([0, 1, 2, 3], { util: 1024 }).cpus(FAR, { nr: 2, util: 1024 });
    assert.deepEqual(m.busiestGroup(m.domain(0, 'DIE')), { cpus: FAR, type: TASK, imbalance: 1 });
    assert.equal(m.busiestGroup(m.domain(0, 'DIE'), Idle.NOT_IDLE), null);
  });

  test('a fully busy group takes load, up to the average of the domain', () => {
    const m = twoLlcs()
      .cpus([0, 1, 2, 3], { nr: 1, util: 1024, load: 500 })
      .cpus(FAR, { nr: 2, util: 1024, load: 2000 });
    // Averages 500, 2000 and 1250: 750 * 4096 / 1024 either way.
    assert.deepEqual(m.busiestGroup(m.domain(0, 'DIE')), { cpus: FAR, type: LOAD, imbalance: 3000 });
  });

  test('spec 06 check 15: an overloaded one takes load only if the other is worse by more than imbalance_pct', () => {
    const at = (there: number) => {
      const m = twoLlcs().cpus([0, 1, 2, 3], { nr: 2, util: 1024, load: 1000 });
      m.cpus(FAR, { nr: 2, util: 1024, load: there });
      return m.busiestGroup(m.domain(0, 'DIE'));
    };
    assert.equal(at(1170), null);
    // The average is 1085 (rounded down), and 85 * 4096 / 1024 is less than 86 * 4.
    assert.deepEqual(at(1171), { cpus: FAR, type: LOAD, imbalance: 4 * 85 });
    assert.equal(at(900), null);
  });
});

describe('equalising load', () => {
  test('spec 06 check 16: moves 750 between loads of 2000 and 500, half of it to half the capacity', () => {
    // A group is a CPU; 0 pulls from 2. The domain's average is to be 1250 both times.
    const flat = (capacity: number, others: readonly number[]) => {
      const m = still(machine(4));
      m.cpu(0, { nr: 1, util: 1024, load: (500 * capacity) / 1024 }).cpu(2, { nr: 2, util: 1024, load: 2000 });
      for (const [i, cpu] of [1, 3].entries()) m.cpu(cpu, { load: others[i]! });
      // What an RT task takes of the local CPU: the local group's capacity is looked up by the pass.
      avg.utilAvg[AVG_RT] = 1024 - capacity;
      const found = m.busiestGroup(m.domain(0, 'MC'))!;
      assert.deepEqual(found.cpus, [2]);
      const { local, busiest, avgLoad } = m.stats;
      assert.deepEqual([local.type, local.capacity], [GroupType.FULLY_BUSY, capacity]);
      assert.deepEqual([local.avgLoad, busiest.avgLoad, avgLoad], [500, 2000, 1250]);
      return found;
    };
    assert.deepEqual(flat(1024, [1250, 1250]), { cpus: [2], type: LOAD, imbalance: 750 });
    // (250 + 2000 + 2125) * 1024 / 3584 = 1250
    assert.deepEqual(flat(512, [1063, 1062]), { cpus: [2], type: LOAD, imbalance: 375 });
  });

  test('moves what brings both to the average of the domain', () => {
    const m = still(machine(4, { llcs: 2 }));
    const sd = m.domain(0, 'DIE');
    m.cpus([0, 1], { nr: 1, util: 1024, load: 500 }).cpus([2, 3], { nr: 2, util: 1024, load: 2000 });
    assert.equal(m.busiestGroup(sd)!.imbalance, 2 * 750);
    // With half the capacity here: the average is 5000 * 1024 / 3072, that is 1666, and 1000 is the average load here.
    k.sd.sgcCapacity[m.sgc(m.domain(0, 'MC'), 0)] = 0;
    m.busiestGroup(sd);
    assert.equal(m.stats.local.capacity, 1024);
    assert.equal(m.stats.avgLoad, 1666);
    assert.equal(m.env.imbalance, Math.min((2000 - 1666) * 2048, (1666 - 1000) * 1024) / 1024);
  });

  test('a local group above the average takes nothing', () => {
    const m = still(machine(6, { llcs: 3 }));
    const sd = m.domain(0, 'DIE');
    m.cpus([0, 1], { nr: 1, util: 1024, load: 900 }).cpus([2, 3], { nr: 2, util: 1024, load: 1000 });
    assert.equal(m.busiestGroup(sd), null);
    m.cpus([4, 5], { load: 1000 });
    // 66 are missing here, but the other has only 34 above the average of 966.
    assert.equal(m.busiestGroup(sd)!.imbalance, (34 * 2048) / 1024);
  });
});

describe('the busiest of several groups', () => {
  test('is the one of the highest type', () => {
    const m = still(machine(8, { llcs: 4 }));
    const sd = m.domain(0, 'DIE');
    m.cpus([2, 3], { nr: 1, util: 1024 }).cpu(4, { nr: 2, util: 200 }).cpus([6, 7], { nr: 1 });
    k.sd.sgcImbalance[m.sgc(sd, 6)] = 1;
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [6, 7]);
    m.cpus([2, 3], { nr: 2 });
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [2, 3]);
  });

  test('among overloaded ones has the highest average load, and the first of equals', () => {
    const m = still(machine(8, { llcs: 4 }));
    const sd = m.domain(0, 'DIE');
    m.cpus([2, 3, 4, 5, 6, 7], { nr: 2, util: 1024, load: 2000 });
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [2, 3]);
    m.cpu(6, { load: 2002 });
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [6, 7]);
  });

  test('among those with spare capacity has the fewest idle CPUs, then the most tasks', () => {
    const m = still(machine(8, { llcs: 4 }));
    const sd = m.domain(0, 'DIE');
    m.cpu(2, { nr: 2 }).cpu(4, { nr: 3 }).cpus([6, 7], { nr: 1 });
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [6, 7]);
    m.cpu(7, { nr: 0 });
    assert.deepEqual(m.busiestGroup(sd)!.cpus, [4, 5]);
  });

  test('among fully busy or imbalanced ones is the first, in ring order from the local group', () => {
    const m = still(machine(8, { llcs: 4 }));
    m.cpus([0, 1, 2, 3, 6, 7], { nr: 1, util: 1024 });
    assert.deepEqual(m.busiestGroup(m.domain(4, 'DIE'))!.cpus, [6, 7]);
    assert.deepEqual(m.busiestGroup(m.domain(5, 'DIE'))!.cpus, [6, 7]);
  });

  test('is none that has no CFS task', () => {
    const m = still(machine(4, { llcs: 2 }));
    k.sd.sgcImbalance[m.sgc(m.domain(0, 'DIE'), 2)] = 1;
    assert.equal(m.busiestGroup(m.domain(0, 'DIE')), null);
    m.cpu(2, { nr: 1 });
    // A task could not be moved lately: try one, even the only one.
    assert.deepEqual(m.busiestGroup(m.domain(0, 'DIE')), { cpus: [2, 3], type: TASK, imbalance: 1 });
  });
});

describe('across nodes', () => {
  test('spec 10 check 6: the allowance is 2 while few tasks run, nothing beyond the limit, and all of a larger difference', () => {
    assert.equal(adjustNumaImbalance(2, 2, 2), 0);
    assert.equal(adjustNumaImbalance(2, 3, 2), 2);
    assert.equal(adjustNumaImbalance(3, 2, 2), 3);
    assert.equal(adjustNumaImbalance(3, 1, 8), 3);
    assert.equal(adjustNumaImbalance(-5, 2, 2), 0);
  });

  test('spec 06 check 10: a difference of two idle CPUs is let be while at most imb_numa_nr would run here', () => {
    const at = (local: number, busiest: number) => {
      const m = twoNodes(16);
      const sd = m.domain(0, 'NUMA');
      k.sd.imbNumaNr[sd] = 2;
      m.cpus([0, 1, 2].slice(0, local), { nr: 1, util: 100 });
      m.cpus([8, 9, 10, 11, 12].slice(0, busiest), { nr: 1, util: 100 });
      return withoutPreferSibling(m, sd).busiestGroup(sd)?.imbalance ?? 0;
    };
    assert.equal(at(1, 3), 0);
    assert.equal(at(2, 4), 1);
    assert.equal(at(1, 5), 2);
  });
});

describe('a CPU of little capacity left', () => {
  const reduced = (idle: number) => {
    const m = still(machine(4)).cpu(2, { nr: 1, load: 700, util: 400, capacity: 875 });
    return m.busiestGroup(m.domain(0, 'MC'), idle);
  };

  test('with one task makes its group one to help, whose whole load is to move', () => {
    assert.deepEqual(reduced(Idle.IDLE), { cpus: [2], type: LOAD, imbalance: 700 });
    assert.deepEqual(reduced(Idle.NEWLY_IDLE), { cpus: [2], type: LOAD, imbalance: 700 });
  });

  test('is no reason for a busy CPU', () => {
    assert.equal(reduced(Idle.NOT_IDLE), null);
  });

  test('is not reduced at 876 of 1024', () => {
    const m = still(machine(4)).cpu(2, { nr: 1, load: 700, util: 400, capacity: 876 });
    assert.equal(m.busiestGroup(m.domain(0, 'MC')), null);
  });
});

describe('between siblings of different sizes', () => {
  const group = (id: number, sumNrRunning: number) => Object.assign(new GroupStats(), { group: id, sumNrRunning });
  /** The busiest group's tasks and cores, then the local one's. */
  const imbalance = (policy: string, nb: number, cb: number, nl: number, cl: number) => {
    still(machine(8, { threads: 2, llcs: 2 }), [], policy);
    k.sd.groupCores.set([cl, cb]);
    return siblingImbalance({ local: group(0, nl), busiest: group(1, nb) });
  };

  test('spec 22 check 12: 5 tasks on 4 cores beside 3 on 8 cores are an imbalance of 5', () => {
    assert.equal(imbalance('linux-6.6', 5, 4, 3, 8), 5);
    assert.equal(imbalance('linux-6.1', 5, 4, 3, 8), 2, 'before, tasks were compared');
    assert.equal(imbalance('linux-6.6', 3, 8, 5, 4), 1, 'the other way round there is none');
    assert.equal(imbalance('linux-6.6', 2, 8, 0, 4), 2, 'two tasks beside an idle group are always one too many');
    for (const [nb, nl] of [
      [7, 2],
      [2, 2],
      [1, 3],
    ] as const) {
      assert.equal(imbalance('linux-6.6', nb, 4, nl, 4), Math.max(0, nb - nl));
    }
  });

  test('threads of a core count once', () => {
    const m = still(machine(8, { threads: 2, llcs: 2 }));
    const cores = (level: string) => [...k.sd.tree.domains[m.domain(0, level)]!.ring].map((g) => k.sd.groupCores[g]);
    assert.deepEqual(
      [cores('SMT'), cores('MC'), cores('DIE')],
      [
        [1, 1],
        [1, 1],
        [2, 2],
      ],
    );
  });
});
