/**
 * Which tasks may move, and moving them. @spec 06 §10, §12
 */
import { activateTask, checkPreemptCurr, deactivateTask, setTaskCpu } from '../sched/activate.ts';
import * as avg from '../sched/averages.ts';
import { AVG_SE } from '../sched/averages.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import { considered } from '../sched/decide.ts';
import { DOMAIN_COUNTERS, Lb } from '../sched/domain-state.ts';
import { SD } from '../sched/domains.ts';
import * as se from '../sched/entity.ts';
import { moveToHeadOfCfsTasks } from '../sched/fair-entity.ts';
import { k } from '../sched/kernel.ts';
import { lockRq } from '../sched/line-access.ts';
import { taskHLoad, taskUtil, taskUtilEst } from '../sched/load-avg.ts';
import { allowed } from '../sched/predicates.ts';
import { record, recordTask, traceId } from '../sched/record.ts';
import * as rq from '../sched/rq.ts';
import { charge } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { Class, Policy } from '../sched/tasks.ts';
import { Reason } from '../trace/decisions.ts';
import { Ev, MigrateCause } from '../trace/events.ts';
import { Idle, type LbEnv, LbFlag, Migrate, NR_MIGRATE_BREAK } from './env.ts';
import { taskFitsCpu } from './misfit.ts';

/** May the task go from source to destination of the pass? @spec 06 §10.1 */
export function canMigrateTask(env: LbEnv, task: number): boolean {
  if (k.recorder.on[Ev.CAN_MIGRATE]) recordCanMigrate(env, task);
  const may = mayMigrate(env, task);
  if (!may && k.deciding) noteRefused(env, task);
  if (k.tracing) record(Ev.CAN_MIGRATE_RET, k.thisCpu, may ? 1 : 0);
  return may;
}

function mayMigrate(env: LbEnv, task: number): boolean {
  tasks.hot[task] = 0;
  if (throttledPair(task, env.srcCpu, env.dstCpu)) return false;
  if (tasks.perCpuKthread[task] !== 0) return false;
  if (!allowed(task, env.dstCpu)) {
    tasks.nrFailedAffine[task]! += 1;
    env.flags |= LbFlag.SOME_PINNED;
    if (env.idle === Idle.NEWLY_IDLE || (env.flags & (LbFlag.DST_PINNED | LbFlag.ACTIVE_LB)) !== 0) return false;
    const other = otherDestination(env, task);
    if (other >= 0) {
      env.flags |= LbFlag.DST_PINNED;
      env.newDstCpu = other;
    }
    return false;
  }
  env.flags &= ~LbFlag.ALL_PINNED;
  if (rq.curr[env.srcCpu] === task || tasks.onCpu[task] !== 0) {
    tasks.nrFailedRunning[task]! += 1;
    return false;
  }
  if ((env.flags & LbFlag.ACTIVE_LB) !== 0) return true;
  let hot = migrateDegradesLocality(env, task);
  if (hot < 0) hot = taskHot(env, task) ? 1 : 0;
  if (hot <= 0) return true;
  if (k.sd.nrBalanceFailed[env.sd]! > k.sd.cacheNiceTries[env.sd]!) {
    tasks.hot[task] = 1;
    return true;
  }
  tasks.nrFailedHot[task]! += 1;
  return false;
}

/** The task's group is throttled on either CPU. */
export function throttledPair(task: number, src: number, dst: number): boolean {
  const group = tasks.group[task]!;
  if (group === 0) return false;
  const { throttleCount } = cfs;
  return throttleCount[group * k.nrCpus + src] !== 0 || throttleCount[group * k.nrCpus + dst] !== 0;
}

/** Another CPU of the local group that the task may run on: the lowest. */
function otherDestination(env: LbEnv, task: number): number {
  const { sd } = k;
  const group = sd.localGroup(env.sd);
  const base = sd.groupBalanceBase[group]!;
  for (let i = 0; i < sd.groupBalanceLength[group]!; i++) {
    const cpu = sd.lists[base + i]!;
    if (env.has(cpu) && allowed(task, cpu)) return cpu;
  }
  return -1;
}

/** Ran so lately that its cache is warm. @spec 06 §10.2 */
function taskHot(env: LbEnv, task: number): boolean {
  if (tasks.schedClass[task] !== Class.FAIR || tasks.policy[task] === Policy.IDLE) return false;
  if ((k.sd.flags[env.sd]! & SD.SHARE_CPUCAPACITY) !== 0) return false;
  const e = task;
  if (k.features.CACHE_HOT_BUDDY && rq.nrRunning[env.dstCpu]! > 0) {
    const q = se.cfsRq[e]!;
    if (cfs.nextBuddy[q] === e || cfs.lastBuddy[q] === e) return true;
  }
  const cost = k.tunables.migrationCostNs;
  if (cost === -1) return true;
  if (cost === 0) return false;
  return rq.clock[env.srcCpu]! - se.execStart[e]! < cost;
}

/** -1 no opinion, 0 good, 1 bad. @spec 10 §2.2 */
function migrateDegradesLocality(env: LbEnv, task: number): number {
  const preferred = tasks.numaPreferred[task]!;
  if (preferred < 0 || (k.sd.flags[env.sd]! & SD.NUMA) === 0) return -1;
  const { node } = k.topology;
  const src = node[env.srcCpu]!;
  const dst = node[env.dstCpu]!;
  if (src === dst) return -1;
  if (src === preferred) return rq.nrRunning[env.srcCpu]! > rq.preferredRunning[env.srcCpu]! ? 1 : -1;
  if (dst === preferred) return 0;
  return -1;
}

