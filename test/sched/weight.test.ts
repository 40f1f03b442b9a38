import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import {
  calcDelta,
  calcDeltaFair,
  INVERSE_IDLEPRIO,
  inverseOf,
  inverseOfNice,
  scaleDown,
  WEIGHT_SCALED_IDLEPRIO,
  weightOfNice,
} from '../../src/sched/weight.ts';

/** The recipe of spec 02 §2, word for word, on integers of any width. */
function calcDeltaByTheBook(delta: bigint, weight: bigint, inverse: bigint): bigint {
  const bits = (v: bigint) => (v === 0n ? 0n : BigInt(v.toString(2).length));
  let fact = weight === 0n ? 0n : weight >> 10n < 2n ? 2n : weight >> 10n;
  let shift = 32n;
  if (fact >> 32n !== 0n) {
    const fs = bits(fact >> 32n);
    shift -= fs;
    fact >>= fs;
  }
  fact = (fact & 0xffffffffn) * inverse;
  if (fact >> 32n !== 0n) {
    const fs = bits(fact >> 32n);
    shift -= fs;
    fact >>= fs;
  }
  return (delta * fact) >> shift;
}

describe('weights', () => {
  test('spec 02 check 2: virtual time of a millisecond by nice level', () => {
    const table = { [-20]: 11536, [-10]: 107247, [-5]: 328099, [-1]: 801879, 0: 1000000 };
    const more = { 1: 1248780, 5: 3056716, 10: 9309090, 19: 68266666 };
    for (const [nice, expected] of Object.entries({ ...table, ...more })) {
      assert.equal(calcDeltaFair(1_000_000, weightOfNice(+nice), inverseOfNice(+nice)), expected, `nice ${nice}`);
    }
    assert.equal(calcDeltaFair(1_000_000, WEIGHT_SCALED_IDLEPRIO, INVERSE_IDLEPRIO), 341333333);
  });

  test('are scaled by 1024, and weigh at least 2 when scaled down', () => {
    assert.equal(weightOfNice(0), 1048576);
    assert.deepEqual([0, 1, 2, 1024, 2047, 2048, 3072, 1048576].map(scaleDown), [0, 2, 2, 2, 2, 2, 3, 1024]);
  });

  test('inverses of sums are worked out, those of nice levels are not all the same as that', () => {
    assert.equal(inverseOf(0), 0xffffffff);
    assert.equal(inverseOf(2048 * 1024), 2097151);
    assert.equal(inverseOf(2 ** 42), 1);
    assert.equal(inverseOfNice(0), 4194304);
    assert.equal(inverseOf(weightOfNice(0)), 4194303);
  });

  test('calc_delta is the fixed-point recipe, to the last bit', () => {
    // The heaviest entity is a group of cpu.weight 10000 with more shares than that may give: 2^28.
    const weight = fc.integer({ min: 0, max: 2 ** 28 });
    const delta = fc.oneof(fc.nat(30_000_000), fc.integer({ min: 0, max: 2 ** 44 }));
    const inverse = fc.oneof(fc.integer({ min: 1, max: 0xffffffff }), fc.constantFrom(1, 4194304, 0xffffffff));
    fc.assert(
      fc.property(delta, weight, inverse, (d, w, inv) => {
        const expected = calcDeltaByTheBook(BigInt(d), BigInt(w), BigInt(inv));
        // What does not fit a double would take virtual time of months.
        fc.pre(expected <= BigInt(Number.MAX_SAFE_INTEGER));
        assert.equal(BigInt(calcDelta(d, w, inv)), expected);
      }),
      { numRuns: 5000 },
    );
  });
});
