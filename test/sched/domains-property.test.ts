/** What holds for the domains of any machine: random ones of up to 64 CPUs, numbered anyhow. @spec 04 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CpuMask, formatCpuList, maskEqual, maskHas, maskSubset } from '../../src/machine/cpumask.ts';
import { buildTopology, type CpuDescription, type Topology } from '../../src/machine/topology.ts';
import { type BuildOptions, buildDomains } from '../../src/sched/build-domains.ts';
import { type DomainTree, type SchedDomain, SD } from '../../src/sched/domains.ts';
import { domainsOf } from './machines.ts';

const RUNS = { numRuns: 400 };

interface Case {
  readonly topology: Topology;
  readonly options: BuildOptions;
}

/** Nodes of LLCs of clusters of cores of threads, all of uneven size, in the order given and then shuffled. */
const machine: fc.Arbitrary<Case> = fc
  .record({
    nodes: fc.array(
      fc.array(
        fc.array(fc.array(fc.integer({ min: 1, max: 2 }), { minLength: 1, maxLength: 3 }), {
          minLength: 1,
          maxLength: 2,
        }),
        {
          minLength: 1,
          maxLength: 3,
        },
      ),
      { minLength: 1, maxLength: 6 },
    ),
    nodesPerPackage: fc.constantFrom(1, 1, 2),
    far: fc.array(fc.constantFrom(11, 16, 21, 32, 40), { minLength: 15, maxLength: 15 }),
    order: fc.constantFrom('as described', 'threads apart', 'shuffled'),
    keys: fc.array(fc.integer(), { minLength: 72, maxLength: 72 }),
    capacities: fc.constantFrom([1024], [1024], [446, 1024], [300, 600, 1024]),
    priorities: fc.constantFrom([0], [0], [10, 20]),
    out: fc.uniqueArray(fc.integer({ min: 0, max: 63 }), { maxLength: 6 }),
    isolate: fc.boolean(),
    hybrid: fc.boolean(),
    groupsFromCpu0: fc.constantFrom(false, false, false, true),
  })
  .map((m) => {
    const cpus: (CpuDescription & { thread: number })[] = [];
    let [cluster, llc, core] = [0, 0, 0];
    m.nodes.forEach((llcs, node) => {
      for (const clusters of llcs) {
        llc++;
        for (const cores of clusters) {
          cluster++;
          const kind = m.keys[cluster % 72]! & 0xff;
          for (const threads of cores) {
            core++;
            for (let thread = 0; thread < threads && cpus.length < 64; thread++) {
              cpus.push({
                core,
                cluster,
                llc,
                node,
                package: Math.floor(node / m.nodesPerPackage),
                capacity: m.capacities[kind % m.capacities.length]!,
                priority: m.priorities[kind % m.priorities.length]!,
                thread,
              });
            }
          }
        }
      }
    });
    const numbered = cpus.map((cpu, i) => ({ cpu, key: [cpu.thread, m.keys[i]!, 0] as const, i }));
    const by = m.order === 'threads apart' ? 0 : m.order === 'shuffled' ? 1 : 2;
    numbered.sort((a, b) => a.key[by]! - b.key[by]! || a.i - b.i);
    const out = m.out.filter((cpu) => cpu > 0 && cpu < cpus.length);
    const nodes = [...new Set(cpus.map((c) => c.node!))];
    const distance = nodes.map((_, i) =>
      nodes.map((_, j) => (i === j ? 10 : m.far[(Math.max(i, j) * (Math.max(i, j) - 1)) / 2 + Math.min(i, j)]!)),
    );
    const topology = buildTopology({
      name: 'random',
      cpus: numbered.map(({ cpu }, i) => ({ ...cpu, online: m.isolate || !out.includes(i) })),
      distance,
      hybrid: m.hybrid,
    });
    return { topology, options: { isolated: m.isolate ? out : [], groupsFromCpu0: m.groupsFromCpu0 } };
  });

function check(what: (tree: DomainTree, topology: Topology, options: BuildOptions) => void): void {
  fc.assert(
    fc.property(machine, ({ topology, options }) => what(buildDomains(topology, options), topology, options)),
    RUNS,
  );
}

const groupsOf = (tree: DomainTree, sd: SchedDomain) => [...sd.ring].map((id) => tree.groups[id]!);
const localOf = (tree: DomainTree, sd: SchedDomain) => tree.groups[sd.ring[sd.ringStart]!]!;
const list = (mask: CpuMask, n: number) =>
  formatCpuList(Array.from({ length: n }, (_, cpu) => cpu).filter((cpu) => maskHas(mask, cpu)));

