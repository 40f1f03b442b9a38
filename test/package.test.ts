/** What users install: the packed package, in an empty folder, as a command and as a library with types. */
import assert from 'node:assert/strict';
import { type ExecFileSyncOptionsWithStringEncoding, execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));
const options: ExecFileSyncOptionsWithStringEncoding = {
  cwd: folder,
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'pipe'],
};

test('the packed package installs into an empty folder and works', () => {
  // What is packed has been built already; building it again would be under the feet of other tests.
  execFileSync('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { ...options, cwd: root });
  const [tarball] = readdirSync(folder);
  writeFileSync(join(folder, 'package.json'), '{ "type": "module", "private": true }');
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', `./${tarball}`], options);

  const out = execFileSync('npx', ['steelyard', 'run', '-m', 'smp4', '-w', 'hogs:n=4', '--duration', '20ms'], options);
  assert.match(out, /cpu_share\.all/);

  writeFileSync(
    join(folder, 'use.ts'),
    `import { compareRuns, loadMachine, loadWorkload, parsePolicy, simulate, type RunResult } from 'steelyard';
const machine = loadMachine('smp4');
const workload = loadWorkload('hogs:n=5', machine.nrCpus);
const policies = ['linux-6.1', 'linux-6.1,newidle=off'].map(parsePolicy);
const plan = { machine, workload, seed: 1, durationNs: 50e6, warmupNs: 0 };
const run: RunResult = simulate({ ...plan, policy: policies[0]! });
const { comparison } = await compareRuns({ ...plan, policies, runs: 2 });
console.log(run.reason, comparison.runs, comparison.figures.length > 20);
`,
  );
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const compilerOptions = { strict: true, module: 'nodenext', target: 'es2022', types: [], skipLibCheck: false };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['use.ts'] }));
  execFileSync(tsc, options);
  assert.equal(execFileSync(process.execPath, ['use.js'], options), 'duration 2 true\n');

  // A policy file and its test, without anything but the package.
  const made = execFileSync('npx', ['steelyard', 'policy', 'new', 'mine'], options);
  assert.match(made, /node --import steelyard\/register --test mine\.test\.ts/);
  assert.throws(
    () => execFileSync('npx', ['steelyard', 'policy', 'new', 'mine'], options),
    /mine\.ts: this file is there already/,
  );
  assert.match(
    execFileSync('npx', ['steelyard', 'policy', 'show', './mine.ts'], options),
    /^mine: .*[\s\S]*minAvgIdle/,
  );
  const load = ['-m', 'smp4', '-w', 'runsleep:n=12', '--duration', '50ms', '--json'];
  const own = ['-p', './mine.ts', '-p', 'linux-6.1'];
  const compared = JSON.parse(execFileSync('npx', ['steelyard', 'compare', ...load, '--runs', '2', ...own], options));
  assert.equal(compared.baseline, './mine.ts');
  // Not as a part of this test, which is what Node makes of it otherwise.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const tested = execFileSync(process.execPath, ['--import', 'steelyard/register', '--test', 'mine.test.ts'], {
    ...options,
    env,
  });
  assert.match(tested, /pass 2\n/);
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['mine.ts'] }));
  execFileSync(tsc, options);
});
