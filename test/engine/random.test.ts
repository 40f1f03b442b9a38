import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { exp, ln } from '../../src/engine/math.ts';
import { RandomStreams } from '../../src/engine/random.ts';

const MASK = (1n << 64n) - 1n;

/** splitmix64 as published, on 64-bit integers: the next state and what it draws. */
function splitmix64(state: bigint): [state: bigint, drawn: bigint] {
  state = (state + 0x9e3779b97f4a7c15n) & MASK;
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return [state, z ^ (z >> 31n)];
}

function draws(streams: RandomStreams, i: number, count = 8): number[] {
  return Array.from({ length: count }, () => streams.bits32(i));
}

/** The first draws of the stream that is named so. */
function named(seed: number, purpose: string, index: number): number[] {
  const streams = new RandomStreams(1);
  streams.seed(0, seed, purpose, index);
  return draws(streams, 0);
}

describe('random streams', () => {
  test('from a given state, draw what splitmix64 draws', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (start) => {
        const streams = new RandomStreams(2);
        streams.setState(1, start);
        let state = BigInt(start);
        for (let i = 0; i < 20; i++) {
          let drawn: bigint;
          [state, drawn] = splitmix64(state);
          assert.equal(BigInt(streams.bits32(1)), drawn >> 32n);
        }
      }),
    );
  });

  test('below n is the 64-bit draw modulo n, for n up to 2^21', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: 2 ** 21 }), (start, n) => {
        const streams = new RandomStreams(1);
        streams.setState(0, start);
        const [, drawn] = splitmix64(BigInt(start));
        assert.equal(streams.below(0, n), Number(drawn % BigInt(n)));
      }),
    );
  });

  test('unit is the upper 53 bits of the draw', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (start) => {
        const streams = new RandomStreams(1);
        streams.setState(0, start);
        const [, drawn] = splitmix64(BigInt(start));
        assert.equal(streams.unit(0), Number(drawn >> 11n) / 2 ** 53);
      }),
    );
  });

  test('are told apart by seed, by purpose and by index', () => {
    const streams = [named(1, 'newidle', 0), named(2, 'newidle', 0), named(1, 'task 0', 0), named(1, 'newidle', 1)];
    streams.push(named(2 ** 32 + 1, 'newidle', 0), named(1, 'newidlf', 0), named(1, '', 0));
    assert.equal(new Set(streams.map(String)).size, streams.length);
    assert.deepEqual(named(1, 'newidle', 0), streams[0]);
  });

  test('are not shifted by what others draw, nor by where they lie in the table', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 50 }), (order) => {
        const streams = new RandomStreams(6);
        for (let i = 5; i >= 0; i--) streams.seed(i, 42, 'purpose', i);
        const drawn: number[][] = Array.from({ length: 6 }, () => []);
        for (const i of order) drawn[i]!.push(streams.bits32(i));
        for (let i = 0; i < 6; i++) {
          const alone = new RandomStreams(1);
          alone.seed(0, 42, 'purpose', i);
          assert.deepEqual(drawn[i], draws(alone, 0, drawn[i]!.length));
        }
      }),
    );
  });

  test('neighbouring streams do not overlap or agree', () => {
    const seen = new Set<number>();
    for (let index = 0; index < 1000; index++) for (const drawn of named(7, 'task 1', index)) seen.add(drawn);
    // 8000 draws of 32 bits: a handful of collisions would be chance, many would be a fault.
    assert.ok(seen.size > 7980, `${seen.size} different draws`);
  });

  test('are spread evenly', () => {
    const streams = new RandomStreams(1);
    streams.seed(0, 3, 'spread', 0);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[streams.below(0, 10)]! += 1;
    for (const count of counts) assert.ok(Math.abs(count - 10_000) < 500, `${counts}`);
  });

  test('survive growth of the table', () => {
    const streams = new RandomStreams(1);
    streams.seed(0, 9, 'growth', 0);
    const first = streams.bits32(0);
    streams.grow(100);
    assert.ok(streams.length >= 100);
    assert.deepEqual([first, ...draws(streams, 0, 7)], named(9, 'growth', 0));
  });
});

describe('exp and ln', () => {
  test('agree with the engine to a few parts in 10^15', () => {
    fc.assert(
      fc.property(fc.double({ min: -600, max: 600, noNaN: true }), (x) => {
        assert.ok(Math.abs(exp(x) / Math.exp(x) - 1) < 1e-13);
      }),
    );
    fc.assert(
      fc.property(fc.double({ min: 1e-300, max: 1e300, noNaN: true }), (x) => {
        assert.ok(Math.abs(ln(x) - Math.log(x)) <= 1e-14 * Math.max(1, Math.abs(Math.log(x))));
      }),
    );
  });

  test('have the limits one expects', () => {
    assert.deepEqual(
      [exp(0), ln(1), exp(-800), exp(800), ln(0)],
      [1, 0, 0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
  });
});
