/**
 * Which CFS task runs next, and whether a woken one preempts. @spec 02 §7-8
 */
import * as cfs from "./cfs-rq.js";
import { checkCfsRqRuntime } from "./cfs-runtime.js";
import * as se from "./entity.js";
import { setLastBuddy, setNextBuddy } from "./fair.js";
import { clearBuddies, eraseEntity, insertEntity, isIdleEntity, moveToHeadOfCfsTasks, SCHED_NR_LATENCY, updateCurr, } from "./fair-entity.js";
import { Wake } from "./hooks.js";
import { k } from "./kernel.js";
import { UPDATE_TG, updateLoadAvg } from "./load-avg.js";
import { isTask } from "./predicates.js";
import * as rq from "./rq.js";
import { needResched, reschedCurr } from "./signals.js";
import * as tasks from "./tasks.js";
import { Class, Policy } from "./tasks.js";
import { calcDeltaFair } from "./weight.js";
/** 1: `e` should preempt `curr`; 0: it is behind, but not by enough; -1: it is not behind. */
export function wakeupPreemptEntity(curr, e) {
    const behind = se.vruntime[curr] - se.vruntime[e];
    if (behind <= 0)
        return -1;
    const granularity = calcDeltaFair(k.wakeupGranularityNs, se.weight[e], se.inverse[e]);
    return behind > granularity ? 1 : 0;
}
/** A CFS task became runnable while a CFS task is current. @spec 02 §7 */
export function checkPreemptWakeup(cpu, task, flags) {
    const curr = rq.curr[cpu];
    if (curr === task)
        return;
    let pse = task;
    let ce = curr;
    const scale = cfs.nrRunning[se.cfsRq[ce]] >= SCHED_NR_LATENCY;
    if (cfs.throttleCount[se.cfsRq[pse]] !== 0)
        return;
    const nextBuddyMarked = k.features.NEXT_BUDDY && scale && (flags & Wake.FORK) === 0;
    if (nextBuddyMarked)
        setNextBuddy(pse);
    if (needResched(cpu))
        return;
    const currIdlePolicy = tasks.policy[curr] === Policy.IDLE;
    if (currIdlePolicy && tasks.policy[task] !== Policy.IDLE) {
        preemptCurr(cpu, ce, scale);
        return;
    }
    if (tasks.policy[task] !== Policy.NORMAL || !k.features.WAKEUP_PREEMPTION)
        return;
    if (se.cfsRq[ce] !== se.cfsRq[pse]) {
        const [a, b] = matchingSiblings(ce, pse);
        ce = a;
        pse = b;
    }
    const currIdle = isIdleEntity(ce);
    const wakeeIdle = isIdleEntity(pse);
    if (currIdle && !wakeeIdle) {
        preemptCurr(cpu, ce, scale);
        return;
    }
    if (currIdle !== wakeeIdle)
        return;
    updateCurr(se.cfsRq[ce]);
    if (wakeupPreemptEntity(ce, pse) === 1) {
        if (!nextBuddyMarked)
            setNextBuddy(pse);
        preemptCurr(cpu, ce, scale);
    }
}
/** The preempted entity may be favoured once the one that preempts it is done. @spec 02 §7 */
function preemptCurr(cpu, ce, scale) {
    reschedCurr(cpu);
    if (se.onRq[ce] === 0)
        return;
    if (k.features.LAST_BUDDY && scale && isTask(ce))
        setLastBuddy(ce);
}
/** The ancestors (or themselves) of two entities that are queued on the same runqueue. */
function matchingSiblings(a, b) {
    let depthA = depth(a);
    let depthB = depth(b);
    while (depthA > depthB) {
        a = se.parent[a];
        depthA--;
    }
    while (depthB > depthA) {
        b = se.parent[b];
        depthB--;
    }
    while (se.cfsRq[a] !== se.cfsRq[b]) {
        a = se.parent[a];
        b = se.parent[b];
    }
    return [a, b];
}
function depth(e) {
    let d = 0;
    for (let s = se.parent[e]; s >= 0; s = se.parent[s])
        d++;
    return d;
}
/** The entity to run next of one runqueue; `curr` (or -1) still competes. @spec 02 §8 */
export function pickNextEntity(q, curr) {
    const { vruntime } = se;
    const first = cfs.leftmost[q];
    let left = first;
    if (left < 0 || (curr >= 0 && vruntime[curr] < vruntime[left]))
        left = curr;
    let chosen = left;
    const skip = cfs.skipBuddy[q];
    if (skip >= 0 && skip === chosen) {
        let second;
        if (chosen === curr) {
            second = first;
        }
        else {
            second = se.next[chosen];
            if (second < 0 || (curr >= 0 && vruntime[curr] < vruntime[second]))
                second = curr;
        }
        if (second >= 0 && wakeupPreemptEntity(second, left) < 1)
            chosen = second;
    }
    const next = cfs.nextBuddy[q];
    if (next >= 0) {
        if (wakeupPreemptEntity(next, left) < 1)
            return next;
    }
    const last = cfs.lastBuddy[q];
    if (last >= 0 && wakeupPreemptEntity(last, left) < 1)
        return last;
    return chosen;
}
export function setNextEntity(q, e) {
    clearBuddies(e);
    if (se.onRq[e] !== 0) {
        eraseEntity(q, e);
        updateLoadAvg(q, e, UPDATE_TG);
    }
    se.execStart[e] = rq.clock[cfs.cpu[q]];
    cfs.curr[q] = e;
    se.prevSumExec[e] = se.sumExec[e];
}
export function putPrevEntity(q, e) {
    if (se.onRq[e] !== 0)
        updateCurr(q);
    if (q >= k.nrCpus)
        checkCfsRqRuntime(q);
    if (se.onRq[e] !== 0) {
        insertEntity(q, e);
        updateLoadAvg(q, e, 0);
    }
    cfs.curr[q] = -1;
}
/** Takes the current task off as `curr` of all its levels. */
export function putPrevTaskFair(task) {
    for (let e = task; e >= 0; e = se.parent[e])
        putPrevEntity(se.cfsRq[e], e);
}
/** Makes a queued task current of all its levels without choosing (a class or affinity change of the running task). */
export function setNextTaskFair(cpu, task) {
    if (tasks.onRq[task] !== 0 && se.onRq[task] !== 0)
        moveToHeadOfCfsTasks(cpu, task);
    for (let e = task; e >= 0; e = se.parent[e])
        setNextEntity(se.cfsRq[e], e);
}
/**
 * Chooses the next CFS task of the CPU, `prev` being the previous task of any class. -1 if there is none; newidle balance
 * is the caller's business. With `putPrev` false the caller has put `prev` already. @spec 02 §8
 */
