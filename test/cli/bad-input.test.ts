/** Whatever is wrong: one clear message that names the file and the place, the documented exit code, nothing left behind. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { steelyard } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** 200 MB that compress well, or not at all, cost no time to make and are no file of any kind. */
function garbage(name: string, begin: string): string {
  const path = file(name, begin);
  truncateSync(path, 200e6);
  return path;
}

interface Bad {
  readonly what: string;
  readonly args: readonly string[];
  readonly code: number;
  readonly says: RegExp;
}

const on = (machine: string, workload = 'hogs') => ['run', '-m', machine, '-w', workload, '--duration', '10ms'];
const withPolicy = (policy: string) => [...on('smp4'), '-p', policy];
const rtApp = (json: string, name: string) => on('smp4', file(name, json));

const BAD: readonly Bad[] = [
  { what: 'no arguments', args: ['run'], code: 2, says: /--machine is missing/ },
  { what: 'an unknown option', args: ['run', '--sped', '3'], code: 2, says: /unknown option '--sped'/ },
  { what: 'an unknown command', args: ['rum'], code: 2, says: /unknown command 'rum'/ },
  { what: 'a duration without a unit', args: [...on('smp4'), '--duration', '5'], code: 2, says: /with its unit/ },
  { what: 'a negative seed', args: [...on('smp4'), '--seed', '-1'], code: 2, says: /seed/ },
  { what: 'a seed too large', args: [...on('smp4'), '--seed', '99999999999'], code: 2, says: /4294967295/ },
  { what: 'a trace of no known form', args: [...on('smp4'), '--trace', 'x.doc'], code: 2, says: /\.perfetto-trace/ },
  { what: 'one policy to compare', args: ['compare', '-m', 'smp4', '-w', 'hogs'], code: 2, says: /nothing to compare/ },
  {
    what: 'a policy twice',
    args: ['compare', '-m', 'smp4', '-w', 'hogs', '-p', 'linux-6.1', '-p', 'linux-6.1'],
    code: 2,
    says: /twice/,
  },
  { what: 'a scenario that is not there', args: ['run', join(folder, 'no.yaml')], code: 3, says: /no\.yaml: no such/ },
  { what: 'a workload that is not there', args: on('smp4', join(folder, 'no.json')), code: 3, says: /no\.json/ },
  { what: 'a machine that is not there', args: on(join(folder, 'no.xml')), code: 3, says: /no\.xml/ },
  {
    what: 'an output folder that is not there',
    args: [...on('smp4'), '--trace', '/nowhere/x.txt'],
    code: 3,
    says: /nowhere/,
  },
  {
    what: 'broken YAML',
    args: ['run', file('broken.yaml', 'machine: smp4\nworkload: [hogs\n')],
    code: 4,
    says: /broken\.yaml:\d+:\d+/,
  },
  {
    what: 'an unknown key',
    args: ['run', file('key.yaml', 'machine: smp4\nworkloat: hogs\nworkload: hogs\n')],
    code: 4,
    says: /key\.yaml:2:1: unknown key "workloat"[\s\S]*did you mean "workload"/,
  },
  {
    what: 'a value of the wrong kind',
    args: ['run', file('kind.yaml', 'machine: smp4\nworkload: hogs\nruns: many\n')],
    code: 4,
    says: /kind\.yaml:3:1: "runs"/,
  },
  {
    what: 'YAML that blows up',
    args: ['run', file('bomb.yaml', bomb())],
    code: 4,
    says: /bomb\.yaml/,
  },
  {
    what: 'broken JSON',
    args: rtApp('{"tasks": {"a": {"run": 1000 ', 'broken.json'),
    code: 4,
    says: /broken\.json:1:\d+/,
  },
  {
    what: 'an unknown key of rt-app',
    args: rtApp('{"tasks": {"a": {"sleeep": 1000}}}', 'key.json'),
    code: 6,
    says: /key\.json:1:\d+.*"sleeep"[\s\S]*did you mean "sleep"/,
  },
  {
    what: 'broken XML',
    args: on(file('broken.xml', '<topology version="2.0"><object type="Machine">')),
    code: 4,
    says: /broken\.xml:\d+/,
  },
  {
    what: 'a broken tarball',
    args: on(file('broken.tar.bz2', 'BZh91AY&SY broken')),
    code: 4,
    says: /broken\.tar\.bz2/,
  },
  { what: 'a machine without CPUs', args: on('pack:0'), code: 4, says: /pack:0/ },
  { what: 'too many CPUs', args: on('pack:99999 core:99999'), code: 8, says: /8192/ },
  { what: 'an unknown preset', args: on('epic-7763'), code: 3, says: /did you mean "epyc-7763"/ },
  {
    what: 'a workload pinned to CPUs that are not there',
    args: rtApp('{"tasks": {"a": {"cpus": [99], "run": 1000, "sleep": 1000}}}', 'pinned.json'),
    code: 6,
    says: /pinned\.json:1:12: .*no CPU of this machine, which has 0\.\.3/,
  },
  { what: 'an unknown generator parameter', args: on('smp4', 'hogs:nn=3'), code: 6, says: /nn/ },
  { what: 'an absurd number of tasks', args: on('smp4', 'hogs:n=1e99'), code: 6, says: /1e99/ },
  { what: 'more tasks than we take', args: on('smp4', 'hackbench:groups=10000,fds=10000'), code: 8, says: /hackbench/ },
  { what: 'an unknown policy', args: withPolicy('linux-61'), code: 7, says: /did you mean "linux-6\.1"/ },
  { what: 'an unknown part', args: withPolicy('linux-6.1,newidl=off'), code: 7, says: /did you mean "newidle"/ },
  {
    what: 'an unknown variant',
    args: withPolicy('linux-6.1,newidle=of'),
    code: 7,
    says: /known: full, pull_one, steal, off_below_numa, off/,
  },
  { what: 'an unknown feature', args: withPolicy('linux-6.1,NO_NI_RANDON'), code: 7, says: /NO_NI_RANDON/ },
  { what: 'an absurd tunable', args: withPolicy('linux-6.1,migration_cost=999999s'), code: 7, says: /migration_cost/ },
  { what: '200 MB of zeros as a machine', args: on(garbage('zero.xml', '')), code: 8, says: /zero\.xml/ },
  { what: '200 MB as a tarball', args: on(garbage('zero.tar.gz', '\x1f\x8b\x08\0')), code: 8, says: /zero\.tar\.gz/ },
  { what: '200 MB as a workload', args: on('smp4', garbage('zero.json', '{')), code: 8, says: /zero\.json/ },
  { what: '200 MB as a scenario', args: ['run', garbage('zero.yaml', 'a: ')], code: 8, says: /zero\.yaml/ },
];

