import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { GroupType, Idle, LbFlag } from '../../src/balance/env.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

const { IDLE, NOT_IDLE, NEWLY_IDLE } = Idle;

/** `running` runs on CPU 0 of four that share a cache; the others wait there. */
function piled(kinds: Kinds): StillMachine {
  const [running, ...waiting] = Array.isArray(kinds) ? kinds : Object.keys(kinds);
  const m = still(machine(4), kinds).runs(running!, 0);
  for (const name of waiting) m.waits(name, 0);
  return m;
}

describe('should this CPU balance', () => {
  /** Two LLCs of four; the local group is CPUs 0-3. True if the pass of `cpu` looks any further. */
  const looks = (cpu: number, busy: readonly number[], idle: number = IDLE) => {
    const m = still(machine(8, { llcs: 2 })).cpus(busy, { nr: 1 });
    m.lb.balance(m.domain(cpu, 'DIE'), cpu, idle, 0);
    assert.equal(m.lb.keepGoing, k.sd.counters[m.domain(cpu, 'DIE') * 36 + 8 * idle + 7] === 1);
    return m.lb.keepGoing;
  };

  test('spec 06 check 5: the first idle CPU of the group does', () => {
    assert.equal(looks(2, [0, 3]), false);
    assert.equal(looks(2, [0, 1]), true);
    assert.equal(looks(3, [0, 1], NOT_IDLE), false);
  });

  test('spec 06 check 5: if none idles, the first of all does', () => {
    assert.equal(looks(0, [0, 1, 2, 3], NOT_IDLE), true);
    assert.equal(looks(2, [0, 1, 2, 3], NOT_IDLE), false);
  });

  test('spec 06 check 5: one about to idle always does, unless a task has come meanwhile', () => {
    assert.equal(looks(3, [], NEWLY_IDLE), true);
    assert.equal(looks(3, [3], NEWLY_IDLE), false);
  });

  test('a thread does whether or not the other one of its core is busy', () => {
    const m = still(machine(8, { threads: 2 })).cpus([0, 2, 3], { nr: 1 });
    m.lb.balance(m.domain(1, 'SMT'), 1, IDLE, 0);
    assert.equal(m.lb.keepGoing, true);
  });

  test('the refusal is counted as a balanced pass and nothing else', () => {
    const m = still(machine(8, { llcs: 2 }));
    const sd = m.domain(2, 'DIE');
    assert.equal(m.pass(sd), 0);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, balanced: 1 });
  });
});

describe('a pass', () => {
  test('moves tasks and is counted as such', () => {
    const m = piled(['running', 'a', 'b', 'c']);
    const sd = m.domain(1, 'MC');
    k.sd.nrBalanceFailed[sd] = 1;
    k.sd.balanceInterval[sd] = 8;
    assert.equal(m.pass(sd), 2);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, gained: 2, imbalance: 2 });
    assert.deepEqual(m.cfsTasks(1), ['a', 'b']);
    assert.equal(k.sd.nrBalanceFailed[sd], 0);
    assert.equal(k.sd.balanceInterval[sd], k.sd.minInterval[sd]);
  });

  test('of a CPU about to idle moves one of them', () => {
    const m = piled(['running', 'a', 'b', 'c']);
    const sd = m.domain(1, 'MC');
    assert.equal(m.pass(sd, NEWLY_IDLE), 1);
    assert.deepEqual(m.counters(sd, NEWLY_IDLE), { count: 1, gained: 1, imbalance: 2 });
  });

  test('without a busiest group is balanced; without a busiest queue too', () => {
    const m = still(machine(4));
    const sd = m.domain(1, 'MC');
    k.sd.nrBalanceFailed[sd] = 3;
    m.cpus([0, 1, 2, 3], { nr: 1 }).cpu(1, { nr: 0 });
    m.lb.balance(sd, 1, IDLE, 0);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, balanced: 1, nobusyg: 1 });
    assert.equal(k.sd.nrBalanceFailed[sd], 0);

    const far = still(machine(8, { llcs: 2 })).cpus([4, 5, 6, 7], { nr: 1, util: 1024 });
    // Overloaded by RT tasks: there is no queue of two CFS tasks to take utilisation from.
    for (const cpu of [4, 5, 6, 7]) rq.nrRunning[cpu] = 2;
    const die = far.domain(0, 'DIE');
    far.lb.balance(die, 0, IDLE, 0);
    assert.deepEqual(far.counters(die, IDLE), { count: 1, balanced: 1, nobusyq: 1 });
  });

  test('that finds tasks but cannot move them has failed', () => {
    const m = piled({ running: {}, a: { kthread: true, cpus: [0] } });
    const sd = m.domain(1, 'MC');
    for (const [idle, failed] of [
      [IDLE, 1],
      [NEWLY_IDLE, 1],
      [NOT_IDLE, 0],
    ] as const) {
      assert.equal(m.pass(sd, idle), 0);
      assert.equal(k.sd.nrBalanceFailed[sd], failed, `after idle type ${idle}`);
    }
    // Newidle passes do not count as failures in a row; and to a busy CPU it all looks balanced, so that the row ends.
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, failed: 1, imbalance: 1 });
    assert.deepEqual(m.counters(sd, NEWLY_IDLE), { count: 1, failed: 1, imbalance: 1 });
  });

  test('of every idle type is counted once: balanced, failed, or moved', () => {
    const m = piled(['running', 'a', 'b']);
    for (const cpu of [1, 2, 3]) for (const idle of [IDLE, NOT_IDLE, NEWLY_IDLE]) m.pass(m.domain(cpu, 'MC'), idle);
    for (const cpu of [1, 2, 3]) {
      for (const idle of [IDLE, NOT_IDLE, NEWLY_IDLE]) {
        const { count = 0, balanced = 0, failed = 0, gained = 0 } = m.counters(m.domain(cpu, 'MC'), idle);
        assert.equal(count, 1);
        assert.equal(balanced + failed + (gained > 0 ? 1 : 0), 1);
      }
    }
  });
});

