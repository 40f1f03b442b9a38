/**
 * Where to begin looking for an idle CPU: near the waker or where the task ran last. @spec 05 §3.1-3.2
 */

import * as avg from '../sched/averages.ts';
import { lookedAt } from '../sched/decide.ts';
import { DOMAIN_COUNTERS, Ttwu } from '../sched/domain-state.ts';
import { k } from '../sched/kernel.ts';
import { taskHLoad } from '../sched/load-avg.ts';
import { idleCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import * as tasks from '../sched/tasks.ts';

/** The waker notes whom it wakes. */
export function recordWakee(waker: number, task: number): void {
  if (k.jiffies > tasks.wakeeFlipDecay[waker]! + k.hz) {
    tasks.wakeeFlips[waker] = Math.floor(tasks.wakeeFlips[waker]! / 2);
    tasks.wakeeFlipDecay[waker] = k.jiffies;
  }
  if (tasks.lastWakee[waker] !== task) {
    tasks.lastWakee[waker] = task;
    tasks.wakeeFlips[waker]! += 1;
  }
}

/** One waker with many wakees (or the reverse): pulling them together would only crowd the LLC. */
export function wakeWide(waker: number, task: number, cpu: number): boolean {
  const { wakeeFlips } = tasks;
  const factor = k.sd.tree.llcSize[cpu]!;
  const high = Math.max(wakeeFlips[waker]!, wakeeFlips[task]!);
  const low = Math.min(wakeeFlips[waker]!, wakeeFlips[task]!);
  return low >= factor && high >= low * factor;
}

/** Why the last wake_affine chose as it did, for its record. */
let affineWhy = '';

/** The waker's CPU or the previous one. `sd` is the waker's domain that spans both. @spec 05 §3.2 */
export function wakeAffine(sd: number, task: number, here: number, prev: number, sync: boolean): number {
  let target = -1;
  affineWhy = '';
  if (k.features.WA_IDLE) target = wakeAffineIdle(here, prev, sync);
  if (k.features.WA_WEIGHT && target < 0) target = wakeAffineWeight(sd, task, here, prev, sync);
  if (k.deciding)
    lookedAt(affineWhy === '' ? 'wake_affine: prev, this CPU is not the lighter' : affineWhy, [
      target === here ? here : prev,
    ]);
  if (target !== here) return prev;
  k.sd.counters[sd * DOMAIN_COUNTERS + Ttwu.MOVE_AFFINE]! += 1;
  return here;
}

function wakeAffineIdle(here: number, prev: number, sync: boolean): number {
  if (idleCpu(here) && sharesCache(here, prev)) {
    affineWhy = 'wake_affine: this CPU idles and shares its cache with prev (prev first, if idle)';
    return idleCpu(prev) ? prev : here;
  }
  if (sync && rq.nrRunning[here] === 1) {
    affineWhy = 'wake_affine: a sync wakeup, and the waker is alone here';
    return here;
  }
  if (!idleCpu(prev)) return -1;
  affineWhy = 'wake_affine: prev is idle';
  return prev;
}

function wakeAffineWeight(sd: number, task: number, here: number, prev: number, sync: boolean): number {
  let thisLoad = avg.loadAvg[here]!;
  if (sync) {
    const current = taskHLoad(rq.curr[here]!);
    affineWhy = 'wake_affine: a sync wakeup, and the waker is all the load here';
    if (current > thisLoad) return here;
    affineWhy = '';
    thisLoad -= current;
  }
  const load = taskHLoad(task);
  const pct = k.sd.imbalancePct[sd]!;
  const bias = k.features.WA_BIAS ? 100 + Math.floor((pct - 100) / 2) : 100;
  const a = (thisLoad + load) * 100 * rq.cpuCapacity[prev]!;
  let b = (avg.loadAvg[prev]! - load) * bias * rq.cpuCapacity[here]!;
  if (sync) b += 1;
  if (a >= b) return -1;
  affineWhy = 'wake_affine: with the task, this CPU has less load than prev';
  return here;
}

/** Same CPU, or same last-level cache. @spec 05 §1 */
export function sharesCache(a: number, b: number): boolean {
  return a === b || k.sd.tree.llcId[a] === k.sd.tree.llcId[b];
}
