import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { RandomStreams } from '../../src/engine/random.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { zstdDecompressor } from '../../src/trace/zstd.ts';
import type { Instruction, Workload } from '../../src/workload/program.ts';
import { readWorkload } from '../../src/workload/read.ts';
import { runIdeally } from '../support/ideal-machine.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

const read = (text: string, nrCpus = 4) => readWorkload(text, { name: 'test', nrCpus });
const program = (text: string, kind: number, nrCpus = 4) => read(text, nrCpus).workload.kinds[kind]!.program;
const until = (ns: number): Instruction => ({ op: 'sleepUntil', atNs: ns, stepNs: 0, jitterNs: 0 });
const mark = (text: string): Instruction => ({ op: 'mark', text });

function records(): string[] {
  return ['ground-truth', 'ground-truth-6.12'].flatMap((folder) =>
    readdirSync(sharedPath(folder))
      .map((name) => sharedPath(`${folder}/${name}`))
      .filter((path) => statSync(path).isDirectory()),
  );
}

/** `smp16-unpin` is on 16 CPUs. */
function cpusOf(record: string): number {
  return Number(/^[a-z]+(\d+)-/.exec(basename(record))![1]);
}

function refused(text: string, what: RegExp, line: number, column: number): void {
  assert.throws(
    () => read(text),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.deepEqual([e.place.line, e.place.column], [line, column], e.message);
      return true;
    },
  );
}

test('every scenario of the kernel lab is read, on machines of several sizes', needsShared, () => {
  const folder = sharedPath('kernel-lab/scenarios');
  for (const file of readdirSync(folder))
    for (const nrCpus of [2, 4, 8, 16, 64]) {
      const { workload, warnings } = loadWorkload(`${folder}/${file}`, nrCpus);
      assert.ok(workload.maxTasks > 1, file);
      if (nrCpus >= 4) assert.deepEqual(warnings, [], file);
    }
});

test('every record’s load is read, with what was prepared for it', needsShared, () => {
  for (const record of records()) {
    const reading = loadWorkload(record, cpusOf(record));
    assert.deepEqual(reading.warnings, [], record);
    const runs = readdirSync(record).filter((f) => /^r\d+$/.test(f)).length;
    assert.equal(reading.repetitions, runs, record);
    assert.deepEqual(reading.features, record.endsWith('-noni') ? ['NO_NI_RANDOM'] : [], record);
    if (record.endsWith('-cgroup'))
      assert.deepEqual(
        reading.workload.groups.map((g) => [g.path, g.weight]),
        [
          ['/a', 100],
          ['/b', 300],
        ],
      );
  }
});

test('the tasks that were recorded are those that are started, in that order', needsShared, async () => {
  const decompress = await zstdDecompressor();
  for (const record of records().filter((r) => !r.endsWith('hackbench'))) {
    const text = new TextDecoder().decode(decompress(readFileSync(`${record}/r1/tasks.txt.zst`)));
    const recorded = [...text.matchAll(/@ task=(\S+) pid=\d+ nice=(-?\d+) policy=(\d+)/g)].map((m) => m[1]);
    const { workload } = loadWorkload(record, cpusOf(record));
    const run = runIdeally(workload);
    assert.deepEqual(
      run.tasks.slice(1).map((t) => t.comm),
      recorded,
      record,
    );
  }
});

test('starts drawn with labgen’s seeding are those that were recorded', needsShared, async () => {
  const decompress = await zstdDecompressor();
  for (const name of ['smp4-oddhogs', 'smp4-nice', 'smp4-shortsleep', 'smp4-periodic']) {
    const record = sharedPath(`ground-truth/${name}`);
    const { workload, seed0 } = loadWorkload(record, cpusOf(record));
    const trace = new TextDecoder().decode(decompress(readFileSync(`${record}/trace.txt.zst`), 1 << 30));
    const begin = trace.indexOf('labgen start');
    const lines = trace.slice(trace.lastIndexOf('\n', begin), trace.indexOf('lab rep 2'));
    const [zero, ...firstWakes] = firstTimes(lines);
    const drawn = startsOf(workload, seed0);
    assert.equal(firstWakes.length, drawn.size, name);
    for (const [comm, ns] of firstWakes) {
      const late = ns - zero![1] - drawn.get(comm)!;
      // Slack of timers and a busy CPU make it later; the marker is written a few us after time zero.
      assert.ok(late > -30_000 && late < 150_000, `${name} ${comm}: ${late} ns`);
    }
  }
});

/** The time of the first marker, then of the first wakeup of each task of the load. */
function firstTimes(lines: string): [string, number][] {
  const times = new Map<string, number>();
  for (const m of lines.matchAll(/ (\d+)\.(\d{9}): (?:print: .*(labgen start)|sched_waking: +comm=(\S+-\d+) )/g)) {
    const name = m[3] ?? m[4]!;
    if (!times.has(name)) times.set(name, Number(m[1]) * 1e9 + Number(m[2]));
  }
  return [...times];
}

