/**
 * Which tasks may move, and moving them. @spec 06 §10, §12
 */
import { activateTask, checkPreemptCurr, deactivateTask, setTaskCpu } from '../sched/activate.ts';
import { updateRqClock } from '../sched/clock.ts';
import { DOMAIN_COUNTERS, Lb } from '../sched/domain-state.ts';
import { SD } from '../sched/domains.ts';
import { moveToHeadOfCfsTasks } from '../sched/fair-entity.ts';
import type { Kernel } from '../sched/kernel.ts';
import { taskHLoad, taskUtil, taskUtilEst } from '../sched/load-avg.ts';
import { record, recordTask, traceId } from '../sched/record.ts';
import { Class, Policy } from '../sched/tables.ts';
import { Ev, MigrateCause } from '../trace/events.ts';
import { Idle, type LbEnv, LbFlag, Migrate, NR_MIGRATE_BREAK } from './env.ts';
import { taskFitsCpu } from './misfit.ts';

/** May the task go from source to destination of the pass? @spec 06 §10.1 */
export function canMigrateTask(k: Kernel, env: LbEnv, task: number): boolean {
  if (k.recorder.on[Ev.CAN_MIGRATE]) recordCanMigrate(k, env, task);
  const may = mayMigrate(k, env, task);
  if (k.tracing) record(k, Ev.CAN_MIGRATE_RET, k.thisCpu, may ? 1 : 0);
  return may;
}

function mayMigrate(k: Kernel, env: LbEnv, task: number): boolean {
  const { task: t } = k;
  t.hot[task] = 0;
  if (throttledPair(k, task, env.srcCpu, env.dstCpu)) return false;
  if (t.perCpuKthread[task] !== 0) return false;
  if (!k.allowed(task, env.dstCpu)) {
    t.nrFailedAffine[task]! += 1;
    env.flags |= LbFlag.SOME_PINNED;
    if (env.idle === Idle.NEWLY_IDLE || (env.flags & (LbFlag.DST_PINNED | LbFlag.ACTIVE_LB)) !== 0) return false;
    const other = otherDestination(k, env, task);
    if (other >= 0) {
      env.flags |= LbFlag.DST_PINNED;
      env.newDstCpu = other;
    }
    return false;
  }
  env.flags &= ~LbFlag.ALL_PINNED;
  if (k.rq.curr[env.srcCpu] === task || t.onCpu[task] !== 0) {
    t.nrFailedRunning[task]! += 1;
    return false;
  }
  if ((env.flags & LbFlag.ACTIVE_LB) !== 0) return true;
  let hot = migrateDegradesLocality(k, env, task);
  if (hot < 0) hot = taskHot(k, env, task) ? 1 : 0;
  if (hot <= 0) return true;
  if (k.sd.nrBalanceFailed[env.sd]! > k.sd.cacheNiceTries[env.sd]!) {
    t.hot[task] = 1;
    return true;
  }
  t.nrFailedHot[task]! += 1;
  return false;
}

/** The task's group is throttled on either CPU. */
function throttledPair(k: Kernel, task: number, src: number, dst: number): boolean {
  const group = k.task.group[task]!;
  if (group === 0) return false;
  const { throttleCount } = k.cfs;
  return throttleCount[group * k.nrCpus + src] !== 0 || throttleCount[group * k.nrCpus + dst] !== 0;
}

/** Another CPU of the local group that the task may run on: the lowest. */
function otherDestination(k: Kernel, env: LbEnv, task: number): number {
  const { sd } = k;
  const group = sd.localGroup(env.sd);
  const base = sd.groupBalanceBase[group]!;
  for (let i = 0; i < sd.groupBalanceLength[group]!; i++) {
    const cpu = sd.lists[base + i]!;
    if (env.has(cpu) && k.allowed(task, cpu)) return cpu;
  }
  return -1;
}

/** Ran so lately that its cache is warm. @spec 06 §10.2 */
function taskHot(k: Kernel, env: LbEnv, task: number): boolean {
  const { task: t, cfs, se } = k;
  if (t.schedClass[task] !== Class.FAIR || t.policy[task] === Policy.IDLE) return false;
  if ((k.sd.flags[env.sd]! & SD.SHARE_CPUCAPACITY) !== 0) return false;
  const e = k.entityOf(task);
  if (k.features.CACHE_HOT_BUDDY && k.rq.nrRunning[env.dstCpu]! > 0) {
    const q = se.cfsRq[e]!;
    if (cfs.nextBuddy[q] === e || cfs.lastBuddy[q] === e) return true;
  }
  const cost = k.tunables.migrationCostNs;
  if (cost === -1) return true;
  if (cost === 0) return false;
  return k.rq.clock[env.srcCpu]! - se.execStart[e]! < cost;
}

