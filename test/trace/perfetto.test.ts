import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { Ev, type EventKind, IDLE_TASK, MigrateCause, NOT_OBSERVED } from '../../src/trace/events.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { type PerfettoOptions, PerfettoWriter } from '../../src/trace/perfetto.ts';
import type { TraceTables } from '../../src/trace/sink.ts';
import { needsShared } from '../support/shared.ts';
import { labRecord } from './lab-records.ts';
import { arbitraryTrace, flatMachine, type PlainEvent, type PlainTrace, playPlain } from './random-trace.ts';

/** The part of Perfetto's public schema that we write, with the numbers it has there. */
const SCHEMA = protobuf.parse(
  `syntax = "proto2";
  message Trace { repeated TracePacket packet = 1; }
  message TracePacket {
    optional uint64 timestamp = 8;
    optional uint32 trusted_packet_sequence_id = 10;
    optional uint32 sequence_flags = 13;
    optional bool previous_packet_dropped = 42;
    optional bool first_packet_on_sequence = 87;
    optional InternedData interned_data = 12;
    oneof data {
      FtraceEventBundle ftrace_events = 1;
      ProcessTree process_tree = 2;
      ClockSnapshot clock_snapshot = 6;
      TrackEvent track_event = 11;
      SystemInfo system_info = 45;
      TrackDescriptor track_descriptor = 60;
    }
  }
  message ClockSnapshot {
    message Clock { optional uint32 clock_id = 1; optional uint64 timestamp = 2; }
    repeated Clock clocks = 1;
    optional uint32 primary_trace_clock = 2;
  }
  message Utsname { optional string sysname = 1; optional string release = 3; }
  message SystemInfo { optional Utsname utsname = 1; optional uint32 num_cpus = 8; }
  message ProcessTree {
    message Thread { optional int32 tid = 1; optional string name = 2; optional int32 tgid = 3; }
    message Process { optional int32 pid = 1; optional int32 ppid = 2; repeated string cmdline = 3; }
    repeated Process processes = 1;
    repeated Thread threads = 2;
  }
  message CounterDescriptor { optional uint32 unit = 3; }
  message TrackDescriptor {
    optional uint64 uuid = 1;
    optional string name = 2;
    optional uint64 parent_uuid = 5;
    optional CounterDescriptor counter = 8;
    optional uint32 child_ordering = 11;
    optional int32 sibling_order_rank = 12;
    optional uint32 sibling_merge_behavior = 15;
  }
  message Named { optional uint64 iid = 1; optional string name = 2; }
  message InternedData {
    repeated Named event_categories = 1;
    repeated Named event_names = 2;
    repeated Named debug_annotation_names = 3;
  }
  message DebugAnnotation {
    optional uint64 name_iid = 1;
    oneof value { bool bool_value = 2; int64 int_value = 4; string string_value = 6; }
  }
  message TrackEvent {
    repeated uint64 category_iids = 3;
    repeated DebugAnnotation debug_annotations = 4;
    optional uint32 type = 9;
    optional uint64 name_iid = 10;
    optional uint64 track_uuid = 11;
    optional int64 counter_value = 30;
    repeated fixed64 flow_ids = 47 [packed = false];
    repeated fixed64 terminating_flow_ids = 48 [packed = false];
  }
  message FtraceEventBundle {
    optional uint32 cpu = 1;
    repeated FtraceEvent event = 2;
    optional bool lost_events = 3;
  }
  message SchedSwitch {
    optional string prev_comm = 1; optional int32 prev_pid = 2; optional int32 prev_prio = 3; optional int64 prev_state = 4;
    optional string next_comm = 5; optional int32 next_pid = 6; optional int32 next_prio = 7;
  }
  message Wakeup { optional string comm = 1; optional int32 pid = 2; optional int32 prio = 3; optional int32 target_cpu = 5; }
  message Migrate {
    optional string comm = 1; optional int32 pid = 2; optional int32 prio = 3;
    optional int32 orig_cpu = 4; optional int32 dest_cpu = 5;
  }
  message Fork {
    optional string parent_comm = 1; optional int32 parent_pid = 2; optional string child_comm = 3; optional int32 child_pid = 4;
  }
  message Exec { optional string filename = 1; optional int32 pid = 2; optional int32 old_pid = 3; }
  message Exit { optional string comm = 1; optional int32 pid = 2; optional int32 tgid = 3; optional int32 prio = 4; }
  message Newtask { optional int32 pid = 1; optional string comm = 2; optional uint64 clone_flags = 3; }
  message Rename { optional int32 pid = 1; optional string oldcomm = 2; optional string newcomm = 3; }
  message Softirq { optional uint32 vec = 1; }
  message Print { optional string buf = 2; }
  message FtraceEvent {
    optional uint64 timestamp = 1;
    optional uint32 pid = 2;
    oneof event {
      Print print = 3;
      SchedSwitch sched_switch = 4;
      Wakeup sched_wakeup = 17;
      Wakeup sched_waking = 20;
      Softirq softirq_entry = 24;
      Softirq softirq_exit = 25;
      Softirq softirq_raise = 26;
      Wakeup sched_wakeup_new = 114;
      Newtask task_newtask = 235;
      Rename task_rename = 236;
      Exec sched_process_exec = 237;
      Exit sched_process_exit = 238;
      Fork sched_process_fork = 239;
      Migrate sched_migrate_task = 491;
    }
  }`,
  { keepCase: true },
).root;
const TraceType = SCHEMA.lookupType('Trace');

