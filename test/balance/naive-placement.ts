/**
 * Placement written down once more, word by word from the spec: the search for an idle sibling and the slow path. For
 * comparison with the real thing in random states.
 */
import * as avg from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { SD } from '../../src/sched/domains.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { classify, cpusOf, isIdle, ringOf, TYPES, type TypeName, utilOf } from './naive-balance.ts';

export interface NaiveTask {
  readonly slot: number;
  readonly allowed: ReadonlySet<number>;
  /** task_util_est */
  readonly util: number;
}

const isSchedIdle = (cpu: number) => rq.nrRunning[cpu]! > 0 && rq.nrRunning[cpu] === cfs.idleHNrRunning[cpu];
const isFree = (cpu: number) => isIdle(cpu) || isSchedIdle(cpu);
const spanOf = (sd: number) => [...k.sd.lists.subarray(k.sd.spanBase[sd]!, k.sd.spanBase[sd]! + k.sd.spanWeight[sd]!)];
const shareCache = (a: number, b: number) => a === b || k.sd.tree.llcId[a] === k.sd.tree.llcId[b];

/** CPUs of a set in ascending order, beginning at `from` and wrapping. */
function wrapped(cpus: readonly number[], from: number): number[] {
  return [...cpus.filter((cpu) => cpu >= from), ...cpus.filter((cpu) => cpu < from)];
}

export interface NaiveSearch {
  readonly cpu: number;
  readonly recent: number;
  readonly hasIdleCores: number;
}

/** @spec 05 §4 */
export function naiveIdleSibling(task: NaiveTask, prev: number, target: number, recent: number): NaiveSearch {
  const llc = k.sd.tree.sdLlc[target]!;
  const shared = llc < 0 ? -1 : k.sd.shared[llc]!;
  let hasCore = k.smtPresent && shared >= 0 && k.sd.hasIdleCores[shared] === 1;
  const to = (cpu: number, newRecent: number): NaiveSearch => {
    return {
      cpu,
      recent: newRecent,
      hasIdleCores: shared < 0 ? 0 : k.smtPresent ? Number(hasCore) : k.sd.hasIdleCores[shared]!,
    };
  };
  const fits = (cpu: number) => !k.asymCpucapacity || task.util * 1280 < rq.cpuCapacity[cpu]! * 1024;
  if (isFree(target) && fits(target)) return to(target, recent);
  if (prev !== target && shareCache(prev, target) && isFree(prev) && fits(prev)) return to(prev, recent);
  const known = recent !== prev && recent !== target && shareCache(recent, target);
  if (known && isFree(recent) && task.allowed.has(recent) && fits(recent)) return to(recent, prev);
  const asym = k.asymCpucapacity ? k.sd.tree.sdAsymCpucapacity[target]! : -1;
  if (asym >= 0) {
    const free = wrapped(spanOf(asym), target).filter((cpu) => task.allowed.has(cpu) && isFree(cpu));
    const best =
      free.find(fits) ?? free.reduce((a, b) => (a < 0 || rq.cpuCapacity[b]! > rq.cpuCapacity[a]! ? b : a), -1);
    return to(best < 0 ? target : best, prev);
  }
  if (llc < 0) return to(target, prev);
  const span = spanOf(llc);
  if (k.smtPresent && !hasCore && shareCache(prev, target)) {
    const beside = [...k.siblings[prev]!].find(
      (c) => c !== prev && task.allowed.has(c) && span.includes(c) && isFree(c),
    );
    if (beside !== undefined) return to(beside, prev);
  }
  let nr = k.features.SIS_UTIL && shared >= 0 ? k.sd.nrIdleScan[shared]! + 1 : Number.POSITIVE_INFINITY;
  if (nr === 1) return to(target, prev);
  const set = new Set(wrapped(span, target + 1).filter((cpu) => task.allowed.has(cpu)));
  if (!hasCore) {
    for (const cpu of set) {
      if (--nr === 0) return to(target, prev);
      if (isFree(cpu)) return to(cpu, prev);
    }
    return to(target, prev);
  }
  let fallback = -1;
  for (const core of set) {
    let idle = true;
    for (const cpu of k.siblings[core]!) {
      if (isIdle(cpu)) {
        if (fallback < 0 && set.has(cpu)) fallback = cpu;
        continue;
      }
      idle = false;
      if (fallback >= 0) break;
      if (isSchedIdle(cpu) && set.has(cpu)) {
        fallback = cpu;
        break;
      }
    }
    if (idle) return to(core, prev);
    for (const cpu of k.siblings[core]!) set.delete(cpu);
  }
  hasCore = false;
  return to(fallback < 0 ? target : fallback, prev);
}

// ---- the slow path, for a new task: nothing of it is accounted anywhere

interface Candidate {
  readonly id: number;
  readonly type: TypeName;
  readonly avgLoad: number;
  readonly util: number;
  readonly idleCpus: number;
  readonly nr: number;
  readonly maxCapacity: number;
}

/** @spec 05 §5 */
export function naiveIdlest(from: number, task: NaiveTask, cpu: number, prev: number): number {
  let sd = from;
  let chosen = cpu;
  if (!spanOf(sd).some((c) => task.allowed.has(c))) return prev;
  while (sd >= 0) {
    const group = (k.sd.flags[sd]! & SD.BALANCE_FORK) === 0 ? -1 : idlestGroup(sd, task, cpu);
    const next: number = group < 0 ? cpu : idlestCpu(group, task, cpu);
    if (group >= 0) chosen = next;
    if (next === cpu) {
      sd = k.sd.child[sd]!;
      continue;
    }
    cpu = next;
    const weight = k.sd.spanWeight[sd]!;
    sd = -1;
    for (let d = k.sd.lowest[cpu]!; d >= 0 && k.sd.spanWeight[d]! < weight; d = k.sd.parent[d]!) {
      if ((k.sd.flags[d]! & SD.BALANCE_FORK) !== 0) sd = d;
    }
  }
  return chosen;
}

