/**
 * Who is updated when: load averages of tasks, groups and runqueues; attaching, detaching and removing contributions; and
 * carrying the changes of a group up its hierarchy. The arithmetic is in `pelt.ts`. @spec 03 §5-9
 */
import { Ev } from '../trace/events.ts';
import { cfsRqClockPelt, rqClockPelt, updateRqClock } from './clock.ts';
import type { Kernel } from './kernel.ts';
import { atLeastAverage, fullyDecayed, updateAvg, updateSum } from './pelt.ts';
import { recordPeltBlocked, recordPeltCfs, recordPeltSe } from './record.ts';
import { type Averages, Class, SUM_ROW, Sum } from './tables.ts';
import { scaleDown } from './weight.ts';

/** Flags of `updateLoadAvg`. */
export const UPDATE_TG = 1;
export const DO_ATTACH = 4;
export const DO_DETACH = 8;

/** Brings an entity, its runqueue and what its group owes the hierarchy up to date. @spec 03 §5 */
export function updateLoadAvg(k: Kernel, q: number, e: number, flags: number): void {
  const { avg } = k;
  avg.now[0] = cfsRqClockPelt(k, q);
  const attached = avg.lastUpdate(k.avgSe + e) !== 0;
  if (attached) updateLoadAvgSe(k, q, e);
  let decayed = updateCfsRqLoadAvg(k, q);
  if (k.nrGroupEntities > 0 && propagateEntity(k, e)) decayed = true;
  if (!attached && (flags & DO_ATTACH) !== 0) {
    attachEntityLoadAvg(k, q, e);
    updateTgLoadAvg(k, q);
  } else if ((flags & DO_DETACH) !== 0) {
    detachEntityLoadAvg(k, q, e);
    updateTgLoadAvg(k, q);
  } else if (decayed && (flags & UPDATE_TG) !== 0) {
    updateTgLoadAvg(k, q);
  }
}

function updateLoadAvgSe(k: Kernel, q: number, e: number): void {
  const { se, avg } = k;
  const i = k.avgSe + e;
  if (k.recorder.on[Ev.PELT_SE]) recordPeltSe(k, q, e);
  const onRq = se.onRq[e] !== 0 ? 1 : 0;
  const runnable = k.isTask(e) ? onRq : se.runnableWeight[e]!;
  const running = k.cfs.curr[q] === e ? 1 : 0;
  if (updateSum(avg, i, onRq, runnable, running)) {
    updateAvg(avg, i, scaleDown(se.weight[e]!));
    se.utilEstUnchanged[e] = 0;
  }
}

/** An entity that sleeps decays to `now`. */
function updateBlockedSe(k: Kernel, e: number, now: number): void {
  k.avg.now[0] = now;
  if (k.recorder.on[Ev.PELT_BLOCKED]) recordPeltBlocked(k, e);
  if (updateSum(k.avg, k.avgSe + e, 0, 0, 0)) updateAvg(k.avg, k.avgSe + e, scaleDown(k.se.weight[e]!));
}

/** Takes out what left without the lock, then accumulates up to `avg.now`. True if the averages changed. @spec 03 §5.1 */
function updateCfsRqLoadAvg(k: Kernel, q: number): boolean {
  const { cfs, avg } = k;
  let changed = false;
  if (cfs.removedNr[q] !== 0) {
    takeRemoved(k, q);
    changed = true;
  }
  if (k.recorder.on[Ev.PELT_CFS]) recordPeltCfs(k, q);
  const running = cfs.curr[q]! >= 0 ? 1 : 0;
  if (updateSum(avg, q, scaleDown(cfs.load[q]!), cfs.hNrRunning[q]!, running)) {
    updateAvg(avg, q, 1);
    changed = true;
  }
  return changed;
}

/** Contributions of tasks that have gone. */
function takeRemoved(k: Kernel, q: number): void {
  const { cfs, avg } = k;
  const divider = avg.divider(q);
  subtractLoad(avg, q, cfs.removedLoad[q]!, cfs.removedLoad[q]! * divider);
  subtractUtil(avg, q, cfs.removedUtil[q]!, cfs.removedUtil[q]! * divider);
  subtractRunnable(avg, q, cfs.removedRunnable[q]!, cfs.removedRunnable[q]! * divider);
  addPropagate(k, q, Math.floor(-(cfs.removedRunnable[q]! * divider) / 1024));
  cfs.removedNr[q] = 0;
  cfs.removedLoad[q] = 0;
  cfs.removedUtil[q] = 0;
  cfs.removedRunnable[q] = 0;
}

