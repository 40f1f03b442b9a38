import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { isSyntheticString, topologyFromSynthetic } from '../../src/machine/synthetic.ts';
import type { Topology } from '../../src/machine/topology.ts';

const count = (column: Int32Array) => new Set(column).size;

function shape(t: Topology): Record<string, number> {
  const { nrCpus: cpus, nodes } = t;
  return { packages: count(t.package), nodes: nodes.length, llcs: count(t.llc), cores: count(t.core), cpus };
}

function refused(text: string, column: number, what: RegExp, code = 'format'): void {
  assert.throws(
    () => topologyFromSynthetic(text),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.deepEqual([e.code, e.place.line, e.place.column], [code, 1, column], e.message);
      return true;
    },
  );
}

test('counts multiply from the outside in', () => {
  const t = topologyFromSynthetic('pack:2 numa:1 l3:4 core:8 pu:2');
  assert.deepEqual(shape(t), { packages: 2, nodes: 2, llcs: 8, cores: 64, cpus: 128 });
  assert.deepEqual([...t.core.subarray(0, 4)], [0, 0, 2, 2]);
  assert.deepEqual(t.distance, [
    [10, 20],
    [20, 10],
  ]);
});

test('what is not mentioned is not there: no caches, one node, cores of one thread', () => {
  assert.deepEqual(shape(topologyFromSynthetic('pu:4')), { packages: 1, nodes: 1, llcs: 4, cores: 4, cpus: 4 });
  assert.deepEqual(shape(topologyFromSynthetic('4')), { packages: 1, nodes: 1, llcs: 4, cores: 4, cpus: 4 });
});

test('types have several names, in either case', () => {
  const a = topologyFromSynthetic('Package:2 NUMANode:2 L3Cache:1 Core:2 PU:2');
  const b = topologyFromSynthetic('socket:2 node:2 l3u:1 core:2 2');
  assert.deepEqual(shape(a), shape(b));
  assert.deepEqual(shape(a), { packages: 2, nodes: 4, llcs: 4, cores: 8, cpus: 16 });
});

test('levels without types have those hwloc gives them', () => {
  const t = topologyFromSynthetic('2 1 1 4 1 2 2');
  assert.deepEqual(shape(t), { packages: 2, nodes: 2, llcs: 2, cores: 16, cpus: 32 });
  assert.deepEqual(shape(topologyFromSynthetic('2 3 4')), { packages: 2, nodes: 6, llcs: 24, cores: 24, cpus: 24 });
});

test('memory stands beside the level before it; what is further out has no CPUs', () => {
  const t = topologyFromSynthetic('pack:2 [numa] l3:2 [numa(memory=1GB)] core:2 pu:1');
  const cpus = t.nodes.map((n) => n.cpus.join());
  assert.deepEqual(cpus, ['0,1', '2,3', '', '4,5', '6,7', '']);
});

test('sizes of caches, dies and clusters of cores are taken over', () => {
  const t = topologyFromSynthetic('die:2 l3:1(size=32MB) l2:2(size=1024KiB) l1d:2 core:1 pu:1');
  assert.deepEqual([count(t.die), count(t.llc), count(t.cluster), t.nrCpus], [2, 2, 4, 8]);
  const sizes = t.caches.map((c) => `${c.level}${c.type[0]}:${c.sizeBytes}`);
  assert.ok(sizes.includes(`3U:${32 * 2 ** 20}`) && sizes.includes('1D:0') && sizes.includes(`2U:${2 ** 20}`));
});

// The numbers were compared with those of lstopo 2.9.
const NUMBERED: readonly [string, number[]][] = [
  ['core:4 pu:2(indexes=core)', [0, 1, 2, 3, 0, 1, 2, 3]],
  ['core:2 pu:2(indexes=0,2,1,3)', [0, 1, 0, 1]],
  ['core:2 pu:2(indexes=2*2)', [0, 1, 0, 1]],
  ['core:2 pu:4(indexes=2*4:1*2)', [0, 0, 2, 2, 0, 0, 2, 2]],
  ['pack:2 core:2 pu:2(indexes=pack:core)', [0, 1, 2, 3, 0, 1, 2, 3]],
];
for (const [text, core] of NUMBERED) {
  test(`${text}: cores of the CPUs in order are ${core}`, () => {
    assert.deepEqual([...topologyFromSynthetic(text).core], core);
  });
}