/** @spec 05 §5.1 */
function candidate(sd: number, id: number, task: NaiveTask): Candidate {
  const cpus = cpusOf(id).filter((cpu) => task.allowed.has(cpu));
  const sum = (of: (cpu: number) => number) => cpus.reduce((total, cpu) => total + of(cpu), 0);
  const asym = (k.sd.flags[sd]! & SD.ASYM_CPUCAPACITY) !== 0;
  const misfit = asym && !cpus.some((cpu) => task.util * 1280 < rq.cpuCapacity[cpu]! * 1024);
  const sgc = k.sd.groupSgc[id]!;
  const capacity = k.sd.sgcCapacity[sgc]!;
  const nr = sum((cpu) => rq.nrRunning[cpu]!);
  const util = sum(utilOf);
  const runnable = sum((cpu) => avg.runnableAvg[cpu]!);
  const figures = { nr, weight: cpusOf(id).length, capacity, util, runnable };
  const type = classify(k.sd.imbalancePct[sd]!, figures, k.sd.sgcImbalance[sgc] !== 0, false, misfit ? 1 : 0);
  const load = sum((cpu) => avg.loadAvg[cpu]!);
  const avgLoad = type === 'fully_busy' || type === 'overloaded' ? Math.floor((load * 1024) / capacity) : 0;
  return { id, type, avgLoad, util, idleCpus: cpus.filter(isIdle).length, nr, maxCapacity: k.sd.sgcMax[sgc]! };
}

/** @spec 05 §5.2 */
function idlestGroup(sd: number, task: NaiveTask, cpu: number): number {
  let local: Candidate | null = null;
  let idlest: Candidate | null = null;
  for (const id of ringOf(sd)) {
    if (!cpusOf(id).some((c) => task.allowed.has(c))) continue;
    const g = candidate(sd, id, task);
    if (cpusOf(id).includes(cpu)) local = g;
    else if (isIdler(g, idlest)) idlest = g;
  }
  if (idlest === null) return -1;
  if (local === null) return idlest.id;
  const order = TYPES.indexOf(local.type) - TYPES.indexOf(idlest.type);
  if (order !== 0) return order < 0 ? -1 : idlest.id;
  const numa = (k.sd.flags[sd]! & SD.NUMA) !== 0;
  const pct = k.sd.imbalancePct[sd]!;
  switch (local.type) {
    case 'overloaded':
    case 'fully_busy': {
      const m = Math.floor((1024 * (pct - 100)) / 100);
      if (numa && idlest.avgLoad + m >= local.avgLoad) return -1;
      if (idlest.avgLoad >= local.avgLoad + m) return -1;
      return 100 * local.avgLoad <= pct * idlest.avgLoad ? -1 : idlest.id;
    }
    case 'misfit_task':
      return local.maxCapacity >= idlest.maxCapacity ? -1 : idlest.id;
    case 'has_spare': {
      if (numa) {
        const preferred = tasks.numaPreferred[task.slot]!;
        if (k.topology.node[cpu] === preferred) return -1;
        if (k.topology.node[cpusOf(idlest.id)[0]!] === preferred) return idlest.id;
        const here = cpusOf(local.id).filter((c) => task.allowed.has(c)).length;
        const x = Math.abs(local.idleCpus - idlest.idleCpus);
        if (x === 0 || (local.nr + 1 <= Math.min(here, k.sd.imbNumaNr[sd]!) && x <= 2)) return -1;
      }
      return local.idleCpus >= idlest.idleCpus ? -1 : idlest.id;
    }
    default:
      return -1;
  }
}

function isIdler(g: Candidate, idlest: Candidate | null): boolean {
  const order = TYPES.indexOf(g.type) - TYPES.indexOf(idlest?.type ?? 'overloaded');
  if (order !== 0) return order < 0;
  switch (g.type) {
    case 'overloaded':
    case 'fully_busy':
      return g.avgLoad < (idlest?.avgLoad ?? 0xffffffff);
    case 'misfit_task':
      return g.maxCapacity > idlest!.maxCapacity;
    case 'has_spare':
      return g.idleCpus > idlest!.idleCpus || (g.idleCpus === idlest!.idleCpus && g.util < idlest!.util);
    default:
      return false;
  }
}

/** @spec 05 §5.3, without idle states */
function idlestCpu(group: number, task: NaiveTask, cpu: number): number {
  const cpus = cpusOf(group);
  if (cpus.length === 1) return cpus[0]!;
  let latest = 0;
  let idle = -1;
  let load = Number.POSITIVE_INFINITY;
  let least = cpu;
  for (const c of cpus) {
    if (!task.allowed.has(c)) continue;
    if (isSchedIdle(c)) return c;
    if (isIdle(c)) {
      if (rq.idleStamp[c]! > latest) {
        latest = rq.idleStamp[c]!;
        idle = c;
      }
    } else if (idle < 0 && avg.loadAvg[c]! < load) {
      load = avg.loadAvg[c]!;
      least = c;
    }
  }
  return idle >= 0 ? idle : least;
}
