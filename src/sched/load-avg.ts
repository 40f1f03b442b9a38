/**
 * Who is updated when: load averages of tasks, groups and runqueues; attaching, detaching and removing contributions; and
 * carrying the changes of a group up its hierarchy. The arithmetic is in `pelt.ts`. @spec 03 §5-9
 */
import { Ev } from '../trace/events.ts';
import * as avg from './averages.ts';
import {
  AVG_DL,
  AVG_RT,
  AVG_SE,
  LAST_UPDATE,
  LOAD_SUM,
  PERIOD_CONTRIB,
  RUNNABLE_SUM,
  SUM_ROW,
  UTIL_SUM,
} from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { cfsRqClockPelt, rqClockPelt, updateRqClock } from './clock.ts';
import * as se from './entity.ts';
import { k } from './kernel.ts';
import { atLeastAverage, fullyDecayed, updateAvg, updateSum } from './pelt.ts';
import { isTask } from './predicates.ts';
import { recordPeltBlocked, recordPeltCfs, recordPeltSe } from './record.ts';
import * as rq from './rq.ts';
import * as tasks from './tasks.ts';
import { Class } from './tasks.ts';
import { scaleDown } from './weight.ts';

/** Flags of `updateLoadAvg`. */
export const UPDATE_TG = 1;
export const DO_ATTACH = 4;
export const DO_DETACH = 8;

/** Brings an entity, its runqueue and what its group owes the hierarchy up to date. @spec 03 §5 */
export function updateLoadAvg(q: number, e: number, flags: number): void {
  avg.now[0] = cfsRqClockPelt(q);
  const attached = avg.lastUpdate(AVG_SE + e) !== 0;
  if (attached) updateLoadAvgSe(q, e);
  let decayed = updateCfsRqLoadAvg(q);
  if (k.hasGroups && propagateEntity(e)) decayed = true;
  if (!attached && (flags & DO_ATTACH) !== 0) {
    attachEntityLoadAvg(q, e);
    updateTgLoadAvg(q);
  } else if ((flags & DO_DETACH) !== 0) {
    detachEntityLoadAvg(q, e);
    updateTgLoadAvg(q);
  } else if (decayed && (flags & UPDATE_TG) !== 0) {
    updateTgLoadAvg(q);
  }
}

export function updateLoadAvgSe(q: number, e: number): void {
  const i = AVG_SE + e;
  if (k.recorder.on[Ev.PELT_SE]) recordPeltSe(q, e);
  const onRq = se.onRq[e] !== 0 ? 1 : 0;
  const runnable = isTask(e) ? onRq - se.delayed[e]! : se.runnableWeight[e]!;
  const running = cfs.curr[q] === e ? 1 : 0;
  if (updateSum(i, onRq, runnable, running)) {
    updateAvg(i, scaleDown(se.weight[e]!));
    se.utilEstUnchanged[e] = 0;
  }
}

/** An entity that sleeps decays to `now`. */
export function updateBlockedSe(e: number, now: number): void {
  avg.now[0] = now;
  if (k.recorder.on[Ev.PELT_BLOCKED]) recordPeltBlocked(e);
  if (updateSum(AVG_SE + e, 0, 0, 0)) updateAvg(AVG_SE + e, scaleDown(se.weight[e]!));
}

/** Takes out what left without the lock, then accumulates up to `avg.now`. True if the averages changed. @spec 03 §5.1 */
export function updateCfsRqLoadAvg(q: number): boolean {
  let changed = false;
  if (cfs.removedNr[q] !== 0) {
    takeRemoved(q);
    changed = true;
  }
  if (k.recorder.on[Ev.PELT_CFS]) recordPeltCfs(q);
  const running = cfs.curr[q]! >= 0 ? 1 : 0;
  if (updateSum(q, scaleDown(cfs.load[q]!), cfs.hNrRunning[q]! - cfs.hNrDelayed[q]!, running)) {
    updateAvg(q, 1);
    changed = true;
  }
  return changed;
}