/** When each task begins after time zero, by name. */
function startsOf(w: Workload, seed: number): Map<string, number> {
  const random = new RandomStreams(1);
  const starts = new Map<string, number>();
  let slot = 0;
  for (const i of w.kinds[0]!.program) {
    if (i.op !== 'fork') continue;
    for (let index = 0; index < i.count; index++) {
      random.setState(0, seed * 1_000_003 + slot++ * 7919 + (i.kind - 1));
      const { program } = w.kinds[i.kind]!;
      const start = program.find((p) => p.op === 'sleepUntil')!;
      const name = program.find((p) => p.op === 'rename')!.comm.replace('%d', `${index}`);
      starts.set(name, start.atNs + start.stepNs * index + random.below(0, start.jitterNs / 1000 + 1) * 1000);
    }
  }
  return starts;
}

test('the controller sets the epoch, forks, marks, acts, and stops everything 30 ms after the end', () => {
  const text = `duration 1000
task a n=2 : hog
task b born=0 : hog
task c : hog
ctl 300 cpus a 0-{N-1}
ctl 400 mark half way   there
ctl 350 nice c 5
ctl 2000 mark never
`;
  const reading = read(text);
  assert.deepEqual(reading.workload.kinds[0]!.program, [
    { op: 'epoch', delayNs: 20_000_000 },
    { op: 'fork', kind: 1, count: 2, firstIndex: 0 },
    { op: 'fork', kind: 3, count: 1, firstIndex: 0 },
    until(0),
    mark('labgen start'),
    until(300_000),
    mark('labgen ctl cpus a 0-3'),
    { op: 'setAffinity', of: 1, cpus: [0, 1, 2, 3] },
    until(400_000),
    mark('half way   there'),
    until(350_000),
    mark('labgen ctl nice c 5'),
    { op: 'setNice', of: 3, nice: 5 },
    until(1_000_000),
    mark('labgen end'),
    until(31_000_000),
    mark('labgen gone'),
    { op: 'stop' },
  ]);
  const [main] = reading.workload.kinds;
  assert.deepEqual([main!.name, main!.comm, main!.policy, main!.priority], ['', 'labgen', 'fifo', 99]);
  assert.match(reading.warnings[0]!.message, /after the end/);
  assert.equal(reading.warnings[0]!.line, 8);
});

test('a task names itself, joins its group, sets affinity, policy and nice, sleeps to its start, and begins', () => {
  const text =
    'task averylongname n=3 cg=g/h cpus=1-2 policy=batch nice=7 at=100 step=10 jitter=50 : run 5..9 period 100 exit';
  const { workload } = read(text);
  assert.deepEqual(workload.kinds[1]!.program, [
    { op: 'rename', comm: 'averylongna-%d' },
    { op: 'setGroup', group: 1 },
    { op: 'setAffinity', of: 'self', cpus: [1, 2] },
    { op: 'setPolicy', policy: 'batch', priority: 0 },
    { op: 'setNice', of: 'self', nice: 7 },
    { op: 'sleepUntil', atNs: 100_000, stepNs: 10_000, jitterNs: 50_000 },
    { op: 'begin' },
    { op: 'run', work: { kind: 'uniform', minNs: 5000, maxNs: 9000, stepNs: 1000 } },
    { op: 'cpuClock' },
    { op: 'period', ns: 100_000 },
    { op: 'exit' },
  ]);
  assert.equal(workload.seeding, 'labgen');
  assert.equal(workload.endNs, 1_000_000_000, 'the default duration');
});

test('tasks end when the run ends, whatever they are in, except those that wait for somebody', () => {
  const text = `duration 5000
task hog : hog
task per : ( run 100 period 1000 )x0
task long : sleep 1000000
task lost : wait nobody run 5`;
  const run = runIdeally(read(text).workload);
  const end = 25_000_000;
  assert.deepEqual(
    run.tasks.map((t) => t.exitNs),
    [undefined, end, end, end, undefined],
  );
  assert.equal(run.endNs, end + 30_000_000);
});

test('loops repeat as often as they say, and passes are counted', () => {
  const run = runIdeally(read('task a : ( ( run 1 )x3 sleep 10 )x2 ( run 7 )x0').workload, 22_000_000);
  const a = run.tasks[1]!;
  assert.ok(a.units > 8);
  assert.equal(program('task a : ( run 1 )', 1).find((i) => i.op === 'loop')!.count, 0, '")" alone is for ever');
});

test('a range that is empty is its beginning, and draws nothing', () => {
  const work = program('task a : run 9..3 sleep 5..5', 1).flatMap((i) => (i.op === 'run' ? [i.work] : []));
  assert.deepEqual(work, [{ kind: 'fixed', ns: 9000 }]);
});