describe('the interval between passes', () => {
  const intervals = (m: StillMachine, sd: number, idle: number, passes: number) =>
    Array.from({ length: passes }, () => {
      m.pass(sd, idle);
      return k.sd.balanceInterval[sd];
    });

  test('spec 06 check 3: doubles while all is balanced, up to the maximum', () => {
    const m = still(machine(8));
    const sd = m.domain(0, 'MC');
    assert.deepEqual([k.sd.balanceInterval[sd], k.sd.maxInterval[sd]], [8, 16]);
    assert.deepEqual(intervals(m, sd, IDLE, 3), [16, 16, 16]);
  });

  test('spec 06 check 4: is not changed by balanced newidle passes', () => {
    const m = still(machine(8));
    assert.deepEqual(intervals(m, m.domain(0, 'MC'), NEWLY_IDLE, 2), [8, 8]);
  });

  test('spec 06 check 3: doubles up to 512 while all tasks found are pinned', () => {
    const m = still(machine(8), { a: { cpus: [1] }, b: { cpus: [1] } })
      .waits('a', 1)
      .waits('b', 1);
    const sd = m.domain(0, 'MC');
    assert.deepEqual(intervals(m, sd, IDLE, 8), [16, 32, 64, 128, 256, 512, 512, 512]);
    assert.deepEqual(m.counters(sd, IDLE), { count: 8, balanced: 8, imbalance: 8, nobusyg: 8 });
    assert.equal(k.sd.nrBalanceFailed[sd], 0);
  });

  test('goes back to the minimum when something moves or fails to', () => {
    const m = piled({ running: {}, a: {}, bound: { cpus: [0] } });
    const sd = m.domain(1, 'MC');
    k.sd.balanceInterval[sd] = 8;
    assert.deepEqual(intervals(m, sd, IDLE, 1), [4]);
    const failing = piled({ running: {}, bound: { cpus: [0] } });
    k.sd.balanceInterval[sd] = 8;
    assert.deepEqual(intervals(failing, sd, IDLE, 1), [4]);
  });
});

describe('pinned tasks', () => {
  test('a source of nothing else is struck, and the next busiest tried', () => {
    const m = still(machine(4), { p: { cpus: [0] }, q: { cpus: [0] }, r: { cpus: [0] }, a: {}, b: {} });
    m.waits('p', 0).waits('q', 0).waits('r', 0).runs('a', 2).waits('b', 2);
    const sd = m.domain(1, 'MC');
    assert.equal(m.pass(sd), 1);
    assert.deepEqual(m.cfsTasks(1), ['b']);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, gained: 1, imbalance: 2 });
    assert.deepEqual(
      [0, 1, 2, 3].map((cpu) => m.env.has(cpu)),
      [false, true, true, true],
    );
  });

  test('when only the local group is left, it is balanced', () => {
    const m = still(machine(2), { p: { cpus: [0] }, q: { cpus: [0] } })
      .waits('p', 0)
      .waits('q', 0);
    const sd = m.domain(1, 'MC');
    assert.equal(m.pass(sd), 0);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, balanced: 1, imbalance: 1 });
  });

  test('that may run elsewhere in the local group go there', () => {
    const m = still(machine(8, { llcs: 2 }), { run: {}, a: { cpus: [2, 3, 4] }, b: { cpus: [2, 3, 4] }, c: {} });
    m.runs('run', 4).waits('a', 4).waits('b', 4).waits('c', 4);
    const sd = m.domain(0, 'DIE');
    assert.equal(m.pass(sd), 2);
    // The first look finds a, which points to CPU 2; c goes to CPU 0 on the way, and then a itself to CPU 2.
    assert.deepEqual([m.cfsTasks(0), m.cfsTasks(2)], [['c'], ['a']]);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, gained: 2, imbalance: 2 });
    assert.equal(m.env.has(0), false);
  });

  test('spec 06 check 18: tell the parent that its local group is imbalanced, if something is still to be moved', () => {
    const m = still(machine(8, { llcs: 2 }), { run: {}, a: { cpus: [0] } });
    m.runs('run', 0).waits('a', 0);
    const sd = m.domain(1, 'MC');
    const above = m.sgc(m.domain(1, 'DIE'), 1);
    assert.equal(m.pass(sd), 0);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, failed: 1, imbalance: 1 });
    assert.equal(m.env.flags, LbFlag.SOME_PINNED);
    assert.equal(k.sd.sgcImbalance[above], 1);
    // Seen from the other side, one task is worth a try.
    const other = m.busiestGroup(m.domain(4, 'DIE'))!;
    assert.equal(m.stats.busiest.type, GroupType.IMBALANCED);
    assert.deepEqual(other.cpus, [0, 1, 2, 3]);
  });

  test('are forgotten by the parent when a pass finds balance', () => {
    const m = still(machine(8, { llcs: 2 }));
    const above = m.sgc(m.domain(1, 'DIE'), 1);
    k.sd.sgcImbalance[above] = 1;
    m.pass(m.domain(0, 'MC'));
    assert.equal(k.sd.sgcImbalance[above], 0);
  });
});