function subtractLoad(avg: Averages, i: number, average: number, sum: number): void {
  const at = i * SUM_ROW + Sum.LOAD;
  avg.loadAvg[i] = Math.max(0, avg.loadAvg[i]! - average);
  avg.sums[at] = atLeastAverage(Math.max(0, avg.sums[at]! - sum), avg.loadAvg[i]!);
}

function subtractUtil(avg: Averages, i: number, average: number, sum: number): void {
  const at = i * SUM_ROW + Sum.UTIL;
  avg.utilAvg[i] = Math.max(0, avg.utilAvg[i]! - average);
  avg.sums[at] = atLeastAverage(Math.max(0, avg.sums[at]! - sum), avg.utilAvg[i]!);
}

function subtractRunnable(avg: Averages, i: number, average: number, sum: number): void {
  const at = i * SUM_ROW + Sum.RUNNABLE;
  avg.runnableAvg[i] = Math.max(0, avg.runnableAvg[i]! - average);
  avg.sums[at] = atLeastAverage(Math.max(0, avg.sums[at]! - sum), avg.runnableAvg[i]!);
}

/** @spec 03 §5.2 */
export function attachEntityLoadAvg(k: Kernel, q: number, e: number): void {
  const { avg } = k;
  const { sums } = avg;
  const i = k.avgSe + e;
  const row = i * SUM_ROW;
  const rowQ = q * SUM_ROW;
  const weight = scaleDown(k.se.weight[e]!);
  const divider = avg.divider(q);
  sums[row + Sum.LAST_UPDATE] = sums[rowQ + Sum.LAST_UPDATE]!;
  sums[row + Sum.PERIOD_CONTRIB] = sums[rowQ + Sum.PERIOD_CONTRIB]!;
  sums[row + Sum.UTIL] = avg.utilAvg[i]! * divider;
  sums[row + Sum.RUNNABLE] = avg.runnableAvg[i]! * divider;
  const loadSum = avg.loadAvg[i]! * divider;
  sums[row + Sum.LOAD] = weight < loadSum ? Math.floor(loadSum / weight) : 1;
  enqueueLoadAvg(k, q, e);
  avg.utilAvg[q]! += avg.utilAvg[i]!;
  sums[rowQ + Sum.UTIL]! += sums[row + Sum.UTIL]!;
  avg.runnableAvg[q]! += avg.runnableAvg[i]!;
  sums[rowQ + Sum.RUNNABLE]! += sums[row + Sum.RUNNABLE]!;
  addPropagate(k, q, sums[row + Sum.LOAD]!);
}

/** @spec 03 §5.3 */
export function detachEntityLoadAvg(k: Kernel, q: number, e: number): void {
  const { avg } = k;
  const { sums } = avg;
  const i = k.avgSe + e;
  dequeueLoadAvg(k, q, e);
  subtractUtil(avg, q, avg.utilAvg[i]!, sums[i * SUM_ROW + Sum.UTIL]!);
  subtractRunnable(avg, q, avg.runnableAvg[i]!, sums[i * SUM_ROW + Sum.RUNNABLE]!);
  addPropagate(k, q, -sums[i * SUM_ROW + Sum.LOAD]!);
}

function enqueueLoadAvg(k: Kernel, q: number, e: number): void {
  const { avg } = k;
  const i = k.avgSe + e;
  avg.loadAvg[q]! += avg.loadAvg[i]!;
  avg.sums[q * SUM_ROW + Sum.LOAD]! += scaleDown(k.se.weight[e]!) * avg.sums[i * SUM_ROW + Sum.LOAD]!;
}

function dequeueLoadAvg(k: Kernel, q: number, e: number): void {
  const { avg } = k;
  const i = k.avgSe + e;
  subtractLoad(avg, q, avg.loadAvg[i]!, scaleDown(k.se.weight[e]!) * avg.sums[i * SUM_ROW + Sum.LOAD]!);
}

