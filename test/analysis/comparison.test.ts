import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from '../../src/analysis/comparison.ts';
import { type Figure, figureSpec } from '../../src/analysis/figure-catalogue.ts';

/** A run's figures, with units and directions from the catalogue where it has them. */
function run(values: Record<string, number | null>): Figure[] {
  return Object.entries(values).map(([name, value]) => {
    const spec = figureSpec(name);
    return { name, unit: spec?.unit ?? 'furlongs', better: spec?.better ?? null, value };
  });
}

test('one row a figure: means, values by run, and differences from the baseline', () => {
  const comparison = compare('mainline', [
    { policy: 'steal', runs: [run({ 'makespan_ms.all': 90 }), run({ 'makespan_ms.all': 182 })] },
    { policy: 'mainline', runs: [run({ 'makespan_ms.all': 100 }), run({ 'makespan_ms.all': 200 })] },
  ]);
  assert.deepEqual([comparison.baseline, comparison.policies, comparison.runs], ['mainline', ['steal', 'mainline'], 2]);
  const [row] = comparison.figures;
  assert.deepEqual([row!.name, row!.unit, row!.better], ['makespan_ms.all', 'ms', 'less']);
  assert.deepEqual(row!.policies, {
    steal: { mean: 136, values: [90, 182] },
    mainline: { mean: 150, values: [100, 200] },
  });
  const { percent, low, high, ...rest } = row!.differences.steal!;
  assert.deepEqual(rest, { absolute: -14, pairs: 2, verdict: 'no difference shown', note: null });
  assert.ok(low! < percent! && percent! < 0 && high! > 0);
  assert.deepEqual(Object.keys(row!.differences), ['steal']);
});

test('a run that did not observe a figure leaves its pair out, and that is said', () => {
  const comparison = compare('b', [
    { policy: 'b', runs: [run({ 'makespan_ms.A': 10 }), run({ 'makespan_ms.A': 20 }), run({ 'makespan_ms.A': 30 })] },
    { policy: 'p', runs: [run({ 'makespan_ms.A': 12 }), run({ 'makespan_ms.A': null }), null] },
  ]);
  const [row] = comparison.figures;
  assert.deepEqual(row!.policies.p, { mean: 12, values: [12, null, null] });
  assert.equal(row!.differences.p!.percent, 20);
  assert.equal(row!.differences.p!.note, 'observed in 1 of 3 pairs of runs; one pair of runs has no interval');
});

test('a figure that nobody observed in the same run has no difference', () => {
  const comparison = compare('b', [
    { policy: 'b', runs: [run({ wasted_cpu_ms: null })] },
    { policy: 'p', runs: [run({ wasted_cpu_ms: 5 })] },
  ]);
  const { percent, note, pairs, verdict } = comparison.figures[0]!.differences.p!;
  assert.deepEqual([percent, note, pairs, verdict], [null, 'no pair of runs observed it', 0, 'no difference shown']);
  assert.equal(comparison.figures[0]!.policies.b!.mean, null);
});

test('a count of what did not occur is 0 where it was looked for, and unknown where not', () => {
  const name = 'migrations_by_cause.MC/newidle';
  const comparison = compare('b', [
    { policy: 'b', runs: [run({ migrations: 4, [name]: 4 }), run({ migrations: 1 }), run({ migrations: null })] },
    { policy: 'p', runs: [run({ migrations: 0 }), run({ migrations: 2, [name]: 2 }), run({ migrations: 7 })] },
  ]);
  const row = comparison.figures.find((figure) => figure.name === name)!;
  assert.deepEqual(row.policies.b!.values, [4, 0, null]);
  assert.deepEqual(row.policies.p!.values, [0, 2, 0]);
});

test('rows are in the order of the catalogue, whoever has them; strangers come last', () => {
  const comparison = compare('b', [
    { policy: 'b', runs: [run({ 'my.own': 1, switches: 1, 'load_balance.MC/idle.calls': 1 })] },
    { policy: 'p', runs: [run({ 'load_balance.SMT/idle.calls': 1, window_ms: 1, switches: 2 })] },
  ]);
  assert.deepEqual(
    comparison.figures.map(({ name }) => name),
    ['window_ms', 'switches', 'load_balance.MC/idle.calls', 'load_balance.SMT/idle.calls', 'my.own'],
  );
  assert.equal(comparison.figures.at(-1)!.unit, 'furlongs');
});

test('mistakes of the caller are refused', () => {
  const one = [run({})];
  assert.throws(() => compare('x', [{ policy: 'b', runs: one }]), /baseline x/);
  assert.throws(
    () =>
      compare('b', [
        { policy: 'b', runs: one },
        { policy: 'b', runs: one },
      ]),
    /twice/,
  );
  assert.throws(
    () =>
      compare('b', [
        { policy: 'b', runs: one },
        { policy: 'p', runs: [] },
      ]),
    /p has 0 runs, b has 1/,
  );
});
