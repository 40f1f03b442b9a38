/**
 * Statistics of groups and of a whole domain, and which group is the busiest. @spec 06 §5-6
 */

import * as avg from '../sched/averages.ts';
import { AVG_DL, AVG_RT } from '../sched/averages.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { forget, saw } from '../sched/decide.ts';
import { SD } from '../sched/domains.ts';
import { k, msecsToJiffies } from '../sched/kernel.ts';
import { readFrom, writeTo } from '../sched/line-access.ts';
import { cpuOverutilized, idleCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { Line } from '../sched/shared-lines.ts';
import { GroupRole } from '../trace/decisions.ts';
import { Ev } from '../trace/events.ts';
import { asymPrefer, capacityGreater, capacityReduced, Fbq, GroupType, Idle, type LbEnv } from './env.ts';
import type { LoadComparison } from './load-comparison.ts';

/** What a pass knows of one group. */
export class GroupStats {
  group = -1;
  load = 0;
  util = 0;
  runnable = 0;
  capacity = 0;
  weight = 0;
  sumNrRunning = 0;
  sumHNrRunning = 0;
  idleCpus = 0;
  type: number = GroupType.HAS_SPARE;
  avgLoad = 0;
  misfitTaskLoad = 0;
  asymPacking = false;

  /** The incumbent before any candidate: nobody. */
  reset(): void {
    this.group = -1;
    this.load = 0;
    this.util = 0;
    this.runnable = 0;
    this.capacity = 0;
    this.weight = 0;
    this.sumNrRunning = 0;
    this.sumHNrRunning = 0;
    this.idleCpus = 0;
    this.type = GroupType.HAS_SPARE;
    this.avgLoad = 0;
    this.misfitTaskLoad = 0;
    this.asymPacking = false;
  }

  copy(from: GroupStats): void {
    this.group = from.group;
    this.load = from.load;
    this.util = from.util;
    this.runnable = from.runnable;
    this.capacity = from.capacity;
    this.weight = from.weight;
    this.sumNrRunning = from.sumNrRunning;
    this.sumHNrRunning = from.sumHNrRunning;
    this.idleCpus = from.idleCpus;
    this.type = from.type;
    this.avgLoad = from.avgLoad;
    this.misfitTaskLoad = from.misfitTaskLoad;
    this.asymPacking = from.asymPacking;
  }
}

/** What a pass knows of the domain. */
export class DomainStats {
  readonly local = new GroupStats();
  readonly busiest = new GroupStats();
  readonly #scratch = new GroupStats();
  totalLoad = 0;
  totalCapacity = 0;
  avgLoad = 0;
  preferSibling = false;
  /** Some runqueue has two tasks; some CPU is short of capacity. */
  overload = false;
  overutilized = false;
  /** Groups are compared in the old way; null: by type first. @spec 23 §3 */
  readonly byLoad: LoadComparison | null;

  constructor(byLoad: LoadComparison | null = null) {
    this.byLoad = byLoad;
  }

  /** Gathers everything about the domain of the pass. @spec 06 §5.4 */
  update(env: LbEnv): void {
    const { sd } = k;
    const domain = env.sd;
    const { local, busiest } = this;
    if (k.deciding) forget(Ev.DECISION_GROUP);
    this.totalLoad = 0;
    this.totalCapacity = 0;
    this.avgLoad = 0;
    this.overload = false;
    this.overutilized = false;
    busiest.reset();
    busiest.idleCpus = 0xffffffff;
    const child = sd.child[domain]!;
    this.preferSibling = child >= 0 && (sd.flags[child]! & SD.PREFER_SIBLING) !== 0;
    env.dstCoreIdle = !k.smtPresent || coreIdleBut(env.dstCpu);

    const base = sd.ringBase[domain]!;
    const length = sd.ringLength[domain]!;
    const start = sd.ringStart[domain]!;
    const localGroup = sd.lists[base + start]!;
    updateLocalCapacity(env, localGroup);
    this.#gather(env, localGroup, local, true);
    const level = sd.level[domain]!;
    if (k.deciding) saw(local, level, GroupRole.LOCAL);
    this.totalLoad = local.load;
    this.totalCapacity = local.capacity;
    let sumUtil = local.util;
    const sgs = this.#scratch;
    for (let i = 1; i < length; i++) {
      let at = start + i;
      if (at >= length) at -= length;
      this.#gather(env, sd.lists[base + at]!, sgs, false);
      if (k.deciding) saw(sgs, level, GroupRole.OTHER);
      if (this.#picksBusiest(env, sgs)) busiest.copy(sgs);
      this.totalLoad += sgs.load;
      this.totalCapacity += sgs.capacity;
      sumUtil += sgs.util;
    }
    if ((sd.flags[domain]! & SD.NUMA) !== 0) env.fbqType = fbqClassifyGroup(env, busiest);
    if (sd.parent[domain]! < 0) {
      readFrom(Line.OVERLOAD);
      if (k.overload !== this.overload) writeTo(Line.OVERLOAD);
      k.overload = this.overload;
      if (k.energyAware) k.overutilized = this.overutilized;
    } else if (k.energyAware && this.overutilized) {
      k.overutilized = true;
    }
    updateIdleCpuScan(env, sumUtil);
  }

  /** Statistics of one group. @spec 06 §5.3 */
  #gather(env: LbEnv, group: number, s: GroupStats, isLocal: boolean): void {
    const { sd } = k;
    const domain = env.sd;
    const asymCapacity = (sd.flags[domain]! & SD.ASYM_CPUCAPACITY) !== 0;
    const reducedCounts = !isLocal && !asymCapacity && env.idle !== Idle.NOT_IDLE;
    const { restricted } = env;
    const { energyAware } = k;
    const base = sd.groupBase[group]!;
    const weight = sd.groupWeight[group]!;
    let sumLoad = 0;
    let sumUtil = 0;
    let sumRunnable = 0;
    let sumNr = 0;
    let sumHNr = 0;
    let idleCpus = 0;
    let misfitTaskLoad = 0;
    for (let i = 0; i < weight; i++) {
      const cpu = sd.lists[base + i]!;
      if (restricted && !env.has(cpu)) continue;
      const nr = rq.nrRunning[cpu]!;
      const hNr = cfs.hNrRunning[cpu]!;
      const load = avg.loadAvg[cpu]!;
      const util = Math.max(avg.utilAvg[cpu]!, cfs.utilEstEnqueued[cpu]!);
      sumLoad += load;
      sumUtil += Math.min(util, rq.cpuCapacityOrig[cpu]!);
      sumRunnable += avg.runnableAvg[cpu]!;
      sumHNr += hNr;
      sumNr += nr;
      if (energyAware && cpuOverutilized(cpu)) this.overutilized = true;
      if (nr === 0) {
        if (rq.curr[cpu] === cpu && rq.ttwuPending[cpu] === 0) {
          idleCpus++;
          continue;
        }
      } else if (nr > 1) this.overload = true;
      if (isLocal) continue;
      if (asymCapacity) {
        if (rq.misfitTaskLoad[cpu]! > misfitTaskLoad) {
          misfitTaskLoad = rq.misfitTaskLoad[cpu]!;
          this.overload = true;
        }
      } else if (reducedCounts && hNr === 1 && load > misfitTaskLoad && capacityReduced(cpu, domain)) {
        misfitTaskLoad = load;
      }
    }
    s.group = group;
    s.load = sumLoad;
    s.util = sumUtil;
    s.runnable = sumRunnable;
    s.sumHNrRunning = sumHNr;
    s.sumNrRunning = sumNr;
    s.idleCpus = idleCpus;
    s.misfitTaskLoad = misfitTaskLoad;
    s.avgLoad = 0;
    s.asymPacking = false;
    s.capacity = sd.sgcCapacity[sd.groupSgc[group]!]!;
    s.weight = weight;
    if (
      !isLocal &&
      (sd.flags[domain]! & SD.ASYM_PACKING) !== 0 &&
      env.idle !== Idle.NOT_IDLE &&
      s.sumHNrRunning > 0 &&
      schedAsym(env, this.local, s)
    ) {
      s.asymPacking = true;
    }
    s.type = groupClassify(sd.imbalancePct[domain]!, s, sd.sgcImbalance[sd.groupSgc[group]!] !== 0);
    if (s.type === GroupType.OVERLOADED) s.avgLoad = Math.floor((s.load * 1024) / s.capacity);
  }

  /** Does the candidate replace the incumbent? @spec 06 §6 */
  #picksBusiest(env: LbEnv, s: GroupStats): boolean {
    const { busiest } = this;
    if (s.sumHNrRunning === 0) return false;
    const { sd } = k;
    if ((sd.flags[env.sd]! & SD.ASYM_CPUCAPACITY) !== 0) {
      const dstCapacity = rq.cpuCapacity[env.dstCpu]!;
      const sgc = sd.groupSgc[s.group]!;
      if (s.type === GroupType.MISFIT_TASK) {
        const canHelp =
          env.dstCoreIdle && capacityGreater(dstCapacity, sd.sgcMax[sgc]!) && this.local.type === GroupType.HAS_SPARE;
        if (!canHelp) return false;
      }
      if (s.type <= GroupType.FULLY_BUSY && capacityGreater(sd.sgcMin[sgc]!, dstCapacity)) return false;
    }
    if (s.type !== busiest.type) return s.type > busiest.type;
    switch (s.type) {
      case GroupType.OVERLOADED:
        return s.avgLoad > busiest.avgLoad;
      case GroupType.ASYM_PACKING:
        return !asymPrefer(sd.groupPreferCpu[s.group]!, sd.groupPreferCpu[busiest.group]!);
      case GroupType.MISFIT_TASK:
        return s.misfitTaskLoad >= busiest.misfitTaskLoad;
      case GroupType.HAS_SPARE:
        if (s.idleCpus !== busiest.idleCpus) return s.idleCpus < busiest.idleCpus;
        return s.sumNrRunning > busiest.sumNrRunning;
      default:
        return false;
    }
  }
}

