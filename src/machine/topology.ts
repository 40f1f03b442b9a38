/**
 * A machine as the scheduler sees it: which hardware threads share a core, a cluster (L2), a last-level cache, a die, a
 * package and a NUMA node, how far the nodes are apart, and how much each CPU can do.
 *
 * CPUs are numbered as the kernel numbers them, 0..nrCpus-1, offline ones included. Every grouping is a column with one
 * entry a CPU: two CPUs are in the same core (cluster, LLC, ...) iff their entries are equal. Core, cluster and LLC are
 * named by their lowest CPU; dies, packages and nodes by the numbers the machine gives them, dies being unique over the
 * machine (not per package).
 */
import { UserError } from '../base/errors.ts';

const NODE_RECLAIM_DISTANCE = 30;

/** The most CPUs we take; the kernel's own limit on amd64 is 8192. */
export const MAX_CPUS = 8192;

export interface Cache {
  readonly level: number;
  readonly type: 'Data' | 'Instruction' | 'Unified';
  /** Bytes, 0 when not known. */
  readonly sizeBytes: number;
  readonly cpus: readonly number[];
}

export interface NumaNode {
  /** The kernel's number of the node; nodes without CPUs (memory only) are listed too. */
  readonly node: number;
  readonly cpus: readonly number[];
}

/** One performance state of an energy model. @spec 05 §8.2 */
export interface PerformanceState {
  readonly frequencyKhz: number;
  /** Abstract power, or microwatts; only ratios matter. */
  readonly power: number;
}

/** CPUs that change frequency together. @spec 05 §8 */
export interface PerfDomain {
  readonly cpus: readonly number[];
  /** Ascending by frequency. */
  readonly states: readonly PerformanceState[];
}

export interface Topology {
  readonly name: string;
  /** Possible CPUs; all columns have this length. */
  readonly nrCpus: number;
  /** 1 where the CPU is online. */
  readonly online: Uint8Array;
  /** Lowest CPU of the core (the thread siblings). */
  readonly core: Int32Array;
  /** Lowest CPU of the cluster: CPUs sharing an L2, else the core. @spec 04 §1 */
  readonly cluster: Int32Array;
  /** Lowest CPU sharing the last-level cache; a CPU without cache information is alone in its LLC. */
  readonly llc: Int32Array;
  readonly die: Int32Array;
  readonly package: Int32Array;
  readonly node: Int32Array;
  /** arch_scale_cpu_capacity: 1..1024, the largest being 1024. */
  readonly capacity: Int32Array;
  /** arch_asym_cpu_priority (ITMT); all equal where the machine has no preference. Higher is preferred. @spec 06 §5.5 */
  readonly priority: Int32Array;
  readonly nodes: readonly NumaNode[];
  /** distance[i][j] between nodes[i] and nodes[j]; 10 is local. */
  readonly distance: readonly (readonly number[])[];
  readonly caches: readonly Cache[];
  readonly perfDomains: readonly PerfDomain[];
  /** x86 hybrid (P and E cores): the kernel then builds no cluster level. @spec 04 §1 */
  readonly hybrid: boolean;
  /** Nodes further apart than this are not balanced over at exec, fork and wakeup: 30, on AMD EPYC 32. @spec 04 §1 */
  readonly nodeReclaimDistance: number;
}

/** What a builder of topologies has to know of each CPU; everything else has a default. */
export interface CpuDescription {
  readonly online?: boolean;
  /** Any numbers: they are renumbered to the lowest CPU of their kind. Equal in two CPUs means shared. */
  readonly core?: number;
  readonly cluster?: number;
  /** -1: no cache information. */
  readonly llc?: number;
  readonly die?: number;
  readonly package?: number;
  readonly node?: number;
  readonly capacity?: number;
  readonly priority?: number;
}

export interface MachineDescription {
  readonly name: string;
  readonly cpus: readonly CpuDescription[];
  /** Node numbers ascending; default: the nodes the CPUs name. */
  readonly nodes?: readonly number[];
  /** Default: 10 on the diagonal, 20 elsewhere. */
  readonly distance?: readonly (readonly number[])[];
  readonly caches?: readonly Cache[];
  readonly perfDomains?: readonly PerfDomain[];
  readonly hybrid?: boolean;
  readonly nodeReclaimDistance?: number;
}

