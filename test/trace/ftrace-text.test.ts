import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVENTS } from '../../src/trace/event-specs.ts';
import { Ev, type EventKind, IDLE_TASK, NOT_OBSERVED } from '../../src/trace/events.ts';
import { type FtraceTextOptions, FtraceTextWriter } from '../../src/trace/ftrace-text.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import { decodeUtf8 } from '../../src/trace/utf8.ts';
import { ZstdFrameWriter } from '../../src/trace/zstd-frame.ts';
import { hasShared, needsShared, sharedPath } from '../support/shared.ts';
import { labRecord, labRecordPaths } from './lab-records.ts';
import { arbitraryTrace, Collector, collect, flatMachine, type PlainTrace, playPlain } from './random-trace.ts';

function written(trace: PlainTrace, options: FtraceTextOptions = {}): Uint8Array {
  const chunks: Uint8Array[] = [];
  playPlain(trace, new FtraceTextWriter((chunk) => chunks.push(chunk), options));
  return Buffer.concat(chunks);
}

const TABLES: PlainTrace['tables'] = {
  topology: flatMachine(2),
  source: 'linux-6.1',
  hz: 250,
  tasks: ['labgen', 'hog-0', 'kworker/1:0-mm'].map((comm, i) => ({ pid: 600 + i, comm, kind: '', kthread: i === 2 })),
  strings: ['lab rep 1', 'a longer name than 15'],
  masks: [],
};

function lines(events: PlainTrace['events'], options: FtraceTextOptions = {}, source = 'linux-6.1'): string[] {
  const trace = { tables: { ...TABLES, source }, startNs: 0, endNs: 1e10, events };
  return decodeUtf8(written(trace, { header: false, ...options }))
    .split('\n')
    .slice(0, -1);
}

const at = 51_248_996_293;

test('lines are laid out as trace-cmd does', () => {
  assert.deepEqual(
    lines([
      { kind: Ev.PRINT, timeNs: at - 5, cpu: 1, task: IDLE_TASK, args: [0] },
      { kind: Ev.SCHED_WAKEUP, timeNs: at - 4, cpu: 1, task: 1, args: [1, 98] },
      { kind: Ev.SCHED_SWITCH, timeNs: at, cpu: 1, task: IDLE_TASK, args: [0, 0, 120, 120] },
      { kind: Ev.CALL_FUNCTION_SINGLE_ENTRY, timeNs: at, cpu: 1, task: IDLE_TASK, args: [] },
      { kind: Ev.SCHED_PROCESS_FORK, timeNs: at + 1, cpu: 1, task: 0, args: [1] },
      { kind: Ev.SELECT, timeNs: at + 2, cpu: 1, task: 2, args: [0, 8, 1, 511] },
      { kind: Ev.SELECT_RET, timeNs: at + 3, cpu: 1, task: IDLE_TASK, args: [3] },
      { kind: Ev.SCHED_STAT_RUNTIME, timeNs: at + 4, cpu: 1, task: 0, args: [167057, -1048576] },
      { kind: Ev.SCHED_STAT_RUNTIME, timeNs: at + 4, cpu: 1, task: 0, args: [167057, NOT_OBSERVED] },
      { kind: Ev.LB_BUSIEST, timeNs: at + 5, cpu: 1, task: IDLE_TASK, args: [1, 3, 0, 0, 0xf0, 0x3, 12, 1] },
      { kind: Ev.SCHED_SWITCH, timeNs: at + 6, cpu: 1, task: 0, args: [IDLE_TASK, 128, 120, 120] },
      { kind: Ev.LOST_EVENTS, timeNs: at + 7, cpu: 0, task: IDLE_TASK, args: [3] },
    ]),
    [
      '          <idle>-0     [001]    51.248996288: print:                0xffffffff81000000: lab rep 1',
      '          <idle>-0     [001]    51.248996289: sched_wakeup:         hog-0:601 [98] CPU:001',
      '          <idle>-0     [001]    51.248996293: sched_switch:         swapper/1:0 [120] R ==> labgen:600 [120]',
      '          labgen-600   [001]    51.248996293: call_function_single_entry: vector=251',
      '          labgen-600   [001]    51.248996294: sched_process_fork:   comm=labgen pid=600 child_comm=hog-0 child_pid=601',
      '          labgen-600   [001]    51.248996295: select:               (ffffffff81000000) pid=602 comm="kworker/1:0-mm" prev=0 flags=0x8 recent=1 util=511',
      '          labgen-600   [001]    51.248996296: select_ret:           (ffffffff81000000 <- ffffffff81000000) cpu=3',
      '          labgen-600   [001]    51.248996297: sched_stat_runtime:   comm=labgen pid=600 runtime=167057 [ns] vruntime=18446744073708503040 [ns]',
      '          labgen-600   [001]    51.248996297: sched_stat_runtime:   comm=labgen pid=600 runtime=167057 [ns]',
      '          labgen-600   [001]    51.248996298: lb_busiest:           (ffffffff81000000) cpu=1 sd="DIE" idle=0 group=0x0 gmask=0x3000000f0 imbalance=12 mtype=1',
      '          labgen-600   [001]    51.248996299: sched_switch:         labgen:600 [120] W ==> swapper/1:0 [120]',
      'CPU:0 [3 EVENTS DROPPED]',
    ],
  );
});

