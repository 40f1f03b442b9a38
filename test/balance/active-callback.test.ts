/** Active balance by the balance callback, by the Checks of spec 08 and 21. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FIGURES } from '../../src/analysis/figure-catalogue.ts';
import { ActiveCallback } from '../../src/balance/active-callback.ts';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { deactivateTask } from '../../src/sched/activate.ts';
import { Alb, DOMAIN_COUNTERS } from '../../src/sched/domain-state.ts';
import { Dequeue } from '../../src/sched/fair-entity.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import * as rq from '../../src/sched/rq.ts';
import { reschedCurr } from '../../src/sched/signals.ts';
import { stopAndActiveBalance } from '../../src/sched/stopper.ts';
import * as tasks from '../../src/sched/tasks.ts';
import type { TaskKind } from '../../src/workload/program.ts';
import { boot, MS, RUN, SLEEP } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

/** CPU 1 runs a task that CPU 0 wants. */
function noted() {
  const m = still(machine(2), ['wanted', 'other']);
  m.runs('other', 1).runs('wanted', 1);
  const active = new ActiveCallback(2);
  k.thisCpu = 0;
  rq.activeBalance[1] = 1;
  rq.pushCpu[1] = 0;
  active.note(1);
  assert.equal(loop.callback[1], 1);
  const wanted = m.slot('wanted');
  /** It has been switched out for the other, asleep or not. */
  const out = () => {
    k.thisCpu = 1;
    rq.curr[1] = m.slot('other');
    tasks.onCpu[wanted] = 0;
    tasks.onCpu[m.slot('other')] = 1;
    active.callback(1);
    return new Map(active.counters());
  };
  return { active, wanted, out };
}

describe('spec 21 check 15: active balance by the callback', () => {
  test('hands the task over once it is switched out', () => {
    const { active, wanted, out } = noted();
    active.callback(1);
    assert.equal(tasks.cpu[wanted], 1, 'it still runs');
    assert.equal(rq.activeBalance[1], 1);
    const counters = out();
    assert.equal(tasks.cpu[wanted], 0);
    assert.deepEqual([counters.get('active.handovers'), rq.activeBalance[1]], [1, 0]);
  });

  test('counts a failure if the task slept, moved or may not go', () => {
    const slept = noted();
    tasks.state[slept.wanted] = 1;
    deactivateTask(1, slept.wanted, Dequeue.SLEEP);
    assert.equal(slept.out().get('active.failed_slept'), 1);
    const moved = noted();
    tasks.cpu[moved.wanted] = 0;
    assert.equal(moved.out().get('active.failed_moved'), 1);
    const pinned = noted();
    tasks.allowed[pinned.wanted] = k.affinity.of([1]);
    assert.equal(pinned.out().get('active.failed_pinned'), 1);
    assert.equal(rq.activeBalance[1], 0);
  });

  test('leaves a real-time task that came between alone, which the stopper preempts', () => {
    // `wanted` waits on CPU 1 behind a real-time task.
    const setup = (active: string) => {
      const run = boot({
        machine: 2,
        policy: `linux-6.1,newidle=off,periodic=off,nohz=off,wakeup=stay,fork=stay,active=${active}`,
        main: { policy: 'fifo', priority: 98 },
        tasks: {
          kept: { cpus: [0], policy: 'fifo', priority: 1 },
          wanted: { cpus: [1] },
          rt: { cpus: [1], policy: 'fifo', priority: 50 },
        },
      }).to(10);
      assert.equal(rq.curr[1], run.slot('rt'));
      return run;
    };
    const stopper = setup('stopper');
    k.thisCpu = 0;
    rq.activeBalance[1] = 1;
    rq.pushCpu[1] = 0;
    stopAndActiveBalance(1);
    stopper.to(11);
    assert.ok(stopper.switches(1).some((s) => s.includes('rt->migration/1')));
    assert.equal(new Map(k.hooks.counters()).get('active.rt_preempted'), 1);

    const callback = setup('callback');
    callback.to(60);
    assert.ok(!callback.switches(1).some((s) => s.includes('rt->migration/1')));
    assert.equal(new Map(k.hooks.counters()).get('active.rt_preempted'), 0);
    assert.equal(checkInvariants(), null);
  });
});

