/**
 * A machine as other programs describe it, by sets of CPUs (this package is CPUs 0-15, this L2 is of CPUs 0 and 1), made
 * into the columns of a `Topology`. Every importer gathers its own kind of evidence and ends here, so that the rules of
 * what is a cluster and which cache is the last level are written once.
 */
import { UserError } from '../base/errors.ts';
import {
  buildTopology,
  type Cache,
  type CpuDescription,
  MAX_CPUS,
  type NumaNode,
  type PerfDomain,
  type Topology,
} from './topology.ts';

/** The most NUMA nodes we take; the kernel's own limit. */
export const MAX_NODES = 1024;

/** A core, a die, a package: something that has a number and CPUs. */
export interface Part {
  readonly id: number;
  readonly cpus: readonly number[];
}

export interface MachineParts {
  readonly name: string;
  readonly nrCpus: number;
  /** Default: all. */
  readonly online?: readonly number[] | undefined;
  /** CPUs in no core are cores by themselves. Ids are not used. */
  readonly cores: readonly Part[];
  /**
   * What the machine itself calls clusters; ids are not used. CPUs in none of them are clustered by their L2.
   */
  readonly clusters?: readonly Part[];
  /**
   * Clusters that hold all of an LLC are none: MC is the level of both. So on all architectures but x86, where the level
   * of the L2 comes first and it is MC that degenerates.
   */
  readonly areClustersBelowLlc?: boolean;
  /** Default: each package is one die. Ids need to be unique only within a package. */
  readonly dies?: readonly Part[];
  /** CPUs in no package are in the first one. */
  readonly packages: readonly Part[];
  readonly caches: readonly Cache[];
  /**
   * In any order. Where several hold a CPU it is on the smallest, and of equal ones on the one of the lowest number; so
   * memory beside the CPUs' own (high-bandwidth, persistent, attached by CXL) becomes nodes without CPUs, as it is for
   * the kernel. CPUs on no node are on the one of the lowest number.
   */
  readonly nodes: readonly NumaNode[];
  /** Between two node numbers; undefined where it is not known: then 10 within and 20 between nodes. */
  readonly distance?: (from: number, to: number) => number | undefined;
  readonly capacity?: ReadonlyMap<number, number>;
  readonly priority?: ReadonlyMap<number, number>;
  readonly perfDomains?: readonly PerfDomain[];
  readonly hybrid?: boolean;
  readonly nodeReclaimDistance?: number;
}

/** Sets that each of their CPUs names for itself: what is said first of a CPU counts. */
export class DisjointSets {
  readonly parts: Part[] = [];
  readonly #seen = new Set<number>();