test("lines are laid out as in the kernel's own trace", () => {
  assert.deepEqual(
    lines(
      [
        { kind: Ev.PRINT, timeNs: 1234567890999, cpu: 1, task: IDLE_TASK, args: [0] },
        { kind: Ev.SCHED_WAKEUP, timeNs: 1234567890999, cpu: 1, task: 1, args: [1, 120] },
        { kind: Ev.SCHED_SWITCH, timeNs: 1234567890999, cpu: 1, task: IDLE_TASK, args: [0, 0, 120, 120] },
        { kind: Ev.SCHED_SWITCH, timeNs: 1234567891000, cpu: 1, task: 0, args: [2, 256, 120, 100] },
        { kind: Ev.LOST_EVENTS, timeNs: 1234567891000, cpu: 0, task: IDLE_TASK, args: [NOT_OBSERVED] },
      ],
      { layout: 'ftrace' },
    ),
    [
      '          <idle>-0       [001] .....  1234.567890: tracing_mark_write: lab rep 1',
      '          <idle>-0       [001] .....  1234.567890: sched_wakeup: comm=hog-0 pid=601 prio=120 target_cpu=001',
      '          <idle>-0       [001] .....  1234.567890: sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=labgen next_pid=600 next_prio=120',
      '          labgen-600     [001] .....  1234.567891: sched_switch: prev_comm=labgen prev_pid=600 prev_prio=120 prev_state=R+ ==> next_comm=kworker/1:0-mm next_pid=602 next_prio=100',
      'CPU:0 [LOST EVENTS]',
    ],
  );
});

