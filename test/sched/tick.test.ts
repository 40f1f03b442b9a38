import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Idle } from '../../src/balance/env.ts';
import { k, msecsToJiffies } from '../../src/sched/kernel.ts';
import { idleCpu } from '../../src/sched/predicates.ts';
import * as rq from '../../src/sched/rq.ts';
import { reschedCurr } from '../../src/sched/signals.ts';
import { Ev } from '../../src/trace/events.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { boot, MS, RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';

test('spec 01 check 1: milliseconds become jiffies by rounding up', () => {
  boot({ tasks: { a: {} } });
  assert.deepEqual([1, 4, 5, 8, 32, 100].map(msecsToJiffies), [1, 1, 2, 2, 8, 25]);
});

describe('the tick', () => {
  test('spec 01 check 3: makes two hogs on one CPU of eight take turns every third time, and both leave as runnable', () => {
    // The slice is 11999994 ns, six less than three ticks.
    const run = simulate({ machine: 8, hooks: 'none', tasks: { a: { cpus: [0] }, b: { cpus: [0] } }, untilMs: 50 });
    assert.deepEqual(run.switches(0), [
      '0 idle->main R',
      '0 main->a X',
      '12 a->b R',
      '24 b->a R',
      '36 a->b R',
      '48 b->a R',
    ]);
    assert.equal(run.ranMs('a'), 26);
  });

  test('ends a turn at the first tick after the slice, unless the task is still behind the others', () => {
    const run = simulate({
      machine: 8,
      hooks: 'none',
      tasks: { a: { cpus: [0] }, b: { cpus: [0] } },
      policy: 'linux-6.1,tick_offset=3ms',
      untilMs: 30,
    });
    // Ticks at 1, 5, 9, 13 ms ... At 25 ms b has had its slice, but a had 13 ms: b is chosen again.
    assert.deepEqual(run.switches(0).slice(2), ['13 a->b R', '29 b->a R']);
  });

  test('comes to all CPUs at once, or one after the other with skewed ticks', () => {
    const turns = (policy: string) => {
      const tasks = Object.fromEntries(['a', 'b', 'c', 'd'].map((name, i) => [name, { cpus: [i & 1] }]));
      const run = simulate({ machine: 8, hooks: 'none', tasks, policy, untilMs: 30 });
      return [0, 1].map(
        (cpu) =>
          run
            .switches(cpu)
            .find((s) => s.endsWith(' R') && !s.startsWith('0 '))!
            .split(' ')[0],
      );
    };
    assert.deepEqual(turns('linux-6.1'), ['12', '12']);
    // CPU 1 is an eighth of half a tick behind.
    assert.deepEqual(turns('linux-6.1,tick_phase=skewed'), ['12', '12.25']);
  });

  test('spec 01 check 2: balances after the timers of its own instant', () => {
    // A sleeper of CPU 0 whose timer is due at every tick, and a CPU that balances at many of them.
    const run = simulate({
      machine: 2,
      policy: 'linux-6.1,timer_slack=0ns',
      tasks: {
        a: { cpus: [0] },
        b: { cpus: [0, 1] },
        c: { cpus: [0, 1] },
        sleeper: { cpus: [0], program: [{ op: 'loop', count: 0 }, { op: 'period', ns: 4 * MS }, { op: 'end' }] },
      },
      untilMs: 400,
    });
    let both = 0;
    for (let ms = 4; ms < 400; ms += 4) {
      const at = run.events.filter((e) => e.timeNs === ms * MS && e.cpu === 0).map((e) => e.kind);
      const [wakeup, softirq] = [at.indexOf(Ev.SCHED_WAKEUP), at.indexOf(Ev.SOFTIRQ_ENTRY)];
      if (wakeup < 0 || softirq < 0) continue;
      both++;
      assert.ok(wakeup < softirq, `at ${ms} ms`);
    }
    assert.ok(both > 3, `${both} ticks with both`);
  });
});

