/**
 * Utilisation clamps of tasks: `util_min` asks for a CPU at least that big, `util_max` is content with one of that size however
 * busy it keeps it. A CPU has the greatest clamps of the fair tasks that are runnable there. They matter only where capacities
 * differ, and `k.clamps` says whether any task has one.
 *
 * The specification has no more of this than what its scenarios need (21 §2, §6, check 14): which task fits which CPU, when a
 * CPU is over-utilised, and the frequency the energy model expects. Frequencies themselves are not simulated.
 */
import { k } from './kernel.ts';
import * as rq from './rq.ts';
import * as tasks from './tasks.ts';

export const MAX_UTIL = 1024;

/** Of the executing program, or at birth; -1 leaves a clamp as it is. */
export function setClamps(task: number, min: number, max: number): void {
  if (min >= 0) tasks.utilMin[task] = min;
  if (max >= 0) tasks.utilMax[task] = max;
  k.clamps ||= tasks.utilMin[task] !== 0 || tasks.utilMax[task] !== MAX_UTIL;
}

/** The task's utilisation as its clamps have it. */
export function clampedUtil(util: number, task: number): number {
  return Math.min(Math.max(util, tasks.utilMin[task]!), tasks.utilMax[task]!);
}

/** Greatest `util_max` of the fair tasks of a CPU; 1024 if there are none. */
export function cpuUtilMax(cpu: number): number {
  return k.clamps ? greatest(tasks.utilMax, cpu, -1, MAX_UTIL) : MAX_UTIL;
}

/** The utilisation of a CPU as its tasks' clamps have it, and those of `task` if it were there too (-1: nobody). */
export function clampWith(util: number, cpu: number, task: number): number {
  if (!k.clamps) return util;
  const max = greatest(tasks.utilMax, cpu, task, MAX_UTIL);
  return Math.min(Math.max(util, greatest(tasks.utilMin, cpu, task, 0)), max);
}

/** With the task there and `util` in all, does the CPU keep a fifth of its capacity free, as far as clamps care? */
export function fitsClamped(util: number, cpu: number, task: number): boolean {
  return clampWith(util, cpu, task) * 1280 < rq.cpuCapacity[cpu]! * 1024;
}

function greatest(column: Int32Array, cpu: number, with_: number, none: number): number {
  let found = with_ < 0 ? -1 : column[with_]!;
  for (let t = rq.cfsTasksHead[cpu]!; t >= 0; t = tasks.listNext[t]!) if (column[t]! > found) found = column[t]!;
  return found < 0 ? none : found;
}