test('ids, owners and links of the tree agree', () => {
  check((tree, t) => {
    tree.domains.forEach((sd, id) => {
      assert.equal(sd.id, id);
      if (sd.parent >= 0)
        assert.deepEqual([tree.domains[sd.parent]!.child, tree.domains[sd.parent]!.cpu], [id, sd.cpu]);
      if (sd.child >= 0) assert.equal(tree.domains[sd.child]!.parent, id);
      assert.ok(sd.shared < tree.nrShared);
      assert.equal(sd.shared >= 0, (sd.flags & SD.SHARE_PKG_RESOURCES) !== 0);
    });
    tree.groups.forEach((group, id) => {
      assert.equal(group.id, id);
      assert.ok(group.sgc >= 0 && group.sgc < tree.capacities.length);
    });
    let owned = 0;
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
      const chain = domainsOf(tree, cpu);
      owned += chain.length;
      chain.forEach((sd, i) => {
        assert.equal(sd.cpu, cpu);
        assert.equal(sd.child, i > 0 ? chain[i - 1]!.id : -1);
        assert.equal(sd.parent, i + 1 < chain.length ? chain[i + 1]!.id : -1);
      });
    }
    assert.equal(owned, tree.domains.length);
  });
});

test('spans grow from the owner to the whole map, and hold no CPU outside it', () => {
  check((tree, t) => {
    const inMap = Array.from({ length: t.nrCpus }, (_, cpu) => cpu).filter((cpu) => maskHas(tree.map, cpu));
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
      const chain = domainsOf(tree, cpu);
      if (!maskHas(tree.map, cpu) || inMap.length < 2) {
        assert.equal(chain.length, 0);
        continue;
      }
      chain.forEach((sd, i) => {
        assert.ok(maskHas(sd.span, cpu));
        assert.deepEqual(formatCpuList([...sd.cpus]), list(sd.span, t.nrCpus));
        assert.equal(sd.spanWeight, sd.cpus.length);
        assert.ok(sd.minInterval >= sd.spanWeight && sd.maxInterval === 2 * sd.minInterval);
        if (i > 0) assert.ok(maskSubset(chain[i - 1]!.span, sd.span));
      });
      assert.ok(maskEqual(chain.at(-1)!.span, tree.map), `the top domain of CPU ${cpu}`);
    }
  });
});

test('groups lie in the span, cover it, occur once, and the local one holds the owner', () => {
  check((tree, t, options) => {
    for (const sd of tree.domains) {
      const groups = groupsOf(tree, sd);
      assert.equal(new Set(sd.ring).size, sd.ring.length);
      const covered = new Uint32Array(sd.span.length);
      for (const group of groups) {
        assert.ok(maskSubset(group.mask, sd.span));
        for (let i = 0; i < covered.length; i++) covered[i]! |= group.mask[i]!;
        assert.equal(formatCpuList([...group.cpus]), list(group.mask, t.nrCpus));
      }
      // Seen from another CPU, the groups may miss some: that is the fault.
      if (!options.groupsFromCpu0) assert.ok(maskEqual(covered, sd.span));
      assert.ok(maskHas(localOf(tree, sd).mask, sd.cpu));
      if (!(sd.flags & SD.OVERLAP)) {
        const sizes = groups.reduce((sum, group) => sum + group.cpus.length, 0);
        assert.equal(sizes, sd.spanWeight, 'groups below NUMA are disjoint');
      }
    }
  });
});

test('every group has CPUs that balance for it, of its own and lowest first', () => {
  check((tree) => {
    for (const group of tree.groups) {
      assert.ok(maskSubset(group.balanceMask, group.mask));
      const balance = [...group.cpus].filter((cpu) => maskHas(group.balanceMask, cpu));
      assert.ok(balance.length > 0);
      assert.equal(group.balanceCpu, balance[0]);
    }
  });
});

test('below NUMA two domains of a level are equal or apart, and equal ones share ring and shared object', () => {
  check((tree) => {
    const ownersOf = new Map<number, SchedDomain[]>();
    for (const sd of tree.domains) {
      if (sd.flags & SD.OVERLAP) continue;
      const owners = ownersOf.get(sd.level) ?? [];
      ownersOf.set(sd.level, owners);
      owners.push(sd);
    }
    for (const owners of ownersOf.values()) {
      const byCpu = new Map(owners.map((sd) => [sd.cpu, sd]));
      for (const sd of owners) {
        for (const cpu of sd.cpus) {
          const other = byCpu.get(cpu);
          assert.ok(other !== undefined && maskEqual(other.span, sd.span));
          assert.equal(other.ring, sd.ring);
          assert.equal(other.cpus, sd.cpus);
          assert.equal(other.shared, sd.shared);
        }
      }
    }
  });
});

