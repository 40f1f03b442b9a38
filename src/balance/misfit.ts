/** Tasks too big for the CPU they are on, where CPUs differ. @spec 07 §6 */

import { k } from '../sched/kernel.ts';
import { taskHLoad, taskUtilEst } from '../sched/load-avg.ts';
import * as rq from '../sched/rq.ts';
import * as tasks from '../sched/tasks.ts';
import { clampedUtil } from '../sched/uclamp.ts';

/** The task leaves a fifth of the CPU's capacity free. */
export function taskFitsCpu(task: number, cpu: number): boolean {
  return clampedUtil(taskUtilEst(task), task) * 1280 < rq.cpuCapacity[cpu]! * 1024;
}

/** `task` -1: nothing of CFS runs. */
export function updateMisfitStatus(task: number, cpu: number): void {
  if (!k.asymCpucapacity) return;
  if (task < 0 || tasks.nrAllowed[task] === 1 || taskFitsCpu(task, cpu)) {
    rq.misfitTaskLoad[cpu] = 0;
  } else {
    rq.misfitTaskLoad[cpu] = Math.max(taskHLoad(task), 1);
  }
}
