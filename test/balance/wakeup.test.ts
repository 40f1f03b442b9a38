/** Placement as a whole, in small simulations: which paths a wakeup, a fork and an exec take. @spec 05 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTaskRq } from '../../src/sched/activate.ts';
import * as counters from '../../src/sched/counters.ts';
import { Alb, DOMAIN_COUNTERS, Ttwu } from '../../src/sched/domain-state.ts';
import { Wake } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { TASK_NORMAL } from '../../src/sched/tasks.ts';
import { tryToWakeUp } from '../../src/sched/wakeup.ts';
import { Ev } from '../../src/trace/events.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { MS, RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { type StillMachine, still } from './still-machine.ts';

const EXACT = 'linux-6.1,timer_slack=0ns';

/** CPU 0's current task wakes the task that last ran on `prev`. */
function wake(m: StillMachine, name: string, prev: number, flags = 0): void {
  const task = m.slot(name);
  setTaskRq(task, prev);
  k.thisCpu = 0;
  assert.equal(tryToWakeUp(task, TASK_NORMAL, flags), true);
}

const queued = (cpu: number) => rq.wakeListHead[cpu]! >= 0;

describe('who enqueues a woken task', () => {
  // These machines do not place: the task goes where it ran.
  test('spec 05 check 15: its own CPU if that is in another cache, busy or not', () => {
    for (const nr of [0, 1]) {
      const m = still(machine(8, { llcs: 2 }), ['waker', 'a', 'b']).runs('waker', 0);
      if (nr === 1) m.runs('b', 5);
      wake(m, 'a', 5);
      assert.deepEqual([queued(5), rq.ttwuPending[5], rq.nrRunning[5]], [true, 1, nr]);
      assert.ok(k.queue.isPending(k.slotCall + 5));
    }
  });

  test('spec 05 check 15: its own CPU if that idles in the same cache, else the waker', () => {
    const idle = still(machine(8), ['waker', 'a', 'b']).runs('waker', 0);
    wake(idle, 'a', 5);
    assert.deepEqual([queued(5), rq.nrRunning[5]], [true, 0]);
    const busy = still(machine(8), ['waker', 'a', 'b']).runs('waker', 0).runs('b', 5);
    wake(busy, 'a', 5);
    assert.deepEqual([queued(5), rq.nrRunning[5]], [false, 2]);
    assert.equal(busy.run.of(Ev.SCHED_WAKEUP)[0]!.cpu, 0);
  });

  test('the waker on its own CPU, and everywhere without TTWU_QUEUE', () => {
    const m = still(machine(8), ['waker', 'a']).runs('waker', 0);
    wake(m, 'a', 0);
    assert.deepEqual([queued(0), rq.nrRunning[0]], [false, 2]);
    const off = still(machine(8, { llcs: 2 }), ['waker', 'a'], 'linux-6.1,NO_TTWU_QUEUE').runs('waker', 0);
    wake(off, 'a', 5);
    assert.deepEqual([queued(5), rq.nrRunning[5]], [false, 1]);
  });

  test('spec 05 check 16: and while it is queued, its CPU does not look idle to others', () => {
    const run = simulate({
      machine: 4,
      policy: EXACT,
      workload: (w) => {
        const s = w.semaphore('s');
        const wait: Instruction = { op: 'wait', semaphore: { base: s, stride: 0, shift: 0 } };
        const kind = w.kind({ name: 'a', comm: 'a%d', cpus: [1, 2], program: [wait, RUN(5), SLEEP(1000)] });
        w.main(
          [
            { op: 'fork', kind, count: 2 },
            SLEEP(10),
            { op: 'wake', semaphore: { base: s, stride: 0, shift: 0 }, count: 2, sync: false },
            SLEEP(1000),
          ],
          { cpus: [0] },
        );
      },
      untilMs: 20,
    });
    // Both were woken at one instant, before either could run.
    const woken = run.of(Ev.SCHED_WAKEUP).filter((e) => e.timeNs === 10 * MS && e.task.startsWith('a'));
    assert.deepEqual(new Set(woken.map((e) => e.cpu)), new Set([1, 2]));
  });
});