// biome-ignore lint/suspicious/noExplicitAny: decoded messages have the shape of the schema above
type Message = any;

function decode(bytes: Uint8Array): Message[] {
  return TraceType.toObject(TraceType.decode(bytes), { longs: Number, arrays: false }).packet ?? [];
}

function packets(trace: PlainTrace, options: PerfettoOptions = {}): Message[] {
  const chunks: Uint8Array[] = [];
  playPlain(trace, new PerfettoWriter((chunk) => chunks.push(chunk), options));
  return decode(Buffer.concat(chunks));
}

const TABLES: TraceTables = {
  topology: flatMachine(2),
  source: 'Linux version 6.1.0-56-amd64 (debian-kernel@lists.debian.org)',
  hz: 250,
  tasks: [
    { pid: 600, comm: 'labgen', kind: '', kthread: false },
    { pid: 601, comm: 'hog-0', kind: 'hog', kthread: false },
    { pid: 15, comm: 'rcu_preempt', kind: '', kthread: true },
  ],
  strings: ['labgen start', 'hog-1'],
  masks: [],
};

function trace(events: PlainEvent[], initialCurrent?: number[]): PlainTrace {
  const tables = initialCurrent === undefined ? TABLES : { ...TABLES, initialCurrent };
  return { tables, startNs: 1000, endNs: 9000, events };
}

/** Events of all bundles, with their CPU, in the order of time. */
function ftraceEvents(all: Message[]): Message[] {
  return all
    .filter((p) => p.ftrace_events !== undefined)
    .flatMap((p) => (p.ftrace_events.event ?? []).map((e: Message) => ({ cpu: p.ftrace_events.cpu, ...e })))
    .sort((a, b) => a.timestamp - b.timestamp);
}

/** Track events with the names their numbers stand for, on tracks by name. */
function trackEvents(all: Message[]): Message[] {
  const tables: Record<string, Map<number, string>> = {
    event_names: new Map(),
    debug_annotation_names: new Map(),
    event_categories: new Map(),
  };
  const tracks = new Map<number, string>();
  const out: Message[] = [];
  for (const p of all) {
    if (p.track_descriptor !== undefined) tracks.set(p.track_descriptor.uuid, p.track_descriptor.name);
    for (const [table, names] of Object.entries(tables)) {
      for (const { iid, name } of p.interned_data?.[table] ?? []) {
        assert.ok(!names.has(iid), 'a number stands for one name');
        names.set(iid, name);
      }
    }
    const e = p.track_event;
    if (e === undefined) continue;
    assert.ok(tracks.has(e.track_uuid), 'a track is described before it is used');
    const name = e.name_iid === undefined ? undefined : tables.event_names!.get(e.name_iid);
    const annotations = Object.fromEntries(
      (e.debug_annotations ?? []).map((a: Message) => [
        tables.debug_annotation_names!.get(a.name_iid),
        a.string_value ?? a.int_value ?? a.bool_value,
      ]),
    );
    out.push({
      at: p.timestamp,
      track: tracks.get(e.track_uuid),
      type: ['', 'begin', 'end', 'instant', 'counter'][e.type],
      name,
      annotations,
      event: e,
      packet: p,
    });
  }
  return out;
}

