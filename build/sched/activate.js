/**
 * Tasks become runnable on a CPU, stop being it, and change CPUs; and whether the current task has to give way. Everything
 * happens on `k.thisCpu` at `k.now`. @spec 02 §7, 05 §2, 06 §12
 */
import { Ev } from "../trace/events.js";
import * as avg from "./averages.js";
import { AVG_SE } from "./averages.js";
import * as cfs from "./cfs-rq.js";
import { updateRqClock } from "./clock.js";
import * as counters from "./counters.js";
import * as se from "./entity.js";
import { dequeueTaskFair, enqueueTaskFair } from "./fair.js";
import { Dequeue, Enqueue } from "./fair-entity.js";
import { checkPreemptWakeup } from "./fair-pick.js";
import { addNrRunning, k, subNrRunning } from "./kernel.js";
import { migrateSePeltLag, removeEntityLoadAvg } from "./load-avg.js";
import { isIdleTask, tracePrio } from "./predicates.js";
import { recordTask } from "./record.js";
import * as rq from "./rq.js";
import { checkPreemptCurrRt, dequeueTaskRt, enqueueTaskRt } from "./rt.js";
import { needResched, reschedCurr } from "./signals.js";
import * as tasks from "./tasks.js";
import { Class, OnRq, State } from "./tasks.js";
// ---- queueing, by class
export function enqueueTask(cpu, task, flags) {
    if ((flags & Enqueue.RESTORE) === 0 && tasks.lastQueued[task] === 0)
        tasks.lastQueued[task] = rq.clock[cpu];
    switch (tasks.schedClass[task]) {
        case Class.FAIR:
            enqueueTaskFair(cpu, task, flags);
            break;
        case Class.RT:
        case Class.DL:
            enqueueTaskRt(cpu, task, false);
            break;
        default:
            addNrRunning(cpu, 1);
    }
}
export function dequeueTask(cpu, task, flags) {
    if ((flags & Dequeue.SAVE) === 0)
        schedInfoDequeue(cpu, task);
    switch (tasks.schedClass[task]) {
        case Class.FAIR:
            dequeueTaskFair(cpu, task, flags);
            break;
        case Class.RT:
        case Class.DL:
            dequeueTaskRt(cpu, task);
            break;
        default:
            subNrRunning(cpu, 1);
    }
}
export function activateTask(cpu, task, flags) {
    if (tasks.onRq[task] === OnRq.MIGRATING)
        flags |= Enqueue.MIGRATED;
    enqueueTask(cpu, task, flags);
    tasks.onRq[task] = OnRq.QUEUED;
}
export function deactivateTask(cpu, task, flags) {
    tasks.onRq[task] = (flags & Dequeue.SLEEP) !== 0 ? OnRq.NO : OnRq.MIGRATING;
    dequeueTask(cpu, task, flags);
}
/** Time waited, for the cpu lines of schedstat. @spec 09 §1 */
function schedInfoDequeue(cpu, task) {
    const { lastQueued, runDelay } = tasks;
    if (lastQueued[task] === 0)
        return;
    const delta = rq.clock[cpu] - lastQueued[task];
    lastQueued[task] = 0;
    runDelay[task] += delta;
    counters.runDelay[cpu] += delta;
}
// ---- moving
/**
 * The task belongs to another CPU from now on. It is not queued anywhere at this moment. @spec 05 §2, 06 §12
 * `cause` and `level` are for the trace.
 */
export function setTaskCpu(task, cpu, cause, level) {
    const old = tasks.cpu[task];
    if (k.tracing)
        recordTask(Ev.SCHED_MIGRATE_TASK, k.thisCpu, task, old, cpu, tracePrio(task), cause, level);
    if (old === cpu)
        return;
    if (tasks.schedClass[task] === Class.FAIR)
        migrateTaskRqFair(task);
    tasks.nrMigrations[task] += 1;
    setTaskRq(task, cpu);
}
function migrateTaskRqFair(task) {
    const e = task;
    if (tasks.state[task] === State.WAKING)
        se.vruntime[e] -= cfs.minVruntime[se.cfsRq[e]];
    if (tasks.onRq[task] !== OnRq.MIGRATING) {
        removeEntityLoadAvg(e);
        migrateSePeltLag(e);
    }
    avg.setLastUpdate(AVG_SE + e, 0);
}
/** Points the task at the runqueues of a CPU. */
export function setTaskRq(task, cpu) {
    const e = task;
    const group = tasks.group[task];
    se.cfsRq[e] = group * k.nrCpus + cpu;
    se.parent[e] = group === 0 ? -1 : (group - 1) * k.nrCpus + cpu;
    tasks.cpu[task] = cpu;
    tasks.wakeCpu[task] = cpu;
}
/** Takes a queued, not running task to another CPU; both clocks are up to date or brought there. @spec 06 §12 */
export function moveQueuedTask(task, to, cause) {
    const from = tasks.cpu[task];
    updateRqClock(from);
    deactivateTask(from, task, 0);
    setTaskCpu(task, to, cause, -1);
    updateRqClock(to);
    activateTask(to, task, 0);
    checkPreemptCurr(to, task, 0);
}
// ---- preemption
/** A task became runnable on the CPU: does the current one give way? @spec 02 §7 */
export function checkPreemptCurr(cpu, task, flags) {
    const curr = rq.curr[cpu];
    const klass = tasks.schedClass[task];
    const currClass = tasks.schedClass[curr];
    if (klass === currClass) {
        if (klass === Class.FAIR)
            checkPreemptWakeup(cpu, task, flags);
        else if (klass === Class.RT || klass === Class.DL)
            checkPreemptCurrRt(cpu, task);
        else if (klass === Class.IDLE)
            reschedCurr(cpu);
    }
    else if (klass < currClass) {
        reschedCurr(cpu);
    }
    // The switch that follows uses the clock of this wakeup. @spec 01 §1
    if (needResched(cpu) && (isIdleTask(curr) || tasks.onRq[curr] === OnRq.QUEUED))
        rq.clockSkip[cpu] = 1;
}
