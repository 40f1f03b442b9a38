/** Pushing where CPUs differ: by energy, and of what does not fit. @spec 21 §2, §6 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MainlineBalance } from '../../src/balance/mainline.ts';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { UserError } from '../../src/base/errors.ts';
import { presetMachine } from '../../src/machine/presets.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import { boot, RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';

const EAS = 'linux-6.1,energy_aware=on,push=on,push.search=energy,push.predicate=eas,push.executor=callback_double';

function states(...pairs: readonly (readonly [number, number])[]) {
  return pairs.map(([frequencyKhz, power]) => ({ frequencyKhz, power }));
}

/** Four little CPUs, four in the middle, four big ones; a cache for each four. */
const BOARD = buildTopology({
  name: 'board',
  cpus: Array.from({ length: 12 }, (_, cpu) => ({ llc: cpu >> 2, capacity: [290, 700, 1024][cpu >> 2]! })),
  perfDomains: [
    { cpus: [0, 1, 2, 3], states: states([500, 10], [1000, 30], [1500, 60]) },
    { cpus: [4, 5, 6, 7], states: states([800, 90], [1600, 300], [2000, 500]) },
    { cpus: [8, 9, 10, 11], states: states([900, 190], [1800, 640], [2400, 1300]) },
  ],
});

function counted(name: string): number {
  return new Map(k.hooks.counters()).get(`push.${name}`)!;
}

/** How many of the tasks each CPU has. */
function spread(run: Simulated, names: readonly string[]): number[] {
  const count = new Array<number>(k.nrCpus).fill(0);
  for (const name of names) count[tasks.cpu[run.slot(name)]!]! += 1;
  return count;
}

