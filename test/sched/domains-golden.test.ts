/**
 * Whole chains of a handful of machines, worked out by hand from spec 04 and written down (see `dumpOf` for the form).
 *
 * Flags: N newidle, E exec, F fork, W wake-affine, a/A capacity asymmetry in part/in full, C threads of a core, L shared
 * cache, S serialize, P packing, p prefer sibling, O overlap, U NUMA.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { distances, dumpOf, grid } from './machines.ts';

function golden(name: string, topology: Topology, chains: Readonly<Record<number, string>>): void {
  test(`golden: ${name}`, () => {
    const tree = buildDomains(topology);
    for (const [cpu, expected] of Object.entries(chains)) {
      const trimmed = expected
        .trim()
        .split('\n')
        .map((line) => line.trim());
      assert.deepEqual(dumpOf(tree, Number(cpu)).split('\n'), trimmed, `CPU ${cpu}`);
    }
  });
}

// Groups of MC carry the flags of CLS, not those of SMT: the cluster level was between the two when they were made.
golden('two sockets of two cores of two threads', grid({ packages: 2, coresPerLlc: 2, threads: 2 }), {
  0: `
    SMT 0,4 NEFWCLp 2..4 110 0 0 | 0:1024 4:1024
    MC 0-1,4-5 NEFWLp 4..8 117 1 0 | 0,4:2048!NEFWLp 1,5:2048!NEFWLp
    NUMA 0-7 NEFWSOU 8..16 117 2 1 | 0-1,4-5:4096!NEFWp 2-3,6-7:4096!NEFWp`,
  7: `
    SMT 3,7 NEFWCLp 2..4 110 0 0 | 7:1024 3:1024
    MC 2-3,6-7 NEFWLp 4..8 117 1 0 | 3,7:2048!NEFWLp 2,6:2048!NEFWLp
    NUMA 0-7 NEFWSOU 8..16 117 2 1 | 2-3,6-7:4096!NEFWp 0-1,4-5:4096!NEFWp`,
});

golden(
  'two slices of L3, threads numbered side by side',
  grid({ llcsPerNode: 2, coresPerLlc: 2, threads: 2, numbering: 'adjacent' }),
  {
    3: `
      SMT 2-3 NEFWCLp 2..4 110 0 0 | 3:1024 2:1024
      MC 0-3 NEFWLp 4..8 117 1 0 | 2-3:2048!NEFWLp 0-1:2048!NEFWLp
      DIE 0-7 NEFWp 8..16 117 1 2 | 0-3:4096!NEFWLp 4-7:4096!NEFWLp`,
  },
);

// Node 0 neighbours 1,2,4,6; node 6 neighbours 0,2,5,7. From node 6 the two nodes not covered by its own neighbourhood, 1
// and 4, are not neighbours, so the top level has three groups there.
const links = ['01', '02', '04', '06', '31', '32', '34', '35', '37', '15', '26', '47', '56', '57', '67', '17', '24'];
const near = (i: number, j: number) => links.includes(`${i}${j}`);
golden(
  'eight nodes up to two hops apart',
  grid({ packages: 8, coresPerLlc: 8, distance: distances(8, near, 16, 22) }),
  {
    0: `
    MC 0-7 NEFWLp 8..16 117 1 0 | 0:1024 1:1024 2:1024 3:1024 4:1024 5:1024 6:1024 7:1024
    NUMA 0-23,32-39,48-55 NEFWSOU 40..80 117 2 1 | 0-7:8192!NEFWp 8-15:8192!NEFWp 16-23:8192!NEFWp 32-39:8192!NEFWp 48-55:8192!NEFWp
    NUMA 0-63 NEFWSOU 64..128 117 2 1 | 0-23,32-39,48-55:40960/0-7!NEFWSOU 8-47,56-63:49152/24-31!NEFWSOU`,
    48: `
    MC 48-55 NEFWLp 8..16 117 1 0 | 48:1024 49:1024 50:1024 51:1024 52:1024 53:1024 54:1024 55:1024
    NUMA 0-7,16-23,40-63 NEFWSOU 40..80 117 2 1 | 48-55:8192!NEFWp 56-63:8192!NEFWp 0-7:8192!NEFWp 16-23:8192!NEFWp 40-47:8192!NEFWp
    NUMA 0-63 NEFWSOU 64..128 117 2 1 | 0-7,16-23,40-63:40960/48-55!NEFWSOU 0-15,24-31,40-47,56-63:40960/8-15!NEFWSOU 0-7,16-39,56-63:40960/32-39!NEFWSOU`,
  },
);

const bigLittle = Array.from({ length: 8 }, (_, i) => ({ llc: i >> 2, capacity: i < 4 ? 446 : 1024 }));
golden('big.LITTLE with an LLC each', buildTopology({ name: 'big.LITTLE', cpus: bigLittle }), {
  1: `
    MC 0-3 NEFWL 4..8 117 1 0 | 1:446 2:446 3:446 0:446
    DIE 0-7 NEFWaAp 8..16 117 1 2 | 0-3:1784!NEFWL 4-7:4096!NEFWL`,
  6: `
    MC 4-7 NEFWL 4..8 117 1 0 | 6:1024 7:1024 4:1024 5:1024
    DIE 0-7 NEFWaAp 8..16 117 1 2 | 4-7:4096!NEFWL 0-3:1784!NEFWL`,
});

// Without a cluster level the groups of P cores carry the flags of SMT; those of E cores lost theirs.
const hybrid = [
  ...[0, 0, 1, 1].map((core) => ({ core, llc: 0, priority: 40 + core * 10 })),
  ...Array.from({ length: 4 }, (_, i) => ({ core: 2 + i, cluster: 9, llc: 0, priority: 20 })),
];
golden(
  'hybrid: two P cores of two threads, a module of four E cores',
  buildTopology({ name: 'hybrid', hybrid: true, cpus: hybrid }),
  {
    2: `
    SMT 2-3 NEFWCLPp 2..4 110 0 0 | 2:1024 3:1024
    MC 0-7 NEFWLPp 8..16 117 1 0 | 2-3:2048!NEFWCLPp 4:1024 5:1024 6:1024 7:1024 0-1:2048!NEFWCLPp`,
    7: `
    MC 0-7 NEFWLPp 8..16 117 1 0 | 7:1024 0-1:2048!NEFWCLPp 2-3:2048!NEFWCLPp 4:1024 5:1024 6:1024`,
  },
);
