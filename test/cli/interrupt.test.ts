/** A run that is interrupted ends at once and leaves nothing behind. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));

test('SIGINT in the middle of a run', { timeout: 60_000 }, async () => {
  const args = ['run', '-m', 'smp4', '-w', 'hogs', '--duration', '1000000s', '--trace', join(folder, 'long.txt')];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: 'ignore' });
  while (readdirSync(folder).length === 0) await sleep(50);
  child.kill('SIGINT');
  const [code] = await once(child, 'exit');
  assert.equal(code, 130);
  assert.deepEqual(readdirSync(folder), []);
});