/** First match wins. @spec 06 §5.3 */
export function groupClassify(pct: number, s: GroupStats, imbalanced: boolean): number {
  if (groupIsOverloaded(pct, s)) return GroupType.OVERLOADED;
  if (imbalanced) return GroupType.IMBALANCED;
  if (s.asymPacking) return GroupType.ASYM_PACKING;
  if (s.misfitTaskLoad !== 0) return GroupType.MISFIT_TASK;
  return groupHasCapacity(pct, s) ? GroupType.HAS_SPARE : GroupType.FULLY_BUSY;
}

function groupIsOverloaded(pct: number, s: GroupStats): boolean {
  if (s.sumNrRunning <= s.weight) return false;
  return s.capacity * 100 < s.util * pct || s.capacity * pct < s.runnable * 100;
}

function groupHasCapacity(pct: number, s: GroupStats): boolean {
  if (s.sumNrRunning < s.weight) return true;
  if (s.capacity * pct < s.runnable * 100) return false;
  return s.capacity * 100 > s.util * pct;
}

/** All other threads of the core are idle. */
function coreIdleBut(cpu: number): boolean {
  for (const sibling of k.siblings[cpu]!) if (sibling !== cpu && !idleCpu(sibling)) return false;
  return true;
}

/** May this CPU take over from a group of lower priority? @spec 06 §5.5 */
function schedAsym(env: LbEnv, local: GroupStats, s: GroupStats): boolean {
  const { sd } = k;
  const prefers = () => asymPrefer(env.dstCpu, sd.groupPreferCpu[s.group]!);
  const localSmt = (sd.groupFlags[local.group]! & SD.SHARE_CPUCAPACITY) !== 0;
  const groupSmt = (sd.groupFlags[s.group]! & SD.SHARE_CPUCAPACITY) !== 0;
  if (!localSmt && !groupSmt) return prefers();
  const busy = s.weight - s.idleCpus;
  if (!localSmt) return busy >= 2 || prefers();
  if (groupSmt) return busy - (local.weight - local.idleCpus) === 1 && prefers();
  return local.sumNrRunning === 0 && prefers();
}

