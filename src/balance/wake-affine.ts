/**
 * Where to begin looking for an idle CPU: near the waker or where the task ran last. @spec 05 §3.1-3.2
 */
import { DOMAIN_COUNTERS, Ttwu } from '../sched/domain-state.ts';
import type { Kernel } from '../sched/kernel.ts';
import { taskHLoad } from '../sched/load-avg.ts';

/** The waker notes whom it wakes. */
export function recordWakee(k: Kernel, waker: number, task: number): void {
  const { task: t } = k;
  if (k.jiffies > t.wakeeFlipDecay[waker]! + k.hz) {
    t.wakeeFlips[waker] = Math.floor(t.wakeeFlips[waker]! / 2);
    t.wakeeFlipDecay[waker] = k.jiffies;
  }
  if (t.lastWakee[waker] !== task) {
    t.lastWakee[waker] = task;
    t.wakeeFlips[waker]! += 1;
  }
}

/** One waker with many wakees (or the reverse): pulling them together would only crowd the LLC. */
export function wakeWide(k: Kernel, waker: number, task: number, cpu: number): boolean {
  const { wakeeFlips } = k.task;
  const factor = k.sd.tree.llcSize[cpu]!;
  const high = Math.max(wakeeFlips[waker]!, wakeeFlips[task]!);
  const low = Math.min(wakeeFlips[waker]!, wakeeFlips[task]!);
  return low >= factor && high >= low * factor;
}

/** The waker's CPU or the previous one. `sd` is the waker's domain that spans both. @spec 05 §3.2 */
export function wakeAffine(k: Kernel, sd: number, task: number, here: number, prev: number, sync: boolean): number {
  let target = -1;
  if (k.features.WA_IDLE) target = wakeAffineIdle(k, here, prev, sync);
  if (k.features.WA_WEIGHT && target < 0) target = wakeAffineWeight(k, sd, task, here, prev, sync);
  if (target !== here) return prev;
  k.sd.counters[sd * DOMAIN_COUNTERS + Ttwu.MOVE_AFFINE]! += 1;
  return here;
}

function wakeAffineIdle(k: Kernel, here: number, prev: number, sync: boolean): number {
  if (k.idleCpu(here) && sharesCache(k, here, prev)) return k.idleCpu(prev) ? prev : here;
  if (sync && k.rq.nrRunning[here] === 1) return here;
  return k.idleCpu(prev) ? prev : -1;
}

function wakeAffineWeight(k: Kernel, sd: number, task: number, here: number, prev: number, sync: boolean): number {
  const { avg, rq } = k;
  let thisLoad = avg.loadAvg[here]!;
  if (sync) {
    const current = taskHLoad(k, rq.curr[here]!);
    if (current > thisLoad) return here;
    thisLoad -= current;
  }
  const load = taskHLoad(k, task);
  const pct = k.sd.imbalancePct[sd]!;
  const bias = k.features.WA_BIAS ? 100 + Math.floor((pct - 100) / 2) : 100;
  const a = (thisLoad + load) * 100 * rq.cpuCapacity[prev]!;
  let b = (avg.loadAvg[prev]! - load) * bias * rq.cpuCapacity[here]!;
  if (sync) b += 1;
  return a < b ? here : -1;
}

/** Same CPU, or same last-level cache. @spec 05 §1 */
export function sharesCache(k: Kernel, a: number, b: number): boolean {
  return a === b || k.sd.tree.llcId[a] === k.sd.tree.llcId[b];
}
