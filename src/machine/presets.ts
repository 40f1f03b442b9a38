/**
 * Machines that need no file. The first six are those of the kernel lab's recordings, so that a simulation can be held
 * against one without looking for its `topology.json`; the others are machines people know, with their usual numbering.
 */
import { didYouMean, UserError } from '../base/errors.ts';
import { assembleMachine } from './machine-parts.ts';
import { regularMachine } from './regular-machine.ts';
import { type Cache, MAX_CPUS, type PerfDomain, type Topology } from './topology.ts';

const KB = 2 ** 10;
const MB = 2 ** 20;

interface Preset {
  readonly name: string;
  /** One line. */
  readonly about: string;
  readonly build: (name: string) => Topology;
}

/** The lab's machines run under QEMU, which gives them these caches. */
const LAB = { cacheBytes: [32 * KB, 4096 * KB, 16 * MB] } as const;

const PRESETS: readonly Preset[] = [
  { name: 'smp4', about: '4 CPUs under one LLC', build: (name) => regularMachine({ name, coresPerLlc: 4, ...LAB }) },
  { name: 'smp8', about: '8 CPUs under one LLC', build: (name) => regularMachine({ name, coresPerLlc: 8, ...LAB }) },
  {
    name: 'smp16',
    about: '16 CPUs under one LLC',
    build: (name) => regularMachine({ name, coresPerLlc: 16, cacheBytes: [32 * KB, 512 * KB, 16 * MB] }),
  },
  {
    name: 'smt8',
    about: '4 cores of 2 threads under one LLC',
    build: (name) => regularMachine({ name, coresPerLlc: 4, threads: 2, ...LAB }),
  },
  {
    name: 'llc16',
    about: '16 CPUs on one node, an LLC for every 4',
    build: (name) => regularMachine({ name, packages: 4, coresPerLlc: 4, ...LAB }, oneNode(16)),
  },
  {
    name: 'numa16',
    about: '2 nodes of 4 cores of 2 threads, distance 21',
    build: (name) => regularMachine({ name, packages: 2, coresPerLlc: 4, threads: 2, distance: apart(2, 21), ...LAB }),
  },
  {
    name: 'e5-2630v4',
    about: 'one Xeon E5-2630 v4: 10 cores, 20 threads',
    build: (name) =>
      regularMachine({
        name,
        coresPerLlc: 10,
        threads: 2,
        siblings: 'apart',
        cacheBytes: [32 * KB, 256 * KB, 25 * MB],
      }),
  },
  {
    name: 'epyc-7763',
    about: 'two EPYC 7763: 128 cores, 256 threads, an LLC for every 8 cores, 2 nodes, distance 32',
    build: (name) =>
      regularMachine(
        {
          name,
          packages: 2,
          llcsPerNode: 8,
          coresPerLlc: 8,
          threads: 2,
          siblings: 'apart',
          distance: apart(2, 32),
          cacheBytes: [32 * KB, 512 * KB, 32 * MB],
        },
        { nodeReclaimDistance: 32 },
      ),
  },
  { name: 'biglittle', about: '4 small and 4 big CPUs, two LLCs, with an energy model', build: bigLittle },
  { name: 'hybrid', about: 'a Core i7-1370P: 6 P cores of 2 threads, 8 E cores; P cores are preferred', build: hybrid },
  {
    name: 'bulldozer64',
    about: '64 cores in pairs on 8 nodes up to two hops apart: the machine of "a decade of wasted cores"',
    build: bulldozer,
  },
];

/** Any number may stand there. */
const FLAT = { name: 'flat:64', about: '64 CPUs under one LLC; flat:N has N of them, for benchmarks' };

export function listPresets(): { readonly name: string; readonly about: string }[] {
  return [...PRESETS.map(({ name, about }) => ({ name, about })), FLAT];
}

/** Whether `name` is a preset's, or means to be one with a number. */
export function isPreset(name: string): boolean {
  return name.startsWith('flat:') || PRESETS.some((preset) => preset.name === name);
}

/** Throws `UserError` (code `machine`, or `limit` for the number of a `flat:N`). */
export function presetMachine(name: string): Topology {
  if (name.startsWith('flat:')) return flat(name);
  const preset = PRESETS.find((p) => p.name === name);
  if (preset !== undefined) return preset.build(name);
  const names = listPresets().map((p) => p.name);
  throw new UserError('machine', `no preset "${name}"`, {}, didYouMean(name, names));
}

function flat(name: string): Topology {
  const digits = name.slice('flat:'.length);
  const nrCpus = /^\d{1,9}$/.test(digits) ? Number(digits) : 0;
  if (nrCpus === 0) throw new UserError('machine', `"${name}" has no number of CPUs`, {}, 'such as flat:64');
  if (nrCpus > MAX_CPUS) throw new UserError('limit', `"${name}" has more than ${MAX_CPUS} CPUs`);
  return regularMachine({ name, coresPerLlc: nrCpus });
}

