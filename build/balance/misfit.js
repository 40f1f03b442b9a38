/** Tasks too big for the CPU they are on, where CPUs differ. @spec 07 §6 */
import { k } from "../sched/kernel.js";
import { taskHLoad, taskUtilEst } from "../sched/load-avg.js";
import * as rq from "../sched/rq.js";
import * as tasks from "../sched/tasks.js";
/** The task leaves a fifth of the CPU's capacity free. */
export function taskFitsCpu(task, cpu) {
    return taskUtilEst(task) * 1280 < rq.cpuCapacity[cpu] * 1024;
}
/** `task` -1: nothing of CFS runs. */
export function updateMisfitStatus(task, cpu) {
    if (!k.asymCpucapacity)
        return;
    if (task < 0 || tasks.nrAllowed[task] === 1 || taskFitsCpu(task, cpu)) {
        rq.misfitTaskLoad[cpu] = 0;
    }
    else {
        rq.misfitTaskLoad[cpu] = Math.max(taskHLoad(task), 1);
    }
}
