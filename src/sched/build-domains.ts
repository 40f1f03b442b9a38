/**
 * Building the scheduling domains of a machine, as the kernel does at boot and after every change of its CPU map:
 *
 *   topology levels ──► chains of domains ──► groups, rings, capacities ──► redundant domains removed ──► flat tree
 *   topology-levels     domain-chains         sched-groups                  degenerate                    here
 *
 * The finished tree keeps only what survived, numbered by CPU and from the lowest domain up, with the pointers the
 * scheduler caches for each CPU. Sets of CPUs, groups and rings that are equal are one object.
 *
 * Not modelled: several cpuset partitions (isolated CPUs are, as CPUs without domains), and the root domain's other
 * duties. @spec 04
 */
import { UserError } from '../base/errors.ts';
import type { Topology } from '../machine/topology.ts';
import { degenerateChain } from './degenerate.ts';
import { buildChains, cacheNiceTries, imbalancePct } from './domain-chains.ts';
import type { CapacityDraft, DomainDraft, DraftTable, GroupDraft } from './domain-draft.ts';
import { type DomainTree, type GroupCapacity, type SchedDomain, type SchedGroup, SD } from './domains.ts';
import { buildGroups, initCapacities } from './sched-groups.ts';
import { type Span, SpanTable } from './span-table.ts';
import { isSmtPresent, numaDistances, numaTopologyType, topologyLevels } from './topology-levels.ts';

export interface BuildOptions {
  /** CPUs outside the map (isolcpus=domain): they get no domains, and nobody balances to them. */
  readonly isolated?: Iterable<number>;
  /** `relax_domain_level`: from this level up no newidle balancing. -1, the default, changes nothing. @spec 04 §2 */
  readonly relaxDomainLevel?: number;
  /** NUMA levels farther than this get no exec, fork and wake-affine balancing; default 30. @spec 04 §2 */
  readonly nodeReclaimDistance?: number;
  /**
   * Fault: overlapping groups are built once, as the first CPU of the span sees them, for all its CPUs. Where distances
   * are very uneven such groups can miss CPUs of the span, but never the owner. @spec 23 §2.2
   */
  readonly groupsFromCpu0?: boolean;
  /** Fault: no domains across nodes. @spec 23 §2.4 */
  readonly dropNuma?: boolean;
}

export function buildDomains(t: Topology, options: BuildOptions = {}): DomainTree {
  const spans = new SpanTable(t.nrCpus);
  const map = cpuMap(t, spans, options.isolated ?? []);
  const levels = topologyLevels(t, { dropNuma: options.dropNuma ?? false });
  const table = buildChains(t, map, levels, spans, {
    relaxDomainLevel: options.relaxDomainLevel ?? -1,
    nodeReclaimDistance: options.nodeReclaimDistance ?? t.nodeReclaimDistance,
  });
  buildGroups(table, t.nrCpus, spans, { groupsFromCpu0: options.groupsFromCpu0 ?? false });
  initCapacities(table, t);
  const asymCpucapacity = table.some((row) => row.some((sd) => sd !== undefined && sd.flags & SD.ASYM_CPUCAPACITY));

  const chains = survivors(table, t.nrCpus);
  const { domains, groups, capacities, ofCpu, nrShared } = flatten(chains, t);
  const distances = numaDistances(t);
  return {
    domains,
    groups,
    capacities,
    ofCpu,
    nrShared,
    map: map.mask,
    ...cachedPointers(domains, ofCpu),
    smtPresent: isSmtPresent(t),
    asymCpucapacity,
    maxCpuCapacity: map.cpus.reduce((max, cpu) => Math.max(max, t.capacity[cpu]!), 0),
    topologyType: numaTopologyType(t),
    maxNumaDistance: distances[distances.length - 1]!,
  };
}

/** The CPUs domains are built over: online and not isolated. */
function cpuMap(t: Topology, spans: SpanTable, isolated: Iterable<number>): Span {
  const out = new Set<number>();
  for (const cpu of isolated) {
    if (!Number.isInteger(cpu) || cpu < 0 || cpu >= t.nrCpus) {
      throw new UserError('machine', `CPU ${cpu} cannot be isolated: machine "${t.name}" has CPUs 0-${t.nrCpus - 1}`);
    }
    out.add(cpu);
  }
  const cpus: number[] = [];
  for (let cpu = 0; cpu < t.nrCpus; cpu++) if (t.online[cpu] !== 0 && !out.has(cpu)) cpus.push(cpu);
  return spans.of(cpus);
}

/** Each CPU's chain after degeneration, lowest first; empty where nothing is left. */
function survivors(table: DraftTable, nrCpus: number): DomainDraft[][] {
  const chains: DomainDraft[][] = [];
  for (let cpu = 0; cpu < nrCpus; cpu++) {
    const chain: DomainDraft[] = [];
    const lowest = table[0]?.[cpu];
    for (let sd = lowest && degenerateChain(lowest); sd !== undefined; sd = sd.parent) chain.push(sd);
    chains.push(chain);
  }
  return chains;
}