describe('a running task', () => {
  /** CPU 0 runs `running`; `bound` waits there and cannot go. */
  const stuck = (kinds: Kinds = { running: {}, bound: { cpus: [0] } }) => piled(kinds);

  test('spec 06 check 14: is pushed by the stopper when the fourth pass in a row has failed', () => {
    const m = stuck();
    const sd = m.domain(1, 'MC');
    assert.equal(k.sd.cacheNiceTries[sd], 1);
    for (const failed of [1, 2, 3]) {
      m.pass(sd);
      assert.deepEqual([k.sd.nrBalanceFailed[sd], rq.activeBalance[0]], [failed, 0]);
    }
    m.pass(sd);
    assert.equal(k.sd.nrBalanceFailed[sd], 4);
    assert.deepEqual([rq.activeBalance[0], rq.pushCpu[0]], [1, 1]);
    assert.equal(m.run.of(Ev.SCHED_WAKING).filter((e) => e.task === 'migration/0').length, 1);
    // Another CPU does not ask again.
    k.sd.nrBalanceFailed[m.domain(2, 'MC')] = 9;
    m.pass(m.domain(2, 'MC'));
    assert.equal(rq.pushCpu[0], 1);
    assert.equal(m.run.of(Ev.SCHED_WAKING).filter((e) => e.task === 'migration/0').length, 1);
  });

  test('is pushed after three between threads, and five across nodes', () => {
    const tries = (topology: ReturnType<typeof machine>, cpu: number, name: string) => {
      const m = still(topology, { running: {}, bound: { cpus: [0] } })
        .runs('running', 0)
        .waits('bound', 0);
      const sd = m.domain(cpu, name);
      for (let n = 1; n < 9; n++) {
        k.sd.sgcImbalance[m.sgc(sd, 0)] = 1;
        m.pass(sd);
        if (rq.activeBalance[0] === 1) return n;
      }
      return 0;
    };
    assert.equal(tries(machine(4, { threads: 2 }), 1, 'SMT'), 3);
    assert.equal(tries(machine(8, { llcs: 2, nodes: 2 }), 4, 'NUMA'), 5);
  });

  test('is not asked for where it may not run: nothing is pinned but it', () => {
    const m = stuck({ running: { cpus: [0, 2] }, bound: { cpus: [0, 3] } });
    const sd = m.domain(1, 'MC');
    k.sd.nrBalanceFailed[sd] = 9;
    k.sd.balanceInterval[sd] = 4;
    // All are pinned elsewhere: the source is struck, and there is no other.
    m.pass(sd);
    assert.equal(rq.activeBalance[0], 0);
  });

  test('is pushed from a CPU of reduced capacity to an idle one of more', () => {
    const m = piled(['running']).task('running', { load: 600, util: 500 });
    m.cpu(0, { load: 600, util: 500, capacity: 600 });
    const sd = m.domain(1, 'MC');
    assert.equal(m.pass(sd), 0);
    // A lone running task: it is not tried to detach it, and the first failure is enough.
    assert.deepEqual([rq.activeBalance[0], rq.pushCpu[0]], [1, 1]);
    assert.equal(m.env.flags & LbFlag.ALL_PINNED, 0);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, failed: 1, imbalance: 600 });
  });

  test('of reduced capacity that may not go lets the interval grow as if all were pinned', () => {
    const m = piled({ running: { cpus: [0, 2] } }).cpu(0, { load: 600, util: 500, capacity: 600 });
    const sd = m.domain(1, 'MC');
    k.sd.balanceInterval[sd] = 128;
    m.pass(sd);
    assert.deepEqual(m.counters(sd, IDLE), { count: 1, failed: 1, imbalance: 600 });
    assert.equal(k.sd.balanceInterval[sd], 256);
    assert.equal(tasks.nrFailedAffine[m.slot('running')], 0);
  });
});