/** Contributions of tasks that have gone. */
export function takeRemoved(q: number): void {
  const divider = avg.divider(q);
  subtractLoad(q, cfs.removedLoad[q]!, cfs.removedLoad[q]! * divider);
  subtractUtil(q, cfs.removedUtil[q]!, cfs.removedUtil[q]! * divider);
  subtractRunnable(q, cfs.removedRunnable[q]!, cfs.removedRunnable[q]! * divider);
  addPropagate(q, Math.floor(-(cfs.removedRunnable[q]! * divider) / 1024));
  cfs.removedNr[q] = 0;
  cfs.removedLoad[q] = 0;
  cfs.removedUtil[q] = 0;
  cfs.removedRunnable[q] = 0;
}

function subtractLoad(i: number, average: number, sum: number): void {
  const at = i * SUM_ROW + LOAD_SUM;
  avg.loadAvg[i] = Math.max(0, avg.loadAvg[i]! - average);
  avg.sums[at] = atLeastAverage(Math.max(0, avg.sums[at]! - sum), avg.loadAvg[i]!);
}

function subtractUtil(i: number, average: number, sum: number): void {
  const at = i * SUM_ROW + UTIL_SUM;
  avg.utilAvg[i] = Math.max(0, avg.utilAvg[i]! - average);
  avg.sums[at] = atLeastAverage(Math.max(0, avg.sums[at]! - sum), avg.utilAvg[i]!);
}

function subtractRunnable(i: number, average: number, sum: number): void {
  const at = i * SUM_ROW + RUNNABLE_SUM;
  avg.runnableAvg[i] = Math.max(0, avg.runnableAvg[i]! - average);
  avg.sums[at] = atLeastAverage(Math.max(0, avg.sums[at]! - sum), avg.runnableAvg[i]!);
}

/** @spec 03 §5.2 */
export function attachEntityLoadAvg(q: number, e: number): void {
  const i = AVG_SE + e;
  const row = i * SUM_ROW;
  const rowQ = q * SUM_ROW;
  const weight = scaleDown(se.weight[e]!);
  const divider = avg.divider(q);
  avg.sums[row + LAST_UPDATE] = avg.sums[rowQ + LAST_UPDATE]!;
  avg.sums[row + PERIOD_CONTRIB] = avg.sums[rowQ + PERIOD_CONTRIB]!;
  avg.sums[row + UTIL_SUM] = avg.utilAvg[i]! * divider;
  avg.sums[row + RUNNABLE_SUM] = avg.runnableAvg[i]! * divider;
  const loadSum = avg.loadAvg[i]! * divider;
  avg.sums[row + LOAD_SUM] = weight < loadSum ? Math.floor(loadSum / weight) : 1;
  enqueueLoadAvg(q, e);
  avg.utilAvg[q]! += avg.utilAvg[i]!;
  avg.sums[rowQ + UTIL_SUM]! += avg.sums[row + UTIL_SUM]!;
  avg.runnableAvg[q]! += avg.runnableAvg[i]!;
  avg.sums[rowQ + RUNNABLE_SUM]! += avg.sums[row + RUNNABLE_SUM]!;
  addPropagate(q, avg.sums[row + LOAD_SUM]!);
}

/** @spec 03 §5.3 */
export function detachEntityLoadAvg(q: number, e: number): void {
  const i = AVG_SE + e;
  dequeueLoadAvg(q, e);
  subtractUtil(q, avg.utilAvg[i]!, avg.sums[i * SUM_ROW + UTIL_SUM]!);
  subtractRunnable(q, avg.runnableAvg[i]!, avg.sums[i * SUM_ROW + RUNNABLE_SUM]!);
  addPropagate(q, -avg.sums[i * SUM_ROW + LOAD_SUM]!);
}

function enqueueLoadAvg(q: number, e: number): void {
  const i = AVG_SE + e;
  avg.loadAvg[q]! += avg.loadAvg[i]!;
  avg.sums[q * SUM_ROW + LOAD_SUM]! += scaleDown(se.weight[e]!) * avg.sums[i * SUM_ROW + LOAD_SUM]!;
}

function dequeueLoadAvg(q: number, e: number): void {
  const i = AVG_SE + e;
  subtractLoad(q, avg.loadAvg[i]!, scaleDown(se.weight[e]!) * avg.sums[i * SUM_ROW + LOAD_SUM]!);
}

/** The load part of a reweight: take out, change, put back. The caller changes the weight in `change`. @spec 03 §6 */
export function reweightLoadAvg(q: number, e: number, weight: number, inverse: number): void {
  const i = AVG_SE + e;
  dequeueLoadAvg(q, e);
  se.weight[e] = weight;
  se.inverse[e] = inverse;
  avg.loadAvg[i] = Math.floor((scaleDown(weight) * avg.sums[i * SUM_ROW + LOAD_SUM]!) / avg.divider(i));
  enqueueLoadAvg(q, e);
}

