/** Files that real people wrote, damaged at random: they are read, or refused as a user's error, and at once. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { generate } from '../../src/workload/generators/generate.ts';
import { readWorkload } from '../../src/workload/read.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

const SCENARIO = `# a comment
%% REPS=5
duration 600000
seed 4
task hog n={N*2} cpus=0-1 jitter=2000 nice=-5 cg=a : hog
task per policy=fifo:40 at=10 step=5 : ( run 3000 period 10000 )x0
task ping n=2 : ( run 30..80 wake a%i wait b%p fork per 2 yield cpus 0-{N-1} nice 3 )x5 exit
ctl 300000 cpus hog 0-{N-1}
ctl 300100 mark text
sample per 2 10000
%pre
mkdir -p /cg/a; echo 300 > /cg/a/cpu.weight
`;
const RT_APP = `{ /* c */ "tasks": { "a": { "instance": 2, "loop": 3, "cpus": [0, 1], "priority": -3,
  "phases": { "p": { "run": 100, "suspend", "timer": { "ref": "unique", "period": 1000 }, },
              "p": { "lock": "m", "wait": { "ref": "c", "mutex": "m" }, "unlock": "m", "fork": "a" } } } },
  "global": { "duration": 2, "calibration": "CPU0", "ftrace": "main,loop" } }`;
const SPECS = [
  'hackbench:groups=2,fds=3,loops=100,write_ns=1700',
  'runsleep:n={N*3/2},run=1ms..8ms,cpus=0-1+3',
  'rpc:leaf=lognormal(60us,0.8)',
];

const WORDS = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '/*',
    '*/',
    '//',
    '(',
    ')x0',
    ')',
    '%',
    '%%',
    '%cmd',
    '#',
    '=',
    '..',
    '-',
  ],
  ...[
    '0',
    '-1',
    '1e9',
    '99999999999999999999',
    '{N}',
    '{N-9}',
    '{',
    'null',
    'true',
    '\n',
    '\t',
    '\0',
    '\ufeff',
    'é',
    '🙂',
  ],
  ...['"run"', '"loop"', '"phases"', 'task', 'fork', 'hog', 'x1000000000', 'n=1000000', '"instance": 1000000,'],
];

interface Change {
  readonly at: number;
  readonly remove: number;
  readonly insert: string;
}

const changes = fc.array(
  fc.record({
    at: fc.nat(1 << 20),
    remove: fc.oneof(fc.constant(0), fc.nat(3), fc.nat(60)),
    insert: fc.oneof(fc.constantFrom(...WORDS), fc.constant(''), fc.string({ maxLength: 4 })),
  }),
  { minLength: 1, maxLength: 6 },
);

function damage(text: string, list: readonly Change[]): string {
  for (const { at, remove, insert } of list) {
    const from = at % (text.length + 1);
    text = text.slice(0, from) + insert + text.slice(from + remove);
  }
  return text;
}

const LIMIT_MS = 2000;

function survives(text: string, read: () => unknown): void {
  const begin = process.cpuUsage();
  try {
    read();
  } catch (e) {
    assert.ok(e instanceof UserError, `${e instanceof Error ? e.stack : e}\n${text}`);
    assert.ok(e.what.length < 500, e.what);
  }
  // CPU time: a busy machine is no fault of the reader.
  const { user, system } = process.cpuUsage(begin);
  const ms = (user + system) / 1000;
  assert.ok(ms < LIMIT_MS, `${ms} ms for\n${text}`);
}

function fuzz(originals: readonly string[], numRuns: number): void {
  fc.assert(
    fc.property(fc.constantFrom(...originals), changes, (original, list) => {
      const text = damage(original, list);
      survives(text, () => readWorkload(text, { name: 'fuzz', nrCpus: 4 }));
    }),
    { numRuns },
  );
}

test('damaged files of our own are read or refused', () => {
  fuzz([SCENARIO, RT_APP], 3000);
});

test('damaged real files are read or refused', needsShared, () => {
  const files = ['kernel-lab/scenarios', 'inputs/rt-app'].flatMap((folder) =>
    readdirSync(sharedPath(folder)).map((f) => readFileSync(sharedPath(`${folder}/${f}`), 'utf8')),
  );
  fuzz(files, 3000);
});

test('damaged generator strings are read or refused', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SPECS), changes, (original, list) => {
      const text = damage(original, list);
      survives(text, () => generate(text, 4));
    }),
    { numRuns: 2000 },
  );
});

test('large garbage is refused early', () => {
  const size = 1 << 24;
  for (const text of [
    'x'.repeat(size),
    '{'.repeat(size),
    '"'.repeat(size),
    '/*'.repeat(size / 2),
    '{"a",'.repeat(size / 5),
    '#\n'.repeat(size / 2),
    'task a : hog\n'.repeat(size / 13),
    `task a : ${'run 1 '.repeat(size / 6 - 10)}`,
    `task a : ${'( '.repeat(10_000)}`,
    `{"tasks": {${'"a": {"run": 1},'.repeat(60_000)}}}`,
  ])
    survives(text.slice(0, 40), () => readWorkload(text, { name: 'garbage', nrCpus: 4 }));
});
