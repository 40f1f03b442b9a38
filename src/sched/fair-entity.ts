/**
 * CFS at the level of one runqueue: virtual time, the queue ordered by it, slices, placement, and entities coming and
 * going. Tasks and hierarchies are in `fair.ts`, choosing in `fair-pick.ts`. @spec 02 §3-5
 *
 * The queue is a doubly linked list in order of vruntime (equal ones in order of arrival) that does not contain the
 * running entity. Insertion walks from both ends at once, because entities that ran go to the right and those that slept
 * to the left, so that a long queue is rarely walked far.
 */
import { Ev } from '../trace/events.ts';
import * as avg from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { assignRuntime, checkEnqueueThrottle, returnRuntime } from './cfs-runtime.ts';
import { entityEligible, eraseByDeadline, insertByDeadline, isProtected, updateDeadline } from './eevdf.ts';
import { dequeueEevdf, enqueueEevdf, reweightEevdf } from './eevdf-entity.ts';
import * as se from './entity.ts';
import { k } from './kernel.ts';
import { DO_ATTACH, DO_DETACH, reweightLoadAvg, UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { isTask } from './predicates.ts';
import { recordTask } from './record.ts';
import * as rq from './rq.ts';
import { reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';
import { OnRq } from './tasks.ts';
import { calcDelta, calcDeltaFair, inverseOf, scaleDown } from './weight.ts';

/** Enqueue flags. */
export const Enqueue = { WAKEUP: 1, RESTORE: 2, MOVE: 4, MIGRATED: 8, INITIAL: 16, DELAYED: 32 } as const;
/** Dequeue flags. DELAYED: it has been sleeping in the queue; SPECIAL: it must leave the queue at once. */
export const Dequeue = { SLEEP: 1, SAVE: 2, MOVE: 4, DELAYED: 8, SPECIAL: 16 } as const;

/** Tasks that share the latency target before the period is stretched. @spec 02 §1 */
export const SCHED_NR_LATENCY = 8;

/** Charges the running entity for the time since it was last charged. @spec 02 §3 */
export function updateCurr(q: number): void {
  const curr = cfs.curr[q]!;
  if (curr < 0) return;
  const cpu = cfs.cpu[q]!;
  const now = rq.clock[cpu]!;
  const delta = now - se.execStart[curr]!;
  if (delta <= 0) return;
  se.execStart[curr] = now;
  se.sumExec[curr]! += delta;
  se.vruntime[curr]! += calcDeltaFair(delta, se.weight[curr]!, se.inverse[curr]!);
  let renewed = false;
  if (k.eevdf) renewed = updateDeadline(q, curr);
  else updateMinVruntime(q);
  if (isTask(curr) && k.recorder.on[Ev.SCHED_STAT_RUNTIME]) {
    recordTask(Ev.SCHED_STAT_RUNTIME, k.thisCpu, curr, delta, se.vruntime[curr]!);
  }
  if (cfs.runtimeEnabled[q] !== 0) assignRuntime(q, delta);
  if (!k.eevdf || cfs.nrRunning[q] === 1) return;
  if (renewed || shortMayPreempt(q, curr)) {
    reschedCurr(cpu);
    clearBuddies(curr);
  }
}

/** Whoever is no longer protected, since one with a shorter slice came, runs only as long as it is eligible. @spec 22 §2 */
function shortMayPreempt(q: number, curr: number): boolean {
  return k.features.PREEMPT_SHORT && !isProtected(curr) && !entityEligible(q, curr);
}

export function updateMinVruntime(q: number): void {
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

export function insertEntity(q: number, e: number): void {
  if (k.eevdf) {
    insertByDeadline(q, e);
    return;
  }
  const { vruntime, next, prev } = se;
  const v = vruntime[e]!;
  const last = cfs.rightmost[q]!;
  if (last < 0 || vruntime[last]! <= v) {
    link(q, e, last, -1);
    return;
  }
  const first = cfs.leftmost[q]!;
  if (vruntime[first]! > v) {
    link(q, e, -1, first);
    return;
  }
  // first <= v < last: somewhere in between
  let left = first;
  let right = last;
  for (;;) {
    const before = prev[right]!;
    if (vruntime[before]! <= v) {
      link(q, e, before, right);
      return;
    }
    right = before;
    const after = next[left]!;
    if (vruntime[after]! > v) {
      link(q, e, left, after);
      return;
    }
    left = after;
  }
}

function link(q: number, e: number, before: number, after: number): void {
  const { next, prev } = se;
  prev[e] = before;
  next[e] = after;
  if (before < 0) cfs.leftmost[q] = e;
  else next[before] = e;
  if (after < 0) cfs.rightmost[q] = e;
  else prev[after] = e;
}

export function eraseEntity(q: number, e: number): void {
  if (k.eevdf) {
    eraseByDeadline(q, e);
    return;
  }
  const { next, prev } = se;
  const before = prev[e]!;
  const after = next[e]!;
  if (before < 0) cfs.leftmost[q] = after;
  else next[before] = after;
  if (after < 0) cfs.rightmost[q] = before;
  else prev[after] = before;
  next[e] = -1;
  prev[e] = -1;
}

/** Takes an entity out of the buddies of its runqueue and, where it stands for them, of those above. */
export function clearBuddies(e: number): void {
  const q = se.cfsRq[e]!;
  // Hardly any entity is a buddy.
  if (cfs.lastBuddy[q] !== e && cfs.nextBuddy[q] !== e && cfs.skipBuddy[q] !== e) return;
  clearBuddy(cfs.lastBuddy, e);
  clearBuddy(cfs.nextBuddy, e);
  clearBuddy(cfs.skipBuddy, e);
}

function clearBuddy(buddies: Int32Array, e: number): void {
  const { cfsRq, parent } = se;
  for (let s = e; s >= 0; s = parent[s]!) {
    const q = cfsRq[s]!;
    if (buddies[q] !== s) return;
    buddies[q] = -1;
  }
}

// ---- slices: @spec 02 §4

function period(nr: number): number {
  return nr > SCHED_NR_LATENCY ? nr * k.minGranularityNs : k.latencyNs;
}

/** How long the entity should run before others get their turn, ns. */
export function schedSlice(q: number, e: number): number {
  let nr = k.features.ALT_PERIOD ? cfs.hNrRunning[cfs.cpu[q]!]! : cfs.nrRunning[q]!;
  const queued = se.onRq[e] !== 0;
  if (!queued) nr++;
  let slice = period(nr);
  for (let s = e; s >= 0; s = se.parent[s]!) {
    let load = cfs.load[se.cfsRq[s]!]!;
    if (se.onRq[s] === 0) load += se.weight[s]!;
    slice = calcDelta(slice, se.weight[s]!, inverseOf(load));
  }
  if (!k.features.BASE_SLICE) return slice;
  const idleAmongOthers = isIdleEntity(e) && cfs.idleNrRunning[q] !== cfs.nrRunning[q];
  return Math.max(slice, idleAmongOthers ? k.tunables.idleMinGranularityNs : k.minGranularityNs);
}

function schedVslice(q: number, e: number): number {
  return calcDeltaFair(schedSlice(q, e), se.weight[e]!, se.inverse[e]!);
}

/** A SCHED_IDLE task or the entity of a group with cpu.idle. */
export function isIdleEntity(e: number): boolean {
  return se.isIdle[e] !== 0;
}

// ---- placement: @spec 02 §5

/** exec_start this long ago says nothing about vruntime any more: 2^63 / 1024 ns. */
const ANCIENT_NS = 2 ** 53;

export function placeEntity(q: number, e: number, initial: boolean): void {
  let v = cfs.minVruntime[q]!;
  if (initial) {
    if (k.features.START_DEBIT) v += schedVslice(q, e);
  } else {
    const threshold = isIdleEntity(e) ? k.minGranularityNs : k.latencyNs;
    v -= k.features.GENTLE_FAIR_SLEEPERS ? Math.floor(threshold / 2) : threshold;
  }
  const sleptFor = rq.clock[cfs.cpu[q]!]! - se.execStart[e]!;
  if (se.execStart[e] !== 0 && sleptFor > ANCIENT_NS) se.vruntime[e] = v;
  else if (v > se.vruntime[e]!) se.vruntime[e] = v;
}

// ---- coming and going: @spec 02 §5

export function enqueueEntity(q: number, e: number, flags: number): void {
  if (k.eevdf) {
    enqueueEevdf(q, e, flags);
    return;
  }
  const isCurr = cfs.curr[q] === e;
  const renorm = (flags & Enqueue.WAKEUP) === 0 || (flags & Enqueue.MIGRATED) !== 0;
  if (renorm && isCurr) se.vruntime[e]! += cfs.minVruntime[q]!;
  updateCurr(q);
  if (renorm && !isCurr) se.vruntime[e]! += cfs.minVruntime[q]!;
  updateLoadAvg(q, e, UPDATE_TG | DO_ATTACH);
  if (!isTask(e)) {
    seUpdateRunnable(e);
    updateCfsGroup(e);
  }
  accountEntityEnqueue(q, e);
  if ((flags & Enqueue.WAKEUP) !== 0) placeEntity(q, e, false);
  if ((flags & Enqueue.MIGRATED) !== 0) se.execStart[e] = 0;
  if (!isCurr) insertEntity(q, e);
  se.onRq[e] = 1;
  if (cfs.nrRunning[q] === 1) startGroupRunqueue(q);
}

/** A group's runqueue has its first entity. */
export function startGroupRunqueue(q: number): void {
  if (q < k.nrCpus) return;
  checkEnqueueThrottle(q);
  if (cfs.throttleCount[q] === 0) addToLeafList(q);
}

/** False (EEVDF only) if the entity goes to sleep but stays in the queue. */
export function dequeueEntity(q: number, e: number, flags: number): boolean {
  if (k.eevdf) return dequeueEevdf(q, e, flags);
  const ofTask = isTask(e);
  const migrating = ofTask && tasks.onRq[e] === OnRq.MIGRATING;
  updateCurr(q);
  updateLoadAvg(q, e, migrating ? UPDATE_TG | DO_DETACH : UPDATE_TG);
  if (!ofTask) seUpdateRunnable(e);
  clearBuddies(e);
  if (cfs.curr[q] !== e) eraseEntity(q, e);
  se.onRq[e] = 0;
  accountEntityDequeue(q, e);
  if ((flags & Dequeue.SLEEP) === 0) se.vruntime[e]! -= cfs.minVruntime[q]!;
  if (cfs.runtimeEnabled[q] !== 0) returnRuntime(q);
  if (!ofTask) updateCfsGroup(e);
  if ((flags & (Dequeue.SAVE | Dequeue.MOVE)) !== Dequeue.SAVE) updateMinVruntime(q);
  return true;
}

export function accountEntityEnqueue(q: number, e: number): void {
  cfs.load[q]! += se.weight[e]!;
  if (isTask(e)) addToCfsTasks(cfs.cpu[q]!, e);
  cfs.nrRunning[q]! += 1;
  if (isIdleEntity(e)) cfs.idleNrRunning[q]! += 1;
}

export function accountEntityDequeue(q: number, e: number): void {
  cfs.load[q]! -= se.weight[e]!;
  if (isTask(e)) removeFromCfsTasks(cfs.cpu[q]!, e);
  cfs.nrRunning[q]! -= 1;
  if (isIdleEntity(e)) cfs.idleNrRunning[q]! -= 1;
}

/** A runqueue and its ancestors are among those whose averages decay. */
function addToLeafList(q: number): void {
  for (let p = q; p >= k.nrCpus; p = cfs.parent[p]!) cfs.onLeafList[p] = 1;
}

// ---- the list of all CFS tasks of a CPU: head most recently queued or run. @spec 06 §1

export function addToCfsTasks(cpu: number, task: number): void {
  const { listNext, listPrev } = tasks;
  const head = rq.cfsTasksHead[cpu]!;
  listPrev[task] = -1;
  listNext[task] = head;
  if (head < 0) rq.cfsTasksTail[cpu] = task;
  else listPrev[head] = task;
  rq.cfsTasksHead[cpu] = task;
}

export function removeFromCfsTasks(cpu: number, task: number): void {
  const { listNext, listPrev } = tasks;
  const before = listPrev[task]!;
  const after = listNext[task]!;
  if (before < 0) rq.cfsTasksHead[cpu] = after;
  else listNext[before] = after;
  if (after < 0) rq.cfsTasksTail[cpu] = before;
  else listPrev[after] = before;
}

export function moveToHeadOfCfsTasks(cpu: number, task: number): void {
  if (rq.cfsTasksHead[cpu] === task) return;
  removeFromCfsTasks(cpu, task);
  addToCfsTasks(cpu, task);
}

// ---- groups: @spec 02 §10

/** The number of tasks below a group that PELT will see. @spec 03 §3 */
export function seUpdateRunnable(e: number): void {
  const q = se.myQ[e]!;
  se.runnableWeight[e] = cfs.hNrRunning[q]! - cfs.hNrDelayed[q]!;
}

/** Weight of a group on this CPU: its shares by its part of the group's load. */
export function calcGroupShares(q: number): number {
  const { groups } = k;
  const g = cfs.group[q]!;
  const tgShares = groups.shares[g]!;
  const load = Math.max(scaleDown(cfs.load[q]!), avg.loadAvg[q]!);
  const total = groups.loadAvg[g]! - cfs.tgLoadAvgContrib[q]! + load;
  let shares = tgShares * load;
  if (total !== 0) shares = Math.floor(shares / total);
  return Math.min(Math.max(shares, 2), tgShares);
}

/** Gives a group's entity the weight it deserves at the moment. */
export function updateCfsGroup(e: number): void {
  const q = se.myQ[e]!;
  if (q < 0 || cfs.throttleCount[q] !== 0) return;
  // A group that is empty keeps its weight, for its entity may stay in the queue.
  if (k.eevdf && cfs.load[q] === 0) return;
  const shares = calcGroupShares(q);
  // The same weight must not mean another place.
  if (k.eevdf && shares === se.weight[e]) return;
  reweightEntity(se.cfsRq[e]!, e, shares, -1);
}

/** Changes an entity's weight; `inverse` -1 for "work it out". @spec 03 §6 */
export function reweightEntity(q: number, e: number, weight: number, inverse: number): void {
  if (k.eevdf) {
    reweightEevdf(q, e, weight, inverse);
    return;
  }
  const queued = se.onRq[e] !== 0;
  if (queued) {
    if (cfs.curr[q] === e) updateCurr(q);
    cfs.load[q]! -= se.weight[e]!;
  }
  reweightLoadAvg(q, e, weight, inverse < 0 ? inverseOf(weight) : inverse);
  if (queued) cfs.load[q]! += weight;
}
