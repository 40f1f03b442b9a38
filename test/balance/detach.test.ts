import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { attachTasks, canMigrateTask, detachTasks } from '../../src/balance/detach.ts';
import { Idle, LbFlag, Migrate } from '../../src/balance/env.ts';
import * as avg from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { DOMAIN_COUNTERS, Lb } from '../../src/sched/domain-state.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

const { LOAD, UTIL, TASK, MISFIT } = Migrate;

interface Pass {
  readonly type: number;
  readonly imbalance: number;
  readonly idle?: number;
  readonly src?: number;
  readonly failed?: number;
  readonly loopMax?: number;
}

/** A pass of CPU 1 that has chosen its source (CPU 0), ready to detach. */
function begin(m: StillMachine, pass: Pass, domain = 'MC'): void {
  const sd = m.domain(1, domain);
  const { env } = m;
  env.begin(sd, 1, pass.idle ?? Idle.IDLE);
  env.srcCpu = pass.src ?? 0;
  env.migrationType = pass.type;
  env.imbalance = pass.imbalance;
  env.flags = LbFlag.ALL_PINNED;
  env.loopMax = pass.loopMax ?? 32;
  k.sd.nrBalanceFailed[sd] = pass.failed ?? 0;
  k.thisCpu = 1;
}

/** Comms of what was detached, in order. */
function detached(m: StillMachine): string[] {
  detachTasks(m.env);
  return names(m);
}

function names(m: StillMachine): string[] {
  return [...m.env.tasks.subarray(0, m.env.nrTasks)].map((t) => m.run.comm(tasks.traceId[t]!));
}

/** `running` runs on CPU 0, the others wait there, in this order. */
function queue(waiting: readonly string[], kinds: Kinds = ['running', ...waiting]): StillMachine {
  const m = still(machine(4), kinds).runs('running', 0);
  for (const name of waiting) m.waits(name, 0);
  return m;
}

describe('the tasks of a runqueue', () => {
  test('stand in line by when they last were enqueued or chosen to run; the tail is considered first', () => {
    const m = still(machine(4), ['a', 'b', 'c']).waits('a', 0).waits('b', 0).waits('c', 0);
    assert.deepEqual(m.cfsTasks(0), ['c', 'b', 'a']);
    const other = still(machine(4), ['a', 'b', 'c']).waits('a', 0).waits('b', 0);
    other.waits('c', 0);
    begin(other, { type: TASK, imbalance: 1 });
    assert.deepEqual(detached(other), ['a']);
  });

  test('spec 06 check 12: go to the head when they are chosen: A, B, C queued, then B runs', () => {
    const m = still(machine(4), ['a', 'b', 'c']).waits('a', 0).waits('b', 0).waits('c', 0).picks('b');
    assert.deepEqual(m.cfsTasks(0), ['b', 'c', 'a']);
    begin(m, { type: TASK, imbalance: 1 });
    assert.deepEqual(detached(m), ['a']);
    assert.equal(m.env.loop, 1);
  });

  test('the running one, if it comes up, is skipped and goes to the head', () => {
    const picked = queue(['a', 'c']);
    assert.deepEqual(picked.cfsTasks(0), ['c', 'a', 'running']);
    begin(picked, { type: TASK, imbalance: 2 });
    assert.deepEqual(detached(picked), ['a', 'c']);
    assert.deepEqual(picked.cfsTasks(0), ['running']);
  });

  test('are attached in reverse, the last detached first', () => {
    const m = queue(['a', 'b', 'c']);
    begin(m, { type: TASK, imbalance: 3 });
    assert.deepEqual(detached(m), ['a', 'b', 'c']);
    attachTasks(m.env);
    assert.deepEqual(m.cfsTasks(1), ['a', 'b', 'c']);
    assert.equal(checkInvariants(), null);
  });
});

