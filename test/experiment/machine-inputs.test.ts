/**
 * Other people's machines against what lstopo 2.9 counts in them (of version 3 files, called version 2 for it), and the
 * lab's machines against the presets of their names.
 */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { presetMachine } from '../../src/machine/presets.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { chainOf, dumpOf } from '../sched/machines.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

interface Counts {
  readonly packages: number;
  readonly nodes: number;
  /** Number of caches and bytes of all of them: L3, L2, L1 of data. */
  readonly l3: readonly [number, number];
  readonly l2: readonly [number, number];
  readonly l1: readonly [number, number];
  readonly cores: number;
  readonly cpus: number;
}

const KB = 2 ** 10;

const LSTOPO: Readonly<Record<string, Counts>> = {
  '128arm-2pa2n8cluster4co.tar.bz2': {
    packages: 2,
    nodes: 4,
    l3: [4, 4 * 32768 * KB],
    l2: [128, 128 * 512 * KB],
    l1: [128, 128 * 64 * KB],
    cores: 128,
    cpus: 128,
  },
  '40intel64-2g2n4c.xml': {
    packages: 4,
    nodes: 4,
    l3: [4, 4 * 30720 * KB],
    l2: [40, 40 * 256 * KB],
    l1: [40, 40 * 32 * KB],
    cores: 40,
    cpus: 40,
  },
  '64amd64-4s2n4ca2co.tar.bz2': {
    packages: 4,
    nodes: 8,
    l3: [8, 8 * 6144 * KB],
    l2: [32, 32 * 2048 * KB],
    l1: [64, 64 * 16 * KB],
    // lstopo counts 64: to it the two halves of a Bulldozer module are cores. The kernel says that they are the threads of
    // one (thread_siblings 0-1), and builds its SMT domain of them; so we do.
    cores: 32,
    cpus: 64,
  },
  'AMD-19h-Zen3-2xEpyc-7763.xml': {
    packages: 2,
    nodes: 1,
    l3: [16, 16 * 32768 * KB],
    l2: [128, 128 * 512 * KB],
    l1: [128, 128 * 32 * KB],
    cores: 128,
    cpus: 128,
  },
  'Intel-RaptorLake-Corei7-1370P.xml': {
    packages: 1,
    nodes: 1,
    l3: [1, 24576 * KB],
    l2: [8, 12058624],
    l1: [14, 557056],
    cores: 14,
    cpus: 20,
  },
  'nvidia-dgx-gb10.tar.bz2': {
    packages: 1,
    nodes: 1,
    l3: [2, 25165824],
    l2: [20, 26214400],
    l1: [20, 20 * 64 * KB],
    cores: 20,
    cpus: 20,
  },
};

const CHAINS: Readonly<Record<string, string>> = {
  '128arm-2pa2n8cluster4co.tar.bz2': 'CLS(4) MC(32) NUMA(64) NUMA(96) NUMA(128)',
  '40intel64-2g2n4c.xml': 'MC(10) NUMA(40)',
  '64amd64-4s2n4ca2co.tar.bz2': 'SMT(2) MC(8) NUMA(40) NUMA(64)',
  'AMD-19h-Zen3-2xEpyc-7763.xml': 'MC(8) DIE(128)',
  'Intel-RaptorLake-Corei7-1370P.xml': 'SMT(2) MC(20)',
  'nvidia-dgx-gb10.tar.bz2': 'MC(10) DIE(20)',
};

function countsOf(t: Topology): Counts {
  const count = (column: Int32Array) => new Set(column).size;
  const caches = (level: number): [number, number] => {
    const some = t.caches.filter((c) => c.level === level && c.type !== 'Instruction');
    return [some.length, some.reduce((sum, c) => sum + c.sizeBytes, 0)];
  };
  return {
    packages: count(t.package),
    nodes: t.nodes.length,
    l3: caches(3),
    l2: caches(2),
    l1: caches(1),
    cores: count(t.core),
    cpus: t.online.reduce((n, online) => n + online, 0),
  };
}

test('every machine of the shared inputs is in the table', needsShared, () => {
  assert.deepEqual(readdirSync(sharedPath('inputs/machines')).sort(), Object.keys(LSTOPO).sort());
});

for (const [file, counts] of Object.entries(LSTOPO)) {
  test(`${file}: as many of each as lstopo counts`, needsShared, () => {
    const t = loadMachine(sharedPath(`inputs/machines/${file}`));
    assert.deepEqual(countsOf(t), counts);
    assert.equal(chainOf(buildDomains(t), 0), CHAINS[file]);
  });
}

test('distances, capacities and kinds of CPUs come with them', needsShared, () => {
  const load = (file: string) => loadMachine(sharedPath(`inputs/machines/${file}`));
  assert.deepEqual(load('64amd64-4s2n4ca2co.tar.bz2').distance[0], [10, 16, 16, 22, 16, 22, 16, 22]);
  assert.deepEqual(load('128arm-2pa2n8cluster4co.tar.bz2').distance[2], [32, 25, 10, 16]);
  assert.deepEqual(load('40intel64-2g2n4c.xml').distance[1], [20, 10, 20, 20]);
  assert.deepEqual(new Set(load('nvidia-dgx-gb10.tar.bz2').capacity), new Set([718, 997, 731, 1017, 1024]));
  const hybrid = load('Intel-RaptorLake-Corei7-1370P.xml');
  assert.ok(hybrid.hybrid);
  assert.deepEqual(countsOf(hybrid), countsOf(presetMachine('hybrid')));
});

for (const name of ['smp4', 'smp8', 'smp16', 'smt8', 'llc16', 'numa16']) {
  test(`the preset ${name} is the lab's machine: the same domains and groups for every CPU`, needsShared, () => {
    const folder = readdirSync(sharedPath('ground-truth')).find((record) => record.startsWith(`${name}-`))!;
    const recorded = loadMachine(sharedPath(`ground-truth/${folder}`));
    const preset = presetMachine(name);
    const [ours, theirs] = [buildDomains(preset), buildDomains(recorded)];
    for (let cpu = 0; cpu < preset.nrCpus; cpu++) assert.equal(dumpOf(ours, cpu), dumpOf(theirs, cpu), `CPU ${cpu}`);
    assert.deepEqual(preset.caches, recorded.caches);
    assert.deepEqual([preset.package, preset.core], [recorded.package, recorded.core]);
  });
}
