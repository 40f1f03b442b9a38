import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { buildTopology, type Cache, type Topology } from '../../src/machine/topology.ts';
import { machineJson, machineText } from '../../src/report/machine.ts';
import { formatBytes } from '../../src/report/machine-tree.ts';
import { fitList, plural } from '../../src/report/words.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { distances, grid } from '../sched/machines.ts';

const textOf = (t: Topology, options = {}) => machineText(t, buildDomains(t), options);

/** Caches of every core, cluster and LLC. */
function withCaches(t: Topology): Topology {
  const caches: Cache[] = [];
  const add = (column: Int32Array, level: number, type: Cache['type'], sizeBytes: number) => {
    for (const first of new Set(column)) {
      const cpus = Array.from({ length: t.nrCpus }, (_, cpu) => cpu).filter((cpu) => column[cpu] === first);
      caches.push({ level, type, sizeBytes, cpus });
    }
  };
  add(t.core, 1, 'Data', 32 << 10);
  add(t.cluster, 2, 'Unified', 512 << 10);
  add(t.llc, 3, 'Unified', 32 << 20);
  return { ...t, caches };
}

test('a two-socket machine prints as a page', () => {
  const t = { ...withCaches(grid({ packages: 2, llcsPerNode: 2, coresPerLlc: 4, threads: 2 })), name: 'two sockets' };
  assert.equal(
    textOf(t),
    `two sockets  32 CPUs, 2 packages, 2 nodes, 4 LLCs, 16 cores, 2 threads a core

2 × package 0-1, node 0-1              16 CPUs each  0-7,16-23 | 8-15,24-31
  2 × LLC (L3 32 MiB)                  8 CPUs each   0-3,16-19 | 4-7,20-23
    4 × core (L2 512 KiB, L1d 32 KiB)  2 CPUs each   0,16 | 1,17 | 2,18 | 3,19

Node distances
  node   0   1
     0  10  20
     1  20  10
  topology direct, farthest 20

Scheduling domains, in the names of Linux 6.1
  over CPUs 0-31: SMT present, symmetric capacity

CPUs 0-31 (32 alike)
        CPUs  groups       interval ms  busy  imbalance_pct  cache_nice_tries  imb_numa_nr
  SMT      2  2 × 1 CPU           2..4   ×16            110                 0            0
  MC       8  4 × 2 CPUs         8..16   ×16            117                 1            0
  DIE     16  2 × 8 CPUs        16..32   ×16            117                 1            2
  NUMA    32  2 × 16 CPUs       32..64   ×16            117                 2            2
  flags
  SMT   BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK WAKE_AFFINE SHARE_CPUCAPACITY SHARE_PKG_RESOURCES PREFER_SIBLING
  MC    BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK WAKE_AFFINE SHARE_PKG_RESOURCES PREFER_SIBLING
  DIE   BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK WAKE_AFFINE PREFER_SIBLING
  NUMA  BALANCE_NEWIDLE BALANCE_EXEC BALANCE_FORK WAKE_AFFINE SERIALIZE OVERLAP NUMA
  groups from CPU 0
  SMT   0 → 16   capacity 1024 each, balance CPU 0
  MC    0,16 → 1,17 → 2,18 → 3,19   capacity 2048 each, balance CPU 0
  DIE   0-3,16-19 → 4-7,20-23   capacity 8192 each, balance CPU 0
  NUMA  0-7,16-23 → 8-15,24-31   capacity 16384 each, balance CPU 0
`,
  );
});

test('256 CPUs of a regular machine fold to less than a page', () => {
  const t = withCaches(grid({ packages: 2, llcsPerNode: 8, coresPerLlc: 8, threads: 2 }));
  const lines = textOf(t).split('\n');
  assert.ok(lines.length < 40, `${lines.length} lines`);
  assert.ok(lines.every((line) => line.length <= 130));
  assert.ok(lines.some((line) => line.includes('…')));
});

