import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { formatJsonPath, placeInJson } from '../../src/machine/json-place.ts';
import { topologyFromJson } from '../../src/machine/topology-json.ts';

function refused(text: string, what: RegExp, line: number, column: number): void {
  assert.throws(
    () => topologyFromJson(text, 'm'),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.deepEqual([e.place.line, e.place.column], [line, column], e.message);
      return true;
    },
  );
}

test('two nodes of a core of two threads', () => {
  const cpu = (c: number, smt: number[], node: number) => ({
    cpu: c,
    node,
    package: node,
    die: 0,
    smt,
    caches: [{ level: 3, type: 'Unified', size: '16384K', cpus: smt }],
  });
  const text = JSON.stringify({
    cpus: [cpu(0, [0, 1], 0), cpu(1, [0, 1], 0), cpu(2, [2, 3], 1), cpu(3, [2, 3], 1)],
    nodes: [
      { node: 0, cpus: [0, 1], distance: [10, 21] },
      { node: 1, cpus: [2, 3], distance: [21, 10] },
    ],
  });
  const t = topologyFromJson(text, 'm');
  assert.deepEqual(
    [[...t.core], [...t.llc], [...t.package], [...t.node]],
    [
      [0, 0, 2, 2],
      [0, 0, 2, 2],
      [0, 0, 1, 1],
      [0, 0, 1, 1],
    ],
  );
  assert.deepEqual(t.distance, [
    [10, 21],
    [21, 10],
  ]);
  assert.equal(new Set(t.die).size, 2, 'dies are told apart by their package');
  assert.equal(t.caches[0]?.sizeBytes, 16 * 2 ** 20);
});

test('a CPU may have a capacity, a priority, a cluster, or be offline', () => {
  const text = '{"cpus": [{"cpu": 0, "capacity": 512, "priority": 7, "cluster": [0, 1]}, {"cpu": 1, "online": false}]}';
  const t = topologyFromJson(text, 'm');
  assert.deepEqual(
    [[...t.capacity], [...t.priority], [...t.cluster], [...t.online]],
    [
      [512, 1024],
      [7, 0],
      [0, 0],
      [1, 0],
    ],
  );
});

test('what is wrong is said with its path, line and column', () => {
  refused('{"cpus": [\n {"cpu": 0,', /no JSON/, 2, 12);
  refused('{"cpus": []}', /without CPUs/, 1, 10);
  refused('{"nodes": []}', /cpus: expected a list/, 1, 1);
  refused('[1, 2]', /expected an object/, 1, 1);
  refused('{"cpus": [\n {"cpu": 0, "smt": [0, 7]}]}', /cpus\[0\]\.smt\[1\]: no CPU 7/, 2, 24);
  refused('{"cpus": [\n {"cpu": 1e9}]}', /cpus\[0\]\.cpu: expected an integer within 0\.\.8191/, 2, 10);
  refused('{"cpus": [{"cpu": 0}, {"cpu": 0}]}', /two CPUs of one number/, 1, 10);
  refused('{"cpus": [{"cpu": 0, "capacity": 0}]}', /capacity: expected an integer within 1\.\.1024/, 1, 34);
  refused('{"cpus": [{"cpu": 0}], "nodes": [{"node": 0, "distance": [10, 20]}]}', /2 distances for 1 nodes/, 1, 58);
  refused('{"cpus": [{"cpu": 0, "node": 3}], "nodes": [{"node": 0, "distance": [10]}]}', /no node 3/, 1, 44);
});

test('property: the place of a value is where its text begins', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), fc.infiniteStream(fc.nat()), fc.nat(3), (value, choices, indent) => {
      const text = JSON.stringify(value, null, indent);
      const path: (string | number)[] = [];
      let at: unknown = JSON.parse(text);
      for (const choice of choices) {
        if (typeof at !== 'object' || at === null) break;
        const keys = Object.keys(at);
        if (keys.length === 0) break;
        const key = keys[choice % keys.length]!;
        path.push(Array.isArray(at) ? Number(key) : key);
        at = (at as Record<string, unknown>)[key];
      }
      const { line = 1, column = 1 } = placeInJson(text, path);
      const rest = text
        .split('\n')
        .slice(line - 1)
        .join('\n')
        .slice(column - 1);
      const first = JSON.stringify(at)[0]!;
      assert.ok(rest.startsWith(first), `${formatJsonPath(path)} in ${text}: ${rest}`);
    }),
  );
});

test('an energy model', () => {
  const cpus = '{"cpus": [{"cpu": 0, "capacity": 446}, {"cpu": 1, "capacity": 446}, {"cpu": 2}]';
  const pd = (list: string, states: string) => `{"cpus": [${list}], "states": [${states}]}`;
  const low = '{"frequency_khz": 500, "power": 2.5}';
  const high = '{"frequency_khz": 900, "power": 7}';
  const t = topologyFromJson(`${cpus}, "perf_domains": [${pd('1, 0', `${low}, ${high}`)}, ${pd('2', high)}]}`, 'm');
  assert.deepEqual(t.perfDomains, [
    {
      cpus: [0, 1],
      states: [
        { frequencyKhz: 500, power: 2.5 },
        { frequencyKhz: 900, power: 7 },
      ],
    },
    { cpus: [2], states: [{ frequencyKhz: 900, power: 7 }] },
  ]);
  const bad = (domains: string, what: RegExp, column: number) =>
    refused(`${cpus},\n"perf_domains": [${domains}]}`, what, 2, column);
  bad(pd('0, 3', low), /no CPU 3/, 31);
  bad(`${pd('0', low)}, ${pd('0', low)}`, /CPU 0 is in a performance domain already/, 92);
  bad(pd('0', `${high}, ${low}`), /do not rise/, 97);
  bad(pd('0', ''), /without states/, 42);
  bad(pd('', low), /without CPUs/, 27);
  bad(pd('0', '{"frequency_khz": 500, "power": 0}'), /above 0/, 75);
  assert.throws(
    () => topologyFromJson(`${cpus}, "perf_domains": [${pd('0, 2', low)}]}`, 'm'),
    /CPUs 0 and 2 of performance domain 0 differ in capacity/,
  );
});
