/** Runqueues: one row a CPU. @spec 06 §1 "None" is -1. */
import { ColumnSet, MAX_CPUS } from './columns.ts';
import { NO_RT_PRIO } from './rt-lists.ts';

const columns = new ColumnSet(MAX_CPUS);

/** For the next simulation. */
export function reset(rows: number): void {
  columns.reset(rows);
}

/** Current task (the CPU's idle task has the CPU's own number). */
export const curr = columns.i32();
/** Tasks of all classes that are runnable here. */
export const nrRunning = columns.i32();
// Clocks, ns. @spec 01 §1, 03 §7
export const clock = columns.f64();
export const clockPelt = columns.f64();
export const lostIdleTime = columns.f64();
export const clockIdle = columns.f64();
export const clockPeltIdle = columns.f64();
/** The next clock update inside schedule is skipped: 1 asked for, 2 acted on. @spec 01 §1 */
export const clockSkip = columns.u8();
/** Head and tail of the list of all queued CFS tasks. @spec 06 §1 */
export const cfsTasksHead = columns.i32(-1);
export const cfsTasksTail = columns.i32(-1);
// Capacity. @spec 03 §10
export const cpuCapacity = columns.f64();
export const cpuCapacityOrig = columns.f64();
export const misfitTaskLoad = columns.f64();
// Balancing. @spec 06 §1, 07 §1
export const nextBalance = columns.f64();
export const idleBalance = columns.u8();
export const activeBalance = columns.u8();
export const pushCpu = columns.i32();
/** Since when the CPU has had nothing to run, -1: it has. */
export const idleStamp = columns.f64(-1);
export const avgIdle = columns.f64();
export const maxIdleBalanceCost = columns.f64();
/** For SIS_PROP only: what is left of avg_idle for searches, and the jiffy it was last cut down in. @spec 05 §4.2, 07 §1 */
export const wakeAvgIdle = columns.f64();
export const wakeStamp = columns.f64();
// NOHZ. @spec 07 §3
export const nohzTickStopped = columns.u8();
export const hasBlockedLoad = columns.u8();
export const lastBlockedUpdate = columns.f64();
export const nohzFlags = columns.u8();
export const nohzIdleBalance = columns.u8();
/** Per CPU, as its LLC domain's `nohz_idle`. */
export const sdNohzIdle = columns.u8();
// Remote wakeups. @spec 05 §2.1
export const ttwuPending = columns.u8();
export const wakeListHead = columns.i32(-1);
export const wakeListTail = columns.i32(-1);
// RT. @spec 08
export const rtNrRunning = columns.i32();
export const rtNrMigratory = columns.i32();
/** prio of the best queued RT task and of the best that could be pushed; 100 when none. */
export const rtHighestPrio = columns.i32(NO_RT_PRIO);
export const rtThrottled = columns.u8();
export const rtTime = columns.f64();
/** idle task's own wakeup bookkeeping goes to the idle task's row. */
export const numaRunning = columns.i32();
export const preferredRunning = columns.i32();
/** cpuidle state the CPU is in, -1 none; and since when it idles. */
export const idleState = columns.i32(-1);
