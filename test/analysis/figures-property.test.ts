import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { figureValues } from '../support/figure-values.ts';
import { naiveFigures } from './naive-figures.ts';
import { randomSchedule } from './random-schedule.ts';

/** Quantiles come from a histogram; the rest is sums of the same numbers in another order. */
function close(found: number, expected: number, tolerance: number): boolean {
  return Math.abs(found - expected) <= tolerance * Math.max(1e-6, Math.abs(expected));
}

test('the figures of a stream are those of its definitions, with and without a warm-up', () => {
  fc.assert(
    fc.property(randomSchedule, fc.oneof(fc.constant(0), fc.nat(100_000)), (t, warmupUs) => {
      const fromNs = Math.min(warmupUs * 1000, t.events.at(-1)?.timeNs ?? 0);
      const found = figureValues(t, { fromNs });
      const expected = naiveFigures(t, fromNs);
      for (const [name, value] of Object.entries(expected)) {
        const actual = found[name];
        if (value === null) assert.equal(actual, null, name);
        else {
          const tolerance = name.startsWith('wake_latency') ? 0.005 : 1e-9;
          assert.ok(typeof actual === 'number' && close(actual, value, tolerance), `${name}: ${actual}, not ${value}`);
        }
      }
    }),
    { numRuns: 600 },
  );
});

test('busy, idle and balancing time make up the window on every CPU', () => {
  fc.assert(
    fc.property(randomSchedule, (t) => {
      const f = figureValues(t);
      if (f.busy_ms === null || f.balancing_ms === null) return;
      const total = f.busy_ms! + f.idle_ms! + f.balancing_ms!;
      assert.ok(close(total, f.window_ms! * t.tables.topology.nrCpus, 1e-9));
    }),
  );
});
