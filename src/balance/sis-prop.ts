/**
 * SIS_PROP, the limit on the search for an idle CPU that was there before SIS_UTIL: as many CPUs as can be looked at in the
 * time this CPU expects to idle. @spec 05 §4.2
 *
 * Kernels up to 5.11 took a small part of `avg_idle` (one 512th) for that time, because it varies so much; later ones keep a
 * `wake_avg_idle` that shrinks with every search and with time. `sis_prop_fuzz` chooses. @spec 20 §7.6
 */
import { k } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';

/** One more than the CPUs to visit; 0: none. */
export function sisPropLimit(): number {
  const here = k.thisCpu;
  const llc = k.sd.tree.sdLlc[here]!;
  if (llc < 0) return 0;
  const cost = k.sd.avgScanCost[llc]! + 1;
  const span = k.sd.spanWeight[llc]! * idleTime(here);
  return span > 4 * cost ? Math.floor(span / cost) : 4;
}

/** The search has taken `ns`. */
export function sisPropCharge(ns: number): void {
  const here = k.thisCpu;
  const { avgScanCost } = k.sd;
  const llc = k.sd.tree.sdLlc[here]!;
  rq.wakeAvgIdle[here]! -= Math.min(rq.wakeAvgIdle[here]!, ns);
  avgScanCost[llc]! += Math.trunc((ns - avgScanCost[llc]!) / 8);
}

function idleTime(cpu: number): number {
  const { sisPropFuzz } = k.tunables;
  if (sisPropFuzz > 0) return Math.floor(rq.avgIdle[cpu]! / sisPropFuzz);
  while (rq.wakeStamp[cpu]! < k.jiffies && rq.wakeAvgIdle[cpu] !== 0) {
    rq.wakeStamp[cpu]! += 1;
    rq.wakeAvgIdle[cpu] = Math.floor(rq.wakeAvgIdle[cpu]! / 2);
  }
  return rq.wakeAvgIdle[cpu]!;
}