/** Refreshes what the local group can do, if it is time. @spec 06 §5.2 */
function updateLocalCapacity(env: LbEnv, group: number): void {
  const sgc = k.sd.groupSgc[group]!;
  if (env.idle !== Idle.NEWLY_IDLE || k.jiffies >= k.sd.sgcNextUpdate[sgc]!) updateGroupCapacity(env.sd, env.dstCpu);
}

function updateGroupCapacity(domain: number, cpu: number): void {
  const { sd } = k;
  const group = sd.localGroup(domain);
  const sgc = sd.groupSgc[group]!;
  const interval = Math.min(Math.max(msecsToJiffies(sd.balanceInterval[domain]!), 1), k.maxLoadBalanceInterval);
  sd.sgcNextUpdate[sgc] = k.jiffies + interval;
  const child = sd.child[domain]!;
  if (child < 0) {
    const capacity = scaleRtCapacity(cpu);
    rq.cpuCapacity[cpu] = capacity;
    setCapacity(sgc, capacity, capacity, capacity);
    return;
  }
  let sum = 0;
  let min = Number.MAX_SAFE_INTEGER;
  let max = 0;
  if ((sd.flags[child]! & SD.OVERLAP) !== 0) {
    const base = sd.groupBase[group]!;
    for (let i = 0; i < sd.groupWeight[group]!; i++) {
      const capacity = rq.cpuCapacity[sd.lists[base + i]!]!;
      sum += capacity;
      min = Math.min(min, capacity);
      max = Math.max(max, capacity);
    }
  } else {
    const base = sd.ringBase[child]!;
    for (let i = 0; i < sd.ringLength[child]!; i++) {
      const s = sd.groupSgc[sd.lists[base + i]!]!;
      sum += sd.sgcCapacity[s]!;
      min = Math.min(min, sd.sgcMin[s]!);
      max = Math.max(max, sd.sgcMax[s]!);
    }
  }
  setCapacity(sgc, sum, min, max);
}

