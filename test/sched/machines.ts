/** Machines for tests of domains, described by counts, and a dump of domains short enough to read in a literal. */
import { formatCpuList, maskCpus } from '../../src/machine/cpumask.ts';
import {
  buildTopology,
  type CpuDescription,
  type MachineDescription,
  type Topology,
} from '../../src/machine/topology.ts';
import type { DomainTree, SchedDomain } from '../../src/sched/domains.ts';

export interface Grid {
  readonly packages?: number;
  readonly nodesPerPackage?: number;
  readonly llcsPerNode?: number;
  readonly coresPerLlc: number;
  readonly threads?: number;
  /** Cores sharing an L2; default 1. */
  readonly coresPerCluster?: number;
  /** Threads of a core are neighbours in number (0,1) or a whole machine apart (0,n); default apart. */
  readonly numbering?: 'adjacent' | 'apart';
  readonly distance?: readonly (readonly number[])[];
  readonly offline?: readonly number[];
}

/** A regular machine: packages of nodes of LLCs of cores of threads. */
export function grid(g: Grid, more: Partial<MachineDescription> = {}): Topology {
  const { packages = 1, nodesPerPackage = 1, llcsPerNode = 1, threads = 1, coresPerCluster = 1 } = g;
  const nrCores = packages * nodesPerPackage * llcsPerNode * g.coresPerLlc;
  const cpus: CpuDescription[] = [];
  for (let i = 0; i < nrCores * threads; i++) {
    const core = g.numbering === 'adjacent' ? Math.floor(i / threads) : i % nrCores;
    const llc = Math.floor(core / g.coresPerLlc);
    const node = Math.floor(llc / llcsPerNode);
    cpus.push({
      core,
      cluster: Math.floor(core / coresPerCluster),
      llc,
      node,
      package: Math.floor(node / nodesPerPackage),
      online: !(g.offline ?? []).includes(i),
    });
  }
  const distance = g.distance === undefined ? {} : { distance: g.distance };
  return buildTopology({ name: 'grid', cpus, ...distance, ...more });
}

export function domainsOf(tree: DomainTree, cpu: number): SchedDomain[] {
  return [...tree.ofCpu[cpu]!].map((id) => tree.domains[id]!);
}

export function domainOf(tree: DomainTree, cpu: number, name: string): SchedDomain {
  const found = domainsOf(tree, cpu).find((sd) => sd.name === name);
  if (found === undefined) throw new Error(`CPU ${cpu} has no ${name}: ${chainOf(tree, cpu)}`);
  return found;
}

/** `SMT(2) MC(8)` */
export function chainOf(tree: DomainTree, cpu: number): string {
  return domainsOf(tree, cpu)
    .map((sd) => `${sd.name}(${sd.spanWeight})`)
    .join(' ');
}

/** Groups of a domain in ring order from the local one, as CPU lists. */
export function ringOf(tree: DomainTree, sd: SchedDomain): string[] {
  const { ring, ringStart } = sd;
  return Array.from(ring, (_, i) => {
    const group = tree.groups[ring[(ringStart + i) % ring.length]!]!;
    return formatCpuList([...group.cpus]);
  });
}

/** Distances where `near(i, j)` are neighbours: 10 local, `one` to neighbours, `two` to the others. */
export function distances(n: number, near: (i: number, j: number) => boolean, one = 20, two = 30): number[][] {
  const row = (i: number) => Array.from({ length: n }, (_, j) => (i === j ? 10 : near(i, j) || near(j, i) ? one : two));
  return Array.from({ length: n }, (_, i) => row(i));
}

/** One letter a flag, in bit order. */
const FLAG_LETTERS = 'NEFBWaACLSPpOU';

/**
 * One CPU's domains, a line each: name, span, flags, intervals in ms, imbalance_pct, cache_nice_tries, imb_numa_nr, then
 * the groups in ring order as `CPUs:capacity`, with `/CPUs` that balance for it where these are not all, and `!flags` of
 * the group.
 */
export function dumpOf(tree: DomainTree, cpu: number): string {
  const letters = (flags: number) => [...FLAG_LETTERS].filter((_, bit) => flags & (1 << bit)).join('');
  const lines = domainsOf(tree, cpu).map((sd) => {
    const groups = Array.from(sd.ring, (_, i) => {
      const group = tree.groups[sd.ring[(sd.ringStart + i) % sd.ring.length]!]!;
      const balance = maskCpus(group.balanceMask);
      const by = balance.length < group.cpus.length ? `/${formatCpuList(balance)}` : '';
      const flags = group.flags === 0 ? '' : `!${letters(group.flags)}`;
      return `${formatCpuList([...group.cpus])}:${tree.capacities[group.sgc]!.capacity}${by}${flags}`;
    });
    const figures = `${sd.minInterval}..${sd.maxInterval} ${sd.imbalancePct} ${sd.cacheNiceTries} ${sd.imbNumaNr}`;
    return `${sd.name} ${formatCpuList([...sd.cpus])} ${letters(sd.flags)} ${figures} | ${groups.join(' ')}`;
  });
  return lines.join('\n');
}
