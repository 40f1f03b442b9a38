/**
 * Random workloads on random machines under random ways of pushing, with the books checked after every event: whoever
 * pushes, whenever and however, tasks are lost nowhere and claims are given back.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  IDLE_CORES,
  IDLE_TRACKINGS,
  PUSH_CLAIMS,
  PUSH_EXECUTORS,
  PUSH_PREDICATES,
  PUSH_SEARCHES,
  PUSH_TRIGGERS,
} from '../../src/balance/mechanisms.ts';
import { UserError } from '../../src/base/errors.ts';
import type { Topology } from '../../src/machine/topology.ts';
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
    'push.search': fc.constantFrom(...PUSH_SEARCHES.filter((search) => search !== 'energy')),
    'push.scan_max': fc.constantFrom(0, 1, 100),
    'push.numa_wait': fc.constantFrom('0', '1ms'),
    'push.min_wait': fc.constantFrom('0', '1ms'),
    'idle.tracking': fc.constantFrom(...IDLE_TRACKINGS),
    'idle.cores': fc.constantFrom(...IDLE_CORES),
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

/** By energy, where the machine lets it; as far as a kernel would be asked. */
const BY_ENERGY = ['', '', ',energy_aware=on', ',energy_aware=on,push.search=energy,push.claim=none'] as const;

function canTellEnergy({ online, capacity, core }: Topology): boolean {
  const active = [...online].flatMap((on, cpu) => (on === 1 ? [cpu] : []));
  return (
    new Set(active.map((cpu) => capacity[cpu])).size > 1 &&
    new Set(active.map((cpu) => core[cpu])).size === active.length
  );
}

const anyPreset = fc.constantFrom('linux-6.1', 'linux-6.12');

test('pushing keeps the books', () => {
  let pushes = 0;
  let byEnergy = 0;
  fc.assert(
    fc.property(
      anyMachine,
      anyWorkload,
      anyPush,
      anyPreset,
      fc.constantFrom(...BY_ENERGY),
      fc.nat({ max: 1000 }),
      (machine, workload, push, preset, energy, seed) => {
        const policy = `${preset},${push}${canTellEnergy(machine) ? energy : ''}`;
        try {
          simulate({ machine, workload, policy, seed, record: [Ev.SCHED_SWITCH], untilMs: 30 });
        } catch (error) {
          // The machine has none of the CPUs that a task is bound to.
          if (error instanceof UserError) return;
          throw error;
        }
        if (k.energyAware) byEnergy++;
        pushes += new Map(k.hooks.counters()).get('push.pushes')!;
      },
    ),
    { numRuns: 250 },
  );
  assert.ok(byEnergy > 5, `${byEnergy} by energy`);
  assert.ok(pushes > 10, `${pushes} pushes`);
});
