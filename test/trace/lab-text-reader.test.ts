import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { UserError } from '../../src/base/errors.ts';
import { Ev, type EventKind, IDLE_TASK, MigrateCause, NOT_OBSERVED } from '../../src/trace/events.ts';
import { FtraceTextWriter } from '../../src/trace/ftrace-text.ts';
import { type LabTextOptions, type LabTextReport, labRepetitions } from '../../src/trace/lab-text-reader.ts';
import type { TraceTables } from '../../src/trace/sink.ts';
import { storeTrace } from '../../src/trace/store.ts';
import { decodeUtf8, encodeUtf8 } from '../../src/trace/utf8.ts';
import { needsShared } from '../support/shared.ts';
import { labRecord, labRecordPaths } from './lab-records.ts';
import { Collector, collect, flatMachine, type PlainEvent, playPlain } from './random-trace.ts';

interface Read {
  readonly events: readonly PlainEvent[];
  readonly tables: TraceTables;
  readonly report: LabTextReport;
  readonly startNs: number;
  readonly endNs: number;
}

function read(text: string, options: Partial<LabTextOptions> = {}): Read {
  const repetitions = labRepetitions(encodeUtf8(text), { topology: flatMachine(4), source: 'linux-6.1', ...options });
  assert.equal(repetitions.length, 1);
  const sink = new Collector();
  const report = repetitions[0]!.play(sink);
  return { events: sink.events, tables: sink.tables!, report, startNs: sink.startNs, endNs: sink.endNs };
}

/** A line as trace-cmd lays it out. */
function line(running: string, cpu: number, seconds: string, event: string, args: string): string {
  const [comm, pid] = running === 'idle' ? ['<idle>', '0'] : running.split('|');
  const head = `${comm!.padStart(16)}-${pid!.padEnd(5)} [${String(cpu).padStart(3, '0')}]`;
  return `${head} ${seconds.padStart(15)}: ${`${event}:`.padEnd(21)} ${args}\n`;
}

/** The one event of a line of CPU 1 at 1 s, which runs `labgen` with pid 7. */
function one(event: string, args: string, options: Partial<LabTextOptions> = {}): PlainEvent & { tables: TraceTables } {
  const { events, tables, report } = read(line('labgen|7', 1, '1.000000005', event, args), options);
  assert.equal(events.length, 1, `${event}: ${args}`);
  assert.equal(report.events, 1);
  assert.deepEqual([events[0]!.timeNs, events[0]!.cpu], [1_000_000_005, 1]);
  return { ...events[0]!, tables };
}

const comms = (tables: TraceTables) => tables.tasks.map((task) => `${task.comm}:${task.pid}`);

test('a switch names both tasks, and pid 0 is the idle task', () => {
  const e = one('sched_switch', 'labgen:7 [120] S ==> swapper/1:0 [120]');
  assert.deepEqual([e.kind, e.task, e.args], [Ev.SCHED_SWITCH, 0, [IDLE_TASK, 1, 120, 120]]);
  assert.deepEqual(comms(e.tables), ['labgen:7']);
});

test('a name may look like the rest of the line', () => {
  for (const name of [
    'a b',
    'kworker/1:2',
    'x ==> y',
    ':5 [120] R',
    'a [1] S ==> b:1',
    'pid=3 prio=2',
    '',
    ' [0]',
    'CPU:003',
  ]) {
    const s = one('sched_switch', `labgen:7 [120] R ==> ${name}:8 [-1]`);
    assert.deepEqual(s.args, [1, 0, 120, -1], name);
    assert.equal(s.tables.tasks[1]!.comm, name);
    const w = one('sched_waking', `comm=${name} pid=8 prio=120 target_cpu=003`);
    assert.deepEqual([w.args, w.tables.tasks[w.task]!.comm], [[3, 120], name]);
    const p = one('sched_wakeup', `${name}:8 [120] CPU:003`);
    assert.deepEqual([p.args, p.tables.tasks[p.task]!.comm], [[3, 120], name]);
    const d = one('detach', `(ffffffff810e6940) pid=8 comm="${name}" src=4 dst=7`);
    assert.deepEqual([d.args, d.tables.tasks[d.task]!.comm], [[4, 7], name]);
  }
});