describe('the idle loop without a driver', () => {
  /** Moments at which a CPU's tick stopped, ms. */
  function stops(run: ReturnType<typeof simulate>, cpu: number): number[] {
    return run
      .of(Ev.NOHZ_ENTER)
      .filter((e) => e.args['cpu'] === cpu)
      .map((e) => e.timeNs / MS);
  }

  test('spec 01 check 4: keeps the tick at first, and stops it once one has come while idle', () => {
    const run = simulate({ machine: 2, tasks: { a: { cpus: [0], program: [RUN(5), SLEEP(100)] } }, untilMs: 50 });
    // The timer can not fire before 105 ms; the first idle tick is that of 8 ms.
    assert.deepEqual(run.switches(0), ['0 idle->main R', '0 main->a X', '5 a->idle S']);
    assert.deepEqual(stops(run, 0), [8]);
  });

  test('stays out of the way of those who sleep less than a tick', () => {
    const program: Instruction[] = [{ op: 'loop', count: 0 }, RUN(1.1), SLEEP(2), { op: 'end' }];
    const run = simulate({ machine: 2, policy: 'linux-6.1,timer_slack=0ns', tasks: { a: { cpus: [0], program } } });
    // It sleeps at 1.1..3.1, 4.2..6.2, 7.3..9.3, ...: the tick of 8 ms finds the CPU idle.
    assert.deepEqual(stops(run, 0)[0], 8);
    assert.equal(rq.nohzTickStopped[1], 1);
  });

  test('spec 01 check 5: leaves a CPU in the mask of idle CPUs that is woken for less than a tick', () => {
    const program: Instruction[] = [RUN(1), { op: 'loop', count: 0 }, SLEEP(19), RUN(1), { op: 'end' }];
    const run = simulate({
      machine: 2,
      policy: 'linux-6.1,timer_slack=0ns',
      // Runs at 20-21, 40-41, ... on CPU 1, between the ticks.
      tasks: { busy: { cpus: [0] }, a: { cpus: [1], program } },
      untilMs: 20.5,
    });
    assert.equal(rq.curr[1], run.slot('a'));
    assert.equal(rq.nohzTickStopped[1], 1);
    for (let ms = 20.5; ms <= 100; ms += 0.25) {
      run.to(ms);
      assert.equal(k.nohz.idleCpusMask[0]! & 2, 2, `at ${ms} ms`);
    }
    // Though its tick ran while it was busy, and stopped again after each of the wakeups.
    assert.deepEqual(stops(run, 1), [4, 24, 44, 64, 84]);
  });

  test('takes a CPU out of the mask at its first tick while busy', () => {
    const run = simulate({
      machine: 2,
      policy: 'linux-6.1,timer_slack=0ns',
      tasks: { busy: { cpus: [0] }, a: { cpus: [1], program: [RUN(1), SLEEP(20), RUN(10), SLEEP(1000)] } },
      untilMs: 22,
    });
    assert.equal(rq.nohzTickStopped[1], 1);
    run.to(24);
    assert.equal(rq.nohzTickStopped[1], 0);
    run.to(40);
    assert.equal(rq.nohzTickStopped[1], 1);
  });
});

test('spec 07 check 16: a CPU that keeps its tick while it idles is not in the mask, and balances at its own ticks', () => {
  // It runs for 1 ms of each 4, never at a tick: the governor expects it to idle for less than the next tick is away.
  const program: Instruction[] = [SLEEP(1), { op: 'loop', count: 0 }, RUN(1), SLEEP(3), { op: 'end' }];
  const run = simulate({
    machine: 3,
    policy: 'linux-6.1,timer_slack=0ns,idle_governor=menu',
    tasks: { busy: { cpus: [0] }, a: { cpus: [1], program } },
    untilMs: 99.5,
  });
  const idle = run.switches(1).filter((s) => s.includes(' a->idle'));
  // Right after it was forked, and after each of its turns.
  assert.equal(idle.length, 26);
  assert.equal(rq.curr[1], 1);
  assert.deepEqual([rq.nohzTickStopped[1], rq.nohzTickStopped[2]], [0, 1]);
  const entered = run.of(Ev.NOHZ_ENTER).map((e) => e.args['cpu']);
  assert.ok(entered.includes(2) && !entered.includes(1));
  // MC is due every 2 ticks at 8 ms (spec 06 §2.4).
  const passes = run.of(Ev.REBALANCE).filter((e) => e.args['cpu'] === 1 && e.cpu === 1);
  assert.ok(passes.length >= 10, `${passes.length}`);
  assert.deepEqual(new Set(passes.map((e) => e.args['idle'])), new Set([Idle.IDLE]));
  assert.ok(passes.every((e) => e.timeNs % (4 * MS) === 0));
});