/** A sleeping entity's averages, decayed to what its old runqueue last saw. */
export function syncEntityLoadAvg(e: number): void {
  updateBlockedSe(e, avg.lastUpdate(se.cfsRq[e]!));
}

/** A task leaves its runqueue without the lock: it wakes elsewhere, or is dead. @spec 03 §5.4 */
export function removeEntityLoadAvg(e: number): void {
  const q = se.cfsRq[e]!;
  const i = AVG_SE + e;
  syncEntityLoadAvg(e);
  cfs.removedNr[q]! += 1;
  cfs.removedUtil[q]! += avg.utilAvg[i]!;
  cfs.removedLoad[q]! += avg.loadAvg[i]!;
  cfs.removedRunnable[q]! += avg.runnableAvg[i]!;
}

/** The old CPU idles and its clock is old: guess how long the task has been asleep. @spec 03 §5.4 */
export function migrateSePeltLag(e: number): void {
  if (fullyDecayed(AVG_SE + e)) return;
  const q = se.cfsRq[e]!;
  const cpu = cfs.cpu[q]!;
  if (rq.curr[cpu] !== cpu || cfs.throttleCount[q] !== 0) return;
  let now = rq.clockPeltIdle[cpu]! - cfs.throttledPeltIdle[q]!;
  if (now < avg.lastUpdate(q)) now = avg.lastUpdate(q);
  else now += k.now - rq.clockIdle[cpu]!;
  updateBlockedSe(e, now);
}

/** A new task's first utilisation: half of what its CPU has left. @spec 03 §8 */
export function postInitEntityUtilAvg(task: number): void {
  const e = task;
  const i = AVG_SE + e;
  const q = se.cfsRq[e]!;
  if (tasks.schedClass[task] !== Class.FAIR) {
    avg.setLastUpdate(i, cfsRqClockPelt(q));
    return;
  }
  const capacity = rq.cpuCapacityOrig[cfs.cpu[q]!]!;
  const cap = Math.trunc((capacity - avg.utilAvg[q]!) / 2);
  if (cap > 0) {
    if (avg.utilAvg[q] !== 0) {
      const share = Math.floor((avg.utilAvg[q]! * se.weight[e]!) / (avg.loadAvg[q]! + 1));
      avg.utilAvg[i] = share > cap ? cap : share;
    } else {
      avg.utilAvg[i] = cap;
    }
  }
  avg.runnableAvg[i] = avg.utilAvg[i]!;
}

// ---- hierarchy: @spec 03 §6

function addPropagate(q: number, runnableSum: number): void {
  if (q < k.nrCpus) return;
  cfs.propagate[q] = 1;
  cfs.propRunnableSum[q]! += runnableSum;
}

/** Publishes a group runqueue's load when it has moved by more than 1/64. */
export function updateTgLoadAvg(q: number): void {
  if (q < k.nrCpus) return;
  const { groups } = k;
  const delta = avg.loadAvg[q]! - cfs.tgLoadAvgContrib[q]!;
  if (Math.abs(delta) > Math.floor(cfs.tgLoadAvgContrib[q]! / 64)) {
    groups.loadAvg[cfs.group[q]!]! += delta;
    cfs.tgLoadAvgContrib[q] = avg.loadAvg[q]!;
  }
}

/** A task has been attached to its runqueue, or detached, without being queued: its groups take note. @spec 03 §6 */
export function propagateToGroups(e: number): void {
  if (cfs.throttled[se.cfsRq[e]!] !== 0) return;
  for (let s = se.parent[e]!; s >= 0; s = se.parent[s]!) {
    const q = se.cfsRq[s]!;
    updateLoadAvg(q, s, UPDATE_TG);
    if (cfs.throttled[q] !== 0) return;
  }
}

