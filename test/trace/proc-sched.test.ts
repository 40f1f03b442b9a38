import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { formatProcSched, type ProcSchedLine } from '../../src/trace/proc-sched.ts';
import { zstdDecompress } from '../../src/trace/zstd.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

function linesOf(...lines: ProcSchedLine[]): string[] {
  return formatProcSched({ comm: 'worker', pid: 812, threads: 3, lines }).split('\n').slice(0, -1);
}

test('spec 09 check 9: a label takes 45 columns, a colon, and its number 21', () => {
  const [name, dashes, migrations, time] = linesOf(
    { label: 'se.nr_migrations', value: 35, unit: 'plain' },
    { label: 'se.vruntime', value: 9_444_249_232, unit: 'ns' },
  );
  assert.equal(name, 'worker (812, #threads: 3)');
  assert.equal(dashes, '-'.repeat(67));
  assert.equal(migrations, `se.nr_migrations${' '.repeat(29)}:${' '.repeat(19)}35`);
  assert.equal(time, `se.vruntime${' '.repeat(34)}:${' '.repeat(10)}9444.249232`);
});

test('times are split: whole milliseconds and the rest, each by itself', () => {
  const text = (value: number) => linesOf({ label: 'x', value, unit: 'ns' })[2]!.slice(46).trim();
  assert.deepEqual([0, 1, 999_999, 1_000_000, -1, -1_500_000].map(text), [
    '0.000000',
    '0.000001',
    '0.999999',
    '1.000000',
    '0.000001',
    '-1.500000',
  ]);
});

test('lines of recorded files are printed as the kernel did', needsShared, async () => {
  const file = sharedPath('ground-truth/smp4-nice/r1/tasks.txt.zst');
  const text = new TextDecoder().decode(await zstdDecompress(readFileSync(file)));
  let compared = 0;
  for (const line of text.split('\n')) {
    const match = /^(\S+) +: +(-?\d+)(?:\.(\d{6}))?$/.exec(line);
    if (match === null) continue;
    const [, label = '', whole, decimals] = match;
    const printed =
      decimals === undefined
        ? linesOf({ label, value: Number(whole), unit: 'plain' })
        : linesOf({ label, value: Number(whole) * 1e6 + Number(decimals), unit: 'ns' });
    assert.equal(printed[2], line);
    compared++;
  }
  assert.ok(compared > 200, `${compared} lines`);
});
