/** The fair server: what fair tasks get beside a real-time task that never stops. @spec 22 §10 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Ev } from '../../src/trace/events.ts';
import { MS, RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';

const SERVER = 'linux-6.1,rt_runtime=-1,server.runtime=50ms';

/** A real-time hog and a fair task on one CPU. */
function starved(policy: string, untilMs: number): Simulated {
  return simulate({
    machine: 1,
    hooks: 'none',
    policy,
    main: { policy: 'fifo', priority: 98 },
    tasks: { rt: { policy: 'fifo', priority: 50 }, fair: {} },
    record: [Ev.SCHED_SWITCH],
    untilMs,
  });
}

/** When the task is given the CPU, ms. */
function starts(run: Simulated, comm: string): number[] {
  return run
    .of(Ev.SCHED_SWITCH)
    .filter(({ args }) => run.comm(args['next']!) === comm)
    .map(({ timeNs }) => timeNs / MS);
}

describe('spec 22 check 15: a real-time hog and a fair task on a CPU', () => {
  test('the fair one has 5 % over 10 s, and first runs no earlier than it has to', () => {
    const run = starved(SERVER, 10_000);
    const share = run.ranMs('fair') / 10_000;
    assert.ok(Math.abs(share - 0.05) < 0.0005, `${share}`);
    const [first, second] = starts(run, 'fair');
    assert.ok(first! >= 949 && first! <= 951, `${first}`);
    assert.ok(second! >= 1949 && second! <= 1951, `${second}`);
  });

  test('without defer it has it at the beginning of each period', () => {
    const run = starved(`${SERVER},server.defer=off`, 10_000);
    assert.ok(Math.abs(run.ranMs('fair') / 10_000 - 0.05) < 0.0005);
    assert.ok(starts(run, 'fair')[0]! < 1);
  });

  test('without a server, and without the throttle of 6.1, it has nothing', () => {
    assert.equal(starved('linux-6.1,rt_runtime=-1', 3000).ranMs('fair'), 0);
  });

  test('Linux 6.12 has the server in place of the throttle', () => {
    assert.ok(Math.abs(starved('linux-6.12', 10_000).ranMs('fair') / 10_000 - 0.05) < 0.0005);
  });
});

test('who is not starved never makes the server preempt a real-time task', () => {
  const run = (policy: string) =>
    simulate({
      machine: 1,
      hooks: 'none',
      policy,
      tasks: {
        rt: { policy: 'fifo', priority: 50, program: [{ op: 'loop', count: 0 }, RUN(40), SLEEP(60), { op: 'end' }] },
        fair: {},
      },
      record: [Ev.SCHED_SWITCH],
      untilMs: 5000,
    });
  const preempted = run(SERVER)
    .of(Ev.SCHED_SWITCH)
    .filter(({ task, args }) => task === 'rt' && args['prev_state'] === 0);
  assert.equal(preempted.length, 0);
  assert.equal(run(SERVER).ranMs('rt'), run('linux-6.1,rt_runtime=-1').ranMs('rt'));
});

test('a fair task that sleeps in between gets no more than its share', () => {
  const run = simulate({
    machine: 1,
    hooks: 'none',
    policy: SERVER,
    main: { policy: 'fifo', priority: 98 },
    tasks: {
      rt: { policy: 'fifo', priority: 50 },
      fair: { program: [{ op: 'loop', count: 0 }, RUN(5), SLEEP(1), { op: 'end' }] },
    },
    record: [Ev.SCHED_SWITCH],
    untilMs: 10_000,
  });
  const share = run.ranMs('fair') / 10_000;
  assert.ok(share > 0 && share <= 0.0505, `${share}`);
});
