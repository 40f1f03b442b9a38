/** Tasks too big for the CPU they are on, where CPUs differ. @spec 07 §6 */
import type { Kernel } from '../sched/kernel.ts';
import { taskHLoad, taskUtilEst } from '../sched/load-avg.ts';

/** The task leaves a fifth of the CPU's capacity free. */
export function taskFitsCpu(k: Kernel, task: number, cpu: number): boolean {
  return taskUtilEst(k, task) * 1280 < k.rq.cpuCapacity[cpu]! * 1024;
}

/** `task` -1: nothing of CFS runs. */
export function updateMisfitStatus(k: Kernel, task: number, cpu: number): void {
  if (!k.asymCpucapacity) return;
  const { rq } = k;
  if (task < 0 || k.task.nrAllowed[task] === 1 || taskFitsCpu(k, task, cpu)) {
    rq.misfitTaskLoad[cpu] = 0;
  } else {
    rq.misfitTaskLoad[cpu] = Math.max(taskHLoad(k, task), 1);
  }
}