test('each fork action counts its tasks from 0, as the children of whoever forks', () => {
  const run = runIdeally(read('task p : fork c 2 run 100 fork c 1\ntask c born=0 : run 10').workload);
  assert.deepEqual(
    run.tasks.map((t) => [t.comm, t.parent?.comm]),
    [
      ['labgen', undefined],
      ['p-0', 'labgen'],
      ['c-0', 'p-0'],
      ['c-1', 'p-0'],
      ['c-0', 'p-0'],
    ],
  );
});

test('pipes are told apart by the names they come out as', () => {
  const { workload } = read(`task ping n=3 : wake a%i wait b%i
task pong n=3 : wait a%i wake b%i
task pair n=5 : wake c%p
task one : wait a2 wake c0 wake plain
task two : wait plain`);
  assert.deepEqual(
    workload.semaphores.map((s) => s.name),
    ['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'c0', 'c1', 'c2', 'plain'],
  );
  const refs = (kind: number) =>
    workload.kinds[kind]!.program.flatMap((i) => (i.op === 'wake' || i.op === 'wait' ? [i.semaphore] : []));
  const each = (base: number) => ({ base, stride: 1, shift: 0 });
  const one = (base: number) => ({ base, stride: 0, shift: 0 });
  assert.deepEqual(refs(1), [each(0), each(3)]);
  assert.deepEqual(refs(2), [each(0), each(3)]);
  assert.deepEqual(refs(3), [{ base: 6, stride: 1, shift: 1 }]);
  assert.deepEqual(refs(4), [one(2), one(6), one(9)]);
  assert.deepEqual(refs(5), [one(9)]);
});

test('forked tasks have pipes of their own, as many as are forked', () => {
  const { workload } = read('task p : fork c 6 run 10\ntask c born=0 : wait go%i');
  assert.equal(workload.semaphores.length, 6);
});

test('pairs wake each other through their pipes', () => {
  const run = runIdeally(
    read(
      'duration 1000\ntask ping n=2 : ( run 30 wake a%i wait b%i )x5\ntask pong n=2 : ( wait a%i run 30 wake b%i )x5',
    ).workload,
  );
  for (const t of run.tasks.slice(1)) assert.equal(t.units, 5);
  assert.equal(run.tasks[1]!.exitNs! - 20_000_000, 300_000);
});

test('samples are taken by the controller, and told to whoever wants them', () => {
  const { samples, workload } = read('duration 25\ntask a n=3 : hog\nsample a 2 10');
  assert.deepEqual(samples, [{ task: 'a', kind: 1, count: 2, periodNs: 10_000 }]);
  const times = workload.kinds[0]!.program.flatMap((i) => (i.op === 'sleepUntil' ? [i.atNs] : []));
  assert.deepEqual(times, [0, 10_000, 20_000, 25_000, 30_025_000]);
});

test('variables say repetitions and seed; a seed line counts where there is none', () => {
  const of = (text: string) => {
    const { repetitions, seed0 } = read(text);
    return [repetitions, seed0];
  };
  assert.deepEqual(of('%% REPS=7\n%% SEED0=40\nseed 3\ntask a : hog'), [7, 40]);
  assert.deepEqual(of('seed 3\ntask a : hog'), [1, 3]);
  assert.deepEqual(of('%% EVENTS="std runtime"\ntask a : hog'), [1, 1]);
});

test('what is done before a run is understood as far as it is about groups and features', () => {
  const reading = read(`task a cg=x/y : hog
task b cg=z : hog
%pre
mkdir -p /cg/x/y /cg/e 2>/dev/null; echo '20000 100000' > /cg/x/cpu.max && echo 50 > /cg/x/y/cpu.weight
echo "1" > /cg/e/cpu.idle # idle
echo NO_NI_RANDOM > /sys/kernel/debug/sched/features; echo STEAL > /sys/kernel/debug/sched/features
modprobe foo
%post
rmdir /cg/x
`);
  assert.deepEqual(reading.features, ['NO_NI_RANDOM', 'STEAL']);
  assert.deepEqual(
    reading.workload.groups.map((g) => [g.path, g.parent, g.weight, g.idle, g.quotaNs]),
    [
      ['/x', -1, 100, false, 20_000_000],
      ['/x/y', 0, 50, false, null],
      ['/e', -1, 100, true, null],
      ['/z', -1, 100, false, null],
    ],
  );
  assert.deepEqual(
    reading.warnings.map((w) => [w.message, w.line]),
    [
      ['"modprobe foo" means nothing to a simulation', 7],
      ['nothing makes the control group "z"; it gets weight 100', 2],
    ],
  );
});

test('a command is the generator of that benchmark with the same arguments', () => {
  const of = (command: string) => {
    const { workload } = read(`# comment\n%cmd\n${command}\n`);
    return [workload.maxTasks - 1, workload.channels[0]?.capacity, workload.kinds[1]!.process, workload.durationNs];
  };
  assert.deepEqual(of('hackbench -p -g 1 -l 100 -s 100'), [40, 640, -1, null]);
  assert.deepEqual(of('hackbench -pTg2 -f 5'), [20, 640, 0, null]);
  assert.deepEqual(of('/usr/bin/hackbench --groups=1 --fds 3 --process'), [6, 277, -1, null]);
  assert.deepEqual(of('perf bench sched messaging -t -g 1'), [40, 277, 0, null]);
  assert.deepEqual(of('perf bench sched pipe -T -l {N}'), [2, undefined, 0, null]);
  refused('%cmd\nhackbench -x', /unknown option "-x"/, 2, 1);
  refused('%cmd\nhackbench -g', /wants a number/, 2, 1);
  refused('%cmd\nhackbench -g 0', /groups is "0"/, 2, 1);
  refused('%cmd\n sysbench run', /no generator for the command "sysbench run"/, 2, 2);
  refused('%cmd\nhackbench; hackbench', /only one command/, 2, 12);
});

test('what is wrong is said at its line and column, also behind an expression', () => {
  refused('task a : hogg', /unknown action "hogg" \(did you mean "hog"\?\)/, 1, 10);
  refused('task a n={N*100} nise=4 : hog', /unknown option "nise" \(did you mean "nice"\?\)/, 1, 18);
  refused('task a n=four : hog', /n should be a whole number, not "four"/, 1, 10);
  refused('task a n={M} : hog', /cannot work out/, 1, 10);
  refused('task a hog', /"hog" is not KEY=VALUE \(a ":" stands/, 1, 8);
  refused('task a n=1', /a ":" and the actions/, 1, 11);
  refused('task : hog', /task's name is missing/, 1, 6);
  refused('task a : run', /the time of "run" is missing/, 1, 13);
  refused('task a : run 5ms', /should be microseconds/, 1, 14);
  refused('task a : ( run 1', /no "\)" belongs/, 1, 10);
  refused('task a : run 1 )x0', /no "\(" belongs/, 1, 16);
  refused('task a : ( run 1 )3', /does not say how often/, 1, 18);
  refused('task a : ( wake x )x0', /repeats for ever what takes no time/, 1, 6);
  refused('task a : period 0', /not within 1/, 1, 17);
  refused('task a policy=fifo : hog', /fifo needs a priority \(like "fifo:50"\)/, 1, 15);
  refused('task a policy=fifo:100 : hog', /not within 1..99/, 1, 20);
  refused('task a cpus=x : hog', /not a list of CPUs/, 1, 13);
  refused('task a : fork b 1', /no task "b" to fork/, 1, 15);
  refused('task a : hog\nctl 5 cpus b 0', /no task "b" above/, 2, 12);
  refused('task a : hog\nctl 5 pin a 0', /ctl cannot do "pin"/, 2, 7);
  refused('task a : wake x%i%p', /more than one %i or %p/, 1, 15);
  refused('task a : hog\ndurration 5', /cannot begin with "durration" \(did you mean "duration"\?\)/, 2, 1);
  refused('%% REP=5\ntask a : hog', /unknown variable "REP" \(did you mean "REPS"\?\)/, 1, 4);
  refused('%pree\ntask a : hog', /cannot begin with "%pree"/, 1, 1);
  refused(`task a : ${'( '.repeat(9)}run 1 ${')x2 '.repeat(9)}`, /nested deeper than 8/, 1, 26);
  refused('task a n=1 : hog hog extra', /unknown action "extra"/, 1, 22);
});

test('CPUs that do not exist are left out, and a list of none changes nothing, as in the kernel', () => {
  const reading = read('task a cpus=2-9 : hog\ntask b cpus=9 : hog\nctl 5 cpus a 7');
  assert.deepEqual(reading.workload.kinds[1]!.program[1], { op: 'setAffinity', of: 'self', cpus: [2, 3] });
  assert.equal(
    reading.workload.kinds[2]!.program.some((i) => i.op === 'setAffinity'),
    false,
  );
  assert.deepEqual(
    reading.warnings.map((w) => [w.line, w.column]),
    [
      [2, 13],
      [3, 14],
    ],
  );
});

test('what is neither an rt-app file nor a scenario is refused as such', () => {
  for (const text of ['', 'hello world', '\u0000\u0001', '#!/bin/sh\necho', '<xml/>', '# only a comment'])
    assert.throws(() => read(text), { name: 'UserError', code: 'format' }, JSON.stringify(text));
  assert.throws(() => read(' '.repeat(20_000_000)), { code: 'limit' });
  assert.throws(() => read('tasks a : hog'), /did you mean "task"/);
});
