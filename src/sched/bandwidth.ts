/**
 * CFS bandwidth: groups with a quota are throttled when it is used up and go on when the period refills it. Charging is in
 * `cfs-runtime.ts`. @spec 02 §10.1
 */

import * as cfs from './cfs-rq.ts';
import { requestRuntime, startPeriodTimer } from './cfs-runtime.ts';
import { updateRqClock } from './clock.ts';
import { requeueDelayed } from './eevdf-entity.ts';
import * as se from './entity.ts';
import { Dequeue, dequeueEntity, Enqueue, enqueueEntity, seUpdateRunnable, updateCfsGroup } from './fair-entity.ts';
import { addNrRunning, k, subNrRunning, tellFairCount } from './kernel.ts';
import { UPDATE_TG, updateLoadAvg } from './load-avg.ts';
import * as rq from './rq.ts';
import { reschedCurr } from './signals.ts';
import { clearThrottleClock, startThrottleClock } from './throttle-clock.ts';

/** A refill this near makes the slack timer pointless. */
const MIN_REFILL_NS = 2_000_000;

/** Switches bandwidth control on for the groups that have a quota. */
export function enableBandwidth(): void {
  k.throttleCfsRq = throttleCfsRq;
  const { groups, nrCpus } = k;
  for (let g = 1; g < groups.count; g++) {
    if (groups.quota[g]! < 0) continue;
    for (let cpu = 0; cpu < nrCpus; cpu++) cfs.runtimeEnabled[g * nrCpus + cpu] = 1;
  }
}

/** Out of runtime: a last attempt to get some, else the group leaves its CPU. True if it is throttled. */
function throttleCfsRq(q: number): boolean {
  const { groups } = k;
  if (requestRuntime(q, 1)) return false;
  const cpu = cfs.cpu[q]!;
  forSubtree(q, (child) => startThrottleClock(child));
  const tasks = cfs.hNrRunning[q]!;
  const delayed = cfs.hNrDelayed[q]!;
  const idleTasks = cfs.idleHNrRunning[q]!;
  const before = cfs.hNrRunning[cpu]!;
  groups.throttledList[cfs.group[q]!]!.push(q);
  cfs.throttled[q] = 1;
  let e = cfs.entity[q]!;
  let reachedRoot = true;
  for (; e >= 0 && se.onRq[e] !== 0; e = se.parent[e]!) {
    const p = se.cfsRq[e]!;
    dequeueEntity(p, e, Dequeue.SLEEP | Dequeue.SPECIAL | (se.delayed[e] !== 0 ? Dequeue.DELAYED : 0));
    cfs.hNrDelayed[p]! -= delayed;
    cfs.hNrRunning[p]! -= tasks;
    cfs.idleHNrRunning[p]! -= idleTasks;
    if (cfs.throttled[p] !== 0) {
      reachedRoot = false;
      break;
    }
    if (cfs.load[p] !== 0) {
      e = se.parent[e]!;
      break;
    }
  }
  for (; reachedRoot && e >= 0 && se.onRq[e] !== 0; e = se.parent[e]!) {
    const p = se.cfsRq[e]!;
    updateLoadAvg(p, e, 0);
    seUpdateRunnable(e);
    cfs.hNrDelayed[p]! -= delayed;
    cfs.hNrRunning[p]! -= tasks;
    cfs.idleHNrRunning[p]! -= idleTasks;
    if (cfs.throttled[p] !== 0) reachedRoot = false;
  }
  if (reachedRoot) subNrRunning(cpu, tasks);
  tellFairCount(cpu, before);
  return true;
}