/** The load part of a reweight: take out, change, put back. The caller changes the weight in `change`. @spec 03 §6 */
export function reweightLoadAvg(k: Kernel, q: number, e: number, weight: number, inverse: number): void {
  const { avg, se } = k;
  const i = k.avgSe + e;
  dequeueLoadAvg(k, q, e);
  se.weight[e] = weight;
  se.inverse[e] = inverse;
  avg.loadAvg[i] = Math.floor((scaleDown(weight) * avg.sums[i * SUM_ROW + Sum.LOAD]!) / avg.divider(i));
  enqueueLoadAvg(k, q, e);
}

/** A sleeping entity's averages, decayed to what its old runqueue last saw. */
export function syncEntityLoadAvg(k: Kernel, e: number): void {
  updateBlockedSe(k, e, k.avg.lastUpdate(k.se.cfsRq[e]!));
}

/** A task leaves its runqueue without the lock: it wakes elsewhere, or is dead. @spec 03 §5.4 */
export function removeEntityLoadAvg(k: Kernel, e: number): void {
  const { avg, cfs } = k;
  const q = k.se.cfsRq[e]!;
  const i = k.avgSe + e;
  syncEntityLoadAvg(k, e);
  cfs.removedNr[q]! += 1;
  cfs.removedUtil[q]! += avg.utilAvg[i]!;
  cfs.removedLoad[q]! += avg.loadAvg[i]!;
  cfs.removedRunnable[q]! += avg.runnableAvg[i]!;
}

/** The old CPU idles and its clock is old: guess how long the task has been asleep. @spec 03 §5.4 */
export function migrateSePeltLag(k: Kernel, e: number): void {
  const { avg, cfs, rq } = k;
  if (fullyDecayed(avg, k.avgSe + e)) return;
  const q = k.se.cfsRq[e]!;
  const cpu = cfs.cpu[q]!;
  if (rq.curr[cpu] !== cpu || cfs.throttleCount[q] !== 0) return;
  let now = rq.clockPeltIdle[cpu]! - cfs.throttledPeltIdle[q]!;
  if (now < avg.lastUpdate(q)) now = avg.lastUpdate(q);
  else now += k.now - rq.clockIdle[cpu]!;
  updateBlockedSe(k, e, now);
}

