/** EEVDF: who is eligible, who is picked, where one is placed. @spec 22 §2 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { activateTask, deactivateTask, setTaskCpu } from '../../src/sched/activate.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { avgVruntime, entityEligible, isProtected, pickEevdf, placeByLag, protect } from '../../src/sched/eevdf.ts';
import { requeueDelayed, reweightEevdf } from '../../src/sched/eevdf-entity.ts';
import * as se from '../../src/sched/entity.ts';
import { Dequeue, Enqueue, updateCurr } from '../../src/sched/fair-entity.ts';
import { pickNextTaskFair, putPrevTaskFair } from '../../src/sched/fair-pick.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Class, OnRq } from '../../src/sched/tasks.ts';
import { scaleDown } from '../../src/sched/weight.ts';
import { Ev, MigrateCause } from '../../src/trace/events.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { runqueue, tasksNamed } from '../support/runqueue.ts';
import { boot, MS, RUN, SLEEP, simulate } from '../support/simulate.ts';

const EEVDF = { policy: 'linux-6.12' };

describe('the average', () => {
  test('spec 22 check 2: one that joins with a lag of 1 ms is placed 1.5 ms behind two others, and has its lag again', () => {
    const q = runqueue(tasksNamed(3), EEVDF);
    q.queued('t0', 40 * MS).queued('t1', 44 * MS);
    const joins = q.task('t2');
    se.vlag[joins] = MS;
    const before = avgVruntime(0);
    assert.equal(before, 42 * MS);
    placeByLag(0, joins, false);
    assert.equal(se.vruntime[joins], before - 1.5 * MS);
    q.queued('t2', se.vruntime[joins]!);
    assert.equal(avgVruntime(0) - se.vruntime[joins]!, MS);
  });

  test('is moved by weight, the running task included', () => {
    const q = runqueue({ a: {}, b: { nice: -5 } }, EEVDF);
    q.running('a', 10 * MS).queued('b', 0);
    // 1024 and 3121
    assert.equal(avgVruntime(0), Math.floor((10 * MS * 1024) / 4145));
    assert.deepEqual([entityEligible(0, q.task('a')), entityEligible(0, q.task('b'))], [false, true]);
  });

  test('is where the queue was last when nothing is left', () => {
    const q = runqueue({ a: {} }, EEVDF);
    cfs.minVruntime[0] = 123;
    assert.equal(avgVruntime(0), 123);
    placeByLag(0, q.task('a'), false);
    assert.deepEqual([se.vruntime[q.task('a')], se.deadline[q.task('a')]], [123, 123 + 2.8 * MS]);
  });
});

test('spec 22 check 1: weighed, lags sum up to nothing where weights change and entities sleep in the queue, too', () => {
  const nices = [-20, -5, 0, 0, 0, 5, 19];
  const kinds = Object.fromEntries(nices.map((nice, i) => [`t${i}`, { nice, cpus: [0, 1] }]));
  const anyStep = fc.record({
    op: fc.constantFrom('queue', 'leave', 'run', 'reweight'),
    task: fc.nat({ max: nices.length - 1 }),
    ns: fc.integer({ min: 1, max: 20 * MS }),
  });
  let checked = 0;
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 30, maxLength: 80 }), (steps) => {
      const q = runqueue(kinds, EEVDF);
      for (const { op, task: i, ns } of steps) {
        const task = q.task(`t${i}`);
        const isQueued = tasks.onRq[task] === OnRq.QUEUED;
        const curr = rq.curr[0]!;
        if (op === 'run') {
          rq.clock[0]! += ns;
          if (tasks.schedClass[curr] === Class.FAIR) putPrevTaskFair(curr);
          const next = pickNextTaskFair(0, curr, false);
          rq.curr[0] = next < 0 ? 0 : next;
        } else if (op === 'reweight') {
          reweightEevdf(0, task, (2 + (ns % 80_000)) * 1024, -1);
        } else if (op === 'queue' && se.delayed[task] !== 0) {
          requeueDelayed(task);
        } else if (op === 'queue' && !isQueued) {
          activateTask(0, task, Enqueue.WAKEUP);
        } else if (op === 'leave' && isQueued && se.delayed[task] === 0) {
          deactivateTask(0, task, Dequeue.SLEEP);
        }
        let load = 0n;
        let sum = 0n;
        const v = BigInt(avgVruntime(0));
        for (let e = 0; e < nices.length; e++) {
          const other = q.task(`t${e}`);
          if (se.onRq[other] === 0) continue;
          const weight = BigInt(scaleDown(se.weight[other]!));
          load += weight;
          sum += weight * (v - BigInt(se.vruntime[other]!));
          checked++;
        }
        // V is rounded down, by less than one.
        assert.ok(sum <= 0n && (load === 0n || -sum < load), `${sum} of ${load}`);
      }
    }),
    { numRuns: 200 },
  );
  assert.ok(checked > 5000, `${checked} lags`);
});

describe('picking', () => {
  test('spec 22 check 3: the earliest deadline of those that are not ahead of the average', () => {
    const q = runqueue(tasksNamed(3), EEVDF);
    const place = (name: string, v: number, d: number) => {
      se.deadline[q.task(name)] = d;
      q.queued(name, v);
    };
    place('t0', 0, 6);
    place('t1', 1, 3);
    place('t2', 5, 2);
    assert.equal(avgVruntime(0), 2);
    assert.deepEqual(
      ['t0', 't1', 't2'].map((t) => entityEligible(0, q.task(t))),
      [true, true, false],
    );
    assert.equal(pickEevdf(0), q.task('t1'));
  });

  test('leaves the running task alone up to its deadline, if it is eligible', () => {
    const q = runqueue(tasksNamed(2), EEVDF);
    const [a, b] = [q.task('t0'), q.task('t1')];
    se.deadline[a] = 9 * MS;
    se.deadline[b] = 3 * MS;
    q.running('t0', MS).queued('t1', 2 * MS);
    protect(0, a);
    assert.equal(pickEevdf(0), a);
    se.vprot[a] = MS;
    assert.equal(pickEevdf(0), a, 'b is not eligible');
    se.vruntime[a] = 3 * MS;
    assert.equal(pickEevdf(0), b);
  });
});

describe('slices', () => {
  test('spec 22 check 4: two hogs on 8 CPUs of Linux 6.6 take turns every 3 ms, at the ticks', () => {
    const turns = (hz: number) => {
      const run = simulate({
        machine: 8,
        policy: `linux-6.6,hz=${hz}`,
        hooks: 'none',
        tasks: { a: { cpus: [0] }, b: { cpus: [0] } },
        untilMs: 200,
      });
      const times = run.of(Ev.SCHED_SWITCH).filter(({ cpu, timeNs }) => cpu === 0 && timeNs > 100 * MS);
      return new Set(times.slice(1).map(({ timeNs }, i) => (timeNs - times[i]!.timeNs) / MS));
    };
    assert.deepEqual(turns(1000), new Set([3]));
    assert.deepEqual(turns(250), new Set([4]));
  });

  test('spec 22 check 4: beside a slice of 1 ms one of 3 ms is protected for 1 ms, where slices bound protection', () => {
    const protectedFor = (policy: string) => {
      const q = runqueue(tasksNamed(2), { policy: `${policy},base_slice=750us` });
      const [a, b] = [q.task('t0'), q.task('t1')];
      se.slice[a] = 3 * MS;
      se.slice[b] = MS;
      se.deadline[a] = 3 * MS;
      q.running('t0', 0).queued('t1', 0);
      protect(0, a);
      assert.ok(isProtected(a));
      return se.vprot[a]! / MS;
    };
    assert.equal(protectedFor('linux-6.12,slice_protection=shortest'), 1);
    assert.equal(protectedFor('linux-6.12'), 3);
  });

  test('are shared by weight: hogs get what their weights say', () => {
    const run = simulate({
      machine: 1,
      policy: 'linux-6.12',
      hooks: 'none',
      tasks: { a: {}, b: {}, c: { nice: 5 }, d: { nice: -5 } },
      untilMs: 4000,
    });
    const weights: Record<string, number> = { a: 1024, b: 1024, c: 335, d: 3121 };
    const total = 5504;
    for (const [name, weight] of Object.entries(weights)) {
      const share = se.sumExec[run.slot(name)]! / (4000 * MS);
      assert.ok(Math.abs(share - weight / total) < 0.005, `${name} got ${share}, not ${weight / total}`);
    }
  });
});

describe('moving', () => {
  test('spec 22 check 6: lag and what is left to the deadline go along to another CPU', () => {
    const q = runqueue(Object.fromEntries(['a', 'b', 'c'].map((t) => [t, { cpus: [0, 1] }])), EEVDF);
    const a = q.task('a');
    for (const t of ['a', 'b', 'c']) se.slice[q.task(t)] = 2.8 * MS;
    se.deadline[a] = 42.5 * MS;
    q.queued('a', 41 * MS)
      .queued('b', 42 * MS)
      .queued('c', 43 * MS);
    assert.equal(avgVruntime(0) - se.vruntime[a]!, MS);
    deactivateTask(0, a, 0);
    setTaskCpu(a, 1, MigrateCause.OTHER, -1);
    rq.clock[1] = k.now;
    cfs.minVruntime[1] = 7 * MS;
    activateTask(1, a, 0);
    // Alone, nothing can be owed to it; the lag is kept until there is somebody.
    assert.deepEqual([se.vlag[a], se.vruntime[a], se.deadline[a]! - se.vruntime[a]!], [MS, 7 * MS, 1.5 * MS]);
  });

  test('spec 22 check 6: no more lag than two slices, or a tick', () => {
    const q = runqueue(Object.fromEntries(['a', 'b'].map((t) => [t, { cpus: [0, 1] }])), EEVDF);
    const a = q.task('a');
    for (const t of ['a', 'b']) se.slice[q.task(t)] = 2.8 * MS;
    q.queued('a', 0).queued('b', 100 * MS);
    deactivateTask(0, a, 0);
    assert.equal(se.vlag[a], 5.6 * MS);
  });
});

test('a turn ends where the deadline is reached, and the next request begins there', () => {
  const q = runqueue(tasksNamed(2), EEVDF);
  const a = q.task('t0');
  se.slice[a] = 2.8 * MS;
  se.deadline[a] = 10 * MS;
  q.running('t0', 9 * MS).queued('t1', 9 * MS);
  rq.clock[0]! += 3 * MS;
  updateCurr(0);
  assert.deepEqual([se.vruntime[a], se.deadline[a]], [12 * MS, 14.8 * MS]);
});

test('there is no CFS left in it: nobody has a slice of the latency', () => {
  boot({ machine: 8, ...EEVDF, tasks: { a: {} } });
  assert.equal(k.baseSliceNs, 2.8 * MS);
});

describe('delayed dequeue', () => {
  test('spec 22 check 5: who sleeps ahead of the average stays in the queue, never runs there, and owes nothing more after', () => {
    const upTo = (ms: number) => ({ kind: 'uniform' as const, minNs: MS / 2, maxNs: ms * MS, stepNs: 1 });
    const run = boot({
      machine: 1,
      policy: 'linux-6.12',
      hooks: 'none',
      tasks: {
        s: {
          program: [
            { op: 'loop', count: 0 },
            { op: 'run', work: upTo(8) },
            { op: 'sleep', time: upTo(9), state: 'S' },
            { op: 'end' },
          ],
        },
        hog: {},
      },
    });
    let ahead: number | null = null;
    let left = 0;
    for (let ms = 50; ms < 400; ms += 0.1) {
      run.to(ms);
      const s = run.slot('s');
      if (se.delayed[s] !== 0) {
        ahead ??= avgVruntime(0) - se.vruntime[s]!;
        assert.deepEqual([cfs.load[0], cfs.hNrRunning[0], cfs.hNrDelayed[0]], [2 * 2 ** 20, 2, 1]);
        continue;
      }
      if (ahead !== null && se.onRq[s] === 0) {
        left++;
        assert.ok(ahead < 0 && se.vlag[s]! <= 0 && se.vlag[s]! >= ahead, `lag ${se.vlag[s]} after ${ahead}`);
      }
      ahead = null;
    }
    assert.ok(left > 3, `${left} times it left after it was delayed`);
    let asleep = false;
    for (const { kind, task, args } of run.of(Ev.SCHED_SWITCH, Ev.SCHED_WAKEUP)) {
      if (kind === Ev.SCHED_WAKEUP && task === 's') asleep = false;
      if (kind !== Ev.SCHED_SWITCH) continue;
      if (task === 's') asleep = args['prev_state'] === 1;
      assert.ok(!(asleep && run.comm(args['next']!) === 's'), 'it was picked to run while it slept');
    }
  });
});

test('a child begins with the relative deadline of a parent that has left the fair class', () => {
  const born = (change: readonly Instruction[]) => {
    const run = simulate({
      ...EEVDF,
      machine: 1,
      hooks: 'none',
      workload: (w) => {
        const child = w.kind({ name: 'child', program: [{ op: 'hog' }] });
        w.main([RUN(1.1), ...change, { op: 'fork', kind: child, count: 1 }, RUN(50), { op: 'exit' }]);
      },
      untilMs: 2,
    });
    const [parent, child] = [run.slot('main'), run.slot('child')];
    return [se.deadline[child]! - se.vruntime[child]!, se.relDeadline[parent]! * se.deadline[parent]!];
  };
  const [first, none] = born([]);
  assert.deepEqual([first, none], [0.35 * MS, 0], 'half a slice, as every new task');
  const [inherited, left] = born([{ op: 'setPolicy', policy: 'fifo', priority: 1 }]);
  assert.equal(inherited, left);
  assert.ok(left! > 0 && left !== 0.35 * MS, `${left}`);
});

test('who looks at how long it ran is charged, and goes if its slice is over: it sleeps when it is back', () => {
  const leaves = (policy: string, look: readonly Instruction[]) => {
    const program = [RUN(5), ...look, SLEEP(50)];
    // With 10 ms between ticks none of them ends the slice of 2.8 ms.
    const run = simulate({
      policy: `${policy},hz=100`,
      machine: 1,
      hooks: 'none',
      tasks: { a: { program }, b: {} },
      untilMs: 40,
    });
    return run.switches(0).filter((line) => line.includes(' a->'));
  };
  assert.deepEqual(leaves('linux-6.12', []), ['5 a->b S']);
  const [first, second] = leaves('linux-6.12', [{ op: 'cpuClock' }]);
  assert.equal(first, '5 a->b R');
  assert.match(second!, /^\d+ a->b S$/);
  assert.deepEqual(leaves('linux-6.1', [{ op: 'cpuClock' }]), leaves('linux-6.1', []));
});