describe('how many tasks go', () => {
  test('spec 06 check 13: is the imbalance, as long as the source keeps one', () => {
    const m = queue(['a', 'b', 'c', 'd']);
    begin(m, { type: TASK, imbalance: 3 });
    assert.deepEqual(detached(m), ['a', 'b', 'c']);
    assert.equal(m.env.imbalance, 0);
    assert.equal(k.sd.counters[m.env.sd * DOMAIN_COUNTERS + Idle.IDLE * 8 + Lb.GAINED], 3);
    const few = queue(['a', 'b']);
    begin(few, { type: TASK, imbalance: 9 });
    assert.deepEqual(detached(few), ['a', 'b']);
    assert.equal(rq.nrRunning[0], 1);
  });

  test('spec 06 check 13: is one for a CPU that is about to idle', () => {
    const m = queue(['a', 'b', 'c', 'd']);
    begin(m, { type: TASK, imbalance: 3, idle: Idle.NEWLY_IDLE });
    assert.deepEqual(detached(m), ['a']);
  });

  test('is none from a source with a single task, and then nothing is said to be pinned', () => {
    const m = queue([]);
    begin(m, { type: TASK, imbalance: 1 });
    assert.deepEqual(detached(m), []);
    assert.equal(m.env.flags, 0);
  });

  test('is none without an imbalance', () => {
    const m = queue(['a', 'b']);
    begin(m, { type: LOAD, imbalance: 0 });
    assert.deepEqual(detached(m), []);
    assert.equal(m.env.flags, LbFlag.ALL_PINNED);
  });

  test('is bounded by the number of tasks looked at', () => {
    const m = queue(['a', 'b', 'c', 'd']);
    begin(m, { type: TASK, imbalance: 9, loopMax: 3 });
    assert.deepEqual(detached(m), ['a', 'b']);
    assert.equal(m.env.loop, 4);
  });

  test('after 32 looked at there is a break, if nr_migrate allows more', () => {
    const waiting = Array.from({ length: 40 }, (_, i) => `t${i}`);
    const m = queue(waiting);
    begin(m, { type: TASK, imbalance: 100, loopMax: 41 });
    assert.equal(detached(m).length, 31);
    assert.equal(m.env.flags & LbFlag.NEED_BREAK, LbFlag.NEED_BREAK);
    assert.equal(m.env.loopBreak, 64);
    m.env.flags &= ~LbFlag.NEED_BREAK;
    // The task that met the break was not looked at, but counted.
    assert.equal(detached(m).length, 31 + 8);
  });
});

describe('a task is too big', () => {
  /** A task of this h_load: its load is scaled by L / (L + 1) of the runqueue. */
  const ofLoad = (hLoad: number) => {
    const m = queue(['a'], { running: {}, a: {} });
    m.task('a', { load: hLoad + 1 }).cpu(0, { load: 4000 });
    return m;
  };

  test('spec 06 check 11: whose load exceeds the imbalance; each failed pass allows twice as much', () => {
    const goes = (hLoad: number, failed: number) => {
      const m = ofLoad(hLoad);
      begin(m, { type: LOAD, imbalance: 500, failed });
      return detached(m).length;
    };
    assert.deepEqual([goes(600, 0), goes(500, 0), goes(501, 0)], [0, 1, 0]);
    assert.deepEqual([goes(600, 1), goes(1001, 1), goes(1002, 1)], [1, 1, 0]);
    assert.equal(goes(2000, 2), 1);
  });

  test('and what goes is taken off the imbalance, below zero if need be', () => {
    const m = ofLoad(600);
    begin(m, { type: LOAD, imbalance: 500, failed: 1 });
    detached(m);
    assert.equal(m.env.imbalance, -100);
  });

  test('and one without load counts as 1', () => {
    const m = queue(['a', 'b', 'c']);
    for (const name of ['a', 'b', 'c']) m.task(name, { load: 0 });
    m.cpu(0, { load: 10 });
    begin(m, { type: LOAD, imbalance: 2 });
    assert.deepEqual(detached(m), ['a', 'b']);
  });

  test('whose estimated utilisation exceeds the room for it', () => {
    const goes = (util: number, failed: number) => {
      const m = queue(['a']).task('a', { util });
      begin(m, { type: UTIL, imbalance: 300, failed });
      const n = detached(m).length;
      return [n, m.env.imbalance];
    };
    assert.deepEqual(goes(300, 0), [1, 0]);
    assert.deepEqual(goes(301, 0), [0, 300]);
    assert.deepEqual(goes(601, 1), [1, -301]);
    assert.deepEqual(goes(602, 1), [0, 300]);
  });

  test('to be helped only if it does not fit where it is', () => {
    const goes = (util: number) => {
      const m = queue(['a']).task('a', { util });
      begin(m, { type: MISFIT, imbalance: 1 });
      return [detached(m).length, m.env.imbalance];
    };
    assert.deepEqual(goes(819), [0, 1]);
    assert.deepEqual(goes(820), [1, 0]);
  });

  test('and those that are skipped go to the head, where later passes find them last', () => {
    const m = queue(['a', 'b', 'c']);
    m.task('a', { load: 2000 }).task('b', { load: 2000 }).task('c', { load: 100 }).cpu(0, { load: 9000 });
    begin(m, { type: LOAD, imbalance: 150, loopMax: 4 });
    assert.deepEqual(detached(m), ['c']);
    assert.deepEqual(m.cfsTasks(0), ['b', 'a', 'running']);
  });
});