test('CPUs whose numbers are left out are offline; nodes and packages can be numbered too', () => {
  const t = topologyFromSynthetic('pack:2(indexes=5,3) [numa(indexes=1,0)] pu:1(indexes=0,2)');
  assert.deepEqual(
    [[...t.online], [...t.package]],
    [
      [1, 0, 1],
      [5, 5, 3],
    ],
  );
  assert.deepEqual(t.nodes, [
    { node: 0, cpus: [1, 2] },
    { node: 1, cpus: [0] },
  ]);
});

test('what is wrong is said with its column', () => {
  refused('pack:0', 6, /makes a machine without CPUs/);
  refused('pack:2 cor:4', 8, /unknown type "cor" \(did you mean "core"/);
  refused('pack:two pu:1', 6, /expected a number/);
  refused('pack 2', 5, /expected ":"/);
  refused('pack:2 core:4', 14, /last level must be of CPUs \(add pu:1/);
  refused('pack:2 2 pu:2', 8, /without a type/);
  refused('pu:2 core:2', 6, /nothing can be in a pu/);
  refused('pack:2 pack:2 pu:1', 8, /second level of type package/);
  refused('pack:2,core:4', 7, /unexpected ","/);
  refused('l3:1(size=huge) pu:1', 11, /"huge" is no size/);
  refused('l3:1(sise=1) pu:1', 6, /unknown attribute "sise" \(did you mean "size"/);
  refused('l3:1(size=1 pu:1', 13, /unknown attribute|expected "="/);
  refused('l3:1(', 5, /not closed/);
  refused('[core] pu:1', 2, /only numa/);
  refused('[numa pu:1', 6, /expected "]"/);
  refused('pu:2(indexes=0,0)', 14, /two objects of one number/);
  refused('pu:2(indexes=0)', 14, /1 indexes for 2 objects/);
  refused('pu:4(indexes=3*2)', 14, /loops that do not reach/);
  refused('core:2 pu:2(indexes=core:die)', 26, /"die" is no level above/);
  refused('pack:99999 core:99999', 1, /more than 8192 CPUs/, 'limit');
  refused('pu:2(indexes=0,99999)', 1, /below 8192/, 'limit');
});

test('files and names are not taken for such strings', () => {
  for (const text of ['pack:2 pu:1', '4', '2 3', '[numa] pu:2', 'foo:2']) assert.ok(isSyntheticString(text), text);
  for (const text of ['smp4', './x:1', 'epyc-7763', 'a.xml', '/sys', '']) assert.ok(!isSyntheticString(text), text);
});

const level = (name: string, max: number) =>
  fc.option(
    fc.integer({ min: 1, max }).map((n) => `${name}:${n}`),
    { nil: '' },
  );

test('property: as many of each as the counts multiply to, and parts lie within each other', () => {
  const text = fc
    .tuple(level('pack', 3), level('numa', 3), level('l3', 3), level('l2', 3), level('core', 3), level('pu', 3))
    .map((levels) => levels.filter((l) => l !== ''))
    .map((levels) => (levels.at(-1)?.startsWith('pu') ? levels : [...levels, 'pu:1']).join(' '));
  fc.assert(
    fc.property(text, (s) => {
      const t = topologyFromSynthetic(s);
      let product = 1;
      for (const word of s.split(' ')) {
        const [name, n] = word.split(':') as [string, string];
        product *= Number(n);
        if (name === 'pack') assert.equal(count(t.package), product);
        if (name === 'numa') assert.equal(t.nodes.length, product);
        if (name === 'l3') assert.equal(count(t.llc), product);
        if (name === 'core') assert.equal(count(t.core), product);
      }
      assert.equal(t.nrCpus, product);
      for (let cpu = 0; cpu < t.nrCpus; cpu++) assert.equal(t.llc[t.core[cpu]!], t.llc[cpu]);
    }),
    { numRuns: 300 },
  );
});

test('property: whatever the text, it is a machine or a UserError', () => {
  const word = fc.constantFrom(
    'pack:2',
    'numa:2',
    '[numa]',
    'l3:1(size=1MB)',
    'core:2',
    'pu:2',
    '(',
    ')',
    '[',
    ']',
    ':',
    '*',
  );
  const more = fc.constantFrom(
    'indexes=',
    'pu:2(indexes=core)',
    '0',
    '9',
    ',',
    'x',
    '1*2',
    'pu:99999999999999999999',
    ' ',
  );
  fc.assert(
    fc.property(
      fc.array(fc.oneof(word, more, fc.string({ maxLength: 4 })), { maxLength: 12 }),
      fc.boolean(),
      (w, spaced) => {
        try {
          topologyFromSynthetic(w.join(spaced ? ' ' : ''));
        } catch (e) {
          assert.ok(e instanceof UserError, String(e));
        }
      },
    ),
    { numRuns: 2000 },
  );
});
