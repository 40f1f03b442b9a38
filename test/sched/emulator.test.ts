import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { k } from '../../src/sched/kernel.ts';
import { setNeedResched } from '../../src/sched/signals.ts';
import { raiseSchedSoftirq } from '../../src/sched/softirq.ts';
import { Ev } from '../../src/trace/events.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { fixed, type Instruction, ref, type TaskKind } from '../../src/workload/program.ts';
import { boot, MS, simulate } from '../support/simulate.ts';

/** Ten milliseconds of instructions in the kernel, at once or in parts. */
const WORK: Instruction = { op: 'system', work: fixed(10 * MS) };
const GUEST = 'linux-6.1,costs=kernel-lab,turn_slice=20us,spin_turn=1us';

/** When each of the tasks, which are bound to CPUs 0, 1, 2 ..., has done its instructions, ms. */
function ends(programs: readonly (readonly Instruction[])[], machine = 4): (number | undefined)[] {
  const tasks: Record<string, Partial<TaskKind>> = Object.fromEntries(
    programs.map((program, cpu) => [`t${cpu}`, { cpus: [cpu], program: [...program, { op: 'mark', text: 'end' }] }]),
  );
  const run = simulate({
    machine,
    hooks: 'none',
    policy: GUEST,
    tasks,
    untilMs: 70,
    main: { policy: 'fifo', priority: 99 },
  });
  const begin = run.of(Ev.SCHED_PROCESS_FORK).at(-1)!.timeNs;
  return programs.map((_, cpu) => {
    const end = run.of(Ev.PRINT).find(({ task }) => task === `t${cpu}`);
    return end && (end.timeNs - begin) / MS;
  });
}

function near(actual: number | undefined, expected: number, tolerance: number): void {
  assert.ok(actual !== undefined && Math.abs(actual - expected) <= tolerance, `${actual} is not near ${expected}`);
}

describe('an emulator whose CPUs take turns', () => {
  test('a CPU without company works at full speed, and waits for a look of those who watch the clock', () => {
    near(ends([[WORK]])[0], 10, 0.3);
    // Turns on four CPUs are at most 5 us; three hogs look at the clock for 1 us each between two of them.
    const [alone, hog] = ends([[WORK], [{ op: 'hog' }], [{ op: 'hog' }], [{ op: 'hog' }]]);
    assert.ok(alone! > 15 && alone! < 60, `${alone}`);
    assert.equal(hog, undefined);
  });

  test('four CPUs with work: in each slice of 20 us the third and fourth have two turns, as recorded', () => {
    const [a, b, c, d] = ends([[WORK], [WORK], [WORK], [WORK]]);
    // 5 and 2.81 us of 20; 3.75 and 2.81.
    near(c, 10 / ((5 + 2.8125) / 20), 1);
    assert.ok(c! < d! && d! < Math.min(a!, b!), `${[a, b, c, d]}`);
    near(Math.max(a!, b!), 40, 1.5);
  });

  test('a task that computes by the clock is not slowed by others', () => {
    const [, clock] = ends([[WORK], [{ op: 'run', work: fixed(10 * MS) }], [WORK], [WORK]]);
    near(clock, 10, 0.6);
  });
});

test('a hog gets less than three ticks by its third: with a slice of 12 ms it has four, as in smp16-unpin', () => {
  const tasks = { a: { cpus: [0] }, b: { cpus: [0] } };
  const run = simulate({ machine: 16, hooks: 'none', policy: `${GUEST},hz=250`, tasks, untilMs: 300 });
  const times = run.of(Ev.SCHED_SWITCH).flatMap(({ cpu, timeNs }) => (cpu === 0 && timeNs > 100 * MS ? [timeNs] : []));
  assert.ok(times.length > 8);
  const turns = times.slice(1).map((time, i) => Math.round((time - times[i]!) / MS));
  assert.deepEqual(new Set(turns), new Set([16]));
});

describe('softirqs', () => {
  /** A hog, and a thread that waits for softirqs left to it. */
  function guest() {
    const w = new WorkloadBuilder('softirq');
    const left = w.suspension('ksoftirqd/0');
    const hog = w.kind({ name: 'hog', program: [{ op: 'hog' }] });
    const program: Instruction[] = [
      { op: 'loop', count: 0 },
      { op: 'suspend', suspension: ref(left) },
      { op: 'softirq' },
      { op: 'end' },
    ];
    const thread = w.kind({ name: '', comm: 'ksoftirqd/0', kthread: true, program });
    w.main([{ op: 'fork', kind: thread, count: 1 }, { op: 'fork', kind: hog, count: 1 }, { op: 'exit' }]);
    const workload = { ...w.build(), softirqThreads: left };
    const run = boot({ workload, hooks: 'none' }).to(10);
    k.thisCpu = 0;
    return run;
  }
  const rounds = (run: ReturnType<typeof guest>) => run.of(Ev.SOFTIRQ_ENTRY).filter(({ timeNs }) => timeNs > 10 * MS);
  const wakeups = (run: ReturnType<typeof guest>) =>
    run.of(Ev.SCHED_WAKEUP).filter(({ task, timeNs }) => task === 'ksoftirqd/0' && timeNs > 10 * MS);

  test('spec 01 §2: one raised again has a further round', () => {
    const run = guest();
    raiseSchedSoftirq(0);
    raiseSchedSoftirq(0);
    run.to(14);
    assert.equal(rounds(run).length, 2);
    assert.equal(wakeups(run).length, 0);
  });

  test('spec 01 §2: unless the CPU is to reschedule; then ksoftirqd runs it', () => {
    const run = guest();
    raiseSchedSoftirq(0);
    raiseSchedSoftirq(0);
    setNeedResched(0);
    run.to(30);
    assert.equal(wakeups(run).length, 1);
    assert.equal(rounds(run).length, 2);
    const before = run.events.slice(0, run.events.indexOf(rounds(run)[1]!));
    const current = before.filter(({ kind }) => kind === Ev.SCHED_SWITCH);
    assert.equal(run.comm(current.at(-1)!.args['next']!), 'ksoftirqd/0');
  });
});
