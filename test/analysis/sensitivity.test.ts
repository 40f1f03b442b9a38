import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { compare } from '../../src/analysis/comparison.ts';
import { isFragile, sensitivity, type Variation } from '../../src/analysis/sensitivity.ts';

/** A comparison of policy Q with P: by figure, Q's value in each run, where P's is 100. */
function comparison(figures: Record<string, readonly number[]>) {
  const runs = (values: (name: string, run: number) => number) =>
    [0, 1, 2].map((run) =>
      Object.keys(figures).map((name) => ({ name, unit: 'ms', better: 'less' as const, value: values(name, run) })),
    );
  return compare('P', [
    { policy: 'P', runs: runs(() => 100) },
    { policy: 'Q', runs: runs((name, run) => figures[name]![run]!) },
  ]);
}

const MORE = [110, 111, 112];
const LESS = [90, 91, 92];
const EITHER = [90, 100, 112];
const variation = (parameter: string, factor: number, figures: Record<string, readonly number[]>): Variation => ({
  parameter,
  factor,
  comparison: comparison(figures),
});

test('a verdict survives, is lost, is flipped, or appears', () => {
  const base = comparison({ a: MORE, b: LESS, c: EITHER, d: EITHER });
  const rows = sensitivity(base, [
    variation('line_llc', 0.5, { a: MORE, b: LESS, c: EITHER, d: EITHER }),
    variation('line_llc', 2, { a: EITHER, b: LESS, c: LESS, d: EITHER }),
    variation('tick', 2, { a: LESS, b: [80, 81, 82], c: EITHER, d: EITHER }),
  ]);
  assert.deepEqual(
    rows.map(({ name, policy, sign, survives, variations }) => [name, policy, sign, survives, variations]),
    [
      ['a', 'Q', 1, 1, 3],
      ['b', 'Q', -1, 3, 3],
      ['c', 'Q', 0, 2, 3],
    ],
  );
  assert.deepEqual(
    rows.map(({ changes }) => changes.map(({ parameter, factor, outcome }) => `${outcome}: ${parameter} x${factor}`)),
    [['lost: line_llc x2', 'flipped: tick x2'], [], ['appeared: line_llc x2']],
  );
  assert.deepEqual(
    rows.filter(isFragile).map(({ name }) => name),
    ['a'],
  );
  assert.equal(rows[0]!.percent!.toFixed(1), '11.0');
  assert.equal(rows[0]!.changes[1]!.percent!.toFixed(1), '-9.0');
});

test('a figure that is missing in a variation is lost there', () => {
  const [row] = sensitivity(comparison({ a: MORE }), [variation('tick', 2, {})]);
  assert.deepEqual(row!.changes, [
    { parameter: 'tick', factor: 2, outcome: 'lost', percent: null, low: null, high: null },
  ]);
});
