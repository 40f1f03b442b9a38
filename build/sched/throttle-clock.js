/** The PELT clock of a throttled hierarchy stands still. @spec 03 §7 */
import * as cfs from "./cfs-rq.js";
import { rqClockPelt } from "./clock.js";
/** One more throttled ancestor, or the runqueue itself. */
export function startThrottleClock(q) {
    if (cfs.throttleCount[q] === 0) {
        cfs.throttledClockPelt[q] = rqClockPelt(cfs.cpu[q]);
        cfs.onLeafList[q] = 0;
    }
    cfs.throttleCount[q] += 1;
}
export function clearThrottleClock(q) {
    cfs.throttleCount[q] -= 1;
    if (cfs.throttleCount[q] !== 0)
        return;
    cfs.throttledClockPeltTime[q] += rqClockPelt(cfs.cpu[q]) - cfs.throttledClockPelt[q];
    cfs.onLeafList[q] = 1;
}