test('a text begins with what its readers look for', () => {
  const trace = { tables: TABLES, startNs: 5_000_000_001, endNs: 6e9, events: [] };
  assert.equal(
    decodeUtf8(written(trace, { repetition: 3 })),
    'cpus=2\n          <idle>-0     [000]     5.000000001: print:                0xffffffff81000000: lab rep 3\n',
  );
  assert.match(decodeUtf8(written(trace, { layout: 'ftrace' })), /^# tracer: nop\n#\n/);
});

test('6.12 numbers idle types and calls the package level differently', () => {
  const events = [{ kind: Ev.NEED_ACTIVE, timeNs: 1, cpu: 0, task: IDLE_TASK, args: [1, 0, 0, 3, 2] }];
  assert.match(lines(events, {}, 'linux-6.12')[0]!, /idle=1 sd="PKG"/);
  assert.match(lines(events, {}, 'linux-6.1')[0]!, /idle=0 sd="DIE"/);
});

test('a renaming shows in the names that follow, cut to what a task can be called', () => {
  const events = [
    { kind: Ev.SCHED_WAKING, timeNs: 1, cpu: 0, task: 0, args: [0, 120] },
    { kind: Ev.RENAME, timeNs: 2, cpu: 0, task: 0, args: [1] },
    { kind: Ev.SCHED_WAKING, timeNs: 3, cpu: 0, task: 0, args: [0, 120] },
  ];
  const names = (text: string[]) => text.map((line) => /comm=(.*?) (?:pid|newcomm|oom)/.exec(line)?.[1]);
  assert.deepEqual(names(lines(events)), ['labgen', 'a longer name t']);
  assert.deepEqual(names(lines(events, { renames: true })), ['labgen', 'labgen', 'a longer name t']);
});

test('names and markers cannot break a line', () => {
  const tables = { ...TABLES, tasks: [{ pid: 5, comm: 'a\nb\u0001', kind: '', kthread: false }], strings: ['x\ny'] };
  const events = [
    { kind: Ev.SCHED_WAKING, timeNs: 1, cpu: 0, task: 0, args: [0, 120] },
    { kind: Ev.PRINT, timeNs: 1, cpu: 0, task: IDLE_TASK, args: [0] },
  ];
  const text = decodeUtf8(written({ tables, startNs: 0, endNs: 1, events }, { header: false })).split('\n');
  assert.equal(text.length, 3);
  assert.match(text[0]!, /comm=a\?b\? pid=5/);
  assert.match(text[1]!, /: x y$/);
});

/** Kinds whose text tells everything, and arguments that it can tell. */
const NOT_IN_TEXT: readonly EventKind[] = [Ev.AFFINITY, Ev.WORK, Ev.SCHED_PROCESS_EXEC, ...RECORDINGS.decisions];
const TEXT_KINDS = EVENTS.map((_, kind) => kind as EventKind).filter((kind) => !NOT_IN_TEXT.includes(kind));

function tellable(trace: PlainTrace): PlainTrace {
  const events = trace.events.map((e) => {
    const args = [...e.args];
    EVENTS[e.kind]!.args.forEach(([name], i) => {
      const value = Math.abs(args[i]!);
      if (name === 'level') args[i] = value % 6;
      if (name === 'is_curr' || name === 'has_curr') args[i] = value % 2;
      if (name === 'se' || name === 'cfs') args[i] = value + 1;
      if (name === 'target_cpu' || name === 'vec' || name.startsWith('gmask')) args[i] = value;
      if (name === 'state' && e.kind === Ev.SCHED_SWITCH) args[i] = value & 255;
    });
    if (e.kind === Ev.LB_LEAVE) args[11] = NOT_OBSERVED;
    if (e.kind === Ev.SCHED_MIGRATE_TASK) args[3] = args[4] = 0;
    if (e.kind === Ev.PELT_SE && args[19]! <= 0) args[17] = args[18] = args[19] = NOT_OBSERVED;
    if (e.kind === Ev.LOST_EVENTS) args[0] = args[0]! < 0 ? NOT_OBSERVED : args[0]!;
    return { ...e, args };
  });
  return { ...trace, events };
}

/** Events by what they mean: pids and texts instead of indices, and nothing of which a text does not tell. */
function meaning(sink: Collector, step: number) {
  const { tasks, strings } = sink.tables!;
  const pid = (task: number) => (task < 0 ? 0 : tasks[task]!.pid);
  let lastNs = sink.startNs;
  return sink.events.map((e) => {
    const args: (number | string)[] = EVENTS[e.kind]!.args.map(([, type], i) =>
      type === 'task' ? pid(e.args[i]!) : type === 'string' ? strings[e.args[i]!]! : e.args[i]!,
    );
    if (e.kind === Ev.SCHED_MIGRATE_TASK) args.splice(3);
    // a loss has no time in the text, so it is told at the time of the event before it
    const timeNs = e.kind === Ev.LOST_EVENTS ? lastNs : e.timeNs;
    lastNs = timeNs;
    return [EVENTS[e.kind]!.name, Math.floor(timeNs / step) * step, e.cpu, pid(e.task), ...args];
  });
}

for (const layout of ['trace-cmd', 'ftrace'] as const) {
  test(`what is written in the layout of ${layout} is read back as it was`, () => {
    fc.assert(
      fc.property(
        arbitraryTrace({ kinds: TEXT_KINDS }),
        fc.constantFrom('linux-6.1', 'linux-6.12'),
        (random, source) => {
          const trace = tellable({ ...random, tables: { ...random.tables, source } });
          if (trace.events.every((e) => e.kind === Ev.LOST_EVENTS)) return;
          const text = written(trace, { layout, renames: true });
          const [repetition] = labRepetitions(text, { topology: trace.tables.topology, source });
          const read = new Collector();
          const report = repetition!.play(read);
          assert.deepEqual(
            [report.malformed, report.outOfOrder, report.unknown.size, report.wrongCurrent],
            [0, 0, 0, 0],
          );
          const step = layout === 'ftrace' ? 1000 : 1;
          const firstTimed = trace.events.find((e) => e.kind !== Ev.LOST_EVENTS)!.timeNs;
          const original = collect((sink) => playPlain({ ...trace, startNs: firstTimed }, sink));
          assert.deepEqual(meaning(read, step), meaning(original, step));
        },
      ),
      { numRuns: 300 },
    );
  });
}

/** Lines of a record that differ when read and written again, by what is different. */
function roundTrip(text: Uint8Array, record: ReturnType<typeof labRecord>): { lines: number; differences: string[] } {
  const chunks: Uint8Array[] = [];
  labRepetitions(text, { topology: record.topology, source: record.kernel }).forEach((repetition, i) => {
    const { columnComms } = repetition.play({ event() {} });
    repetition.play(
      new FtraceTextWriter((chunk) => chunks.push(chunk), { header: i === 0, columnComm: (task) => columnComms[task] }),
    );
  });
  const original = Buffer.from(text).toString('latin1').split('\n');
  const again = Buffer.concat(chunks).toString('latin1').split('\n');
  assert.equal(again.length, original.length);
  const differences = new Set<string>();
  original.forEach((line, i) => {
    if (line === again[i]) return;
    const known = (l: string) =>
      l
        .replace(/(\(|<- |print: +0x)[0-9a-f]{16}/g, '$1ADDRESS')
        .replace(/( curr=)0x[0-9a-f]+/, '$1POINTER')
        .replace('filename=/proc/self/exe', 'filename=/bin/exe');
    if (known(line) !== known(again[i]!)) differences.add(`${line}\n${again[i]}`);
  });
  return { lines: original.length, differences: [...differences] };
}

test('records of the lab come out as they went in, but for addresses', needsShared, async () => {
  let total = 0;
  for (const path of labRecordPaths(900_000)) {
    const record = labRecord(path);
    const { lines: count, differences } = roundTrip(await record.text(), record);
    total += count;
    assert.deepEqual(differences.slice(0, 3), [], path);
  }
  assert.ok(total > 1_000_000);
});

const missing = !hasShared
  ? 'the shared folder is not beside the checkout'
  : ['python3', 'zstd'].find((program) => spawnSync(program, ['--version']).status !== 0);

test("the lab's analysis finds in our text what it finds in its own", { skip: missing ?? false }, async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'steelyard-'));
  try {
    for (const path of ['ground-truth/smt8-oddhogs', 'ground-truth-6.12/smp4-nohzkick']) {
      const record = labRecord(path);
      const folder = join(scratch, 'record');
      const summary = () => {
        execFileSync('python3', [sharedPath('kernel-lab/analyze.py'), 'summary', folder], {
          stdio: 'pipe',
          maxBuffer: 1e8,
        });
        return JSON.parse(readFileSync(join(folder, 'summary.json'), 'utf8'));
      };
      cpSync(record.folder, folder, { recursive: true });
      execFileSync('chmod', ['-R', 'u+w', folder]);
      const expected = summary();
      const chunks: Uint8Array[] = [];
      const frame = new ZstdFrameWriter((chunk) => chunks.push(chunk));
      labRepetitions(await record.text(), { topology: record.topology, source: record.kernel }).forEach(
        (repetition, i) => {
          repetition.play(new FtraceTextWriter((chunk) => frame.push(chunk), { header: i === 0 }));
        },
      );
      frame.end();
      writeFileSync(join(folder, 'trace.txt.zst'), Buffer.concat(chunks));
      writeFileSync(join(folder, 'summary.json'), '{}');
      assert.deepEqual(summary(), expected);
      rmSync(folder, { recursive: true });
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
});
