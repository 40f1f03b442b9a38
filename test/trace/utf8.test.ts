import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { decodeUtf8, encodeUtf8, truncateUtf8 } from '../../src/trace/utf8.ts';

test('text is encoded as everywhere else', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const bytes = encodeUtf8(text);
      assert.deepEqual(Buffer.from(bytes), Buffer.from(text));
      assert.equal(decodeUtf8(bytes), text);
    }),
  );
  assert.deepEqual(Buffer.from(encodeUtf8('a\ud800b')), Buffer.from('a\ufffdb'));
});

test('bytes that are no text become replacement characters, the others stay', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const text = decodeUtf8(bytes);
      const valid = Buffer.from(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
      // how many replacement characters a broken sequence makes is a matter of taste
      const without = (s: string) => s.replace(/\ufffd+/g, '?');
      assert.equal(without(text), without(valid.toString()));
    }),
  );
});

test('truncation does not cut a character', () => {
  assert.equal(truncateUtf8('ünïcödé-worker-name', 15), 'ünïcödé-wor');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.nat(20), (text, limit) => {
      const cut = truncateUtf8(text, limit);
      assert.ok(text.startsWith(cut) && encodeUtf8(cut).length <= limit);
      const next = [...text.slice(cut.length)][0];
      assert.ok(next === undefined || encodeUtf8(cut + next).length > limit);
    }),
  );
});
