/** What newidle balance has learned of a domain: how often it helps, and what it costs. @spec 07 §2 */
import { k } from '../sched/kernel.ts';

/** One attempt: `success` is 0, or the credit of a pull. */
export function newidleStats(sd: number, success: number): void {
  const { newidleCall, newidleSuccess, newidleRatio } = k.sd;
  newidleCall[sd]! += 1;
  newidleSuccess[sd]! += success;
  if (newidleCall[sd]! < 1024) return;
  newidleRatio[sd] = newidleSuccess[sd]! + (k.features.NI_RATE ? rateCredit(sd) : 0);
  if (k.features.NI_RATE) newidleRatio[sd] = Math.min(1024, newidleRatio[sd]!);
  newidleCall[sd] = Math.floor(newidleCall[sd]! / 2);
  newidleSuccess[sd] = Math.floor(newidleSuccess[sd]! / 2);
}

/** Who tries seldom may try: 1024 calls in 4 s or more are worth a whole ratio. @spec 22 §4 */
function rateCredit(sd: number): number {
  const { newidleStamp } = k.sd;
  const passed = k.now - newidleStamp[sd]!;
  newidleStamp[sd] = k.now;
  return Math.floor(passed / 2 ** 22);
}

/** A failed attempt makes the next less likely: the rule of Linux 6.17, taken back in 6.19. @spec 22 §4 */
export function bumpNewidleCost(sd: number): void {
  const most = Math.max(0, k.tunables.migrationCostNs) + 200;
  const cost = k.sd.maxNewidleLbCost[sd]!;
  k.sd.maxNewidleLbCost[sd] = Math.max(cost, Math.min(Math.floor((cost * 3) / 2), most));
}

/** A pass took `cost` ns (0: only the decay is due). True if the remembered cost decayed. */
export function newidleCost(sd: number, cost: number, success: number): boolean {
  if (cost !== 0) newidleStats(sd, success);
  const { maxNewidleLbCost, lastDecayMaxLbCost } = k.sd;
  if (cost > maxNewidleLbCost[sd]!) {
    maxNewidleLbCost[sd] = cost;
    lastDecayMaxLbCost[sd] = k.jiffies;
    return false;
  }
  if (k.jiffies > lastDecayMaxLbCost[sd]! + k.hz) {
    maxNewidleLbCost[sd] = Math.floor((maxNewidleLbCost[sd]! * 253) / 256);
    lastDecayMaxLbCost[sd] = k.jiffies;
    return true;
  }
  return false;
}

/** The decay alone. @spec 06 §2.3 */
export function decayCheck(sd: number): boolean {
  return newidleCost(sd, 0, 0);
}
