import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { isPreset, listPresets, presetMachine } from '../../src/machine/presets.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { chainOf, domainOf, ringOf } from '../sched/machines.ts';

const count = (column: Int32Array) => new Set(column).size;

/** packages, nodes, LLCs, clusters, cores, CPUs */
function shape(t: Topology): number[] {
  return [count(t.package), t.nodes.length, count(t.llc), count(t.cluster), count(t.core), t.nrCpus];
}

const SHAPES: readonly [string, number[], string][] = [
  ['smp4', [1, 1, 1, 4, 4, 4], 'MC(4)'],
  ['smp8', [1, 1, 1, 8, 8, 8], 'MC(8)'],
  ['smp16', [1, 1, 1, 16, 16, 16], 'MC(16)'],
  ['smt8', [1, 1, 1, 4, 4, 8], 'SMT(2) MC(8)'],
  ['llc16', [4, 1, 4, 16, 16, 16], 'MC(4) DIE(16)'],
  ['numa16', [2, 2, 2, 8, 8, 16], 'SMT(2) MC(8) NUMA(16)'],
  ['e5-2630v4', [1, 1, 1, 10, 10, 20], 'SMT(2) MC(20)'],
  ['epyc-7763', [2, 2, 16, 128, 128, 256], 'SMT(2) MC(16) DIE(128) NUMA(256)'],
  ['biglittle', [1, 1, 2, 8, 8, 8], 'MC(4) DIE(8)'],
  ['hybrid', [1, 1, 1, 8, 14, 20], 'SMT(2) MC(20)'],
  ['bulldozer64', [4, 8, 8, 32, 32, 64], 'SMT(2) MC(8) NUMA(40) NUMA(64)'],
  ['flat:64', [1, 1, 1, 64, 64, 64], 'MC(64)'],
];

for (const [name, expected, chain] of SHAPES) {
  test(`${name} has the shape of its name, and CPU 0 the domains ${chain}`, () => {
    const t = presetMachine(name);
    assert.deepEqual(shape(t), expected);
    assert.equal(chainOf(buildDomains(t), 0), chain);
    assert.equal(t.name, name);
    assert.ok(isPreset(name));
  });
}

test('every preset is listed with a line about it, and the list has no other', () => {
  assert.deepEqual(
    listPresets().map((p) => p.name),
    SHAPES.map(([name]) => name),
  );
  for (const { about } of listPresets()) assert.match(about, /^.{10,110}$/);
});

test('threads of a core are numbered as on the machine: neighbours in the lab, half the machine apart on servers', () => {
  assert.deepEqual([...presetMachine('smt8').core], [0, 0, 2, 2, 4, 4, 6, 6]);
  assert.equal(presetMachine('e5-2630v4').core[10], 0);
  assert.equal(presetMachine('epyc-7763').core[128], 0);
  assert.equal(presetMachine('epyc-7763').llc[8], 8);
  assert.equal(presetMachine('epyc-7763').node[64], 1);
});

test('the 64 cores of "wasted cores": groups of the top level from core 0 are the published ones', () => {
  const t = presetMachine('bulldozer64');
  const near = (node: number) => t.distance[node]!.flatMap((d, other) => (d === 16 ? [other] : []));
  assert.deepEqual(near(0), [1, 2, 4, 6]);
  assert.deepEqual(near(3), [1, 2, 4, 5, 7]);
  t.distance.forEach((row, i) => {
    row.forEach((d, j) => {
      assert.equal(d, t.distance[j]![i], 'as far there as back');
    });
  });
  const tree = buildDomains(t);
  const top = tree.domains[tree.ofCpu[0]!.at(-1)!]!;
  assert.deepEqual(ringOf(tree, top), ['0-23,32-39,48-55', '8-47,56-63']);
});

test('big.LITTLE has two capacities and an energy model that covers every CPU once', () => {
  const t = presetMachine('biglittle');
  assert.deepEqual([...t.capacity], [446, 446, 446, 446, 1024, 1024, 1024, 1024]);
  assert.deepEqual(
    t.perfDomains.flatMap((pd) => pd.cpus),
    [0, 1, 2, 3, 4, 5, 6, 7],
  );
  for (const { states } of t.perfDomains) {
    for (let i = 1; i < states.length; i++) {
      const [a, b] = [states[i - 1]!, states[i]!];
      assert.ok(b.frequencyKhz > a.frequencyKhz && b.power / b.frequencyKhz > a.power / a.frequencyKhz);
    }
  }
  const tree = buildDomains(t);
  assert.ok(tree.asymCpucapacity);
  assert.equal(domainOf(tree, 0, 'DIE').ring.length, 2);
});

test('the hybrid prefers its P cores and has no cluster level', () => {
  const t = presetMachine('hybrid');
  assert.ok(t.hybrid && t.priority[0]! > t.priority[12]!);
  assert.equal(t.cluster[15], 12);
  assert.ok(buildDomains(t).sdAsymPacking[0]! >= 0);
});

test('a preset that is not there is refused with the one that may have been meant', () => {
  const refused = (name: string, what: RegExp, code: string) =>
    assert.throws(
      () => presetMachine(name),
      (e) => e instanceof UserError && e.code === code && what.test(e.message),
    );
  refused('smp44', /did you mean "smp4"/, 'machine');
  refused('flat:', /no number of CPUs \(such as flat:64/, 'machine');
  refused('flat:0', /no number/, 'machine');
  refused('flat:1e9', /no number/, 'machine');
  refused('flat:8193', /more than 8192/, 'limit');
});