/** Carries what changed below a group's entity into the runqueue it is queued on. */
function propagateEntity(e: number): boolean {
  if (isTask(e)) return false;
  const own = se.myQ[e]!;
  if (cfs.propagate[own] === 0) return false;
  cfs.propagate[own] = 0;
  const q = se.cfsRq[e]!;
  addPropagate(q, cfs.propRunnableSum[own]!);
  const i = AVG_SE + e;
  const divider = avg.divider(q);
  const row = i * SUM_ROW;
  const rowQ = q * SUM_ROW;

  let change = avg.utilAvg[own]! - avg.utilAvg[i]!;
  if (change !== 0) {
    const sum = avg.utilAvg[own]! * divider;
    const sumChange = sum - avg.sums[row + UTIL_SUM]!;
    avg.utilAvg[i] = avg.utilAvg[own]!;
    avg.sums[row + UTIL_SUM] = sum;
    avg.utilAvg[q] = Math.max(0, avg.utilAvg[q]! + change);
    avg.sums[rowQ + UTIL_SUM] = atLeastAverage(Math.max(0, avg.sums[rowQ + UTIL_SUM]! + sumChange), avg.utilAvg[q]!);
  }
  change = avg.runnableAvg[own]! - avg.runnableAvg[i]!;
  if (change !== 0) {
    const sum = avg.runnableAvg[own]! * divider;
    const sumChange = sum - avg.sums[row + RUNNABLE_SUM]!;
    avg.runnableAvg[i] = avg.runnableAvg[own]!;
    avg.sums[row + RUNNABLE_SUM] = sum;
    avg.runnableAvg[q] = Math.max(0, avg.runnableAvg[q]! + change);
    avg.sums[rowQ + RUNNABLE_SUM] = atLeastAverage(
      Math.max(0, avg.sums[rowQ + RUNNABLE_SUM]! + sumChange),
      avg.runnableAvg[q]!,
    );
  }
  propagateLoad(q, e, own, divider);
  return true;
}

function propagateLoad(q: number, e: number, own: number, divider: number): void {
  const i = AVG_SE + e;
  const row = i * SUM_ROW;
  const rowQ = q * SUM_ROW;
  let runnableSum = cfs.propRunnableSum[own]!;
  if (runnableSum === 0) return;
  cfs.propRunnableSum[own] = 0;
  if (runnableSum >= 0) {
    runnableSum = Math.min(runnableSum + avg.sums[row + LOAD_SUM]!, divider);
  } else {
    const weight = scaleDown(cfs.load[own]!);
    const estimate = weight === 0 ? 0 : Math.floor(avg.sums[own * SUM_ROW + LOAD_SUM]! / weight);
    runnableSum = Math.min(avg.sums[row + LOAD_SUM]!, estimate);
  }
  runnableSum = Math.max(runnableSum, Math.floor(avg.sums[row + UTIL_SUM]! / 1024));
  const weight = scaleDown(se.weight[e]!);
  const loadSum = weight * runnableSum;
  const loadAvg = Math.floor(loadSum / divider);
  const change = loadAvg - avg.loadAvg[i]!;
  if (change === 0) return;
  const sumChange = loadSum - weight * avg.sums[row + LOAD_SUM]!;
  avg.sums[row + LOAD_SUM] = runnableSum;
  avg.loadAvg[i] = loadAvg;
  avg.loadAvg[q] = Math.max(0, avg.loadAvg[q]! + change);
  avg.sums[rowQ + LOAD_SUM] = atLeastAverage(Math.max(0, avg.sums[rowQ + LOAD_SUM]! + sumChange), avg.loadAvg[q]!);
}

// ---- blocked load: @spec 03 §5.5

/** Decays everything on a CPU; keeps `has_blocked_load`. */
export function updateBlockedAverages(cpu: number): void {
  rq.lastBlockedUpdate[cpu] = k.jiffies;
  updateRqClock(cpu);
  updateOtherLoadAvgs(cpu);
  const more = !k.hasGroups ? updateBlockedRoot(cpu) : updateBlockedGroups(cpu);
  if (!more && avg.utilAvg[AVG_RT + cpu] === 0 && avg.utilAvg[AVG_DL + cpu] === 0) {
    rq.hasBlockedLoad[cpu] = 0;
  }
}

function updateBlockedRoot(cpu: number): boolean {
  avg.now[0] = cfsRqClockPelt(cpu);
  updateCfsRqLoadAvg(cpu);
  return avg.loadAvg[cpu] !== 0 || avg.utilAvg[cpu] !== 0;
}

