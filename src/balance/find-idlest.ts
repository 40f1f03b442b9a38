/**
 * The slow path of placement, for new and exec'ing tasks: down the domains, always into the idlest group. @spec 05 §5
 */

import * as avg from '../sched/averages.ts';
import { AVG_SE } from '../sched/averages.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { saw, singledOut } from '../sched/decide.ts';
import { SD } from '../sched/domains.ts';
import { Wake } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { cpuUtilCfs, syncEntityLoadAvg, taskHLoad, taskUtil, utilEst } from '../sched/load-avg.ts';
import { allowed, idleCpu, schedIdleCpu } from '../sched/predicates.ts';
import { record, recordTask } from '../sched/record.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { OnRq } from '../sched/tasks.ts';
import { GroupRole } from '../trace/decisions.ts';
import { Ev } from '../trace/events.ts';
import { adjustNumaImbalance, GroupType } from './env.ts';
import { because } from './explain-placement.ts';
import { GroupStats, groupClassify } from './group-stats.ts';
import type { LoadComparison } from './load-comparison.ts';
import { groupScanNs } from './look-cost.ts';
import { taskFitsCpu } from './misfit.ts';

export class IdlestSearch {
  readonly #local = new GroupStats();
  readonly #idlest = new GroupStats();
  readonly #scratch = new GroupStats();
  readonly #byLoad: LoadComparison | null;

  /** `byLoad`: groups are compared in the old way. @spec 23 §3 */
  constructor(byLoad: LoadComparison | null = null) {
    this.#byLoad = byLoad;
  }

  /** @spec 05 §5 */
  findIdlestCpu(sd: number, task: number, cpu: number, prev: number, sdFlag: number): number {
    const { sd: d } = k;
    let chosen = cpu;
    if (!spanAllows(sd, task)) return because(prev, 'the task may run nowhere in the domain: prev');
    because(cpu, 'this CPU: no group or CPU of the domains is idler');
    if ((sdFlag & Wake.FORK) === 0) syncEntityLoadAvg(task);
    while (sd >= 0) {
      if ((d.flags[sd]! & domainFlag(sdFlag)) === 0) {
        sd = d.child[sd]!;
        continue;
      }
      const group = this.findIdlestGroup(sd, task, cpu);
      if (group < 0) {
        sd = d.child[sd]!;
        continue;
      }
      if (k.deciding) singledOut(group);
      chosen = findIdlestGroupCpu(group, task, cpu);
      if (chosen === cpu) {
        sd = d.child[sd]!;
        continue;
      }
      cpu = chosen;
      const weight = d.spanWeight[sd]!;
      sd = -1;
      for (let s = d.lowest[cpu]!; s >= 0 && weight > d.spanWeight[s]!; s = d.parent[s]!) {
        if ((d.flags[s]! & domainFlag(sdFlag)) !== 0) sd = s;
      }
    }
    return chosen;
  }

  /** -1: stay in the local group. @spec 05 §5.2 */
  findIdlestGroup(sd: number, task: number, cpu: number): number {
    if (k.tracing) recordTask(Ev.IDLEST, k.thisCpu, task, k.sd.level[sd]!, cpu);
    const group = this.#byLoad === null ? this.#choose(sd, task, cpu) : this.#byLoad.findIdlestGroup(sd, task, cpu);
    if (k.recorder.on[Ev.IDLEST_RET]) {
      const mask = group < 0 ? 0 : k.sd.groupMask[group]!;
      const lo = group < 0 ? 0 : k.sd.masks[mask]!;
      const hi = group < 0 || k.sd.maskWords < 2 ? 0 : k.sd.masks[mask + 1]!;
      if (k.tracing) record(Ev.IDLEST_RET, k.thisCpu, group + 1, lo, hi);
    }
    return group;
  }

