/**
 * EEVDF at the level of one runqueue: the weighted average V of virtual times, who is eligible, deadlines, where entities
 * are placed, who runs next. The queue is in `eevdf-tree.ts`; entities come and go in `eevdf-entity.ts`. @spec 22 §2
 *
 *   lag = V - v       v of an entity behind the average is small, its lag positive: it is owed time, and eligible
 *   V = zero + floor(sum of (v - zero) * w / sum of w), over the tree and the running entity
 *
 * Sums are exact: a term is at most a weight times the lag that may be kept, a few times 10^10, so that 10^5 entities stay
 * below 2^53. Where a product may be larger it is only compared with such a sum, and rounding keeps order.
 *
 * `zero` follows V whenever V is worked out, except to see who is eligible. Where nothing is queued it is where the next
 * one starts; otherwise no choice depends on it.
 */
import * as cfs from './cfs-rq.ts';
import { treeErase, treeFirst, treeInsert } from './eevdf-tree.ts';
import * as se from './entity.ts';
import { k } from './kernel.ts';
import { isTask } from './predicates.ts';
import * as tasks from './tasks.ts';
import { calcDeltaFair, scaleDown } from './weight.ts';

// ---- the average

function runs(q: number): boolean {
  const curr = cfs.curr[q]!;
  return curr >= 0 && se.onRq[curr] !== 0;
}

/** V, counted from `zero`. */
export function averageFromZero(q: number): number {
  const load = queuedWeight(q);
  return load === 0 ? 0 : Math.floor(weightedSum(q) / load);
}

/** V, and from now on virtual times of the queue are counted from there. */
export function avgVruntime(q: number): number {
  const delta = averageFromZero(q);
  if (delta !== 0) {
    cfs.minVruntime[q]! += delta;
    cfs.avgVruntime[q]! -= delta * cfs.avgLoad[q]!;
  }
  return cfs.minVruntime[q]!;
}

/** Weight of everything queued, the running entity included. */
function queuedWeight(q: number): number {
  return cfs.avgLoad[q]! + (runs(q) ? scaleDown(se.weight[cfs.curr[q]!]!) : 0);
}

/** Virtual times of everything queued, counted from `zero` and by weight, the running entity included. */
function weightedSum(q: number): number {
  if (!runs(q)) return cfs.avgVruntime[q]!;
  const curr = cfs.curr[q]!;
  return cfs.avgVruntime[q]! + (se.vruntime[curr]! - cfs.minVruntime[q]!) * scaleDown(se.weight[curr]!);
}

/** Is an entity at `v` not ahead of the average? */
export function vruntimeEligible(q: number, v: number): boolean {
  return weightedSum(q) >= (v - cfs.minVruntime[q]!) * queuedWeight(q);
}

export function entityEligible(q: number, e: number): boolean {
  return vruntimeEligible(q, se.vruntime[e]!);
}

/** Into the tree, and into the average. */
export function insertByDeadline(q: number, e: number): void {
  const weight = scaleDown(se.weight[e]!);
  cfs.avgVruntime[q]! += (se.vruntime[e]! - cfs.minVruntime[q]!) * weight;
  cfs.avgLoad[q]! += weight;
  treeInsert(q, e);
}

export function eraseByDeadline(q: number, e: number): void {
  treeErase(q, e);
  const weight = scaleDown(se.weight[e]!);
  cfs.avgVruntime[q]! -= (se.vruntime[e]! - cfs.minVruntime[q]!) * weight;
  cfs.avgLoad[q]! -= weight;
}

// ---- slices and deadlines

/** The shortest slice of a runqueue; 0 if it is empty. */
export function shortestSlice(q: number): number {
  const root = cfs.root[q]!;
  const queued = root >= 0 ? se.leastSlice[root]! : 0;
  if (!runs(q)) return queued;
  const slice = se.slice[cfs.curr[q]!]!;
  return queued === 0 || slice < queued ? slice : queued;
}

/** What a task asks for at a time, ns. */
export function requestedSlice(task: number): number {
  return tasks.customSlice[task]! || k.baseSliceNs;
}

/** A new request: as long as the task asks for; a group's is as its queue said. */
function renewSlice(e: number): void {
  if (isTask(e)) se.slice[e] = requestedSlice(e);
  else if (se.slice[e] === 0) se.slice[e] = k.baseSliceNs;
}

/** The task gives way: its next request is due a slice later, and nothing protects it. */
export function postponeDeadline(e: number): void {
  se.deadline[e]! += virtualSlice(e);
  cancelProtection(e);
}

function virtualSlice(e: number): number {
  return calcDeltaFair(se.slice[e]!, se.weight[e]!, se.inverse[e]!);
}

