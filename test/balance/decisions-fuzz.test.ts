/** Decisions in random states of random machines, against the spec written down a second time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Migrate } from '../../src/balance/env.ts';
import { findBusiestGroup, findBusiestQueue } from '../../src/balance/find-busiest.ts';
import { IdlestSearch } from '../../src/balance/find-idlest.ts';
import { IdleSearch } from '../../src/balance/select-idle-sibling.ts';
import { setTaskRq } from '../../src/sched/activate.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_SE } from '../../src/sched/averages.ts';
import * as se from '../../src/sched/entity.ts';
import { Wake } from '../../src/sched/hooks.ts';
import { k } from '../../src/sched/kernel.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { anyMachine } from '../support/simulation-arbitrary.ts';
import { naiveBusiestGroup, naiveBusiestQueue, TYPES } from './naive-balance.ts';
import { type NaiveTask, naiveIdleSibling, naiveIdlest } from './naive-placement.ts';
import { anyCpus, putCpus, someCpu } from './state-arbitrary.ts';
import { type StillMachine, still } from './still-machine.ts';

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
  // About fifteen of the rarest are expected: now and then there are five or fewer, never none.
  for (const what of ['misfit_task load', 'misfit_task misfit', 'asym_packing task', 'balanced']) {
    assert.ok((seen.get(what) ?? 0) > 0, rare);
  }
});

interface Placement {
  readonly m: StillMachine;
  readonly task: NaiveTask;
  readonly prev: number;
  readonly target: number;
  readonly recent: number;
}

/** A task in a random state, and CPUs for it to choose from. */
const anyPlacement = fc.record({
  topology: anyMachine,
  states: anyCpus,
  cpus: fc.array(fc.nat(), { minLength: 3, maxLength: 3 }),
  util: fc.nat({ max: 1024 }),
  /** CPUs that the task may not use; none: all. */
  forbidden: fc.oneof(fc.constant(0), fc.nat({ max: 0x3fffffff })),
  scan: fc.constantFrom(0, 1, 3, 99),
  idleCores: fc.boolean(),
  imbalanced: fc.array(fc.nat({ max: 5 }), { minLength: 4, maxLength: 4 }),
  preferred: fc.integer({ min: -1, max: 2 }),
});

function place(a: typeof anyPlacement extends fc.Arbitrary<infer T> ? T : never): Placement {
  const m = still(a.topology, ['a']);
  const slot = m.slot('a');
  putCpus(a.states);
  const [prev, target, recent] = a.cpus.map(someCpu) as [number, number, number];
  const all = Array.from({ length: k.nrCpus }, (_, cpu) => cpu);
  const allowed = all.filter((cpu) => cpu === target || ((a.forbidden >>> (cpu % 30)) & 1) === 0);
  if (a.forbidden !== 0) tasks.allowed[slot] = k.affinity.of(allowed);
  setTaskRq(slot, prev);
  avg.clearRows(AVG_SE + slot, 1);
  se.utilEstEnqueued[slot] = a.util;
  se.utilEstEwma[slot] = a.util;
  tasks.recentUsedCpu[slot] = recent;
  tasks.numaPreferred[slot] = a.preferred;
  k.sd.nrIdleScan.fill(a.scan);
  k.sd.hasIdleCores.fill(a.idleCores ? 1 : 0);
  a.imbalanced.forEach((x, i) => {
    k.sd.sgcImbalance[i % k.sd.sgcImbalance.length] = x === 0 ? 1 : 0;
  });
  k.thisCpu = target;
  return { m, task: { slot, allowed: new Set(allowed), util: a.util }, prev, target, recent };
}

test('the idle sibling is that of the spec', () => {
  fc.assert(
    fc.property(anyPlacement, (a) => {
      const { task, prev, target, recent } = place(a);
      const expected = naiveIdleSibling(task, prev, target, recent);
      const cpu = new IdleSearch(k.nrCpus).selectIdleSibling(task.slot, prev, target);
      const llc = k.sd.tree.sdLlc[target]!;
      const hasIdleCores = llc < 0 ? 0 : k.sd.hasIdleCores[k.sd.shared[llc]!]!;
      assert.deepEqual({ cpu, recent: tasks.recentUsedCpu[task.slot], hasIdleCores }, expected);
    }),
    { numRuns: 3000 },
  );
});

test('the idlest CPU is that of the spec', () => {
  let moved = 0;
  fc.assert(
    fc.property(anyPlacement, (a) => {
      const { task, target } = place(a);
      let sd = k.sd.lowest[target]!;
      if (sd < 0) return;
      while (k.sd.parent[sd]! >= 0) sd = k.sd.parent[sd]!;
      const expected = naiveIdlest(sd, task, target, target);
      if (expected !== target) moved++;
      assert.equal(new IdlestSearch().findIdlestCpu(sd, task.slot, target, target, Wake.FORK), expected);
    }),
    { numRuns: 3000 },
  );
  assert.ok(moved > 500, `${moved} of them moved`);
});
