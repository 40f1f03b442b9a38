/** Small questions about CPUs and tasks that everybody asks. @spec 05 §1 */
import * as avg from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { GROUP_ENTITIES } from './entity.ts';
import { k } from './kernel.ts';
import * as rq from './rq.ts';
import * as tasks from './tasks.ts';
import { cpuUtilMax } from './uclamp.ts';

/** Nothing at all runs on the CPU or is about to. */
export function idleCpu(cpu: number): boolean {
  return rq.curr[cpu] === cpu && rq.nrRunning[cpu] === 0 && rq.ttwuPending[cpu] === 0;
}

/** Busy, but only with SCHED_IDLE tasks. */
export function schedIdleCpu(cpu: number): boolean {
  const nr = rq.nrRunning[cpu]!;
  return nr > 0 && nr === cfs.idleHNrRunning[cpu];
}

/** Nothing is to be run there, or only SCHED_IDLE tasks. */
export function freeCpu(cpu: number): boolean {
  return idleCpu(cpu) || schedIdleCpu(cpu);
}

/** May the task run on the CPU? */
export function allowed(task: number, cpu: number): boolean {
  const id = tasks.allowed[task]!;
  return id === 0 || k.affinity.has(id, cpu);
}

/** The entity of a task has the task's number; others are those of groups. */
export function isTask(entity: number): boolean {
  return entity < GROUP_ENTITIES;
}

export function isIdleTask(task: number): boolean {
  return task < k.nrCpus;
}

/** A task's priority as traces show it. @spec 08 §1 */
export function tracePrio(task: number): number {
  return Math.max(0, tasks.prio[task]!);
}

export function firstActiveCpu(): number {
  return k.cpuActive.indexOf(1);
}

/** Less than 20 % of the CPU's capacity is left, and some task there wants more of it. @spec 05 §8 */
export function cpuOverutilized(cpu: number): boolean {
  const used = Math.min(Math.max(avg.utilAvg[cpu]!, cfs.utilEstEnqueued[cpu]!), rq.cpuCapacityOrig[cpu]!);
  const util = Math.min(used, cpuUtilMax(cpu));
  return !(util * 1280 < rq.cpuCapacity[cpu]! * 1024);
}
