/**
 * A machine and its scheduling domains as JSON for other programs.
 *
 * The shape is stable: fields are added, never renamed or given another meaning, without a new `version`. CPU sets are
 * lists as the kernel prints them (`0-3,8`), units are in the names, absent things are null. Domains, groups, rings and
 * nothing else are numbered from 0 and referred to by number; a ring is a list of groups, shared by all domains that link
 * the same groups in the same order.
 */
import { formatCpuList, maskCpus } from '../machine/cpumask.ts';
import type { Topology } from '../machine/topology.ts';
import type { DomainTree } from '../sched/domains.ts';
import { namesFor } from '../sched/kernel-names.ts';

export interface MachineJson {
  readonly format: 'steelyard-machine';
  readonly version: 1;
  readonly name: string;
  /** Kernel release whose names of domains and flags are used. */
  readonly release: string;
  readonly nr_cpus: number;
  readonly online: string;
  /** CPUs the domains are built over: online and not isolated. */
  readonly map: string;
  readonly hybrid: boolean;
  readonly nodeReclaimDistance: number;
  readonly smt_present: boolean;
  readonly asym_cpucapacity: boolean;
  readonly max_cpu_capacity: number;
  readonly numa_topology: 'direct' | 'glueless_mesh' | 'backplane';
  readonly max_numa_distance: number;
  /** In the order of the rows and columns of `node_distance`. */
  readonly nodes: readonly { readonly node: number; readonly cpus: string }[];
  readonly node_distance: readonly (readonly number[])[];
  readonly caches: readonly CacheJson[];
  readonly perf_domains: readonly PerfDomainJson[];
  readonly cpus: readonly CpuJson[];
  readonly domains: readonly DomainJson[];
  readonly rings: readonly (readonly number[])[];
  readonly groups: readonly GroupJson[];
}

export interface CacheJson {
  readonly level: number;
  readonly type: 'Data' | 'Instruction' | 'Unified';
  readonly size_bytes: number | null;
  readonly cpus: string;
}

export interface PerfDomainJson {
  readonly cpus: string;
  readonly states: readonly { readonly frequency_khz: number; readonly power: number }[];
}

export interface CpuJson {
  readonly cpu: number;
  readonly online: boolean;
  /** Lowest CPU of the core, the cluster and the last-level cache. */
  readonly core: number;
  readonly cluster: number;
  readonly llc: number;
  readonly die: number;
  readonly package: number;
  readonly node: number;
  readonly capacity: number;
  readonly priority: number;
  /** Lowest first. */
  readonly domains: readonly number[];
  // The pointers the scheduler caches.
  readonly sd_llc: number | null;
  readonly sd_llc_size: number;
  readonly sd_llc_id: number;
  readonly sd_numa: number | null;
  readonly sd_asym_packing: number | null;
  readonly sd_asym_cpucapacity: number | null;
}

export interface DomainJson {
  readonly cpu: number;
  readonly name: string;
  /** Index in the kernel's topology table: SMT 0, CLS 1, MC 2, DIE 3, NODE 4, NUMA from 5. */
  readonly level: number;
  readonly flags: readonly string[];
  readonly span: string;
  readonly span_weight: number;
  readonly parent: number | null;
  readonly child: number | null;
  readonly min_interval_ms: number;
  readonly max_interval_ms: number;
  readonly busy_factor: number;
  readonly imbalance_pct: number;
  readonly cache_nice_tries: number;
  readonly imb_numa_nr: number;
  readonly ring: number;
  /** The group that holds the owner; where the owner enters the ring. */
  readonly local_group: number;
}

export interface GroupJson {
  readonly cpus: string;
  readonly weight: number;
  /** CPUs that may balance on the group's behalf, and the one that does if none is idle. */
  readonly balance_cpus: string;
  readonly balance_cpu: number;
  readonly flags: readonly string[];
  /** Groups with the same number share their capacity. */
  readonly sgc: number;
  readonly capacity: number;
  readonly min_capacity: number;
  readonly max_capacity: number;
  readonly asym_prefer_cpu: number;
}

