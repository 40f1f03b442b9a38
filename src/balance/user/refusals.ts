/** Why a policy file may not do with a task what it asks for. */
import { k } from '../../sched/kernel.ts';
import { allowed } from '../../sched/predicates.ts';
import * as rq from '../../sched/rq.ts';
import * as tasks from '../../sched/tasks.ts';
import { Class, OnRq } from '../../sched/tasks.ts';
import { Reason } from '../../trace/decisions.ts';
import { throttledPair } from '../detach.ts';

export interface Refusal {
  readonly text: string;
  /** As decision records have it. */
  readonly reason: Reason;
}

const NO_CPU: Refusal = { text: 'there is no such CPU', reason: Reason.OUT_OF_SCOPE };
const OFFLINE: Refusal = { text: 'the CPU is offline', reason: Reason.OUT_OF_SCOPE };
const NOT_ALLOWED: Refusal = { text: 'the task is not allowed there', reason: Reason.ALL_PINNED };
const NO_TASK: Refusal = { text: 'there is no such task', reason: Reason.LOST_RACE };
const NOT_FAIR: Refusal = { text: 'it is not of the fair class', reason: Reason.OUT_OF_SCOPE };
const NOT_QUEUED: Refusal = { text: 'it is not queued', reason: Reason.LOST_RACE };
const RUNS: Refusal = { text: 'it is running', reason: Reason.RUNNING };
const DOES_NOT_RUN: Refusal = { text: 'it is not running', reason: Reason.LOST_RACE };
const THERE: Refusal = { text: 'it is there already', reason: Reason.LOST_RACE };
const THROTTLED: Refusal = { text: 'its control group is throttled', reason: Reason.OUT_OF_SCOPE };

export function isCpu(cpu: number): boolean {
  return Number.isInteger(cpu) && cpu >= 0 && cpu < k.nrCpus;
}

export function isTaskNumber(task: number): boolean {
  return Number.isInteger(task) && task >= 2 * k.nrCpus && task < k.nrTasks && tasks.alive[task] === 1;
}

/** Why the CPU is no place for the task, or null. */
export function refusalOfCpu(task: number, to: number): Refusal | null {
  if (!isCpu(to)) return NO_CPU;
  if (k.cpuActive[to] !== 1) return OFFLINE;
  return allowed(task, to) ? null : NOT_ALLOWED;
}

/** Why a task that waits may not be moved to the CPU, or null. */
export function refusal(task: number, to: number): Refusal | null {
  if (!isTaskNumber(task)) return NO_TASK;
  if (tasks.schedClass[task] !== Class.FAIR) return NOT_FAIR;
  if (tasks.onRq[task] !== OnRq.QUEUED) return NOT_QUEUED;
  const from = tasks.cpu[task]!;
  if (rq.curr[from] === task || tasks.onCpu[task] !== 0) return RUNS;
  if (to === from) return THERE;
  return refusalOfCpu(task, to) ?? (throttledPair(task, from, to) ? THROTTLED : null);
}

/** Why a task that runs may not be moved to the CPU, or null. */
export function refusalOfRunning(task: number, to: number): Refusal | null {
  if (!isTaskNumber(task)) return NO_TASK;
  if (tasks.schedClass[task] !== Class.FAIR) return NOT_FAIR;
  const from = tasks.cpu[task]!;
  if (rq.curr[from] !== task || tasks.onRq[task] !== OnRq.QUEUED) return DOES_NOT_RUN;
  return to === from ? THERE : refusalOfCpu(task, to);
}
