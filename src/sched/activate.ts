/**
 * Tasks become runnable on a CPU, stop being it, and change CPUs; and whether the current task has to give way. Everything
 * happens on `k.thisCpu` at `k.now`. @spec 02 §7, 05 §2, 06 §12
 */
import { Ev } from '../trace/events.ts';
import { updateRqClock } from './clock.ts';
import { dequeueTaskFair, enqueueTaskFair } from './fair.ts';
import { Dequeue, Enqueue } from './fair-entity.ts';
import { checkPreemptWakeup } from './fair-pick.ts';
import type { Kernel } from './kernel.ts';
import { migrateSePeltLag, removeEntityLoadAvg } from './load-avg.ts';
import { recordTask } from './record.ts';
import { checkPreemptCurrRt, dequeueTaskRt, enqueueTaskRt } from './rt.ts';
import { Class, OnRq, State } from './tables.ts';

// ---- queueing, by class

export function enqueueTask(k: Kernel, cpu: number, task: number, flags: number): void {
  if ((flags & Enqueue.RESTORE) === 0 && k.task.lastQueued[task] === 0) k.task.lastQueued[task] = k.rq.clock[cpu]!;
  switch (k.task.schedClass[task]) {
    case Class.FAIR:
      enqueueTaskFair(k, cpu, task, flags);
      break;
    case Class.RT:
    case Class.DL:
      enqueueTaskRt(k, cpu, task, false);
      break;
    default:
      k.addNrRunning(cpu, 1);
  }
}

export function dequeueTask(k: Kernel, cpu: number, task: number, flags: number): void {
  if ((flags & Dequeue.SAVE) === 0) schedInfoDequeue(k, cpu, task);
  switch (k.task.schedClass[task]) {
    case Class.FAIR:
      dequeueTaskFair(k, cpu, task, flags);
      break;
    case Class.RT:
    case Class.DL:
      dequeueTaskRt(k, cpu, task);
      break;
    default:
      k.subNrRunning(cpu, 1);
  }
}

export function activateTask(k: Kernel, cpu: number, task: number, flags: number): void {
  if (k.task.onRq[task] === OnRq.MIGRATING) flags |= Enqueue.MIGRATED;
  enqueueTask(k, cpu, task, flags);
  k.task.onRq[task] = OnRq.QUEUED;
}

export function deactivateTask(k: Kernel, cpu: number, task: number, flags: number): void {
  k.task.onRq[task] = (flags & Dequeue.SLEEP) !== 0 ? OnRq.NO : OnRq.MIGRATING;
  dequeueTask(k, cpu, task, flags);
}

/** Time waited, for the cpu lines of schedstat. @spec 09 §1 */
function schedInfoDequeue(k: Kernel, cpu: number, task: number): void {
  const { lastQueued, runDelay } = k.task;
  if (lastQueued[task] === 0) return;
  const delta = k.rq.clock[cpu]! - lastQueued[task]!;
  lastQueued[task] = 0;
  runDelay[task]! += delta;
  k.counters.runDelay[cpu]! += delta;
}

// ---- moving

/**
 * The task belongs to another CPU from now on. It is not queued anywhere at this moment. @spec 05 §2, 06 §12
 * `cause` and `level` are for the trace.
 */
export function setTaskCpu(k: Kernel, task: number, cpu: number, cause: number, level: number): void {
  const old = k.task.cpu[task]!;
  if (k.tracing) recordTask(k, Ev.SCHED_MIGRATE_TASK, k.thisCpu, task, old, cpu, k.tracePrio(task), cause, level);
  if (old === cpu) return;
  if (k.task.schedClass[task] === Class.FAIR) migrateTaskRqFair(k, task);
  k.task.nrMigrations[task]! += 1;
  setTaskRq(k, task, cpu);
}

function migrateTaskRqFair(k: Kernel, task: number): void {
  const e = k.entityOf(task);
  const { se, cfs, avg } = k;
  if (k.task.state[task] === State.WAKING) se.vruntime[e]! -= cfs.minVruntime[se.cfsRq[e]!]!;
  if (k.task.onRq[task] !== OnRq.MIGRATING) {
    removeEntityLoadAvg(k, e);
    migrateSePeltLag(k, e);
  }
  avg.setLastUpdate(k.avgSe + e, 0);
}

/** Points the task at the runqueues of a CPU. */
export function setTaskRq(k: Kernel, task: number, cpu: number): void {
  const e = k.entityOf(task);
  const group = k.task.group[task]!;
  k.se.cfsRq[e] = group * k.nrCpus + cpu;
  k.se.parent[e] = group === 0 ? -1 : (group - 1) * k.nrCpus + cpu;
  k.task.cpu[task] = cpu;
  k.task.wakeCpu[task] = cpu;
}

/** Takes a queued, not running task to another CPU; both clocks are up to date or brought there. @spec 06 §12 */
export function moveQueuedTask(k: Kernel, task: number, to: number, cause: number): void {
  const from = k.task.cpu[task]!;
  updateRqClock(k, from);
  deactivateTask(k, from, task, 0);
  setTaskCpu(k, task, to, cause, -1);
  updateRqClock(k, to);
  activateTask(k, to, task, 0);
  checkPreemptCurr(k, to, task, 0);
}

// ---- preemption

/** A task became runnable on the CPU: does the current one give way? @spec 02 §7 */
export function checkPreemptCurr(k: Kernel, cpu: number, task: number, flags: number): void {
  const { rq } = k;
  const curr = rq.curr[cpu]!;
  const klass = k.task.schedClass[task]!;
  const currClass = k.task.schedClass[curr]!;
  if (klass === currClass) {
    if (klass === Class.FAIR) checkPreemptWakeup(k, cpu, task, flags);
    else if (klass === Class.RT || klass === Class.DL) checkPreemptCurrRt(k, cpu, task);
    else if (klass === Class.IDLE) k.reschedCurr(cpu);
  } else if (klass < currClass) {
    k.reschedCurr(cpu);
  }
  // The switch that follows uses the clock of this wakeup. @spec 01 §1
  if (k.needResched(cpu) && (k.isIdleTask(curr) || k.task.onRq[curr] === OnRq.QUEUED)) rq.clockSkip[cpu] = 1;
}