test('the groups below NUMA are the spans of the children, linked as the highest CPU of the span linked them', () => {
  check((tree) => {
    for (const sd of tree.domains) {
      if (sd.flags & SD.OVERLAP) continue;
      // The rule as it is told: each CPU in turn walks the span and writes the links; the last one's stay.
      const spanOfGroup = (cpu: number): string => {
        const mine = domainsOf(tree, cpu).find((d) => d.level === sd.level)!;
        return mine.child < 0 ? `${cpu}` : [...tree.domains[mine.child]!.cpus].join();
      };
      const next = new Map<string, string>();
      for (const from of sd.cpus) {
        const order = [...sd.cpus].sort((a, b) => Number(a < from) - Number(b < from) || a - b);
        const seen = [...new Set(order.map(spanOfGroup))];
        seen.forEach((group, i) => {
          next.set(group, seen[(i + 1) % seen.length]!);
        });
      }
      let expected = spanOfGroup(sd.cpu);
      for (let i = 0; i < sd.ring.length; i++) {
        const group = tree.groups[sd.ring[(sd.ringStart + i) % sd.ring.length]!]!;
        assert.equal([...group.cpus].join(), expected);
        expected = next.get(expected)!;
      }
      assert.equal(sd.ring.length, next.size);
    }
  });
});

test('a NUMA ring begins with the span of the child below, and steps to the next CPU not covered', () => {
  check((tree, t, options) => {
    if (options.groupsFromCpu0) return;
    for (const sd of tree.domains) {
      if (!(sd.flags & SD.OVERLAP)) continue;
      assert.equal(sd.ringStart, 0);
      const groups = groupsOf(tree, sd);
      const childSpan = sd.child < 0 ? [sd.cpu] : [...tree.domains[sd.child]!.cpus];
      assert.deepEqual([...groups[0]!.cpus], childSpan);
      const covered = new Set(groups[0]!.cpus);
      for (const group of groups.slice(1)) {
        const order = [...sd.cpus].sort((a, b) => Number(a < sd.cpu) - Number(b < sd.cpu) || a - b);
        const first = order.find((cpu) => !covered.has(cpu))!;
        assert.ok(maskHas(group.mask, first), `CPU ${first} of ${list(sd.span, t.nrCpus)}`);
        for (const cpu of group.cpus) covered.add(cpu);
      }
    }
  });
});

test('no domain is left that balancing would gain nothing from', () => {
  check((tree) => {
    const needsGroups = Object.values(SD).reduce((a, b) => a | b, 0) & ~SD.WAKE_AFFINE;
    const degenerate = (sd: SchedDomain) =>
      sd.spanWeight === 1 || (((sd.flags & needsGroups) === 0 || sd.ring.length === 1) && !(sd.flags & SD.WAKE_AFFINE));
    for (const sd of tree.domains) {
      assert.ok(!degenerate(sd));
      if (sd.child < 0) continue;
      const child = tree.domains[sd.child]!;
      const flags = sd.ring.length === 1 ? sd.flags & ~needsGroups : sd.flags;
      assert.ok(!maskEqual(sd.span, child.span) || (flags & ~child.flags) !== 0);
    }
    // What is left at the bottom balances single CPUs.
    for (const sd of tree.domains) {
      if (sd.child >= 0) continue;
      assert.deepEqual([...localOf(tree, sd).cpus], [sd.cpu]);
      assert.equal(localOf(tree, sd).flags, 0);
    }
  });
});

test('below NUMA a group has the capacity of its CPUs', () => {
  check((tree, t) => {
    for (const sd of tree.domains) {
      if (sd.flags & SD.OVERLAP) continue;
      for (const group of groupsOf(tree, sd)) {
        const values = [...group.cpus].map((cpu) => t.capacity[cpu]!);
        assert.deepEqual(tree.capacities[group.sgc], {
          capacity: values.reduce((a, b) => a + b, 0),
          minCapacity: Math.min(...values),
          maxCapacity: Math.max(...values),
        });
      }
    }
  });
});

test('cached pointers are what climbing the chain finds', () => {
  check((tree, t) => {
    for (let cpu = 0; cpu < t.nrCpus; cpu++) {
      const chain = domainsOf(tree, cpu);
      const run = chain.findIndex((sd) => !(sd.flags & SD.SHARE_PKG_RESOURCES));
      const llc = chain[(run < 0 ? chain.length : run) - 1];
      assert.equal(tree.sdLlc[cpu], llc?.id ?? -1);
      assert.equal(tree.llcSize[cpu], llc?.spanWeight ?? 1);
      assert.equal(tree.llcId[cpu], llc?.cpus[0] ?? cpu);
      assert.equal(tree.sdNuma[cpu], chain.find((sd) => sd.name === 'NUMA')?.id ?? -1);
      const full = chain.find((sd) => sd.flags & SD.ASYM_CPUCAPACITY_FULL);
      assert.equal(tree.sdAsymCpucapacity[cpu], full?.id ?? -1);
    }
  });
});

test('the same machine gives the same tree', () => {
  check((tree, topology, options) => assert.deepEqual(buildDomains(topology, options), tree));
});