describe('a task may go', () => {
  const may = (m: StillMachine, name: string) => canMigrateTask(m.env, m.slot(name));

  test('unless it runs', () => {
    const m = queue(['a']);
    begin(m, { type: TASK, imbalance: 1 });
    assert.equal(may(m, 'running'), false);
    assert.equal(tasks.nrFailedRunning[m.slot('running')], 1);
    assert.equal(m.env.flags, 0);
    assert.equal(may(m, 'a'), true);
  });

  test('unless it is a kernel thread of its CPU: that is not even being pinned', () => {
    const m = queue(['kworker'], { running: {}, kworker: { cpus: [0], kthread: true } });
    begin(m, { type: TASK, imbalance: 1 });
    assert.equal(may(m, 'kworker'), false);
    assert.equal(m.env.flags, LbFlag.ALL_PINNED);
  });

  test('unless it may not run there; then the lowest other CPU of the local group is noted', () => {
    const m = still(machine(8, { llcs: 2 }), { a: { cpus: [0, 2, 3] } }).waits('a', 5);
    const sd = m.domain(1, 'DIE');
    const ask = (idle: number, flags: number, strike = -1) => {
      m.env.begin(sd, 1, idle);
      m.env.srcCpu = 5;
      m.env.flags = flags;
      if (strike >= 0) m.env.strike(strike);
      assert.equal(may(m, 'a'), false);
      return [m.env.flags, m.env.newDstCpu];
    };
    const { ALL_PINNED, SOME_PINNED, DST_PINNED, ACTIVE_LB } = LbFlag;
    assert.deepEqual(ask(Idle.IDLE, ALL_PINNED), [ALL_PINNED | SOME_PINNED | DST_PINNED, 0]);
    assert.deepEqual(ask(Idle.IDLE, ALL_PINNED, 0), [ALL_PINNED | SOME_PINNED | DST_PINNED, 2]);
    // One is enough; and a CPU about to idle wants the task itself or not at all.
    assert.deepEqual(ask(Idle.IDLE, DST_PINNED), [DST_PINNED | SOME_PINNED, -1]);
    assert.deepEqual(ask(Idle.NEWLY_IDLE, ALL_PINNED), [ALL_PINNED | SOME_PINNED, -1]);
    assert.deepEqual(ask(Idle.IDLE, ACTIVE_LB), [ACTIVE_LB | SOME_PINNED, -1]);
    assert.equal(tasks.nrFailedAffine[m.slot('a')], 5);
  });

  test('unless its group is throttled at either end', () => {
    const m = still(machine(4), ['running', 'a']).runs('running', 0).waits('a', 0);
    begin(m, { type: TASK, imbalance: 1 });
    tasks.group[m.slot('a')] = 1;
    for (const cpu of [0, 1]) {
      cfs.throttleCount[k.nrCpus + cpu] = 1;
      assert.equal(may(m, 'a'), false);
      cfs.throttleCount[k.nrCpus + cpu] = 0;
    }
    assert.equal(may(m, 'a'), true);
    tasks.group[m.slot('a')] = 0;
  });
});

describe('a task is hot', () => {
  const hot = (m: StillMachine, domain: string, failed = 0) => {
    begin(m, { type: TASK, imbalance: 1, failed }, domain);
    return !canMigrateTask(m.env, m.slot('a'));
  };
  const ran = (agoNs: number, kinds: Kinds = ['running', 'a'], threads = 1) => {
    const m = still(machine(4, { threads }), kinds, 'linux-6.1').runs('running', 0).waits('a', 0);
    return m.task('a', { ranAgoNs: agoNs });
  };

  test('spec 06 check 19: if it ran less than half a millisecond ago', () => {
    assert.equal(hot(ran(499_999), 'MC'), true);
    assert.equal(hot(ran(500_000), 'MC'), false);
  });

  test('but not between threads of a core, and not under SCHED_IDLE', () => {
    assert.equal(hot(ran(1, ['running', 'a'], 2), 'SMT'), false);
    assert.equal(hot(ran(1, { running: {}, a: { policy: 'idle' } }), 'MC'), false);
  });

  test('if it is a buddy and the destination is busy', () => {
    const m = ran(10_000_000);
    cfs.nextBuddy[0] = m.slot('a');
    assert.equal(hot(m, 'MC'), false);
    rq.nrRunning[1] = 1;
    assert.equal(hot(m, 'MC'), true);
    cfs.nextBuddy[0] = -1;
    cfs.lastBuddy[0] = m.slot('a');
    assert.equal(hot(m, 'MC'), true);
  });

  test('always or never with a migration cost of -1 or 0', () => {
    const with_ = (cost: string) =>
      still(machine(4), ['running', 'a'], `linux-6.1,migration_cost=${cost}`).runs('running', 0).waits('a', 0);
    assert.equal(hot(with_('-1').task('a', { ranAgoNs: 10_000_000 }), 'MC'), true);
    assert.equal(hot(with_('0').task('a', { ranAgoNs: 1 }), 'MC'), false);
  });

  test('until more passes have failed than cache_nice_tries; going all the same is counted', () => {
    const m = ran(1);
    assert.equal(hot(m, 'MC', 1), true);
    assert.equal(tasks.nrFailedHot[m.slot('a')], 1);
    begin(m, { type: TASK, imbalance: 1, failed: 2 });
    assert.deepEqual(detached(m), ['a']);
    assert.equal(tasks.nrForced[m.slot('a')], 1);
    assert.equal(tasks.hot[m.slot('a')], 0);
    assert.equal(k.sd.counters[m.env.sd * DOMAIN_COUNTERS + Idle.IDLE * 8 + Lb.HOT_GAINED], 1);
  });

  test('no longer, once it has been moved: not having run here, it is cold', () => {
    const m = ran(1);
    begin(m, { type: TASK, imbalance: 1, failed: 2 });
    detached(m);
    attachTasks(m.env);
    avg.loadAvg[1] = 1000;
    m.env.begin(m.domain(0, 'MC'), 0, Idle.IDLE);
    m.env.srcCpu = 1;
    assert.equal(canMigrateTask(m.env, m.slot('a')), true);
    assert.equal(tasks.hot[m.slot('a')], 0);
  });
});