/** The group may run on this CPU again. */
function unthrottleCfsRq(q: number): void {
  const { groups } = k;
  const cpu = cfs.cpu[q]!;
  cfs.throttled[q] = 0;
  updateRqClock(cpu);
  const list = groups.throttledList[cfs.group[q]!]!;
  list.splice(list.indexOf(q), 1);
  forSubtree(q, (child) => clearThrottleClock(child));
  const tasks = cfs.hNrRunning[q]!;
  const delayed = cfs.hNrDelayed[q]!;
  const idleTasks = cfs.idleHNrRunning[q]!;
  const before = cfs.hNrRunning[cpu]!;
  if (cfs.load[q] !== 0) {
    let e = cfs.entity[q]!;
    for (; e >= 0 && se.onRq[e] === 0; e = se.parent[e]!) {
      const p = se.cfsRq[e]!;
      enqueueEntity(p, e, Enqueue.WAKEUP);
      cfs.hNrDelayed[p]! += delayed;
      cfs.hNrRunning[p]! += tasks;
      cfs.idleHNrRunning[p]! += idleTasks;
      if (cfs.throttled[p] !== 0) return;
    }
    if (e >= 0 && se.delayed[e] !== 0) requeueDelayed(e);
    for (; e >= 0; e = se.parent[e]!) {
      const p = se.cfsRq[e]!;
      updateLoadAvg(p, e, UPDATE_TG);
      seUpdateRunnable(e);
      updateCfsGroup(e);
      cfs.hNrDelayed[p]! += delayed;
      cfs.hNrRunning[p]! += tasks;
      cfs.idleHNrRunning[p]! += idleTasks;
      if (cfs.throttled[p] !== 0) return;
    }
    addNrRunning(cpu, tasks);
    tellFairCount(cpu, before);
  }
  if (rq.curr[cpu] === cpu && cfs.nrRunning[cpu]! > 0) reschedCurr(cpu);
}

/** Calls `visit` for the runqueue of the group and of all groups below it, on the same CPU. */
function forSubtree(q: number, visit: (q: number) => void): void {
  const { groups, nrCpus } = k;
  const cpu = cfs.cpu[q]!;
  const top = cfs.group[q]!;
  for (let g = 1; g < groups.count; g++) {
    for (let a = g; a > 0; a = groups.parent[a]!) {
      if (a === top) {
        visit(g * nrCpus + cpu);
        break;
      }
    }
  }
}

/** The group's period is over: the pool is refilled and those who wait are served. */
export function periodTimerExpired(g: number): void {
  const { groups } = k;
  groups.periodActive[g] = 0;
  if (groups.quota[g]! < 0) return;
  groups.nrPeriods[g]! += 1;
  groups.runtime[g] = Math.min(groups.runtime[g]! + groups.quota[g]!, groups.quota[g]! + groups.burst[g]!);
  const waiting = groups.throttledList[g]!.length > 0;
  if (!waiting) {
    // A whole period in which nobody asked: the timer rests until somebody does.
    if (groups.idleFlag[g] !== 0) return;
    groups.idleFlag[g] = 1;
  } else {
    groups.nrThrottled[g]! += 1;
    distribute(g);
    groups.idleFlag[g] = 0;
  }
  startPeriodTimer(g);
}

/** Some runqueue gave runtime back a while ago. */
export function slackTimerExpired(g: number): void {
  const { groups } = k;
  const refill = k.queue.timeOf(k.slotGlobal + 2 * g);
  if (refill - k.now < MIN_REFILL_NS) return;
  if (groups.quota[g]! >= 0 && groups.runtime[g]! > k.tunables.cfsBandwidthSliceNs) distribute(g);
}

/** First throttled, first served: each gets just enough to be 1 ns in the black, while the pool lasts. */
function distribute(g: number): void {
  const { groups } = k;
  for (const q of [...groups.throttledList[g]!]) {
    if (groups.runtime[g]! <= 0) return;
    const wanted = Math.max(0, 1 - cfs.runtimeRemaining[q]!);
    const granted = Math.min(wanted, groups.runtime[g]!);
    groups.runtime[g]! -= granted;
    cfs.runtimeRemaining[q]! += granted;
    if (cfs.runtimeRemaining[q]! > 0) unthrottleCfsRq(q);
  }
}
