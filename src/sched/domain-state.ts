/**
 * Domains, groups and group capacities as flat tables, and what balancing remembers in them.
 *
 * Lists that several domains or groups have in common (the CPUs of a span, a ring of groups) are stored once in a pool.
 * Counters and timers are one a domain copy, that is, one a CPU and level; capacities and the shared objects of LLCs are
 * shared. @spec 04, 06 §1
 */
import type { CpuMask } from '../machine/cpumask.ts';
import type { Topology } from '../machine/topology.ts';
import type { DomainTree } from './domains.ts';

/** Numbers of one schedstat domain line of version 15: three idle types of eight, then twelve. @spec 09 §1 */
export const DOMAIN_COUNTERS = 36;
/** Imbalances of version 17, beside those: by idle type, each by what was to be moved. @spec 22 §8 */
export const IMBALANCE_COUNTERS = 12;
/** Offsets in a block of eight. */
export const Lb = {
  COUNT: 0,
  BALANCED: 1,
  FAILED: 2,
  IMBALANCE: 3,
  GAINED: 4,
  HOT_GAINED: 5,
  NOBUSYQ: 6,
  NOBUSYG: 7,
} as const;
/** Offsets of the rest. */
export const Alb = { COUNT: 24, FAILED: 25, PUSHED: 26 } as const;
export const Ttwu = { WAKE_REMOTE: 33, MOVE_AFFINE: 34 } as const;

export class DomainState {
  readonly tree: DomainTree;
  readonly nrDomains: number;
  /** Lowest domain of each CPU, or -1. */
  readonly lowest: Int32Array;

  readonly cpu: Int32Array;
  readonly level: Int32Array;
  readonly flags: Int32Array;
  readonly parent: Int32Array;
  readonly child: Int32Array;
  readonly spanWeight: Int32Array;
  readonly imbalancePct: Int32Array;
  readonly cacheNiceTries: Int32Array;
  readonly imbNumaNr: Int32Array;
  readonly minInterval: Int32Array;
  readonly maxInterval: Int32Array;
  readonly busyFactor: Int32Array;
  readonly shared: Int32Array;
  /** The span as a mask: `maskWords` words of `masks` from here. */
  readonly spanMask: Int32Array;
  /** The span as a list in `lists`. */
  readonly spanBase: Int32Array;
  /** Ring of group ids in `lists`: base, length, and where this CPU enters it. */
  readonly ringBase: Int32Array;
  readonly ringLength: Int32Array;
  readonly ringStart: Int32Array;

  // What balancing remembers. Intervals in ms, times in jiffies, costs in ns.
  readonly balanceInterval: Float64Array;
  readonly nrBalanceFailed: Int32Array;
  readonly lastBalance: Float64Array;
  readonly maxNewidleLbCost: Float64Array;
  readonly lastDecayMaxLbCost: Float64Array;
  readonly newidleCall: Int32Array;
  readonly newidleSuccess: Int32Array;
  readonly newidleRatio: Int32Array;
  /** What a search for an idle CPU takes, ns; of LLC domains, for SIS_PROP. */
  readonly avgScanCost: Float64Array;
  /** When the ratio was worked out last, ns. */
  readonly newidleStamp: Float64Array;
  /** schedstat counters, `DOMAIN_COUNTERS` a domain. */
  readonly counters: Float64Array;
  /** `IMBALANCE_COUNTERS` a domain. */
  readonly imbalances: Float64Array;

  readonly groupBase: Int32Array;
  readonly groupWeight: Int32Array;
  /** Cores of which the group has a thread or more. */
  readonly groupCores: Int32Array;
  readonly groupFlags: Int32Array;
  /** The balance mask as a list. */
  readonly groupBalanceBase: Int32Array;
  readonly groupBalanceLength: Int32Array;
  readonly groupBalanceCpu: Int32Array;
  readonly groupSgc: Int32Array;
  readonly groupPreferCpu: Int32Array;
  /** First CPU of the group, for groups of one. */
  readonly groupFirst: Int32Array;
  readonly groupMask: Int32Array;

  readonly sgcCapacity: Float64Array;
  readonly sgcMin: Float64Array;
  readonly sgcMax: Float64Array;
  readonly sgcNextUpdate: Float64Array;
  readonly sgcImbalance: Int32Array;

  // sched_domain_shared
  readonly nrBusyCpus: Int32Array;
  readonly hasIdleCores: Int32Array;
  readonly nrIdleScan: Int32Array;

  /** Pools. */
  readonly lists: Int32Array;
  readonly masks: Uint32Array;
  readonly maskWords: number;