/** Numbers everything that survived. */
function flatten(chains: readonly DomainDraft[][], t: Topology) {
  const groups: SchedGroup[] = [];
  const capacities: GroupCapacity[] = [];
  const groupIds = new Map<GroupDraft, number>();
  const equalGroups = new Map<string, number>();
  const capacityIds = new Map<CapacityDraft, number>();

  const capacityId = (sgc: CapacityDraft): number => {
    let id = capacityIds.get(sgc);
    if (id === undefined) {
      capacityIds.set(sgc, (id = capacities.length));
      capacities.push({ ...sgc });
    }
    return id;
  };
  const groupId = (group: GroupDraft): number => {
    const known = groupIds.get(group);
    if (known !== undefined) return known;
    const sgc = capacityId(group.sgc);
    // A NUMA ring's private copies are told apart by their flags only.
    const key = `${sgc}/${group.flags}`;
    let id = equalGroups.get(key);
    if (id === undefined) {
      equalGroups.set(key, (id = groups.length));
      groups.push({
        id,
        mask: group.span.mask,
        cpus: group.span.cpus,
        balanceMask: group.balance.mask,
        balanceCpu: group.balance.first,
        flags: group.flags,
        sgc,
        asymPreferCpu: preferredCpu(t, group.span.cpus),
      });
    }
    groupIds.set(group, id);
    return id;
  };

  const rings = new Map<readonly GroupDraft[], Int32Array>();
  const equalRings = new Map<string, Int32Array>();
  const ringOf = (draft: readonly GroupDraft[]): Int32Array => {
    let ring = rings.get(draft);
    if (ring === undefined) {
      ring = Int32Array.from(draft, groupId);
      const key = ring.join();
      const equal = equalRings.get(key);
      if (equal === undefined) equalRings.set(key, ring);
      else ring = equal;
      rings.set(draft, ring);
    }
    return ring;
  };

  const domains: SchedDomain[] = [];
  const sharedIds = new Map<string, number>();
  const ofCpu = chains.map((chain) => {
    const base = domains.length;
    chain.forEach((sd, i) => {
      let shared = -1;
      if (sd.flags & SD.SHARE_PKG_RESOURCES) {
        const key = `${sd.row}/${sd.span.first}`;
        shared = sharedIds.get(key) ?? sharedIds.size;
        sharedIds.set(key, shared);
      }
      domains.push({
        id: base + i,
        cpu: sd.cpu,
        level: sd.level.level,
        name: sd.level.name,
        flags: sd.flags,
        parent: i + 1 < chain.length ? base + i + 1 : -1,
        child: i > 0 ? base + i - 1 : -1,
        span: sd.span.mask,
        cpus: sd.span.cpus,
        spanWeight: sd.span.weight,
        minInterval: sd.maskWeight,
        maxInterval: 2 * sd.maskWeight,
        busyFactor: 16,
        imbalancePct: imbalancePct(sd.flags),
        cacheNiceTries: cacheNiceTries(sd.flags),
        imbNumaNr: sd.imbNumaNr,
        ring: ringOf(sd.ring),
        ringStart: sd.ringStart,
        shared,
      });
    });
    return Int32Array.from(chain, (_, i) => base + i);
  });
  return { domains, groups, capacities, ofCpu, nrShared: sharedIds.size };
}

/** @spec 06 §5.5 */
function preferredCpu(t: Topology, cpus: Int32Array): number {
  let best = cpus[0]!;
  for (const cpu of cpus) if (t.priority[cpu]! > t.priority[best]!) best = cpu;
  return best;
}

/** What the scheduler keeps at hand for each CPU. @spec 04 §5 */
function cachedPointers(domains: readonly SchedDomain[], ofCpu: readonly Int32Array[]) {
  const highest = (flag: number) => Int32Array.from(ofCpu, (chain) => highestWith(domains, chain, flag));
  const lowest = (flag: number) =>
    Int32Array.from(ofCpu, (chain) => chain.find((id) => (domains[id]!.flags & flag) !== 0) ?? -1);
  const sdLlc = highest(SD.SHARE_PKG_RESOURCES);
  return {
    sdLlc,
    sdNuma: lowest(SD.NUMA),
    sdAsymPacking: highest(SD.ASYM_PACKING),
    sdAsymCpucapacity: lowest(SD.ASYM_CPUCAPACITY_FULL),
    llcSize: sdLlc.map((id) => (id < 0 ? 1 : domains[id]!.spanWeight)),
    llcId: sdLlc.map((id, cpu) => (id < 0 ? cpu : domains[id]!.cpus[0]!)),
  };
}

/** The last domain, from the lowest up, of the unbroken run that has the flag; -1 if the lowest lacks it. */
function highestWith(domains: readonly SchedDomain[], chain: Int32Array, flag: number): number {
  let found = -1;
  for (const id of chain) {
    if ((domains[id]!.flags & flag) === 0) break;
    found = id;
  }
  return found;
}
