import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkPreemptCurr } from '../../src/sched/activate.ts';
import { Alb, DOMAIN_COUNTERS } from '../../src/sched/domain-state.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import { needResched } from '../../src/sched/signals.ts';
import { stopAndActiveBalance } from '../../src/sched/stopper.ts';
import { setAffinity } from '../../src/sched/task-changes.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import type { Instruction, TaskKind } from '../../src/workload/program.ts';
import { boot, MS, RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';

const EXACT = 'linux-6.1,timer_slack=0ns';

/** Kind 1 of the workload is what the second one moves about. */
function mover(
  program: readonly Instruction[],
  cpus: readonly number[] = [0],
): Partial<TaskKind> & Pick<TaskKind, 'program'> {
  return { program: [...program, { op: 'exit' }], cpus };
}

function affinity(cpus: readonly number[]): Instruction {
  return { op: 'setAffinity', of: 1, cpus };
}

describe('a new affinity', () => {
  test('of a running task: the stopper of its CPU takes it away', () => {
    const run = simulate({
      machine: 3,
      hooks: 'none',
      policy: EXACT,
      tasks: { a: { cpus: [1] }, m: mover([SLEEP(10), affinity([2])]) },
      untilMs: 20,
    });
    assert.deepEqual(run.migrations(), ['10 a 1>2 affinity']);
    assert.deepEqual(run.switches(1), ['0 idle->a R', '10 a->migration/1 R', '10 migration/1->idle S']);
    assert.deepEqual(run.switches(2), ['10 idle->a R']);
    // As a trace shows it: waking the stopper, switching to it, moving, switching away.
    const story = run.events
      .filter((e) => e.timeNs === 10 * MS && /^(migration\/1|a)$/.test(e.task))
      .map((e) => e.kind);
    const order = [Ev.SCHED_WAKING, Ev.SCHED_WAKEUP, Ev.SCHED_SWITCH, Ev.SCHED_MIGRATE_TASK, Ev.SCHED_SWITCH];
    assert.deepEqual(
      story.filter((kind) => (order as number[]).includes(kind)),
      order,
    );
  });

  test('of a waiting task: it is moved at once, without the stopper', () => {
    const run = simulate({
      machine: 3,
      hooks: 'none',
      policy: EXACT,
      tasks: { a: { cpus: [1] }, hog: { cpus: [1], nice: -20 }, m: mover([SLEEP(11), affinity([2])]) },
      untilMs: 20,
    });
    assert.deepEqual(run.migrations(), ['11 a 1>2 affinity']);
    assert.equal(
      run.switches(1).some((s) => s.includes('migration')),
      false,
    );
  });

  test('of a sleeping task: it is placed when it wakes', () => {
    const run = simulate({
      machine: 3,
      hooks: 'none',
      policy: EXACT,
      tasks: { a: { cpus: [1], program: [SLEEP(20), RUN(5)] }, m: mover([SLEEP(10), affinity([2])]) },
      untilMs: 40,
    });
    assert.deepEqual(run.migrations(), ['20 a 1>2 wakeup']);
  });

  test('of a task that is being woken: it does not run where it may not', () => {
    // Other caches: the wakeup is queued on the CPU where the task slept, and its affinity changes before that is served.
    const run = simulate({
      machine: machine(4, { llcs: 2 }),
      hooks: 'none',
      policy: EXACT,
      workload: (w) => {
        const token = { base: w.semaphore('token'), stride: 0, shift: 0 };
        const a = w.kind({ name: 'a', cpus: [3], program: [{ op: 'wait', semaphore: token }, RUN(5)] });
        const wake: Instruction = { op: 'wake', semaphore: token, count: 1, sync: false };
        const m = w.kind({ name: 'm', ...mover([SLEEP(10), wake, affinity([2])]) });
        w.main([{ op: 'fork', kind: a, count: 1 }, { op: 'fork', kind: m, count: 1 }, { op: 'exit' }]);
      },
      untilMs: 40,
    });
    assert.deepEqual(run.migrations(), ['10 a 3>2 affinity']);
    assert.equal(run.switches(3).filter((s) => s.startsWith('10 ') && s.includes('>a ')).length, 0);
    assert.equal(run.ranMs('a'), 5);
  });

  test('of a task that its CPU is still switching from: the stopper takes it, when the switch is over', () => {
    const run = boot({
      machine: 3,
      hooks: 'none',
      policy: 'linux-6.1,costs=milan',
      tasks: { a: { cpus: [1] }, hog: { cpus: [1] } },
    }).to(30);
    const [a, b] = [run.slot('a'), run.slot('hog')];
    const preempted = rq.curr[1] === a ? a : b;
    for (let ns = 30 * MS; rq.curr[1] === preempted; ns += 100) run.to(ns / MS);
    assert.deepEqual([tasks.onCpu[preempted], tasks.onRq[preempted]], [1, tasks.OnRq.QUEUED]);
    k.thisCpu = 0;
    setAffinity(preempted, k.affinity.of([2]));
    assert.equal(tasks.cpu[preempted], 1);
    run.to(50);
    assert.equal(rq.curr[2], preempted);
  });

  test('that still has the CPU of the task moves nothing', () => {
    const run = simulate({
      machine: 3,
      hooks: 'none',
      policy: EXACT,
      tasks: { a: { cpus: [1] }, m: mover([SLEEP(10), affinity([1, 2])]) },
      untilMs: 20,
    });
    assert.deepEqual(run.migrations(), []);
  });

  test('sends tasks to the CPUs of the mask in turn', () => {
    const run = simulate({
      machine: 4,
      hooks: 'none',
      policy: EXACT,
      workload: (w) => {
        const a = w.kind({ name: 'a', comm: 'a%d', cpus: [0], program: [{ op: 'hog' }] });
        const m = w.kind({ name: 'm', ...mover([SLEEP(10), affinity([1, 2, 3])], [1]) });
        w.main([{ op: 'fork', kind: a, count: 4 }, { op: 'fork', kind: m, count: 1 }, { op: 'exit' }]);
      },
      untilMs: 20,
    });
    const moves = run.migrations().map((m) => m.split(' ')[2]);
    assert.deepEqual(moves.sort(), ['0>1', '0>1', '0>2', '0>3']);
  });

  test('of the task itself: it goes on where it may be', () => {
    const program: Instruction[] = [RUN(3), { op: 'setAffinity', of: 'self', cpus: [1] }, RUN(4)];
    const run = simulate({ machine: 2, hooks: 'none', tasks: { a: { program, cpus: [0] } }, untilMs: 20 });
    assert.deepEqual(run.migrations(), ['3 a 0>1 affinity']);
    assert.deepEqual(run.switches(1), ['3 idle->a R', '7 a->idle X']);
  });
});

describe('the stopper', () => {
  test('preempts whatever runs, a real-time task of the highest priority too', () => {
    const run = simulate({
      machine: 2,
      hooks: 'none',
      policy: EXACT,
      tasks: {
        a: { cpus: [1], policy: 'fifo', priority: 99 },
        m: mover([SLEEP(10), affinity([0])], [0]),
      },
      untilMs: 20,
    });
    assert.deepEqual(run.switches(1).slice(1), ['10 a->migration/1 R', '10 migration/1->idle S']);
  });

  test('spec 08 check 10: reschedules current of every class when it wakes', () => {
    for (const kind of [{}, { policy: 'idle' }, { policy: 'batch' }, { policy: 'fifo', priority: 99 }] as const) {
      const run = boot({ hooks: 'none', main: { policy: 'fifo', priority: 99 }, tasks: { a: kind } }).to(1);
      assert.equal(rq.curr[0], run.slot('a'));
      const stopper = k.nrCpus + 0;
      checkPreemptCurr(0, stopper, 0);
      assert.equal(needResched(0), true);
    }
    boot({ hooks: 'none', tasks: { a: { program: [SLEEP(1000)] } } }).to(1);
    assert.equal(rq.curr[0], 0);
    checkPreemptCurr(0, k.nrCpus, 0);
    assert.equal(needResched(0), true);
  });

  test('does its works in the order they came', () => {
    const run = simulate({
      machine: 4,
      hooks: 'none',
      policy: EXACT,
      tasks: {
        a: { cpus: [1] },
        m: mover([SLEEP(10), affinity([2]), affinity([3]), SLEEP(5)]),
      },
      untilMs: 20,
    });
    // The second call came before the first work was done, and found the task still there: the mask decides.
    assert.deepEqual(run.migrations(), ['10 a 1>3 affinity']);
  });

  test('shows as priority 0', () => {
    const run = simulate({
      machine: 2,
      hooks: 'none',
      policy: EXACT,
      tasks: { a: { cpus: [1] }, m: mover([SLEEP(10), affinity([0])]) },
      untilMs: 20,
    });
    const waking = run.of(Ev.SCHED_WAKING).find((e) => e.task === 'migration/1')!;
    assert.deepEqual([waking.args['prio'], tasks.schedClass[k.nrCpus + 1]], [0, tasks.Class.STOP]);
  });
});

describe('active balance', () => {
  /**
   * Three hogs on two cores of two threads: two of them share a core while the fourth thread's core is free, until the
   * one that idles there has the stopper send it one.
   */
  function threeOnTwoCores(policy = 'linux-6.1') {
    return simulate({
      machine: machine(4, { threads: 2 }),
      policy: `${policy},fork=stay`,
      tasks: { a: { cpus: [0, 2] }, b: { cpus: [1, 3] } },
      untilMs: 1000,
    });
  }

  test('spec 08 check 5: shows two switches on the source, and counts what it did', () => {
    const run = threeOnTwoCores();
    const [active] = run.migrations().filter((m) => m.endsWith('active'));
    assert.ok(active !== undefined, `${run.migrations()}`);
    const [, , cpus] = active.split(' ');
    const [from, to] = cpus!.split('>').map(Number);
    const at = active.split(' ')[0]!;
    assert.match(
      run
        .switches(from!)
        .filter((s) => s.startsWith(`${at} `))
        .join(),
      /->migration\/\d R,\d.*migration\/\d->\w+ S/,
    );
    assert.match(
      run
        .switches(to!)
        .filter((s) => s.startsWith(`${at} `))
        .join(),
      /idle->\w R/,
    );
    const counts = [0, 0, 0];
    for (let d = 0; d < k.sd.counters.length; d += DOMAIN_COUNTERS) {
      for (let i = 0; i < 3; i++) counts[i]! += k.sd.counters[d + Alb.COUNT + i]!;
    }
    const [alb, failed, pushed] = counts;
    assert.ok(alb! > 0);
    assert.equal(alb, failed! + pushed!);
  });

  /** CPU 0 is asked to push to CPU 2 while `a`, which runs there, is about to go to sleep. */
  function aBlocksMeanwhile(others: Readonly<Record<string, Partial<TaskKind>>>) {
    const run = boot({
      machine: machine(4, { threads: 2 }),
      policy: 'linux-6.1,costs=milan,fork=stay,newidle=off,periodic=off,nohz=off',
      tasks: { a: { cpus: [0, 2], program: [RUN(3), SLEEP(1000)] }, ...others },
    }).to(2.9);
    assert.equal(rq.curr[0], run.slot('a'));
    const blocks = k.queue.timeOf(k.slotRun + 0);
    run.to(blocks / MS);
    assert.equal(rq.curr[0], run.slot('a'));
    k.thisCpu = 1;
    rq.activeBalance[0] = 1;
    rq.pushCpu[0] = 2;
    stopAndActiveBalance(0);
    run.to(4);
    assert.equal(tasks.state[run.slot('a')], tasks.State.INTERRUPTIBLE);
    assert.equal(rq.activeBalance[0], 0);
    const count = k.sd.counters.filter((_, i) => i % DOMAIN_COUNTERS === Alb.COUNT).reduce((sum, n) => sum + n, 0);
    return {
      moves: run
        .migrations()
        .filter((m) => m.endsWith('active'))
        .map((m) => m.split(' ').slice(1).join(' ')),
      count,
    };
  }

  test('spec 08 check 6: is called off when the task has blocked meanwhile and nobody else is there', () => {
    assert.deepEqual(aBlocksMeanwhile({}), { moves: [], count: 0 });
  });

  test('spec 08 check 7: takes another when the task has blocked meanwhile', () => {
    assert.deepEqual(aBlocksMeanwhile({ c: { cpus: [0, 2], nice: 19, program: [SLEEP(1), { op: 'hog' }] } }), {
      moves: ['c 0>2 active'],
      count: 1,
    });
  });

  test('can be switched off', () => {
    const run = threeOnTwoCores('linux-6.1,active=off');
    assert.deepEqual(
      run.migrations().filter((m) => m.endsWith('active')),
      [],
    );
  });
});