test('the fields of each probe become arguments in the order of EVENTS', () => {
  const cases: [string, string, EventKind, number[]][] = [
    [
      'lb_enter',
      '(ffffffff810f39d0) cpu=7 sd="MC" level=2 idle=0 nr=3 interval=8 last=4294892889 failed=1 maxcost=21265 ratio=512',
      Ev.LB_ENTER,
      [7, 2, 0, 3, 8, 4294892889, 1, 21265, 512],
    ],
    [
      'lb_enter',
      '(ffffffff810f39d0) cpu=7 sd="MC" level=2 idle=0 nr=3 interval=8 last=4294892889 failed=1 maxcost=21265',
      Ev.LB_ENTER,
      [7, 2, 0, 3, 8, 4294892889, 1, 21265, NOT_OBSERVED],
    ],
    [
      'lb_busiest',
      '(ffffffff810f3b6b) cpu=2 sd="DIE" idle=1 group=0xffff88800519a480 gmask=0x302d356e0000028d imbalance=3 mtype=2',
      Ev.LB_BUSIEST,
      [2, 3, 1, -0x777ffae65b80, 0x28d, 0x302d356e, 3, 2],
    ],
    [
      'lb_leave',
      '(ffffffff810f45d1) cpu=11 sd="SMT" idle=1 moved=2 src=5 imbalance=18446744073709551615 mtype=2 flags=0x1f loop=7 interval=8 failed=4',
      Ev.LB_LEAVE,
      [11, 0, 1, 2, 5, -1, 2, 0x1f, 7, 8, 4, NOT_OBSERVED],
    ],
    [
      'newidle',
      '(ffffffff810f4820) cpu=9 nr=0 avg_idle=1000000 maxcost=500000 ratio=512 call=532 success=256 sdcost=7100',
      Ev.NEWIDLE,
      [9, 0, 1000000, 500000, 512, 532, 256, 7100],
    ],
    ['newidle_ret', '(ffffffff810f4820 <- ffffffff810f4d8d) pulled=-1', Ev.NEWIDLE_RET, [-1]],
    ['newidle_ret', '(ffffffff810f4820 <- ffffffff810f4d8d) pulled=2', Ev.NEWIDLE_RET, [2]],
    ['idlest_ret', '(ffffffff810e7b00 <- ffffffff810eb546) group=0x0 gmask=0xf000', Ev.IDLEST_RET, [0, 0xf000, 0]],
    ['need_active', '(ffffffff810f0730) src=8 dst=13 idle=2 sd="DIE" failed=3', Ev.NEED_ACTIVE, [8, 13, 2, 3, 3]],
    ['softirq_raise', 'vec=7 [action=SCHED]', Ev.SOFTIRQ_RAISE, [7]],
    ['call_function_single_entry', 'vector=251', Ev.CALL_FUNCTION_SINGLE_ENTRY, []],
    ['sched_wake_idle_without_ipi', 'cpu=3', Ev.SCHED_WAKE_IDLE_WITHOUT_IPI, [3]],
    [
      'pelt_cfs',
      '(ffffffff810feb20) now=2315003715 cpu=1 cfs=0xffff88807d6b1cc0 h_nr=1 w=1048576 minvr=425637799 curr=0x0 lut=2315002880 ls=48922365 rs=24332091 us=24332090 pc=777 la=1030 ra=512 ua=511',
      Ev.PELT_CFS,
      [
        2315003715, 1, -0x777f_8294_e340, 1, 1048576, 425637799, 0, 2315002880, 48922365, 24332091, 24332090, 777, 1030,
        512, 511,
      ],
    ],
  ];
  for (const [name, args, kind, expected] of cases) {
    const e = one(name, args);
    assert.deepEqual([e.kind, e.task, e.args], [kind, IDLE_TASK, expected], name);
  }
  const select = one('select', '(ffffffff810ea540) pid=15 comm="rcu_preempt" prev=9 flags=0x8 recent=2 util=1');
  assert.deepEqual([select.task, select.args], [1, [9, 8, 2, 1]]);
  assert.deepEqual(select.tables.tasks[1], { pid: 15, comm: 'rcu_preempt', kind: '', kthread: true });
});

