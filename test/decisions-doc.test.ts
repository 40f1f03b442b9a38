/** docs/decisions.md and the README's example of `explain`. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DECISION_KINDS, REASONS } from '../src/trace/decisions.ts';
import { steelyard } from './support/cli.ts';
import { checkDocBlock } from './support/doc-block.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const doc = readFileSync(`${root}docs/decisions.md`, 'utf8');
const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));

test('the reasons are those of the code', () => {
  const rows = REASONS.map(({ name, text }) => `| \`${name}\` | ${text} |`);
  const last = '| `not_recorded` | a text does not tell |';
  checkDocBlock('decisions.md', 'reasons', `${['| reason | |', '|---|---|', ...rows, last].join('\n')}\n`);
});

test('every kind is described', () => {
  for (const kind of DECISION_KINDS) assert.match(doc, new RegExp(`^\\| (?:.*, )?\`${kind}\``, 'm'));
});

test('the library’s example runs', () => {
  const code = /^```js\n([\s\S]*?)^```$/m.exec(doc)![1]!;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', code], { cwd: root, encoding: 'utf8' });
  assert.match(out, /pulled: \d+/);
});

test('the README’s example prints what it says', () => {
  const readme = readFileSync(`${root}README.md`, 'utf8');
  const block = /^```console\n([\s\S]*?)^```$/m.exec(readme)![1]!;
  const steps = block.split(/^\$ steelyard /m).slice(1);
  assert.ok(steps.length >= 2);
  for (const step of steps) {
    const [command, ...shown] = step.split('\n');
    const [line, redirected] = command!.split(' > ');
    const { code, out, err } = steelyard(line!.split(' '), folder);
    assert.equal(code, 0, err);
    if (redirected === undefined) assert.equal(out, shown.join('\n'));
  }
});