function setCapacity(sgc: number, capacity: number, min: number, max: number): void {
  k.sd.sgcCapacity[sgc] = capacity;
  k.sd.sgcMin[sgc] = min;
  k.sd.sgcMax[sgc] = max;
}

/** What RT and DL leave of a CPU. @spec 03 §10 */
export function scaleRtCapacity(cpu: number): number {
  const max = rq.cpuCapacityOrig[cpu]!;
  const used = avg.utilAvg[AVG_RT + cpu]! + avg.utilAvg[AVG_DL + cpu]!;
  return used >= max ? 1 : max - used;
}

/** How many CPUs of the LLC a wakeup may look at. @spec 05 §4.2 */
function updateIdleCpuScan(env: LbEnv, sumUtil: number): void {
  if (!k.features.SIS_UTIL || env.idle === Idle.NEWLY_IDLE) return;
  const { sd } = k;
  const llcWeight = sd.tree.llcSize[env.dstCpu]!;
  if (sd.spanWeight[env.sd] !== llcWeight) return;
  const llc = sd.tree.sdLlc[env.dstCpu]!;
  if (llc < 0 || sd.shared[llc]! < 0) return;
  const x = Math.floor(sumUtil / llcWeight);
  const pct = sd.imbalancePct[env.sd]!;
  const t = Math.min(1024, Math.floor((x * x * pct * pct) / (10000 * 1024)));
  sd.nrIdleScan[sd.shared[llc]!] = Math.floor(((1024 - t) * llcWeight) / 1024);
}

/** @spec 06 §9, 10 §2.1 */
function fbqClassifyGroup(env: LbEnv, s: GroupStats): number {
  let numaRunning = 0;
  let preferredRunning = 0;
  const base = s.group < 0 ? 0 : k.sd.groupBase[s.group]!;
  const weight = s.group < 0 ? 0 : k.sd.groupWeight[s.group]!;
  for (let i = 0; i < weight; i++) {
    const cpu = k.sd.lists[base + i]!;
    if (env.restricted && !env.has(cpu)) continue;
    numaRunning += rq.numaRunning[cpu]!;
    preferredRunning += rq.preferredRunning[cpu]!;
  }
  if (s.sumHNrRunning > numaRunning) return Fbq.REGULAR;
  return s.sumHNrRunning > preferredRunning ? Fbq.REMOTE : Fbq.ALL;
}

export function fbqClassifyRq(cpu: number): number {
  const nr = rq.nrRunning[cpu]!;
  if (nr > rq.numaRunning[cpu]!) return Fbq.REGULAR;
  return nr > rq.preferredRunning[cpu]! ? Fbq.REMOTE : Fbq.ALL;
}
