import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  mean,
  median,
  pairedDifference,
  quantile,
  standardDeviation,
  summarize,
  verdict,
} from '../../src/analysis/statistics.ts';
import { tQuantile } from '../../src/analysis/student-t.ts';
import { RandomStreams } from '../../src/engine/random.ts';

describe('quantiles of t', () => {
  /** To ten digits, from tables made with 30 digits. */
  const table: [df: number, t90: number, t95: number, t99: number][] = [
    [1, 6.313751515, 12.706204736, 63.656741163],
    [2, 2.91998558, 4.30265273, 9.924843201],
    [3, 2.353363435, 3.182446305, 5.84090931],
    [4, 2.131846786, 2.776445105, 4.604094871],
    [5, 2.015048373, 2.570581836, 4.032142984],
    [9, 1.833112933, 2.262157163, 3.249835542],
    [10, 1.812461123, 2.228138852, 3.169272673],
    [29, 1.699127027, 2.045229642, 2.756385904],
    [30, 1.697260887, 2.042272456, 2.749995654],
    [100, 1.660234326, 1.983971519, 2.625890521],
    [999, 1.646380345, 1.962341461, 2.580759637],
    [5000, 1.645158438, 1.960438552, 2.576812967],
    [100000, 1.644868865, 1.959987708, 2.57587847],
  ];
  for (const [df, t90, t95, t99] of table) {
    test(`${df} degrees of freedom`, () => {
      assert.ok(Math.abs(tQuantile(df, 0.9) - t90) < 1e-8);
      assert.ok(Math.abs(tQuantile(df) - t95) < 1e-8);
      assert.ok(Math.abs(tQuantile(df, 0.99) - t99) < 1e-7);
    });
  }

  test('fall without a step where the series gives way to the expansion', () => {
    for (let df = 990; df < 1010; df++) {
      const fall = tQuantile(df) - tQuantile(df + 1);
      assert.ok(fall > 2.2e-6 && fall < 2.6e-6, `${fall} after ${df}`);
    }
  });
});

test('mean, deviation, median and quantiles', () => {
  const v = [4, 1, 3, 2];
  assert.deepEqual(summarize(v), { n: 4, mean: 2.5, sd: Math.sqrt(5 / 3), min: 1, median: 2.5, max: 4 });
  assert.deepEqual([quantile(v, 0), quantile(v, 1), quantile(v, 0.25)], [1, 4, 1.75]);
  assert.equal(median([5]), 5);
  assert.equal(standardDeviation([5]), null);
  assert.throws(() => mean([]));
});

describe('paired differences', () => {
  test('are in percent of the baseline, with the interval of t', () => {
    const d = pairedDifference([110, 120, 100], [100, 100, 100]);
    assert.deepEqual([d.n, d.difference, d.percent, d.reason], [3, 10, 10, null]);
    const half = (4.30265273 * 10) / Math.sqrt(3);
    assert.ok(Math.abs(d.low! - (10 - half)) < 1e-6 && Math.abs(d.high! - (10 + half)) < 1e-6);
  });

  test('what varies in both runs of a pair alike does not widen the interval', () => {
    const d = pairedDifference([11, 101, 1001], [10, 100, 1000]);
    assert.deepEqual([d.low, d.high], [d.percent, d.percent]);
  });

  test('a baseline below zero turns the sign, not the interval', () => {
    const d = pairedDifference([-9, -12], [-10, -10]);
    assert.ok(d.low! < d.percent! && d.percent! < d.high!);
  });

  test('say why there is no percentage or no interval', () => {
    assert.deepEqual(pairedDifference([5], [4]), {
      n: 1,
      difference: 1,
      percent: 25,
      low: null,
      high: null,
      reason: 'one pair of runs has no interval',
    });
    const zero = pairedDifference([5, 6], [0, 0]);
    assert.deepEqual([zero.difference, zero.percent, zero.reason], [5.5, null, 'the mean of the baseline is 0']);
    assert.equal(pairedDifference([], []).reason, 'no pair of runs observed it');
  });

  for (const n of [2, 3, 5, 10, 30]) {
    test(`the interval of ${n} pairs covers the truth in 95 of 100 comparisons`, () => {
      const random = new RandomStreams(1);
      random.seed(0, 42, 'coverage', n);
      const normal = () => {
        let sum = -6;
        for (let i = 0; i < 12; i++) sum += random.unit(0);
        return sum;
      };
      const comparisons = 8000;
      let covered = 0;
      for (let c = 0; c < comparisons; c++) {
        const baseline = Array.from({ length: n }, () => 100 + 30 * normal());
        const policy = baseline.map((b) => b + 5 + 4 * normal());
        const d = pairedDifference(policy, baseline);
        const truth = (100 * 5) / mean(baseline);
        if (d.low! <= truth && truth <= d.high!) covered++;
      }
      // three standard errors
      assert.ok(Math.abs(covered / comparisons - 0.95) < 0.0075, `${covered} of ${comparisons}`);
    });
  }
});

test('a verdict is of an interval that excludes zero, in the direction of the figure', () => {
  assert.equal(verdict(1, 3, 'more'), 'better');
  assert.equal(verdict(1, 3, 'less'), 'worse');
  assert.equal(verdict(-3, -1, 'less'), 'better');
  assert.equal(verdict(-3, -1, 'more'), 'worse');
  assert.equal(verdict(-1, 3, 'more'), 'no difference shown');
  assert.equal(verdict(0, 0, 'less'), 'no difference shown');
  assert.equal(verdict(0, 2, 'less'), 'no difference shown');
  assert.equal(verdict(null, null, 'less'), 'no difference shown');
  assert.equal(verdict(1, 3, null), null);
});
