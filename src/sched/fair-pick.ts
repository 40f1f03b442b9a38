/**
 * Which CFS task runs next, and whether a woken one preempts. @spec 02 §7-8
 */

import * as cfs from './cfs-rq.ts';
import { checkCfsRqRuntime } from './cfs-runtime.ts';
import { cancelProtection, entityEligible, pickEevdf, protect, shortenProtection } from './eevdf.ts';
import * as se from './entity.ts';
import { finishDelayed, setLastBuddy, setNextBuddy } from './fair.ts';
import {
  clearBuddies,
  eraseEntity,
  insertEntity,
  isIdleEntity,
  moveToHeadOfCfsTasks,
  SCHED_NR_LATENCY,
  updateCurr,
} from './fair-entity.ts';
import { Wake } from './hooks.ts';
import { k } from './kernel.ts';
import { UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { isTask } from './predicates.ts';
import * as rq from './rq.ts';
import { needResched, reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';
import { Class, Policy } from './tasks.ts';
import { calcDeltaFair } from './weight.ts';

/** 1: `e` should preempt `curr`; 0: it is behind, but not by enough; -1: it is not behind. */
export function wakeupPreemptEntity(curr: number, e: number): number {
  const behind = se.vruntime[curr]! - se.vruntime[e]!;
  if (behind <= 0) return -1;
  const granularity = calcDeltaFair(k.wakeupGranularityNs, se.weight[e]!, se.inverse[e]!);
  return behind > granularity ? 1 : 0;
}

/** A CFS task became runnable while a CFS task is current. @spec 02 §7 */
export function checkPreemptWakeup(cpu: number, task: number, flags: number): void {
  const curr = rq.curr[cpu]!;
  if (curr === task) return;
  let pse = task;
  let ce = curr;
  const scale = cfs.nrRunning[se.cfsRq[ce]!]! >= SCHED_NR_LATENCY;
  if (cfs.throttleCount[se.cfsRq[pse]!] !== 0) return;
  const nextBuddyMarked = k.features.NEXT_BUDDY && (k.eevdf || scale) && (flags & Wake.FORK) === 0;
  if (nextBuddyMarked) setNextBuddy(pse);
  if (needResched(cpu)) return;
  const currIdlePolicy = tasks.policy[curr] === Policy.IDLE;
  if (currIdlePolicy && tasks.policy[task] !== Policy.IDLE) {
    preemptCurr(cpu, ce, scale);
    return;
  }
  if (tasks.policy[task] !== Policy.NORMAL || !k.features.WAKEUP_PREEMPTION) return;

  if (se.cfsRq[ce] !== se.cfsRq[pse]) {
    const [a, b] = matchingSiblings(ce, pse);
    ce = a;
    pse = b;
  }
  const currIdle = isIdleEntity(ce);
  const wakeeIdle = isIdleEntity(pse);
  if (currIdle && !wakeeIdle) {
    preemptCurr(cpu, ce, scale);
    return;
  }
  if (currIdle !== wakeeIdle) return;
  updateCurr(se.cfsRq[ce]!);
  if (k.eevdf) {
    if (earnsPreemption(ce, pse)) reschedCurr(cpu);
    return;
  }
  if (wakeupPreemptEntity(ce, pse) === 1) {
    if (!nextBuddyMarked) setNextBuddy(pse);
    preemptCurr(cpu, ce, scale);
  }
}

/** Would the woken entity be chosen now? A shorter slice ends the protection of the running one. @spec 22 §2 */
function earnsPreemption(ce: number, pse: number): boolean {
  const q = se.cfsRq[ce]!;
  if (k.features.PREEMPT_SHORT && se.slice[pse]! < se.slice[ce]! && entityEligible(q, pse)) cancelProtection(ce);
  else shortenProtection(q, ce);
  return pickEevdf(q) === pse;
}

/** The preempted entity may be favoured once the one that preempts it is done. @spec 02 §7 */
function preemptCurr(cpu: number, ce: number, scale: boolean): void {
  reschedCurr(cpu);
  if (k.eevdf || se.onRq[ce] === 0) return;
  if (k.features.LAST_BUDDY && scale && isTask(ce)) setLastBuddy(ce);
}

/** The ancestors (or themselves) of two entities that are queued on the same runqueue. */
function matchingSiblings(a: number, b: number): [number, number] {
  let depthA = depth(a);
  let depthB = depth(b);
  while (depthA > depthB) {
    a = se.parent[a]!;
    depthA--;
  }
  while (depthB > depthA) {
    b = se.parent[b]!;
    depthB--;
  }
  while (se.cfsRq[a] !== se.cfsRq[b]) {
    a = se.parent[a]!;
    b = se.parent[b]!;
  }
  return [a, b];
}

function depth(e: number): number {
  let d = 0;
  for (let s = se.parent[e]!; s >= 0; s = se.parent[s]!) d++;
  return d;
}

/** The entity to run next of one runqueue; `curr` (or -1) still competes. @spec 02 §8 */
export function pickNextEntity(q: number, curr: number): number {
  const { vruntime } = se;
  const first = cfs.leftmost[q]!;
  let left = first;
  if (left < 0 || (curr >= 0 && vruntime[curr]! < vruntime[left]!)) left = curr;
  let chosen = left;
  const skip = cfs.skipBuddy[q]!;
  if (skip >= 0 && skip === chosen) {
    let second: number;
    if (chosen === curr) {
      second = first;
    } else {
      second = se.next[chosen]!;
      if (second < 0 || (curr >= 0 && vruntime[curr]! < vruntime[second]!)) second = curr;
    }
    if (second >= 0 && wakeupPreemptEntity(second, left) < 1) chosen = second;
  }
  const next = cfs.nextBuddy[q]!;
  if (next >= 0) {
    if (wakeupPreemptEntity(next, left) < 1) return next;
  }
  const last = cfs.lastBuddy[q]!;
  if (last >= 0 && wakeupPreemptEntity(last, left) < 1) return last;
  return chosen;
}

export function setNextEntity(q: number, e: number): void {
  clearBuddies(e);
  if (se.onRq[e] !== 0) {
    eraseEntity(q, e);
    updateLoadAvg(q, e, UPDATE_TG);
  }
  se.execStart[e] = rq.clock[cfs.cpu[q]!]!;
  cfs.curr[q] = e;
  if (k.eevdf) protect(q, e);
  se.prevSumExec[e] = se.sumExec[e]!;
}

export function putPrevEntity(q: number, e: number): void {
  if (se.onRq[e] !== 0) updateCurr(q);
  if (q >= k.nrCpus) checkCfsRqRuntime(q);
  if (se.onRq[e] !== 0) {
    insertEntity(q, e);
    updateLoadAvg(q, e, 0);
  }
  cfs.curr[q] = -1;
}

/** Takes the current task off as `curr` of all its levels. */
export function putPrevTaskFair(task: number): void {
  for (let e = task; e >= 0; e = se.parent[e]!) putPrevEntity(se.cfsRq[e]!, e);
}

/** Makes a queued task current of all its levels without choosing (a class or affinity change of the running task). */
export function setNextTaskFair(cpu: number, task: number): void {
  if (tasks.onRq[task] !== 0 && se.onRq[task] !== 0) moveToHeadOfCfsTasks(cpu, task);
  for (let e = task; e >= 0; e = se.parent[e]!) setNextEntity(se.cfsRq[e]!, e);
}

/**
 * Chooses the next CFS task of the CPU, `prev` being the previous task of any class. -1 if there is none; newidle balance
 * is the caller's business. With `putPrev` false the caller has put `prev` already. @spec 02 §8
 */
export function pickNextTaskFair(cpu: number, prev: number, putPrev: boolean): number {
  if (cfs.nrRunning[cpu] === 0) return -1;
  const prevIsFair = putPrev && tasks.schedClass[prev] === Class.FAIR;
  const task = prevIsFair ? pickAfterFair(cpu, prev) : pickFresh(cpu);
  if (task < 0) return -1;
  moveToHeadOfCfsTasks(cpu, task);
  if (k.asymCpucapacity) k.hooks.updateMisfitStatus(task, cpu);
  return task;
}

/** Nobody of CFS is current any more. */
function pickFresh(cpu: number): number {
  if (k.eevdf) return pickFreshEevdf(cpu);
  let q = cpu;
  for (;;) {
    const e = pickNextEntity(q, -1);
    setNextEntity(q, e);
    if (isTask(e)) return e;
    q = se.myQ[e]!;
  }
}

/** As above. Nobody is set as current before it is clear that no delayed entity is in the way. @spec 22 §2 */
function pickFreshEevdf(cpu: number): number {
  for (let q = cpu; ; ) {
    const e = pickEevdf(q);
    if (se.delayed[e] !== 0) {
      finishDelayed(e);
      if (cfs.nrRunning[cpu] === 0) return -1;
      q = cpu;
      continue;
    }
    if (isTask(e)) {
      for (let s = e; s >= 0; s = se.parent[s]!) setNextEntity(se.cfsRq[s]!, s);
      return e;
    }
    q = se.myQ[e]!;
  }
}

/** `prev` is still current on its levels; only where the two paths differ anything is put and set. */
function pickAfterFair(cpu: number, prev: number): number {
  let q = cpu;
  let e = -1;
  do {
    let curr = cfs.curr[q]!;
    if (curr >= 0) {
      if (se.onRq[curr] !== 0) updateCurr(q);
      else curr = -1;
      if (q >= k.nrCpus && checkCfsRqRuntime(q)) {
        // The group was throttled under us: put what was running and choose afresh.
        if (cfs.nrRunning[cpu] === 0) return -1;
        if (k.eevdf) {
          // Those that are left may all be delayed, and then nobody will be chosen: `prev` is put later.
          q = cpu;
          continue;
        }
        putPrevTaskFair(prev);
        return pickFresh(cpu);
      }
    }
    if (k.eevdf) {
      e = pickEevdf(q);
      if (se.delayed[e] !== 0) {
        // It sleeps, and leaves now that it is its turn.
        finishDelayed(e);
        if (cfs.nrRunning[cpu] === 0) return -1;
        q = cpu;
        continue;
      }
    } else e = pickNextEntity(q, curr);
    q = se.myQ[e]!;
  } while (q >= 0);

  const task = e;
  if (task === prev) return task;
  let pe = prev;
  if (se.cfsRq[e] !== se.cfsRq[pe]) {
    let depthE = depth(e);
    let depthP = depth(pe);
    while (se.cfsRq[e] !== se.cfsRq[pe]) {
      const stepP = depthE <= depthP;
      const stepE = depthE >= depthP;
      if (stepP) {
        putPrevEntity(se.cfsRq[pe]!, pe);
        pe = se.parent[pe]!;
        depthP--;
      }
      if (stepE) {
        setNextEntity(se.cfsRq[e]!, e);
        e = se.parent[e]!;
        depthE--;
      }
    }
  }
  putPrevEntity(se.cfsRq[pe]!, pe);
  setNextEntity(se.cfsRq[e]!, e);
  return task;
}
