/** util_est: what a task's utilisation was when it last went to sleep, kept while it does not run. @spec 03 §9.1 */
import * as cfs from "./cfs-rq.js";
import * as se from "./entity.js";
import { k } from "./kernel.js";
import { taskUtil, utilEst } from "./load-avg.js";
import * as rq from "./rq.js";
/** 1 % of 1024: smaller changes are not stored. */
const UTIL_EST_MARGIN = 10;
/** First act of an enqueue. */
export function utilEstEnqueue(cpu, task) {
    if (!k.features.UTIL_EST)
        return;
    cfs.utilEstEnqueued[cpu] += utilEst(task);
}
/** First act of a dequeue. */
export function utilEstDequeue(cpu, task) {
    if (!k.features.UTIL_EST)
        return;
    const { utilEstEnqueued } = cfs;
    utilEstEnqueued[cpu] -= Math.min(utilEstEnqueued[cpu], utilEst(task));
}
/** Last act of a dequeue: remembers the utilisation of a task that goes to sleep. */
export function utilEstUpdate(cpu, task) {
    if (!k.features.UTIL_EST)
        return;
    const e = task;
    if (se.utilEstUnchanged[e] !== 0)
        return;
    const previous = se.utilEstEnqueued[e];
    const util = taskUtil(task);
    const ewma = se.utilEstEwma[e];
    if (k.features.UTIL_EST_FASTUP && ewma < util) {
        store(e, util, util);
        return;
    }
    const diff = util - ewma;
    if (Math.abs(diff) < UTIL_EST_MARGIN) {
        if (Math.abs(previous - util) < UTIL_EST_MARGIN)
            return;
        store(e, util, ewma);
        return;
    }
    if (util > rq.cpuCapacityOrig[cpu])
        return;
    store(e, util, Math.floor((4 * ewma + diff) / 4));
}
function store(e, enqueued, ewma) {
    se.utilEstEnqueued[e] = enqueued;
    se.utilEstEwma[e] = ewma;
    se.utilEstUnchanged[e] = 1;
}
