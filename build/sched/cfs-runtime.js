/**
 * CFS bandwidth, the part every update of a running entity meets: charging a runqueue's runtime and asking its group for
 * more. Throttling itself and the timers are in `bandwidth.ts`. @spec 02 §10.1
 */
import * as cfs from "./cfs-rq.js";
import { k } from "./kernel.js";
import { reschedCurr } from "./signals.js";
/** Runtime a runqueue keeps when its last entity leaves. */
const MIN_RUNTIME_NS = 1_000_000;
/** Returned runtime waits this long, and is not handed out at all if the refill is that near. */
const SLACK_NS = 5_000_000;
const SLACK_BEFORE_REFILL_NS = 7_000_000;
/** Charges `delta` ns and, when the runqueue has run out, asks for another slice; else its task has to go. */
export function assignRuntime(q, delta) {
    cfs.runtimeRemaining[q] -= delta;
    if (cfs.runtimeRemaining[q] > 0 || cfs.throttled[q] !== 0)
        return;
    if (!requestRuntime(q, k.tunables.cfsBandwidthSliceNs) && cfs.curr[q] >= 0)
        reschedCurr(cfs.cpu[q]);
}
/** Brings the runqueue up to `target` from the group's pool as far as that goes. True if it has runtime now. */
export function requestRuntime(q, target) {
    const { groups } = k;
    const g = cfs.group[q];
    const wanted = target - cfs.runtimeRemaining[q];
    let granted;
    if (groups.quota[g] < 0) {
        granted = wanted;
    }
    else {
        startPeriodTimer(g);
        granted = Math.min(groups.runtime[g], wanted);
        groups.runtime[g] -= granted;
        groups.idleFlag[g] = 0;
    }
    cfs.runtimeRemaining[q] += granted;
    return cfs.runtimeRemaining[q] > 0;
}
/** The last entity has left: all but a little goes back to the pool, and may help those who are throttled. */
export function returnRuntime(q) {
    const { groups } = k;
    if (cfs.nrRunning[q] !== 0)
        return;
    const slack = cfs.runtimeRemaining[q] - MIN_RUNTIME_NS;
    if (slack <= 0)
        return;
    const g = cfs.group[q];
    if (groups.quota[g] >= 0) {
        groups.runtime[g] += slack;
        if (groups.runtime[g] > k.tunables.cfsBandwidthSliceNs && groups.throttledList[g].length > 0)
            startSlackTimer(g);
    }
    cfs.runtimeRemaining[q] -= slack;
}
/** A group's first entity is queued: it may have nothing to run on. */
export function checkEnqueueThrottle(q) {
    if (cfs.runtimeEnabled[q] === 0 || cfs.curr[q] >= 0 || cfs.throttled[q] !== 0)
        return;
    assignRuntime(q, 0);
    if (cfs.runtimeRemaining[q] <= 0)
        k.throttleCfsRq(q);
}
/** Before a group's entity is put back or chosen: true if it has to be throttled, and was. */
export function checkCfsRqRuntime(q) {
    if (cfs.runtimeEnabled[q] === 0 || cfs.runtimeRemaining[q] > 0)
        return false;
    if (cfs.throttled[q] !== 0)
        return true;
    return k.throttleCfsRq(q);
}
/** Refills the group's pool each period from now on. @spec 02 §10.1 */
export function startPeriodTimer(g) {
    if (k.groups.periodActive[g] !== 0)
        return;
    k.groups.periodActive[g] = 1;
    k.queue.schedule(k.slotGlobal + 2 * g, k.now + k.groups.period[g]);
}
/** Returned runtime is handed out a little later, unless the refill comes first. @spec 02 §10.1 */
function startSlackTimer(g) {
    const slot = k.slotGlobal + 2 * g + 1;
    const refill = k.queue.timeOf(k.slotGlobal + 2 * g);
    if (k.queue.isPending(slot) || refill - k.now < SLACK_BEFORE_REFILL_NS)
        return;
    k.queue.schedule(slot, k.now + SLACK_NS);
}