test('a trace begins with its clock, its kernel and its tracks', () => {
  const all = packets(trace([]));
  assert.deepEqual(all[0].clock_snapshot, {
    clocks: [
      { clock_id: 6, timestamp: 1000 },
      { clock_id: 3, timestamp: 1000 },
    ],
    primary_trace_clock: 6,
  });
  assert.deepEqual(all[1].system_info, { utsname: { sysname: 'Linux', release: '6.1.0-56-amd64' }, num_cpus: 2 });
  const tracks = all.filter((p) => p.track_descriptor !== undefined).map((p) => p.track_descriptor);
  assert.deepEqual(
    tracks.map((t) => [t.name, t.sibling_order_rank, t.counter?.unit]),
    [
      ['Load balancing', undefined, undefined],
      ['Markers', 0, undefined],
      ['CPU 0 balance', 1, undefined],
      ['CPU 0 nr_running', 3, 2],
      ['CPU 1 balance', 2, undefined],
      ['CPU 1 nr_running', 4, 2],
    ],
  );
  assert.equal(tracks[0].child_ordering, 3);
  assert.ok(tracks.slice(1).every((t) => t.parent_uuid === tracks[0].uuid && t.sibling_merge_behavior === 2));
  assert.equal(new Set(tracks.map((t) => t.uuid)).size, tracks.length);
});

test('switches, wakeups and the life of tasks are ftrace events of their CPU', () => {
  const all = packets(
    trace(
      [
        { kind: Ev.SCHED_PROCESS_FORK, timeNs: 2000, cpu: 0, task: 0, args: [1] },
        { kind: Ev.SCHED_WAKEUP_NEW, timeNs: 2001, cpu: 0, task: 1, args: [1, 120] },
        { kind: Ev.SCHED_SWITCH, timeNs: 2002, cpu: 1, task: IDLE_TASK, args: [1, 0, 120, 110] },
        { kind: Ev.RENAME, timeNs: 2003, cpu: 1, task: 1, args: [1] },
        { kind: Ev.SCHED_PROCESS_EXEC, timeNs: 2004, cpu: 1, task: 1, args: [] },
        { kind: Ev.SCHED_WAKING, timeNs: 2005, cpu: 1, task: 2, args: [0, 120] },
        { kind: Ev.SCHED_WAKEUP, timeNs: 2006, cpu: 1, task: 2, args: [0, 120] },
        { kind: Ev.SCHED_MIGRATE_TASK, timeNs: 2007, cpu: 1, task: 2, args: [0, 1, 120, MigrateCause.WAKEUP, -1] },
        { kind: Ev.SOFTIRQ_RAISE, timeNs: 2008, cpu: 1, task: IDLE_TASK, args: [7] },
        { kind: Ev.SOFTIRQ_ENTRY, timeNs: 2009, cpu: 1, task: IDLE_TASK, args: [7] },
        { kind: Ev.SOFTIRQ_EXIT, timeNs: 2010, cpu: 1, task: IDLE_TASK, args: [7] },
        { kind: Ev.PRINT, timeNs: 2011, cpu: 1, task: IDLE_TASK, args: [0] },
        { kind: Ev.SCHED_PROCESS_EXIT, timeNs: 2012, cpu: 1, task: 1, args: [120] },
        { kind: Ev.SCHED_SWITCH, timeNs: 2013, cpu: 1, task: 1, args: [IDLE_TASK, 32, 110, 120] },
      ],
      [0, IDLE_TASK],
    ),
  );
  const parent = { cpu: 0, pid: 600 };
  const child = { cpu: 1, pid: 601 };
  const waking = { comm: 'rcu_preempt', pid: 15, prio: 120, target_cpu: 0 };
  assert.deepEqual(ftraceEvents(all), [
    { ...parent, timestamp: 2000, task_newtask: { pid: 601, comm: 'hog-0', clone_flags: 0 } },
    {
      ...parent,
      timestamp: 2000,
      sched_process_fork: { parent_comm: 'labgen', parent_pid: 600, child_comm: 'hog-0', child_pid: 601 },
    },
    { ...parent, timestamp: 2001, sched_wakeup_new: { comm: 'hog-0', pid: 601, prio: 120, target_cpu: 1 } },
    {
      cpu: 1,
      pid: 0,
      timestamp: 2002,
      sched_switch: {
        prev_comm: 'swapper/1',
        prev_pid: 0,
        prev_prio: 120,
        prev_state: 0,
        next_comm: 'hog-0',
        next_pid: 601,
        next_prio: 110,
      },
    },
    { ...child, timestamp: 2003, task_rename: { pid: 601, oldcomm: 'hog-0', newcomm: 'hog-1' } },
    { ...child, timestamp: 2004, sched_process_exec: { filename: '/bin/hog-1', pid: 601, old_pid: 601 } },
    { ...child, timestamp: 2005, sched_waking: waking },
    { ...child, timestamp: 2006, sched_wakeup: waking },
    {
      ...child,
      timestamp: 2007,
      sched_migrate_task: { comm: 'rcu_preempt', pid: 15, prio: 120, orig_cpu: 0, dest_cpu: 1 },
    },
    { ...child, timestamp: 2008, softirq_raise: { vec: 7 } },
    { ...child, timestamp: 2009, softirq_entry: { vec: 7 } },
    { ...child, timestamp: 2010, softirq_exit: { vec: 7 } },
    { ...child, timestamp: 2011, print: { buf: 'labgen start' } },
    { ...child, timestamp: 2012, sched_process_exit: { comm: 'hog-1', pid: 601, tgid: 601, prio: 120 } },
    {
      ...child,
      timestamp: 2013,
      sched_switch: {
        prev_comm: 'hog-1',
        prev_pid: 601,
        prev_prio: 110,
        prev_state: 32,
        next_comm: 'swapper/1',
        next_pid: 0,
        next_prio: 120,
      },
    },
  ]);
  const trees = all.filter((p) => p.process_tree !== undefined).map((p) => [p.timestamp, p.process_tree]);
  const process = (pid: number, ppid: number, name: string) => ({
    processes: [{ pid, ppid, cmdline: [name] }],
    threads: [{ tid: pid, name, tgid: pid }],
  });
  assert.deepEqual(trees, [
    [1000, process(600, 0, 'labgen')],
    [2005, process(2, 0, 'kthreadd')],
    [2005, process(15, 2, 'rcu_preempt')],
  ]);
});

