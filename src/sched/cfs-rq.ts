/** CFS runqueues: the roots first (one a CPU, by its number), then one a group and CPU. @spec 02 §3, 03 §5-6 "None" is -1. */
import { ColumnSet, MAX_CFS_RQS } from './columns.ts';

const columns = new ColumnSet(MAX_CFS_RQS);

/** For the next simulation. */
export function reset(rows: number): void {
  columns.reset(rows);
}

export const cpu = columns.i32();
/** Task group, 0 for the root; and the group's entity on this CPU. */
export const group = columns.i32();
export const entity = columns.i32(-1);
export const parent = columns.i32(-1);
export const curr = columns.i32(-1);
export const nextBuddy = columns.i32(-1);
export const lastBuddy = columns.i32(-1);
export const skipBuddy = columns.i32(-1);
/** Ends of the queue in order of vruntime; curr is not in it. */
export const leftmost = columns.i32(-1);
export const rightmost = columns.i32(-1);
/** EEVDF: zero_vruntime, the point from which virtual times are counted in `avgVruntime`. @spec 22 §2 */
export const minVruntime = columns.f64(-(2 ** 20));
// EEVDF's queue: a tree by deadline; sum of (vruntime - zero) * weight, and of the weights, over the tree. @spec 22 §2
export const root = columns.i32(-1);
export const avgVruntime = columns.f64();
export const avgLoad = columns.f64();
/** Of hNrRunning, those that sleep and are only still queued. */
export const hNrDelayed = columns.i32();
/** Sum of the scaled weights of all queued entities, curr included. */
export const load = columns.f64();
export const nrRunning = columns.i32();
export const hNrRunning = columns.i32();
export const idleNrRunning = columns.i32();
export const idleHNrRunning = columns.i32();
/** Contributions of tasks that left without the lock. @spec 03 §5.1 */
export const removedNr = columns.i32();
export const removedLoad = columns.f64();
export const removedUtil = columns.f64();
export const removedRunnable = columns.f64();
/** Groups: what has to be carried to the parent. @spec 03 §6 */
export const propagate = columns.u8();
export const propRunnableSum = columns.f64();
export const tgLoadAvgContrib = columns.f64();
/** Cached hierarchical load and the jiffy it was worked out in. @spec 03 §9 */
export const hLoad = columns.f64();
export const hLoadUpdated = columns.f64(-1);
/** On the leaf list, the cfs_rqs whose averages may still decay. */
export const onLeafList = columns.u8();
export const utilEstEnqueued = columns.f64();
// Bandwidth. @spec 02 §10.1
export const runtimeEnabled = columns.u8();
export const runtimeRemaining = columns.f64();
export const throttled = columns.u8();
export const throttleCount = columns.i32();
export const throttledClockPelt = columns.f64();
export const throttledClockPeltTime = columns.f64();
export const throttledPeltIdle = columns.f64();