/** The running entity has got what it asked for, if it has, and asks again. True if it did. */
export function updateDeadline(q: number, e: number): boolean {
  if (se.vruntime[e]! < se.deadline[e]!) return false;
  renewSlice(e);
  se.deadline[e] = se.vruntime[e]! + virtualSlice(e);
  avgVruntime(q);
  return true;
}

/** It becomes the one that runs: for how long it will be left alone. */
export function protect(q: number, e: number): void {
  let until = se.deadline[e]!;
  if (!k.features.RUN_TO_PARITY) {
    // Before slices bound it, there was no protection without the feature.
    until = k.protectShortest ? Math.min(until, se.vruntime[e]! + virtualBase(e)) : Number.NEGATIVE_INFINITY;
  } else if (k.protectShortest) {
    until = Math.min(until, se.vruntime[e]! + virtualShortest(q, e));
  }
  se.vprot[e] = until;
}

function virtualBase(e: number): number {
  return calcDeltaFair(k.baseSliceNs, se.weight[e]!, se.inverse[e]!);
}

function virtualShortest(q: number, e: number): number {
  const root = cfs.root[q]!;
  const slice = root >= 0 ? Math.min(se.slice[e]!, se.leastSlice[root]!) : se.slice[e]!;
  return calcDeltaFair(slice, se.weight[e]!, se.inverse[e]!);
}

/** One has come whose slice may be shorter: the running entity is protected for no longer than that. */
export function shortenProtection(q: number, e: number): void {
  if (k.protectShortest) se.vprot[e] = Math.min(se.vprot[e]!, se.vruntime[e]! + virtualShortest(q, e));
}

export function isProtected(e: number): boolean {
  return se.vruntime[e]! < se.vprot[e]!;
}

export function cancelProtection(e: number): void {
  se.vprot[e] = Number.NEGATIVE_INFINITY;
}

// ---- placement

/** a * b / c towards zero, exactly. */
export function mulDiv(a: number, b: number, c: number): number {
  const product = a * b;
  if (Math.abs(product) <= Number.MAX_SAFE_INTEGER) return Math.trunc(product / c);
  return Number((BigInt(a) * BigInt(b)) / BigInt(c));
}

/** Puts an entity that is about to be queued where its lag and its deadline are what they were. */
export function placeByLag(q: number, e: number, initial: boolean): void {
  renewSlice(e);
  let v = avgVruntime(q);
  const lag = se.vlag[e]!;
  if (k.features.PLACE_LAG && lag !== 0 && cfs.nrRunning[q] !== 0) {
    // It moves V by joining, so that it has to be further away.
    const load = queuedWeight(q);
    if (load > 0) v -= mulDiv(lag, load + scaleDown(se.weight[e]!), load);
  }
  se.vruntime[e] = v;
  if (se.relDeadline[e] !== 0) {
    se.relDeadline[e] = 0;
    se.deadline[e]! += v;
    return;
  }
  let request = virtualSlice(e);
  if (initial && k.features.PLACE_DEADLINE_INITIAL) request = Math.floor(request / 2);
  se.deadline[e] = v + request;
}

/** What an entity that leaves takes along. The lag of one that sleeps already may only come nearer to zero. */
export function saveLag(q: number, e: number): void {
  const limit = calcDeltaFair(Math.max(2 * se.slice[e]!, k.tickNs), se.weight[e]!, se.inverse[e]!);
  const lag = Math.min(Math.max(avgVruntime(q) - se.vruntime[e]!, -limit), limit);
  se.vlag[e] = se.delayed[e] !== 0 && k.features.DELAY_ZERO ? Math.min(lag, 0) : lag;
}

// ---- choosing

/** The entity to run next of a runqueue that is not empty. */
export function pickEevdf(q: number): number {
  const candidate = runs(q) ? cfs.curr[q]! : -1;
  if (cfs.nrRunning[q] === 1) return candidate >= 0 ? candidate : treeFirst(q);
  const buddy = cfs.nextBuddy[q]!;
  if (buddy >= 0 && k.features.PICK_BUDDY && entityEligible(q, buddy)) return buddy;
  const curr = candidate >= 0 && entityEligible(q, candidate) ? candidate : -1;
  if (curr >= 0 && isProtected(curr)) return curr;
  const best = earliestEligible(q);
  if (best < 0) return curr;
  return curr >= 0 && se.deadline[curr]! < se.deadline[best]! ? curr : best;
}

/** Of the tree; -1 if there is none. */
function earliestEligible(q: number): number {
  const { left, right, leastVruntime, vruntime } = se;
  let n = cfs.root[q]!;
  while (n >= 0) {
    const l = left[n]!;
    if (l >= 0 && vruntimeEligible(q, leastVruntime[l]!)) n = l;
    else if (vruntimeEligible(q, vruntime[n]!)) return n;
    else n = right[n]!;
  }
  return -1;
}
