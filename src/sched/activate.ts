/**
 * Tasks become runnable on a CPU, stop being it, and change CPUs; and whether the current task has to give way. Everything
 * happens on `k.thisCpu` at `k.now`. @spec 02 §7, 05 §2, 06 §12
 */
import { Ev } from '../trace/events.ts';
import * as avg from './averages.ts';
import { AVG_SE } from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { updateRqClock } from './clock.ts';
import * as counters from './counters.ts';
import * as se from './entity.ts';
import { dequeueTaskFair, enqueueTaskFair } from './fair.ts';
import { Dequeue, Enqueue } from './fair-entity.ts';
import { checkPreemptWakeup } from './fair-pick.ts';
import { Watch } from './hooks.ts';
import { addNrRunning, k, subNrRunning, tellFairCount } from './kernel.ts';
import { lockRq } from './line-access.ts';
import { migrateSePeltLag, removeEntityLoadAvg } from './load-avg.ts';
import { isIdleTask, tracePrio } from './predicates.ts';
import { recordTask } from './record.ts';
import * as rq from './rq.ts';
import { checkPreemptCurrRt, dequeueTaskRt, enqueueTaskRt } from './rt.ts';
import { needResched, reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';
import { Class, OnRq, State } from './tasks.ts';

// ---- queueing, by class

export function enqueueTask(cpu: number, task: number, flags: number): void {
  if ((flags & Enqueue.RESTORE) === 0 && tasks.lastQueued[task]! < 0) tasks.lastQueued[task] = rq.clock[cpu]!;
  switch (tasks.schedClass[task]) {
    case Class.FAIR:
      if ((k.watch & (Watch.QUEUE | Watch.FAIR_COUNT | Watch.SERVER)) === 0) enqueueTaskFair(cpu, task, flags);
      else watchedEnqueue(cpu, task, flags);
      break;
    case Class.RT:
    case Class.DL:
      enqueueTaskRt(cpu, task, false);
      break;
    default:
      addNrRunning(cpu, 1);
  }
}

/** False if the task goes to sleep but stays in the queue. @spec 22 §2 */
export function dequeueTask(cpu: number, task: number, flags: number): boolean {
  if ((flags & Dequeue.SAVE) === 0) schedInfoDequeue(cpu, task);
  switch (tasks.schedClass[task]) {
    case Class.FAIR:
      if ((k.watch & (Watch.QUEUE | Watch.FAIR_COUNT | Watch.SERVER)) === 0) return dequeueTaskFair(cpu, task, flags);
      return watchedDequeue(cpu, task, flags);
    case Class.RT:
    case Class.DL:
      dequeueTaskRt(cpu, task);
      break;
    default:
      subNrRunning(cpu, 1);
  }
  return true;
}

function watchedEnqueue(cpu: number, task: number, flags: number): void {
  const before = cfs.hNrRunning[cpu]!;
  enqueueTaskFair(cpu, task, flags);
  if ((k.watch & Watch.QUEUE) !== 0 && (flags & Enqueue.DELAYED) === 0) k.hooks.taskQueued(cpu, task);
  tellFairCount(cpu, before);
}

function watchedDequeue(cpu: number, task: number, flags: number): boolean {
  const before = cfs.hNrRunning[cpu]!;
  if (!dequeueTaskFair(cpu, task, flags)) return false;
  if ((k.watch & Watch.QUEUE) !== 0) k.hooks.taskDequeued(cpu, task);
  tellFairCount(cpu, before);
  return true;
}

export function activateTask(cpu: number, task: number, flags: number): void {
  if (tasks.onRq[task] === OnRq.MIGRATING) flags |= Enqueue.MIGRATED;
  enqueueTask(cpu, task, flags);
  tasks.onRq[task] = OnRq.QUEUED;
}

export function deactivateTask(cpu: number, task: number, flags: number): void {
  tasks.onRq[task] = (flags & Dequeue.SLEEP) !== 0 ? OnRq.NO : OnRq.MIGRATING;
  if (!dequeueTask(cpu, task, flags)) tasks.onRq[task] = OnRq.QUEUED;
}

/** Time waited, for the cpu lines of schedstat. @spec 09 §1 */
function schedInfoDequeue(cpu: number, task: number): void {
  const { lastQueued, runDelay } = tasks;
  if (lastQueued[task]! < 0) return;
  const delta = rq.clock[cpu]! - lastQueued[task]!;
  lastQueued[task] = -1;
  runDelay[task]! += delta;
  counters.runDelay[cpu]! += delta;
}

// ---- moving

/**
 * The task belongs to another CPU from now on. It is not queued anywhere at this moment. @spec 05 §2, 06 §12
 * `cause` and `level` are for the trace.
 */
export function setTaskCpu(task: number, cpu: number, cause: number, level: number): void {
  const old = tasks.cpu[task]!;
  if (k.tracing) recordTask(Ev.SCHED_MIGRATE_TASK, k.thisCpu, task, old, cpu, tracePrio(task), cause, level);
  if (old === cpu) return;
  if (tasks.schedClass[task] === Class.FAIR) migrateTaskRqFair(task);
  tasks.nrMigrations[task]! += 1;
  setTaskRq(task, cpu);
}

function migrateTaskRqFair(task: number): void {
  const e = task;
  if (tasks.state[task] === State.WAKING && !k.eevdf) se.vruntime[e]! -= cfs.minVruntime[se.cfsRq[e]!]!;
  if (tasks.onRq[task] !== OnRq.MIGRATING) {
    removeEntityLoadAvg(e);
    migrateSePeltLag(e);
  }
  avg.setLastUpdate(AVG_SE + e, 0);
}

/** Points the task at the runqueues of a CPU. */
export function setTaskRq(task: number, cpu: number): void {
  const e = task;
  const group = tasks.group[task]!;
  se.cfsRq[e] = group * k.nrCpus + cpu;
  se.parent[e] = group === 0 ? -1 : se.GROUP_ENTITIES + group * k.nrCpus + cpu;
  tasks.cpu[task] = cpu;
  tasks.wakeCpu[task] = cpu;
}

/** Takes a queued, not running task to another CPU; both clocks are up to date or brought there. @spec 06 §12 */
export function moveQueuedTask(task: number, to: number, cause: number): void {
  const from = tasks.cpu[task]!;
  lockRq(from, k.costs.lockDetachNs);
  updateRqClock(from);
  deactivateTask(from, task, 0);
  setTaskCpu(task, to, cause, -1);
  lockRq(to, k.costs.lockAttachNs);
  updateRqClock(to);
  activateTask(to, task, 0);
  checkPreemptCurr(to, task, 0);
}

// ---- preemption

/** A task became runnable on the CPU: does the current one give way? @spec 02 §7 */
export function checkPreemptCurr(cpu: number, task: number, flags: number): void {
  const curr = rq.curr[cpu]!;
  const klass = tasks.schedClass[task]!;
  const currClass = tasks.schedClass[curr]!;
  if (klass === currClass) {
    if (klass === Class.FAIR) checkPreemptWakeup(cpu, task, flags);
    else if (klass === Class.RT || klass === Class.DL) checkPreemptCurrRt(cpu, task);
    else if (klass === Class.IDLE) reschedCurr(cpu);
  } else if (klass < currClass) {
    reschedCurr(cpu);
  }
  // The switch that follows uses the clock of this wakeup. @spec 01 §1
  if (needResched(cpu) && (isIdleTask(curr) || tasks.onRq[curr] === OnRq.QUEUED)) rq.clockSkip[cpu] = 1;
}
