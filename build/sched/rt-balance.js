/** Pushing RT tasks to CPUs where they would run, and pulling them from where they would not. @spec 08 §3 */
import { MigrateCause } from "../trace/events.js";
import { moveQueuedTask } from "./activate.js";
import { k } from "./kernel.js";
import { allowed } from "./predicates.js";
import * as rq from "./rq.js";
import { findLowestRq, highestPushable } from "./rt.js";
import { reschedCurr } from "./signals.js";
import * as tasks from "./tasks.js";
/** Pushes tasks away from the CPU until none is left that has somewhere better to be. */
export function pushRtTasks(cpu) {
    for (let pushed = highestPushable(cpu); pushed >= 0; pushed = highestPushable(cpu)) {
        const curr = rq.curr[cpu];
        if (tasks.prio[pushed] < tasks.prio[curr]) {
            reschedCurr(cpu);
            return;
        }
        const target = findLowestRq(pushed);
        if (target < 0 || target === cpu || rq.rtHighestPrio[target] <= tasks.prio[pushed])
            return;
        moveQueuedTask(pushed, target, MigrateCause.RT_PUSH);
    }
}
/** Pulls tasks that would run here at once: this CPU is about to run something of lower priority. */
export function pullRtTask(cpu) {
    for (let src = 0; src < k.nrCpus; src++) {
        if (src === cpu || rq.rtNrRunning[src] < 2 || rq.rtNrMigratory[src] === 0)
            continue;
        for (let p = pullable(src, cpu); p >= 0; p = pullable(src, cpu)) {
            if (tasks.prio[p] >= rq.rtHighestPrio[cpu])
                break;
            // It is about to preempt where it is.
            if (tasks.prio[p] < tasks.prio[rq.curr[src]])
                break;
            moveQueuedTask(p, cpu, MigrateCause.RT_PULL);
        }
    }
}
/** The best task of `src` that waits and may run on `cpu`. */
function pullable(src, cpu) {
    const p = highestPushable(src);
    return p >= 0 && allowed(p, cpu) ? p : -1;
}