/** A newly idle CPU 1 that finds a busy group in its pass, and takes one task of two. */
const NEWIDLE: PlainEvent[] = [
  { kind: Ev.NEWIDLE, timeNs: 3000, cpu: 1, task: IDLE_TASK, args: [1, 0, 90000, 500000, NOT_OBSERVED, -1, -1, -1] },
  { kind: Ev.LB_ENTER, timeNs: 3010, cpu: 1, task: IDLE_TASK, args: [1, 2, 2, 0, 8, 77, 3, 4000, 512] },
  { kind: Ev.LB_BUSIEST, timeNs: 3020, cpu: 1, task: IDLE_TASK, args: [1, 2, 2, -5, 0xf0, 1, 1, 2] },
  { kind: Ev.CAN_MIGRATE_RET, timeNs: 3030, cpu: 1, task: IDLE_TASK, args: [0] },
  { kind: Ev.CAN_MIGRATE_RET, timeNs: 3031, cpu: 1, task: IDLE_TASK, args: [1] },
  { kind: Ev.SCHED_MIGRATE_TASK, timeNs: 3032, cpu: 1, task: 1, args: [0, 1, 120, MigrateCause.NEWIDLE, 2] },
  { kind: Ev.LB_LEAVE, timeNs: 3040, cpu: 1, task: IDLE_TASK, args: [1, 2, 2, 1, 0, 0, 2, 9, 2, 8, 0, 1234] },
  { kind: Ev.NEWIDLE_RET, timeNs: 3050, cpu: 1, task: IDLE_TASK, args: [1] },
];

test('a balance pass is a slice that tells what it saw and what it did', () => {
  const events = trackEvents(packets(trace(NEWIDLE), { nrRunning: false }));
  const brief = events.map((e) => [e.at, e.track, e.type, e.name]);
  assert.deepEqual(brief, [
    [3000, 'CPU 1 balance', 'begin', 'newidle'],
    [3010, 'CPU 1 balance', 'begin', 'MC newidle'],
    [3032, 'CPU 0 balance', 'instant', 'out: newidle'],
    [3032, 'CPU 1 balance', 'instant', 'in: newidle'],
    [3040, 'CPU 1 balance', 'end', undefined],
    [3050, 'CPU 1 balance', 'end', undefined],
  ]);
  assert.deepEqual(events[0].annotations, { nr: 0, avg_idle: 90000, max_cost: 500000 });
  assert.deepEqual(events[1].annotations, {
    dst_cpu: 1,
    domain: 'MC',
    idle_type: 'newidle',
    nr_running: 0,
    balance_interval: 8,
    nr_balance_failed: 3,
  });
  assert.deepEqual(events[4].annotations, {
    result: 'moved',
    moved: 1,
    busiest_group: '0x1000000f0',
    imbalance: 1,
    imbalance_type: 'task',
    src_cpu: 0,
    imbalance_left: 0,
    flags: 'all pinned, some pinned',
    candidates_refused: 1,
    candidates_allowed: 1,
    cost: 1234,
  });
  assert.deepEqual(events[5].annotations, { pulled: 1 });
});

