import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { deflateSync } from 'fflate';
import { UserError } from '../../src/base/errors.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import { crc32 } from '../../src/trace/crc32.ts';
import { isTraceFile, readTrace, TraceDiskWriter, writeTrace } from '../../src/trace/disk.ts';
import { MAX_EVENT_ARGS } from '../../src/trace/event-specs.ts';
import { Ev, IDLE_TASK, NOT_OBSERVED } from '../../src/trace/events.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { storeTrace } from '../../src/trace/store.ts';
import { needsShared } from '../support/shared.ts';
import { labRecord } from './lab-records.ts';
import { arbitraryTrace, collect, flatMachine, type PlainTrace, playPlain } from './random-trace.ts';

function written(trace: PlainTrace): Uint8Array {
  return writeTrace(storeTrace((sink) => playPlain(trace, sink)));
}

const SMALL: PlainTrace = {
  tables: {
    topology: flatMachine(2),
    source: 'test',
    hz: 250,
    tasks: [{ pid: 7, comm: 'ünï', kind: 'worker', kthread: false }],
    strings: ['a marker'],
    masks: [[0, 1]],
    initialCurrent: [0, IDLE_TASK],
  },
  startNs: 5,
  endNs: 99,
  events: [
    { kind: Ev.SCHED_SWITCH, timeNs: 10, cpu: 0, task: 0, args: [IDLE_TASK, 1, 120, 120] },
    { kind: Ev.PRINT, timeNs: 10, cpu: 1, task: IDLE_TASK, args: [0] },
    { kind: Ev.AFFINITY, timeNs: 20, cpu: 1, task: 0, args: [0] },
  ],
};

test('what is written is read back', () => {
  fc.assert(
    fc.property(arbitraryTrace(), (trace) => {
      const source = readTrace(written(trace));
      const played = collect((sink) => source.play(sink));
      assert.deepEqual(played.events, trace.events);
      assert.deepEqual(played.tables, trace.tables);
      assert.deepEqual(
        [played.startNs, played.endNs, source.length],
        [trace.startNs, trace.endNs, trace.events.length],
      );
    }),
  );
});

test('arguments of every size stay exact', () => {
  const value = fc.oneof(
    fc.maxSafeInteger(),
    fc.integer(),
    fc.nat(200),
    fc.constantFrom(-0, NaN, 1 / 3, 2 ** 60, -Infinity),
  );
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 50 }), (values) => {
      const events = values.map((v, i) => ({ kind: Ev.WORK, timeNs: i, cpu: 0, task: IDLE_TASK, args: [v, i] }));
      const played = collect((sink) => readTrace(written({ ...SMALL, startNs: 0, events })).play(sink));
      assert.deepEqual(played.events, events);
    }),
  );
});

test('the same trace makes the same bytes, however it was made', () => {
  fc.assert(
    fc.property(arbitraryTrace(), (trace) => {
      const chunks: Uint8Array[] = [];
      playPlain(trace, new TraceDiskWriter((chunk) => chunks.push(chunk)));
      assert.deepEqual(Buffer.concat(chunks), Buffer.from(written(trace)));
      assert.deepEqual(written(trace), writeTrace(readTrace(written(trace))));
    }),
    { numRuns: 30 },
  );
});

test('the whole machine is kept', () => {
  const topology = buildTopology({
    name: 'odd',
    cpus: Array.from({ length: 300 }, (_, cpu) => ({
      online: cpu !== 7,
      core: cpu < 20 ? 1000 + cpu : cpu >> 1,
      cluster: cpu < 20 ? 1000 + cpu : cpu >> 2,
      llc: cpu < 20 ? -1 : cpu >> 3,
      die: cpu >> 5,
      package: cpu >> 6,
      node: cpu >> 6,
      capacity: cpu === 0 ? 1024 : 512,
      priority: cpu & 1,
    })),
    nodes: [0, 1, 2, 3, 4, 9],
    distance: Array.from({ length: 6 }, (_, i) => Array.from({ length: 6 }, (_, j) => (i === j ? 10 : 21))),
    caches: [{ level: 2, type: 'Unified', sizeBytes: 4096, cpus: [0, 1] }],
    perfDomains: [{ cpus: [0], states: [{ frequencyKhz: 1000, power: 1.5 }] }],
    hybrid: true,
  });
  const events = [{ kind: Ev.RESCHEDULE_ENTRY, timeNs: 10, cpu: 299, task: IDLE_TASK, args: [] }];
  const trace = {
    ...SMALL,
    tables: { ...SMALL.tables, topology, initialCurrent: new Array(300).fill(IDLE_TASK) },
    events,
  };
  const played = collect((sink) => readTrace(written(trace)).play(sink));
  assert.deepEqual(played.tables!.topology, topology);
  assert.deepEqual(played.events, events);
});

test('blocks of rows follow each other', () => {
  const rows = 2 * 65536 + 5;
  const source = readTrace(
    writeTrace(
      storeTrace((sink) => {
        const args = new Float64Array(MAX_EVENT_ARGS);
        sink.begin?.(SMALL.tables, 0);
        for (let row = 0; row < rows; row++) {
          args[0] = row * 3;
          args[1] = -row;
          sink.event(row % 2 === 0 ? Ev.WORK : Ev.RESCHEDULE_ENTRY, row * 7, row & 1, 0, args);
        }
        sink.end?.(rows * 7);
      }),
    ),
  );
  let row = 0;
  source.play({
    event(kind, timeNs, cpu, _task, args) {
      assert.ok(timeNs === row * 7 && cpu === (row & 1));
      assert.ok(kind === Ev.RESCHEDULE_ENTRY || (args[0] === row * 3 && args[1] === -row));
      row++;
    },
  });
  assert.equal(row, rows);
});