/** Why the task may not go, for the record: the same questions, asked again. */
function noteRefused(env: LbEnv, task: number): void {
  let reason: Reason = Reason.CACHE_HOT;
  let why = 'it ran less than migration_cost ago';
  if (throttledPair(task, env.srcCpu, env.dstCpu)) {
    reason = Reason.ALL_PINNED;
    why = 'its group is throttled';
  } else if (tasks.perCpuKthread[task] !== 0) {
    reason = Reason.ALL_PINNED;
    why = 'it is a kernel thread of that CPU';
  } else if (!allowed(task, env.dstCpu)) {
    reason = Reason.ALL_PINNED;
    why = 'its affinity does not allow the CPU';
  } else if (rq.curr[env.srcCpu] === task || tasks.onCpu[task] !== 0) {
    reason = Reason.RUNNING;
    why = 'it is running';
  } else if (migrateDegradesLocality(env, task) > 0) {
    why = 'it would leave its preferred node';
  }
  env.refused[reason]! += 1;
  considered(task, reason, why);
}

/** Takes tasks off the source until the imbalance is made up for; they wait in `env.tasks`. @spec 06 §10 */
export function detachTasks(env: LbEnv): number {
  const { sd } = k;
  const src = env.srcCpu;
  if (rq.nrRunning[src]! <= 1) {
    env.flags &= ~LbFlag.ALL_PINNED;
    return 0;
  }
  if (env.imbalance <= 0) return 0;
  lockRq(src, k.costs.lockDetachNs);
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
    if (!canMigrateTask(env, task) || !fitsImbalance(env, task)) {
      if (tasks.hot[task] !== 0) tasks.nrFailedHot[task]! += 1;
      moveToHeadOfCfsTasks(src, task);
      continue;
    }
    detachTask(env, task);
    env.tasks[env.nrTasks++] = task;
    detached++;
    if (env.idle === Idle.NEWLY_IDLE) break;
    if (env.imbalance <= 0) break;
  }
  sd.counters[env.sd * DOMAIN_COUNTERS + env.idle * 8 + Lb.GAINED]! += detached;
  return detached;
}

/** Is the task small enough to move? If so it is taken off the imbalance. */
function fitsImbalance(env: LbEnv, task: number): boolean {
  const fits = takeOffImbalance(env, task);
  if (!fits && k.deciding) {
    env.refused[Reason.IMBALANCE]! += 1;
    considered(task, Reason.IMBALANCE, DOES_NOT_FIT[env.migrationType]!);
  }
  return fits;
}

/** By `Migrate`. */
const DOES_NOT_FIT = [
  'its load is more than the imbalance',
  'its utilisation is more than the imbalance',
  '',
  'it fits the CPU where it is',
];

function takeOffImbalance(env: LbEnv, task: number): boolean {
  const failed = Math.min(k.sd.nrBalanceFailed[env.sd]!, 63);
  switch (env.migrationType) {
    case Migrate.LOAD: {
      let load = Math.max(taskHLoad(task), 1);
      if (k.features.LB_MIN && load < 16 && failed === 0) return false;
      if (Math.floor(load / 2 ** failed) > env.imbalance) return false;
      if (load < 1) load = 1;
      env.imbalance -= load;
      return true;
    }
    case Migrate.UTIL: {
      const util = taskUtilEst(task);
      if (Math.floor(util / 2 ** failed) > env.imbalance) return false;
      env.imbalance -= util;
      return true;
    }
    case Migrate.TASK:
      env.imbalance -= 1;
      return true;
    default:
      if (taskFitsCpu(task, env.srcCpu)) return false;
      env.imbalance = 0;
      return true;
  }
}

const FORCED = 'cache hot, but nr_balance_failed > cache_nice_tries';

/** @spec 06 §12 */
export function detachTask(env: LbEnv, task: number): void {
  if (k.tracing) recordTask(Ev.DETACH, k.thisCpu, task, env.srcCpu, env.dstCpu);
  if (k.deciding) considered(task, Reason.PULLED, tasks.hot[task] !== 0 ? FORCED : '');
  if (tasks.hot[task] !== 0) {
    tasks.hot[task] = 0;
    k.sd.counters[env.sd * DOMAIN_COUNTERS + env.idle * 8 + Lb.HOT_GAINED]! += 1;
    tasks.nrForced[task]! += 1;
  }
  deactivateTask(env.srcCpu, task, 0);
  const active = (env.flags & LbFlag.ACTIVE_LB) !== 0;
  setTaskCpu(task, env.dstCpu, active ? MigrateCause.ACTIVE : MigrateCause.IDLE + env.idle, k.sd.level[env.sd]!);
  charge(k.thisCpu, k.costs.detachNs);
}

/** Puts what was detached on the destination, last detached first. */
export function attachTasks(env: LbEnv): void {
  lockRq(env.dstCpu, k.costs.lockAttachNs);
  updateRqClock(env.dstCpu);
  while (env.nrTasks > 0) attachTask(env.dstCpu, env.tasks[--env.nrTasks]!);
}

export function attachTask(cpu: number, task: number): void {
  activateTask(cpu, task, 0);
  checkPreemptCurr(cpu, task, 0);
  charge(k.thisCpu, k.costs.attachNs);
}

function recordCanMigrate(env: LbEnv, task: number): void {
  const { args } = k.recorder;
  args[0] = env.srcCpu;
  args[1] = env.dstCpu;
  args[2] = env.idle;
  args[3] = env.imbalance;
  args[4] = env.migrationType;
  args[5] = env.loop;
  args[6] = taskUtil(task);
  args[7] = avg.loadAvg[AVG_SE + task]!;
  k.recorder.emit(Ev.CAN_MIGRATE, k.now, k.thisCpu, traceId(task));
}
