/** Policy files from the command line: in worker threads, in scenario files, and when they go wrong. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readTrace } from '../../src/trace/disk.ts';
import { steelyard } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'policies'));

function file(name: string, hooks: string): void {
  const text = `import { definePolicy } from 'steelyard';
export default definePolicy({
  name: 'tried', base: 'linux-6.1', tunables: { often: { about: 'of 100', default: 50, max: 100 } },
  hooks: (s, { often }) => ({
    ${hooks}
  }),
});
`;
  writeFileSync(join(folder, 'policies', name), text);
}

const LOAD = ['-m', 'smp4', '-w', 'runsleep:n=12', '--duration', '60ms'];

file('stay.ts', 'selectCpu: (task, prev) => (s.random(100) < often && s.isAllowed(task, prev) ? prev : undefined),');
file('forever.ts', 'tick() { for (;;); },');

test('a run in this thread, a run in a worker and a scenario file beside it give the same', () => {
  const own = 'policies/stay.ts,often=80,newidle=off';
  const run = steelyard(['run', ...LOAD, '-p', own, '--json'], folder);
  assert.equal(run.code, 0, run.err);
  const args = ['compare', ...LOAD, '-p', own, '-p', 'linux-6.1', '-n', '1', '--json'];
  const compared = steelyard(args, folder);
  assert.equal(compared.code, 0, compared.err);
  writeFileSync(
    join(folder, 'policies', 'scenario.yaml'),
    'machine: smp4\nworkload: runsleep:n=12\nduration: 60ms\npolicies: ["./stay.ts,often=80,newidle=off", linux-6.1]\nruns: 1\n',
  );
  const scenario = steelyard(['compare', 'policies/scenario.yaml', '--json'], folder);
  assert.equal(scenario.code, 0, scenario.err);
  const values = (out: string, policy: string) =>
    JSON.parse(out).figures.map((f: { name: string; policies: Record<string, { values: unknown }> }) => [
      f.name,
      f.policies[policy]!.values,
    ]);
  // Figures that only the other policy has are not in the single run.
  const single = values(run.out, own);
  const names = new Set(single.map(([name]: [string]) => name));
  const known = ([name]: [string]) => names.has(name);
  assert.ok(single.length > 30);
  assert.deepEqual(values(compared.out, own).filter(known), single);
  assert.deepEqual(values(scenario.out, './stay.ts,often=80,newidle=off').filter(known), single);
});

test('what made a trace is in it: the hash of the file', () => {
  const traced = steelyard(['run', ...LOAD, '-p', './policies/stay.ts', '--trace', 'own.steelyard'], folder);
  assert.equal(traced.code, 0, traced.err);
  const { out } = steelyard(['policy', 'show', './policies/stay.ts', '--json'], folder);
  const { sha256 } = JSON.parse(out).file;
  assert.match(sha256, /^[0-9a-f]{64}$/);
  assert.ok(readTrace(readFileSync(join(folder, 'own.steelyard'))).tables.source.includes(sha256));
});

test('a policy file that goes wrong ends run and compare with exit code 9 and one message', () => {
  for (const command of [['run'], ['compare', '-p', 'linux-6.1', '-n', '2']]) {
    const { code, out, err } = steelyard([...command, ...LOAD, '-p', 'policies/forever.ts'], folder);
    assert.deepEqual([code, out], [9, ''], err);
    assert.match(
      err,
      /^steelyard: policies\/forever\.ts:5: hook "tick" at 4000000 ns, CPU 0: it does not come to an end[^\n]*\n$/,
    );
  }
});

test('--stack adds where in the file it was', () => {
  file('deep.ts', 'tick() { const inner = () => { throw new Error("no"); };\n inner();\n },');
  for (const command of [['run'], ['compare', '-p', 'linux-6.1', '-n', '1']]) {
    const { code, err } = steelyard([...command, ...LOAD, '--stack', '-p', 'policies/deep.ts'], folder);
    assert.equal(code, 9);
    assert.match(
      err,
      /^steelyard: policies\/deep\.ts:5: .*no\n.*Error: no\n.*at inner .*deep\.ts:5:\d+\)\n.*deep\.ts:6:/s,
    );
  }
});
