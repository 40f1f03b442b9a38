import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as avg from '../../src/sched/averages.ts';
import { AVG_RT, AVG_SE } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import * as rq from '../../src/sched/rq.ts';
import { setNice } from '../../src/sched/task-changes.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { RUN, SLEEP, simulate } from '../support/simulate.ts';

const EXACT = 'linux-6.1,timer_slack=0ns';
const SET_NICE = (nice: number): Instruction => ({ op: 'setNice', of: 'self', nice });

describe('a new nice level', () => {
  test('of a waiting task keeps its place in virtual time, and moves it to the head of the list', () => {
    const run = simulate({
      hooks: 'none',
      machine: 8,
      tasks: { a: { cpus: [0] }, b: { cpus: [0] }, c: { cpus: [0] } },
      untilMs: 5,
    });
    const [b, c] = [run.slot('b'), run.slot('c')];
    assert.equal(rq.curr[0], run.slot('a'));
    const before = se.vruntime[b]!;
    const least = cfs.minVruntime[0]!;
    assert.ok(before >= least);
    setNice(c, 0);
    setNice(b, 5);
    assert.deepEqual([se.vruntime[b], cfs.minVruntime[0]], [before, least]);
    assert.equal(rq.cfsTasksHead[0], b);
    assert.equal(se.weight[b], 335 * 1024);
    assert.equal(cfs.load[0], (1024 + 335 + 1024) * 1024);
    assert.equal(tasks.prio[b], 125);
  });

  test('changes the load of the task in proportion, and that of its runqueue by as much', () => {
    const run = simulate({ hooks: 'none', tasks: { a: {}, b: {} }, untilMs: 401 });
    const b = run.slot('b');
    const [task, queue] = [avg.loadAvg[AVG_SE + b]!, avg.loadAvg[0]!];
    setNice(b, -5);
    const now = avg.loadAvg[AVG_SE + b]!;
    assert.ok(Math.abs(now - (task * 3121) / 1024) < 5, `${task} became ${now}`);
    assert.ok(Math.abs(avg.loadAvg[0]! - (queue + now - task)) < 5);
  });

  test('of the running task for the worse makes it give way, for the better not', () => {
    const program: Instruction[] = [RUN(13), SET_NICE(10), RUN(100)];
    const tasks = { a: { cpus: [0], program }, b: { cpus: [0] } };
    const run = simulate({ hooks: 'none', machine: 8, tasks, untilMs: 60 });
    // a's second turn begins at 24 ms, and it is 13 ms into its work at 25.
    assert.ok(run.switches(0).includes('25 a->b R'), `${run.switches(0)}`);
    const better = simulate({
      hooks: 'none',
      machine: 8,
      tasks: { ...tasks, a: { cpus: [0], program: [RUN(13), SET_NICE(-5), RUN(100)] } },
      untilMs: 60,
    });
    assert.equal(
      better.switches(0).some((s) => s.startsWith('25 ')),
      false,
    );
  });

  test('of a sleeping task counts from its next wakeup', () => {
    const run = simulate({ hooks: 'none', tasks: { a: { program: [SLEEP(20), RUN(50)] } }, untilMs: 10 });
    setNice(run.slot('a'), 19);
    assert.equal(cfs.load[0], 0);
    run.to(25);
    assert.equal(cfs.load[0], 15 * 1024);
  });
});

describe('a new policy', () => {
  test('to idle and back weighs as it should', () => {
    const program: Instruction[] = [
      RUN(5),
      { op: 'setPolicy', policy: 'idle', priority: 0 },
      RUN(5),
      { op: 'setPolicy', policy: 'other', priority: 0 },
      RUN(5),
    ];
    const run = simulate({ hooks: 'none', tasks: { a: { program } }, untilMs: 7 });
    const a = run.slot('a');
    assert.deepEqual(
      [se.weight[a], se.isIdle[a], cfs.load[0], cfs.idleHNrRunning[0], cfs.idleNrRunning[0]],
      [3072, 1, 3072, 1, 1],
    );
    run.to(12);
    assert.deepEqual([se.weight[a], se.isIdle[a], cfs.idleHNrRunning[0], cfs.idleNrRunning[0]], [1048576, 0, 0, 0]);
  });

  test('out of CFS takes the load along, and back in brings it again', () => {
    const program: Instruction[] = [
      RUN(100),
      { op: 'setPolicy', policy: 'fifo', priority: 5 },
      RUN(5),
      { op: 'setPolicy', policy: 'other', priority: 0 },
      RUN(5),
    ];
    const run = simulate({ hooks: 'none', tasks: { a: { program } }, untilMs: 99 });
    const before = avg.loadAvg[0]!;
    assert.ok(before > 800);
    run.to(101);
    assert.ok(avg.loadAvg[0]! < 50, `${avg.loadAvg[0]}`);
    assert.deepEqual([cfs.nrRunning[0], rq.nrRunning[0], rq.rtNrRunning[0]], [0, 1, 1]);
    run.to(106);
    assert.ok(avg.loadAvg[0]! > 800);
    assert.deepEqual([cfs.nrRunning[0], rq.nrRunning[0], rq.rtNrRunning[0]], [1, 1, 0]);
  });
});

