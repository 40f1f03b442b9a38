/**
 * CFS bandwidth, the part every update of a running entity meets: charging a runqueue's runtime and asking its group for
 * more. Throttling itself and the timers are in `bandwidth.ts`. @spec 02 §10.1
 */
import type { Kernel } from './kernel.ts';

/** Runtime a runqueue keeps when its last entity leaves. */
const MIN_RUNTIME_NS = 1_000_000;

/** Charges `delta` ns and, when the runqueue has run out, asks for another slice; else its task has to go. */
export function assignRuntime(k: Kernel, q: number, delta: number): void {
  const { cfs } = k;
  cfs.runtimeRemaining[q]! -= delta;
  if (cfs.runtimeRemaining[q]! > 0 || cfs.throttled[q] !== 0) return;
  if (!requestRuntime(k, q, k.tunables.cfsBandwidthSliceNs) && cfs.curr[q]! >= 0) k.reschedCurr(cfs.cpu[q]!);
}

/** Brings the runqueue up to `target` from the group's pool as far as that goes. True if it has runtime now. */
export function requestRuntime(k: Kernel, q: number, target: number): boolean {
  const { cfs, groups } = k;
  const g = cfs.group[q]!;
  const wanted = target - cfs.runtimeRemaining[q]!;
  let granted: number;
  if (groups.quota[g]! < 0) {
    granted = wanted;
  } else {
    k.startPeriodTimer(g);
    granted = Math.min(groups.runtime[g]!, wanted);
    groups.runtime[g]! -= granted;
    groups.idleFlag[g] = 0;
  }
  cfs.runtimeRemaining[q]! += granted;
  return cfs.runtimeRemaining[q]! > 0;
}

/** The last entity has left: all but a little goes back to the pool, and may help those who are throttled. */
export function returnRuntime(k: Kernel, q: number): void {
  const { cfs, groups } = k;
  if (cfs.nrRunning[q] !== 0) return;
  const slack = cfs.runtimeRemaining[q]! - MIN_RUNTIME_NS;
  if (slack <= 0) return;
  const g = cfs.group[q]!;
  if (groups.quota[g]! >= 0) {
    groups.runtime[g]! += slack;
    if (groups.runtime[g]! > k.tunables.cfsBandwidthSliceNs && groups.throttledList[g]!.length > 0)
      k.startSlackTimer(g);
  }
  cfs.runtimeRemaining[q]! -= slack;
}

/** A group's first entity is queued: it may have nothing to run on. */
export function checkEnqueueThrottle(k: Kernel, q: number): void {
  const { cfs } = k;
  if (cfs.runtimeEnabled[q] === 0 || cfs.curr[q]! >= 0 || cfs.throttled[q] !== 0) return;
  assignRuntime(k, q, 0);
  if (cfs.runtimeRemaining[q]! <= 0) k.throttleCfsRq(k, q);
}

/** Before a group's entity is put back or chosen: true if it has to be throttled, and was. */
export function checkCfsRqRuntime(k: Kernel, q: number): boolean {
  const { cfs } = k;
  if (cfs.runtimeEnabled[q] === 0 || cfs.runtimeRemaining[q]! > 0) return false;
  if (cfs.throttled[q] !== 0) return true;
  return k.throttleCfsRq(k, q);
}