test('CPUs with different domains are told apart, and alike ones are not, wherever they stand in the ring', () => {
  const t = grid({ coresPerLlc: 4, threads: 2, offline: [5] });
  const headings = textOf(t)
    .split('\n')
    .filter((line) => /^CPUs? \d/.test(line));
  assert.deepEqual(headings, ['CPUs 0,2-4,6-7 (6 alike)', 'CPU 1', 'CPU 5: no domains']);
});

test('offline and isolated CPUs are named', () => {
  const t = grid({ coresPerLlc: 4, threads: 2, offline: [5] });
  const text = machineText(t, buildDomains(t, { isolated: [3] }));
  assert.match(text, /^grid {2}7 CPUs online of 8, .* 1 to 2 threads a core$/m);
  assert.match(text, /over CPUs 0-2,4,6-7: SMT present, symmetric capacity, offline 5, isolated 3$/m);
  assert.match(text, /core \(1 offline\) +2 CPUs +1,5$/m);
});

test('capacities and priorities are told where they are all the same', () => {
  const cpus = Array.from({ length: 8 }, (_, i) => ({ llc: i >> 2, capacity: i < 4 ? 446 : 1024, priority: i >> 2 }));
  const text = textOf(buildTopology({ name: 'big.LITTLE', cpus }));
  assert.match(text, /^ {2}LLC \(capacity 446, priority 0\) +4 CPUs +0-3$/m);
  assert.match(text, /^ {4}4 × core +1 CPU each +4 \| 5 \| 6 \| 7$/m);
  assert.match(text, /asymmetric capacity, largest 1024/);
  assert.match(text, /DIE {2}0-3 \(1784\) → 4-7 \(4096\)/);
});

test('a cluster of one core is a core, and a node may hold packages', () => {
  const hybrid = [
    ...[0, 0, 1, 1].map((core) => ({ core, llc: 0 })),
    ...Array.from({ length: 4 }, (_, i) => ({ core: 2 + i, cluster: 9, llc: 0 })),
  ];
  const text = textOf(buildTopology({ name: 'hybrid', hybrid: true, cpus: hybrid }));
  assert.match(text, /^hybrid {2}8 CPUs, .* 1 cluster, 6 cores, 1 to 2 threads a core, hybrid$/m);
  assert.match(text, /^ {2}2 × core +2 CPUs each +0-1 \| 2-3$/m);
  assert.match(text, /^ {2}cluster +4 CPUs +4-7\n {4}4 × core/m);

  const vm = buildTopology({ name: 'vm', cpus: Array.from({ length: 4 }, (_, i) => ({ package: i, llc: i })) });
  assert.match(textOf(vm), /^node 0 +4 CPUs +0-3\n {2}4 × package 0-3, LLC, core +1 CPU each/m);
});

test('overlapping groups are printed as each node sees them, with the CPUs that balance for them', () => {
  const ring = distances(4, (i, j) => (i + 1) % 4 === j);
  const text = textOf(grid({ packages: 4, coresPerLlc: 2, distance: ring }));
  assert.match(text, /NUMA {2}from 0-1: 0-1 → 2-3 → 6-7 {3}capacity 2048 each, balance CPU 0$/m);
  assert.match(text, /from 0-1,4-5: 0-3,6-7 \(by 0-1\) → 2-7 \(by 4-5\) {3}capacity 6144 each, balance CPU 0$/m);
  assert.match(text, /topology glueless_mesh, farthest 30/);
});

test('groupings that cross the others are listed after the tree', () => {
  // Two nodes, and packages that have a CPU on each.
  const cpus = Array.from({ length: 4 }, (_, i) => ({ core: i, llc: i, node: i >> 1, package: i & 1 }));
  assert.match(textOf(buildTopology({ name: 'crossed', cpus })), /^2 nodes, across the above: 0-1 \| 2-3$/m);
});