describe('spec 21 check 14: eight hogs content with little, and four little CPUs', () => {
  const names = Array.from({ length: 8 }, (_, i) => `hog${i}`);
  const hogs = (extra: object = {}) => Object.fromEntries(names.map((name) => [name, { utilMax: 100, ...extra }]));

  test('a push by energy sends them all there, and ends unevenly', () => {
    const run = boot({ machine: BOARD, policy: EAS, tasks: hogs() }).to(0.5);
    assert.equal(Math.max(...spread(run, names)), 1, 'born on idle CPUs of all sizes');
    run.to(1000);
    // The published end of it, too.
    assert.deepEqual(spread(run, names), [6, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert.equal(k.overutilized, false);
  });

  test('the load balancer levels them', () => {
    const go = (cpus: number[]) => ({ op: 'setAffinity', of: 'self', cpus }) as const;
    const program = [go([0]), RUN(1), go([0, 1, 2, 3]), { op: 'hog' }] as const;
    const run = boot({ machine: BOARD, policy: 'linux-6.1', tasks: hogs({ program }) }).to(1000);
    assert.deepEqual(spread(run, names), [2, 2, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe('spec 21 §2: push by energy', () => {
  test('the tick moves a task that runs alone and is stuck, by the stopper', () => {
    const tasksOf = { hog: { utilMax: 100 } };
    const run = simulate({ machine: BOARD, policy: EAS, tasks: tasksOf, untilMs: 60 });
    const moves = run.migrations();
    assert.equal(moves.length, 1, moves.join('; '));
    const from = Number(/ hog (\d+)>/.exec(moves[0]!)![1]);
    assert.match(moves[0]!, / hog \d+>[0-3] push$/);
    assert.ok(from > 3);
    assert.deepEqual([counted('running_moves'), counted('pushes')], [1, 1]);
    const stopper = run.of(Ev.SCHED_SWITCH).find((e) => e.task === 'hog' && run.comm(e.args['next']!) !== 'idle');
    assert.match(run.comm(stopper!.args['next']!), /^migration/);
  });

  test('not one that fits where it is, nor while the machine is over-utilised', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(0.2), SLEEP(2), { op: 'end' }] as const;
    simulate({ machine: BOARD, policy: EAS, tasks: { nap: { program: nap } }, untilMs: 200 });
    assert.equal(counted('running_moves'), 0);
    simulate({
      machine: BOARD,
      policy: `${EAS},wakeup=stay,fork=stay`,
      tasks: { hog: { cpus: [4, 5] } },
      untilMs: 200,
    });
    assert.deepEqual([counted('running_moves'), k.overutilized], [0, true]);
  });

  test('a task that asks for a large CPU is moved from a little one', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(6), SLEEP(40), { op: 'end' }] as const;
    const tasksOf = { big: { utilMin: 700, program: nap } };
    const run = boot({ machine: BOARD, policy: `${EAS},wakeup=stay,fork=stay`, tasks: tasksOf }).to(60);
    assert.equal(tasks.cpu[run.slot('big')]! >> 2, 2);
    assert.equal(counted('running_moves'), 1);
  });

  test('asks for the energy model, and makes no claims', () => {
    const hooks = (text: string) => policyHooks(parsePolicy(`linux-6.1,push=on,push.search=energy${text}`), 4);
    const refused = (text: string, what: RegExp) =>
      assert.throws(
        () => hooks(text),
        (e) => e instanceof UserError && what.test(e.message),
      );
    refused('', /asks the energy model/);
    refused(',energy_aware=on,push.claim=token', /makes no claims/);
    assert.ok(hooks(',energy_aware=on') instanceof MainlineBalance);
  });
});

describe('spec 21 §6: push by capacity', () => {
  const MISFIT =
    'linux-6.1,newidle=off,periodic=off,nohz=off,wakeup=stay,fork=stay,push=on,push.scan_max=100,push.predicate=misfit,idle.tracking=all_llc';

  test('what outgrows a little CPU goes to an idle bigger one, running or waiting', () => {
    const at0 = [{ op: 'setAffinity', of: 'self', cpus: [0] }, RUN(0.1), { op: 'setAffinity', of: 'self', cpus: null }];
    const alone = { program: [...at0, { op: 'hog' }] } as const;
    const run = boot({ machine: BOARD, policy: MISFIT, tasks: { alone } } as never).to(300);
    // By capacity the CPUs that it fits are the big ones only.
    assert.equal(tasks.cpu[run.slot('alone')]! >> 2, 2);
    assert.ok(counted('running_moves') >= 1);
    assert.ok(run.migrations().every((move) => !/[1-9]>[0-3] push/.test(move)));
    const two = boot({ machine: BOARD, policy: MISFIT, tasks: { a: alone, b: alone } } as never).to(300);
    assert.deepEqual(spread(two, ['a', 'b']).slice(0, 4), [0, 0, 0, 0]);
  });

  test('what fits stays, however long it waits', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const nap = [{ op: 'loop', count: 0 }, RUN(0.5), SLEEP(14), { op: 'end' }] as const;
    const run = boot({
      machine: BOARD,
      policy: MISFIT,
      tasks: Object.fromEntries(names.map((name) => [name, { program: nap }])),
    }).to(400);
    assert.equal(counted('pushes'), 0);
    assert.equal(Math.max(...spread(run, names)), 5);
  });

  test('never to a smaller CPU, unless the task is content with it', () => {
    // The big CPUs are taken; a task waits on one of them.
    const pushed = (utilMax: number) => {
      const taken = Object.fromEntries([1, 2, 3].map((i) => [`taken${i}`, { cpus: [8 + i], nice: -20 }]));
      const here = (): object => ({
        utilMax,
        program: [
          { op: 'setAffinity', of: 'self', cpus: [8] },
          RUN(0.1),
          { op: 'setAffinity', of: 'self', cpus: null },
          { op: 'loop', count: 0 },
          RUN(30),
          SLEEP(200),
          { op: 'end' },
        ],
      });
      const policy = MISFIT.replace('misfit', 'nayak');
      boot({ machine: BOARD, policy, tasks: { ...taken, a: here(), b: here() } } as never).to(60);
      return counted('pushes');
    };
    assert.equal(pushed(1024), 0);
    assert.ok(pushed(100) > 0);
  });
});

test('a machine without an energy model is refused for it when the run begins', () => {
  assert.throws(
    () => boot({ machine: 4, policy: EAS, tasks: { a: {} } }).to(1),
    (e) => e instanceof UserError && /energy_aware=on: machine "m4"/.test(e.message),
  );
  boot({ machine: presetMachine('biglittle'), policy: EAS, tasks: { a: {} } }).to(1);
  assert.ok(k.energyAware && rq.curr[0] !== undefined);
});
