import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { zstdDecompress } from '../../src/trace/zstd.ts';
import { isZstd, outlineZstd, ZstdFrameWriter, zstdFrame } from '../../src/trace/zstd-frame.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

const hasZstd = spawnSync('zstd', ['--version']).status === 0;

/** Bytes with runs as long as blocks, and parts without. */
const content = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 300_000 }), fc.nat(255), fc.boolean()), { maxLength: 5 })
  .map((parts) => {
    const bytes = parts.flatMap(([n, seed, same]) =>
      Array.from({ length: n }, (_, i) => (same ? seed : (i * seed) & 255)),
    );
    return Uint8Array.from(bytes);
  });

test('what is packed into a frame comes out again', async () => {
  await fc.assert(
    fc.asyncProperty(content, async (bytes) => {
      const frame = zstdFrame(bytes);
      assert.ok(isZstd(frame));
      assert.deepEqual(outlineZstd(frame), { frames: 1, contentLimit: bytes.length });
      assert.deepEqual(Buffer.from(await zstdDecompress(frame)), Buffer.from(bytes));
    }),
    { numRuns: 30 },
  );
});

test('it does not matter in what pieces the content is pushed', () => {
  fc.assert(
    fc.property(content, fc.integer({ min: 1, max: 200_000 }), (bytes, step) => {
      const chunks: Uint8Array[] = [];
      const writer = new ZstdFrameWriter((chunk) => chunks.push(chunk));
      for (let at = 0; at < bytes.length; at += step) writer.push(bytes.subarray(at, at + step));
      writer.end();
      assert.deepEqual(Buffer.concat(chunks), Buffer.from(zstdFrame(bytes)));
    }),
    { numRuns: 30 },
  );
});

test('the zstd program takes our frames', { skip: hasZstd ? false : 'zstd is not installed' }, () => {
  for (const size of [0, 1, 131072, 131073, 400_000]) {
    const bytes = Uint8Array.from({ length: size }, (_, i) => (i < 200_000 ? 7 : i & 255));
    const out = execFileSync('zstd', ['-dcq'], { input: zstdFrame(bytes), maxBuffer: 1e8 });
    assert.deepEqual(out, Buffer.from(bytes));
  }
});

test('a frame that is cut off is refused, wherever it is cut', async () => {
  const frame = zstdFrame(Uint8Array.from({ length: 300 }, (_, i) => i & 255));
  for (let length = 0; length < frame.length; length++) {
    await assert.rejects(
      zstdDecompress(frame.subarray(0, length)),
      (error) => error instanceof UserError && error.code === 'format',
      `${length} bytes`,
    );
  }
});

test('a damaged file is refused and does not hang', needsShared, async () => {
  const good = readFileSync(sharedPath('ground-truth/smp4-one/trace.txt.zst'));
  for (let i = 0; i < 40; i++) {
    const bad = Uint8Array.from(good);
    bad[(i * 7919) % bad.length]! ^= 1 << (i % 8);
    await assert.rejects(zstdDecompress(bad), UserError);
  }
  assert.equal((await zstdDecompress(good)).length, 950_144, 'and the next one is read as if nothing had been');
});

test('content beyond the limit is refused before it is in memory', async () => {
  // a thousand blocks of 128 KiB of the same byte: 4 kB that would be 128 MB
  const block = [((1 << 1) | (131072 << 3)) & 255, ((131072 << 3) >> 8) & 255, (131072 << 3) >> 16, 65];
  const bomb = Uint8Array.from([
    ...zstdFrame(new Uint8Array(0)).subarray(0, 6),
    ...Array.from({ length: 1000 }, () => block).flat(),
    1,
    0,
    0,
  ]);
  assert.equal(outlineZstd(bomb).contentLimit, 1000 * 131072);
  await assert.rejects(
    zstdDecompress(bomb, 1_000_000),
    (error) => error instanceof UserError && error.code === 'limit',
  );
});

test('what is no zstd is refused', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      await assert.rejects(zstdDecompress(bytes), UserError);
    }),
  );
});
