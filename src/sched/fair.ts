/**
 * CFS at the level of tasks: queueing through the hierarchy of groups, fork, tick, yield, and changes of weight.
 * @spec 02 §5-6, §9, §11
 */

import * as cfs from './cfs-rq.ts';
import { updateRqClock } from './clock.ts';
import { postponeDeadline, requestedSlice, shortestSlice } from './eevdf.ts';
import { requeueDelayed } from './eevdf-entity.ts';
import * as se from './entity.ts';
import {
  clearBuddies,
  Dequeue,
  dequeueEntity,
  Enqueue,
  enqueueEntity,
  eraseEntity,
  insertEntity,
  placeEntity,
  reweightEntity,
  schedSlice,
  seUpdateRunnable,
  updateCfsGroup,
  updateCurr,
} from './fair-entity.ts';
import { Watch } from './hooks.ts';
import { addNrRunning, k, subNrRunning, tellFairCount } from './kernel.ts';
import { UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { cpuOverutilized, isTask, schedIdleCpu } from './predicates.ts';
import * as rq from './rq.ts';
import { reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';
import { Class, OnRq, Policy } from './tasks.ts';
import { utilEstDequeue, utilEstEnqueue, utilEstUpdate } from './util-est.ts';
import { INVERSE_IDLEPRIO, inverseOfNice, WEIGHT_SCALED_IDLEPRIO, weightOfNice } from './weight.ts';

export function hasIdlePolicy(task: number): boolean {
  return tasks.policy[task] === Policy.IDLE;
}

export function enqueueTaskFair(cpu: number, task: number, flags: number): void {
  const isNew = (flags & Enqueue.WAKEUP) === 0;
  let idle = hasIdlePolicy(task) ? 1 : 0;
  if (se.delayed[task] === 0 || (flags & Enqueue.DELAYED) !== 0) utilEstEnqueue(cpu, task);
  if ((flags & Enqueue.DELAYED) !== 0) {
    requeueDelayed(task);
    return;
  }
  const delayed = se.delayed[task]!;
  let slice = k.eevdf ? requestedSlice(task) : 0;
  let e = task;
  for (; e >= 0 && se.onRq[e] === 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    if (k.eevdf) {
      se.slice[e] = slice;
      enqueueEntity(q, e, flags);
      slice = shortestSlice(q);
      cfs.hNrDelayed[q]! += delayed;
    } else enqueueEntity(q, e, flags);
    cfs.hNrRunning[q]! += 1;
    cfs.idleHNrRunning[q]! += idle;
    if (isIdleCfsRq(q)) idle = 1;
    if (cfs.throttled[q] !== 0) return;
    flags = Enqueue.WAKEUP;
  }
  if (k.eevdf && e >= 0 && se.delayed[e] !== 0) requeueDelayed(e);
  for (; e >= 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    updateLoadAvg(q, e, UPDATE_TG);
    seUpdateRunnable(e);
    updateCfsGroup(e);
    if (k.eevdf) slice = setGroupSlice(q, e, slice);
    cfs.hNrDelayed[q]! += delayed;
    cfs.hNrRunning[q]! += 1;
    cfs.idleHNrRunning[q]! += idle;
    if (isIdleCfsRq(q)) idle = 1;
    if (cfs.throttled[q] !== 0) return;
  }
  addNrRunning(cpu, 1);
  if (k.energyAware && !isNew) updateOverutilized(cpu);
}

/** False (EEVDF only) if the task goes to sleep but stays in the queue. */
export function dequeueTaskFair(cpu: number, task: number, flags: number): boolean {
  const sleeps = (flags & Dequeue.SLEEP) !== 0;
  const wasSchedIdle = schedIdleCpu(cpu);
  if (se.delayed[task] === 0) utilEstDequeue(cpu, task);
  // EEVDF remembers the utilisation before the task has left the averages, for it may stay.
  if (sleeps && k.eevdf && se.delayed[task] === 0) utilEstUpdate(cpu, task);
  const left = dequeueHierarchy(task, 1, flags, sleeps);
  if (left === Left.STAYS) return false;
  if (left === Left.CPU) {
    subNrRunning(cpu, 1);
    // Only idle-policy tasks are left: balance soon, as if the CPU were idle.
    if (!wasSchedIdle && schedIdleCpu(cpu)) rq.nextBalance[cpu] = k.jiffies;
  }
  if (sleeps && !k.eevdf) utilEstUpdate(cpu, task);
  return true;
}

/** A delayed entity's turn has come, or it must go: it leaves its queue for good. @spec 22 §2 */
export function finishDelayed(e: number): void {
  const cpu = cfs.cpu[se.cfsRq[e]!]!;
  const before = cfs.hNrRunning[cpu]!;
  const nr = isTask(e) ? 1 : 0;
  if (dequeueHierarchy(e, nr, Dequeue.SLEEP | Dequeue.DELAYED, true) === Left.CPU) subNrRunning(cpu, nr);
  if (nr === 0) return;
  tasks.onRq[e] = OnRq.NO;
  if ((k.watch & Watch.QUEUE) !== 0) k.hooks.taskDequeued(cpu, e);
  tellFairCount(cpu, before);
}

/** Where a task that is dequeued has left. */
const Left = {
  /** Nowhere: it is delayed. */
  STAYS: 0,
  /** A throttled runqueue, so that the CPU's count does not change. */
  THROTTLED: 1,
  CPU: 2,
} as const;

/** Takes a task (`nr` 1), or a group's entity of which nothing is queued any more (0), off its queue. */
function dequeueHierarchy(entity: number, nr: number, flags: number, sleeps: boolean): number {
  let idle = nr !== 0 && hasIdlePolicy(entity) ? 1 : 0;
  const delayed = nr !== 0 ? se.delayed[entity]! : 0;
  let e = entity;
  while (e >= 0) {
    const q = se.cfsRq[e]!;
    if (!dequeueEntity(q, e, flags)) {
      if (e === entity) return Left.STAYS;
      break;
    }
    cfs.hNrDelayed[q]! -= delayed;
    cfs.hNrRunning[q]! -= nr;
    cfs.idleHNrRunning[q]! -= idle;
    if (isIdleCfsRq(q)) idle = 1;
    if (cfs.throttled[q] !== 0) return Left.THROTTLED;
    e = se.parent[e]!;
    if (cfs.load[q] !== 0) {
      if (sleeps && e >= 0 && cfs.throttleCount[q] === 0) setNextBuddy(e);
      break;
    }
    flags = (flags | Dequeue.SLEEP) & ~(Dequeue.DELAYED | Dequeue.SPECIAL);
  }
  for (; e >= 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    updateLoadAvg(q, e, UPDATE_TG);
    seUpdateRunnable(e);
    updateCfsGroup(e);
    if (k.eevdf) setGroupSlice(q, e, shortestSlice(se.myQ[e]!));
    cfs.hNrDelayed[q]! -= delayed;
    cfs.hNrRunning[q]! -= nr;
    cfs.idleHNrRunning[q]! -= idle;
    if (isIdleCfsRq(q)) idle = 1;
    if (cfs.throttled[q] !== 0) return Left.THROTTLED;
  }
  return Left.CPU;
}

/** The shortest slice in a queued group has become `slice`; returns that of the queue the group is on. @spec 22 §2 */
function setGroupSlice(q: number, e: number, slice: number): number {
  if (slice !== 0 && slice !== se.slice[e]) {
    const isQueued = se.onRq[e] !== 0 && cfs.curr[q] !== e;
    if (isQueued) eraseEntity(q, e);
    se.slice[e] = slice;
    if (isQueued) insertEntity(q, e);
  }
  return shortestSlice(q);
}

/** The runqueue of a group with cpu.idle. */
function isIdleCfsRq(q: number): boolean {
  return q >= k.nrCpus && k.groups.isIdle[cfs.group[q]!] !== 0;
}

/** The root domain is over-utilised once some CPU has no 20 % to spare. @spec 05 §8 */
export function updateOverutilized(cpu: number): void {
  if (!k.overutilized && cpuOverutilized(cpu)) k.overutilized = true;
}

// ---- buddies

export function setNextBuddy(e: number): void {
  for (let s = e; s >= 0; s = se.parent[s]!) {
    if (se.onRq[s] === 0 || se.isIdle[s] !== 0) return;
    cfs.nextBuddy[se.cfsRq[s]!] = s;
  }
}

export function setLastBuddy(e: number): void {
  for (let s = e; s >= 0; s = se.parent[s]!) {
    if (se.onRq[s] === 0 || se.isIdle[s] !== 0) return;
    cfs.lastBuddy[se.cfsRq[s]!] = s;
  }
}

// ---- tick: @spec 02 §6

export function taskTickFair(cpu: number, task: number): void {
  for (let e = task; e >= 0; e = se.parent[e]!) entityTick(se.cfsRq[e]!, e);
  if (k.asymCpucapacity) k.hooks.updateMisfitStatus(task, cpu);
  if (k.energyAware) updateOverutilized(cpu);
}

function entityTick(q: number, e: number): void {
  updateCurr(q);
  updateLoadAvg(q, e, UPDATE_TG);
  if (!isTask(e)) updateCfsGroup(e);
  if (!k.eevdf && cfs.nrRunning[q]! > 1) checkPreemptTick(q, e);
}

function checkPreemptTick(q: number, e: number): void {
  const ran = se.sumExec[e]! - se.prevSumExec[e]!;
  // No slice is shorter than this, so there is no need to work it out.
  if (ran < (se.isIdle[e] !== 0 ? k.leastIdleSliceNs : k.leastSliceNs)) return;
  const ideal = schedSlice(q, e);
  if (ran > ideal) {
    reschedCurr(cfs.cpu[q]!);
    clearBuddies(e);
    return;
  }
  if (ran < k.minGranularityNs) return;
  const left = cfs.leftmost[q]!;
  const ahead = se.vruntime[e]! - se.vruntime[left]!;
  if (ahead > ideal) reschedCurr(cfs.cpu[q]!);
}

// ---- fork, yield, weights

/** A child starts behind its parent by a slice; its vruntime is relative until it is queued. @spec 02 §5 */
export function taskForkFair(child: number): void {
  const cpu = k.thisCpu;
  updateRqClock(cpu);
  const e = child;
  const q = se.cfsRq[child]!;
  const curr = cfs.curr[q]!;
  if (k.eevdf) {
    // It is placed when it is queued.
    if (curr >= 0) updateCurr(q);
    return;
  }
  if (curr >= 0) {
    updateCurr(q);
    se.vruntime[e] = se.vruntime[curr]!;
  }
  placeEntity(q, e, true);
  if (k.tunables.childRunsFirst && curr >= 0 && se.vruntime[curr]! < se.vruntime[e]!) {
    const v = se.vruntime[curr]!;
    se.vruntime[curr] = se.vruntime[e]!;
    se.vruntime[e] = v;
    reschedCurr(cpu);
  }
  se.vruntime[e]! -= cfs.minVruntime[q]!;
}

/** Who looks at how long it ran is charged for it, and must go if its deadline has passed. @spec 22 §2 */
export function chargeRunning(cpu: number, task: number): void {
  updateRqClock(cpu);
  updateCurr(se.cfsRq[task]!);
}

/** @spec 02 §9 */
export function yieldTaskFair(cpu: number, task: number): void {
  if (rq.nrRunning[cpu] === 1) return;
  const e = task;
  clearBuddies(e);
  if (tasks.policy[task] !== Policy.BATCH) {
    updateRqClock(cpu);
    updateCurr(se.cfsRq[e]!);
    rq.clockSkip[cpu] = 1;
  }
  if (k.eevdf) {
    postponeDeadline(e);
    return;
  }
  for (let s = e; s >= 0; s = se.parent[s]!) cfs.skipBuddy[se.cfsRq[s]!] = s;
}

/** The weight a task's policy and nice level give it. */
export function setLoadWeight(task: number, updateLoad: boolean): void {
  const e = task;
  const idle = hasIdlePolicy(task);
  const nice = tasks.nice[task]!;
  const weight = idle ? WEIGHT_SCALED_IDLEPRIO : weightOfNice(nice);
  const inverse = idle ? INVERSE_IDLEPRIO : inverseOfNice(nice);
  if (updateLoad && tasks.schedClass[task] === Class.FAIR && !idle) {
    reweightEntity(se.cfsRq[e]!, e, weight, inverse);
  } else {
    se.weight[e] = weight;
    se.inverse[e] = inverse;
  }
  se.isIdle[e] = idle ? 1 : 0;
}