export function machineJson(t: Topology, tree: DomainTree, options: { readonly release?: string } = {}): MachineJson {
  const { release = '6.1' } = options;
  const names = namesFor(release);
  const orNull = (id: number): number | null => (id < 0 ? null : id);
  // Spans and rings are shared by many domains; each is written out once.
  const lists = new Map<Int32Array, string>();
  const listOf = (cpus: Int32Array): string => {
    let list = lists.get(cpus);
    if (list === undefined) lists.set(cpus, (list = formatCpuList([...cpus])));
    return list;
  };
  const rings = new Map<Int32Array, number>();
  for (const sd of tree.domains) if (!rings.has(sd.ring)) rings.set(sd.ring, rings.size);
  const cpus = Array.from({ length: t.nrCpus }, (_, cpu) => cpu);

  return {
    format: 'steelyard-machine',
    version: 1,
    name: t.name,
    release,
    nr_cpus: t.nrCpus,
    online: formatCpuList(cpus.filter((cpu) => t.online[cpu] !== 0)),
    map: formatCpuList(maskCpus(tree.map)),
    hybrid: t.hybrid,
    nodeReclaimDistance: t.nodeReclaimDistance,
    smt_present: tree.smtPresent,
    asym_cpucapacity: tree.asymCpucapacity,
    max_cpu_capacity: tree.maxCpuCapacity,
    numa_topology: tree.topologyType,
    max_numa_distance: tree.maxNumaDistance,
    nodes: t.nodes.map((n) => ({ node: n.node, cpus: formatCpuList(n.cpus) })),
    node_distance: t.distance.map((row) => [...row]),
    caches: t.caches.map((cache) => ({
      level: cache.level,
      type: cache.type,
      size_bytes: cache.sizeBytes > 0 ? cache.sizeBytes : null,
      cpus: formatCpuList(cache.cpus),
    })),
    perf_domains: t.perfDomains.map((pd) => ({
      cpus: formatCpuList(pd.cpus),
      states: pd.states.map((s) => ({ frequency_khz: s.frequencyKhz, power: s.power })),
    })),
    cpus: cpus.map((cpu) => ({
      cpu,
      online: t.online[cpu] !== 0,
      core: t.core[cpu]!,
      cluster: t.cluster[cpu]!,
      llc: t.llc[cpu]!,
      die: t.die[cpu]!,
      package: t.package[cpu]!,
      node: t.node[cpu]!,
      capacity: t.capacity[cpu]!,
      priority: t.priority[cpu]!,
      domains: [...tree.ofCpu[cpu]!],
      sd_llc: orNull(tree.sdLlc[cpu]!),
      sd_llc_size: tree.llcSize[cpu]!,
      sd_llc_id: tree.llcId[cpu]!,
      sd_numa: orNull(tree.sdNuma[cpu]!),
      sd_asym_packing: orNull(tree.sdAsymPacking[cpu]!),
      sd_asym_cpucapacity: orNull(tree.sdAsymCpucapacity[cpu]!),
    })),
    domains: tree.domains.map((sd) => ({
      cpu: sd.cpu,
      name: names.domain(sd.name),
      level: sd.level,
      flags: names.flags(sd.flags),
      span: listOf(sd.cpus),
      span_weight: sd.spanWeight,
      parent: orNull(sd.parent),
      child: orNull(sd.child),
      min_interval_ms: sd.minInterval,
      max_interval_ms: sd.maxInterval,
      busy_factor: sd.busyFactor,
      imbalance_pct: sd.imbalancePct,
      cache_nice_tries: sd.cacheNiceTries,
      imb_numa_nr: sd.imbNumaNr,
      ring: rings.get(sd.ring)!,
      local_group: sd.ring[sd.ringStart]!,
    })),
    rings: [...rings.keys()].map((ring) => [...ring]),
    groups: tree.groups.map((group) => {
      const sgc = tree.capacities[group.sgc]!;
      return {
        cpus: listOf(group.cpus),
        weight: group.cpus.length,
        balance_cpus: formatCpuList(maskCpus(group.balanceMask)),
        balance_cpu: group.balanceCpu,
        flags: names.flags(group.flags),
        sgc: group.sgc,
        capacity: sgc.capacity,
        min_capacity: sgc.minCapacity,
        max_capacity: sgc.maxCapacity,
        asym_prefer_cpu: group.asymPreferCpu,
      };
    }),
  };
}
