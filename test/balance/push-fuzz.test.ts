/**
 * Random workloads on random machines under random ways of pushing, with the books checked after every event: whoever
 * pushes, whenever and however, tasks are lost nowhere and claims are given back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  IDLE_TRACKINGS,
  PUSH_CLAIMS,
  PUSH_EXECUTORS,
  PUSH_PREDICATES,
  PUSH_SEARCHES,
  PUSH_TRIGGERS,
} from '../../src/balance/mechanisms.ts';
import { UserError } from '../../src/base/errors.ts';
import { k } from '../../src/sched/kernel.ts';
import { Ev } from '../../src/trace/events.ts';
import { simulate } from '../support/simulate.ts';
import { anyMachine, anyWorkload } from '../support/simulation-arbitrary.ts';

const anyPush = fc
  .record({
    'push.executor': fc.constantFrom(...PUSH_EXECUTORS),
    'push.trigger': fc.constantFrom(...PUSH_TRIGGERS),
    'push.claim': fc.constantFrom(...PUSH_CLAIMS),
    'push.predicate': fc.constantFrom(...PUSH_PREDICATES),
    'push.search': fc.constantFrom(...PUSH_SEARCHES),
    'push.scan_max': fc.constantFrom(0, 1, 100),
    'push.numa_wait': fc.constantFrom('0', '1ms'),
    'push.min_wait': fc.constantFrom('0', '1ms'),
    'idle.tracking': fc.constantFrom(...IDLE_TRACKINGS),
    newidle: fc.constantFrom('full', 'off', 'pull_one', 'steal', 'off_below_numa'),
    'newidle.pull': fc.constantFrom('fixed', 'as_posted'),
    costs: fc.constantFrom('none', 'milan', 'guest4'),
    idle_governor: fc.constantFrom('none', 'menu'),
    periodic: fc.constantFrom('on', 'off'),
    nohz: fc.constantFrom('on', 'off'),
  })
  .map(
    (settings) =>
      `push=on,${Object.entries(settings)
        .map((pair) => pair.join('='))
        .join(',')}`,
  );

const anyPreset = fc.constantFrom('linux-6.1', 'linux-6.12');

test('pushing keeps the books', () => {
  let pushes = 0;
  fc.assert(
    fc.property(
      anyMachine,
      anyWorkload,
      anyPush,
      anyPreset,
      fc.nat({ max: 1000 }),
      (machine, workload, push, preset, seed) => {
        const policy = `${preset},${push}`;
        try {
          simulate({ machine, workload, policy, seed, record: [Ev.SCHED_SWITCH], untilMs: 30 });
        } catch (error) {
          // The machine has none of the CPUs that a task is bound to.
          if (error instanceof UserError) return;
          throw error;
        }
        pushes += new Map(k.hooks.counters()).get('push.pushes')!;
      },
    ),
    { numRuns: 250 },
  );
  assert.ok(pushes > 10, `${pushes} pushes`);
});
