/** What newidle balance has learned of a domain: how often it helps, and what it costs. @spec 07 §2 */
import { k } from "../sched/kernel.js";
/** One attempt: `success` is 0, or the credit of a pull. */
export function newidleStats(sd, success) {
    const { newidleCall, newidleSuccess, newidleRatio } = k.sd;
    newidleCall[sd] += 1;
    newidleSuccess[sd] += success;
    if (newidleCall[sd] < 1024)
        return;
    newidleRatio[sd] = newidleSuccess[sd];
    newidleCall[sd] = Math.floor(newidleCall[sd] / 2);
    newidleSuccess[sd] = Math.floor(newidleSuccess[sd] / 2);
}
/** A pass took `cost` ns (0: only the decay is due). True if the remembered cost decayed. */
export function newidleCost(sd, cost, success) {
    if (cost !== 0)
        newidleStats(sd, success);
    const { maxNewidleLbCost, lastDecayMaxLbCost } = k.sd;
    if (cost > maxNewidleLbCost[sd]) {
        maxNewidleLbCost[sd] = cost;
        lastDecayMaxLbCost[sd] = k.jiffies;
        return false;
    }
    if (k.jiffies > lastDecayMaxLbCost[sd] + k.hz) {
        maxNewidleLbCost[sd] = Math.floor((maxNewidleLbCost[sd] * 253) / 256);
        lastDecayMaxLbCost[sd] = k.jiffies;
        return true;
    }
    return false;
}
/** The decay alone. @spec 06 §2.3 */
export function decayCheck(sd) {
    return newidleCost(sd, 0, 0);
}