describe('a wakeup queued on another CPU', () => {
  test('spec 01 check 6: makes it look busy at once, and is shown as waking before it is shown as awake', () => {
    // Two caches, so that wakeups go through the wake list; with costs, so that it takes a while.
    const run = boot({
      machine: machine(4, { llcs: 2 }),
      policy: 'linux-6.1,costs=milan',
      workload: (w) => {
        const token = w.semaphore('token');
        const far = { base: token, stride: 0, shift: 0 };
        const waiter = w.kind({ name: 'waiter', cpus: [3], program: [{ op: 'wait', semaphore: far }, RUN(1)] });
        const waker = w.kind({
          name: 'waker',
          cpus: [0],
          program: [SLEEP(50), { op: 'wake', semaphore: far, count: 1, sync: false }, RUN(1)],
        });
        w.main([{ op: 'fork', kind: waiter, count: 1 }, { op: 'fork', kind: waker, count: 1 }, { op: 'exit' }]);
      },
    });
    run.to(49);
    const seen: string[] = [];
    for (let ns = 50 * MS; ns < 50.2 * MS; ns += 100) {
      run.to(ns / MS);
      const [waking] = run.of(Ev.SCHED_WAKING).filter((e) => e.task === 'waiter' && e.timeNs > MS);
      const [awake] = run.of(Ev.SCHED_WAKEUP).filter((e) => e.task === 'waiter' && e.timeNs > MS);
      const state = `${waking ? 'waking' : 'quiet'}${awake ? ', awake' : ''}, ${idleCpu(3) ? 'idle' : 'busy'}`;
      if (seen.at(-1) !== state) seen.push(state);
      if (waking && awake) assert.deepEqual([waking.cpu, awake.cpu], [0, 3]);
    }
    assert.deepEqual(seen.slice(0, 3), ['quiet, idle', 'waking, busy', 'waking, awake, busy']);
  });
});

describe('schedule()', () => {
  test('spec 01 check 7: charges the time of the switch to the next task when a wakeup preempts', () => {
    const run = simulate({
      machine: 8,
      hooks: 'none',
      policy: 'linux-6.1,costs=milan,timer_slack=0ns',
      tasks: { hog: { cpus: [0] }, a: { cpus: [0], program: [SLEEP(30), RUN(1), SLEEP(1000)] } },
      untilMs: 40,
    });
    const woken = run.of(Ev.SCHED_WAKEUP).find((e) => e.task === 'a')!;
    const switched = run.of(Ev.SCHED_SWITCH).find((e) => e.timeNs > woken.timeNs)!;
    assert.equal(run.comm(switched.args['next']!), 'a');
    assert.ok(switched.timeNs > woken.timeNs);
    // The hog was charged up to the wakeup, not to the switch.
    const charges = run.of(Ev.SCHED_STAT_RUNTIME).filter((e) => e.timeNs > 29 * MS && e.timeNs <= switched.timeNs);
    assert.deepEqual(
      charges.map((e) => [e.task, e.timeNs]),
      [['hog', woken.timeNs]],
    );
    const first = run.of(Ev.SCHED_STAT_RUNTIME).find((e) => e.task === 'a' && e.timeNs > switched.timeNs)!;
    assert.equal(first.args['runtime'], first.timeNs - woken.timeNs);
  });

  test('spec 01 check 8: looks for work elsewhere before it goes idle', () => {
    const run = simulate({
      machine: 2,
      policy: 'linux-6.1,fork=stay,periodic=off,nohz=off',
      tasks: { a: { program: [RUN(10)] }, b: {}, c: { cpus: [1], program: [RUN(3)] } },
      untilMs: 20,
    });
    const [pulled] = run.migrations();
    assert.match(pulled!, /^3 \w 0>1 newidle$/);
    const at = run.events.filter((e) => e.timeNs === 3 * MS).map((e) => e.kind);
    assert.ok(at.indexOf(Ev.NEWIDLE) < at.indexOf(Ev.SCHED_MIGRATE_TASK));
    assert.ok(at.indexOf(Ev.SCHED_MIGRATE_TASK) < at.indexOf(Ev.SCHED_SWITCH));
    assert.match(run.switches(1).at(-1)!, /^3 c->\w X$/);
  });

  test('spec 01 check 8: looks for work elsewhere when the idle task is told to reschedule and nothing has come', () => {
    const run = boot({
      machine: 2,
      policy: 'linux-6.1,fork=stay,periodic=off,nohz=off',
      tasks: { a: {}, b: {} },
    }).to(10);
    assert.deepEqual([rq.nrRunning[0], rq.curr[1]], [2, 1]);
    k.now = 10 * MS;
    k.thisCpu = 0;
    reschedCurr(1);
    run.to(10.1);
    const at = run.events.filter((e) => e.timeNs >= 10 * MS && e.cpu === 1).map((e) => e.kind);
    const order = [Ev.NEWIDLE, Ev.SCHED_MIGRATE_TASK, Ev.SCHED_SWITCH];
    assert.deepEqual(
      at.filter((kind) => (order as number[]).includes(kind)),
      order,
    );
    assert.match(run.switches(1).at(-1)!, /^10 idle->\w R$/);
  });

  test('spec 01 check 9: says nothing when it chooses the same task again', () => {
    const program: Instruction[] = [{ op: 'loop', count: 10 }, RUN(1), { op: 'yield' }, { op: 'end' }];
    const run = simulate({ hooks: 'none', tasks: { a: { program } }, untilMs: 20 });
    assert.deepEqual(run.switches(0), ['0 idle->main R', '0 main->a X', '10 a->idle X']);
  });
});