  #choose(sd: number, task: number, cpu: number): number {
    const { sd: d } = k;
    const local = this.#local;
    const idlest = this.#idlest;
    const sgs = this.#scratch;
    let hasLocal = false;
    idlest.reset();
    idlest.type = GroupType.OVERLOADED;
    idlest.avgLoad = 0xffffffff;
    const base = d.ringBase[sd]!;
    const length = d.ringLength[sd]!;
    for (let i = 0; i < length; i++) {
      const group = d.lists[base + ((d.ringStart[sd]! + i) % length)]!;
      if (!groupAllows(group, task)) continue;
      const isLocal = d.groupHas(group, cpu);
      const s = isLocal ? local : sgs;
      this.#gather(sd, group, task, s);
      if (k.deciding) saw(s, d.level[sd]!, isLocal ? GroupRole.LOCAL : GroupRole.OTHER);
      if (isLocal) hasLocal = true;
      else if (isIdler(s, idlest)) idlest.copy(s);
    }
    if (idlest.group < 0) return -1;
    if (!hasLocal) return idlest.group;
    if (local.type < idlest.type) return -1;
    if (local.type > idlest.type) return idlest.group;
    return this.#betterThanLocal(sd, task, cpu) ? idlest.group : -1;
  }

  /** Both groups are of one type. */
  #betterThanLocal(sd: number, task: number, cpu: number): boolean {
    const { sd: d } = k;
    const local = this.#local;
    const idlest = this.#idlest;
    const numa = (d.flags[sd]! & SD.NUMA) !== 0;
    const pct = d.imbalancePct[sd]!;
    switch (local.type) {
      case GroupType.OVERLOADED:
      case GroupType.FULLY_BUSY: {
        const margin = Math.floor((1024 * (pct - 100)) / 100);
        if (numa && idlest.avgLoad + margin >= local.avgLoad) return false;
        if (idlest.avgLoad >= local.avgLoad + margin) return false;
        return 100 * local.avgLoad > pct * idlest.avgLoad;
      }
      case GroupType.MISFIT_TASK: {
        const max = (s: GroupStats) => d.sgcMax[d.groupSgc[s.group]!]!;
        return max(local) < max(idlest);
      }
      case GroupType.HAS_SPARE: {
        if (numa) {
          const preferred = tasks.numaPreferred[task]!;
          if (k.topology.node[cpu] === preferred) return false;
          if (preferred >= 0 && k.topology.node[d.groupFirst[idlest.group]!] === preferred) return true;
          const limit = Math.min(allowedWeight(local.group, task), d.imbNumaNr[sd]!);
          const difference = Math.abs(local.idleCpus - idlest.idleCpus);
          if (adjustNumaImbalance(difference, local.sumNrRunning + 1, limit) === 0) return false;
        }
        return local.idleCpus < idlest.idleCpus;
      }
      default:
        return false;
    }
  }

  /** Statistics without the task itself. @spec 05 §5.1 */
  #gather(sd: number, group: number, task: number, s: GroupStats): void {
    const { sd: d } = k;
    s.reset();
    s.group = group;
    charge(k.thisCpu, groupScanNs(group));
    if (k.asymCpucapacity && (d.flags[sd]! & SD.ASYM_CPUCAPACITY) !== 0) s.misfitTaskLoad = 1;
    const base = d.groupBase[group]!;
    const weight = d.groupWeight[group]!;
    for (let i = 0; i < weight; i++) {
      const cpu = d.lists[base + i]!;
      if (!allowed(task, cpu)) continue;
      const own = isAccountedOn(task, cpu);
      const queued = own && tasks.onRq[task] === OnRq.QUEUED ? 1 : 0;
      s.load += own ? Math.max(0, avg.loadAvg[cpu]! - taskHLoad(task)) : avg.loadAvg[cpu]!;
      s.util += own ? cpuUtilWithout(cpu, task) : cpuUtilCfs(cpu);
      const runnable = avg.runnableAvg[cpu]!;
      s.runnable += own ? Math.max(0, runnable - avg.runnableAvg[AVG_SE + task]!) : runnable;
      s.sumHNrRunning += cfs.hNrRunning[cpu]! - queued;
      const nr = rq.nrRunning[cpu]! - queued;
      s.sumNrRunning += nr;
      if (nr === 0 && idleCpuWithout(cpu, task)) s.idleCpus += 1;
      if (s.misfitTaskLoad !== 0 && taskFitsCpu(task, cpu)) s.misfitTaskLoad = 0;
    }
    s.capacity = d.sgcCapacity[d.groupSgc[group]!]!;
    s.weight = weight;
    s.type = groupClassify(d.imbalancePct[sd]!, s, d.sgcImbalance[d.groupSgc[group]!] !== 0);
    if (s.type === GroupType.FULLY_BUSY || s.type === GroupType.OVERLOADED) {
      s.avgLoad = Math.floor((s.load * 1024) / s.capacity);
    }
  }
}

/** The topology flag a wake flag stands for: they have the same numbers. @spec 05 §1 */
function domainFlag(flag: number): number {
  return flag & (SD.BALANCE_EXEC | SD.BALANCE_FORK | SD.BALANCE_WAKE);
}

/** Does the candidate replace the idlest so far? @spec 05 §5.2 */
function isIdler(s: GroupStats, idlest: GroupStats): boolean {
  if (s.type !== idlest.type) return s.type < idlest.type;
  switch (s.type) {
    case GroupType.OVERLOADED:
    case GroupType.FULLY_BUSY:
      return s.avgLoad < idlest.avgLoad;
    case GroupType.MISFIT_TASK:
      return k.sd.sgcMax[k.sd.groupSgc[s.group]!]! > k.sd.sgcMax[k.sd.groupSgc[idlest.group]!]!;
    case GroupType.HAS_SPARE:
      if (s.idleCpus !== idlest.idleCpus) return s.idleCpus > idlest.idleCpus;
      return s.util < idlest.util;
    default:
      return false;
  }
}