describe('fork', () => {
  test('queues the child behind its parent, which goes on', () => {
    const run = simulate({
      machine: 8,
      hooks: 'none',
      workload: (w) => {
        const child = w.kind({ name: 'child', program: [RUN(1)] });
        w.main([RUN(2), { op: 'fork', kind: child, count: 2 }, RUN(2)], { cpus: [0] });
      },
      untilMs: 20,
    });
    assert.deepEqual(run.switches(0), ['0 idle->main R', '4 main->child X', '5 child->child X', '6 child->idle X']);
    const at = run.events.filter((e) => e.timeNs === 2e6).map((e) => e.kind);
    const order = [Ev.SCHED_PROCESS_FORK, Ev.SCHED_WAKEUP_NEW, Ev.SCHED_PROCESS_FORK, Ev.SCHED_WAKEUP_NEW];
    assert.deepEqual(
      at.filter((kind) => (order as number[]).includes(kind)),
      order,
    );
  });

  test('lets the child go first where that is asked for', () => {
    const run = simulate({
      machine: 8,
      hooks: 'none',
      policy: 'linux-6.1,child_runs_first=on',
      workload: (w) => {
        const child = w.kind({ name: 'child', program: [RUN(1)] });
        w.main([RUN(2), { op: 'fork', kind: child, count: 1 }, RUN(2)], { cpus: [0] });
      },
      untilMs: 20,
    });
    assert.deepEqual(run.switches(0), ['0 idle->main R', '2 main->child R', '3 child->main X', '5 main->idle X']);
  });

  test('by a task that waits for its children wakes it when the last has gone', () => {
    const run = simulate({
      machine: 2,
      hooks: 'none',
      workload: (w) => {
        const child = w.kind({ name: 'child', comm: 'c%d', program: [RUN(3)] });
        w.main([{ op: 'fork', kind: child, count: 2 }, { op: 'waitChildren' }, RUN(1)], { cpus: [0] });
      },
      untilMs: 20,
    });
    assert.deepEqual(run.switches(0).slice(1), ['0 main->c0 S', '3 c0->c1 X', '6 c1->main X', '7 main->idle X']);
  });
});

describe('exec', () => {
  test('is a chance to go to an idle CPU, by way of the stopper', () => {
    const tasks = { hog: { cpus: [0] }, a: { program: [RUN(3), { op: 'exec', comm: 'new' } as const, RUN(20)] } };
    const run = simulate({
      machine: 2,
      policy: `${EXACT},fork=stay,newidle=off,nohz=off,periodic=off`,
      tasks,
      untilMs: 60,
    });
    const [move] = run.migrations();
    assert.match(move!, /^\d+ a 0>1 exec$/);
    const exec = run.of(Ev.SCHED_PROCESS_EXEC)[0]!;
    assert.deepEqual([exec.cpu, exec.timeNs / 1e6], [1, Number(move!.split(' ')[0])]);
    assert.equal(run.ranMs('a'), 23);
  });
});

describe('exit', () => {
  test('leaves the load of the task to decay with its runqueue no longer', () => {
    const run = simulate({
      hooks: 'none',
      tasks: { a: { program: [RUN(100)] }, b: { program: [SLEEP(110), RUN(50)] } },
      untilMs: 99,
    });
    assert.ok(avg.loadAvg[0]! > 800);
    run.to(105);
    assert.equal(cfs.removedNr[0]! > 0, true);
    // b wakes, at 110 ms or a tick later.
    run.to(116);
    assert.equal(cfs.removedNr[0], 0);
    assert.ok(avg.utilAvg[0]! < 400, `${avg.utilAvg[0]}`);
  });

  test('frees the row for the next task, which starts anew', () => {
    const run = simulate({
      hooks: 'none',
      workload: (w) => {
        const child = w.kind({ name: 'child', comm: 'c%d', nice: 3, program: [RUN(5)] });
        const body: Instruction[] = [{ op: 'fork', kind: child, count: 1 }, { op: 'waitChildren' }];
        w.main([{ op: 'loop', count: 50 }, ...body, { op: 'end' }]);
      },
      untilMs: 251,
    });
    assert.equal(run.of(Ev.SCHED_PROCESS_EXIT).length, 51);
    assert.equal(run.simulation.reason, 'finished');
    assert.equal(new Set(run.of(Ev.SCHED_WAKEUP_NEW).map((e) => e.task)).size, 50);
  });
});

test('a task that turns real-time while it runs has not been real-time before', () => {
  // 20 ms fair, then 4 ms FIFO: only these count. 1024 * (1 - 0.5^(4/32)) = 85; with the 20 ms it would be 416.
  const program: Instruction[] = [RUN(20), { op: 'setPolicy', policy: 'fifo', priority: 50 }, RUN(4), SLEEP(1000)];
  simulate({ hooks: 'none', tasks: { a: { cpus: [0], program } }, untilMs: 24.5 });
  const util = avg.utilAvg[AVG_RT]!;
  assert.ok(util > 70 && util < 90, `${util}`);
});