test('a file that is cut off is refused, wherever it is cut', () => {
  const file = written(SMALL);
  assert.ok(isTraceFile(file));
  for (let length = 0; length < file.length; length++) {
    assert.throws(
      () => readTrace(file.subarray(0, length)),
      (error) => error instanceof UserError && error.code === 'format',
      `${length} bytes`,
    );
  }
});

test('a file in which any byte is changed is refused', () => {
  const file = written(SMALL);
  for (let i = 0; i < file.length; i++) {
    const bad = file.slice();
    bad[i]! ^= 1 + (i % 255);
    assert.throws(() => readTrace(bad).play({ event() {} }), UserError, `byte ${i}`);
  }
});

interface FileBlock {
  type: number;
  first: number;
  json: string;
}

/** A file with right checksums, whatever is in it. */
function fileOf(blocks: FileBlock[]): Uint8Array {
  const parts: Uint8Array[] = [written(SMALL).subarray(0, 8)];
  for (const { type, first, json } of blocks) {
    const bytes = Buffer.from(json);
    const content = Buffer.concat([Buffer.alloc(8), deflateSync(bytes)]);
    content.writeUInt32LE(first, 0);
    content.writeUInt32LE(bytes.length, 4);
    const header = Buffer.alloc(12);
    header.writeUInt32LE(type, 0);
    header.writeUInt32LE(content.length, 4);
    header.writeUInt32LE(crc32(content), 8);
    parts.push(header, content);
  }
  return Buffer.concat(parts);
}

const CPU = {
  online: [1],
  core: [0],
  cluster: [0],
  llc: [0],
  die: [0],
  package: [0],
  node: [0],
  capacity: [1024],
  priority: [0],
};
const HEAD = {
  source: 's',
  hz: 1,
  startNs: 0,
  machine: { name: 'm', cpus: CPU, nodes: [0], distance: [[10]], caches: [], perfDomains: [], hybrid: false },
  kinds: [{ name: 'lb_enter', args: ['level', 'cpu'] }],
};
const TAIL = { endNs: 9, rows: 1, tasks: [], strings: [], masks: [] };
/** One lb_enter at 5 on CPU 0: level 2, cpu 1. */
const ROW = Buffer.from([0, 0, 0, 0, 0, 0, 0x14, 0x40, 0, 0, 0, 3, 0, 4, 0, 2]).toString('latin1');

function handMade(change: { head?: object; tail?: object; row?: string; format?: number } = {}): Uint8Array {
  return fileOf([
    { type: 1, first: change.format ?? 1, json: JSON.stringify({ ...HEAD, ...change.head }) },
    { type: 2, first: 1, json: change.row ?? ROW },
    { type: 3, first: 0, json: JSON.stringify({ ...TAIL, ...change.tail }) },
  ]);
}

test('kinds and arguments are matched by name, and what the file has not is not observed', () => {
  const played = collect((sink) => readTrace(handMade()).play(sink));
  const n = NOT_OBSERVED;
  assert.deepEqual(played.events, [
    { kind: Ev.LB_ENTER, timeNs: 5, cpu: 0, task: IDLE_TASK, args: [1, 2, n, n, n, n, n, n, n] },
  ]);
});

test('a file of a newer version says so', () => {
  assert.throws(() => readTrace(handMade({ format: 2 })), /format 2, not 1 .*newer/);
  assert.throws(() => readTrace(handMade({ head: { kinds: [{ name: 'lb_new', args: [] }] } })), /"lb_new".*newer/);
});

test('a file with right checksums and wrong content is refused', () => {
  const changes: Parameters<typeof handMade>[0][] = [
    { head: { machine: { ...HEAD.machine, cpus: { ...CPU, core: [] } } } },
    { head: { machine: { ...HEAD.machine, cpus: { ...CPU, node: [5] } } } },
    { head: { kinds: 7 } },
    { head: { initialCurrent: [3] } },
    { head: { initialCurrent: [0, 0] } },
    { head: { startNs: 6 } },
    { tail: { rows: 2 } },
    { tail: { tasks: [[1, 2, 3, 4]] } },
    { row: ROW.slice(0, -1) },
    { row: `${ROW}x` },
    { row: `${ROW.slice(0, 8)}\u0001${ROW.slice(9)}` },
    { row: `${ROW.slice(0, 9)}\u0001${ROW.slice(10)}` },
    { row: `${ROW.slice(0, 11)}\u0000${ROW.slice(12)}` },
    { row: `${ROW.slice(0, 12)}\u0007${ROW.slice(13)}` },
  ];
  for (const change of changes) {
    assert.throws(() => readTrace(handMade(change)).play({ event() {} }), UserError, JSON.stringify(change));
  }
  assert.throws(() => readTrace(fileOf([])), /header/);
  assert.throws(() => readTrace(fileOf([{ type: 3, first: 0, json: '{}' }])), /header/);
  assert.throws(
    () =>
      readTrace(
        fileOf([
          { type: 1, first: 1, json: 'no json' },
          { type: 3, first: 0, json: '{}' },
        ]),
      ),
    /tables/,
  );
});

test('records stay what they are, in a small part of the space', needsShared, async () => {
  const record = labRecord('ground-truth/smp4-pelt');
  const text = await record.text();
  const repetitions = labRepetitions(text, { topology: record.topology, source: record.kernel });
  let size = 0;
  for (const repetition of repetitions) {
    const store = storeTrace((sink) => repetition.play(sink));
    const file = writeTrace(store);
    size += file.length;
    assert.deepEqual(
      collect((sink) => readTrace(file).play(sink)),
      collect((sink) => store.play(sink)),
    );
  }
  assert.ok(size * 8 < text.length, `${size} bytes for ${text.length} of text`);
});