test('a PELT update tells whether the entity runs, and negative vruntimes stay exact', () => {
  const rest = 'lut=2 ls=3 rs=4 us=5 pc=6 la=7 ra=8 ua=9';
  const at = '(ffffffff810fe770) now=1 cpu=0 task=2';
  const running = one(
    'pelt_se',
    `${at} curr=0xffff888004a1e180 se=0xffff888004a1e180 pid=8 on_rq=1 w=1048576 vr=18446744073539690221 sum=0 ${rest}`,
  );
  assert.deepEqual(
    running.args,
    [1, 0, 2, 1, -0x777ffb5e1e80, 1, 1048576, -169861395, 0, 2, 3, 4, 5, 6, 7, 8, 9, -1, -1, -1],
  );
  assert.equal(running.tables.tasks[running.task]!.pid, 8);
  const eevdf = one(
    'pelt_se',
    `${at} curr=0x0 se=0xffff888004a1e180 pid=8 on_rq=1 w=1048576 vr=7 sum=0 dl=1599368259 lag=-5 slice=2100000 ${rest}`,
  );
  assert.deepEqual(eevdf.args.slice(17), [1599368259, -5, 2100000]);
  assert.equal(eevdf.args[3], 0);
  const group = one('pelt_se', `${at} curr=0x0 se=0x10 pid=-2097152 on_rq=1 w=2 vr=7 sum=0 ${rest}`);
  assert.equal(group.task, IDLE_TASK);
});

test('6.12 numbers idle types and names levels differently, and a dialect can be given', () => {
  const text = '(ffffffff8112c75f) cpu=1 sd="PKG" idle=1 group=0x0 gmask=0x36 imbalance=0 mtype=0';
  assert.deepEqual(
    one('lb_busiest', text, { source: 'Linux version 6.12.90+deb12.1-amd64 (x)' }).args.slice(1, 3),
    [3, 0],
  );
  assert.deepEqual(one('lb_busiest', text, { source: 'linux-6.1' }).args.slice(1, 3), [3, 1]);
  const dialect = { busyIsZero: true, dieIsPkg: true };
  assert.deepEqual(one('lb_busiest', text, { source: 'mine', dialect }).args.slice(1, 3), [3, 0]);
  const runtime = one('sched_stat_runtime', 'comm=init pid=470 runtime=139265 [ns]', { source: 'linux-6.12' });
  assert.deepEqual(runtime.args, [139265, NOT_OBSERVED]);
  assert.deepEqual(one('sched_stat_runtime', 'comm=x pid=4 runtime=1 [ns] vruntime=2 [ns]').args, [1, 2]);
});

test('repetitions are traces of their own', () => {
  const text =
    'cpus=4\n' +
    line('init|1', 1, '51.000000001', 'print', '0xffffffff811c36bd: lab rep 1') +
    line('init|1', 1, '51.000000002', 'sched_switch', 'init:1 [120] S ==> worker:9 [120]') +
    line('init|1', 2, '60.000000001', 'print', '0xffffffff811c36bd: lab rep 12') +
    line('init|1', 2, '60.000000002', 'sched_switch', 'init:1 [120] S ==> other:9 [120]');
  const reps = labRepetitions(encodeUtf8(text), { topology: flatMachine(4), source: 'linux-6.1', hz: 100 });
  assert.deepEqual(
    reps.map((r) => [r.number, r.firstLine]),
    [
      [1, 2],
      [12, 4],
    ],
  );
  const [first, second] = reps.map((r) => collect((sink) => r.play(sink)));
  assert.deepEqual([first!.startNs, first!.endNs, first!.events.length], [51_000_000_001, 51_000_000_002, 2]);
  assert.deepEqual(first!.tables!.strings, ['lab rep 1']);
  assert.deepEqual(comms(first!.tables!), ['init:1', 'worker:9']);
  assert.deepEqual(comms(second!.tables!), ['init:1', 'other:9']);
  assert.deepEqual(second!.tables!.initialCurrent, [IDLE_TASK, IDLE_TASK, 0, IDLE_TASK]);
  assert.equal(second!.tables!.hz, 100);
  assert.deepEqual(
    collect((sink) => reps[0]!.play(sink)),
    first,
    'a repetition can be read twice',
  );
});

test('a new name of a pid is a renaming, at the moment it is first told; the column of the running task is not believed', () => {
  const { events, tables } = read(
    line('hog-0|7', 1, '1.0', 'sched_waking', 'comm=labgen pid=7 prio=120 target_cpu=001') +
      line('hog-0|7', 1, '1.1', 'sched_stat_runtime', 'comm=hog-0 pid=7 runtime=1 [ns] vruntime=2 [ns]') +
      line('hog-0|7', 1, '1.2', 'sched_waking', 'comm=hog-0 pid=7 prio=120 target_cpu=001'),
  );
  assert.deepEqual(comms(tables), ['labgen:7']);
  assert.deepEqual(
    events.map((e) => [e.kind, e.timeNs]),
    [
      [Ev.SCHED_WAKING, 1.0e9],
      [Ev.RENAME, 1.1e9],
      [Ev.SCHED_STAT_RUNTIME, 1.1e9],
      [Ev.SCHED_WAKING, 1.2e9],
    ],
  );
  assert.equal(tables.strings[events[1]!.args[0]!], 'hog-0');
});

