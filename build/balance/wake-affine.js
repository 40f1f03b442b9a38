/**
 * Where to begin looking for an idle CPU: near the waker or where the task ran last. @spec 05 §3.1-3.2
 */
import * as avg from "../sched/averages.js";
import { DOMAIN_COUNTERS, Ttwu } from "../sched/domain-state.js";
import { k } from "../sched/kernel.js";
import { taskHLoad } from "../sched/load-avg.js";
import { idleCpu } from "../sched/predicates.js";
import * as rq from "../sched/rq.js";
import * as tasks from "../sched/tasks.js";
/** The waker notes whom it wakes. */
export function recordWakee(waker, task) {
    if (k.jiffies > tasks.wakeeFlipDecay[waker] + k.hz) {
        tasks.wakeeFlips[waker] = Math.floor(tasks.wakeeFlips[waker] / 2);
        tasks.wakeeFlipDecay[waker] = k.jiffies;
    }
    if (tasks.lastWakee[waker] !== task) {
        tasks.lastWakee[waker] = task;
        tasks.wakeeFlips[waker] += 1;
    }
}
/** One waker with many wakees (or the reverse): pulling them together would only crowd the LLC. */
export function wakeWide(waker, task, cpu) {
    const { wakeeFlips } = tasks;
    const factor = k.sd.tree.llcSize[cpu];
    const high = Math.max(wakeeFlips[waker], wakeeFlips[task]);
    const low = Math.min(wakeeFlips[waker], wakeeFlips[task]);
    return low >= factor && high >= low * factor;
}
/** The waker's CPU or the previous one. `sd` is the waker's domain that spans both. @spec 05 §3.2 */
export function wakeAffine(sd, task, here, prev, sync) {
    let target = -1;
    if (k.features.WA_IDLE)
        target = wakeAffineIdle(here, prev, sync);
    if (k.features.WA_WEIGHT && target < 0)
        target = wakeAffineWeight(sd, task, here, prev, sync);
    if (target !== here)
        return prev;
    k.sd.counters[sd * DOMAIN_COUNTERS + Ttwu.MOVE_AFFINE] += 1;
    return here;
}
function wakeAffineIdle(here, prev, sync) {
    if (idleCpu(here) && sharesCache(here, prev))
        return idleCpu(prev) ? prev : here;
    if (sync && rq.nrRunning[here] === 1)
        return here;
    return idleCpu(prev) ? prev : -1;
}
function wakeAffineWeight(sd, task, here, prev, sync) {
    let thisLoad = avg.loadAvg[here];
    if (sync) {
        const current = taskHLoad(rq.curr[here]);
        if (current > thisLoad)
            return here;
        thisLoad -= current;
    }
    const load = taskHLoad(task);
    const pct = k.sd.imbalancePct[sd];
    const bias = k.features.WA_BIAS ? 100 + Math.floor((pct - 100) / 2) : 100;
    const a = (thisLoad + load) * 100 * rq.cpuCapacity[prev];
    let b = (avg.loadAvg[prev] - load) * bias * rq.cpuCapacity[here];
    if (sync)
        b += 1;
    return a < b ? here : -1;
}
/** Same CPU, or same last-level cache. @spec 05 §1 */
export function sharesCache(a, b) {
    return a === b || k.sd.tree.llcId[a] === k.sd.tree.llcId[b];
}
