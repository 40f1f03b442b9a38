/**
 * Is there anything to do, how much, and from which CPU. @spec 06 §7-9
 */

import * as avg from '../sched/averages.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { singledOut } from '../sched/decide.ts';
import { SD } from '../sched/domains.ts';
import { k } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';
import { Reason } from '../trace/decisions.ts';
import {
  adjustNumaImbalance,
  asymPrefer,
  capacityGreater,
  capacityReduced,
  GroupType,
  Idle,
  type LbEnv,
  Migrate,
} from './env.ts';
import { type DomainStats, fbqClassifyRq } from './group-stats.ts';

const LOCAL_ABOVE_BUSIEST = 'local avg_load >= busiest avg_load';
const LOCAL_ABOVE_DOMAIN = 'local avg_load >= avg_load of the domain';
/** Why no queue would do, by `Migrate`. */
const NO_QUEUE = [
  'no queue has two tasks, or one of no more load than the imbalance',
  'no queue has two CFS tasks',
  'no queue has a CFS task',
  'no queue has a misfit task',
];

/** Group to pull from, or -1 for "balanced"; the imbalance is in `env`. @spec 06 §7 */
export function findBusiestGroup(env: LbEnv, sds: DomainStats): number {
  sds.update(env);
  env.imbalance = 0;
  if (sds.byLoad !== null) return sds.byLoad.findBusiestGroup(env, sds);
  const { group } = sds.busiest;
  if (group < 0) {
    env.refuse(Reason.NO_BUSIEST_GROUP, 'no other group has a CFS task that this CPU could help');
    return -1;
  }
  if (k.deciding) singledOut(group);
  if (!isImbalanced(env, sds)) return -1;
  calculateImbalance(env, sds);
  if (env.imbalance !== 0) return group;
  if (env.reason === Reason.NONE) env.refuse(Reason.IMBALANCE, 'calculate_imbalance: nothing to move');
  return -1;
}

function isImbalanced(env: LbEnv, sds: DomainStats): boolean {
  const { local, busiest } = sds;
  if (busiest.type === GroupType.MISFIT_TASK) return true;
  if (k.energyAware && !k.overutilized) {
    return env.refuse(Reason.OUT_OF_SCOPE, 'energy-aware placement: the root domain is not overutilized');
  }
  if (busiest.type === GroupType.ASYM_PACKING || busiest.type === GroupType.IMBALANCED) return true;
  if (local.type > busiest.type) return env.refuse(Reason.GROUP_TYPE, 'local group_type > busiest group_type');
  if (local.type === GroupType.OVERLOADED) {
    if (local.avgLoad >= busiest.avgLoad) return env.refuse(Reason.IMBALANCE, LOCAL_ABOVE_BUSIEST);
    sds.avgLoad = Math.floor((sds.totalLoad * 1024) / sds.totalCapacity);
    if (local.avgLoad >= sds.avgLoad) return env.refuse(Reason.IMBALANCE, LOCAL_ABOVE_DOMAIN);
    if (100 * busiest.avgLoad <= k.sd.imbalancePct[env.sd]! * local.avgLoad) {
      return env.refuse(Reason.IMBALANCE, 'busiest avg_load is within imbalance_pct of local avg_load');
    }
  }
  if (sds.preferSibling && local.type === GroupType.HAS_SPARE && siblingImbalance(sds) > 1) return true;
  if (busiest.type !== GroupType.OVERLOADED) {
    if (env.idle === Idle.NOT_IDLE) {
      return env.refuse(Reason.GROUP_TYPE, 'this CPU is busy and the busiest group is not overloaded');
    }
    if (busiest.weight > 1 && local.idleCpus <= busiest.idleCpus + 1) {
      return env.refuse(Reason.IMBALANCE, 'local idle_cpus <= busiest idle_cpus + 1');
    }
    if (busiest.sumHNrRunning === 1) return env.refuse(Reason.IMBALANCE, 'the busiest group has one CFS task');
  }
  return true;
}

/** @spec 06 §8 */
function calculateImbalance(env: LbEnv, sds: DomainStats): void {
  const { local, busiest } = sds;
  const flags = k.sd.flags[env.sd]!;
  const set = (type: number, imbalance: number) => {
    env.migrationType = type;
    env.imbalance = imbalance;
  };
  if (busiest.type === GroupType.MISFIT_TASK) {
    if ((flags & SD.ASYM_CPUCAPACITY) !== 0) set(Migrate.MISFIT, 1);
    else set(Migrate.LOAD, busiest.misfitTaskLoad);
    return;
  }
  if (busiest.type === GroupType.ASYM_PACKING) {
    set(Migrate.TASK, busiest.sumHNrRunning);
    return;
  }
  if (busiest.type === GroupType.IMBALANCED) {
    set(Migrate.TASK, 1);
    return;
  }
  if (local.type === GroupType.HAS_SPARE) {
    if (busiest.type > GroupType.FULLY_BUSY && (flags & SD.SHARE_PKG_RESOURCES) === 0) {
      set(Migrate.UTIL, Math.max(local.capacity, local.util) - local.util);
      if (env.imbalance === 0 && env.idle !== Idle.NOT_IDLE) set(Migrate.TASK, 1);
      return;
    }
    spreadTasks(env, sds, flags);
    return;
  }
  equaliseLoad(env, sds);
}

/**
 * How many tasks more the busiest group has. With groups of different sizes, since 6.5, for as many cores: twice what would
 * have to move, rounded. @spec 06 §8.1, 22 §7
 */