describe('wakeups are counted by the waker’s CPU', () => {
  test('as local, or as remote in the lowest domain that spans both', () => {
    const m = still(machine(8, { llcs: 2 }), ['waker', 'a', 'b', 'c']).runs('waker', 0);
    const before = counters.ttwu[0]!;
    const localBefore = counters.ttwuLocal[0]!;
    wake(m, 'a', 0);
    wake(m, 'b', 2);
    wake(m, 'c', 5);
    assert.equal(counters.ttwu[0]! - before, 3);
    assert.equal(counters.ttwuLocal[0]! - localBefore, 1);
    const remote = (name: string) => k.sd.counters[m.domain(0, name) * DOMAIN_COUNTERS + Ttwu.WAKE_REMOTE];
    assert.deepEqual([remote('MC'), remote('DIE')], [1, 1]);
    assert.deepEqual([counters.ttwu[2], counters.ttwu[5]], [0, 0]);
  });

  test('but forks are not', () => {
    const run = simulate({ machine: 4, tasks: { a: {}, b: {} }, untilMs: 2 });
    assert.equal(run.of(Ev.SCHED_WAKEUP_NEW).length, 2);
    assert.equal(
      [0, 1, 2, 3].reduce((sum, cpu) => sum + counters.ttwu[cpu]!, 0),
      0,
    );
  });
});

describe('a fork', () => {
  test('spreads children over idle CPUs, and is no migration', () => {
    const run = simulate({ machine: 4, tasks: { a: {}, b: {}, c: {} }, untilMs: 2 });
    assert.deepEqual(run.migrations(), []);
    const cpus = ['a', 'b', 'c'].map((name) => tasks.cpu[run.slot(name)]!);
    assert.equal(new Set(cpus).size, 3);
    assert.ok(!cpus.includes(0), 'main was still running there');
    for (const name of ['a', 'b', 'c']) assert.equal(tasks.nrMigrations[run.slot(name)], 0);
  });

  test('asks for placement once a child, with the fork flag', () => {
    const run = simulate({ machine: 4, tasks: { a: {}, b: { cpus: [2] } }, untilMs: 2 });
    // A task with one CPU is not asked for.
    assert.deepEqual(
      run.of(Ev.SELECT).map((e) => [e.task, e.args['flags']]),
      [['a', Wake.FORK]],
    );
  });
});

describe('an exec', () => {
  test('moves the task by the stopper to a CPU that idles, and it goes on there', () => {
    const run = simulate({
      machine: machine(4, { llcs: 2 }),
      policy: `${EXACT},fork=stay,newidle=off,periodic=off,nohz=off`,
      workload: (w) => {
        const hog = w.kind({ name: 'hog', cpus: [0], program: [{ op: 'hog' }] });
        const a = w.kind({ name: 'a', program: [RUN(2), { op: 'exec', comm: 'new' }, RUN(5), SLEEP(1000)] });
        w.main([{ op: 'fork', kind: hog, count: 1 }, { op: 'fork', kind: a, count: 1 }, { op: 'exit' }]);
      },
      untilMs: 60,
    });
    const [move, ...others] = run.migrations();
    assert.match(move!, /^[\d.]+ a 0>[123] exec$/);
    assert.deepEqual(others, []);
    assert.equal(k.sd.counters[Alb.COUNT], 0, 'it is no active balance');
  });

  test('of a task that is alone on its CPU moves nothing', () => {
    const run = simulate({
      machine: 4,
      policy: `${EXACT},fork=stay`,
      tasks: { a: { program: [RUN(2), { op: 'exec' }, RUN(5), SLEEP(1000)] } },
      untilMs: 20,
    });
    assert.deepEqual(run.migrations(), []);
  });
});
