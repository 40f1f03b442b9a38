/** `steelyard explain`, and the options that go with it, as users call them. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { readTrace } from '../../src/trace/disk.ts';
import { steelyard } from '../support/cli.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));
const RUN = ['run', '--machine', 'smp4', '--workload', 'runsleep:n=6', '--duration', '100ms'];
const own = join(folder, 'own.steelyard');
const again = join(folder, 'again.steelyard');
const bare = join(folder, 'bare.steelyard');
const text = join(folder, 'text.txt');
for (const [file, ...more] of [[own, '--decisions'], [again, '--decisions'], [bare], [text]]) {
  const { code, err } = steelyard([...RUN, '--trace', file!, ...more]);
  assert.equal(code, 0, err);
}

describe('a moment', () => {
  test('the nearest decisions, in order, around a line that marks it', () => {
    const { code, out } = steelyard(['explain', own, '--at', '20.5ms', '-n', '6']);
    assert.equal(code, 0);
    const [head, ...lines] = out.trimEnd().split('\n');
    assert.match(head!, /^linux-6\.1 on smp4: 6 of \d+ decisions$/);
    const times = lines.filter((line) => /^\d/.test(line)).map((line) => Number.parseFloat(line));
    assert.equal(times.length, 6);
    assert.deepEqual(
      times,
      times.toSorted((a, b) => a - b),
    );
    const mark = lines.findIndex((line) => line.startsWith('-- 20.500000 ms'));
    assert.ok(mark > 0);
    assert.ok(lines.slice(0, mark).every((line) => !/^\d/.test(line) || Number.parseFloat(line) <= 20.5));
  });

  test('of one CPU, of one task by comm or pid', () => {
    const cpu = JSON.parse(steelyard(['explain', own, '--at', '20ms', '--cpu', '2', '--json']).out);
    assert.ok(
      cpu.decisions.every((d: { cpu: number; onCpu: number; chosen: number }) =>
        [d.cpu, d.onCpu, d.chosen].includes(2),
      ),
    );
    assert.ok(cpu.matching < cpu.total);
    const comm = JSON.parse(steelyard(['explain', own, '--at', '20ms', '--task', 'runsleep-1', '--json']).out);
    const { pid } = comm.decisions.find((d: { task: object | null }) => d.task !== null).task;
    const byPid = JSON.parse(steelyard(['explain', own, '--at', '20ms', '--task', String(pid), '--json']).out);
    assert.deepEqual(byPid.decisions, comm.decisions);
  });

  test('JSON is the documented form', () => {
    const answer = JSON.parse(steelyard(['explain', own, '--at', '20ms', '-n', '3', '--json']).out);
    assert.deepEqual(Object.keys(answer), ['source', 'machine', 'complete', 'atNs', 'total', 'matching', 'decisions']);
    assert.equal(answer.complete, true);
    const doc = readFileSync(new URL('../../docs/decisions.md', import.meta.url), 'utf8');
    for (const field of Object.keys(answer.decisions[0])) assert.ok(doc.includes(`\`${field}\``), field);
  });

  test('of a text it says what follows from its events, and that the rest was not recorded', () => {
    const { code, out } = steelyard(['explain', text, '--at', '20ms', '-n', '12']);
    assert.equal(code, 0);
    assert.match(out, /were not recorded\.\n/);
    assert.match(out, /load_balance MC \(newidle\): 1 task from CPU \d/);
    assert.match(out, /runsleep-\d-10\d\d is woken by .*: to CPU \d/);
    assert.doesNotMatch(out, /group \{/);
    assert.equal(JSON.parse(steelyard(['explain', text, '--at', '20ms', '--json']).out).complete, false);
  });
});

test('waits while a CPU ran nothing, with what was decided about it', () => {
  const { code, out } = steelyard(['explain', own, '--violations', '1ms']);
  assert.equal(code, 0);
  assert.match(
    out,
    /^\d+ waits of 1 ms or more while a CPU ran nothing\nrunsleep-\d-10\d\d waited on CPU \d while CPU \d ran nothing: /,
  );
  const { violations } = JSON.parse(steelyard(['explain', own, '--violations', '1ms', '--json']).out);
  for (const { fromNs, toNs, idleCpu, decisions, placement } of violations) {
    assert.ok(toNs - fromNs >= 1e6);
    assert.notEqual(placement, null);
    for (const d of decisions) {
      assert.ok(d.timeNs >= fromNs && d.timeNs <= toNs);
      assert.ok(d.cpu === idleCpu || d.chosen === idleCpu);
    }
  }
  assert.ok(violations.some(({ decisions }: { decisions: object[] }) => decisions.length > 0));
});

test('the same run makes the same file', () => {
  assert.deepEqual(readFileSync(again), readFileSync(own));
});

test('compare writes traces with decisions', () => {
  const traces = join(folder, 'traces');
  const policies = ['-p', 'linux-6.1', '-p', 'linux-6.1,newidle=off'];
  const common = ['-m', 'smp4', '-w', 'runsleep:n=6', '--duration', '50ms', '-n', '2'];
  const { code, err } = steelyard(['compare', ...common, ...policies, '--traces', traces, '--decisions']);
  assert.equal(code, 0, err);
  assert.deepEqual(readdirSync(traces), ['linux-6.1.steelyard', 'linux-6.1_newidle=off.steelyard']);
  for (const name of readdirSync(traces))
    assert.equal(readTrace(readFileSync(join(traces, name))).tables.decisions, true);
});

describe('where two policies part', () => {
  const compare = (...policies: string[]) => {
    const common = ['compare', '-m', 'smp4', '-w', 'runsleep:n=6', '--duration', '100ms', '--first-divergence'];
    return steelyard([...common, ...policies.flatMap((policy) => ['-p', policy])]);
  };

  test('one acts, and the other says why not', () => {
    const { code, out } = compare('linux-6.1', 'linux-6.1,newidle=off');
    assert.equal(code, 0);
    assert.match(out, /^linux-6\.1 and linux-6\.1,newidle=off do the same \d+ times, and part at \d/m);
    assert.match(out, /^linux-6\.1:\n {2}\d+\.\d+ ms {2}CPU \d {2}load_balance MC \(newidle\): 1 task from/m);
    assert.match(
      out,
      /^linux-6\.1,newidle=off:\n {2}.*newidle balance: nothing: out of scope: the policy has newidle=off$/m,
    );
    assert.match(out, /and what it does next is/);
  });

  test('or they do not', () => {
    // The same policy by another name.
    assert.match(compare('linux-6.1', 'linux-6.1,newidle=full').out, /do not part: \d+ placements and moves alike\n$/);
  });

  test('each policy against the first, as JSON too', () => {
    const policies = ['linux-6.1', 'linux-6.1,newidle=off', 'linux-6.1,NO_SIS_UTIL'];
    const common = [
      'compare',
      '-m',
      'smp4',
      '-w',
      'runsleep:n=6',
      '--duration',
      '50ms',
      '--first-divergence',
      '--json',
    ];
    const { divergences } = JSON.parse(steelyard([...common, ...policies.flatMap((policy) => ['-p', policy])]).out);
    assert.deepEqual(
      divergences.map((d: { policies: string[] }) => d.policies),
      [policies.slice(0, 2), [policies[0], policies[2]]],
    );
    for (const { atNs, sides } of divergences) {
      const times = sides.map((side: { decision: { timeNs: number } | null }) => side.decision?.timeNs);
      assert.ok(times.includes(atNs));
    }
  });
});

describe('what is wrong is said, with the exit code of wrong use', () => {
  const noEvents = join(folder, 'plain.txt');
  writeFileSync(
    noEvents,
    readFileSync(text, 'utf8')
      .split('\n')
      .filter((line) => !/lb_|newidle|select|ilb_|active_balance/.test(line))
      .join('\n'),
  );
  const BAD: readonly (readonly [what: string, args: readonly string[], says: RegExp, code?: number])[] = [
    ['no moment', ['explain', own], /give --at TIME or --violations TIME/],
    ['both', ['explain', own, '--at', '1ms', '--violations', '1ms'], /give --at TIME or --violations TIME/],
    ['a moment without a unit', ['explain', own, '--at', '20'], /with its unit/],
    [
      'a moment after the end',
      ['explain', own, '--at', '20s'],
      /own\.steelyard: 20000\.000000 ms is not in the trace\n {2}it is of 0\.000000 ms to 100\.000000 ms/,
    ],
    [
      'a trace without decisions',
      ['explain', bare, '--at', '20ms'],
      /bare\.steelyard: no decisions were recorded in this trace\n {2}record it again with `steelyard run --decisions/,
    ],
    [
      'a text without balancing',
      ['explain', noEvents, '--at', '20ms'],
      /plain\.txt: this trace has no events of balancing/,
    ],
    [
      'no such CPU',
      ['explain', own, '--at', '20ms', '--cpu', '4'],
      /there is no CPU 4\n {2}the machine has 4 CPUs, from 0/,
    ],
    [
      'no such task',
      ['explain', own, '--at', '20ms', '--task', 'runslep-1'],
      /there is no task "runslep-1"\n {2}did you mean "runsleep-1"\?/,
    ],
    ['a wait of another length', ['explain', own, '--violations', '7ms'], /1ms, 10ms or 100ms/],
    ['a CPU with waits', ['explain', own, '--violations', '1ms', '--cpu', '1'], /go with --at/],
    ['a kernel that is none', ['explain', text, '--at', '20ms', '--kernel', 'new'], /A release is as/],
    ['decisions that nothing keeps', [...RUN, '--decisions'], /add --trace FILE\.steelyard/],
    ['decisions in a text', [...RUN, '--decisions', '--trace', join(folder, 'x.txt')], /cannot keep decisions/],
    [
      'decisions of a comparison that nothing keeps',
      ['compare', '-m', 'smp4', '-w', 'hogs', '-p', 'linux-6.1', '-p', 'linux-6.1,newidle=off', '--decisions'],
      /add --traces FOLDER/,
    ],
    [
      'traces of a divergence',
      [
        'compare',
        '-m',
        'smp4',
        '-w',
        'hogs',
        '-p',
        'linux-6.1',
        '-p',
        'linux-6.1,newidle=off',
        '--first-divergence',
        '--traces',
        folder,
      ],
      /leave out --traces/,
    ],
    ['no such file', ['explain', join(folder, 'no.steelyard'), '--at', '1ms'], /no\.steelyard: no such file/, 3],
    ['a folder', ['explain', folder, '--at', '1ms'], /this is a folder/, 3],
    ['no trace', ['explain', new URL(import.meta.url).pathname, '--at', '1ms'], /this is no trace/, 4],
    [
      'a trace cut short',
      ['explain', cut(), '--at', '1ms'],
      /cut\.steelyard at byte \d+: the trace file is damaged/,
      4,
    ],
  ];
  for (const [what, args, says, expected = 2] of BAD) {
    test(what, () => {
      const { code, out, err } = steelyard(args);
      assert.equal(code, expected, err);
      assert.match(err, says);
      assert.equal(out, '');
    });
  }
});

function cut(): string {
  const file = join(folder, 'cut.steelyard');
  writeFileSync(file, readFileSync(own).subarray(0, 3000));
  return file;
}