/** Builds and checks a topology. Throws `UserError` (code `machine`) for one that no kernel could boot on. */
export function buildTopology(description: MachineDescription): Topology {
  const { name, cpus } = description;
  const nrCpus = cpus.length;
  if (nrCpus === 0) throw new UserError('machine', `machine "${name}" has no CPUs`);
  if (nrCpus > MAX_CPUS) throw new UserError('limit', `machine "${name}" has ${nrCpus} CPUs, more than ${MAX_CPUS}`);

  const column = (of: (cpu: CpuDescription, i: number) => number): Int32Array => Int32Array.from(cpus, of);
  const online = Uint8Array.from(cpus, (c) => (c.online === false ? 0 : 1));
  if (!online.includes(1)) throw new UserError('machine', `machine "${name}" has no CPU online`);

  const core = lowestCpu(column((c, i) => c.core ?? i));
  const cluster = lowestCpu(column((c, i) => c.cluster ?? core[i]!));
  const llc = lowestCpu(column((c, i) => (c.llc === undefined || c.llc < 0 ? -1 - i : c.llc)));
  const die = column((c) => c.die ?? c.package ?? 0);
  const pkg = column((c) => c.package ?? 0);
  const node = column((c) => c.node ?? 0);
  const capacity = column((c) => c.capacity ?? 1024);
  const priority = column((c) => c.priority ?? 0);

  const numbers = description.nodes ?? [...new Set(node)].sort((a, b) => a - b);
  const nodes = numbers.map((n) => ({ node: n, cpus: indicesWhere(node, n) }));
  const distance = description.distance ?? numbers.map((_, i) => numbers.map((_, j) => (i === j ? 10 : 20)));
  const topology: Topology = {
    name,
    nrCpus,
    online,
    core,
    cluster,
    llc,
    die,
    package: pkg,
    node,
    capacity,
    priority,
    nodes,
    distance,
    caches: description.caches ?? [],
    perfDomains: description.perfDomains ?? [],
    hybrid: description.hybrid ?? false,
    nodeReclaimDistance: description.nodeReclaimDistance ?? NODE_RECLAIM_DISTANCE,
  };
  checkTopology(topology);
  return topology;
}

function checkTopology(t: Topology): void {
  const fail = (what: string): never => {
    throw new UserError('machine', `machine "${t.name}": ${what}`);
  };
  const known = new Set(t.nodes.map((n) => n.node));
  for (let cpu = 0; cpu < t.nrCpus; cpu++) {
    if (!known.has(t.node[cpu]!)) fail(`CPU ${cpu} is on node ${t.node[cpu]}, which is not listed`);
    const capacity = t.capacity[cpu]!;
    if (capacity < 1 || capacity > 1024) fail(`CPU ${cpu} has capacity ${capacity}, not between 1 and 1024`);
  }
  if (t.distance.length !== t.nodes.length) fail(`${t.nodes.length} nodes but ${t.distance.length} rows of distances`);
  t.distance.forEach((row, i) => {
    if (row.length !== t.nodes.length)
      fail(`row ${i} of the distances has ${row.length} entries, not ${t.nodes.length}`);
    row.forEach((d, j) => {
      if (!Number.isInteger(d) || d < 1 || d > 255)
        fail(`distance between node ${i} and ${j} is ${d}, not within 1..255`);
    });
  });
  // A core that straddles LLCs or nodes would make the kernel refuse to build its domains (spec 04 §1).
  within(t, t.core, t.llc, 'core', 'last-level cache', fail);
  within(t, t.core, t.node, 'core', 'node', fail);
  checkPerfDomains(t, fail);
}

/** As a driver could register them: CPUs alike, in one domain each; states of rising frequency. @spec 05 §8 */
function checkPerfDomains(t: Topology, fail: (what: string) => never): void {
  const seen = new Set<number>();
  t.perfDomains.forEach(({ cpus, states }, i) => {
    if (cpus.length === 0) fail(`performance domain ${i} has no CPUs`);
    if (states.length === 0) fail(`performance domain ${i} has no states`);
    for (const cpu of cpus) {
      if (!(cpu >= 0 && cpu < t.nrCpus)) fail(`performance domain ${i} has CPU ${cpu}, which is not there`);
      if (seen.has(cpu)) fail(`CPU ${cpu} is in two performance domains`);
      seen.add(cpu);
      if (t.capacity[cpu] !== t.capacity[cpus[0]!]) {
        fail(`CPUs ${cpus[0]} and ${cpu} of performance domain ${i} differ in capacity`);
      }
    }
    let last = 0;
    for (const { frequencyKhz, power } of states) {
      if (!(frequencyKhz > last)) fail(`the frequencies of performance domain ${i} do not rise`);
      if (!(power > 0)) fail(`performance domain ${i} has a state of power ${power}`);
      last = frequencyKhz;
    }
  });
}

function within(
  t: Topology,
  inner: Int32Array,
  outer: Int32Array,
  innerName: string,
  outerName: string,
  fail: (what: string) => never,
): void {
  for (let cpu = 0; cpu < t.nrCpus; cpu++) {
    const first = inner[cpu]!;
    if (outer[cpu] !== outer[first]) fail(`CPUs ${first} and ${cpu} share a ${innerName} but not a ${outerName}`);
  }
}

/** Renames each value of the column to the lowest CPU that has it. */
function lowestCpu(column: Int32Array): Int32Array {
  const first = new Map<number, number>();
  column.forEach((value, cpu) => {
    if (!first.has(value)) first.set(value, cpu);
  });
  return column.map((value) => first.get(value)!);
}

function indicesWhere(column: Int32Array, value: number): number[] {
  const out: number[] = [];
  column.forEach((v, i) => {
    if (v === value) out.push(i);
  });
  return out;
}

/** How far two CPUs are apart, the nearest kind they share. */
export const DISTANCE_NAMES = ['same', 'smt', 'llc', 'node', 'numa'] as const;

/** Index into `DISTANCE_NAMES`. */
export function cpuDistance(t: Topology, a: number, b: number): number {
  if (a === b) return 0;
  if (t.core[a] === t.core[b]) return 1;
  if (t.llc[a] === t.llc[b]) return 2;
  if (t.node[a] === t.node[b]) return 3;
  return 4;
}