export function pickNextTaskFair(cpu, prev, putPrev) {
    if (cfs.nrRunning[cpu] === 0)
        return -1;
    const prevIsFair = putPrev && tasks.schedClass[prev] === Class.FAIR;
    const task = prevIsFair ? pickAfterFair(cpu, prev) : pickFresh(cpu);
    if (task < 0)
        return -1;
    moveToHeadOfCfsTasks(cpu, task);
    if (k.asymCpucapacity)
        k.hooks.updateMisfitStatus(task, cpu);
    return task;
}
/** Nobody of CFS is current any more. */
function pickFresh(cpu) {
    let q = cpu;
    for (;;) {
        const e = pickNextEntity(q, -1);
        setNextEntity(q, e);
        if (isTask(e))
            return e;
        q = se.myQ[e];
    }
}
/** `prev` is still current on its levels; only where the two paths differ anything is put and set. */
function pickAfterFair(cpu, prev) {
    let q = cpu;
    let e;
    do {
        let curr = cfs.curr[q];
        if (curr >= 0) {
            if (se.onRq[curr] !== 0)
                updateCurr(q);
            else
                curr = -1;
            if (q >= k.nrCpus && checkCfsRqRuntime(q)) {
                // The group was throttled under us: put what was running and choose afresh.
                if (cfs.nrRunning[cpu] === 0)
                    return -1;
                putPrevTaskFair(prev);
                return pickFresh(cpu);
            }
        }
        e = pickNextEntity(q, curr);
        q = se.myQ[e];
    } while (q >= 0);
    const task = e;
    if (task === prev)
        return task;
    let pe = prev;
    if (se.cfsRq[e] !== se.cfsRq[pe]) {
        let depthE = depth(e);
        let depthP = depth(pe);
        while (se.cfsRq[e] !== se.cfsRq[pe]) {
            const stepP = depthE <= depthP;
            const stepE = depthE >= depthP;
            if (stepP) {
                putPrevEntity(se.cfsRq[pe], pe);
                pe = se.parent[pe];
                depthP--;
            }
            if (stepE) {
                setNextEntity(se.cfsRq[e], e);
                e = se.parent[e];
                depthE--;
            }
        }
    }
    putPrevEntity(se.cfsRq[pe], pe);
    setNextEntity(se.cfsRq[e], e);
    return task;
}
