/**
 * CFS at the level of one runqueue: virtual time, the queue ordered by it, slices, placement, and entities coming and
 * going. Tasks and hierarchies are in `fair.ts`, choosing in `fair-pick.ts`. @spec 02 §3-5
 *
 * The queue is a doubly linked list in order of vruntime (equal ones in order of arrival) that does not contain the
 * running entity. Insertion walks from both ends at once, because entities that ran go to the right and those that slept
 * to the left, so that a long queue is rarely walked far.
 */
import { Ev } from '../trace/events.ts';
import { assignRuntime, checkEnqueueThrottle, returnRuntime } from './cfs-runtime.ts';
import type { Kernel } from './kernel.ts';
import { DO_ATTACH, DO_DETACH, reweightLoadAvg, UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { recordTask } from './record.ts';
import { OnRq } from './tables.ts';
import { calcDelta, calcDeltaFair, inverseOf, scaleDown } from './weight.ts';

/** Enqueue flags. */
export const Enqueue = { WAKEUP: 1, RESTORE: 2, MOVE: 4, MIGRATED: 8 } as const;
/** Dequeue flags. */
export const Dequeue = { SLEEP: 1, SAVE: 2, MOVE: 4 } as const;

/** Tasks that share the latency target before the period is stretched. @spec 02 §1 */
export const SCHED_NR_LATENCY = 8;

/** Charges the running entity for the time since it was last charged. @spec 02 §3 */
export function updateCurr(k: Kernel, q: number): void {
  const { cfs, se } = k;
  const curr = cfs.curr[q]!;
  if (curr < 0) return;
  const cpu = cfs.cpu[q]!;
  const now = k.rq.clock[cpu]!;
  const delta = now - se.execStart[curr]!;
  if (delta <= 0) return;
  se.execStart[curr] = now;
  se.sumExec[curr]! += delta;
  se.vruntime[curr]! += calcDeltaFair(delta, se.weight[curr]!, se.inverse[curr]!);
  updateMinVruntime(k, q);
  if (k.isTask(curr) && k.recorder.on[Ev.SCHED_STAT_RUNTIME]) {
    recordTask(k, Ev.SCHED_STAT_RUNTIME, k.thisCpu, k.taskOf(curr), delta, se.vruntime[curr]!);
  }
  if (cfs.runtimeEnabled[q] !== 0) assignRuntime(k, q, delta);
}

export function updateMinVruntime(k: Kernel, q: number): void {
  const { cfs, se } = k;
  const curr = cfs.curr[q]!;
  const left = cfs.leftmost[q]!;
  const running = curr >= 0 && se.onRq[curr] !== 0;
  let candidate: number;
  if (running) {
    candidate = se.vruntime[curr]!;
    if (left >= 0 && se.vruntime[left]! < candidate) candidate = se.vruntime[left]!;
  } else {
    if (left < 0) return;
    candidate = se.vruntime[left]!;
  }
  if (candidate > cfs.minVruntime[q]!) cfs.minVruntime[q] = candidate;
}

// ---- the queue

export function insertEntity(k: Kernel, q: number, e: number): void {
  const { cfs } = k;
  const { vruntime, next, prev } = k.se;
  const v = vruntime[e]!;
  const last = cfs.rightmost[q]!;
  if (last < 0 || vruntime[last]! <= v) {
    link(k, q, e, last, -1);
    return;
  }
  const first = cfs.leftmost[q]!;
  if (vruntime[first]! > v) {
    link(k, q, e, -1, first);
    return;
  }
  // first <= v < last: somewhere in between
  let left = first;
  let right = last;
  for (;;) {
    const before = prev[right]!;
    if (vruntime[before]! <= v) {
      link(k, q, e, before, right);
      return;
    }
    right = before;
    const after = next[left]!;
    if (vruntime[after]! > v) {
      link(k, q, e, left, after);
      return;
    }
    left = after;
  }
}

function link(k: Kernel, q: number, e: number, before: number, after: number): void {
  const { next, prev } = k.se;
  prev[e] = before;
  next[e] = after;
  if (before < 0) k.cfs.leftmost[q] = e;
  else next[before] = e;
  if (after < 0) k.cfs.rightmost[q] = e;
  else prev[after] = e;
}

export function eraseEntity(k: Kernel, q: number, e: number): void {
  const { next, prev } = k.se;
  const before = prev[e]!;
  const after = next[e]!;
  if (before < 0) k.cfs.leftmost[q] = after;
  else next[before] = after;
  if (after < 0) k.cfs.rightmost[q] = before;
  else prev[after] = before;
  next[e] = -1;
  prev[e] = -1;
}

/** Takes an entity out of the buddies of its runqueue and, where it stands for them, of those above. */
export function clearBuddies(k: Kernel, e: number): void {
  clearBuddy(k, k.cfs.lastBuddy, e);
  clearBuddy(k, k.cfs.nextBuddy, e);
  clearBuddy(k, k.cfs.skipBuddy, e);
}

function clearBuddy(k: Kernel, buddies: Int32Array, e: number): void {
  const { cfsRq, parent } = k.se;
  for (let s = e; s >= 0; s = parent[s]!) {
    const q = cfsRq[s]!;
    if (buddies[q] !== s) return;
    buddies[q] = -1;
  }
}

// ---- slices: @spec 02 §4

function period(k: Kernel, nr: number): number {
  return nr > SCHED_NR_LATENCY ? nr * k.minGranularityNs : k.latencyNs;
}

/** How long the entity should run before others get their turn, ns. */
export function schedSlice(k: Kernel, q: number, e: number): number {
  const { cfs, se } = k;
  let nr = k.features.ALT_PERIOD ? cfs.hNrRunning[cfs.cpu[q]!]! : cfs.nrRunning[q]!;
  const queued = se.onRq[e] !== 0;
  if (!queued) nr++;
  let slice = period(k, nr);
  for (let s = e; s >= 0; s = se.parent[s]!) {
    let load = cfs.load[se.cfsRq[s]!]!;
    if (se.onRq[s] === 0) load += se.weight[s]!;
    slice = calcDelta(slice, se.weight[s]!, inverseOf(load));
  }
  if (!k.features.BASE_SLICE) return slice;
  const idleAmongOthers = isIdleEntity(k, e) && cfs.idleNrRunning[q] !== cfs.nrRunning[q];
  return Math.max(slice, idleAmongOthers ? k.tunables.idleMinGranularityNs : k.minGranularityNs);
}

function schedVslice(k: Kernel, q: number, e: number): number {
  return calcDeltaFair(schedSlice(k, q, e), k.se.weight[e]!, k.se.inverse[e]!);
}

/** A SCHED_IDLE task or the entity of a group with cpu.idle. */
export function isIdleEntity(k: Kernel, e: number): boolean {
  return k.se.isIdle[e] !== 0;
}

// ---- placement: @spec 02 §5

/** exec_start this long ago says nothing about vruntime any more: 2^63 / 1024 ns. */
const ANCIENT_NS = 2 ** 53;

export function placeEntity(k: Kernel, q: number, e: number, initial: boolean): void {
  const { cfs, se } = k;
  let v = cfs.minVruntime[q]!;
  if (initial) {
    if (k.features.START_DEBIT) v += schedVslice(k, q, e);
  } else {
    const threshold = isIdleEntity(k, e) ? k.minGranularityNs : k.latencyNs;
    v -= k.features.GENTLE_FAIR_SLEEPERS ? Math.floor(threshold / 2) : threshold;
  }
  const sleptFor = k.rq.clock[cfs.cpu[q]!]! - se.execStart[e]!;
  if (se.execStart[e] !== 0 && sleptFor > ANCIENT_NS) se.vruntime[e] = v;
  else if (v > se.vruntime[e]!) se.vruntime[e] = v;
}

// ---- coming and going: @spec 02 §5

export function enqueueEntity(k: Kernel, q: number, e: number, flags: number): void {
  const { cfs, se } = k;
  const isCurr = cfs.curr[q] === e;
  const renorm = (flags & Enqueue.WAKEUP) === 0 || (flags & Enqueue.MIGRATED) !== 0;
  if (renorm && isCurr) se.vruntime[e]! += cfs.minVruntime[q]!;
  updateCurr(k, q);
  if (renorm && !isCurr) se.vruntime[e]! += cfs.minVruntime[q]!;
  updateLoadAvg(k, q, e, UPDATE_TG | DO_ATTACH);
  if (!k.isTask(e)) {
    seUpdateRunnable(k, e);
    updateCfsGroup(k, e);
  }
  accountEntityEnqueue(k, q, e);
  if ((flags & Enqueue.WAKEUP) !== 0) placeEntity(k, q, e, false);
  if ((flags & Enqueue.MIGRATED) !== 0) se.execStart[e] = 0;
  if (!isCurr) insertEntity(k, q, e);
  se.onRq[e] = 1;
  if (cfs.nrRunning[q] === 1 && q >= k.nrCpus) {
    checkEnqueueThrottle(k, q);
    if (cfs.throttleCount[q] === 0) addToLeafList(k, q);
  }
}

export function dequeueEntity(k: Kernel, q: number, e: number, flags: number): void {
  const { cfs, se } = k;
  const isTask = k.isTask(e);
  const migrating = isTask && k.task.onRq[k.taskOf(e)] === OnRq.MIGRATING;
  updateCurr(k, q);
  updateLoadAvg(k, q, e, migrating ? UPDATE_TG | DO_DETACH : UPDATE_TG);
  if (!isTask) seUpdateRunnable(k, e);
  clearBuddies(k, e);
  if (cfs.curr[q] !== e) eraseEntity(k, q, e);
  se.onRq[e] = 0;
  accountEntityDequeue(k, q, e);
  if ((flags & Dequeue.SLEEP) === 0) se.vruntime[e]! -= cfs.minVruntime[q]!;
  if (cfs.runtimeEnabled[q] !== 0) returnRuntime(k, q);
  if (!isTask) updateCfsGroup(k, e);
  if ((flags & (Dequeue.SAVE | Dequeue.MOVE)) !== Dequeue.SAVE) updateMinVruntime(k, q);
}

function accountEntityEnqueue(k: Kernel, q: number, e: number): void {
  const { cfs, se } = k;
  cfs.load[q]! += se.weight[e]!;
  if (k.isTask(e)) addToCfsTasks(k, cfs.cpu[q]!, k.taskOf(e));
  cfs.nrRunning[q]! += 1;
  if (isIdleEntity(k, e)) cfs.idleNrRunning[q]! += 1;
}

function accountEntityDequeue(k: Kernel, q: number, e: number): void {
  const { cfs, se } = k;
  cfs.load[q]! -= se.weight[e]!;
  if (k.isTask(e)) removeFromCfsTasks(k, cfs.cpu[q]!, k.taskOf(e));
  cfs.nrRunning[q]! -= 1;
  if (isIdleEntity(k, e)) cfs.idleNrRunning[q]! -= 1;
}

/** A runqueue and its ancestors are among those whose averages decay. */
function addToLeafList(k: Kernel, q: number): void {
  for (let p = q; p >= k.nrCpus; p = k.cfs.parent[p]!) k.cfs.onLeafList[p] = 1;
}

// ---- the list of all CFS tasks of a CPU: head most recently queued or run. @spec 06 §1

export function addToCfsTasks(k: Kernel, cpu: number, task: number): void {
  const { rq } = k;
  const { listNext, listPrev } = k.task;
  const head = rq.cfsTasksHead[cpu]!;
  listPrev[task] = -1;
  listNext[task] = head;
  if (head < 0) rq.cfsTasksTail[cpu] = task;
  else listPrev[head] = task;
  rq.cfsTasksHead[cpu] = task;
}

export function removeFromCfsTasks(k: Kernel, cpu: number, task: number): void {
  const { rq } = k;
  const { listNext, listPrev } = k.task;
  const before = listPrev[task]!;
  const after = listNext[task]!;
  if (before < 0) rq.cfsTasksHead[cpu] = after;
  else listNext[before] = after;
  if (after < 0) rq.cfsTasksTail[cpu] = before;
  else listPrev[after] = before;
}

export function moveToHeadOfCfsTasks(k: Kernel, cpu: number, task: number): void {
  if (k.rq.cfsTasksHead[cpu] === task) return;
  removeFromCfsTasks(k, cpu, task);
  addToCfsTasks(k, cpu, task);
}

// ---- groups: @spec 02 §10

/** The number of tasks below a group that PELT will see. @spec 03 §3 */
export function seUpdateRunnable(k: Kernel, e: number): void {
  k.se.runnableWeight[e] = k.cfs.hNrRunning[k.se.myQ[e]!]!;
}

/** Weight of a group on this CPU: its shares by its part of the group's load. */
export function calcGroupShares(k: Kernel, q: number): number {
  const { cfs, groups, avg } = k;
  const g = cfs.group[q]!;
  const tgShares = groups.shares[g]!;
  const load = Math.max(scaleDown(cfs.load[q]!), avg.loadAvg[q]!);
  const total = groups.loadAvg[g]! - cfs.tgLoadAvgContrib[q]! + load;
  let shares = tgShares * load;
  if (total !== 0) shares = Math.floor(shares / total);
  return Math.min(Math.max(shares, 2), tgShares);
}

/** Gives a group's entity the weight it deserves at the moment. */
export function updateCfsGroup(k: Kernel, e: number): void {
  const q = k.se.myQ[e]!;
  if (q < 0 || k.cfs.throttleCount[q] !== 0) return;
  reweightEntity(k, k.se.cfsRq[e]!, e, calcGroupShares(k, q), -1);
}

/** Changes an entity's weight; `inverse` -1 for "work it out". @spec 03 §6 */
export function reweightEntity(k: Kernel, q: number, e: number, weight: number, inverse: number): void {
  const { cfs, se } = k;
  const queued = se.onRq[e] !== 0;
  if (queued) {
    if (cfs.curr[q] === e) updateCurr(k, q);
    cfs.load[q]! -= se.weight[e]!;
  }
  reweightLoadAvg(k, q, e, weight, inverse < 0 ? inverseOf(weight) : inverse);
  if (queued) cfs.load[q]! += weight;
}