  add(cpus: readonly number[]): void {
    if (cpus.every((cpu) => this.#seen.has(cpu))) return;
    const own = cpus.filter((cpu) => !this.#seen.has(cpu));
    for (const cpu of own) this.#seen.add(cpu);
    this.parts.push({ id: this.parts.length, cpus: own });
  }
}

/** Throws `UserError` without a place (codes `machine`, `limit`) for what no kernel could boot on. */
export function assembleMachine(parts: MachineParts): Topology {
  const { name, nrCpus } = parts;
  if (nrCpus > MAX_CPUS) throw new UserError('limit', `machine "${name}" has ${nrCpus} CPUs, more than ${MAX_CPUS}`);
  if (parts.nodes.length > MAX_NODES)
    throw new UserError('limit', `machine "${name}" has ${parts.nodes.length} nodes, more than ${MAX_NODES}`);

  const nodes = parts.nodes.length > 0 ? [...parts.nodes].sort((a, b) => a.node - b.node) : [{ node: 0, cpus: [] }];
  const node = nodeColumn(nrCpus, nodes);
  const pkg = idColumn(nrCpus, parts.packages, parts.packages[0]?.id ?? 0);
  const core = partColumn(nrCpus, parts.cores);
  const cluster = partColumn(nrCpus, parts.clusters ?? []);
  const die = partColumn(nrCpus, parts.dies ?? []);
  const l2 = cacheColumn(nrCpus, parts.caches, (cache) => cache.level === 2);
  const llc = cacheColumn(nrCpus, parts.caches, () => true);
  const online = parts.online === undefined ? undefined : new Set(parts.online);

  const nodeIndex = new Map(nodes.map((n, i) => [n.node, i]));

  const cpus = Array.from({ length: nrCpus }, (_, cpu): CpuDescription => {
    // Columns hold indices; what a CPU has for itself alone gets an index behind all the others.
    const ownCore = core[cpu]! >= 0 ? core[cpu]! : parts.cores.length + cpu;
    const sharing = (index: number, first: number, otherwise: number) => (index >= 0 ? first + index : otherwise);
    const afterCores = parts.cores.length + nrCpus;
    const afterL2 = afterCores + parts.caches.length;
    const ownLlc = sharing(llc[cpu]!, afterCores, ownCore);
    const ownCluster = sharing(cluster[cpu]!, afterL2, sharing(l2[cpu]!, afterCores, ownCore));
    const clusterSize = (parts.clusters?.[cluster[cpu]!] ?? parts.caches[l2[cpu]!])?.cpus.length ?? 1;
    const llcSize = parts.caches[llc[cpu]!]?.cpus.length ?? 1;
    return {
      online: online === undefined || online.has(cpu),
      core: ownCore,
      cluster: parts.areClustersBelowLlc === true && clusterSize >= llcSize ? ownCore : ownCluster,
      // A cache is cut at the node, as the kernel cuts it: with sub-NUMA clustering the L3 is reported for all of the
      // package. @spec 04 §1
      llc: ownLlc * nodes.length + nodeIndex.get(node[cpu]!)!,
      ...(die[cpu]! >= 0 ? { die: die[cpu]! } : {}),
      package: pkg[cpu]!,
      node: node[cpu]!,
      capacity: parts.capacity?.get(cpu) ?? 1024,
      priority: parts.priority?.get(cpu) ?? 0,
    };
  });
  const distanceOf = (from: number, to: number) => parts.distance?.(from, to) ?? (from === to ? 10 : 20);
  return buildTopology({
    name,
    cpus,
    nodes: nodes.map((n) => n.node),
    distance: nodes.map((a) => nodes.map((b) => distanceOf(a.node, b.node))),
    caches: [...parts.caches].sort((a, b) => a.level - b.level || (a.cpus[0] ?? 0) - (b.cpus[0] ?? 0)),
    perfDomains: parts.perfDomains ?? [],
    hybrid: parts.hybrid ?? false,
    ...(parts.nodeReclaimDistance === undefined ? {} : { nodeReclaimDistance: parts.nodeReclaimDistance }),
  });
}

/** For each CPU the index of the part that holds it, -1 if none does. */
function partColumn(nrCpus: number, parts: readonly Part[]): Int32Array {
  const column = new Int32Array(nrCpus).fill(-1);
  parts.forEach((part, i) => {
    for (const cpu of part.cpus) column[cpu] = i;
  });
  return column;
}

function idColumn(nrCpus: number, parts: readonly Part[], otherwise: number): Int32Array {
  const column = new Int32Array(nrCpus).fill(otherwise);
  for (const part of parts) for (const cpu of part.cpus) column[cpu] = part.id;
  return column;
}

/** For each CPU the index of its cache of the highest level, -1 if it has none; instructions alone do not count. */
function cacheColumn(nrCpus: number, caches: readonly Cache[], isWanted: (cache: Cache) => boolean): Int32Array {
  const column = new Int32Array(nrCpus).fill(-1);
  caches.forEach((cache, i) => {
    if (cache.type === 'Instruction' || !isWanted(cache)) return;
    for (const cpu of cache.cpus) {
      const before = column[cpu]!;
      if (before < 0 || caches[before]!.level < cache.level) column[cpu] = i;
    }
  });
  return column;
}

function nodeColumn(nrCpus: number, nodes: readonly NumaNode[]): Int32Array {
  const column = new Int32Array(nrCpus).fill(nodes[0]!.node);
  const size = new Int32Array(nrCpus).fill(nrCpus + 1);
  for (const { node, cpus } of nodes) {
    for (const cpu of cpus) {
      if (cpus.length >= size[cpu]!) continue;
      size[cpu] = cpus.length;
      column[cpu] = node;
    }
  }
  return column;
}
