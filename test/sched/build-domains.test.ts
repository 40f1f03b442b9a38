import assert from 'node:assert/strict';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { formatCpuList, maskCpus } from '../../src/machine/cpumask.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { type DomainTree, type SchedDomain, SD } from '../../src/sched/domains.ts';
import { namesFor } from '../../src/sched/kernel-names.ts';
import { chainOf, distances, domainOf, domainsOf, grid, ringOf } from './machines.ts';

const flagsOf = (sd: SchedDomain): string[] =>
  namesFor('6.1')
    .flags(sd.flags)
    .map((name) => name.slice(3));

/** The groups of a domain in ring order, each with the CPUs that balance for it. */
const balanceOf = (tree: DomainTree, sd: SchedDomain): [string, string][] =>
  Array.from(sd.ring, (_, i) => {
    const group = tree.groups[sd.ring[(sd.ringStart + i) % sd.ring.length]!]!;
    return [formatCpuList([...group.cpus]), formatCpuList(maskCpus(group.balanceMask))];
  });

const COMMON = ['BALANCE_NEWIDLE', 'BALANCE_EXEC', 'BALANCE_FORK', 'WAKE_AFFINE'];

// The checks of spec 04, by their numbers there.

test('spec 04 check 1: eight CPUs around one L3 have one domain, MC', () => {
  const tree = buildDomains(grid({ coresPerLlc: 8 }));
  for (let cpu = 0; cpu < 8; cpu++) {
    const chain = domainsOf(tree, cpu);
    assert.equal(chain.length, 1);
    const mc = chain[0]!;
    assert.equal(mc.name, 'MC');
    assert.deepEqual([...mc.cpus], [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual([mc.minInterval, mc.maxInterval, mc.busyFactor], [8, 16, 16]);
    assert.deepEqual([mc.imbalancePct, mc.cacheNiceTries], [117, 1]);
    assert.deepEqual(flagsOf(mc), [...COMMON, 'SHARE_PKG_RESOURCES', 'PREFER_SIBLING']);
    const walk = Array.from({ length: 8 }, (_, i) => `${(cpu + i) % 8}`);
    assert.deepEqual(ringOf(tree, mc), walk);
  }
});

test('spec 04 check 2: threads numbered apart make SMT pairs and a ring of pairs', () => {
  const tree = buildDomains(grid({ coresPerLlc: 4, threads: 2 }));
  const smt = domainOf(tree, 0, 'SMT');
  assert.deepEqual([...smt.cpus], [0, 4]);
  assert.deepEqual([smt.minInterval, smt.maxInterval, smt.imbalancePct, smt.cacheNiceTries], [2, 4, 110, 0]);
  assert.deepEqual(flagsOf(smt), [...COMMON, 'SHARE_CPUCAPACITY', 'SHARE_PKG_RESOURCES', 'PREFER_SIBLING']);
  assert.deepEqual(ringOf(tree, domainOf(tree, 5, 'MC')), ['1,5', '2,6', '3,7', '0,4']);
});

test('spec 04 check 3: a second node adds a serialized NUMA domain, a far one without exec, fork and wakeup', () => {
  const tree = buildDomains(grid({ packages: 2, coresPerLlc: 4, threads: 2 }));
  const numa = domainOf(tree, 0, 'NUMA');
  assert.deepEqual(flagsOf(numa), [...COMMON, 'SERIALIZE', 'OVERLAP', 'NUMA']);
  assert.deepEqual([numa.imbalancePct, numa.cacheNiceTries, numa.minInterval, numa.maxInterval], [117, 2, 16, 32]);

  const far = grid({ packages: 2, coresPerLlc: 4, threads: 2, distance: distances(2, () => false, 20, 40) });
  const farNuma = domainOf(buildDomains(far), 0, 'NUMA');
  assert.deepEqual(flagsOf(farNuma), ['BALANCE_NEWIDLE', 'SERIALIZE', 'OVERLAP', 'NUMA']);
  const patient = buildDomains(far, { nodeReclaimDistance: 40 });
  assert.deepEqual(flagsOf(domainOf(patient, 0, 'NUMA')), [...COMMON, 'SERIALIZE', 'OVERLAP', 'NUMA']);
});

test('spec 04 check 4: CPUs without a common cache are held together by DIE and have no LLC domain', () => {
  const tree = buildDomains(grid({ coresPerLlc: 1, llcsPerNode: 4 }));
  assert.equal(chainOf(tree, 2), 'DIE(4)');
  assert.equal(domainOf(tree, 2, 'DIE').ring.length, 4);
  assert.deepEqual([...tree.sdLlc], [-1, -1, -1, -1]);
  assert.deepEqual([...tree.llcSize], [1, 1, 1, 1]);
  assert.deepEqual([...tree.llcId], [0, 1, 2, 3]);
  assert.equal(tree.nrShared, 0);
  assert.ok(tree.domains.every((sd) => sd.shared === -1));
});

test('spec 04 check 5: the lowest CPU of a group balances for it', () => {
  const tree = buildDomains(grid({ coresPerLlc: 4, threads: 2 }));
  const group = tree.groups.find((g) => formatCpuList([...g.cpus]) === '2,6');
  assert.equal(group?.balanceCpu, 2);
  assert.deepEqual(maskCpus(group!.balanceMask), [2, 6]);
});

test('spec 04 check 6: unequal capacities mark the domain that sees them all, and stop its child from spreading', () => {
  const one = buildDomains(bigLittle(1));
  assert.equal(chainOf(one, 0), 'MC(8)');
  const mc = domainOf(one, 0, 'MC');
  assert.ok(flagsOf(mc).includes('ASYM_CPUCAPACITY') && flagsOf(mc).includes('ASYM_CPUCAPACITY_FULL'));
  assert.equal(one.sdAsymCpucapacity[0], mc.id);
  assert.equal(one.asymCpucapacity, true);

  const two = buildDomains(bigLittle(2));
  assert.equal(chainOf(two, 5), 'MC(4) DIE(8)');
  const die = domainOf(two, 5, 'DIE');
  assert.ok(flagsOf(die).includes('ASYM_CPUCAPACITY') && flagsOf(die).includes('ASYM_CPUCAPACITY_FULL'));
  assert.equal(two.sdAsymCpucapacity[5], die.id);
  for (let cpu = 0; cpu < 8; cpu++) assert.ok(!flagsOf(domainOf(two, cpu, 'MC')).includes('PREFER_SIBLING'));
});

test('spec 04 check 7: one CPU has no domains', () => {
  const tree = buildDomains(grid({ coresPerLlc: 1 }));
  assert.equal(tree.domains.length, 0);
  assert.equal(tree.groups.length, 0);
  assert.equal(tree.ofCpu[0]!.length, 0);
  assert.equal(tree.llcSize[0], 1);
});

test('spec 04 check 8: imb_numa_nr of NUMA levels', () => {
  const numaNr = (t: Topology) =>
    domainsOf(buildDomains(t), 0)
      .filter((sd) => sd.name === 'NUMA')
      .map((sd) => sd.imbNumaNr);
  assert.deepEqual(numaNr(grid({ packages: 2, coresPerLlc: 8 })), [1]);
  assert.deepEqual(numaNr(grid({ packages: 2, coresPerLlc: 64 })), [8]);
  assert.deepEqual(numaNr(grid({ packages: 2, llcsPerNode: 8, coresPerLlc: 16 })), [8]);
  assert.deepEqual(numaNr(grid({ packages: 2, coresPerLlc: 4 })), [1]);
  const pairs = distances(4, (i, j) => i >> 1 === j >> 1);
  assert.deepEqual(numaNr(grid({ packages: 4, coresPerLlc: 8, distance: pairs })), [1, 2]);
});

test('spec 04 check 9: in a ring of four nodes the far groups are balanced by the node they are seen from', () => {
  // Two CPUs a node: 0-1, 2-3, 4-5, 6-7; each node neighbours the next.
  const ring = distances(4, (i, j) => (i + 1) % 4 === j);
  const tree = buildDomains(grid({ packages: 4, coresPerLlc: 2, distance: ring }));
  assert.equal(chainOf(tree, 0), 'MC(2) NUMA(6) NUMA(8)');
  const [, near, far] = domainsOf(tree, 0);
  assert.deepEqual([...near!.cpus], [0, 1, 2, 3, 6, 7]);
  assert.deepEqual(balanceOf(tree, near!), [
    ['0-1', '0-1'],
    ['2-3', '2-3'],
    ['6-7', '6-7'],
  ]);
  assert.deepEqual(balanceOf(tree, far!), [
    ['0-3,6-7', '0-1'],
    ['2-7', '4-5'],
  ]);
  // CPU 3, of node 1, sees the same machine turned by one.
  assert.deepEqual(balanceOf(tree, domainsOf(tree, 3)[2]!), [
    ['0-5', '2-3'],
    ['0-1,4-7', '6-7'],
  ]);
  assert.equal(tree.topologyType, 'glueless_mesh');
  assert.equal(tree.maxNumaDistance, 30);
});

test('spec 04 check 10: a lone core of two threads keeps its SMT domain', () => {
  const tree = buildDomains(grid({ coresPerLlc: 1, threads: 2 }));
  assert.equal(chainOf(tree, 1), 'SMT(2)');
  assert.equal(tree.llcSize[1], 2);
});

// The table of typical results (spec 04 §4) and of the variants of x86 (§1).

const TYPICAL: readonly (readonly [string, Topology, string])[] = [
  ['8 CPUs of one socket, private L2', grid({ coresPerLlc: 8 }), 'MC(8)'],
  ['4 cores of 2 threads', grid({ coresPerLlc: 4, threads: 2 }), 'SMT(2) MC(8)'],
  ['two slices of L3 in a socket', grid({ llcsPerNode: 2, coresPerLlc: 8 }), 'MC(8) DIE(16)'],
  ['two sockets of 4 cores of 2', grid({ packages: 2, coresPerLlc: 4, threads: 2 }), 'SMT(2) MC(8) NUMA(16)'],
  ['two sockets of four slices', grid({ packages: 2, llcsPerNode: 4, coresPerLlc: 4 }), 'MC(4) DIE(16) NUMA(32)'],
  ['modules of 4 sharing an L2', grid({ coresPerLlc: 16, coresPerCluster: 4 }), 'CLS(4) MC(16)'],
  ['every vCPU its own socket', everyCpuASocket(6), 'DIE(6)'],
  ['one CPU', grid({ coresPerLlc: 1 }), ''],
  ['an L2 as last-level cache', grid({ coresPerLlc: 4, coresPerCluster: 4 }), 'CLS(4)'],
  [
    'two nodes a package, which drops DIE',
    grid({ packages: 2, nodesPerPackage: 2, llcsPerNode: 2, coresPerLlc: 2, distance: nearInPackage() }),
    'MC(2) NODE(4) NUMA(8) NUMA(16)',
  ],
];

for (const [name, topology, expected] of TYPICAL) {
  test(`typical result: ${name}: ${expected || 'no domains'}`, () => {
    const tree = buildDomains(topology);
    for (let cpu = 0; cpu < topology.nrCpus; cpu++) assert.equal(chainOf(tree, cpu), expected, `CPU ${cpu}`);
  });
}

test('a hybrid machine has no cluster level, and prefers its P cores up to the LLC', () => {
  const t = hybrid(true);
  const tree = buildDomains(t);
  assert.equal(chainOf(tree, 0), 'SMT(2) MC(8)');
  assert.equal(chainOf(tree, 4), 'MC(8)');
  assert.equal(chainOf(buildDomains(hybrid(false)), 4), 'CLS(4) MC(8)');
  assert.ok(domainsOf(tree, 0).every((sd) => sd.flags & SD.ASYM_PACKING));
  assert.equal(tree.sdAsymPacking[0], domainOf(tree, 0, 'MC').id);
  // Of the P core 2,3 both threads are equal: the first is preferred. The E cores come last.
  const mc = domainOf(tree, 0, 'MC');
  const preferred = Array.from(mc.ring, (id) => tree.groups[id]!.asymPreferCpu).sort((a, b) => a - b);
  assert.deepEqual(preferred, [0, 2, 4, 5, 6, 7]);
});

test('only groups whose CPUs lost their child domain forget its flags', () => {
  const tree = buildDomains(hybrid(true));
  const mc = domainOf(tree, 0, 'MC');
  for (const id of mc.ring) {
    const group = tree.groups[id]!;
    // P cores keep SMT below MC; the SMT domain of a one-thread E core was removed.
    assert.equal((group.flags & SD.SHARE_CPUCAPACITY) !== 0, group.cpus.length === 2);
    if (group.cpus.length === 1) assert.equal(group.flags, 0);
  }
});

test('a CPU alone on its node forgets the flags of its own NUMA group only', () => {
  const ring = distances(4, (i, j) => (i + 1) % 4 === j);
  const tree = buildDomains(grid({ packages: 4, coresPerLlc: 1, distance: ring }));
  assert.equal(chainOf(tree, 1), 'NUMA(3) NUMA(4)');
  const groups = [...domainsOf(tree, 1)[0]!.ring].map((id) => tree.groups[id]!);
  assert.deepEqual(
    groups.map((g) => [g.cpus[0], g.flags !== 0]),
    [
      [1, false],
      [2, true],
      [0, true],
    ],
  );
});

test('isolated CPUs have no domains and are in nobody elses, but count for the intervals', () => {
  const tree = buildDomains(grid({ coresPerLlc: 8 }), { isolated: [2, 7] });
  assert.deepEqual([tree.ofCpu[2]!.length, tree.ofCpu[7]!.length], [0, 0]);
  const mc = domainOf(tree, 0, 'MC');
  assert.deepEqual([...mc.cpus], [0, 1, 3, 4, 5, 6]);
  assert.deepEqual([mc.spanWeight, mc.minInterval, mc.maxInterval], [6, 8, 16]);
  assert.deepEqual(maskCpus(tree.map), [0, 1, 3, 4, 5, 6]);
  assert.equal(tree.llcId[7], 7);
  assert.throws(() => buildDomains(grid({ coresPerLlc: 8 }), { isolated: [8] }), UserError);
});

test('offline CPUs are like isolated ones, and a core with one thread left has no SMT domain', () => {
  const tree = buildDomains(grid({ coresPerLlc: 4, threads: 2, offline: [4, 5] }));
  assert.equal(chainOf(tree, 0), 'MC(6)');
  assert.equal(chainOf(tree, 2), 'SMT(2) MC(6)');
  assert.equal(chainOf(tree, 4), '');
  assert.deepEqual(ringOf(tree, domainOf(tree, 0, 'MC')), ['0', '1', '2,6', '3,7']);
  assert.equal(tree.smtPresent, true);
  assert.equal(buildDomains(grid({ coresPerLlc: 2, threads: 2, offline: [2, 3] })).smtPresent, false);
});

test('a removed parent leaves its PREFER_SIBLING to the domain below', () => {
  // NODE marks DIE, and DIE marks MC, as asymmetric; NODE is the top and keeps spreading. Both go, and MC inherits.
  const cpus = Array.from({ length: 8 }, (_, i) => ({
    llc: i >> 2,
    node: i >> 2,
    package: i >> 2,
    capacity: 512 << (i & 1),
  }));
  const tree = buildDomains(buildTopology({ name: 'islands', cpus }), { dropNuma: true });
  assert.equal(chainOf(tree, 0), 'MC(4)');
  assert.ok(flagsOf(domainOf(tree, 0, 'MC')).includes('PREFER_SIBLING'));
});

test('relax_domain_level ends newidle balancing from that level up', () => {
  const t = grid({ packages: 2, coresPerLlc: 4, threads: 2 });
  const newidle = (relaxDomainLevel: number) =>
    domainsOf(buildDomains(t, { relaxDomainLevel }), 0).map((sd) => (sd.flags & SD.BALANCE_NEWIDLE) !== 0);
  assert.deepEqual(newidle(-1), [true, true, true]);
  assert.deepEqual(newidle(5), [true, true, false]);
  assert.deepEqual(newidle(2), [true, false, false]);
  assert.deepEqual(newidle(0), [false, false, false]);
});

test('fault dropNuma leaves every node an island', () => {
  const tree = buildDomains(grid({ packages: 2, coresPerLlc: 4, threads: 2 }), { dropNuma: true });
  for (let cpu = 0; cpu < 16; cpu++) assert.equal(chainOf(tree, cpu), 'SMT(2) MC(8)');
  assert.deepEqual([...tree.sdNuma], new Array(16).fill(-1));
});

test('spec 23 check 4: groups from CPU 0 hold nodes two hops apart together; seen from each node they are apart', () => {
  const t = wastedCoresMachine();
  const nodesOf = (tree: DomainTree, sd: SchedDomain) =>
    ringOf(tree, sd).map((list) => [...new Set(parse(list).map((cpu) => cpu >> 3))].join());
  const top = (tree: DomainTree, cpu: number) => domainsOf(tree, cpu).at(-1)!;

  const faulty = buildDomains(t, { groupsFromCpu0: true });
  for (let cpu = 0; cpu < 64; cpu++) {
    const sd = top(faulty, cpu);
    assert.deepEqual(new Set(nodesOf(faulty, sd)), new Set(['0,1,2,4,6', '1,2,3,4,5,7']), `CPU ${cpu}`);
    const local = faulty.groups[sd.ring[sd.ringStart]!]!;
    assert.ok(local.cpus.includes(cpu));
  }

  const tree = buildDomains(t);
  assert.equal(chainOf(tree, 0), 'MC(8) NUMA(40) NUMA(64)');
  for (let a = 0; a < 8; a++) {
    const [local, ...remote] = nodesOf(tree, top(tree, a * 8)).map((nodes) => nodes.split(',').map(Number));
    for (let b = 0; b < 8; b++) {
      if (t.distance[a]![b] !== 22) continue;
      assert.ok(!local!.includes(b), `node ${b} is not in the local group of node ${a}`);
      assert.ok(
        remote.some((nodes) => nodes.includes(b)),
        `node ${b} is in a remote group of node ${a}`,
      );
    }
  }
});

test('a group that reaches beyond the domain is replaced by the largest part that fits', () => {
  // A line of four nodes with all distances different: node 0 sees node 1 first, node 1 sees node 2 first, and so on.
  const line = [
    [10, 12, 16, 20],
    [12, 10, 12, 16],
    [16, 12, 10, 12],
    [20, 16, 12, 10],
  ];
  const tree = buildDomains(grid({ packages: 4, coresPerLlc: 2, distance: line }));
  const chain = domainsOf(tree, 0);
  assert.equal(chainOf(tree, 0), 'MC(2) NUMA(4) NUMA(6) NUMA(8)');
  // Within distance 16 of node 0 lie nodes 0-2. Node 2's neighbours 1,2,3 reach out of them, so its own node stands in,
  // balanced by its CPUs.
  assert.deepEqual(balanceOf(tree, chain[2]!), [
    ['0-3', '0-1'],
    ['4-5', '4-5'],
  ]);
  // That group shares its capacity with the one node 2 has a level below.
  const stand = tree.groups[chain[2]!.ring[1]!]!;
  const own = tree.groups[domainsOf(tree, 4)[1]!.ring[0]!]!;
  assert.equal(stand.sgc, own.sgc);
});

test('a backplane has no third node between the farthest two', () => {
  const pairs = grid({ packages: 4, coresPerLlc: 1, distance: distances(4, (i, j) => i >> 1 === j >> 1) });
  assert.equal(buildDomains(pairs).topologyType, 'backplane');
  assert.equal(buildDomains(grid({ packages: 4, coresPerLlc: 1 })).topologyType, 'direct');
  assert.equal(buildDomains(grid({ coresPerLlc: 4 })).maxNumaDistance, 10);
});

test('group capacities sum up those of their CPUs', () => {
  const tree = buildDomains(bigLittle(2));
  const capacitiesOf = (sd: SchedDomain) =>
    Array.from(sd.ring, (_, i) => tree.capacities[tree.groups[sd.ring[(sd.ringStart + i) % sd.ring.length]!]!.sgc]!);
  assert.deepEqual(capacitiesOf(domainOf(tree, 0, 'DIE')), [
    { capacity: 4 * 446, minCapacity: 446, maxCapacity: 446 },
    { capacity: 4096, minCapacity: 1024, maxCapacity: 1024 },
  ]);
  const singles = capacitiesOf(domainOf(tree, 0, 'MC')).map((sgc) => sgc.capacity);
  assert.deepEqual(singles, [446, 446, 446, 446]);
  assert.equal(tree.maxCpuCapacity, 1024);
});

test('capacities seen in part make ASYM_CPUCAPACITY without FULL', () => {
  const cpus = [200, 200, 500, 500, 500, 500, 1024, 1024].map((capacity, i) => ({ capacity, llc: i >> 2, core: i }));
  const tree = buildDomains(buildTopology({ name: 'three kinds', cpus }));
  const mc = domainOf(tree, 0, 'MC');
  assert.deepEqual([mc.flags & SD.ASYM_CPUCAPACITY, mc.flags & SD.ASYM_CPUCAPACITY_FULL], [SD.ASYM_CPUCAPACITY, 0]);
  assert.equal(tree.sdAsymCpucapacity[0], domainOf(tree, 0, 'DIE').id);
});

test('an L3 that reaches over two nodes is cut at the node', () => {
  const cpus = Array.from({ length: 8 }, (_, i) => ({ core: i, llc: 0, package: 0, node: i >> 2 }));
  const tree = buildDomains(buildTopology({ name: 'sub-NUMA', cpus, distance: distances(2, () => true, 11) }));
  assert.equal(chainOf(tree, 0), 'MC(4) NUMA(8)');
  assert.deepEqual([tree.llcId[3], tree.llcId[4]], [0, 4]);
});

test('a level is widened to span its child', () => {
  // No cache information, but pairs that share an L2: MC would be single CPUs below which CLS has two.
  const cpus = Array.from({ length: 4 }, (_, i) => ({ core: i, cluster: i >> 1, llc: -1 }));
  assert.equal(chainOf(buildDomains(buildTopology({ name: 'no L3', cpus })), 3), 'CLS(2) DIE(4)');
});

test('masks that overlap in part are refused, naming the CPUs', () => {
  const cpus = [
    { core: 0, cluster: 0, llc: 0 },
    { core: 0, cluster: 1, llc: 0 },
    { core: 2, cluster: 1, llc: 0 },
    { core: 3, cluster: 3, llc: 0 },
  ];
  const t = buildTopology({ name: 'crossed', cpus });
  assert.throws(
    () => buildDomains(t),
    (error) =>
      error instanceof UserError && error.code === 'machine' && /CLS masks of CPUs 0 and 1 /.test(error.message),
  );
});

test('nodes at local distance to each other are refused where they do not form one', () => {
  const t = grid({ packages: 3, coresPerLlc: 1, distance: distances(3, (i, j) => j === i + 1, 10, 20) });
  assert.throws(() => buildDomains(t), /NODE masks of CPUs 0 and 1 overlap in part .*as a node is to itself/);
});

test('four thousand CPUs in one LLC share their lists, and take one group a CPU', () => {
  const t = grid({ coresPerLlc: 4096 });
  const tree = buildDomains(t);
  assert.equal(tree.groups.length, 4096);
  assert.equal(tree.capacities.length, 4096);
  const [first, last] = [tree.domains[0]!, tree.domains[4095]!];
  assert.equal(first.ring, last.ring);
  assert.equal(first.span, last.span);
  assert.equal(first.cpus, last.cpus);
  assert.notEqual(first.ringStart, last.ringStart);
});

test('names follow the kernel release', () => {
  const shares = SD.SHARE_CPUCAPACITY | SD.SHARE_PKG_RESOURCES;
  assert.deepEqual(namesFor('6.1').flags(shares), ['SD_SHARE_CPUCAPACITY', 'SD_SHARE_PKG_RESOURCES']);
  assert.deepEqual(namesFor('6.12.90+deb12.1-amd64').flags(shares), ['SD_SHARE_CPUCAPACITY', 'SD_SHARE_LLC']);
  assert.deepEqual([namesFor('6.6').domain('DIE'), namesFor('6.7').domain('DIE')], ['DIE', 'PKG']);
  assert.equal(namesFor('6.12').domain('NUMA'), 'NUMA');
  assert.throws(() => namesFor('latest'), UserError);
});

/** Four little CPUs (0-3) and four big ones, under one or two last-level caches. */
function bigLittle(llcs: 1 | 2): Topology {
  const cpus = Array.from({ length: 8 }, (_, i) => ({ llc: llcs === 1 ? 0 : i >> 2, capacity: i < 4 ? 446 : 1024 }));
  return buildTopology({ name: 'big.LITTLE', cpus });
}

/** Two P cores of two threads (0,1)(2,3), the second one preferred, and a module of four E cores sharing an L2. */
function hybrid(isHybrid: boolean): Topology {
  const cpus = [
    { core: 0, llc: 0, priority: 40 },
    { core: 0, llc: 0, priority: 40 },
    { core: 1, llc: 0, priority: 50 },
    { core: 1, llc: 0, priority: 50 },
    ...Array.from({ length: 4 }, (_, i) => ({ core: 2 + i, cluster: 9, llc: 0, priority: 20 })),
  ];
  return buildTopology({ name: 'hybrid', cpus, hybrid: isHybrid });
}

function everyCpuASocket(n: number): Topology {
  return buildTopology({ name: 'vm', cpus: Array.from({ length: n }, (_, i) => ({ package: i, llc: i })) });
}

function nearInPackage(): number[][] {
  return distances(4, (i, j) => i >> 1 === j >> 1, 12, 32);
}

/** 64 cores on 8 nodes, 16 to a neighbour and 22 to the rest, each node with four neighbours. @spec 23 §1 */
function wastedCoresMachine(): Topology {
  const links = ['01', '02', '04', '06', '31', '32', '34', '35', '37', '15', '26', '47', '56', '57', '67', '17', '24'];
  const near = (i: number, j: number) => links.includes(`${i}${j}`);
  return grid({ packages: 8, coresPerLlc: 8, distance: distances(8, near, 16, 22) });
}

function parse(list: string): number[] {
  return list.split(',').flatMap((part) => {
    const [first, last] = part.split('-').map(Number) as [number, number?];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, i) => first + i);
  });
}