/** -1 no opinion, 0 good, 1 bad. @spec 10 §2.2 */
function migrateDegradesLocality(k: Kernel, env: LbEnv, task: number): number {
  const preferred = k.task.numaPreferred[task]!;
  if (preferred < 0 || (k.sd.flags[env.sd]! & SD.NUMA) === 0) return -1;
  const { node } = k.topology;
  const src = node[env.srcCpu]!;
  const dst = node[env.dstCpu]!;
  if (src === dst) return -1;
  if (src === preferred) return k.rq.nrRunning[env.srcCpu]! > k.rq.preferredRunning[env.srcCpu]! ? 1 : -1;
  if (dst === preferred) return 0;
  return -1;
}

/** Takes tasks off the source until the imbalance is made up for; they wait in `env.tasks`. @spec 06 §10 */
export function detachTasks(k: Kernel, env: LbEnv): number {
  const { rq, sd } = k;
  const src = env.srcCpu;
  if (rq.nrRunning[src]! <= 1) {
    env.flags &= ~LbFlag.ALL_PINNED;
    return 0;
  }
  if (env.imbalance <= 0) return 0;
  let detached = 0;
  while (rq.cfsTasksTail[src]! >= 0) {
    if (env.idle !== Idle.NOT_IDLE && rq.nrRunning[src]! <= 1) break;
    env.loop++;
    if (env.loop > env.loopMax) break;
    if (env.loop > env.loopBreak) {
      env.loopBreak += NR_MIGRATE_BREAK;
      env.flags |= LbFlag.NEED_BREAK;
      break;
    }
    const task = rq.cfsTasksTail[src]!;
    if (!canMigrateTask(k, env, task) || !fitsImbalance(k, env, task)) {
      if (k.task.hot[task] !== 0) k.task.nrFailedHot[task]! += 1;
      moveToHeadOfCfsTasks(k, src, task);
      continue;
    }
    detachTask(k, env, task);
    env.tasks[env.nrTasks++] = task;
    detached++;
    if (env.idle === Idle.NEWLY_IDLE) break;
    if (env.imbalance <= 0) break;
  }
  sd.counters[env.sd * DOMAIN_COUNTERS + env.idle * 8 + Lb.GAINED]! += detached;
  return detached;
}

/** Is the task small enough to move? If so it is taken off the imbalance. */
function fitsImbalance(k: Kernel, env: LbEnv, task: number): boolean {
  const failed = Math.min(k.sd.nrBalanceFailed[env.sd]!, 63);
  switch (env.migrationType) {
    case Migrate.LOAD: {
      let load = Math.max(taskHLoad(k, task), 1);
      if (k.features.LB_MIN && load < 16 && failed === 0) return false;
      if (Math.floor(load / 2 ** failed) > env.imbalance) return false;
      if (load < 1) load = 1;
      env.imbalance -= load;
      return true;
    }
    case Migrate.UTIL: {
      const util = taskUtilEst(k, task);
      if (Math.floor(util / 2 ** failed) > env.imbalance) return false;
      env.imbalance -= util;
      return true;
    }
    case Migrate.TASK:
      env.imbalance -= 1;
      return true;
    default:
      if (taskFitsCpu(k, task, env.srcCpu)) return false;
      env.imbalance = 0;
      return true;
  }
}

/** @spec 06 §12 */
export function detachTask(k: Kernel, env: LbEnv, task: number): void {
  if (k.tracing) recordTask(k, Ev.DETACH, k.thisCpu, task, env.srcCpu, env.dstCpu);
  if (k.task.hot[task] !== 0) {
    k.task.hot[task] = 0;
    k.sd.counters[env.sd * DOMAIN_COUNTERS + env.idle * 8 + Lb.HOT_GAINED]! += 1;
    k.task.nrForced[task]! += 1;
  }
  deactivateTask(k, env.srcCpu, task, 0);
  const active = (env.flags & LbFlag.ACTIVE_LB) !== 0;
  setTaskCpu(k, task, env.dstCpu, active ? MigrateCause.ACTIVE : MigrateCause.IDLE + env.idle, k.sd.level[env.sd]!);
  k.charge(k.thisCpu, k.costs.detachNs);
}

/** Puts what was detached on the destination, last detached first. */
export function attachTasks(k: Kernel, env: LbEnv): void {
  updateRqClock(k, env.dstCpu);
  while (env.nrTasks > 0) attachTask(k, env.dstCpu, env.tasks[--env.nrTasks]!);
}

export function attachTask(k: Kernel, cpu: number, task: number): void {
  activateTask(k, cpu, task, 0);
  checkPreemptCurr(k, cpu, task, 0);
  k.charge(k.thisCpu, k.costs.attachNs);
}

function recordCanMigrate(k: Kernel, env: LbEnv, task: number): void {
  const { args } = k.recorder;
  args[0] = env.srcCpu;
  args[1] = env.dstCpu;
  args[2] = env.idle;
  args[3] = env.imbalance;
  args[4] = env.migrationType;
  args[5] = env.loop;
  args[6] = taskUtil(k, task);
  args[7] = k.avg.loadAvg[k.avgSe + k.entityOf(task)]!;
  k.recorder.emit(Ev.CAN_MIGRATE, k.now, k.thisCpu, traceId(k, task));
}
