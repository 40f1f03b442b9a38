/**
 * CFS at the level of tasks: queueing through the hierarchy of groups, fork, tick, yield, and changes of weight.
 * @spec 02 §5-6, §9, §11
 */
import { updateRqClock } from './clock.ts';
import {
  clearBuddies,
  Dequeue,
  dequeueEntity,
  Enqueue,
  enqueueEntity,
  placeEntity,
  reweightEntity,
  schedSlice,
  seUpdateRunnable,
  updateCfsGroup,
  updateCurr,
} from './fair-entity.ts';
import type { Kernel } from './kernel.ts';
import { UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { Class, Policy } from './tables.ts';
import { utilEstDequeue, utilEstEnqueue, utilEstUpdate } from './util-est.ts';
import { INVERSE_IDLEPRIO, inverseOfNice, WEIGHT_SCALED_IDLEPRIO, weightOfNice } from './weight.ts';

export function hasIdlePolicy(k: Kernel, task: number): boolean {
  return k.task.policy[task] === Policy.IDLE;
}

export function enqueueTaskFair(k: Kernel, cpu: number, task: number, flags: number): void {
  const { cfs, se } = k;
  const isNew = (flags & Enqueue.WAKEUP) === 0;
  let idle = hasIdlePolicy(k, task) ? 1 : 0;
  utilEstEnqueue(k, cpu, task);
  let e = k.entityOf(task);
  for (; e >= 0 && se.onRq[e] === 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    enqueueEntity(k, q, e, flags);
    cfs.hNrRunning[q]! += 1;
    cfs.idleHNrRunning[q]! += idle;
    if (isIdleCfsRq(k, q)) idle = 1;
    if (cfs.throttled[q] !== 0) return;
    flags = Enqueue.WAKEUP;
  }
  for (; e >= 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    updateLoadAvg(k, q, e, UPDATE_TG);
    seUpdateRunnable(k, e);
    updateCfsGroup(k, e);
    cfs.hNrRunning[q]! += 1;
    cfs.idleHNrRunning[q]! += idle;
    if (isIdleCfsRq(k, q)) idle = 1;
    if (cfs.throttled[q] !== 0) return;
  }
  k.addNrRunning(cpu, 1);
  if (k.energyAware && !isNew) updateOverutilized(k, cpu);
}

export function dequeueTaskFair(k: Kernel, cpu: number, task: number, flags: number): void {
  const sleeps = (flags & Dequeue.SLEEP) !== 0;
  const wasSchedIdle = k.schedIdleCpu(cpu);
  utilEstDequeue(k, cpu, task);
  if (dequeueHierarchy(k, task, flags, sleeps)) {
    k.subNrRunning(cpu, 1);
    // Only idle-policy tasks are left: balance soon, as if the CPU were idle.
    if (!wasSchedIdle && k.schedIdleCpu(cpu)) k.rq.nextBalance[cpu] = k.jiffies;
  }
  if (sleeps) utilEstUpdate(k, cpu, task);
}

/** False if a throttled runqueue on the way means that the CPU's count does not change. */
function dequeueHierarchy(k: Kernel, task: number, flags: number, sleeps: boolean): boolean {
  const { cfs, se } = k;
  let idle = hasIdlePolicy(k, task) ? 1 : 0;
  let e = k.entityOf(task);
  while (e >= 0) {
    const q = se.cfsRq[e]!;
    dequeueEntity(k, q, e, flags);
    cfs.hNrRunning[q]! -= 1;
    cfs.idleHNrRunning[q]! -= idle;
    if (isIdleCfsRq(k, q)) idle = 1;
    if (cfs.throttled[q] !== 0) return false;
    e = se.parent[e]!;
    if (cfs.load[q] !== 0) {
      if (sleeps && e >= 0 && cfs.throttleCount[q] === 0) setNextBuddy(k, e);
      break;
    }
    flags |= Dequeue.SLEEP;
  }
  for (; e >= 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    updateLoadAvg(k, q, e, UPDATE_TG);
    seUpdateRunnable(k, e);
    updateCfsGroup(k, e);
    cfs.hNrRunning[q]! -= 1;
    cfs.idleHNrRunning[q]! -= idle;
    if (isIdleCfsRq(k, q)) idle = 1;
    if (cfs.throttled[q] !== 0) return false;
  }
  return true;
}

/** The runqueue of a group with cpu.idle. */
function isIdleCfsRq(k: Kernel, q: number): boolean {
  return q >= k.nrCpus && k.groups.isIdle[k.cfs.group[q]!] !== 0;
}

/** The root domain is over-utilised once some CPU has no 20 % to spare. @spec 05 §8 */
export function updateOverutilized(k: Kernel, cpu: number): void {
  if (!k.overutilized && k.cpuOverutilized(cpu)) k.overutilized = true;
}

// ---- buddies

export function setNextBuddy(k: Kernel, e: number): void {
  const { cfs, se } = k;
  for (let s = e; s >= 0; s = se.parent[s]!) {
    if (se.onRq[s] === 0 || se.isIdle[s] !== 0) return;
    cfs.nextBuddy[se.cfsRq[s]!] = s;
  }
}

export function setLastBuddy(k: Kernel, e: number): void {
  const { cfs, se } = k;
  for (let s = e; s >= 0; s = se.parent[s]!) {
    if (se.onRq[s] === 0 || se.isIdle[s] !== 0) return;
    cfs.lastBuddy[se.cfsRq[s]!] = s;
  }
}

// ---- tick: @spec 02 §6

export function taskTickFair(k: Kernel, cpu: number, task: number): void {
  const { se } = k;
  for (let e = k.entityOf(task); e >= 0; e = se.parent[e]!) entityTick(k, se.cfsRq[e]!, e);
  if (k.asymCpucapacity) k.hooks.updateMisfitStatus(k, task, cpu);
  if (k.energyAware) updateOverutilized(k, cpu);
}

function entityTick(k: Kernel, q: number, e: number): void {
  updateCurr(k, q);
  updateLoadAvg(k, q, e, UPDATE_TG);
  if (!k.isTask(e)) updateCfsGroup(k, e);
  if (k.cfs.nrRunning[q]! > 1) checkPreemptTick(k, q, e);
}

function checkPreemptTick(k: Kernel, q: number, e: number): void {
  const { cfs, se } = k;
  const ran = se.sumExec[e]! - se.prevSumExec[e]!;
  // No slice is shorter than this, so there is no need to work it out.
  if (ran < (se.isIdle[e] !== 0 ? k.leastIdleSliceNs : k.leastSliceNs)) return;
  const ideal = schedSlice(k, q, e);
  if (ran > ideal) {
    k.reschedCurr(cfs.cpu[q]!);
    clearBuddies(k, e);
    return;
  }
  if (ran < k.minGranularityNs) return;
  const left = cfs.leftmost[q]!;
  const ahead = se.vruntime[e]! - se.vruntime[left]!;
  if (ahead > ideal) k.reschedCurr(cfs.cpu[q]!);
}

// ---- fork, yield, weights

/** A child starts behind its parent by a slice; its vruntime is relative until it is queued. @spec 02 §5 */
export function taskForkFair(k: Kernel, child: number): void {
  const { cfs, se } = k;
  const cpu = k.thisCpu;
  updateRqClock(k, cpu);
  const e = k.entityOf(child);
  const q = se.cfsRq[k.entityOf(child)]!;
  const curr = cfs.curr[q]!;
  if (curr >= 0) {
    updateCurr(k, q);
    se.vruntime[e] = se.vruntime[curr]!;
  }
  placeEntity(k, q, e, true);
  if (k.tunables.childRunsFirst && curr >= 0 && se.vruntime[curr]! < se.vruntime[e]!) {
    const v = se.vruntime[curr]!;
    se.vruntime[curr] = se.vruntime[e]!;
    se.vruntime[e] = v;
    k.reschedCurr(cpu);
  }
  se.vruntime[e]! -= cfs.minVruntime[q]!;
}

/** @spec 02 §9 */
export function yieldTaskFair(k: Kernel, cpu: number, task: number): void {
  const { cfs, se } = k;
  if (k.rq.nrRunning[cpu] === 1) return;
  const e = k.entityOf(task);
  clearBuddies(k, e);
  if (k.task.policy[task] !== Policy.BATCH) {
    updateRqClock(k, cpu);
    updateCurr(k, se.cfsRq[e]!);
    k.rq.clockSkip[cpu] = 1;
  }
  for (let s = e; s >= 0; s = se.parent[s]!) cfs.skipBuddy[se.cfsRq[s]!] = s;
}

/** The weight a task's policy and nice level give it. */
export function setLoadWeight(k: Kernel, task: number, updateLoad: boolean): void {
  const { se } = k;
  const e = k.entityOf(task);
  const idle = hasIdlePolicy(k, task);
  const nice = k.task.nice[task]!;
  const weight = idle ? WEIGHT_SCALED_IDLEPRIO : weightOfNice(nice);
  const inverse = idle ? INVERSE_IDLEPRIO : inverseOfNice(nice);
  if (updateLoad && k.task.schedClass[task] === Class.FAIR && !idle) {
    reweightEntity(k, se.cfsRq[e]!, e, weight, inverse);
  } else {
    se.weight[e] = weight;
    se.inverse[e] = inverse;
  }
  se.isIdle[e] = idle ? 1 : 0;
}
