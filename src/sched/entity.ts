/** sched_entity: what CFS queues. The tasks first, by their slot, then the entities of groups, by runqueue. @spec 02 §3 "None" is -1. */
import { ColumnSet, MAX_CFS_RQS, MAX_TASKS } from './columns.ts';

/** Entity of the group runqueue q: `GROUP_ENTITIES + q`; entities below are tasks. */
export const GROUP_ENTITIES = MAX_TASKS;

const columns = new ColumnSet(MAX_TASKS + MAX_CFS_RQS);

/** For the next simulation. Entities of groups need no more than the first rows do: they are wired anew. */
export function reset(nrTasks: number, nrCfsRqs: number): void {
  columns.reset(nrTasks);
  columns.clear(GROUP_ENTITIES, nrCfsRqs);
}

/** Puts a row back to its beginnings. */
export function clear(row: number): void {
  columns.clear(row, 1);
}

/** Rows of tasks up to `rows` are about to be used. */
export function use(rows: number): void {
  columns.use(rows);
}

/** load.weight, scaled by 1024, and its 32-bit inverse. */
export const weight = columns.f64();
export const inverse = columns.f64();
export const vruntime = columns.f64();
export const execStart = columns.f64();
export const sumExec = columns.f64();
export const prevSumExec = columns.f64();
export const onRq = columns.u8();
/** The cfs_rq it is (or will be) queued on, the entity above, and for groups the cfs_rq it stands for. */
export const cfsRq = columns.i32(-1);
export const parent = columns.i32(-1);
export const myQ = columns.i32(-1);
/** Neighbours in the queue's order of vruntime. */
export const next = columns.i32(-1);
export const prev = columns.i32(-1);
// EEVDF. @spec 22 §2
export const deadline = columns.f64();
/** Saved when the entity leaves its queue: how far behind the average it was, virtual ns. */
export const vlag = columns.f64();
/** Size of its requests, ns. */
export const slice = columns.f64();
/** The running entity is left alone until its vruntime reaches this. */
export const vprot = columns.f64();
/** `deadline` is relative to vruntime, for it left its queue without sleeping. */
export const relDeadline = columns.u8();
/** It sleeps but is still queued, until its lag is used up. */
export const delayed = columns.u8();
/** Its place in the tree; and over the subtree below it, least vruntime and shortest slice. */
export const up = columns.i32(-1);
export const left = columns.i32(-1);
export const right = columns.i32(-1);
export const leastVruntime = columns.f64();
export const leastSlice = columns.f64();
/** Groups: the copy of h_nr_running that PELT sees. @spec 03 §3 */
export const runnableWeight = columns.f64();
/** SCHED_IDLE task, or group with cpu.idle. */
export const isIdle = columns.u8();
export const utilEstEnqueued = columns.f64();
export const utilEstEwma = columns.f64();
/** util_avg has not changed since util_est was stored: the flag bit of the kernel's field. @spec 03 §9.1 */
export const utilEstUnchanged = columns.u8();