export function siblingImbalance({ local, busiest }: Pick<DomainStats, 'local' | 'busiest'>): number {
  const byTasks = Math.max(0, busiest.sumNrRunning - local.sumNrRunning);
  if (k.tunables.siblingImbalance === 'tasks') return byTasks;
  const { groupCores } = k.sd;
  const localCores = groupCores[local.group]!;
  const busiestCores = groupCores[busiest.group]!;
  if (localCores === busiestCores) return byTasks;
  const cores = localCores + busiestCores;
  const x = Math.max(0, localCores * busiest.sumNrRunning - busiestCores * local.sumNrRunning);
  const imbalance = Math.floor((2 * x + cores) / cores);
  return imbalance <= 1 && local.sumNrRunning === 0 && busiest.sumNrRunning > 1 ? 2 : imbalance;
}

/** Even out the number of running tasks, or of idle CPUs. @spec 06 §8.1 */
function spreadTasks(env: LbEnv, sds: DomainStats, flags: number): void {
  const { local, busiest } = sds;
  env.migrationType = Migrate.TASK;
  let x: number;
  if (busiest.weight === 1 || sds.preferSibling) {
    x = siblingImbalance(sds);
  } else {
    // The kernel subtracts unsigned 32-bit numbers here: a negative difference is a huge one.
    x = local.idleCpus - busiest.idleCpus;
    if (x < 0) x += 2 ** 32;
  }
  if ((flags & SD.NUMA) !== 0 && x > 0) {
    x = adjustNumaImbalance(x, local.sumNrRunning + 1, k.sd.imbNumaNr[env.sd]!);
    if (x === 0)
      env.refuse(Reason.IMBALANCE, 'adjust_numa_imbalance: 2 or less are allowed while running <= imb_numa_nr');
  }
  env.imbalance = Math.floor(x / 2);
}

/** Bring both groups towards the domain's average. @spec 06 §8.2 */
function equaliseLoad(env: LbEnv, sds: DomainStats): void {
  const { local, busiest } = sds;
  if (local.type < GroupType.OVERLOADED) {
    local.avgLoad = Math.floor((local.load * 1024) / local.capacity);
    if (local.avgLoad >= busiest.avgLoad) {
      env.refuse(Reason.IMBALANCE, LOCAL_ABOVE_BUSIEST);
      env.imbalance = 0;
      return;
    }
    sds.avgLoad = Math.floor((sds.totalLoad * 1024) / sds.totalCapacity);
    if (local.avgLoad >= sds.avgLoad) {
      env.refuse(Reason.IMBALANCE, LOCAL_ABOVE_DOMAIN);
      env.imbalance = 0;
      return;
    }
  }
  env.migrationType = Migrate.LOAD;
  // Unsigned: a busiest group below the average gives a huge first product, and the second one is chosen.
  const out = busiest.avgLoad - sds.avgLoad;
  const give = out < 0 ? Number.MAX_SAFE_INTEGER : out * busiest.capacity;
  const take = (sds.avgLoad - local.avgLoad) * local.capacity;
  env.imbalance = Math.floor(Math.min(give, take) / 1024);
}

/** CPU of the group to pull from, or -1. @spec 06 §9 */
export function findBusiestQueue(env: LbEnv, group: number): number {
  const { sd } = k;
  const flags = sd.flags[env.sd]!;
  const asymCapacity = (flags & SD.ASYM_CPUCAPACITY) !== 0;
  const asymPacking = (flags & SD.ASYM_PACKING) !== 0;
  let busiest = -1;
  let bestLoad = 0;
  let bestCapacity = 1;
  let best = 0;
  const base = sd.groupBase[group]!;
  const weight = sd.groupWeight[group]!;
  for (let i = 0; i < weight; i++) {
    const cpu = sd.lists[base + i]!;
    if (!env.has(cpu)) continue;
    if (fbqClassifyRq(cpu) > env.fbqType) continue;
    const hNr = cfs.hNrRunning[cpu]!;
    if (hNr === 0) continue;
    const capacity = rq.cpuCapacity[cpu]!;
    if (asymCapacity && hNr === 1 && !capacityGreater(rq.cpuCapacity[env.dstCpu]!, capacity)) continue;
    if (asymPacking && hNr === 1 && asymPrefer(cpu, env.dstCpu)) continue;
    switch (env.migrationType) {
      case Migrate.LOAD: {
        const load = avg.loadAvg[cpu]!;
        if (hNr === 1 && load > env.imbalance && !capacityReduced(cpu, env.sd)) break;
        if (load * bestCapacity > bestLoad * capacity) {
          bestLoad = load;
          bestCapacity = capacity;
          busiest = cpu;
        }
        break;
      }
      case Migrate.UTIL: {
        if (hNr <= 1) break;
        const util = Math.min(Math.max(avg.utilAvg[cpu]!, cfs.utilEstEnqueued[cpu]!), rq.cpuCapacityOrig[cpu]!);
        if (util > best) {
          best = util;
          busiest = cpu;
        }
        break;
      }
      case Migrate.TASK:
        if (hNr > best) {
          best = hNr;
          busiest = cpu;
        }
        break;
      default:
        if (rq.misfitTaskLoad[cpu]! > best) {
          best = rq.misfitTaskLoad[cpu]!;
          busiest = cpu;
        }
    }
  }
  if (busiest < 0) env.refuse(Reason.NO_BUSIEST_QUEUE, NO_QUEUE[env.migrationType]!);
  return busiest;
}