test('one CPU is printed in full, with its cached pointers', () => {
  const t = grid({ coresPerLlc: 64 });
  const text = textOf(t, { cpus: [9] });
  assert.match(text, /^CPU 9$/m);
  assert.match(text, /sd_llc MC \(id 0, size 64\), sd_numa none/);
  assert.ok(text.includes(Array.from({ length: 64 }, (_, i) => (9 + i) % 64).join(' → ')));
  assert.throws(
    () => textOf(t, { cpus: [64] }),
    (error) => error instanceof UserError && error.code === 'usage',
  );
});

test('all CPUs are printed one by one, and the hardware unfolded', () => {
  const text = textOf(grid({ coresPerLlc: 3, threads: 2 }), { cpus: 'all' });
  assert.equal(text.match(/^CPU \d$/gm)?.length, 6);
  assert.equal(text.match(/^ {2}core +2 CPUs/gm)?.length, 3);
});

test('names follow the release, and colour is only there when asked for', () => {
  const t = grid({ llcsPerNode: 2, coresPerLlc: 2 });
  assert.match(textOf(t, { release: '6.12' }), /^ {2}PKG .*\n/m);
  assert.match(textOf(t, { release: '6.12' }), /SHARE_LLC/);
  const esc = String.fromCharCode(27);
  assert.ok(!textOf(t).includes(esc));
  const colored = textOf(t, { color: true });
  assert.ok(colored.includes(esc));
  assert.equal(colored.replaceAll(new RegExp(`${esc}\\[\\d+m`, 'g'), ''), textOf(t));
});

test('JSON says everything once, with units in the names', () => {
  const t = withCaches(grid({ packages: 2, coresPerLlc: 2, threads: 2, offline: [5] }));
  const json = JSON.parse(JSON.stringify(machineJson(t, buildDomains(t))));
  assert.equal(json.format, 'steelyard-machine');
  assert.equal(json.online, '0-4,6-7');
  assert.deepEqual(json.node_distance, [
    [10, 20],
    [20, 10],
  ]);
  assert.deepEqual(json.caches[0], { level: 1, type: 'Data', size_bytes: 32768, cpus: '0,4' });
  const cpu = json.cpus[7];
  assert.deepEqual(
    cpu.domains.map((id: number) => json.domains[id].name),
    ['SMT', 'MC', 'NUMA'],
  );
  const mc = json.domains[cpu.sd_llc];
  assert.deepEqual(
    [mc.span, mc.min_interval_ms, mc.max_interval_ms, mc.imbalance_pct, mc.parent],
    ['2-3,6-7', 4, 8, 117, cpu.sd_numa],
  );
  assert.deepEqual(mc.flags.at(-1), 'SD_PREFER_SIBLING');
  const ring = json.rings[mc.ring];
  const local = json.groups[mc.local_group];
  assert.ok(ring.includes(mc.local_group));
  assert.deepEqual([local.cpus, local.weight, local.balance_cpu, local.capacity], ['3,7', 2, 3, 2048]);
  assert.deepEqual([json.cpus[5].domains, json.cpus[5].sd_llc, json.cpus[5].sd_llc_id], [[], null, 5]);
});

test('lists keep their ends when they are cut, and counts agree with their nouns', () => {
  const items = Array.from({ length: 20 }, (_, i) => `${i}`);
  assert.equal(fitList(items, ' ', 14), '0 1 2 3 4 … 19');
  assert.equal(fitList(['0', '1'], ' ', 1), '0 1');
  assert.equal(fitList(items, ' ', 1000), items.join(' '));
  assert.deepEqual([plural(1, 'CPU'), plural(0, 'CPU'), plural(2, 'class')], ['1 CPU', '0 CPUs', '2 classes']);
  assert.deepEqual([formatBytes(512), formatBytes(1536 << 10), formatBytes(2 ** 31)], ['512 B', '1.5 MiB', '2 GiB']);
});
