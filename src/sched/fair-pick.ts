/**
 * Which CFS task runs next, and whether a woken one preempts. @spec 02 §7-8
 */
import { checkCfsRqRuntime } from './cfs-runtime.ts';
import { setLastBuddy, setNextBuddy } from './fair.ts';
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
import type { Kernel } from './kernel.ts';
import { UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import { Class, Policy } from './tables.ts';
import { calcDeltaFair } from './weight.ts';

/** 1: `e` should preempt `curr`; 0: it is behind, but not by enough; -1: it is not behind. */
export function wakeupPreemptEntity(k: Kernel, curr: number, e: number): number {
  const { se } = k;
  const behind = se.vruntime[curr]! - se.vruntime[e]!;
  if (behind <= 0) return -1;
  const granularity = calcDeltaFair(k.wakeupGranularityNs, se.weight[e]!, se.inverse[e]!);
  return behind > granularity ? 1 : 0;
}

/** A CFS task became runnable while a CFS task is current. @spec 02 §7 */
export function checkPreemptWakeup(k: Kernel, cpu: number, task: number, flags: number): void {
  const { cfs, se, rq } = k;
  const curr = rq.curr[cpu]!;
  if (curr === task) return;
  let pse = k.entityOf(task);
  let ce = k.entityOf(curr);
  const scale = cfs.nrRunning[se.cfsRq[ce]!]! >= SCHED_NR_LATENCY;
  if (cfs.throttleCount[se.cfsRq[pse]!] !== 0) return;
  const nextBuddyMarked = k.features.NEXT_BUDDY && scale && (flags & Wake.FORK) === 0;
  if (nextBuddyMarked) setNextBuddy(k, pse);
  if (k.needResched(cpu)) return;
  const currIdlePolicy = k.task.policy[curr] === Policy.IDLE;
  if (currIdlePolicy && k.task.policy[task] !== Policy.IDLE) {
    preemptCurr(k, cpu, ce, scale);
    return;
  }
  if (k.task.policy[task] !== Policy.NORMAL || !k.features.WAKEUP_PREEMPTION) return;

  if (se.cfsRq[ce] !== se.cfsRq[pse]) {
    const [a, b] = matchingSiblings(k, ce, pse);
    ce = a;
    pse = b;
  }
  const currIdle = isIdleEntity(k, ce);
  const wakeeIdle = isIdleEntity(k, pse);
  if (currIdle && !wakeeIdle) {
    preemptCurr(k, cpu, ce, scale);
    return;
  }
  if (currIdle !== wakeeIdle) return;
  updateCurr(k, se.cfsRq[ce]!);
  if (wakeupPreemptEntity(k, ce, pse) === 1) {
    if (!nextBuddyMarked) setNextBuddy(k, pse);
    preemptCurr(k, cpu, ce, scale);
  }
}

/** The preempted entity may be favoured once the one that preempts it is done. @spec 02 §7 */
function preemptCurr(k: Kernel, cpu: number, ce: number, scale: boolean): void {
  k.reschedCurr(cpu);
  if (k.se.onRq[ce] === 0) return;
  if (k.features.LAST_BUDDY && scale && k.isTask(ce)) setLastBuddy(k, ce);
}

/** The ancestors (or themselves) of two entities that are queued on the same runqueue. */
function matchingSiblings(k: Kernel, a: number, b: number): [number, number] {
  const { se } = k;
  let depthA = depth(k, a);
  let depthB = depth(k, b);
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

function depth(k: Kernel, e: number): number {
  let d = 0;
  for (let s = k.se.parent[e]!; s >= 0; s = k.se.parent[s]!) d++;
  return d;
}

/** The entity to run next of one runqueue; `curr` (or -1) still competes. @spec 02 §8 */
export function pickNextEntity(k: Kernel, q: number, curr: number): number {
  const { cfs, se } = k;
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
    if (second >= 0 && wakeupPreemptEntity(k, second, left) < 1) chosen = second;
  }
  const next = cfs.nextBuddy[q]!;
  if (next >= 0) {
    if (wakeupPreemptEntity(k, next, left) < 1) return next;
  }
  const last = cfs.lastBuddy[q]!;
  if (last >= 0 && wakeupPreemptEntity(k, last, left) < 1) return last;
  return chosen;
}

export function setNextEntity(k: Kernel, q: number, e: number): void {
  const { cfs, se } = k;
  clearBuddies(k, e);
  if (se.onRq[e] !== 0) {
    eraseEntity(k, q, e);
    updateLoadAvg(k, q, e, UPDATE_TG);
  }
  se.execStart[e] = k.rq.clock[cfs.cpu[q]!]!;
  cfs.curr[q] = e;
  se.prevSumExec[e] = se.sumExec[e]!;
}

export function putPrevEntity(k: Kernel, q: number, e: number): void {
  const { cfs, se } = k;
  if (se.onRq[e] !== 0) updateCurr(k, q);
  if (q >= k.nrCpus) checkCfsRqRuntime(k, q);
  if (se.onRq[e] !== 0) {
    insertEntity(k, q, e);
    updateLoadAvg(k, q, e, 0);
  }
  cfs.curr[q] = -1;
}

/** Takes the current task off as `curr` of all its levels. */
export function putPrevTaskFair(k: Kernel, task: number): void {
  const { se } = k;
  for (let e = k.entityOf(task); e >= 0; e = se.parent[e]!) putPrevEntity(k, se.cfsRq[e]!, e);
}

/** Makes a queued task current of all its levels without choosing (a class or affinity change of the running task). */
export function setNextTaskFair(k: Kernel, cpu: number, task: number): void {
  const { se } = k;
  if (k.task.onRq[task] !== 0 && se.onRq[k.entityOf(task)] !== 0) moveToHeadOfCfsTasks(k, cpu, task);
  for (let e = k.entityOf(task); e >= 0; e = se.parent[e]!) setNextEntity(k, se.cfsRq[e]!, e);
}

/**
 * Chooses the next CFS task of the CPU, `prev` being the previous task of any class. -1 if there is none; newidle balance
 * is the caller's business. With `putPrev` false the caller has put `prev` already. @spec 02 §8
 */
export function pickNextTaskFair(k: Kernel, cpu: number, prev: number, putPrev: boolean): number {
  if (k.cfs.nrRunning[cpu] === 0) return -1;
  const prevIsFair = putPrev && k.task.schedClass[prev] === Class.FAIR;
  const task = prevIsFair ? pickAfterFair(k, cpu, prev) : pickFresh(k, cpu);
  if (task < 0) return -1;
  moveToHeadOfCfsTasks(k, cpu, task);
  if (k.asymCpucapacity) k.hooks.updateMisfitStatus(k, task, cpu);
  return task;
}

/** Nobody of CFS is current any more. */
function pickFresh(k: Kernel, cpu: number): number {
  let q = cpu;
  for (;;) {
    const e = pickNextEntity(k, q, -1);
    setNextEntity(k, q, e);
    if (k.isTask(e)) return k.taskOf(e);
    q = k.se.myQ[e]!;
  }
}

/** `prev` is still current on its levels; only where the two paths differ anything is put and set. */
function pickAfterFair(k: Kernel, cpu: number, prev: number): number {
  const { cfs, se } = k;
  let q = cpu;
  let e: number;
  do {
    let curr = cfs.curr[q]!;
    if (curr >= 0) {
      if (se.onRq[curr] !== 0) updateCurr(k, q);
      else curr = -1;
      if (q >= k.nrCpus && checkCfsRqRuntime(k, q)) {
        // The group was throttled under us: put what was running and choose afresh.
        if (cfs.nrRunning[cpu] === 0) return -1;
        putPrevTaskFair(k, prev);
        return pickFresh(k, cpu);
      }
    }
    e = pickNextEntity(k, q, curr);
    q = se.myQ[e]!;
  } while (q >= 0);

  const task = k.taskOf(e);
  if (task === prev) return task;
  let pe = k.entityOf(prev);
  if (se.cfsRq[e] !== se.cfsRq[pe]) {
    let depthE = depth(k, e);
    let depthP = depth(k, pe);
    while (se.cfsRq[e] !== se.cfsRq[pe]) {
      const stepP = depthE <= depthP;
      const stepE = depthE >= depthP;
      if (stepP) {
        putPrevEntity(k, se.cfsRq[pe]!, pe);
        pe = se.parent[pe]!;
        depthP--;
      }
      if (stepE) {
        setNextEntity(k, se.cfsRq[e]!, e);
        e = se.parent[e]!;
        depthE--;
      }
    }
  }
  putPrevEntity(k, se.cfsRq[pe]!, pe);
  setNextEntity(k, se.cfsRq[e]!, e);
  return task;
}
