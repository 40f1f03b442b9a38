import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseDuration, parseTimeNs, uniform } from '../../src/workload/duration.ts';

test('times have a unit, unless they are nothing or the unit is agreed', () => {
  assert.equal(parseTimeNs('500us'), 500_000);
  assert.equal(parseTimeNs('1.5ms'), 1_500_000);
  assert.equal(parseTimeNs('0.1us'), 100);
  assert.equal(parseTimeNs('2s'), 2_000_000_000);
  assert.equal(parseTimeNs('0'), 0);
  assert.equal(parseTimeNs('1700', 'ns'), 1700);
  for (const wrong of ['1700', '', 'ms', '-1ms', '1 year', '1e3ms', '200000000s', 'NaN'])
    assert.equal(parseTimeNs(wrong), undefined, wrong);
});

test('durations may be ranges or drawn from a distribution', () => {
  assert.deepEqual(parseDuration('1ms..8ms'), { kind: 'uniform', minNs: 1e6, maxNs: 8e6, stepNs: 1000 });
  assert.deepEqual(parseDuration('5ns..8ns'), { kind: 'uniform', minNs: 5, maxNs: 8, stepNs: 1 });
  assert.deepEqual(parseDuration('3us..3us'), { kind: 'fixed', ns: 3000 });
  assert.deepEqual(parseDuration('exp(2ms)'), { kind: 'exponential', meanNs: 2e6 });
  assert.deepEqual(parseDuration('lognormal(60us,0.8)'), { kind: 'lognormal', medianNs: 60_000, sigma: 0.8 });
  for (const wrong of ['8ms..1ms', '1ms..', '1ms..2ms..3ms', 'exp(2ms,3)', 'lognormal(2ms)', 'normal(1ms)', 'exp 2ms'])
    assert.equal(parseDuration(wrong), undefined, wrong);
});

test('a wide range is drawn in steps coarse enough for exact draws', () => {
  const d = uniform(0, 100_000_000_000);
  assert.ok(d.kind === 'uniform' && (d.maxNs - d.minNs) / d.stepNs <= 1 << 21);
});
