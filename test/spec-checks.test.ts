/**
 * Each entry of the Checks of the spec files is a test that is named after file and number (`spec 03 check 7: ...`, or
 * `spec 03 check 6, 7: ...`), or a study that says so in its first line (`@spec 20 §7, checks 10-15`). Those that are
 * neither are listed here with the reason; an entry that is covered may not stay in the list.
 */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { needsShared, sharedPath } from './support/shared.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));

/** By `spec NN check M`. */
const NOT_COVERED: Readonly<Record<string, string>> = {
  'spec 10 check 7': 'task_numa_migrate and its statistics of nodes are not modelled: no task has a preferred node',
  'spec 10 check 8': 'task_numa_migrate is not modelled: nothing reserves a runqueue',
  'spec 20 check 16': 'no study has eight nodes with stealing across them',
};

/** Every entry of every spec file. */
function entries(): string[] {
  const folder = sharedPath('spec');
  return readdirSync(folder)
    .filter((file) => /^\d\d-.*\.md$/.test(file))
    .sort()
    .flatMap((file) => {
      const lines = readFileSync(join(folder, file), 'utf8').split('\n');
      const begin = lines.findIndex((line) => /^#+ .*\bChecks\b/.test(line));
      assert.ok(begin >= 0, `${file} has no Checks`);
      const after = lines.slice(begin + 1);
      const end = after.findIndex((line) => /^#/.test(line));
      const numbers = after.slice(0, end < 0 ? after.length : end).flatMap((line) => /^(\d+)\. /.exec(line)?.[1] ?? []);
      assert.ok(numbers.length > 0, `${file} has no numbered Checks`);
      return numbers.map((number) => nameOf(file.slice(0, 2), number));
    });
}

function nameOf(spec: string, number: string | number): string {
  return `spec ${spec} check ${number}`;
}

/** What the names of tests and the first lines of studies say. */
function covered(): Map<string, string> {
  const found = new Map<string, string>();
  for (const file of sources('test')) {
    const text = readFileSync(join(ROOT, file), 'utf8');
    for (const [, spec, list] of text.matchAll(/\b(?:test|describe|it)\(\s*['"`]spec (\d\d) checks? (\d[\d, -]*)/g)) {
      for (const number of numbersOf(list!)) found.set(nameOf(spec!, number), file);
    }
  }
  for (const file of sources('studies')) {
    const [first] = readFileSync(join(ROOT, file), 'utf8').split('\n');
    const said = /@spec (\d\d) [^@]*\bchecks? (\d[\d, -]*)/.exec(first!);
    if (said !== null) for (const number of numbersOf(said[2]!)) found.set(nameOf(said[1]!, number), file);
  }
  return found;
}

/** `3`, `3, 4`, `10-15`. */
function numbersOf(list: string): number[] {
  return list
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
    .flatMap((part) => {
      const [from, to = from] = part.split('-').map(Number);
      return Array.from({ length: to! - from! + 1 }, (_, i) => from! + i);
    });
}

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => (folder === 'test' ? file.endsWith('.test.ts') : file.endsWith('study.ts')))
    .map((file) => join(folder, file))
    .filter((file) => existsSync(join(ROOT, file)));
}

test('every check of the specification is a test or a study, or has a reason why not', needsShared, () => {
  const all = entries();
  const by = covered();
  assert.ok(all.length > 200, `${all.length} entries`);
  const missing = all.filter((name) => !by.has(name) && !(name in NOT_COVERED));
  assert.deepEqual(missing, [], 'no test or study is named after these');
  const nowCovered = Object.keys(NOT_COVERED).filter((name) => by.has(name));
  assert.deepEqual(nowCovered, [], 'these are covered, and need no reason any more');
});

test('tests and studies name only checks that there are', needsShared, () => {
  const all = new Set(entries());
  const unknown = [...covered()].filter(([name]) => !all.has(name));
  assert.deepEqual(unknown, []);
  assert.deepEqual(
    Object.keys(NOT_COVERED).filter((name) => !all.has(name)),
    [],
  );
});
