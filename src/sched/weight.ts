/**
 * Nice levels, their weights, and the fixed-point division by a weight that CFS does everywhere.
 *
 * Weights are kept scaled by 1024 (`w << 10`), as the kernel does on 64-bit machines; `scaleDown` gives the unscaled one.
 * @spec 02 §2
 */

/** `load.weight` of a nice-0 task. */
export const NICE_0_LOAD = 1 << 20;
/** Of a SCHED_IDLE task, unscaled. */
export const WEIGHT_IDLEPRIO = 3;
const WMULT_IDLEPRIO = 1431655765;
const WMULT_CONST = 0xffffffff;
const TWO_32 = 4294967296;
const INV_TWO_32 = 1 / TWO_32;
/** 2^-n, exact: multiplying by it is the fast way to shift. */
const INV_POW2 = Float64Array.from({ length: 64 }, (_, n) => 1 / 2 ** n);

/** Unscaled weight by nice + 20. */
const PRIO_TO_WEIGHT = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991,
  1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
];

/** Their 32-bit inverses; not all are floor(2^32 / w). */
const PRIO_TO_WMULT = [
  48388, 59856, 76040, 92818, 118348, 147320, 184698, 229616, 287308, 360437, 449829, 563644, 704093, 875809, 1099582,
  1376151, 1717300, 2157191, 2708050, 3363326, 4194304, 5237765, 6557202, 8165337, 10153587, 12820798, 15790321,
  19976592, 24970740, 31350126, 39045157, 49367440, 61356676, 76695844, 95443717, 119304647, 148102320, 186737708,
  238609294, 286331153,
];

/** Scaled weight of a nice level. */
export function weightOfNice(nice: number): number {
  return PRIO_TO_WEIGHT[nice + 20]! * 1024;
}

export function inverseOfNice(nice: number): number {
  return PRIO_TO_WMULT[nice + 20]!;
}

export const WEIGHT_SCALED_IDLEPRIO = WEIGHT_IDLEPRIO * 1024;
export const INVERSE_IDLEPRIO = WMULT_IDLEPRIO;

/** Unscaled weight: at least 2 for anything that weighs at all. @spec 02 §2 */
export function scaleDown(weight: number): number {
  if (weight === 0) return 0;
  const w = Math.floor(weight * INV_POW2[10]!);
  return w < 2 ? 2 : w;
}

/** 32-bit inverse of a scaled weight that has no entry in the table (sums, group entities). */
export function inverseOf(weight: number): number {
  const w = scaleDown(weight);
  if (w >= WMULT_CONST) return 1;
  if (w === 0) return WMULT_CONST;
  return Math.floor(WMULT_CONST / w);
}

/** `delta * weight / lw`, in the kernel's fixed point: exact integers, not a division. `weight` is one entity's. @spec 02 §2 */
export function calcDelta(delta: number, weight: number, lwInverse: number): number {
  let fact = scaleDown(weight) * lwInverse;
  let shift = 32;
  if (fact >= TWO_32) {
    const bits = 32 - Math.clz32(Math.floor(fact * INV_TWO_32));
    shift -= bits;
    fact = Math.floor(fact * INV_POW2[bits]!);
  }
  return mulShift(delta, fact, shift);
}

/** ns of virtual time for `delta` ns of an entity's run time. */
export function calcDeltaFair(delta: number, weight: number, inverse: number): number {
  return weight === NICE_0_LOAD ? delta : calcDelta(delta, NICE_0_LOAD, inverse);
}

const EXACT_DELTA = 2 ** 41;
const TWO_21 = 2 ** 21;

/** floor(delta * fact / 2^shift) with the full product; fact < 2^32, shift <= 32. */
function mulShift(delta: number, fact: number, shift: number): number {
  const product = delta * fact;
  if (product <= Number.MAX_SAFE_INTEGER) return Math.floor(product * INV_POW2[shift]!);
  if (delta < EXACT_DELTA && shift >= 21) {
    // delta = high * 2^21 + low, so that both partial products are exact
    const high = Math.floor(delta * INV_POW2[21]!);
    const low = delta - high * TWO_21;
    return Math.floor((high * fact + Math.floor(low * fact * INV_POW2[21]!)) * INV_POW2[shift - 21]!);
  }
  return Number((BigInt(delta) * BigInt(fact)) >> BigInt(shift));
}
