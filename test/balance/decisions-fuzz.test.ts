/** Decisions in random states of random machines, against the spec written down a second time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Migrate } from '../../src/balance/env.ts';
import { findBusiestGroup, findBusiestQueue } from '../../src/balance/find-busiest.ts';
import { k } from '../../src/sched/kernel.ts';
import { anyMachine } from '../support/simulation-arbitrary.ts';
import { naiveBusiestGroup, naiveBusiestQueue, TYPES } from './naive-balance.ts';
import { anyCpus, putCpus, someCpu } from './state-arbitrary.ts';
import { still } from './still-machine.ts';

const migrations = { load: Migrate.LOAD, util: Migrate.UTIL, task: Migrate.TASK, misfit: Migrate.MISFIT } as const;

test('the busiest group, the imbalance and the busiest queue are those of the spec', () => {
  const seen = new Map<string, number>();
  const count = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  fc.assert(
    fc.property(
      anyMachine,
      anyCpus,
      fc.nat(),
      fc.nat(),
      fc.constantFrom(0, 1, 2),
      fc.array(fc.nat(), { maxLength: 2 }),
      fc.array(fc.nat({ max: 7 }), { minLength: 4, maxLength: 4 }),
      (topology, states, dstSeed, levelSeed, idle, strikes, sgcs) => {
        const m = still(topology);
        const dst = someCpu(dstSeed);
        putCpus(states);
        const domains: number[] = [];
        for (let d = k.sd.lowest[dst]!; d >= 0; d = k.sd.parent[d]!) domains.push(d);
        if (domains.length === 0) return;
        const sd = domains[levelSeed % domains.length]!;
        sgcs.forEach((x, i) => {
          k.sd.sgcImbalance[i % k.sd.sgcImbalance.length] = x === 0 ? 1 : 0;
        });
        const { env, stats } = m;
        env.begin(sd, dst, idle);
        for (const s of strikes) {
          const cpu = someCpu(s);
          if (k.sd.spans(sd, cpu)) env.strike(cpu);
        }
        const group = findBusiestGroup(env, stats);
        const span = [...k.sd.lists.subarray(k.sd.spanBase[sd]!, k.sd.spanBase[sd]! + k.sd.spanWeight[sd]!)];
        const pass = { sd, dst, idle, cpus: new Set(span.filter((cpu) => env.has(cpu))) };
        const expected = naiveBusiestGroup(pass);
        count(expected === null ? 'balanced' : `${TYPES[stats.busiest.type]} ${expected.migrationType}`);
        if (expected === null) {
          assert.equal(group, -1);
          return;
        }
        const { migrationType, imbalance } = env;
        assert.deepEqual(
          { group, migrationType, imbalance },
          { ...expected, migrationType: migrations[expected.migrationType] },
        );
        assert.equal(findBusiestQueue(env, group), naiveBusiestQueue(pass, expected));
      },
    ),
    { numRuns: 3000 },
  );
  const rare = [...seen].map(([what, n]) => `${what}: ${n}`).join(', ');
  for (const what of ['overloaded load', 'overloaded util', 'overloaded task', 'has_spare task', 'imbalanced task']) {
    assert.ok((seen.get(what) ?? 0) > 5, rare);
  }
  for (const what of ['misfit_task load', 'misfit_task misfit', 'asym_packing task', 'balanced']) {
    assert.ok((seen.get(what) ?? 0) > 5, rare);
  }
});