test('a migration is an arrow from the CPU that the task leaves to the one it goes to', () => {
  const [out, into] = trackEvents(packets(trace(NEWIDLE))).filter((e) => e.type === 'instant');
  assert.deepEqual(out.event.flow_ids, into.event.terminating_flow_ids);
  assert.equal(out.event.terminating_flow_ids, undefined);
  assert.equal(into.event.flow_ids, undefined);
  assert.deepEqual(out.annotations, {
    task: 'hog-0 601',
    cause: 'newidle',
    from_cpu: 0,
    to_cpu: 1,
    by_cpu: 1,
    domain: 'MC',
  });
});

test('passes that find nothing say so', () => {
  const leave = (timeNs: number): PlainEvent => ({
    kind: Ev.LB_LEAVE,
    timeNs,
    cpu: 0,
    task: IDLE_TASK,
    args: [0, 2, 1, 0, 0, 0, 0, 0, 0, 8, 0, NOT_OBSERVED],
  });
  const enter = (timeNs: number): PlainEvent => ({
    kind: Ev.LB_ENTER,
    timeNs,
    cpu: 0,
    task: IDLE_TASK,
    args: [0, 2, 1, 1, 8, 7, 0, 0, -1],
  });
  const busiest = (timeNs: number, group: number): PlainEvent => ({
    kind: Ev.LB_BUSIEST,
    timeNs,
    cpu: 0,
    task: IDLE_TASK,
    args: [0, 2, 1, group, 3, 0, 0, 0],
  });
  const events = [enter(1), leave(2), enter(3), busiest(4, 0), leave(5), enter(6), busiest(7, -9), leave(8)];
  const ends = trackEvents(packets({ ...trace(events), startNs: 0 })).filter((e) => e.type === 'end');
  assert.deepEqual(
    ends.map((e) => e.annotations.result),
    ['nothing moved', 'balanced', 'failed'],
  );
  assert.ok(ends.every((e) => e.annotations.cost === undefined));
});

test('kicks, active balance, markers and losses are instants', () => {
  const all = packets(
    trace([
      { kind: Ev.ILB_KICKED, timeNs: 2000, cpu: 1, task: IDLE_TASK, args: [1, 0] },
      { kind: Ev.NOHZ_IDLE_BALANCE, timeNs: 2001, cpu: 1, task: IDLE_TASK, args: [1, 3] },
      { kind: Ev.ACTIVE_BALANCE, timeNs: 2002, cpu: 0, task: IDLE_TASK, args: [0, 2, 1] },
      { kind: Ev.PRINT, timeNs: 2003, cpu: 0, task: IDLE_TASK, args: [0] },
      { kind: Ev.LOST_EVENTS, timeNs: 2004, cpu: 1, task: IDLE_TASK, args: [7] },
      { kind: Ev.LOST_EVENTS, timeNs: 2005, cpu: 1, task: IDLE_TASK, args: [NOT_OBSERVED] },
    ]),
  );
  const instants = trackEvents(all).filter((e) => e.type === 'instant');
  assert.deepEqual(
    instants.map((e) => [e.track, e.name, e.annotations]),
    [
      ['CPU 1 balance', 'nohz kick', { nr_running: 0 }],
      ['CPU 1 balance', 'nohz idle balance', { flags: 3 }],
      ['CPU 0 balance', 'active balance', { busiest_cpu: 0, push_cpu: 1 }],
      ['Markers', 'labgen start', {}],
      ['CPU 1 balance', 'lost events', { count: 7 }],
      ['CPU 1 balance', 'lost events', {}],
    ],
  );
  assert.deepEqual(
    all.filter((p) => p.ftrace_events?.lost_events).map((p) => p.ftrace_events.cpu),
    [1, 1],
  );
});

test('slices that the end of the trace cuts off are ended there, and ends without a beginning are left out', () => {
  const events = trackEvents(
    packets(trace([NEWIDLE[6]!, NEWIDLE[7]!, { ...NEWIDLE[0]!, timeNs: 4000 }, { ...NEWIDLE[1]!, timeNs: 4010 }]), {
      nrRunning: false,
    }),
  );
  assert.deepEqual(
    events.map((e) => [e.at, e.type, e.annotations.unfinished]),
    [
      [4000, 'begin', undefined],
      [4010, 'begin', undefined],
      [9000, 'end', true],
      [9000, 'end', true],
    ],
  );
});

