import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import type { GroupSpec, TaskKind } from '../../src/workload/program.ts';
import { RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';

interface Quota extends Partial<GroupSpec> {
  /** Of each period of 100 ms. */
  readonly quotaMs?: number;
}

/** Tasks in one group with a quota (those of `free` are outside). */
function limited(
  quota: Quota,
  inside: Readonly<Record<string, Partial<TaskKind>>>,
  untilMs: number,
  { free = {}, nrCpus = 1 }: { free?: Readonly<Record<string, Partial<TaskKind>>>; nrCpus?: number } = {},
): Simulated {
  const { quotaMs = 50, ...spec } = quota;
  return simulate({
    machine: nrCpus,
    hooks: 'none',
    policy: 'linux-6.1,timer_slack=0ns',
    main: { policy: 'fifo', priority: 99 },
    workload: (w) => w.group({ path: '/g', quotaNs: quotaMs * 1e6, ...spec }),
    tasks: {
      ...free,
      ...Object.fromEntries(Object.entries(inside).map(([name, kind]) => [name, { group: 0, ...kind }])),
    },
    untilMs,
  });
}

describe('a quota of 50 ms', () => {
  test('spec 02 check 15: stops a busy task at the first tick after it, until the period is over', () => {
    const run = limited({}, { a: {} }, 1000);
    const [began, ...later] = run.switches(0).slice(2);
    assert.equal(began, '52 a->idle R');
    assert.equal(later[0], '100 idle->a R');
    // What was taken too much is paid back in the next period.
    assert.equal(later[1], '148 a->idle R');
    assert.equal(run.ranMs('a'), 500);
  });

  test('is shared by all CPUs', () => {
    const run = limited({}, { a: { cpus: [0] }, b: { cpus: [1] } }, 1000, { nrCpus: 2 });
    // Up to a tick each may be taken too much in the last period.
    const total = run.ranMs('a') + run.ranMs('b');
    assert.ok(total >= 495 && total <= 512, `${total} ms`);
  });

  test('leaves the CPU to others meanwhile', () => {
    const run = limited({ quotaMs: 20 }, { a: {} }, 1000, { free: { other: {} } });
    assert.ok(Math.abs(run.ranMs('a') - 200) <= 4, `${run.ranMs('a')}`);
    assert.ok(Math.abs(run.ranMs('other') - 800) <= 4);
  });

  test('is no limit for a task that needs less', () => {
    const run = limited({}, { a: { program: [{ op: 'loop', count: 0 }, RUN(4), SLEEP(6), { op: 'end' }] } }, 1000);
    assert.equal(run.ranMs('a'), 400);
    assert.equal(k.groups.nrThrottled[1], 0);
  });

  test('counts periods, and those in which somebody was throttled', () => {
    limited({}, { a: {} }, 1050);
    assert.deepEqual([k.groups.nrPeriods[1], k.groups.nrThrottled[1]], [10, 10]);
  });

  test('rests with its timer while nobody runs', () => {
    limited({}, { a: { program: [RUN(20), SLEEP(780), RUN(10)] } }, 790);
    // One period of use, one that finds it idle.
    assert.equal(k.groups.nrPeriods[1], 2);
    assert.equal(k.groups.periodActive[1], 0);
  });

  test('does not add up over idle periods, unless burst allows it', () => {
    const program = [SLEEP(500), { op: 'hog' } as const];
    const runs = (quota: Quota) =>
      limited(quota, { a: { program }, tick: { program: [RUN(1), SLEEP(150), RUN(1)] } }, 590);
    // The quota, and 1 ms that the runqueue kept of the period before.
    assert.equal(runs({}).ranMs('a'), 51);
    assert.ok(runs({ burstNs: 30e6 }).ranMs('a') > 70);
  });
});

describe('a throttled group', () => {
  test('does not count in nr_running, nor do tasks that come to it', () => {
    const run = limited({}, { a: {}, late: { program: [SLEEP(70), RUN(5)] } }, 60, {
      free: { main2: { program: [RUN(1)] } },
    });
    assert.equal(cfs.throttled[1], 1);
    assert.equal(rq.nrRunning[0], 0);
    run.to(80);
    assert.equal(cfs.hNrRunning[1], 2);
    assert.equal(rq.nrRunning[0], 0);
    run.to(101);
    assert.equal(cfs.throttled[1], 0);
    assert.equal(rq.nrRunning[0], 2);
  });

  test('stops the clock of its averages', () => {
    const run = limited({}, { a: {} }, 99);
    const before = cfs.throttledClockPeltTime[1]!;
    assert.equal(cfs.throttleCount[1], 1);
    run.to(101);
    assert.equal(cfs.throttleCount[1], 0);
    // From 52 ms to 100 ms.
    assert.equal(cfs.throttledClockPeltTime[1]! - before, 48e6);
  });

  test('takes the groups below with it', () => {
    const run = simulate({
      hooks: 'none',
      workload: (w) => {
        w.group({ path: '/g', quotaNs: 20e6 });
        w.group({ path: '/g/below', parent: 0 });
      },
      tasks: { a: { group: 1 }, b: { group: 0 }, free: {} },
      untilMs: 50,
    });
    const [g, below] = [1, 2];
    assert.deepEqual([cfs.throttled[g], cfs.throttled[below], cfs.throttleCount[below]], [1, 0, 1]);
    assert.equal(rq.nrRunning[0], 1);
    run.to(1000);
    assert.ok(Math.abs(run.ranMs('a') + run.ranMs('b') - 200) <= 8);
    assert.ok(run.ranMs('a') > 80 && run.ranMs('b') > 80);
  });

  test('gets back what others return, a little later', () => {
    // CPU 1 takes a slice of 5 ms, uses little of it and sleeps; CPU 0 has run out by then.
    const run = limited(
      { quotaMs: 15 },
      { a: { cpus: [0] }, b: { cpus: [1], program: [SLEEP(11), RUN(0.5), SLEEP(1000)] } },
      40,
      { nrCpus: 2 },
    );
    assert.ok(run.ranMs('a') + run.ranMs('b') <= 15 + 4);
    assert.ok(cfs.runtimeRemaining[k.nrCpus + 1]! <= 1e6);
  });
});