describe('the callback at the end of the switch', () => {
  /**
   * Two cores of two threads: `a` runs beside `b`, which may not leave, and CPU 2 has asked for it. Others come to CPU 0
   * between two ticks, so that only the callback can act.
   */
  function wanted(a: Partial<TaskKind>, others: Readonly<Record<string, Partial<TaskKind>>>) {
    const run = boot({
      machine: machine(4, { threads: 2 }),
      policy: 'linux-6.1,fork=stay,wakeup=stay,active=callback,timer_slack=0ns',
      main: { policy: 'fifo', priority: 99 },
      tasks: { ...others, a: { cpus: [0, 2], ...a }, b: { cpus: [1] } },
    }).to(400.4);
    assert.deepEqual([rq.curr[0], rq.activeBalance[0], rq.pushCpu[0]], [run.slot('a'), 1, 2]);
    return run;
  }
  const sum = (counter: number) => {
    return k.sd.counters.filter((_, i) => i % DOMAIN_COUNTERS === counter).reduce((n, count) => n + count, 0);
  };

  test('spec 08 check 8: moves nobody but the task that was noted, which has blocked: a failure', () => {
    // Heavy, so that it runs (and sleeps) before a; and no batch task preempts when it wakes.
    const c: Partial<TaskKind> = { cpus: [0, 2], policy: 'batch', nice: -20, program: [SLEEP(401), { op: 'hog' }] };
    const run = wanted({ program: [RUN(402), SLEEP(1000)] }, { c }).to(401.5);
    assert.deepEqual([rq.curr[0], rq.nrRunning[0], rq.activeBalance[0]], [run.slot('a'), 2, 1]);
    run.to(403);
    assert.deepEqual([run.switches(0).at(-1), rq.activeBalance[0]], ['402 a->c S', 0]);
    assert.deepEqual(run.migrations(), []);
    assert.deepEqual([sum(Alb.COUNT), sum(Alb.FAILED), sum(Alb.PUSHED)], [1, 1, 0]);
  });

  test('comes with a schedule() that goes on with the task, too: a failure', () => {
    const run = wanted({}, {});
    k.now = 400.4 * MS;
    k.thisCpu = 1;
    reschedCurr(0);
    run.to(400.5);
    assert.deepEqual([rq.curr[0], rq.activeBalance[0]], [run.slot('a'), 0]);
    assert.deepEqual([sum(Alb.COUNT), sum(Alb.FAILED), sum(Alb.PUSHED)], [1, 1, 0]);
    assert.equal(new Map(k.hooks.counters()).get('active.failed_running'), 1);
  });

  test('spec 08 check 9: moves the task when a real-time task preempts it, which it does not interrupt', () => {
    const r: Partial<TaskKind> = { cpus: [0], policy: 'fifo', priority: 50, program: [SLEEP(400.5), RUN(5)] };
    const run = wanted({}, { r }).to(406);
    assert.deepEqual(run.migrations(), ['400.5 a 0>2 active']);
    assert.deepEqual(run.switches(0).slice(-2), ['400.5 a->r R', '405.5 r->idle X']);
    assert.equal(run.switches(2).at(-1), '400.5 idle->a R');
    assert.deepEqual([sum(Alb.COUNT), sum(Alb.FAILED), sum(Alb.PUSHED)], [1, 0, 1]);
  });
});

test('what mechanisms count has a place among the figures', () => {
  const policy = 'linux-6.1,push=on,newidle=pull_one,active=callback,steal=on,shared_runq=on';
  still(machine(2));
  for (const [name] of policyHooks(parsePolicy(policy), 2).counters()) {
    assert.ok(
      FIGURES.some(({ pattern }) => pattern === name),
      name,
    );
  }
});