/** A new task's first utilisation: half of what its CPU has left. @spec 03 §8 */
export function postInitEntityUtilAvg(k: Kernel, task: number): void {
  const { avg, se } = k;
  const e = k.entityOf(task);
  const i = k.avgSe + e;
  const q = se.cfsRq[e]!;
  if (k.task.schedClass[task] !== Class.FAIR) {
    avg.setLastUpdate(i, cfsRqClockPelt(k, q));
    return;
  }
  const capacity = k.rq.cpuCapacityOrig[k.cfs.cpu[q]!]!;
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

function addPropagate(k: Kernel, q: number, runnableSum: number): void {
  if (q < k.nrCpus) return;
  k.cfs.propagate[q] = 1;
  k.cfs.propRunnableSum[q]! += runnableSum;
}

/** Publishes a group runqueue's load when it has moved by more than 1/64. */
export function updateTgLoadAvg(k: Kernel, q: number): void {
  if (q < k.nrCpus) return;
  const { cfs, groups } = k;
  const delta = k.avg.loadAvg[q]! - cfs.tgLoadAvgContrib[q]!;
  if (Math.abs(delta) > Math.floor(cfs.tgLoadAvgContrib[q]! / 64)) {
    groups.loadAvg[cfs.group[q]!]! += delta;
    cfs.tgLoadAvgContrib[q] = k.avg.loadAvg[q]!;
  }
}

/** Carries what changed below a group's entity into the runqueue it is queued on. */
function propagateEntity(k: Kernel, e: number): boolean {
  if (k.isTask(e)) return false;
  const { cfs, se, avg } = k;
  const own = se.myQ[e]!;
  if (cfs.propagate[own] === 0) return false;
  cfs.propagate[own] = 0;
  const q = se.cfsRq[e]!;
  addPropagate(k, q, cfs.propRunnableSum[own]!);
  const i = k.avgSe + e;
  const divider = avg.divider(q);
  const { sums } = avg;
  const row = i * SUM_ROW;
  const rowQ = q * SUM_ROW;

  let change = avg.utilAvg[own]! - avg.utilAvg[i]!;
  if (change !== 0) {
    const sum = avg.utilAvg[own]! * divider;
    const sumChange = sum - sums[row + Sum.UTIL]!;
    avg.utilAvg[i] = avg.utilAvg[own]!;
    sums[row + Sum.UTIL] = sum;
    avg.utilAvg[q] = Math.max(0, avg.utilAvg[q]! + change);
    sums[rowQ + Sum.UTIL] = atLeastAverage(Math.max(0, sums[rowQ + Sum.UTIL]! + sumChange), avg.utilAvg[q]!);
  }
  change = avg.runnableAvg[own]! - avg.runnableAvg[i]!;
  if (change !== 0) {
    const sum = avg.runnableAvg[own]! * divider;
    const sumChange = sum - sums[row + Sum.RUNNABLE]!;
    avg.runnableAvg[i] = avg.runnableAvg[own]!;
    sums[row + Sum.RUNNABLE] = sum;
    avg.runnableAvg[q] = Math.max(0, avg.runnableAvg[q]! + change);
    sums[rowQ + Sum.RUNNABLE] = atLeastAverage(
      Math.max(0, sums[rowQ + Sum.RUNNABLE]! + sumChange),
      avg.runnableAvg[q]!,
    );
  }
  propagateLoad(k, q, e, own, divider);
  return true;
}

function propagateLoad(k: Kernel, q: number, e: number, own: number, divider: number): void {
  const { cfs, se, avg } = k;
  const { sums } = avg;
  const i = k.avgSe + e;
  const row = i * SUM_ROW;
  const rowQ = q * SUM_ROW;
  let runnableSum = cfs.propRunnableSum[own]!;
  if (runnableSum === 0) return;
  cfs.propRunnableSum[own] = 0;
  if (runnableSum >= 0) {
    runnableSum = Math.min(runnableSum + sums[row + Sum.LOAD]!, divider);
  } else {
    const weight = scaleDown(cfs.load[own]!);
    const estimate = weight === 0 ? 0 : Math.floor(sums[own * SUM_ROW + Sum.LOAD]! / weight);
    runnableSum = Math.min(sums[row + Sum.LOAD]!, estimate);
  }
  runnableSum = Math.max(runnableSum, Math.floor(sums[row + Sum.UTIL]! / 1024));
  const weight = scaleDown(se.weight[e]!);
  const loadSum = weight * runnableSum;
  const loadAvg = Math.floor(loadSum / divider);
  const change = loadAvg - avg.loadAvg[i]!;
  if (change === 0) return;
  const sumChange = loadSum - weight * sums[row + Sum.LOAD]!;
  sums[row + Sum.LOAD] = runnableSum;
  avg.loadAvg[i] = loadAvg;
  avg.loadAvg[q] = Math.max(0, avg.loadAvg[q]! + change);
  sums[rowQ + Sum.LOAD] = atLeastAverage(Math.max(0, sums[rowQ + Sum.LOAD]! + sumChange), avg.loadAvg[q]!);
}

// ---- blocked load: @spec 03 §5.5

/** Decays everything on a CPU; keeps `has_blocked_load`. */
export function updateBlockedAverages(k: Kernel, cpu: number): void {
  const { rq, avg } = k;
  rq.lastBlockedUpdate[cpu] = k.jiffies;
  updateRqClock(k, cpu);
  updateOtherLoadAvgs(k, cpu);
  const more = k.nrGroupEntities === 0 ? updateBlockedRoot(k, cpu) : updateBlockedGroups(k, cpu);
  if (!more && avg.utilAvg[k.avgRt + cpu] === 0 && avg.utilAvg[k.avgDl + cpu] === 0) {
    rq.hasBlockedLoad[cpu] = 0;
  }
}

function updateBlockedRoot(k: Kernel, cpu: number): boolean {
  k.avg.now[0] = cfsRqClockPelt(k, cpu);
  updateCfsRqLoadAvg(k, cpu);
  return k.avg.loadAvg[cpu] !== 0 || k.avg.utilAvg[cpu] !== 0;
}

function updateBlockedGroups(k: Kernel, cpu: number): boolean {
  const { cfs, avg, groups, nrCpus } = k;
  let more = false;
  for (let g = 0; g < groups.count; g++) {
    const q = groups.bottomUp[g]! * nrCpus + cpu;
    if (q >= nrCpus && cfs.onLeafList[q] === 0) continue;
    avg.now[0] = cfsRqClockPelt(k, q);
    if (updateCfsRqLoadAvg(k, q)) {
      updateTgLoadAvg(k, q);
      if (cfs.nrRunning[q] === 0) updateIdleCfsRqClockPelt(k, q);
    }
    const e = cfs.entity[q]!;
    if (e >= 0 && !skipBlockedUpdate(k, e)) updateLoadAvg(k, k.se.cfsRq[e]!, e, UPDATE_TG);
    if (q >= nrCpus && cfs.load[q] === 0 && fullyDecayed(avg, q)) cfs.onLeafList[q] = 0;
    if (avg.loadAvg[q] !== 0 || avg.utilAvg[q] !== 0) more = true;
  }
  return more;
}

function updateIdleCfsRqClockPelt(k: Kernel, q: number): void {
  const { cfs } = k;
  cfs.throttledPeltIdle[q] = cfs.throttleCount[q] !== 0 ? Number.MAX_SAFE_INTEGER : cfs.throttledClockPeltTime[q]!;
}

/** A group's entity with nothing left and nothing to carry up. */
function skipBlockedUpdate(k: Kernel, e: number): boolean {
  const { avg, cfs } = k;
  const i = k.avgSe + e;
  return avg.loadAvg[i] === 0 && avg.utilAvg[i] === 0 && cfs.propagate[k.se.myQ[e]!] === 0;
}

/** RT and DL time on a CPU. @spec 03 §10 */
function updateOtherLoadAvgs(k: Kernel, cpu: number): void {
  const klass = k.task.schedClass[k.rq.curr[cpu]!]!;
  const rt = klass === Class.RT;
  const dl = klass === Class.DL;
  // Nothing decays to nothing whenever it is looked at: what never ran need not be brought up to date.
  if (rt || !fullyDecayed(k.avg, k.avgRt + cpu)) updateRtLoadAvg(k, cpu, rt ? 1 : 0);
  if (dl || !fullyDecayed(k.avg, k.avgDl + cpu)) {
    k.avg.now[0] = rqClockPelt(k, cpu);
    updateClassLoadAvg(k, k.avgDl + cpu, dl ? 1 : 0);
  }
}

/** RT time up to the CPU's pelt clock; `running`: what it was since the last update. */
export function updateRtLoadAvg(k: Kernel, cpu: number, running: number): boolean {
  k.avg.now[0] = rqClockPelt(k, cpu);
  return updateClassLoadAvg(k, k.avgRt + cpu, running);
}

function updateClassLoadAvg(k: Kernel, i: number, running: number): boolean {
  if (!updateSum(k.avg, i, running, running, running)) return false;
  updateAvg(k.avg, i, 1);
  return true;
}

// ---- derived quantities: @spec 03 §9

function cfsHLoad(k: Kernel, q: number): number {
  const { cfs, avg } = k;
  if (cfs.hLoadUpdated[q] === k.jiffies) return cfs.hLoad[q]!;
  const e = cfs.entity[q]!;
  if (e < 0) {
    cfs.hLoad[q] = avg.loadAvg[q]!;
  } else {
    const parent = cfs.parent[q]!;
    cfs.hLoad[q] = Math.floor((cfsHLoad(k, parent) * avg.loadAvg[k.avgSe + e]!) / (avg.loadAvg[parent]! + 1));
  }
  cfs.hLoadUpdated[q] = k.jiffies;
  return cfs.hLoad[q]!;
}

/** A task's share of its CPU's load. */
export function taskHLoad(k: Kernel, task: number): number {
  const e = k.entityOf(task);
  const q = k.se.cfsRq[e]!;
  return Math.floor((k.avg.loadAvg[k.avgSe + e]! * cfsHLoad(k, q)) / (k.avg.loadAvg[q]! + 1));
}

export function taskUtil(k: Kernel, task: number): number {
  return k.avg.utilAvg[k.avgSe + k.entityOf(task)]!;
}

/** max(ewma, enqueued): the estimate without the running average. */
export function utilEst(k: Kernel, task: number): number {
  const e = k.entityOf(task);
  return Math.max(k.se.utilEstEwma[e]!, k.se.utilEstEnqueued[e]!);
}

export function taskUtilEst(k: Kernel, task: number): number {
  return Math.max(taskUtil(k, task), utilEst(k, task));
}

/** Utilisation of a CPU by CFS. @spec 06 §5.1 */
export function cpuUtilCfs(k: Kernel, cpu: number): number {
  const util = Math.max(k.avg.utilAvg[cpu]!, k.cfs.utilEstEnqueued[cpu]!);
  return Math.min(util, k.rq.cpuCapacityOrig[cpu]!);
}