  constructor(tree: DomainTree, { nrCpus, core }: Pick<Topology, 'nrCpus' | 'core'>, jiffies: number) {
    const { domains, groups } = tree;
    const n = domains.length;
    this.tree = tree;
    this.nrDomains = n;
    this.maskWords = (nrCpus + 31) >>> 5;
    this.lowest = Int32Array.from({ length: nrCpus }, (_, cpu) => tree.ofCpu[cpu]?.[0] ?? -1);

    const lists = new ListPool();
    const masks = new MaskPool();
    const ints = (of: (i: number) => number) => Int32Array.from({ length: n }, (_, i) => of(i));
    this.cpu = ints((i) => domains[i]!.cpu);
    this.level = ints((i) => domains[i]!.level);
    this.flags = ints((i) => domains[i]!.flags);
    this.parent = ints((i) => domains[i]!.parent);
    this.child = ints((i) => domains[i]!.child);
    this.spanWeight = ints((i) => domains[i]!.spanWeight);
    this.imbalancePct = ints((i) => domains[i]!.imbalancePct);
    this.cacheNiceTries = ints((i) => domains[i]!.cacheNiceTries);
    this.imbNumaNr = ints((i) => domains[i]!.imbNumaNr);
    this.minInterval = ints((i) => domains[i]!.minInterval);
    this.maxInterval = ints((i) => domains[i]!.maxInterval);
    this.busyFactor = ints((i) => domains[i]!.busyFactor);
    this.shared = ints((i) => domains[i]!.shared);
    this.spanMask = ints((i) => masks.add(domains[i]!.span));
    this.spanBase = ints((i) => lists.add(domains[i]!.cpus));
    this.ringBase = ints((i) => lists.add(domains[i]!.ring));
    this.ringLength = ints((i) => domains[i]!.ring.length);
    this.ringStart = ints((i) => domains[i]!.ringStart);

    this.balanceInterval = Float64Array.from(this.minInterval);
    this.nrBalanceFailed = new Int32Array(n);
    this.lastBalance = new Float64Array(n).fill(jiffies);
    this.maxNewidleLbCost = new Float64Array(n);
    this.lastDecayMaxLbCost = new Float64Array(n).fill(jiffies);
    this.newidleCall = new Int32Array(n).fill(512);
    this.newidleSuccess = new Int32Array(n).fill(256);
    this.newidleRatio = new Int32Array(n).fill(512);
    this.avgScanCost = new Float64Array(n);
    this.newidleStamp = new Float64Array(n);
    this.counters = new Float64Array(n * DOMAIN_COUNTERS);
    this.imbalances = new Float64Array(n * IMBALANCE_COUNTERS);

    this.groupBase = Int32Array.from(groups, (g) => lists.add(g.cpus));
    this.groupWeight = Int32Array.from(groups, (g) => g.cpus.length);
    this.groupCores = Int32Array.from(groups, (g) => new Set([...g.cpus].map((cpu) => core[cpu])).size);
    this.groupFlags = Int32Array.from(groups, (g) => g.flags);
    const balance = groups.map((g) => g.cpus.filter((c) => (g.balanceMask[c >>> 5]! & (1 << (c & 31))) !== 0));
    this.groupBalanceBase = Int32Array.from(balance, (list) => lists.add(list));
    this.groupBalanceLength = Int32Array.from(balance, (list) => list.length);
    this.groupBalanceCpu = Int32Array.from(groups, (g) => g.balanceCpu);
    this.groupSgc = Int32Array.from(groups, (g) => g.sgc);
    this.groupPreferCpu = Int32Array.from(groups, (g) => g.asymPreferCpu);
    this.groupFirst = Int32Array.from(groups, (g) => g.cpus[0]!);
    this.groupMask = Int32Array.from(groups, (g) => masks.add(g.mask));

    this.sgcCapacity = Float64Array.from(tree.capacities, (c) => c.capacity);
    this.sgcMin = Float64Array.from(tree.capacities, (c) => c.minCapacity);
    this.sgcMax = Float64Array.from(tree.capacities, (c) => c.maxCapacity);
    this.sgcNextUpdate = new Float64Array(tree.capacities.length);
    this.sgcImbalance = new Int32Array(tree.capacities.length);

    this.nrBusyCpus = new Int32Array(tree.nrShared);
    for (const d of domains) if (d.shared >= 0) this.nrBusyCpus[d.shared] = d.spanWeight;
    this.hasIdleCores = new Int32Array(tree.nrShared);
    this.nrIdleScan = new Int32Array(tree.nrShared);

    this.lists = lists.build();
    this.masks = masks.build(this.maskWords);
  }

  /** Id of the local group of a domain. */
  localGroup(sd: number): number {
    return this.lists[this.ringBase[sd]! + this.ringStart[sd]!]!;
  }

  spans(sd: number, cpu: number): boolean {
    return (this.masks[this.spanMask[sd]! + (cpu >>> 5)]! & (1 << (cpu & 31))) !== 0;
  }

  groupHas(group: number, cpu: number): boolean {
    return (this.masks[this.groupMask[group]! + (cpu >>> 5)]! & (1 << (cpu & 31))) !== 0;
  }
}

/** Lists of numbers, each array stored once however often it is added. */
class ListPool {
  #bases = new Map<Int32Array, number>();
  #lists: Int32Array[] = [];
  #length = 0;

  add(list: Int32Array): number {
    const known = this.#bases.get(list);
    if (known !== undefined) return known;
    const base = this.#length;
    this.#bases.set(list, base);
    this.#lists.push(list);
    this.#length += list.length;
    return base;
  }

  build(): Int32Array {
    const out = new Int32Array(this.#length);
    let at = 0;
    for (const list of this.#lists) {
      out.set(list, at);
      at += list.length;
    }
    return out;
  }
}

/** Masks, each array stored once; `add` returns the offset of the first word. */
class MaskPool {
  #ids = new Map<CpuMask, number>();
  #words = 0;

  add(mask: CpuMask): number {
    const known = this.#ids.get(mask);
    if (known !== undefined) return known;
    const at = this.#words;
    this.#ids.set(mask, at);
    this.#words += mask.length;
    return at;
  }

  build(words: number): Uint32Array {
    const out = new Uint32Array(Math.max(words, this.#words));
    for (const [mask, at] of this.#ids) out.set(mask, at);
    return out;
  }
}
