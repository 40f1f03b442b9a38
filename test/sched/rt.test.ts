import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { capacityReduced } from '../../src/balance/env.ts';
import { scaleRtCapacity } from '../../src/balance/group-stats.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_RT } from '../../src/sched/averages.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import { findLowestRq } from '../../src/sched/rt.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import type { Instruction, TaskKind } from '../../src/workload/program.ts';
import { boot, MS, RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';

const HOG: Instruction = { op: 'hog' };
const EXACT = 'linux-6.1,timer_slack=0ns';

function fifo(priority: number, ...program: Instruction[]): Partial<TaskKind> {
  return { policy: 'fifo', priority, program: program.length > 0 ? program : [HOG] };
}

function rr(priority: number, ...program: Instruction[]): Partial<TaskKind> {
  return { ...fifo(priority, ...program), policy: 'rr' };
}

/** On one CPU: from 0 on all of these exist, and main has gone. */
function onOneCpu(tasks: Readonly<Record<string, Partial<TaskKind>>>, untilMs: number, policy = EXACT): Simulated {
  return simulate({ hooks: 'none', policy, main: fifo(99), tasks, untilMs });
}

describe('priorities', () => {
  test('spec 08 check 2: are 99 less the real-time priority, as traces show them', () => {
    const run = simulate({ hooks: 'none', tasks: { a: fifo(50, RUN(1)), b: fifo(99, RUN(1)), c: fifo(1, RUN(1)) } });
    const prio = (name: string) => run.of(Ev.SCHED_WAKEUP_NEW).find((e) => e.task === name)!.args['prio'];
    assert.deepEqual(['a', 'b', 'c'].map(prio), [49, 0, 98]);
  });

  test('spec 08 check 2: are the level of the CPU, turned round: 0 without real-time tasks', () => {
    const level = (tasks: Readonly<Record<string, Partial<TaskKind>>>) => {
      simulate({ hooks: 'none', tasks, untilMs: 1 });
      return 99 - rq.rtHighestPrio[0]!;
    };
    assert.deepEqual(
      [level({ a: fifo(50) }), level({ a: fifo(99) }), level({ a: fifo(1) }), level({ a: {} })],
      [50, 99, 1, 0],
    );
  });

  test('decide who runs: each one preempts those below and CFS at once', () => {
    const tasks = {
      cfs: {},
      low: fifo(1, SLEEP(2), RUN(20)),
      mid: fifo(50, SLEEP(4), RUN(8)),
      high: fifo(99, SLEEP(6), RUN(2)),
    };
    const run = onOneCpu(tasks, 50);
    assert.deepEqual(run.switches(0).slice(-6), [
      '2 cfs->low R',
      '4 low->mid R',
      '6 mid->high R',
      '8 high->mid X',
      '14 mid->low X',
      '32 low->cfs X',
    ]);
  });
});

describe('FIFO', () => {
  test('spec 08 check 1: is not rotated by ticks', () => {
    const run = onOneCpu({ a: fifo(10, RUN(300)), b: fifo(10, RUN(300)) }, 700);
    assert.deepEqual(run.switches(0).slice(1), ['0 main->a X', '300 a->b X', '600 b->idle X']);
  });

  test('a preempted task goes on before others of its priority', () => {
    const tasks = { a: fifo(10, RUN(20)), b: fifo(10, RUN(20)), high: fifo(20, SLEEP(5), RUN(1)) };
    const run = onOneCpu(tasks, 50);
    assert.deepEqual(run.switches(0).slice(-4), ['5 a->high R', '6 high->a X', '21 a->b X', '41 b->idle X'].slice(-5));
  });

  test('a yield goes behind those of its priority', () => {
    const tasks = { a: fifo(10, RUN(1), { op: 'yield' }, RUN(1)), b: fifo(10, RUN(3)), c: fifo(9, RUN(1)) };
    const run = onOneCpu(tasks, 50);
    assert.deepEqual(run.switches(0).slice(-5), ['0 main->a X', '1 a->b R', '4 b->a X', '5 a->c X', '6 c->idle X']);
  });
});

describe('RR', () => {
  test('spec 08 check 1: takes turns of 25 ticks', () => {
    const run = onOneCpu({ a: rr(10, RUN(250)), b: rr(10, RUN(250)) }, 600);
    assert.deepEqual(run.switches(0).slice(1), [
      '0 main->a X',
      '100 a->b R',
      '200 b->a R',
      '300 a->b R',
      '400 b->a R',
      '450 a->b X',
      '500 b->idle X',
    ]);
  });

  test('goes on alone at its priority, whoever waits below', () => {
    const run = onOneCpu({ a: rr(10, RUN(250)), b: rr(9, RUN(10)) }, 600);
    assert.deepEqual(run.switches(0).slice(1), ['0 main->a X', '250 a->b X', '260 b->idle X']);
  });

  test('keeps what is left of the slice over a preemption', () => {
    const tasks = { a: rr(10, RUN(250)), b: rr(10, RUN(10)), high: fifo(20, SLEEP(50), RUN(40)) };
    const run = onOneCpu(tasks, 400);
    // 12 ticks before, 13 more after the preemption.
    const turn = run.switches(0).find((s) => s.includes('a->b'));
    assert.equal(turn, '140 a->b R');
  });

  test('has the slice it is told', () => {
    const tasks = { a: rr(10, RUN(30)), b: rr(10, RUN(30)) };
    const run = onOneCpu(tasks, 50, 'linux-6.1,rr_timeslice=10');
    // 10 ms are three ticks.
    assert.deepEqual(run.switches(0).slice(2, 4), ['12 a->b R', '24 b->a R']);
  });
});

describe('throttling', () => {
  test('leaves 5 % of each second to others', () => {
    const run = onOneCpu({ rt: fifo(50), cfs: {} }, 3000);
    // Noticed at the first tick after 950 ms.
    assert.deepEqual(run.switches(0).slice(1), [
      '0 main->rt X',
      '952 rt->cfs R',
      '1000 cfs->rt R',
      // What was taken too much is owed: 2 ms, then 4, which is a tick.
      '1952 rt->cfs R',
      '2000 cfs->rt R',
      '2948 rt->cfs R',
      '3000 cfs->rt R',
    ]);
  });

  test('lets the CPU idle if there is nobody else', () => {
    const run = onOneCpu({ rt: fifo(50) }, 1500);
    assert.deepEqual(run.switches(0).slice(2), ['952 rt->idle R', '1000 idle->rt R']);
  });

  test('can be switched off', () => {
    const run = simulate({
      hooks: 'none',
      policy: 'linux-6.1,rt_runtime=-1',
      tasks: { rt: fifo(50), cfs: {} },
      untilMs: 3000,
    });
    assert.equal(run.ranMs('cfs'), 0);
  });

  test('does not count while the task sleeps or others come and go', () => {
    const tasks = { rt: fifo(50), other: rr(50, RUN(1)), cfs: {} };
    onOneCpu(tasks, 970);
    assert.equal(rq.rtThrottled[0], 1);
    assert.equal(rq.nrRunning[0], 1);
    onOneCpu(tasks, 1001);
    assert.equal(rq.nrRunning[0], 2 + 1);
  });
});

describe('placement', () => {
  test('spec 08 check 3: of a woken task: away from a CPU that runs one of equal priority, to one without real-time tasks', () => {
    const tasks = {
      a: fifo(50, SLEEP(20), RUN(5)),
      b: { ...fifo(50, RUN(100)), cpus: [0] },
    };
    const run = simulate({ machine: 4, policy: EXACT, tasks, untilMs: 40 });
    const [move] = run.migrations().filter((m) => m.includes('wakeup'));
    assert.match(move!, /^20 a 0>[123] wakeup$/);
  });

  test('stays where it beats what runs, or where nothing of its kind runs', () => {
    const a = fifo(50, SLEEP(20), RUN(5));
    for (const other of [{}, fifo(49)]) {
      const run = simulate({ machine: 4, hooks: 'none', policy: EXACT, tasks: { a, other }, untilMs: 22 });
      assert.deepEqual(
        run.migrations().filter((m) => m.includes(' a ')),
        [],
      );
      assert.equal(rq.curr[0], run.slot('a'));
    }
  });

  test('spec 08 check 3: finds the CPU of the lowest level that is allowed, its own if that is one of them', () => {
    const run = boot({
      machine: 4,
      hooks: 'none',
      main: fifo(99),
      tasks: {
        a: { ...fifo(50, SLEEP(1e6)), cpus: [0, 1, 2] },
        on0: { ...fifo(30), cpus: [0] },
        on1: { ...fifo(20), cpus: [1] },
        on2: { ...fifo(40), cpus: [2] },
      },
    }).to(1);
    const a = run.slot('a');
    // CPU 3 is free but not allowed.
    assert.equal(findLowestRq(a), 1);
    tasks.prio[a] = 99 - 20;
    assert.equal(findLowestRq(a), -1);
    tasks.prio[a] = 99 - 50;
    rq.rtHighestPrio[0] = rq.rtHighestPrio[1]!;
    tasks.cpu[a] = 0;
    assert.equal(findLowestRq(a), 0);
  });

  test('prefers the executing CPU among equals, within the domains of the task', () => {
    const run = boot({
      machine: 4,
      hooks: 'none',
      tasks: { a: fifo(50, SLEEP(1e6)), on0: { ...fifo(60), cpus: [0] } },
    }).to(1);
    k.thisCpu = 2;
    assert.equal(findLowestRq(run.slot('a')), 2);
    k.thisCpu = 0;
    const chosen = new Set([1, 2, 3].map(() => findLowestRq(run.slot('a'))));
    assert.deepEqual([...chosen].sort(), [1, 2, 3]);
  });

  test('climbs the domains of the CPU: its own cache first', () => {
    const run = boot({
      machine: machine(8, { llcs: 2 }),
      hooks: 'none',
      tasks: { a: { ...fifo(50, RUN(1), SLEEP(1e6)), cpus: [5] }, on5: { ...fifo(60, SLEEP(2), HOG), cpus: [5] } },
    }).to(5);
    const a = run.slot('a');
    tasks.allowed[a] = 0;
    tasks.nrAllowed[a] = 8;
    k.thisCpu = 0;
    for (let i = 0; i < 6; i++) assert.ok([4, 6, 7].includes(findLowestRq(a)));
  });
});

describe('pushing and pulling', () => {
  /** Main is preempted by the first that runs at once, on CPU 0; those that sleep first are to be named before. */
  function onTwoCpus(tasks: Readonly<Record<string, Partial<TaskKind>>>, nrCpus = 2): Simulated {
    return simulate({ machine: nrCpus, hooks: 'none', policy: EXACT, tasks, untilMs: 100 });
  }

  test('nobody waits while another CPU would run him', () => {
    const run = onTwoCpus({ a: fifo(50, SLEEP(10), RUN(20)), b: fifo(40, SLEEP(10), RUN(20)) });
    const ends = run.of(Ev.SCHED_PROCESS_EXIT).filter((e) => e.task !== 'main');
    assert.deepEqual(
      ends.map((e) => e.timeNs / MS),
      [30, 30],
    );
  });

  test('a preempted task is pushed away at the switch', () => {
    const run = onTwoCpus({ high: { ...fifo(60, SLEEP(10), RUN(20)), cpus: [0] }, low: fifo(10, RUN(40)) });
    assert.deepEqual(run.migrations(), ['10 low 0>1 rt-push']);
    assert.equal(run.of(Ev.SCHED_PROCESS_EXIT).find((e) => e.task === 'low')!.timeNs, 40 * MS);
  });

  test('a CPU that runs out of real-time work pulls the best that waits and may run there', () => {
    const run = onTwoCpus(
      {
        // The best that waits on CPU 0 may not run on CPU 1, the second best may.
        elsewhere: { ...fifo(50, SLEEP(5), RUN(10)), cpus: [0, 2] },
        mobile: { ...fifo(40, SLEEP(5), RUN(10)), cpus: [0, 1] },
        on1: { ...fifo(60, RUN(30)), cpus: [1] },
        on2: { ...fifo(60, RUN(90)), cpus: [2] },
        on0: { ...fifo(60, RUN(90)), cpus: [0] },
      },
      3,
    );
    assert.deepEqual(run.migrations(), ['30 mobile 0>1 rt-pull']);
    assert.deepEqual(run.switches(1).slice(-2), ['30 on1->mobile X', '40 mobile->idle X']);
  });

  test('the best of all CPUs is pulled in the end, though a worse one may be met first', () => {
    const run = onTwoCpus(
      {
        good: { ...fifo(40, SLEEP(5), RUN(10)), cpus: [2, 1] },
        fair: { ...fifo(30, SLEEP(5), RUN(10)), cpus: [0, 1] },
        on1: { ...fifo(60, RUN(30)), cpus: [1] },
        on2: { ...fifo(60, SLEEP(2), RUN(90)), cpus: [2] },
        on0: { ...fifo(60, SLEEP(2), RUN(90)), cpus: [0] },
      },
      3,
    );
    // CPU 0 is looked at before CPU 2, and both have something better than what CPU 1 has.
    const pulls = run.migrations().filter((m) => m.startsWith('30 '));
    assert.deepEqual(pulls, ['30 fair 0>1 rt-pull', '30 good 2>1 rt-pull']);
    assert.deepEqual(run.switches(1).slice(-3), ['30 on1->good X', '40 good->fair X', '50 fair->idle X']);
  });

  test('nothing of lower priority than what is left is pulled', () => {
    const run = onTwoCpus({
      waits: { ...fifo(20, SLEEP(5), RUN(10)), cpus: [0, 1] },
      next: { ...fifo(30, RUN(20)), cpus: [1] },
      on1: { ...fifo(60, RUN(30)), cpus: [1] },
      on0: { ...fifo(60, RUN(90)), cpus: [0] },
    });
    assert.deepEqual(run.migrations(), ['50 waits 0>1 rt-pull']);
  });
});

describe('an equal priority that could not run elsewhere', () => {
  test('takes the CPU from one that could', () => {
    const tasks = { pinned: { ...fifo(50, SLEEP(10), RUN(10)), cpus: [0] }, mobile: fifo(50, RUN(40)) };
    const run = simulate({ machine: 2, hooks: 'none', policy: EXACT, tasks, untilMs: 60 });
    assert.ok(run.switches(0).includes('10 mobile->pinned R'));
    assert.deepEqual(run.migrations(), ['10 mobile 0>1 rt-push']);
  });

  test('waits if neither could', () => {
    const tasks = {
      b: { ...fifo(50, SLEEP(10), RUN(10)), cpus: [0] },
      a: { ...fifo(50, RUN(40)), cpus: [0] },
    };
    const run = simulate({ machine: 2, hooks: 'none', policy: EXACT, tasks, untilMs: 60 });
    assert.deepEqual(run.switches(0).slice(-3), ['40 a->b X', '50 b->main X', '50 main->idle X']);
  });
});

describe('a change of class or priority', () => {
  test('to one that does not run here pushes the task away', () => {
    const run = simulate({
      machine: 2,
      hooks: 'none',
      policy: EXACT,
      tasks: {
        a: { program: [SLEEP(10), { op: 'setPolicy', policy: 'fifo', priority: 50 }, RUN(20)], cpus: [0] },
        hog: { cpus: [0] },
      },
      untilMs: 60,
    });
    assert.equal(run.ranMs('a'), 20);
    // Nothing interrupts it any more.
    assert.equal(run.of(Ev.SCHED_PROCESS_EXIT).find((e) => e.task === 'a')!.timeNs, 30 * MS);
  });

  test('to a lower class gives way to real-time tasks at once', () => {
    const run = simulate({
      hooks: 'none',
      main: fifo(99),
      tasks: {
        a: fifo(50, RUN(10), { op: 'setPolicy', policy: 'other', priority: 0 }, RUN(10)),
        b: fifo(40, RUN(20)),
      },
      untilMs: 60,
    });
    assert.deepEqual(run.switches(0).slice(1), ['0 main->a X', '10 a->b R', '30 b->a X', '40 a->idle X']);
  });
});

describe('the effect on CFS', () => {
  test('spec 08 check 4: a CPU counts as short of capacity by what real-time tasks use, against the domain’s margin', () => {
    boot({ machine: machine(4, { threads: 2 }), hooks: 'none', tasks: { a: {} } });
    const smt = k.sd.lowest[0]!;
    const above = k.sd.parent[smt]!;
    assert.deepEqual([k.sd.imbalancePct[smt], k.sd.imbalancePct[above]], [110, 117]);
    const reduced = (rtUtil: number) => {
      avg.utilAvg[AVG_RT] = rtUtil;
      rq.cpuCapacity[0] = scaleRtCapacity(0);
      return [rq.cpuCapacity[0], capacityReduced(0, above), capacityReduced(0, smt)];
    };
    assert.deepEqual(reduced(200), [824, true, true]);
    assert.deepEqual(reduced(100), [924, false, true]);
    assert.deepEqual(reduced(0), [1024, false, false]);
  });

  test('real-time tasks count in nr_running, and the CPU is not idle', () => {
    const tasks = { rt: { ...fifo(10), cpus: [0] } };
    const run = simulate({ machine: 2, hooks: 'none', main: fifo(99), tasks, untilMs: 10 });
    assert.equal(rq.nrRunning[0], 1);
    assert.equal(rq.curr[0], run.slot('rt'));
  });
});
