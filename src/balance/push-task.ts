/** Which tasks are pushed, and moving one. @spec 21 §2 */
import { activateTask, checkPreemptCurr, deactivateTask, setTaskCpu } from '../sched/activate.ts';
import * as avg from '../sched/averages.ts';
import { AVG_SE } from '../sched/averages.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import * as se from '../sched/entity.ts';
import { k } from '../sched/kernel.ts';
import { utilEst } from '../sched/load-avg.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import * as tasks from '../sched/tasks.ts';
import { Class, OnRq } from '../sched/tasks.ts';
import { MigrateCause } from '../trace/events.ts';
import { throttledPair } from './detach.ts';
import type { PushTunables } from './mechanisms.ts';
import { taskFitsCpu } from './misfit.ts';

/** Does the task still wait on that queue, and may it go there? */
export function movable(task: number, queue: number, target: number): boolean {
  if (tasks.alive[task] === 0 || tasks.cpu[task] !== queue || tasks.onRq[task] !== OnRq.QUEUED) return false;
  if (tasks.schedClass[task] !== Class.FAIR || tasks.onCpu[task] !== 0 || rq.curr[queue] === task) return false;
  if (se.delayed[task] !== 0) return false;
  return allowed(task, target) && k.cpuActive[target] !== 0 && !throttledPair(task, queue, target);
}

export function moveWaiting(task: number, queue: number, target: number): void {
  updateRqClock(queue);
  deactivateTask(queue, task, 0);
  setTaskCpu(task, target, MigrateCause.PUSH, -1);
  updateRqClock(target);
  activateTask(target, task, 0);
  checkPreemptCurr(target, task, 0);
}

/** Is the task one for the list? @spec 21 §2 */
export function pushable(task: number, predicate: PushTunables['predicate']): boolean {
  if (tasks.nrAllowed[task]! <= 1 || se.delayed[task] !== 0) return false;
  if (predicate === 'nayak') return true;
  if (predicate === 'misfit') return k.asymCpucapacity && misfit(task);
  return !k.overutilized && (stuck(task) || (k.asymCpucapacity && misfit(task)));
}

/** The task may never sleep, and so never be placed anew by a wakeup. @spec 21 §2 */
function stuck(task: number): boolean {
  const wanted = Math.max(utilEst(task), avg.runnableAvg[AVG_SE + task]!);
  return wanted > Math.min(rq.cpuCapacity[tasks.cpu[task]!]!, tasks.utilMax[task]!);
}

function misfit(task: number): boolean {
  return !taskFitsCpu(task, tasks.cpu[task]!);
}

/** The task has yielded since it was last chosen. */
export function yielded(task: number): boolean {
  return cfs.skipBuddy[se.cfsRq[task]!] === task;
}
