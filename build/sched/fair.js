/**
 * CFS at the level of tasks: queueing through the hierarchy of groups, fork, tick, yield, and changes of weight.
 * @spec 02 §5-6, §9, §11
 */
import * as cfs from "./cfs-rq.js";
import { updateRqClock } from "./clock.js";
import * as se from "./entity.js";
import { clearBuddies, Dequeue, dequeueEntity, Enqueue, enqueueEntity, placeEntity, reweightEntity, schedSlice, seUpdateRunnable, updateCfsGroup, updateCurr, } from "./fair-entity.js";
import { addNrRunning, k, subNrRunning } from "./kernel.js";
import { UPDATE_TG, updateLoadAvg } from "./load-avg.js";
import { cpuOverutilized, isTask, schedIdleCpu } from "./predicates.js";
import * as rq from "./rq.js";
import { reschedCurr } from "./signals.js";
import * as tasks from "./tasks.js";
import { Class, Policy } from "./tasks.js";
import { utilEstDequeue, utilEstEnqueue, utilEstUpdate } from "./util-est.js";
import { INVERSE_IDLEPRIO, inverseOfNice, WEIGHT_SCALED_IDLEPRIO, weightOfNice } from "./weight.js";
export function hasIdlePolicy(task) {
    return tasks.policy[task] === Policy.IDLE;
}
export function enqueueTaskFair(cpu, task, flags) {
    const isNew = (flags & Enqueue.WAKEUP) === 0;
    let idle = hasIdlePolicy(task) ? 1 : 0;
    utilEstEnqueue(cpu, task);
    let e = task;
    for (; e >= 0 && se.onRq[e] === 0; e = se.parent[e]) {
        const q = se.cfsRq[e];
        enqueueEntity(q, e, flags);
        cfs.hNrRunning[q] += 1;
        cfs.idleHNrRunning[q] += idle;
        if (isIdleCfsRq(q))
            idle = 1;
        if (cfs.throttled[q] !== 0)
            return;
        flags = Enqueue.WAKEUP;
    }
    for (; e >= 0; e = se.parent[e]) {
        const q = se.cfsRq[e];
        updateLoadAvg(q, e, UPDATE_TG);
        seUpdateRunnable(e);
        updateCfsGroup(e);
        cfs.hNrRunning[q] += 1;
        cfs.idleHNrRunning[q] += idle;
        if (isIdleCfsRq(q))
            idle = 1;
        if (cfs.throttled[q] !== 0)
            return;
    }
    addNrRunning(cpu, 1);
    if (k.energyAware && !isNew)
        updateOverutilized(cpu);
}
export function dequeueTaskFair(cpu, task, flags) {
    const sleeps = (flags & Dequeue.SLEEP) !== 0;
    const wasSchedIdle = schedIdleCpu(cpu);
    utilEstDequeue(cpu, task);
    if (dequeueHierarchy(task, flags, sleeps)) {
        subNrRunning(cpu, 1);
        // Only idle-policy tasks are left: balance soon, as if the CPU were idle.
        if (!wasSchedIdle && schedIdleCpu(cpu))
            rq.nextBalance[cpu] = k.jiffies;
    }
    if (sleeps)
        utilEstUpdate(cpu, task);
}
/** False if a throttled runqueue on the way means that the CPU's count does not change. */
function dequeueHierarchy(task, flags, sleeps) {
    let idle = hasIdlePolicy(task) ? 1 : 0;
    let e = task;
    while (e >= 0) {
        const q = se.cfsRq[e];
        dequeueEntity(q, e, flags);
        cfs.hNrRunning[q] -= 1;
        cfs.idleHNrRunning[q] -= idle;
        if (isIdleCfsRq(q))
            idle = 1;
        if (cfs.throttled[q] !== 0)
            return false;
        e = se.parent[e];
        if (cfs.load[q] !== 0) {
            if (sleeps && e >= 0 && cfs.throttleCount[q] === 0)
                setNextBuddy(e);
            break;
        }
        flags |= Dequeue.SLEEP;
    }
    for (; e >= 0; e = se.parent[e]) {
        const q = se.cfsRq[e];
        updateLoadAvg(q, e, UPDATE_TG);
        seUpdateRunnable(e);
        updateCfsGroup(e);
        cfs.hNrRunning[q] -= 1;
        cfs.idleHNrRunning[q] -= idle;
        if (isIdleCfsRq(q))
            idle = 1;
        if (cfs.throttled[q] !== 0)
            return false;
    }
    return true;
}
/** The runqueue of a group with cpu.idle. */
function isIdleCfsRq(q) {
    return q >= k.nrCpus && k.groups.isIdle[cfs.group[q]] !== 0;
}
/** The root domain is over-utilised once some CPU has no 20 % to spare. @spec 05 §8 */
export function updateOverutilized(cpu) {
    if (!k.overutilized && cpuOverutilized(cpu))
        k.overutilized = true;
}
// ---- buddies
export function setNextBuddy(e) {
    for (let s = e; s >= 0; s = se.parent[s]) {
        if (se.onRq[s] === 0 || se.isIdle[s] !== 0)
            return;
        cfs.nextBuddy[se.cfsRq[s]] = s;
    }
}
export function setLastBuddy(e) {
    for (let s = e; s >= 0; s = se.parent[s]) {
        if (se.onRq[s] === 0 || se.isIdle[s] !== 0)
            return;
        cfs.lastBuddy[se.cfsRq[s]] = s;
    }
}
// ---- tick: @spec 02 §6
export function taskTickFair(cpu, task) {
    for (let e = task; e >= 0; e = se.parent[e])
        entityTick(se.cfsRq[e], e);
    if (k.asymCpucapacity)
        k.hooks.updateMisfitStatus(task, cpu);
    if (k.energyAware)
        updateOverutilized(cpu);
}
function entityTick(q, e) {
    updateCurr(q);
    updateLoadAvg(q, e, UPDATE_TG);
    if (!isTask(e))
        updateCfsGroup(e);
    if (cfs.nrRunning[q] > 1)
        checkPreemptTick(q, e);
}
function checkPreemptTick(q, e) {
    const ran = se.sumExec[e] - se.prevSumExec[e];
    // No slice is shorter than this, so there is no need to work it out.
    if (ran < (se.isIdle[e] !== 0 ? k.leastIdleSliceNs : k.leastSliceNs))
        return;
    const ideal = schedSlice(q, e);
    if (ran > ideal) {
        reschedCurr(cfs.cpu[q]);
        clearBuddies(e);
        return;
    }
    if (ran < k.minGranularityNs)
        return;
    const left = cfs.leftmost[q];
    const ahead = se.vruntime[e] - se.vruntime[left];
    if (ahead > ideal)
        reschedCurr(cfs.cpu[q]);
}
// ---- fork, yield, weights
/** A child starts behind its parent by a slice; its vruntime is relative until it is queued. @spec 02 §5 */
export function taskForkFair(child) {
    const cpu = k.thisCpu;
    updateRqClock(cpu);
    const e = child;
    const q = se.cfsRq[child];
    const curr = cfs.curr[q];
    if (curr >= 0) {
        updateCurr(q);
        se.vruntime[e] = se.vruntime[curr];
    }
    placeEntity(q, e, true);
    if (k.tunables.childRunsFirst && curr >= 0 && se.vruntime[curr] < se.vruntime[e]) {
        const v = se.vruntime[curr];
        se.vruntime[curr] = se.vruntime[e];
        se.vruntime[e] = v;
        reschedCurr(cpu);
    }
    se.vruntime[e] -= cfs.minVruntime[q];
}
/** @spec 02 §9 */
export function yieldTaskFair(cpu, task) {
    if (rq.nrRunning[cpu] === 1)
        return;
    const e = task;
    clearBuddies(e);
    if (tasks.policy[task] !== Policy.BATCH) {
        updateRqClock(cpu);
        updateCurr(se.cfsRq[e]);
        rq.clockSkip[cpu] = 1;
    }
    for (let s = e; s >= 0; s = se.parent[s])
        cfs.skipBuddy[se.cfsRq[s]] = s;
}
/** The weight a task's policy and nice level give it. */
export function setLoadWeight(task, updateLoad) {
    const e = task;
    const idle = hasIdlePolicy(task);
    const nice = tasks.nice[task];
    const weight = idle ? WEIGHT_SCALED_IDLEPRIO : weightOfNice(nice);
    const inverse = idle ? INVERSE_IDLEPRIO : inverseOfNice(nice);
    if (updateLoad && tasks.schedClass[task] === Class.FAIR && !idle) {
        reweightEntity(se.cfsRq[e], e, weight, inverse);
    }
    else {
        se.weight[e] = weight;
        se.inverse[e] = inverse;
    }
    se.isIdle[e] = idle ? 1 : 0;
}