/** The task's load is part of this CPU's. */
function isAccountedOn(task: number, cpu: number): boolean {
  return tasks.cpu[task] === cpu && avg.lastUpdate(AVG_SE + task) !== 0;
}

function idleCpuWithout(cpu: number, task: number): boolean {
  const curr = rq.curr[cpu]!;
  return (curr === cpu || curr === task) && rq.ttwuPending[cpu] === 0;
}

/** Utilisation of the CPU as if the task were nowhere. @spec 05 §8.1 */
export function cpuUtilWithout(cpu: number, task: number): number {
  return cpuUtilNext(cpu, task, -1);
}

/** Utilisation of the CPU if the task were on `dst` (-1: nowhere). @spec 05 §8.1 */
export function cpuUtilNext(cpu: number, task: number, dst: number): number {
  let util = avg.utilAvg[cpu]!;
  const on = tasks.cpu[task] === cpu;
  if (on && dst !== cpu) util = Math.max(0, util - taskUtil(task));
  else if (!on && dst === cpu) util += taskUtil(task);
  if (k.features.UTIL_EST) {
    let est = cfs.utilEstEnqueued[cpu]!;
    if (dst === cpu) est += utilEst(task);
    else if (tasks.onRq[task] !== 0 || rq.curr[k.thisCpu] === task) est = Math.max(0, est - utilEst(task));
    util = Math.max(util, est);
  }
  return Math.min(util, rq.cpuCapacityOrig[cpu]!);
}

function spanAllows(sd: number, task: number): boolean {
  const { sd: d, affinity } = k;
  const allowed = tasks.allowed[task]! * affinity.words;
  for (let i = 0; i < affinity.words; i++) {
    if ((d.masks[d.spanMask[sd]! + i]! & affinity.bits[allowed + i]!) !== 0) return true;
  }
  return false;
}

function groupAllows(group: number, task: number): boolean {
  if (tasks.allowed[task] === 0) return true;
  const { sd: d, affinity } = k;
  const allowed = tasks.allowed[task]! * affinity.words;
  for (let i = 0; i < affinity.words; i++) {
    if ((d.masks[d.groupMask[group]! + i]! & affinity.bits[allowed + i]!) !== 0) return true;
  }
  return false;
}

function allowedWeight(group: number, task: number): number {
  const { sd: d } = k;
  let n = 0;
  for (let i = 0; i < d.groupWeight[group]!; i++) if (allowed(task, d.lists[d.groupBase[group]! + i]!)) n++;
  return n;
}

/** The idlest CPU of a group. @spec 05 §5.3 */
function findIdlestGroupCpu(group: number, task: number, cpu: number): number {
  const { sd: d } = k;
  const base = d.groupBase[group]!;
  const weight = d.groupWeight[group]!;
  if (weight === 1) return because(d.lists[base]!, 'the one CPU of the idlest group');
  charge(k.thisCpu, groupScanNs(group));
  let leastLoaded = cpu;
  let minLoad = Number.POSITIVE_INFINITY;
  let shallowest = -1;
  let minExit = 0xffffffff;
  // A stamp of -1 is none: the kernel's 0.
  let latestIdle = -1;
  for (let i = 0; i < weight; i++) {
    const c = d.lists[base + i]!;
    if (!allowed(task, c)) continue;
    if (schedIdleCpu(c)) return because(c, 'a CPU of the idlest group that has only SCHED_IDLE tasks');
    if (idleCpu(c)) {
      const state = rq.idleState[c]!;
      const exit = state < 0 ? -1 : k.costs.idleStates[state]!.exitNs;
      if (exit >= 0 && exit < minExit) {
        minExit = exit;
        latestIdle = rq.idleStamp[c]!;
        shallowest = c;
      } else if ((exit < 0 || exit === minExit) && rq.idleStamp[c]! > latestIdle) {
        latestIdle = rq.idleStamp[c]!;
        shallowest = c;
      }
    } else if (shallowest < 0) {
      const load = avg.loadAvg[c]!;
      if (load < minLoad) {
        minLoad = load;
        leastLoaded = c;
      }
    }
  }
  if (shallowest < 0) return because(leastLoaded, 'the least loaded CPU of the idlest group');
  return because(
    shallowest,
    'the idle CPU of the idlest group with the shallowest sleep, or idle for the shortest time',
  );
}
