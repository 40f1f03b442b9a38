/** Small questions about CPUs and tasks that everybody asks. @spec 05 §1 */
import * as avg from "./averages.js";
import * as cfs from "./cfs-rq.js";
import { GROUP_ENTITIES } from "./entity.js";
import { k } from "./kernel.js";
import * as rq from "./rq.js";
import * as tasks from "./tasks.js";
/** Nothing at all runs on the CPU or is about to. */
export function idleCpu(cpu) {
    return rq.curr[cpu] === cpu && rq.nrRunning[cpu] === 0 && rq.ttwuPending[cpu] === 0;
}
/** Busy, but only with SCHED_IDLE tasks. */
export function schedIdleCpu(cpu) {
    const nr = rq.nrRunning[cpu];
    return nr > 0 && nr === cfs.idleHNrRunning[cpu];
}
/** May the task run on the CPU? */
export function allowed(task, cpu) {
    const id = tasks.allowed[task];
    return id === 0 || k.affinity.has(id, cpu);
}
/** The entity of a task has the task's number; others are those of groups. */
export function isTask(entity) {
    return entity < GROUP_ENTITIES;
}
export function isIdleTask(task) {
    return task < k.nrCpus;
}
/** A task's priority as traces show it. @spec 08 §1 */
export function tracePrio(task) {
    return Math.max(0, tasks.prio[task]);
}
export function firstActiveCpu() {
    return k.cpuActive.indexOf(1);
}
/** Less than 20 % of the CPU's capacity is left. @spec 05 §8 */
export function cpuOverutilized(cpu) {
    const util = Math.min(Math.max(avg.utilAvg[cpu], cfs.utilEstEnqueued[cpu]), rq.cpuCapacityOrig[cpu]);
    return !(util * 1280 < rq.cpuCapacity[cpu] * 1024);
}
