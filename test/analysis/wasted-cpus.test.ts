import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { AffinityClasses } from '../../src/analysis/affinity-classes.ts';
import { NR_DISTANCES, WastedCpus } from '../../src/analysis/wasted-cpus.ts';
import { buildTopology, cpuDistance, type Topology } from '../../src/machine/topology.ts';
import { maximumMatching } from '../support/brute-force.ts';
import { machine } from '../support/trace-builder.ts';

const FAR = NR_DISTANCES - 1;

/** A machine with the given CPUs idle. */
function idle(topology: Topology, cpus: readonly number[]) {
  const affinity = new AffinityClasses(topology.online);
  const wasted = new WastedCpus(topology, affinity);
  for (const cpu of cpus) wasted.setIdle(cpu, true);
  return { affinity, wasted };
}

describe('spec 23 check 1: two CPUs {0,1} are idle', () => {
  const cases: { waiting: [on: number, affinity: number[]][]; V: number; why: string }[] = [
    {
      waiting: [
        [2, [0]],
        [2, [0]],
      ],
      V: 1,
      why: 'a and b may only use CPU 0',
    },
    {
      waiting: [
        [2, [0]],
        [2, [0, 1]],
      ],
      V: 2,
      why: 'b may also use CPU 1',
    },
    {
      waiting: [
        [2, [2]],
        [2, [2]],
      ],
      V: 0,
      why: 'all are bound to the busy CPU 2',
    },
    {
      waiting: [
        [2, [0, 1, 2]],
        [2, [0, 1, 2]],
        [2, [0, 1, 2]],
      ],
      V: 2,
      why: 'there are no more than two CPUs',
    },
  ];
  for (const { waiting, V, why } of cases) {
    test(`V is ${V}: ${why}`, () => {
      const { affinity, wasted } = idle(machine(3), [0, 1]);
      for (const [on, cpus] of waiting) wasted.addWaiter(on, affinity.register(cpus));
      assert.equal(wasted.within(FAR), V);
    });
  }
});

test('distance: a waiting task needs the nearest idle CPU', () => {
  // CPUs 0 1 | 2 3 share cores, 0-3 | 4-7 caches
  const { affinity, wasted } = idle(machine(8, { threads: 2, llcs: 2 }), [2, 6]);
  const anywhere = affinity.register([0, 1, 2, 3, 4, 5, 6, 7]);
  const seen = () => Array.from({ length: NR_DISTANCES }, (_, d) => wasted.within(d));
  wasted.addWaiter(0, anywhere);
  assert.deepEqual(seen(), [0, 0, 1, 1, 1]);
  wasted.addWaiter(0, anywhere);
  assert.deepEqual(seen(), [0, 0, 1, 2, 2]);
  wasted.addWaiter(3, anywhere);
  assert.deepEqual(seen(), [0, 1, 1, 2, 2]);
  wasted.setIdle(2, false);
  assert.deepEqual(seen(), [0, 0, 0, 1, 1]);
});

test('a cache that spans two nodes is nearer than the node', () => {
  const topology = buildTopology({
    name: 'snc',
    cpus: [0, 1, 2, 3].map((cpu) => ({ llc: 0, node: cpu >> 1 })),
  });
  const { wasted } = idle(topology, [3]);
  wasted.addWaiter(0, 0);
  assert.deepEqual([wasted.within(1), wasted.within(2), wasted.within(3)], [0, 1, 1]);
});

interface Command {
  readonly what: 'idle' | 'busy' | 'wait' | 'leave';
  readonly cpu: number;
  readonly set: number;
}

test('it is a maximum matching at every distance, whatever happened before', () => {
  const scenario = fc.integer({ min: 1, max: 8 }).chain((nrCpus) =>
    fc.record({
      topology: fc.constantFrom(
        machine(nrCpus),
        machine(nrCpus, { threads: 2 }),
        machine(nrCpus, { threads: 2, llcs: nrCpus > 3 ? 2 : 1, nodes: nrCpus > 3 ? 2 : 1 }),
        machine(nrCpus, { llcs: nrCpus, nodes: Math.ceil(nrCpus / 2) }),
      ),
      sets: fc.array(fc.uniqueArray(fc.nat(nrCpus - 1), { minLength: 1 }), { minLength: 1, maxLength: 5 }),
      commands: fc.array(
        fc.record({
          what: fc.constantFrom('idle', 'busy', 'wait', 'wait', 'leave') as fc.Arbitrary<Command['what']>,
          cpu: fc.nat(nrCpus - 1),
          set: fc.nat(5),
        }),
        { maxLength: 40 },
      ),
    }),
  );
  fc.assert(
    fc.property(scenario, ({ topology, sets, commands }) => {
      const everywhere = Array.from({ length: topology.nrCpus }, (_, cpu) => cpu);
      const masks = [everywhere, ...sets.map((set) => set.toSorted((a, b) => a - b))];
      const { affinity, wasted } = idle(topology, []);
      const idleCpus = new Set<number>();
      const waiting: { cpu: number; mask: number[] }[] = [];
      for (const { what, cpu, set } of commands) {
        const mask = masks[set % masks.length]!;
        if (what === 'idle' || what === 'busy') {
          if (what === 'idle') idleCpus.add(cpu);
          else idleCpus.delete(cpu);
          wasted.setIdle(cpu, what === 'idle');
        } else if (what === 'wait') {
          waiting.push({ cpu, mask });
          wasted.addWaiter(cpu, affinity.register(mask));
        } else {
          const at = waiting.findIndex((task) => task.cpu === cpu);
          if (at < 0) continue;
          const [task] = waiting.splice(at, 1);
          wasted.removeWaiter(cpu, affinity.register(task!.mask));
        }
        for (let d = 0; d < NR_DISTANCES; d++) {
          const edges = waiting.map((task) =>
            task.mask.filter((c) => idleCpus.has(c) && cpuDistance(topology, task.cpu, c) <= d),
          );
          assert.equal(wasted.within(d), maximumMatching(edges), `distance ${d} after ${what}`);
        }
      }
    }),
    { numRuns: 1000 },
  );
});
