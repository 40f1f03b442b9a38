/** Where each task is in its program; one row a task slot. "None" is -1. @spec 25 */
import { MAX_LOOP_DEPTH } from '../workload/build.ts';
import { ColumnSet, MAX_TASKS } from './columns.ts';

const columns = new ColumnSet(MAX_TASKS);

/** For the next simulation. */
export function reset(rows: number): void {
  columns.reset(rows);
}

/** Puts a row back to its beginnings. */
export function clear(row: number): void {
  columns.clear(row, 1);
}

/** Rows up to `rows` are about to be used. */
export function use(rows: number): void {
  columns.use(rows);
}

export const kind = columns.i32(-1);
export const index = columns.i32();
export const pc = columns.i32();
/** Step within an instruction that sleeps or computes; 0 at its beginning. */
export const phase = columns.u8();
/** Work left of the current instruction, ns; or the moment it ends, for wall-clock ones. */
export const work = columns.f64();
export const wallClock = columns.u8();
/** Children that the fork instruction at hand has started. */
export const forked = columns.i32();
/** The task works on its exit. */
export const leaving = columns.u8();
/** The work is instructions, not time on the CPU's clock: an emulator may stretch it. */
export const counted = columns.u8();
export const loopDepth = columns.u8();
export const loopStart = columns.i32(0, MAX_LOOP_DEPTH);
export const loopLeft = columns.f64(0, MAX_LOOP_DEPTH);
/** The task's own time zero, and periods since. */
export const begin = columns.f64();
export const periods = columns.f64();
/** When the unit of work at hand began, and when the task was last woken, -1 never. */
export const unitBegin = columns.f64();
export const wokenAt = columns.f64(-1);
export const parent = columns.i32(-1);
export const children = columns.i32();
export const waitsForChildren = columns.u8();
/** Timer: CPU it is armed on, earliest moment it may fire, and its neighbours in that CPU's lists. */
export const timerCpu = columns.i32(-1);
export const timerSoft = columns.f64();
export const timerNext = columns.i32(-1);
export const timerPrev = columns.i32(-1);
/** Equal for threads of one process. */
export const process = columns.i32(-1);
/** Of a kind with a name: part of the workload proper, and ends when that does. */
export const named = columns.u8();
/** The CPU whose spinlock the task holds. */
export const lockedCpu = columns.i32(-1);
/** Next in the queue of whatever the task waits for. */
export const waitNext = columns.i32(-1);
/** Caches: the CPU the task ran on last, what had been touched on its core when it left, and what it has yet to fetch, ns. */
export const ranOn = columns.i32(-1);
export const leftTouched = columns.f64();
export const refillNs = columns.f64();
/** The node its memory is on, -1 before it ran. */
export const homeNode = columns.i32(-1);
/** The mutex a task gives up while it waits for a condition. */
export const mutex = columns.i32(-1);