function oneNode(nrCpus: number) {
  return { nodes: [{ node: 0, cpus: range(0, nrCpus) }] };
}

/** Distances of nodes that are all as far from each other. */
function apart(nodes: number, far: number): number[][] {
  return Array.from({ length: nodes }, (_, i) => Array.from({ length: nodes }, (_, j) => (i === j ? 10 : far)));
}

function range(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

/**
 * Two clusters, each with its L2 as the LLC; capacities as of the usual phone. The states are ours, shaped like measured
 * ones: power grows with frequency times voltage squared, and a big CPU takes more for the same work. @spec 05 §8
 */
function bigLittle(name: string): Topology {
  const perfDomains: PerfDomain[] = [
    {
      cpus: range(0, 4),
      states: states([500_000, 27], [1_000_000, 67], [1_400_000, 118], [1_700_000, 172], [1_850_000, 205]),
    },
    {
      cpus: range(4, 4),
      states: states([900_000, 194], [1_400_000, 391], [1_800_000, 638], [2_100_000, 921], [2_360_000, 1254]),
    },
  ];
  const capacity = new Map(range(0, 8).map((cpu) => [cpu, cpu < 4 ? 446 : 1024]));
  const shape = { coresPerLlc: 4, packages: 2, llcLevel: 2, cacheBytes: [32 * KB, 1 * MB, 0] } as const;
  const onePackage = { packages: [{ id: 0, cpus: range(0, 8) }] };
  return regularMachine(
    { name, ...shape },
    { capacity, perfDomains, areClustersBelowLlc: true, ...oneNode(8), ...onePackage },
  );
}

function states(...pairs: readonly (readonly [frequencyKhz: number, power: number])[]) {
  return pairs.map(([frequencyKhz, power]) => ({ frequencyKhz, power }));
}

/**
 * 6 P cores of two threads with an L2 each, 8 E cores in modules of four around an L2, an L3 for all. Capacities are equal
 * (Linux 6.1 knows none on x86); what tells the CPUs apart is ITMT. @spec 04 §1, §6
 */
function hybrid(name: string): Topology {
  const pCores = range(0, 6).map((i) => ({ id: i, cpus: [2 * i, 2 * i + 1] }));
  const eCores = range(12, 8).map((cpu) => ({ id: cpu, cpus: [cpu] }));
  const cores = [...pCores, ...eCores];
  const modules = [range(12, 4), range(16, 4)];
  const cache = (level: number, type: Cache['type'], sizeBytes: number, cpus: readonly number[]): Cache => {
    return { level, type, sizeBytes, cpus };
  };
  return assembleMachine({
    name,
    nrCpus: 20,
    cores,
    packages: [{ id: 0, cpus: range(0, 20) }],
    caches: [
      ...pCores.map(({ cpus }) => cache(1, 'Data', 48 * KB, cpus)),
      ...pCores.map(({ cpus }) => cache(1, 'Instruction', 32 * KB, cpus)),
      ...eCores.map(({ cpus }) => cache(1, 'Data', 32 * KB, cpus)),
      ...eCores.map(({ cpus }) => cache(1, 'Instruction', 64 * KB, cpus)),
      ...pCores.map(({ cpus }) => cache(2, 'Unified', 1280 * KB, cpus)),
      ...modules.map((cpus) => cache(2, 'Unified', 2 * MB, cpus)),
      cache(3, 'Unified', 24 * MB, range(0, 20)),
    ],
    nodes: [{ node: 0, cpus: range(0, 20) }],
    priority: new Map(range(0, 20).map((cpu) => [cpu, cpu < 12 ? 64 : 38])),
    hybrid: true,
  });
}

/**
 * Four Opterons of two nodes each. Cores come in pairs that share units and an L2, which the kernel takes for the threads
 * of a core. The neighbourhoods of nodes 0 and 3 are the published ones; the other links are chosen so that every pair of
 * nodes is at most two hops apart. @spec 23 §1
 */
function bulldozer(name: string): Topology {
  const links = ['01', '02', '04', '06', '13', '23', '34', '35', '37', '15', '17', '24', '26', '47', '56', '57', '67'];
  const distance = range(0, 8).map((i) =>
    range(0, 8).map((j) => (i === j ? 10 : links.includes(`${Math.min(i, j)}${Math.max(i, j)}`) ? 16 : 22)),
  );
  return regularMachine({
    name,
    packages: 4,
    nodesPerPackage: 2,
    coresPerLlc: 4,
    threads: 2,
    distance,
    cacheBytes: [16 * KB, 2 * MB, 6 * MB],
  });
}