describe('a task with a preferred node', () => {
  interface Numa {
    readonly src: number;
    readonly dst: number;
    readonly preferred: number;
    /** Tasks of the source, and how many of them prefer its node. */
    readonly nr?: number;
    readonly atHome?: number;
    readonly ranAgoNs?: number;
    readonly failed?: number;
    readonly nodes?: number;
  }

  /** A pass across nodes that may take `a`, which waits at the source. */
  function across({ src, dst, preferred, nr = 2, atHome = 0, ranAgoNs, failed = 0, nodes = 2 }: Numa) {
    const m = still(machine(8, { llcs: 2, nodes }), ['running', 'a', 'b'])
      .runs('running', src)
      .waits('a', src);
    if (nr === 3) m.waits('b', src);
    const task = m.slot('a');
    m.task('a', ranAgoNs === undefined ? {} : { ranAgoNs });
    tasks.numaPreferred[task] = preferred;
    rq.preferredRunning[src] = atHome;
    const sd = m.domain(dst, nodes === 1 ? 'DIE' : 'NUMA');
    m.env.begin(sd, dst, Idle.IDLE);
    m.env.srcCpu = src;
    m.env.loopMax = 32;
    m.env.migrationType = TASK;
    m.env.imbalance = 1;
    k.sd.nrBalanceFailed[sd] = failed;
    return { m, task, sd, may: () => canMigrateTask(m.env, task) };
  }

  test('spec 10 check 1: on one node has none: only what it has in the cache holds it', () => {
    for (const [ranAgoNs, goes] of [
      [1, false],
      [10_000_000, true],
    ] as const) {
      for (const preferred of [-1, 0])
        for (const atHome of [0, 2])
          assert.equal(across({ src: 0, dst: 4, preferred, atHome, ranAgoNs, nodes: 1 }).may(), goes);
    }
  });

  test('spec 10 check 3: goes home however hot it is', () => {
    assert.equal(across({ src: 4, dst: 0, preferred: 0, ranAgoNs: 1 }).may(), true);
    assert.equal(across({ src: 4, dst: 0, preferred: -1, ranAgoNs: 1 }).may(), false);
  });

  test('spec 10 check 2: does not leave home while others run there that are not at home', () => {
    assert.equal(across({ src: 0, dst: 4, preferred: 0, nr: 3, atHome: 2 }).may(), false);
    // All are at home: no opinion, and the cache decides.
    assert.equal(across({ src: 0, dst: 4, preferred: 0, nr: 2, atHome: 2 }).may(), true);
    assert.equal(across({ src: 0, dst: 4, preferred: 0, nr: 2, atHome: 2, ranAgoNs: 1 }).may(), false);
  });

  test('spec 10 check 4: leaves home when more passes have failed than cache_nice_tries, and counts as hot', () => {
    const leaving = (failed: number) => {
      const { m, sd, task } = across({ src: 0, dst: 4, preferred: 0, nr: 3, atHome: 2, failed });
      assert.equal(k.sd.cacheNiceTries[sd], 2);
      k.thisCpu = 4;
      // The other two stay.
      tasks.allowed[m.slot('b')] = k.affinity.of([0]);
      const gone = detached(m);
      return [gone, tasks.nrForced[task], k.sd.counters[sd * DOMAIN_COUNTERS + Idle.IDLE * 8 + Lb.HOT_GAINED]];
    };
    assert.deepEqual(leaving(2), [[], 0, 0]);
    assert.deepEqual(leaving(3), [['a'], 1, 1]);
  });
});
