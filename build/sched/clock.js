/**
 * The clocks of a runqueue. They are sampled, not live: code reads the value of the last update. @spec 01 §1, 03 §7
 *
 *   clock       = clock_task here, for interrupt and steal time are not accounted
 *   clock_pelt  advances with the CPU's capacity while a task runs, and is brought back to clock_task in idle
 *   lost_idle_time  idle time that a saturated CPU never had
 */
import * as avg from "./averages.js";
import { AVG_DL, AVG_RT } from "./averages.js";
import * as cfs from "./cfs-rq.js";
import { k } from "./kernel.js";
import * as rq from "./rq.js";
/** util_sum of CFS, RT and DL together from which a CPU counts as saturated: (46718 << 10) - 47742. @spec 03 §7 */
export const SATURATED_UTIL_SUM = 46718 * 1024 - 47742;
/** Samples the clock of a runqueue. */
export function updateRqClock(cpu) {
    if (rq.clockSkip[cpu] === 2)
        return;
    const delta = k.now - rq.clock[cpu];
    if (delta < 0)
        return;
    rq.clock[cpu] = k.now;
    if (rq.curr[cpu] === cpu) {
        syncIdleClockPelt(cpu);
        return;
    }
    const capacity = rq.cpuCapacityOrig[cpu];
    rq.clockPelt[cpu] += capacity === 1024 ? delta : Math.floor((delta * capacity) / 1024);
}
function syncIdleClockPelt(cpu) {
    rq.clockPelt[cpu] = rq.clock[cpu];
    rq.clockIdle[cpu] = rq.clock[cpu];
    rq.clockPeltIdle[cpu] = rq.clockPelt[cpu] - rq.lostIdleTime[cpu];
}
/** The idle task is being picked: a saturated CPU keeps the difference as lost idle time. @spec 03 §7 */
export function updateIdleRqClockPelt(cpu) {
    const sum = avg.utilSum(cpu) + avg.utilSum(AVG_RT + cpu) + avg.utilSum(AVG_DL + cpu);
    if (sum >= SATURATED_UTIL_SUM)
        rq.lostIdleTime[cpu] += rq.clock[cpu] - rq.clockPelt[cpu];
    syncIdleClockPelt(cpu);
}
export function rqClockPelt(cpu) {
    return rq.clockPelt[cpu] - rq.lostIdleTime[cpu];
}
/** The clock of a cfs_rq's averages: stands still while it is throttled. @spec 03 §7 */
export function cfsRqClockPelt(q) {
    if (cfs.throttleCount[q] !== 0)
        return cfs.throttledClockPelt[q] - cfs.throttledClockPeltTime[q];
    return rqClockPelt(cfs.cpu[q]) - cfs.throttledClockPeltTime[q];
}
