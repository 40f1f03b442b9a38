/** task_struct: one row a task slot. The idle tasks come first (0..nrCpus-1), then the stopper threads, then everybody else. "None" is -1. */
import { ColumnSet, MAX_TASKS } from './columns.ts';

/** Scheduling classes, highest first. @spec 08 §1 */
export const Class = { STOP: 0, DL: 1, RT: 2, FAIR: 3, IDLE: 4 } as const;

/** Scheduling policies, by the kernel's numbers. */
export const Policy = { NORMAL: 0, FIFO: 1, RR: 2, BATCH: 3, IDLE: 5, DEADLINE: 6 } as const;

/** task.onRq */
export const OnRq = { NO: 0, QUEUED: 1, MIGRATING: 2 } as const;

/** States of a task: those a trace shows, and two it does not. @spec 05 §2 */
export const State = {
  RUNNING: 0,
  INTERRUPTIBLE: 1,
  UNINTERRUPTIBLE: 2,
  /** Uninterruptible without being load: how kernel workers wait. */
  IDLE: 2 | 1024,
  DEAD: 16,
  WAKING: 512,
  NEW: 2048,
} as const;

/** States that a timer, an object or a parent wakes a task from. */
export const TASK_NORMAL = State.INTERRUPTIBLE | State.UNINTERRUPTIBLE;

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

/** 1 where the slot holds a task. */
export const alive = columns.u8();
export const state = columns.i32();
/** Executing on its CPU, or its CPU is still switching away from it. */
export const onCpu = columns.u8();
export const onRq = columns.u8();
export const cpu = columns.i32();
export const wakeCpu = columns.i32();
export const recentUsedCpu = columns.i32();
export const schedClass = columns.u8();
export const policy = columns.u8();
/** Kernel priority: 120 + nice, 99 - rt_priority, -1 for the stopper. */
export const prio = columns.i32();
export const nice = columns.i32();
/** Which mask of the pool it may run on, and the CPUs in it. */
export const allowed = columns.i32();
export const nrAllowed = columns.i32();
/** A kernel thread; one bound to one CPU. */
export const kthread = columns.u8();
export const perCpuKthread = columns.u8();
export const group = columns.i32();
/** Neighbours in the rq's cfs_tasks (towards the tail / the head), or in its RT list. */
export const listNext = columns.i32(-1);
export const listPrev = columns.i32(-1);
/** Next in a wake list. */
export const wakeNext = columns.i32(-1);
export const remoteWakeup = columns.u8();
// wake_wide. @spec 05 §3.1
export const lastWakee = columns.i32(-1);
export const wakeeFlips = columns.f64();
export const wakeeFlipDecay = columns.f64();
export const hot = columns.u8();
export const timeSlice = columns.i32();
/** Slice asked for, ns; 0: the base slice. */
export const customSlice = columns.f64();
/** uclamp.ts */
export const utilMin = columns.i32();
export const utilMax = columns.i32(1024);
export const numaPreferred = columns.i32(-1);
// Accounting. @spec 09
export const nrMigrations = columns.f64();
export const nrFailedAffine = columns.f64();
export const nrFailedRunning = columns.f64();
export const nrFailedHot = columns.f64();
export const nrForced = columns.f64();
export const nrVoluntary = columns.f64();
export const nrInvoluntary = columns.f64();
/** Since when it waits for a CPU; -1: it does not. */
export const lastQueued = columns.f64(-1);
export const lastArrival = columns.f64();
export const runDelay = columns.f64();
/** Id in the trace. */
export const traceId = columns.i32(-1);