test('the caller says of which kind a task is', () => {
  const kindOf = (pid: number, comm: string) => (comm === 'x' ? `kind-${pid}` : '');
  const { tables } = read(line('labgen|7', 1, '1.0', 'sched_waking', 'comm=x pid=9 prio=120 target_cpu=001'), {
    kindOf,
  });
  assert.deepEqual(
    tables.tasks.map((task) => task.kind),
    ['', 'kind-9'],
  );
});

test('a pid that is forked again is another task', () => {
  const { events, tables } = read(
    line('init|1', 0, '1.0', 'sched_process_fork', 'comm=init pid=1 child_comm=init child_pid=9') +
      line('idle', 1, '1.05', 'sched_switch', 'swapper/1:0 [120] R ==> x:9 [120]') +
      line('x|9', 1, '1.1', 'sched_process_exit', 'comm=x pid=9 prio=120') +
      line('init|1', 0, '1.2', 'sched_process_fork', 'comm=init pid=1 child_comm=init child_pid=9'),
  );
  const forks = events.filter((e) => e.kind === Ev.SCHED_PROCESS_FORK);
  assert.notEqual(forks[0]!.args[0], forks[1]!.args[0]);
  assert.deepEqual(tables.tasks.map((task) => task.pid).sort(), [1, 9, 9]);
});

test('a migration says why', () => {
  const lb = (idle: number) =>
    `(f) cpu=1 sd="MC" level=2 idle=${idle} nr=0 interval=8 last=1 failed=0 maxcost=1 ratio=512`;
  const leave = '(f) cpu=1 sd="MC" idle=2 moved=1 src=0 imbalance=0 mtype=0 flags=0x0 loop=1 interval=8 failed=0';
  const migrate = (pid: number) => `comm=t pid=${pid} prio=120 orig_cpu=0 dest_cpu=1`;
  const { events } = read(
    line('idle', 1, '1.00', 'lb_enter', lb(2)) +
      line('idle', 1, '1.01', 'detach', '(f) pid=21 comm="t" src=0 dst=1') +
      line('idle', 1, '1.02', 'sched_migrate_task', migrate(21)) +
      line('idle', 1, '1.03', 'lb_leave', leave) +
      line('idle', 1, '1.04', 'select', '(f) pid=22 comm="t" prev=0 flags=0x8 recent=0 util=0') +
      line('idle', 1, '1.05', 'sched_migrate_task', migrate(22)) +
      line('idle', 1, '1.06', 'sched_migrate_task', migrate(22)) +
      line('migration/2|30', 2, '1.07', 'sched_migrate_task', migrate(22)) +
      line('migration/2|30', 2, '1.080000', 'active_balance', '(f) cpu=2 nr=2 push_cpu=1') +
      line('migration/2|30', 2, '1.080001', 'detach', '(f) pid=23 comm="t" src=2 dst=1') +
      line('migration/2|30', 2, '1.080002', 'sched_migrate_task', migrate(23)) +
      line('idle', 1, '1.09', 'lb_enter', lb(1)) +
      line('idle', 1, '1.10', 'detach', '(f) pid=24 comm="t" src=0 dst=1') +
      line('idle', 1, '1.11', 'sched_migrate_task', migrate(24)),
  );
  assert.deepEqual(
    events.filter((e) => e.kind === Ev.SCHED_MIGRATE_TASK).map((e) => e.args.slice(3)),
    [
      [MigrateCause.NEWIDLE, 2],
      [MigrateCause.WAKEUP, -1],
      [MigrateCause.OTHER, -1],
      [MigrateCause.AFFINITY, -1],
      [MigrateCause.ACTIVE, -1],
      [MigrateCause.BUSY, 2],
    ],
  );
});

