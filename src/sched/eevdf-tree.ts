/**
 * The queue of EEVDF: a search tree by deadline, equal ones in order of arrival, without the running entity. Each node
 * knows the least vruntime and the shortest slice below it, so that the eligible entity with the earliest deadline is
 * found in one descent. @spec 22 §2
 *
 *            d=6, least v=0            left of a node: earlier deadlines
 *           /             \            right: later, or the same and arrived later
 *     d=3, v=1           d=9, v=4
 *
 * It is a treap whose priorities are the entities' numbers, scrambled: its shape depends on nothing but who is in it, it is
 * balanced as well as a random tree, and no choice depends on the shape.
 */
import * as cfs from './cfs-rq.ts';
import * as se from './entity.ts';

/** A one-to-one function of the entity's number without a pattern. */
function priority(e: number): number {
  let x = Math.imul(e + 1, 0x9e3779b1);
  x ^= x >>> 15;
  x = Math.imul(x, 0x85ebca6b);
  return (x ^ (x >>> 13)) >>> 0;
}

export function treeInsert(q: number, e: number): void {
  const { deadline, vruntime, slice, left, right, up, leastVruntime, leastSlice } = se;
  const d = deadline[e]!;
  const v = vruntime[e]!;
  const s = slice[e]!;
  left[e] = -1;
  right[e] = -1;
  leastVruntime[e] = v;
  leastSlice[e] = s;
  let above = -1;
  let isLeft = false;
  for (let n = cfs.root[q]!; n >= 0; ) {
    if (v < leastVruntime[n]!) leastVruntime[n] = v;
    if (s < leastSlice[n]!) leastSlice[n] = s;
    above = n;
    isLeft = d < deadline[n]!;
    n = isLeft ? left[n]! : right[n]!;
  }
  up[e] = above;
  if (above < 0) cfs.root[q] = e;
  else if (isLeft) left[above] = e;
  else right[above] = e;
  const p = priority(e);
  while (above >= 0 && priority(above) < p) {
    rotateUp(q, e);
    summarize(above);
    summarize(e);
    above = up[e]!;
  }
}

export function treeErase(q: number, e: number): void {
  const { left, right, up } = se;
  for (;;) {
    const l = left[e]!;
    const r = right[e]!;
    if (l < 0 || r < 0) {
      replace(q, e, l >= 0 ? l : r);
      break;
    }
    rotateUp(q, priority(l) > priority(r) ? l : r);
  }
  for (let n = up[e]!; n >= 0; n = up[n]!) summarize(n);
  up[e] = -1;
  left[e] = -1;
  right[e] = -1;
}

/** The node takes the place of the one above it, which goes below. */
function rotateUp(q: number, n: number): void {
  const { left, right, up } = se;
  const above = up[n]!;
  let between: number;
  if (left[above] === n) {
    between = right[n]!;
    right[n] = above;
    left[above] = between;
  } else {
    between = left[n]!;
    left[n] = above;
    right[above] = between;
  }
  if (between >= 0) up[between] = above;
  replace(q, above, n);
  up[above] = n;
}

/** What is above the node has `by` (-1: nothing) in its place. */
function replace(q: number, n: number, by: number): void {
  const { left, right, up } = se;
  const above = up[n]!;
  if (above < 0) cfs.root[q] = by;
  else if (left[above] === n) left[above] = by;
  else right[above] = by;
  if (by >= 0) up[by] = above;
}

/** What the node says of itself and everything below it. */
function summarize(n: number): void {
  const { left, right, leastVruntime, leastSlice } = se;
  let v = se.vruntime[n]!;
  let s = se.slice[n]!;
  const l = left[n]!;
  const r = right[n]!;
  if (l >= 0) {
    if (leastVruntime[l]! < v) v = leastVruntime[l]!;
    if (leastSlice[l]! < s) s = leastSlice[l]!;
  }
  if (r >= 0) {
    if (leastVruntime[r]! < v) v = leastVruntime[r]!;
    if (leastSlice[r]! < s) s = leastSlice[r]!;
  }
  leastVruntime[n] = v;
  leastSlice[n] = s;
}

/** First in order of deadline, -1 if the queue is empty. */
export function treeFirst(q: number): number {
  let n = cfs.root[q]!;
  if (n < 0) return -1;
  for (let l = se.left[n]!; l >= 0; l = se.left[l]!) n = l;
  return n;
}
