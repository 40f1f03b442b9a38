/** The books of EEVDF: the tree is in order and knows what is below it, and the average is that of its entities. @spec 22 §2 */
import * as cfs from './cfs-rq.ts';
import { averageFromZero, entityEligible, vruntimeEligible } from './eevdf.ts';
import * as se from './entity.ts';
import { scaleDown } from './weight.ts';

/** What is wrong with a runqueue, or null; `count` is called for each entity in the tree. */
export function checkEevdf(q: number, count: (e: number) => string | null): string | null {
  if (cfs.leftmost[q]! >= 0) return 'the queue of CFS is used';
  let sum = 0n;
  let load = 0;
  let previous = -1;
  const zero = cfs.minVruntime[q]!;
  /** Checks a subtree; leaves its least vruntime and shortest slice. */
  const walk = (n: number, up: number): string | null => {
    if (se.up[n] !== up) return `entity ${n} is not linked to the one above it`;
    let least = se.vruntime[n]!;
    let slice = se.slice[n]!;
    for (const side of [se.left, se.right]) {
      const below = side[n]!;
      if (below >= 0) {
        const wrong = walk(below, n);
        if (wrong !== null) return wrong;
        least = Math.min(least, se.leastVruntime[below]!);
        slice = Math.min(slice, se.leastSlice[below]!);
      }
      if (side === se.right) break;
      if (n === cfs.curr[q]) return `the running entity ${n} is in the queue`;
      if (previous >= 0 && se.deadline[previous]! > se.deadline[n]!) {
        return `entities ${previous} and ${n} are out of order`;
      }
      previous = n;
      const weight = scaleDown(se.weight[n]!);
      sum += BigInt(se.vruntime[n]! - zero) * BigInt(weight);
      load += weight;
      const wrong = count(n);
      if (wrong !== null) return wrong;
    }
    if (se.leastVruntime[n] !== least)
      return `entity ${n} says the least vruntime is ${se.leastVruntime[n]}, it is ${least}`;
    if (se.leastSlice[n] !== slice) return `entity ${n} says the shortest slice is ${se.leastSlice[n]}, it is ${slice}`;
    return null;
  };
  if (cfs.root[q]! >= 0) {
    const wrong = walk(cfs.root[q]!, -1);
    if (wrong !== null) return wrong;
  }
  if (!Number.isSafeInteger(cfs.avgVruntime[q]!))
    return `the sum of virtual times, ${cfs.avgVruntime[q]}, is not exact`;
  if (BigInt(cfs.avgVruntime[q]!) !== sum) return `the sum of virtual times is ${cfs.avgVruntime[q]}, not ${sum}`;
  if (cfs.avgLoad[q] !== load) return `the weight in the tree is ${cfs.avgLoad[q]}, not ${load}`;
  const curr = cfs.curr[q]!;
  if (curr >= 0 && se.onRq[curr] !== 0) {
    const weight = BigInt(scaleDown(se.weight[curr]!));
    sum += BigInt(se.vruntime[curr]! - zero) * weight;
    load += Number(weight);
  }
  if (load === 0) return cfs.nrRunning[q] === 0 ? null : 'entities are counted but not queued';
  // Weighed, lags are nothing together but for what rounding V leaves, so somebody is eligible.
  const total = BigInt(load);
  const rest = sum - BigInt(averageFromZero(q)) * total;
  if (rest < 0n || rest >= total) return `lags sum up to ${-rest}, with a weight of ${load}`;
  const root = cfs.root[q]!;
  const runner = curr >= 0 && se.onRq[curr] !== 0 && entityEligible(q, curr);
  if (!runner && !(root >= 0 && vruntimeEligible(q, se.leastVruntime[root]!))) return 'nobody is eligible';
  return null;
}