describe('bad input', () => {
  for (const { what, args, code, says } of BAD) {
    test(what, () => {
      const before = readdirSync(folder);
      const run = steelyard(args);
      assert.match(run.err, says);
      assert.equal(run.code, code, run.err);
      assert.equal(run.out, '');
      assert.doesNotMatch(run.err, /\n {4}at /, 'no stack trace');
      assert.ok(run.err.split('\n').length <= 4, `one message: ${run.err}`);
      assert.deepEqual(readdirSync(folder), before, 'nothing is left behind');
    });
  }

  test('a trace is not left half-written when the workload turns out not to fit', () => {
    const out = join(folder, 'out');
    mkdirSync(out);
    const workload = file('stuck.json', '{"tasks": {"a": {"loop": 1, "suspend": "a"}}}');
    const run = steelyard([
      'run',
      '-m',
      'smp4',
      '-w',
      workload,
      '--trace',
      join(out, 't.txt'),
      '--schedstat',
      join(out, 's'),
    ]);
    assert.equal(run.code, 6, run.err);
    assert.match(run.err, /stuck/);
    assert.deepEqual(readdirSync(out), []);
  });
});

/** Aliases of aliases: nine levels of nine. */
function bomb(): string {
  let text = 'a0: &a0 [x]\n';
  for (let i = 1; i < 10; i++)
    text += `a${i}: &a${i} [${Array(9)
      .fill(`*a${i - 1}`)
      .join(', ')}]\n`;
  return text;
}
