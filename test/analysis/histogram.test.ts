import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HISTOGRAM_RELATIVE_ERROR, Histogram } from '../../src/analysis/histogram.ts';

const values = fc.array(fc.oneof(fc.nat(300), fc.nat(), fc.maxSafeNat()), { minLength: 1, maxLength: 200 });

function histogramOf(list: readonly number[]): Histogram {
  const histogram = new Histogram();
  for (const value of list) histogram.add(value);
  return histogram;
}

test('a quantile is within the promised error of what sorting gives', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (list, p) => {
      const sorted = list.toSorted((a, b) => a - b);
      const exact = sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))]!;
      const found = histogramOf(list).quantile(p)!;
      assert.ok(Math.abs(found - exact) <= exact * HISTOGRAM_RELATIVE_ERROR, `${found} for ${exact}`);
      if (exact < 256) assert.equal(found, exact);
    }),
    { numRuns: 500 },
  );
});

test('number, least and greatest are exact', () => {
  fc.assert(
    fc.property(values, (list) => {
      const histogram = histogramOf(list);
      assert.equal(histogram.count, list.length);
      assert.equal(histogram.min, Math.min(...list));
      assert.equal(histogram.max, Math.max(...list));
      assert.equal(histogram.quantile(1), Math.max(...list));
    }),
  );
});

test('two histograms add up to that of both', () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      const merged = histogramOf(a);
      merged.merge(histogramOf(b));
      const together = histogramOf([...a, ...b]);
      for (const p of [0, 0.25, 0.5, 0.95, 0.99, 1]) assert.equal(merged.quantile(p), together.quantile(p));
      assert.equal(merged.min, together.min);
      assert.equal(merged.count, together.count);
    }),
  );
});

test('an empty histogram has no quantiles, also after it has been cleared', () => {
  const histogram = histogramOf([5]);
  histogram.clear();
  assert.equal(histogram.quantile(0.5), null);
  histogram.add(7);
  assert.deepEqual([histogram.min, histogram.max, histogram.quantile(0.5)], [7, 7, 7]);
});

test('the bounds of buckets: nothing falls between two', () => {
  for (const value of [
    0,
    255,
    256,
    257,
    511,
    512,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 40 + 1,
    2 ** 53 - 1,
  ]) {
    const found = histogramOf([0, value, 2 ** 53 - 1]).quantile(0.5)!;
    assert.ok(Math.abs(found - value) <= value * HISTOGRAM_RELATIVE_ERROR, `${value} became ${found}`);
  }
});