test('lost events are told as lost, with or without their number', () => {
  const { events, report } = read(
    line('idle', 0, '1.0', 'reschedule_entry', 'vector=253') +
      'CPU:3 [120 EVENTS DROPPED]\nCPU:2 [EVENTS DROPPED]\nCPU:1 [LOST 5 EVENTS]\n',
  );
  assert.deepEqual(
    events.slice(1).map((e) => [e.kind, e.timeNs, e.cpu, e.args[0]]),
    [
      [Ev.LOST_EVENTS, 1e9, 3, 120],
      [Ev.LOST_EVENTS, 1e9, 2, NOT_OBSERVED],
      [Ev.LOST_EVENTS, 1e9, 1, 5],
    ],
  );
  assert.equal(report.malformed, 0);
});

test('dirty lines are counted and left out', () => {
  const good = line('idle', 0, '2.0', 'reschedule_entry', 'vector=253');
  const { events, report } = read(
    good +
      'what is this\n' +
      line('idle', 9, '2.1', 'reschedule_entry', 'vector=253') +
      line('idle', 0, '2.2', 'sched_waking', 'comm=x pid=3 prio=120') +
      line('idle', 0, '2.3', 'sched_waking', 'comm=x pid=99999999 prio=120 target_cpu=001') +
      line('idle', 0, '2.4', 'sys_enter', 'NR 1') +
      line('idle', 0, '2.5', 'sys_enter', 'NR 2') +
      line('idle', 0, '1.0', 'reschedule_entry', 'vector=253') +
      good.slice(0, -30),
  );
  assert.equal(events.length, 1);
  assert.deepEqual(
    [report.lines, report.events, report.malformed, report.firstMalformedLine, report.outOfOrder],
    [9, 1, 5, 2, 1],
  );
  assert.deepEqual([...report.unknown], [['sys_enter', 2]]);
});

test('a text without a single event is refused, saying where and what was expected', () => {
  assert.throws(
    () => read('hello\nworld\n'),
    (error) =>
      error instanceof UserError && error.code === 'format' && error.place.line === 1 && /comm-pid/.test(error.hint),
  );
  assert.throws(() => read(line('idle', 0, '2.0', 'sys_enter', 'NR 1')), /only sys_enter/);
  assert.throws(() => read('cpus=16\n'), /of 16 CPUs.*has 4/);
});

test('spec 09 check 5: the line of a wakeup is read, and written again but for its flags, which a trace does not have', () => {
  const [before, flags, after] = [
    '          <idle>-0       [001] ',
    'dNh2.',
    '  1234.567890: sched_wakeup: comm=worker pid=812 prio=120 target_cpu=001\n',
  ];
  const { events, tables, startNs } = read(before + flags + after);
  assert.deepEqual(events, [{ kind: Ev.SCHED_WAKEUP, timeNs: 1234567890000, cpu: 1, task: 0, args: [1, 120] }]);
  assert.deepEqual(comms(tables), ['worker:812']);
  const chunks: Uint8Array[] = [];
  const writer = new FtraceTextWriter((chunk) => chunks.push(chunk), { header: false, layout: 'ftrace' });
  playPlain({ tables, startNs, endNs: startNs, events }, writer);
  assert.equal(decodeUtf8(Buffer.concat(chunks)), `${before}.....${after}`);
});

test("ftrace's own text is read as well", () => {
  const { events, tables } = read(
    '# tracer: nop\n#\n' +
      '          <idle>-0       [001] dNh2.  1234.567890: sched_wakeup: comm=worker pid=812 prio=120 target_cpu=001\n' +
      '          <idle>-0       [001] d..2.  1234.567891: sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=worker next_pid=812 next_prio=120\n' +
      '          worker-812     [001] d..2.  1234.567892: sched_switch: prev_comm=worker prev_pid=812 prev_prio=120 prev_state=R+ ==> next_comm=a b next_pid=9 next_prio=98\n' +
      '             a b-9       [001] .....  1234.567893: tracing_mark_write: hello: world\n',
  );
  assert.deepEqual(
    events.map((e) => [e.timeNs, e.kind, e.task, e.args]),
    [
      [1234567890000, Ev.SCHED_WAKEUP, 0, [1, 120]],
      [1234567891000, Ev.SCHED_SWITCH, IDLE_TASK, [0, 0, 120, 120]],
      [1234567892000, Ev.SCHED_SWITCH, 0, [1, 256, 120, 98]],
      [1234567893000, Ev.PRINT, IDLE_TASK, [0]],
    ],
  );
  assert.deepEqual([comms(tables), tables.strings], [['worker:812', 'a b:9'], ['hello: world']]);
});

