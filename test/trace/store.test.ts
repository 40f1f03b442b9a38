import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EVENTS, MAX_EVENT_ARGS } from '../../src/trace/event-specs.ts';
import { Ev, IDLE_TASK } from '../../src/trace/events.ts';
import { storeTrace, TraceStore } from '../../src/trace/store.ts';
import { tee } from '../../src/trace/tee.ts';
import { arbitraryTrace, collect, flatMachine, type PlainTrace, playPlain } from './random-trace.ts';

function store(trace: PlainTrace): TraceStore {
  return storeTrace((sink) => playPlain(trace, sink));
}

/** One CPU that gives way between two tasks, one of which is renamed, at 100, 200, ... */
const ALTERNATING: PlainTrace = {
  tables: {
    topology: flatMachine(2),
    source: 'test',
    hz: 250,
    tasks: ['A', 'B'].map((comm, i) => ({ pid: 10 + i, comm, kind: '', kthread: false })),
    strings: ['C'],
    masks: [[0, 1]],
  },
  startNs: 50,
  endNs: 700,
  events: [
    { kind: Ev.SCHED_SWITCH, timeNs: 100, cpu: 0, task: IDLE_TASK, args: [0, 0, 120, 120] },
    { kind: Ev.SCHED_SWITCH, timeNs: 200, cpu: 0, task: 0, args: [1, 1, 120, 120] },
    { kind: Ev.RENAME, timeNs: 300, cpu: 0, task: 1, args: [0] },
    { kind: Ev.RESCHEDULE_ENTRY, timeNs: 300, cpu: 1, task: IDLE_TASK, args: [] },
    { kind: Ev.SCHED_SWITCH, timeNs: 400, cpu: 0, task: 1, args: [IDLE_TASK, 0, 120, 120] },
  ],
};

test('a stored trace plays back what was put in', () => {
  fc.assert(
    fc.property(arbitraryTrace(), (trace) => {
      const played = collect((sink) => store(trace).play(sink));
      assert.deepEqual(played.events, trace.events);
      assert.deepEqual(played.tables, trace.tables);
      assert.equal(played.startNs, trace.startNs);
      assert.equal(played.endNs, trace.endNs);
    }),
  );
});

test('rows can be read in any order', () => {
  fc.assert(
    fc.property(arbitraryTrace(), (trace) => {
      const s = store(trace);
      const out = new Float64Array(MAX_EVENT_ARGS);
      assert.equal(s.length, trace.events.length);
      for (let row = s.length - 1; row >= 0; row--) {
        const e = trace.events[row]!;
        assert.deepEqual(
          [s.kindAt(row), s.timeAt(row), s.cpuAt(row), s.taskAt(row)],
          [e.kind, e.timeNs, e.cpu, e.task],
        );
        assert.equal(s.argsAt(row, out), e.args.length);
        assert.deepEqual([...out.subarray(0, e.args.length)], e.args);
        e.args.forEach((value, i) => {
          assert.equal(s.argAt(row, i), value);
        });
      }
    }),
  );
});

test('lowerBound finds the first row that is not earlier', () => {
  fc.assert(
    fc.property(arbitraryTrace(), fc.nat(), (trace, offset) => {
      const s = store(trace);
      const at = trace.startNs + offset;
      const first = trace.events.findIndex((e) => e.timeNs >= at);
      assert.equal(s.lowerBound(at), first < 0 ? trace.events.length : first);
    }),
  );
});

test('chunks and pages are crossed without losing a row', () => {
  const s = new TraceStore();
  const args = new Float64Array(MAX_EVENT_ARGS);
  const rows = 3 * 65536 + 17;
  s.begin(ALTERNATING.tables, 0);
  const kindOf = (row: number) => (row % 3 === 0 ? Ev.PELT_SE : row % 3 === 1 ? Ev.SOFTIRQ_RAISE : Ev.RESCHEDULE_ENTRY);
  for (let row = 0; row < rows; row++) {
    for (let i = 0; i < args.length; i++) args[i] = row * 32 + i;
    s.event(kindOf(row), row, row & 1, IDLE_TASK, args);
  }
  s.end(rows);
  let row = 0;
  s.play({
    event(kind, timeNs, cpu, _task, out) {
      assert.ok(kind === kindOf(row) && timeNs === row && cpu === (row & 1));
      for (let i = 0; i < EVENTS[kind]!.args.length; i++) assert.ok(out[i] === row * 32 + i);
      row++;
    },
  });
  assert.equal(row, rows);
});

test('a slice knows what runs and what tasks are called where it begins', () => {
  const slice = store(ALTERNATING).slice(300, 400);
  const played = collect((sink) => slice.play(sink));
  assert.deepEqual(played.events, ALTERNATING.events.slice(2, 4));
  assert.deepEqual(slice.tables.initialCurrent, [1, IDLE_TASK]);
  assert.equal(slice.tables.tasks[1]!.comm, 'B');
  assert.deepEqual([played.startNs, played.endNs, slice.length], [300, 400, 2]);

  const later = store(ALTERNATING).slice(301, 10_000);
  assert.equal(later.tables.tasks[1]!.comm, 'C');
  assert.deepEqual([later.startNs, later.endNs, later.length], [301, 700, 1]);
});

test('slices that follow each other make the whole', () => {
  fc.assert(
    fc.property(arbitraryTrace(), fc.nat(), (trace, offset) => {
      const s = store(trace);
      const cut = trace.startNs + offset;
      const parts = [s.slice(0, cut), s.slice(cut, Number.MAX_SAFE_INTEGER)];
      const events = parts.flatMap((part) => collect((sink) => part.play(sink)).events);
      assert.deepEqual(events, trace.events);
    }),
  );
});

test('the tables of a stored trace do not change with those of its source', () => {
  const tasks = [{ pid: 1, comm: 'init', kind: '', kthread: false }];
  const s = new TraceStore();
  s.begin({ ...ALTERNATING.tables, tasks }, 0);
  tasks.push({ pid: 2, comm: 'late', kind: '', kthread: false });
  assert.equal(s.tables.tasks.length, 2, 'a task that appears during the trace belongs to it');
  s.end(1);
  tasks.push({ pid: 3, comm: 'too late', kind: '', kthread: false });
  assert.equal(s.tables.tasks.length, 2);
});

test('time that goes back is refused', () => {
  const s = new TraceStore();
  s.begin(ALTERNATING.tables, 0);
  const args = new Float64Array(MAX_EVENT_ARGS);
  s.event(Ev.RESCHEDULE_ENTRY, 10, 0, IDLE_TASK, args);
  assert.throws(() => s.event(Ev.RESCHEDULE_ENTRY, 9, 0, IDLE_TASK, args), /time goes back at event 1/);
});

test('tee gives every sink the whole trace', () => {
  const a = new TraceStore();
  const b = new TraceStore();
  playPlain(ALTERNATING, tee(a, b));
  assert.deepEqual(
    collect((sink) => a.play(sink)),
    collect((sink) => b.play(sink)),
  );
  assert.equal(a.length, ALTERNATING.events.length);
});