test('the counters tell how many tasks a CPU has to run', () => {
  const events = trackEvents(
    packets(
      trace(
        [
          { kind: Ev.SCHED_WAKEUP, timeNs: 2000, cpu: 0, task: 1, args: [0, 120] },
          { kind: Ev.SCHED_MIGRATE_TASK, timeNs: 2001, cpu: 1, task: 1, args: [0, 1, 120, 0, -1] },
          { kind: Ev.SCHED_SWITCH, timeNs: 2002, cpu: 1, task: IDLE_TASK, args: [1, 0, 120, 120] },
          { kind: Ev.SCHED_SWITCH, timeNs: 2003, cpu: 1, task: 1, args: [IDLE_TASK, 1, 120, 120] },
          { kind: Ev.SCHED_MIGRATE_TASK, timeNs: 2004, cpu: 1, task: 1, args: [1, 0, 120, 0, -1] },
        ],
        [0, IDLE_TASK],
      ),
    ),
  );
  const counters = events
    .filter((e) => e.type === 'counter')
    .map((e) => [e.at, e.track.slice(0, 5), e.event.counter_value]);
  assert.deepEqual(counters, [
    [1000, 'CPU 0', 1],
    [1000, 'CPU 1', 0],
    [2000, 'CPU 0', 2],
    [2001, 'CPU 0', 1],
    [2001, 'CPU 1', 1],
    [2003, 'CPU 1', 0],
  ]);
});

test('the first track event resets the state of its sequence and the others need it', () => {
  const all = packets(trace(NEWIDLE)).filter((p) => p.track_event !== undefined);
  assert.deepEqual(
    [all[0].sequence_flags, all[0].first_packet_on_sequence, all[0].previous_packet_dropped],
    [3, true, true],
  );
  assert.ok(all.slice(1).every((p) => p.sequence_flags === 2 && p.first_packet_on_sequence === undefined));
  assert.ok(all.every((p) => p.trusted_packet_sequence_id === 1));
});

test('slices nest on every track, whatever the trace', () => {
  const kinds: EventKind[] = [
    Ev.NEWIDLE,
    Ev.NEWIDLE_RET,
    Ev.LB_ENTER,
    Ev.LB_BUSIEST,
    Ev.LB_LEAVE,
    Ev.SCHED_SWITCH,
    Ev.LOST_EVENTS,
  ];
  fc.assert(
    fc.property(arbitraryTrace({ kinds, maxCpus: 3 }), (random) => {
      const depth = new Map<string, number>();
      for (const e of trackEvents(packets(random))) {
        const d = (depth.get(e.track) ?? 0) + (e.type === 'begin' ? 1 : e.type === 'end' ? -1 : 0);
        assert.ok(d >= 0);
        depth.set(e.track, d);
      }
      assert.ok([...depth.values()].every((d) => d === 0));
    }),
  );
});

test('every kind of event can be written, with any arguments', () => {
  fc.assert(
    fc.property(arbitraryTrace(), (random) => {
      const switches = random.events.filter((e) => e.kind === Ev.SCHED_SWITCH).length;
      assert.equal(ftraceEvents(packets(random)).filter((e) => e.sched_switch !== undefined).length, switches);
    }),
  );
});

test('a record of the lab becomes a trace with all its switches and passes', needsShared, async () => {
  const record = labRecord('ground-truth/smt8-smtpack');
  const [repetition] = labRepetitions(await record.text(), { topology: record.topology, source: record.kernel });
  const chunks: Uint8Array[] = [];
  const counts = new Map<EventKind, number>();
  repetition!.play({ event: (kind) => counts.set(kind, (counts.get(kind) ?? 0) + 1) });
  repetition!.play(new PerfettoWriter((chunk) => chunks.push(chunk)));
  const all = decode(Buffer.concat(chunks));
  assert.equal(ftraceEvents(all).filter((e) => e.sched_switch !== undefined).length, counts.get(Ev.SCHED_SWITCH));
  const begun = trackEvents(all).filter((e) => e.type === 'begin');
  assert.equal(begun.length, counts.get(Ev.LB_ENTER)! + counts.get(Ev.NEWIDLE)!);
});