test('garbage never does more than be refused', () => {
  const good = [
    line('labgen|7', 1, '1.000000005', 'sched_switch', 'labgen:7 [120] S ==> swapper/1:0 [120]'),
    line('labgen|7', 1, '1.000000006', 'sched_process_fork', 'comm=init pid=1 child_comm=init child_pid=9'),
    line('labgen|7', 1, '1.000000007', 'print', '0xffffffff811c36bd: lab rep 1'),
    line(
      'labgen|7',
      1,
      '1.000000008',
      'lb_enter',
      '(f) cpu=1 sd="MC" level=2 idle=0 nr=0 interval=8 last=1 failed=0 maxcost=1',
    ),
  ].join('');
  const mutated = fc
    .array(
      fc.record({
        at: fc.nat(good.length - 1),
        cut: fc.nat(20),
        put: fc.string({ unit: 'binary-ascii', maxLength: 8 }),
      }),
      {
        minLength: 1,
        maxLength: 6,
      },
    )
    .map((edits) => edits.reduce((text, e) => text.slice(0, e.at) + e.put + text.slice(e.at + e.cut), good));
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: 'binary' })), (text) => {
      const repetitions = labRepetitions(encodeUtf8(text), { topology: flatMachine(4), source: 'linux-6.1' });
      for (const repetition of repetitions) {
        try {
          const store = storeTrace((sink) => repetition.play(sink));
          assert.ok(store.length > 0);
        } catch (error) {
          assert.ok(error instanceof UserError, String(error));
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('lines made to be searched again and again take no longer than others', () => {
  const size = 1 << 20;
  const head = line('labgen|7', 1, '1.0', 'sched_switch', '').trimEnd();
  const filled = (text: string) => text.repeat(Math.ceil(size / text.length));
  const lines = [
    `${head} ${filled('] R ==> ')}`,
    `${head} ${filled('a:1 [1] S ==> ')}`,
    `${head} ${filled('[')}] R ==> a:1 [1]`,
    `${head} ${filled('1')} [1] R ==> a:1 [1]`,
    filled(': lab rep 1 '),
    filled('-1 [1] '),
    filled('-11111111111111111'),
    line('labgen|7', 1, '1.0', 'lb_enter', filled('cpu=1 x=2 ')).trimEnd(),
    line('labgen|7', 1, '1.0', 'sched_process_exec', filled(' pid=x')).trimEnd(),
  ];
  const started = process.cpuUsage();
  const { report } = read(
    `${line('idle', 0, '0.5', 'reschedule_entry', 'vector=253')}${lines.join('\n')}\n`.replaceAll(
      'lab rep 1',
      'lab rep',
    ),
  );
  assert.equal(report.malformed, lines.length);
  assert.equal(labRepetitions(encodeUtf8(lines[4]!), { topology: flatMachine(4), source: 'linux-6.1' }).length, 1);
  assert.ok(process.cpuUsage(started).user < 5e6, 'CPU time, us');
});

test('every line of every record is understood', needsShared, async () => {
  for (const path of labRecordPaths(700_000)) {
    const record = labRecord(path);
    const text = await record.text();
    const repetitions = labRepetitions(text, { topology: record.topology, source: record.kernel });
    assert.ok(repetitions.length >= 2, path);
    for (const repetition of repetitions) {
      const moved = new Map<string, number>();
      const pulls = new Map<string, number>();
      let open = 0;
      const count = (map: Map<string, number>, key: string, n: number) => map.set(key, (map.get(key) ?? 0) + n);
      const report = repetition.play({
        event(kind, _timeNs, _cpu, _task, args) {
          if (kind === Ev.LB_ENTER) open++;
          if (kind === Ev.LB_LEAVE) {
            open--;
            if (args[3]! > 0) count(moved, `${args[1]}/${MigrateCause.IDLE + args[2]!}`, args[3]!);
          }
          if (kind === Ev.SCHED_MIGRATE_TASK && args[4]! >= 0) count(pulls, `${args[4]}/${args[3]}`, 1);
        },
      });
      const { malformed, outOfOrder, wrongCurrent, unknown } = report;
      assert.deepEqual(
        { malformed, outOfOrder, wrongCurrent, unknown: unknown.size },
        { malformed: 0, outOfOrder: 0, wrongCurrent: 0, unknown: 0 },
      );
      // what the balance passes say they moved is what migrated because of them, unless one was open at an end
      if (open === 0) assert.deepEqual([...pulls].sort(), [...moved].sort(), `${path} repetition ${repetition.number}`);
    }
  }
});
