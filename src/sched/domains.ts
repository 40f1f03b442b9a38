/**
 * Scheduling domains and groups as the kernel builds them: what they are. How they are built is in `build-domains.ts`.
 *
 * Every CPU owns a chain of domains, lowest first. A domain's span is cut into groups, kept as a ring which each CPU of
 * the span enters at its own ("local") group. Counters and timers belong to a CPU's own copy of a domain; groups and
 * their capacities (sgc) are shared. @spec 04
 */
import type { CpuMask } from '../machine/cpumask.ts';

/** Domain flags, by the kernel's bit numbers. @spec 04 §2 */
export const SD = {
  BALANCE_NEWIDLE: 1 << 0,
  BALANCE_EXEC: 1 << 1,
  BALANCE_FORK: 1 << 2,
  BALANCE_WAKE: 1 << 3,
  WAKE_AFFINE: 1 << 4,
  ASYM_CPUCAPACITY: 1 << 5,
  ASYM_CPUCAPACITY_FULL: 1 << 6,
  SHARE_CPUCAPACITY: 1 << 7,
  SHARE_PKG_RESOURCES: 1 << 8,
  SERIALIZE: 1 << 9,
  ASYM_PACKING: 1 << 10,
  PREFER_SIBLING: 1 << 11,
  OVERLAP: 1 << 12,
  NUMA: 1 << 13,
} as const;

/** Names of the flags in bit order, as debugfs prints them. @spec 09 §4 */
export const SD_FLAG_NAMES: readonly string[] = Object.keys(SD).map((name) => `SD_${name}`);

/** Indices in the kernel's topology table; NUMA levels follow from here on. @spec 04 §1 */
export const Level = { SMT: 0, CLS: 1, MC: 2, DIE: 3, NODE: 4, NUMA: 5 } as const;

/** A group of CPUs; shared by all domains whose ring contains it. */
export interface SchedGroup {
  /** Index in `DomainTree.groups`. */
  readonly id: number;
  readonly mask: CpuMask;
  /** The CPUs of `mask`, ascending. */
  readonly cpus: Int32Array;
  /** CPUs that may balance on behalf of the group. @spec 04 §3 */
  readonly balanceMask: CpuMask;
  /** Lowest CPU of the balance mask. */
  readonly balanceCpu: number;
  /** Flags of the child domain the group was made of, when it was made. */
  readonly flags: number;
  /** Which sched_group_capacity the group uses: index in `DomainTree.capacities`. */
  readonly sgc: number;
  /** CPU of highest priority, first on ties; only meaningful with SD_ASYM_PACKING. */
  readonly asymPreferCpu: number;
}

/** Initial contents of a sched_group_capacity. */
export interface GroupCapacity {
  readonly capacity: number;
  readonly minCapacity: number;
  readonly maxCapacity: number;
}

/** One CPU's copy of one domain. */
export interface SchedDomain {
  /** Index in `DomainTree.domains`. */
  readonly id: number;
  /** The CPU that owns this copy. */
  readonly cpu: number;
  /** Index in the kernel's topology table (`Level`), before any degeneration. */
  readonly level: number;
  /** SMT, CLS, MC, DIE, NODE or NUMA. */
  readonly name: string;
  readonly flags: number;
  /** Ids of the neighbours in this CPU's chain, or -1. */
  readonly parent: number;
  readonly child: number;
  readonly span: CpuMask;
  /** The CPUs of the span, ascending; the same array for all domains of one span. */
  readonly cpus: Int32Array;
  readonly spanWeight: number;
  /** Milliseconds. */
  readonly minInterval: number;
  readonly maxInterval: number;
  readonly busyFactor: number;
  readonly imbalancePct: number;
  readonly cacheNiceTries: number;
  readonly imbNumaNr: number;
  /** Group ids in ring order; the same array for all domains that share the ring. The local group is `ring[ringStart]`. */
  readonly ring: Int32Array;
  readonly ringStart: number;
  /** Index of the sched_domain_shared object (one per span with SD_SHARE_PKG_RESOURCES), or -1. */
  readonly shared: number;
}

export interface DomainTree {
  readonly domains: readonly SchedDomain[];
  readonly groups: readonly SchedGroup[];
  readonly capacities: readonly GroupCapacity[];
  /** Domain ids of each CPU, lowest first; empty for offline CPUs and single-CPU machines. */
  readonly ofCpu: readonly Int32Array[];
  /** Number of sched_domain_shared objects. */
  readonly nrShared: number;
  /** The CPUs the domains were built over: online and not isolated (the span of the root domain). */
  readonly map: CpuMask;

  // Cached pointers of each CPU, as domain ids or -1. @spec 04 §5
  readonly sdLlc: Int32Array;
  readonly sdNuma: Int32Array;
  readonly sdAsymPacking: Int32Array;
  readonly sdAsymCpucapacity: Int32Array;
  /** 1 and the CPU's own number where there is no LLC domain. */
  readonly llcSize: Int32Array;
  readonly llcId: Int32Array;

  readonly smtPresent: boolean;
  readonly asymCpucapacity: boolean;
  /** rd.max_cpu_capacity */
  readonly maxCpuCapacity: number;
  readonly topologyType: 'direct' | 'glueless_mesh' | 'backplane';
  readonly maxNumaDistance: number;
}
