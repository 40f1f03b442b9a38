/** What a trace says of tasks: the state one is left in, and priorities. @spec 09 §3 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Ev } from '../../src/trace/events.ts';
import { formatState } from '../../src/trace/text-layout.ts';
import type { Instruction, TaskKind } from '../../src/workload/program.ts';
import { MS, RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';

/** The states in which tasks of this comm left a CPU, as ftrace's text has them. */
function leftIn(run: Simulated, comm: string): Set<string> {
  const switches = run.of(Ev.SCHED_SWITCH).filter((e) => e.task === comm);
  return new Set(switches.map((e) => formatState(e.args['prev_state']!, false)));
}

test('spec 09 check 6: a hog that is preempted on its way to user mode is left in R, a kernel thread in R+', () => {
  const hog: Partial<TaskKind> = { cpus: [0] };
  const run = simulate({ tasks: { hog, kernel: { ...hog, kthread: true } }, untilMs: 60 });
  assert.deepEqual(leftIn(run, 'hog'), new Set(['R']));
  assert.deepEqual(leftIn(run, 'kernel'), new Set(['R+']));
});

test('spec 09 check 7: who waits or sleeps is left in S, who waits for a disk in D, a kernel worker in I', () => {
  const sleep = (state: 'S' | 'D' | 'I'): Instruction => {
    return { op: 'sleep', time: { kind: 'fixed', ns: 3 * MS }, state, io: state === 'D' };
  };
  const forEver = (...program: Instruction[]) => {
    return { program: [{ op: 'loop', count: 0 }, ...program, RUN(1), { op: 'end' }] as Instruction[] };
  };
  const run = simulate({
    workload: (w) => {
      const semaphore = { base: w.semaphore('s'), stride: 0, shift: 0 };
      const suspension = { base: w.suspension('work'), stride: 0, shift: 0 };
      const wake: Instruction[] = [
        { op: 'wake', semaphore, count: 1, sync: false },
        { op: 'resume', suspension },
      ];
      const kinds = {
        nanosleep: forEver(sleep('S')),
        waiter: forEver({ op: 'wait', semaphore }),
        disk: forEver(sleep('D')),
        'kworker/0:1': { ...forEver(sleep('I')), kthread: true },
        'kworker/0:2': { ...forEver({ op: 'suspend', suspension, state: 'I' }), kthread: true },
      };
      const forks = Object.entries(kinds).map(([name, kind]) => {
        return { op: 'fork', kind: w.kind({ name, cpus: [0], ...kind }), count: 1 } as const;
      });
      // Main has all that is left over of the CPU: nobody else is ever preempted for it.
      w.main([...forks, { op: 'loop', count: 0 }, SLEEP(20), ...wake, { op: 'end' }]);
    },
    machine: 2,
    policy: 'linux-6.1,NO_WAKEUP_PREEMPTION',
    untilMs: 200,
  });
  const asleep = (comm: string) => {
    const states = leftIn(run, comm);
    states.delete('R');
    states.delete('R+');
    return [...states].join();
  };
  assert.deepEqual(['nanosleep', 'waiter', 'disk', 'kworker/0:1', 'kworker/0:2'].map(asleep), [
    'S',
    'S',
    'D',
    'I',
    'I',
  ]);
  // They were woken again.
  for (const comm of ['disk', 'kworker/0:1', 'kworker/0:2']) {
    assert.ok(run.of(Ev.SCHED_WAKEUP).filter((e) => e.task === comm).length > 5, comm);
  }
});

test('spec 09 check 8: priorities are 120 + nice, and 99 less the real-time priority', () => {
  const run = simulate({
    machine: 8,
    main: { policy: 'fifo', priority: 99 },
    tasks: {
      favoured: { nice: -20 },
      plain: { nice: 0 },
      nice: { nice: 19 },
      first: { policy: 'fifo', priority: 99 },
      last: { policy: 'rr', priority: 1 },
    },
    untilMs: 4,
  });
  const born = run.of(Ev.SCHED_WAKEUP_NEW);
  const prio = (comm: string) => born.find((e) => e.task === comm)!.args['prio'];
  assert.deepEqual(['favoured', 'plain', 'nice', 'first', 'last'].map(prio), [100, 120, 139, 0, 98]);
});