function updateBlockedGroups(cpu: number): boolean {
  const { groups, nrCpus } = k;
  let more = false;
  for (let g = 0; g < groups.count; g++) {
    const q = groups.bottomUp[g]! * nrCpus + cpu;
    if (q >= nrCpus && cfs.onLeafList[q] === 0) continue;
    avg.now[0] = cfsRqClockPelt(q);
    if (updateCfsRqLoadAvg(q)) {
      updateTgLoadAvg(q);
      if (cfs.nrRunning[q] === 0) updateIdleCfsRqClockPelt(q);
    }
    const e = cfs.entity[q]!;
    if (e >= 0 && !skipBlockedUpdate(e)) updateLoadAvg(se.cfsRq[e]!, e, UPDATE_TG);
    if (q >= nrCpus && cfs.load[q] === 0 && fullyDecayed(q)) cfs.onLeafList[q] = 0;
    if (avg.loadAvg[q] !== 0 || avg.utilAvg[q] !== 0) more = true;
  }
  return more;
}

function updateIdleCfsRqClockPelt(q: number): void {
  cfs.throttledPeltIdle[q] = cfs.throttleCount[q] !== 0 ? Number.MAX_SAFE_INTEGER : cfs.throttledClockPeltTime[q]!;
}

/** A group's entity with nothing left and nothing to carry up. */
function skipBlockedUpdate(e: number): boolean {
  const i = AVG_SE + e;
  return avg.loadAvg[i] === 0 && avg.utilAvg[i] === 0 && cfs.propagate[se.myQ[e]!] === 0;
}

/** RT and DL time on a CPU. @spec 03 §10 */
function updateOtherLoadAvgs(cpu: number): void {
  const klass = tasks.schedClass[rq.curr[cpu]!]!;
  const rt = klass === Class.RT;
  const dl = klass === Class.DL;
  // Nothing decays to nothing whenever it is looked at: what never ran need not be brought up to date.
  if (rt || !fullyDecayed(AVG_RT + cpu)) updateRtLoadAvg(cpu, rt ? 1 : 0);
  if (dl || !fullyDecayed(AVG_DL + cpu)) {
    avg.now[0] = rqClockPelt(cpu);
    updateClassLoadAvg(AVG_DL + cpu, dl ? 1 : 0);
  }
}

/** RT time up to the CPU's pelt clock; `running`: what it was since the last update. */
export function updateRtLoadAvg(cpu: number, running: number): boolean {
  avg.now[0] = rqClockPelt(cpu);
  return updateClassLoadAvg(AVG_RT + cpu, running);
}

function updateClassLoadAvg(i: number, running: number): boolean {
  if (!updateSum(i, running, running, running)) return false;
  updateAvg(i, 1);
  return true;
}

// ---- derived quantities: @spec 03 §9

function cfsHLoad(q: number): number {
  if (cfs.hLoadUpdated[q] === k.jiffies) return cfs.hLoad[q]!;
  const e = cfs.entity[q]!;
  if (e < 0) {
    cfs.hLoad[q] = avg.loadAvg[q]!;
  } else {
    const parent = cfs.parent[q]!;
    cfs.hLoad[q] = Math.floor((cfsHLoad(parent) * avg.loadAvg[AVG_SE + e]!) / (avg.loadAvg[parent]! + 1));
  }
  cfs.hLoadUpdated[q] = k.jiffies;
  return cfs.hLoad[q]!;
}

/** A task's share of its CPU's load. */
export function taskHLoad(task: number): number {
  const e = task;
  const q = se.cfsRq[e]!;
  return Math.floor((avg.loadAvg[AVG_SE + e]! * cfsHLoad(q)) / (avg.loadAvg[q]! + 1));
}

export function taskUtil(task: number): number {
  return avg.utilAvg[AVG_SE + task]!;
}

/** max(ewma, enqueued): the estimate without the running average. */
export function utilEst(task: number): number {
  const e = task;
  return Math.max(se.utilEstEwma[e]!, se.utilEstEnqueued[e]!);
}

export function taskUtilEst(task: number): number {
  return Math.max(taskUtil(task), utilEst(task));
}

/** Utilisation of a CPU by CFS. @spec 06 §5.1 */
export function cpuUtilCfs(cpu: number): number {
  const util = Math.max(avg.utilAvg[cpu]!, cfs.utilEstEnqueued[cpu]!);
  return Math.min(util, rq.cpuCapacityOrig[cpu]!);
}
