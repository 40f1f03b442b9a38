/** Task stealing, by the Checks of spec 20; the books are checked after every event. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SparseMask } from '../../src/balance/sparsemask.ts';

function walk(mask: SparseMask, origin: number): number[] {
  const seen: number[] = [];
  for (let at = mask.next(origin, 0); at >= 0; at = mask.next(origin, at + 1)) seen.push(at);
  return seen;
}

test('spec 20 check 1: the sparse mask', () => {
  const mask = new SparseMask(20, 3);
  assert.equal(mask.lineOf(13), 1);
  for (const cpu of [2, 13, 19]) mask.add(cpu);
  const from = (origin: number) => walk(mask, origin).map((offset) => (origin + offset) % 20);
  assert.deepEqual(from(13), [13, 19, 2]);
  assert.deepEqual(from(14), [19, 2, 13]);
  assert.equal(new SparseMask(288, 3).nrLines, 36);
  assert.equal(new SparseMask(288, 3).linesBetween(0, -1, 287), 36);
  assert.equal(new SparseMask(288, 3).linesBetween(100, -1, 287), 36);
});
