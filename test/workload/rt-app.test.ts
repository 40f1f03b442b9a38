import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { PlacedText, WarningList } from '../../src/workload/places.ts';
import type { Instruction, TaskKind } from '../../src/workload/program.ts';
import type { RtAppOptions } from '../../src/workload/rt-app/model.ts';
import { readRtAppModel } from '../../src/workload/rt-app/read-model.ts';
import { readRtApp } from '../../src/workload/rt-app/read-rt-app.ts';
import { runIdeally } from '../support/ideal-machine.ts';
import { needsShared, sharedPath } from '../support/shared.ts';

const OPTIONS: RtAppOptions = { name: 'test', nrCpus: 4 };
const read = (text: string, options: Partial<RtAppOptions> = {}) => readRtApp(text, { ...OPTIONS, ...options });
const model = (text: string) => readRtAppModel(new PlacedText(text), new WarningList());
const task = (body: string, global = '') => `{"tasks": {"a": {${body}}}, "global": {${global}}}`;
const ops = (kind: TaskKind) => kind.program.map((i) => i.op);

function kindNamed(reading: ReturnType<typeof read>, name: string): TaskKind {
  const kind = reading.workload.kinds.find((k) => k.name === name);
  assert.ok(kind, name);
  return kind;
}

/** The instructions of one pass of task "a", without what is not the events'. */
function passOf(text: string, options: Partial<RtAppOptions> = {}): Instruction[] {
  const own = new Set(['rename', 'begin', 'unitBegin', 'unitDone', 'loop', 'end']);
  return kindNamed(read(text, options), 'a').program.filter((i) => !own.has(i.op));
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

test('spec 25 check 10: every real file is read', needsShared, () => {
  const files = readdirSync(sharedPath('inputs/rt-app')).filter((f) => f.endsWith('.json'));
  assert.ok(files.length >= 8);
  for (const file of files) {
    const reading = readRtApp(readFileSync(sharedPath(`inputs/rt-app/${file}`), 'utf8'), OPTIONS, file);
    for (const w of reading.warnings) assert.match(w.message, /"frag" is ignored|no trace markers/, file);
    const run = runIdeally(reading.workload, 1_000_000_000);
    assert.ok(run.tasks.length > 1, file);
  }
});

test('spec 25 check 10: a real file says what it says', needsShared, () => {
  const real = (file: string) => readFileSync(sharedPath(`inputs/rt-app/${file}`), 'utf8');
  const audioOut = model(real('mp3-short.json')).tasks[1]!;
  assert.deepEqual(
    audioOut.phases[0]!.events.map((e) => e.type),
    ['run', 'resume', 'run', 'suspend'],
    'both runs are kept, in order',
  );
  const thread2 = model(real('spreading-tasks.json')).tasks[1]!;
  assert.deepEqual(
    thread2.phases.map((p) => p.name),
    ['light1', 'heavy1', 'light2', 'heavy1'],
    'phases of one name are two phases',
  );
  const video = model(real('video-short.json'));
  assert.equal(video.tasks.length, 17);
  const [first] = video.tasks[0]!.phases[0]!.events;
  assert.ok(first?.type === 'suspend' && first.name === undefined, 'a suspend without a value is on its own name');
  const workload = readRtApp(real('video-short.json'), OPTIONS).workload;
  const names = workload.suspensions.map((s) => s.name);
  assert.ok(names.includes('EventThread') && names.includes('surfaceflinger'));
});

test('two tasks that suspend on one name are both resumed by it', needsShared, () => {
  const text = readFileSync(sharedPath('inputs/rt-app/video-short.json'), 'utf8');
  const run = runIdeally(readRtApp(text, OPTIONS).workload, 2_000_000_000);
  const units = (name: string) => run.tasks.find((t) => t.comm.startsWith(name))!.units;
  assert.ok(units('EventThread1') > 20 && units('EventThread2') > 20);
  const own = readRtApp(text, { ...OPTIONS, suspend: 'own_name' }).workload;
  assert.equal(runIdeally(own, 2_000_000_000).tasks.find((t) => t.comm.startsWith('EventThread1'))!.units, 0);
});

test('spec 25 check 11: a key is an event by its prefix, runtime is never run, memrun never mem', () => {
  const types = (body: string) => model(task(body)).tasks[0]!.phases[0]!.events.map((e) => e.type);
  assert.deepEqual(
    types(`"run": 1, "run0": 1, "runtime": 1, "runtime_b": 1, "sleep_a": 1, "timer1": {"ref": "x", "period": 1},
      "mem": 8, "memrun_x": {"size": 64, "count": 1}, "memory": 8, "iorun2": 4, "lock1": "m", "unlock1": "m",
      "wait_": {"ref": "c", "mutex": "m"}, "signal_c": "c", "broadcast": "c", "sync0": {"ref": "c", "mutex": "m"},
      "barrier9": "b", "suspend1": "x", "resume1": "x", "sem_post1": "s", "sem_wait1": "s", "yield0": "", "yield",
      "fork1": "a"`),
    [
      ...['run', 'run', 'runtime', 'runtime', 'sleep', 'timer', 'mem', 'memrun', 'mem', 'iorun', 'lock', 'unlock'],
      ...['wait', 'signal', 'broad', 'sync', 'barrier', 'suspend', 'resume', 'sem_post', 'sem_wait', 'yield', 'yield'],
      'fork',
    ],
  );
});

test('spec 25 check 11: without phases a loop given is the number of passes, and none given is for ever', () => {
  const passes = (body: string) => {
    const run = runIdeally(read(task(body)).workload, 50_000_000);
    const a = run.tasks.find((t) => t.comm === 'a-0')!;
    return [a.units, a.exitNs];
  };
  assert.deepEqual(passes('"loop": 3, "run": 1000'), [3, 3_000_000]);
  assert.deepEqual(passes('"run": 1000'), [50, undefined]);
  assert.deepEqual(passes('"loop": -1, "run": 1000'), [50, undefined]);
  assert.deepEqual(passes('"loop": 0, "run": 1000'), [0, 0]);
});

test('with phases each has its own loop within the loop of the task', () => {
  const text = task(
    '"loop": 2, "phases": {"p": {"loop": 3, "run": 10}, "q": {"run": 1000}, "r": {"loop": 0, "run": 7}}',
  );
  const run = runIdeally(read(text).workload);
  assert.equal(run.endNs, 2 * (3 * 10_000 + 1_000_000));
});

test('instances are named after their task and index, and all are forked by "rt-app" in file order', () => {
  const text =
    '{"tasks": {"b": {"instance": 2, "loop": 1, "run": 1}, "a": {"loop": 1, "run": 1}, "t": {"instance": 0, "run": 1}}}';
  const reading = read(text);
  assert.deepEqual(reading.workload.kinds[0]!.program, [
    { op: 'fork', kind: 1, count: 2 },
    { op: 'fork', kind: 2, count: 1 },
    { op: 'waitChildren' },
  ]);
  assert.ok(reading.workload.kinds.every((k) => k.comm === 'rt-app'));
  const run = runIdeally(reading.workload);
  assert.deepEqual(
    run.tasks.map((t) => t.comm),
    ['rt-app', 'b-0', 'b-1', 'a-0'],
  );
});

test('a thread sets its affinity, policy and group, waits out its delay, and begins', () => {
  const text = task('"cpus": [2, 1], "priority": -5, "taskgroup": "/g/h", "delay": 700, "loop": 1, "run": 5');
  const { workload } = read(text);
  assert.deepEqual(workload.kinds[1]!.program.slice(0, 6), [
    { op: 'rename', comm: 'a-%d' },
    { op: 'setAffinity', of: 'self', cpus: [1, 2] },
    { op: 'setNice', of: 'self', nice: -5 },
    { op: 'setGroup', group: 1 },
    { op: 'sleep', time: { kind: 'fixed', ns: 700_000 }, state: 'S' },
    { op: 'begin' },
  ]);
  assert.deepEqual(
    workload.groups.map((g) => [g.path, g.parent]),
    [
      ['/g', -1],
      ['/g/h', 0],
    ],
  );
});

test('affinity of a phase ends with it: a later phase without returns to the task’s', () => {
  const text = task(
    '"cpus": [0], "phases": {"p": {"run": 1}, "q": {"cpus": [1], "run": 1}, "r": {"run": 1}, "s": {"run": 1}}',
  );
  const affinities = kindNamed(read(text), 'a').program.flatMap((i) => (i.op === 'setAffinity' ? [i.cpus] : []));
  assert.deepEqual(affinities, [[0], [1], [0]]);
  const last = task('"phases": {"p": {"run": 1}, "q": {"cpus": [1], "run": 1}}');
  const back = kindNamed(read(last), 'a').program.flatMap((i) => (i.op === 'setAffinity' ? [i.cpus] : []));
  assert.deepEqual(back, [null, [1]], 'the first phase undoes what the last one did');
});

test('scheduling changes at a phase only if it has a scheduling key', () => {
  const text = task(
    '"phases": {"p": {"policy": "SCHED_FIFO", "run": 1}, "q": {"run": 1}, "r": {"policy": "SCHED_OTHER", "priority": 3, "run": 1}, "s": {"priority": 4, "run": 1}}',
  );
  assert.deepEqual(
    kindNamed(read(text), 'a').program.filter((i) => i.op === 'setPolicy' || i.op === 'setNice'),
    [
      { op: 'setPolicy', policy: 'fifo', priority: 10 },
      { op: 'setPolicy', policy: 'other', priority: 0 },
      { op: 'setNice', of: 'self', nice: 3 },
      { op: 'setPolicy', policy: 'other', priority: 0 },
      { op: 'setNice', of: 'self', nice: 4 },
    ],
  );
  const rr = read(task('"priority": 7, "loop": 1, "run": 1', '"default_policy": "SCHED_RR"'));
  assert.deepEqual(rr.workload.kinds[1]!.program[1], { op: 'setPolicy', policy: 'rr', priority: 7 });
});

test('deadline keys are read in both spellings, and a custom slice from dl-runtime', () => {
  const old = model(task('"policy": "SCHED_DEADLINE", "runtime": 10, "period": 100, "deadline": 50, "run": 5'));
  assert.deepEqual(old.tasks[0]!.sched, {
    policy: 'SCHED_DEADLINE',
    dlRuntimeUs: 10,
    dlPeriodUs: 100,
    dlDeadlineUs: 50,
  });
  const both = model(task('"policy": "SCHED_DEADLINE", "dl-runtime": 10, "runtime": 7'));
  assert.equal(both.tasks[0]!.phases[0]!.events[0]!.type, 'runtime');
  assert.deepEqual(read(task('"dl-runtime": 5000, "run": 1')).workload.kinds[1]!.program[1], {
    op: 'setPolicy',
    policy: 'other',
    priority: 0,
    sliceNs: 5_000_000,
  });
});

test('run is work, calibrated; runtime is time', () => {
  const run = (global: string, capacities?: readonly number[]) =>
    passOf(task('"run": 1000, "runtime": 1000', global), capacities === undefined ? {} : { capacities })[0];
  const work = (ns: number) => ({ op: 'run', work: { kind: 'fixed', ns } });
  assert.deepEqual(run(''), work(1_000_000));
  assert.deepEqual(run('"calibration": "CPU1"', [1024, 512]), work(500_000));
  assert.deepEqual(run('"calibration": 17'), work(Math.floor(1_000_000 / 17) * 17));
  assert.deepEqual(passOf(task('"runtime": 1000'))[0], { op: 'runtime', ns: 1_000_000 });
});

test('a timer named unique... is one for each instance, any other is shared by all', () => {
  const text =
    '{"tasks": {"a": {"instance": 3, "run": 1, "timer": {"ref": "unique", "period": 10}, "timer": {"ref": "tick", "period": 10, "mode": "absolute"}},' +
    '"b": {"run": 1, "timer": {"ref": "unique", "period": 10}, "timer": {"ref": "tick", "period": 20}}}}';
  const { workload } = read(text);
  const timers = workload.kinds.flatMap((k) => k.program.flatMap((i) => (i.op === 'timer' ? [[i.timer, i.mode]] : [])));
  const own = (base: number) => ({ base, stride: 1, shift: 0 });
  const shared = (base: number) => ({ base, stride: 0, shift: 0 });
  assert.deepEqual(timers, [
    [own(0), 'relative'],
    [shared(3), 'absolute'],
    [own(4), 'relative'],
    [shared(3), 'relative'],
  ]);
});

test('a period that sleeps grows when it is late, one that uses a timer does not', () => {
  const text =
    '{"tasks": {"A": {"loop": 3, "run": 5000, "sleep": 10000}, "B": {"loop": 3, "run": 5000, "timer": {"ref": "unique", "period": 19000}}}}';
  const run = runIdeally(read(text).workload, undefined, true);
  const starts = (name: string) =>
    run.steps.filter((s) => s.task.comm === name && s.op === 'run').map((s) => s.from / 1e6);
  assert.deepEqual(starts('A-0'), [0, 15, 30]);
  assert.deepEqual(starts('B-0'), [0, 19, 38]);
});

test('spec 25 check 9: a missed timer shifts the grid if relative, and keeps it if absolute', () => {
  const starts = (mode: string, runUs: number) => {
    const text = task(
      `"loop": 1, "phases": {"p": {"loop": 2, "run": RUN, "t": 0}, "late": {"run": 30000, "t": 0}, "q": {"loop": 4, "run": RUN, "t": 0}}`
        .replaceAll('"t": 0', `"timer": {"ref": "unique", "period": 20000, "mode": "${mode}"}`)
        .replaceAll('RUN', `${runUs}`),
    );
    const run = runIdeally(read(text).workload, undefined, true);
    return run.steps.filter((s) => s.op === 'run').map((s) => s.from / 1e6);
  };
  assert.deepEqual(starts('relative', 1000), [0, 20, 40, 70, 90, 110, 130]);
  assert.deepEqual(starts('absolute', 1000), [0, 20, 40, 70, 80, 100, 120]);
  assert.deepEqual(starts('relative', 12_000), [0, 20, 40, 70, 90, 110, 130]);
  // Late by 10 ms, and 12 more: the timer of 80 ms is missed too, that of 100 ms is not.
  assert.deepEqual(starts('absolute', 12_000), [0, 20, 40, 70, 82, 100, 120]);
});

test('spec 25 check 12: a barrier waits for every instance of every task that names it', () => {
  const text =
    '{"tasks": {"a": {"instance": 2, "loop": 2, "run": 1000, "barrier": "b", "run": 1}, "c": {"loop": 2, "run": 5000, "barrier": "b"}}}';
  const { workload } = read(text);
  assert.deepEqual(workload.barriers, [{ name: 'b', parties: 3 }]);
  assert.equal(runIdeally(workload).tasks[1]!.exitNs, 10_001_000);
});

test('spec 25 check 13: a post before the wait is remembered, a resume before the suspend is lost', () => {
  const pair = (first: string, second: string) =>
    runIdeally(read(`{"tasks": {"a": {"loop": 1, ${first}}, "b": {"loop": 1, "run": 1000, ${second}}}}`).workload)
      .tasks[2]!;
  assert.equal(pair('"sem_post": "s"', '"sem_wait": "s"').exitNs, 1_000_000);
  assert.equal(pair('"resume": "b"', '"suspend"').stuckIn, undefined);
  assert.equal(pair('"resume": "b"', '"suspend"').exitNs, undefined);
});

test('sync locks, signals, waits and unlocks; where the file has the mutex locked, it does not lock twice', () => {
  const sync = '"sync": {"ref": "c", "mutex": "m"}, "run": 1';
  assert.deepEqual(
    passOf(task(sync)).map((i) => i.op),
    ['lock', 'signal', 'condWait', 'unlock', 'run'],
  );
  assert.deepEqual(
    passOf(task(`"lock": "m", ${sync}, "unlock": "m", ${sync}`)).map((i) => i.op),
    ['lock', 'signal', 'condWait', 'run', 'unlock', 'lock', 'signal', 'condWait', 'unlock', 'run'],
  );
});

test('priority inheritance is the file’s choice for all its mutexes', () => {
  const mutexes = (global: string) => read(task('"lock": "m", "run": 1, "unlock": "m"', global)).workload.mutexes;
  assert.deepEqual(mutexes('"pi_enabled": true'), [{ name: 'm', priorityInheritance: true }]);
  assert.deepEqual(mutexes(''), [{ name: 'm', priorityInheritance: false }]);
});

test('fork starts another instance of a task, a template included', () => {
  const text = '{"tasks": {"a": {"loop": 3, "run": 100, "fork": "t"}, "t": {"instance": 0, "loop": 1, "run": 50}}}';
  const run = runIdeally(read(text).workload);
  assert.deepEqual(
    run.tasks.map((t) => t.comm),
    ['rt-app', 'a-0', 't-0', 't-1', 't-2'],
  );
});

test('memory events cost what the comment says, and are a working set', () => {
  const { workload } = read(
    task(
      '"loop": 1, "mem": 1000, "memrun": {"type": "chase", "pattern": "random", "size": 65536, "count": 10}, "iorun": 100',
      '"io_device": "/dev/sda"',
    ),
  );
  const a = workload.kinds[1]!;
  assert.equal(a.workingSetBytes, 65536);
  const costs = a.program.flatMap((i) => (i.op === 'run' ? [i.work] : i.op === 'sleep' ? [i.time] : []));
  assert.deepEqual(
    costs.map((d) => d.kind === 'fixed' && d.ns),
    [100, 40, 1010, 100_200],
  );
});

test('the duration is in seconds, and -1 is until all have ended', () => {
  assert.equal(read(task('"run": 1', '"duration": 6')).workload.durationNs, 6_000_000_000);
  assert.equal(read(task('"run": 1', '"duration": -1')).workload.durationNs, null);
});

test('latency is counted from the wakeup to the last event that is not a sleep', () => {
  const text = task('"loop": 3, "run": 2000, "timer": {"ref": "unique", "period": 10000}');
  const run = runIdeally(read(text).workload);
  assert.deepEqual(
    run.tasks[1]!.latencies.map(([, ns]) => ns),
    [2e6, 2e6, 2e6],
  );
});

test('markers are written for main and task if the file asks for them', () => {
  const run = runIdeally(read(task('"loop": 1, "run": 5', '"ftrace": "main,task"')).workload);
  assert.deepEqual(
    run.marks.map((m) => m.text),
    ['rtapp_main: event=start', 'rtapp_task: event=start', 'rtapp_task: event=end', 'rtapp_main: event=end'],
  );
});

test('an unknown key is an error at its place, with what was meant', () => {
  refused('{"tasks": {"a": {\n  "slep": 10 }}}', /unknown key "slep" \(did you mean "sleep"\?\)/, 2, 3);
  refused('{"tasks": {"a": {"phases": {"p": {\n "cpu": [0], "run": 1}}}}}', /did you mean "cpus"/, 2, 2);
  refused('{"task": {}}', /unknown key "task" \(did you mean "tasks"/, 1, 2);
  refused(task('"timer": {"ref": "x", "perod": 1}'), /did you mean "period"/, 1, 40);
  refused(task('"policy": "SCHED_FIFA", "run": 1'), /did you mean "SCHED_FIFO"/, 1, 28);
});

test('an unknown key of global is a warning', () => {
  const { warnings } = read(task('"run": 1', '"frag": 1, "durattion": 5'));
  assert.deepEqual(
    warnings.map((w) => w.message),
    ['unknown global key "frag" is ignored', 'unknown global key "durattion" is ignored; did you mean "duration"?'],
  );
  assert.equal(warnings[0]!.line, 1);
});

test('values of the wrong kind or size are errors at their place', () => {
  refused(task('"run": "10"'), /"run" should be a whole number of microseconds, not "10"/, 1, 25);
  refused(task('"run": 1.5'), /not 1.5/, 1, 25);
  refused(task('"run": -1'), /not within 0/, 1, 25);
  refused(task('"run": 1e15'), /not within/, 1, 25);
  refused(task('"run"'), /not without a value/, 1, 18);
  refused(task('"lock"'), /"lock" should be a text, not without a value/, 1, 18);
  refused(task('"lock": ""'), /empty and should be a name/, 1, 26);
  refused(task('"cpus": 0, "run": 1'), /a list of numbers/, 1, 26);
  refused(task('"cpus": [], "run": 1'), /allows no CPU/, 1, 26);
  refused(task('"cpus": [7], "run": 1'), /no CPU of this machine/, 1, 12);
  refused(task('"instance": 100000000, "run": 1'), /not within 0..1048576/, 1, 30);
  refused(task('"fork": "nobody", "run": 1'), /no task "nobody"/, 1, 18);
  refused(task('"taskgroup": "x", "run": 1'), /a path like/, 1, 31);
  refused(task('"policy": "SCHED_FIFO", "taskgroup": "/x", "run": 1'), /not for SCHED_FIFO/, 1, 12);
  refused(task('"policy": "SCHED_FIFO", "priority": -3, "run": 1'), /not within 1..99/, 1, 12);
  refused(task('"priority": 40, "run": 1'), /nice value/, 1, 12);
  refused(task('"wait": {"ref": "c"}'), /has no "mutex"/, 1, 18);
  refused(task('"run": 1', '"duration": 0'), /0 seconds/, 1, 53);
  refused(task('"run": 1', '"calibration": "CPU9"'), /this machine has 0..3/, 1, 56);
  refused(task('"resume": "a"'), /repeats for ever what takes no time/, 1, 12);
  refused(task('"phases": {"p": {"run": 1}}, "run": 5'), /would never run/, 1, 47);
  refused(task('"instance": 0, "run": 1'), /nothing would run/, 1, 12);
  refused('{"tasks": {}}', /"tasks" is empty/, 1, 1);
  refused('{"global": {}}', /no "tasks"/, 1, 1);
  refused('[1]', /is an object/, 1, 1);
  refused('{"tasks": {"a": {"barrier": "b", "run": 1, "fork": "a"}}}', /a barrier in "a", which is forked/, 1, 18);
});

test('a million instances are taken, and more are refused', () => {
  assert.equal(read(task('"instance": 1000000, "run": 1')).workload.maxTasks, 1_000_001);
  assert.throws(() => read('{"tasks": {"a": {"instance": 1000000, "run": 1}, "b": {"instance": 1000000, "run": 1}}}'), {
    code: 'limit',
  });
});

test('a property given twice counts as it is given last, and says so', () => {
  const reading = read(task('"loop": 1, "loop": 2, "run": 1000'));
  assert.equal(runIdeally(reading.workload).endNs, 2_000_000);
  assert.match(reading.warnings[0]!.message, /"loop" is given twice/);
});

test('programs of every task end with their loops closed', () => {
  for (const k of read(task('"loop": 2, "phases": {"p": {"loop": 2, "run": 1}}')).workload.kinds) {
    assert.equal(ops(k).filter((o) => o === 'loop').length, ops(k).filter((o) => o === 'end').length);
  }
});
