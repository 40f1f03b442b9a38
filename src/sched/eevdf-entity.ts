/**
 * EEVDF: entities coming and going on a runqueue, and those that sleep but stay.
 *
 * Delayed dequeue: an entity that goes to sleep ahead of the average would be rid of its debt by sleeping for a moment. So it
 * stays in the queue, and in the average, until its turn comes (then it is taken off, instead of running) or it is woken
 * (then it only stops being delayed). @spec 22 §2
 */
import * as cfs from './cfs-rq.ts';
import { returnRuntime } from './cfs-runtime.ts';
import {
  cancelProtection,
  entityEligible,
  eraseByDeadline,
  insertByDeadline,
  mulDiv,
  placeByLag,
  saveLag,
} from './eevdf.ts';
import * as se from './entity.ts';
import {
  accountEntityDequeue,
  accountEntityEnqueue,
  clearBuddies,
  Dequeue,
  Enqueue,
  seUpdateRunnable,
  startGroupRunqueue,
  updateCfsGroup,
  updateCurr,
} from './fair-entity.ts';
import { k } from './kernel.ts';
import { DO_ATTACH, DO_DETACH, reweightLoadAvg, UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { isTask } from './predicates.ts';
import * as tasks from './tasks.ts';
import { OnRq } from './tasks.ts';
import { inverseOf } from './weight.ts';

export function enqueueEevdf(q: number, e: number, flags: number): void {
  const isCurr = cfs.curr[q] === e;
  const initial = (flags & Enqueue.INITIAL) !== 0;
  if (isCurr) placeByLag(q, e, initial);
  updateCurr(q);
  updateLoadAvg(q, e, UPDATE_TG | DO_ATTACH);
  if (!isTask(e)) {
    seUpdateRunnable(e);
    updateCfsGroup(e);
  }
  if (!isCurr) placeByLag(q, e, initial);
  accountEntityEnqueue(q, e);
  if ((flags & Enqueue.MIGRATED) !== 0) se.execStart[e] = 0;
  if (!isCurr) insertByDeadline(q, e);
  se.onRq[e] = 1;
  if (cfs.nrRunning[q] === 1) startGroupRunqueue(q);
}

/** False if the entity goes to sleep but stays in the queue. */
export function dequeueEevdf(q: number, e: number, flags: number): boolean {
  const ofTask = isTask(e);
  const sleeps = (flags & Dequeue.SLEEP) !== 0;
  updateCurr(q);
  if (sleeps && (flags & (Dequeue.DELAYED | Dequeue.SPECIAL)) === 0 && k.features.DELAY_DEQUEUE) {
    if (!entityEligible(q, e)) {
      updateLoadAvg(q, e, 0);
      setDelayed(e);
      return false;
    }
  }
  const migrating = ofTask && tasks.onRq[e] === OnRq.MIGRATING;
  updateLoadAvg(q, e, migrating ? UPDATE_TG | DO_DETACH : UPDATE_TG);
  if (!ofTask) seUpdateRunnable(e);
  clearBuddies(e);
  saveLag(q, e);
  if (!sleeps && k.features.PLACE_REL_DEADLINE) {
    se.deadline[e]! -= se.vruntime[e]!;
    se.relDeadline[e] = 1;
  }
  if (cfs.curr[q] !== e) eraseByDeadline(q, e);
  se.onRq[e] = 0;
  accountEntityDequeue(q, e);
  if (cfs.runtimeEnabled[q] !== 0) returnRuntime(q);
  if (!ofTask) updateCfsGroup(e);
  if ((flags & Dequeue.DELAYED) !== 0) se.delayed[e] = 0;
  return true;
}

// ---- delayed entities

function setDelayed(e: number): void {
  se.delayed[e] = 1;
  if (isTask(e)) countDelayed(e, 1);
}

/** The task is one more, or one less, of those that are queued in its groups and its CPU but not runnable. */
export function countDelayed(task: number, change: number): void {
  for (let e = task; e >= 0; e = se.parent[e]!) {
    const q = se.cfsRq[e]!;
    cfs.hNrDelayed[q]! += change;
    if (cfs.throttled[q] !== 0) return;
  }
}

/** A delayed entity is runnable again. What it is still ahead it remains; if it is owed time by now, it is placed anew. */
export function requeueDelayed(e: number): void {
  const q = se.cfsRq[e]!;
  if (k.features.DELAY_ZERO) {
    saveLag(q, e);
    if (se.vlag[e] === 0) {
      const isCurr = cfs.curr[q] === e;
      if (!isCurr) eraseByDeadline(q, e);
      cfs.nrRunning[q]! -= 1;
      placeByLag(q, e, false);
      cfs.nrRunning[q]! += 1;
      if (!isCurr) insertByDeadline(q, e);
    }
  }
  updateLoadAvg(q, e, 0);
  se.delayed[e] = 0;
  if (isTask(e)) countDelayed(e, -1);
}

// ---- weights

/** Changes an entity's weight and leaves it as far behind, and its deadline as far away, in real time. @spec 22 §2, 03 §6 */
export function reweightEevdf(q: number, e: number, weight: number, inverse: number): void {
  const queued = se.onRq[e] !== 0;
  const isCurr = cfs.curr[q] === e;
  if (queued) {
    updateCurr(q);
    saveLag(q, e);
    se.deadline[e]! -= se.vruntime[e]!;
    se.relDeadline[e] = 1;
    if (!isCurr) eraseByDeadline(q, e);
    cfs.load[q]! -= se.weight[e]!;
    cfs.nrRunning[q]! -= 1;
    se.onRq[e] = 0;
  }
  const before = se.weight[e]!;
  reweightLoadAvg(q, e, weight, inverse < 0 ? inverseOf(weight) : inverse);
  se.vlag[e] = mulDiv(se.vlag[e]!, before, weight);
  if (se.relDeadline[e] !== 0) se.deadline[e] = mulDiv(se.deadline[e]!, before, weight);
  if (!queued) return;
  placeByLag(q, e, false);
  cfs.load[q]! += weight;
  cfs.nrRunning[q]! += 1;
  se.onRq[e] = 1;
  if (isCurr) cancelProtection(e);
  else insertByDeadline(q, e);
}
