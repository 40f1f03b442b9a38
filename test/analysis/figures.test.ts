import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FIGURES, figureSpec } from '../../src/analysis/figure-catalogue.ts';
import { type FiguresOptions, FiguresSink } from '../../src/analysis/figures.ts';
import { kindByComm } from '../../src/analysis/task-columns.ts';
import { buildTopology } from '../../src/machine/topology.ts';
import { EVENTS } from '../../src/trace/event-specs.ts';
import { Ev, type EventKind } from '../../src/trace/events.ts';
import { figureValues } from '../support/figure-values.ts';
import { machine, type TraceBuilder, trace } from '../support/trace-builder.ts';

/** Figures of a trace in which everything was recorded, so that what does not occur is 0. */
function recorded(t: TraceBuilder, options: FiguresOptions = {}): Record<string, number | null> {
  return figureValues(t, { observed: EVENTS.map((_, kind) => kind as EventKind), ...options });
}

describe('wasted time @spec 23 §5.2', () => {
  test('a task waits for 50 us while another CPU is idle', () => {
    const f = recorded(
      trace(2).running('A', 0).at(100).wakeup('B', 0).at(150).onCpu(0).switch('A', 'B', 'S').end(1000),
    );
    assert.equal(f.wasted_cpu_ms, 0.05);
    assert.equal(f['wasted_cpu_ms.same'], 0);
    assert.equal(f['wasted_cpu_ms.llc'], 0.05);
    assert.equal(f.wasted_ratio, 0.05 / 1.05);
    assert.deepEqual([f.wasted_episodes, f['wasted_episodes.10us']], [1, 1]);
  });

  test('a task that is woken on an idle CPU wastes that CPU until it is switched in', () => {
    const f = recorded(
      trace(1).running('A', 0).onCpu(0).at(5).switch('A', 'idle').wakeup('A').at(8).switch('idle', 'A').end(9),
    );
    assert.equal(f['wasted_cpu_ms.same'], 0.003);
    assert.equal(f.wasted_cpu_ms, 0.003);
  });

  test('spec 23 check 2: a CPU that executes a newidle search of 8 us is balancing, not wasted', () => {
    const t = trace(2).running('A', 0).running('X', 1).wakeup('B', 0);
    t.at(10).onCpu(1).newidle().at(18).newidleRet(0).switch('X', 'idle').at(20).onCpu(0).switch('A', 'B', 'S').end(100);
    const f = recorded(t);
    assert.equal(f.balancing_ms, 0.008);
    assert.equal(f.wasted_cpu_ms, 0.002);
    assert.deepEqual([f.newidle_calls, f.newidle_pulled], [1, 0]);
    assert.equal(f['cpu_ms.X'], 0.01);
  });

  test('a CPU that executes a balance pass for another is not wasted', () => {
    const t = trace(2).running('A', 0).wakeup('B', 0);
    t.at(10).onCpu(1).lbEnter('MC/idle', 3).at(14).lbLeave('MC/idle', 0, 3).at(20).onCpu(0).switch('A', 'B', 'S');
    const f = recorded(t.end(20));
    assert.equal(f.wasted_cpu_ms, 0.016);
    assert.equal(f.balancing_ms, 0.004);
    assert.equal(f.wasted_episodes, 2);
  });

  test('a task bound to busy CPUs wastes nothing', () => {
    const t = trace(3).running('A', 0).running('B', 1).affinity('C', [0, 1]).wakeup('C', 0).end(100);
    assert.equal(recorded(t).wasted_cpu_ms, 0);
  });

  test('a task that waits when its affinity is widened begins to waste', () => {
    const t = trace(2).running('A', 0).affinity('B', [0]).wakeup('B', 0).at(40).affinity('B', [0, 1]).end(100);
    assert.equal(recorded(t).wasted_cpu_ms, 0.06);
  });

  test('real-time tasks that wait are not the fair balancer’s business', () => {
    const t = trace(2).task('rt', { prio: 10 }).running('A', 0).wakeup('rt', 0).end(100);
    assert.equal(recorded(t).wasted_cpu_ms, 0);
  });

  test('a kernel thread named after its CPU is bound to it', () => {
    const t = trace(2)
      .task('kworker/0:1', { kind: '', kthread: true })
      .task('kworker/u4:1', { kind: '', kthread: true });
    t.running('A', 0).wakeup('kworker/0:1', 0).at(10).wakeup('kworker/u4:1', 0).end(15);
    assert.equal(recorded(t).wasted_cpu_ms, 0.005);
  });

  test('offline and excluded CPUs cannot be wasted', () => {
    const t = trace(3).running('A', 0).wakeup('B', 0).wakeup('C', 0).end(100);
    assert.equal(recorded(t).wasted_cpu_ms, 0.2);
    assert.equal(recorded(t, { excludedCpus: [2] }).wasted_cpu_ms, 0.1);
    assert.equal(recorded(t, { excludedCpus: [2] }).idle_ms, 0.1);
  });

  test('a task replaced by another in the same instant does not cut an episode in two', () => {
    const t = trace(2).running('A', 0).wakeup('B', 0);
    t.at(30).onCpu(0).switch('A', 'B', 'R').at(90).switch('B', 'A', 'S').end(100);
    const f = recorded(t);
    assert.equal(f.wasted_episodes, 1);
    assert.equal(f['wasted_episodes.10us'], 1);
  });
});

describe('confirmed violations @spec 23 §5.2', () => {
  const waiting = (us: number) =>
    trace(2)
      .running('A', 0)
      .at(10)
      .wakeup('B', 0)
      .at(10 + us)
      .onCpu(0)
      .switch('A', 'B', 'S')
      .end(500_000);

  test('spec 23 check 3: an episode of 99 ms is not confirmed at 100 ms, one of 101 ms is, once', () => {
    assert.equal(recorded(waiting(99_000))['violations.100ms'], 0);
    assert.equal(recorded(waiting(99_000))['violations.10ms'], 1);
    assert.equal(recorded(waiting(101_000))['violations.100ms'], 1);
  });

  test('it tells who waited where, which CPU ran nothing, and when', () => {
    const sink = waiting(101_000).play(new FiguresSink());
    assert.deepEqual(sink.violations, [{ task: 1, cpu: 0, idleCpu: 1, fromNs: 10_000, toNs: 101_010_000 }]);
  });

  test('a task that is moved, or a CPU that runs something for a while, begins anew', () => {
    const moved = trace(3).running('A', 0).running('C', 1).wakeup('B', 0).at(60_000).migrate('B', 0, 1);
    assert.equal(recorded(moved.end(120_000))['violations.100ms'], 0);
    const busy = trace(2).running('A', 0).wakeup('B', 0).onCpu(1).at(60_000).switch('idle', 'C');
    assert.equal(recorded(busy.at(60_005).switch('C', 'idle').end(120_000))['violations.100ms'], 0);
  });

  test('a balance pass of the idle CPU is no break', () => {
    const t = trace(2).running('A', 0).wakeup('B', 0).onCpu(1);
    for (let tick = 4000; tick < 120_000; tick += 4000) t.at(tick).lbEnter('MC/idle').after(5).lbLeave('MC/idle');
    assert.equal(recorded(t.end(120_000))['violations.100ms'], 1);
  });

  test('for a bound task only its own CPUs count, also if they are busy by the end', () => {
    const t = trace(4).running('A', 0).running('C', 1).affinity('B', [0, 1, 2]).wakeup('B', 0);
    t.onCpu(2).at(1500).switch('idle', 'D').end(5000);
    assert.equal(recorded(t)['violations.1ms'], 1);
    assert.equal(recorded(t)['violations.10ms'], 0);
  });
});

describe('figures by kind of task', () => {
  test('wakeup latency ends when the task is switched in, moved or not', () => {
    const t = trace(2).running('A', 0).running('C', 1);
    t.at(10).wakeup('B', 0).at(15).migrate('B', 0, 1, 'MC/newidle').at(30).onCpu(1).switch('C', 'B').end(50);
    const f = figureValues(t);
    assert.equal(f['wake_latency_us.B.p50'], 20);
    assert.equal(f['wake_latency_us.all.max'], 20);
    assert.equal(f['wake_latency_us.all.n'], 1);
    assert.equal(f['wake_latency_us.A.p50'], null);
    assert.equal(f['migrations_by_cause.MC/newidle'], 1);
    assert.equal(f['migrations_by_kind.B'], 1);
  });

  test('makespan is from the first birth to the last exit, and unknown while a task lives', () => {
    const t = trace(1).task('main', { kind: '' }).running('main', 0).onCpu(0);
    t.at(5).fork('main', 'A1').wakeupNew('A1').at(6).fork('main', 'B').wakeupNew('B');
    t.at(10).switch('main', 'A1').at(100).exit('A1').switch('A1', 'B', 'X').end(200);
    const f = figureValues(t);
    assert.equal(f['makespan_ms.A'], 0.095);
    assert.equal(f['makespan_ms.B'], null);
    assert.equal(f['makespan_ms.all'], null);
  });

  test('throughput and request latency come from reported work', () => {
    const t = trace(1).running('A', 0).onCpu(0).at(100).work('A', 2, 40).at(200).work('A', 1).end(1000);
    const f = figureValues(t);
    assert.equal(f['throughput.A'], 3000);
    assert.equal(f['request_latency_us.A.max'], 40);
    assert.equal(figureValues(t, { fromNs: 150_000 })['throughput.A'], 1 / 850e-6);
    assert.equal(figureValues(t, { fromNs: 150_000 })['request_latency_us.A.max'], null);
  });

  test('shares are of the time that a task existed, and Jain compares them', () => {
    const t = trace(2).running('A1', 0).running('X', 1);
    t.at(500).onCpu(1).fork('X', 'A2').wakeupNew('A2').switch('X', 'A2').at(750).switch('A2', 'idle').end(1000);
    const f = figureValues(t);
    assert.deepEqual([f['share.A.min'], f['share.A.max'], f['share_spread.A']], [0.5, 1, 0.5]);
    assert.equal(f['jain.A'], 2.25 / (2 * 1.25));
    assert.equal(f['cpu_ms.A'], 1.25);
    assert.equal(f['cpu_share.A'], 0.625);
  });

  test('tasks without a kind, and kinds not asked for, are not of the workload', () => {
    const t = trace(2).task('noise', { kind: '' }).running('noise', 0).running('A', 1).wakeup('B', 0).end(10);
    assert.deepEqual(
      Object.keys(figureValues(t)).filter((name) => name.startsWith('tasks')),
      ['tasks.all', 'tasks.A', 'tasks.B'],
    );
    assert.equal(figureValues(t, { kinds: ['A'] })['tasks.all'], 1);
    assert.equal(figureValues(t, { kindOf: ({ comm }) => (comm === 'noise' ? 'N' : '') })['tasks.N'], 1);
  });

  test('recordings have kinds by name', () => {
    const kinds = ['hog-3', 'hog4', 'make', '7', 'a.out'].map((comm) =>
      kindByComm({ pid: 1, comm, kind: '', kthread: false }),
    );
    assert.deepEqual(kinds, ['hog', 'hog', 'make', '7', 'a.out']);
    assert.equal(kindByComm({ pid: 1, comm: 'kworker/0:1', kind: '', kthread: true }), '');
  });

  test('a kind that depends on the name follows a change of the name', () => {
    const t = trace(1).running('sh', 0).at(10).rename('sh', 'make').end(20);
    const f = figureValues(t, { kindOf: ({ comm }) => comm });
    assert.equal(f['tasks.make'], 1);
  });
});

describe('what was not observed is null, not 0', () => {
  const bare = trace(2).running('A', 0).onCpu(0).at(5).switch('A', 'idle').end(10);

  test('in a recording, what does not occur is not known', () => {
    const f = figureValues(bare);
    for (const name of [
      'migrations',
      'balance_passes',
      'balancing_ms',
      'newidle_calls',
      'nohz_kicks',
      'throughput.A',
      'wasted_cpu_ms',
    ]) {
      assert.equal(f[name], null, name);
    }
    assert.equal(f.switches, 1);
    assert.equal(f.idle_ms, 0.015);
  });

  test('a simulation knows what it recorded', () => {
    const f = figureValues(bare, { observed: [Ev.SCHED_MIGRATE_TASK, Ev.LB_ENTER, Ev.SCHED_WAKEUP] });
    assert.deepEqual([f.migrations, f.balance_passes, f.wasted_cpu_ms, f.nohz_kicks], [0, 0, 0, null]);
  });

  test('a window that never begins has no figures', () => {
    const f = figureValues(bare, { fromNs: 1e9 });
    assert.deepEqual([f.window_ms, f.switches, f['throughput.A'], f.idle_ms], [0, null, null, null]);
  });
});

describe('dirty data', () => {
  test('a switch away from a task that was not current is believed and counted', () => {
    const t = trace(2).running('A', 0).onCpu(0).at(10).switch('B', 'C', 'R').at(20).switch('C', 'idle').end(30);
    const f = figureValues(t);
    assert.equal(f.lost_events, 1);
    assert.equal(f['cpu_ms.A'], 0.01);
    assert.equal(f['cpu_ms.C'], 0.01);
    assert.equal(f['cpu_ms.B'], 0);
  });

  test('a task that turns up on another CPU has left the first', () => {
    const t = trace(2).running('A', 0).onCpu(1).at(10).switch('idle', 'A').at(30).switch('A', 'idle').end(50);
    const f = figureValues(t);
    assert.equal(f['cpu_ms.A'], 0.03);
    assert.equal(f.busy_ms, 0.03);
    assert.equal(f.lost_events, 1);
  });

  test('the end of a balance pass that is missing is supplied by the next switch', () => {
    const t = trace(1).running('A', 0).onCpu(0).at(10).newidle().at(20).switch('A', 'idle').end(30);
    assert.equal(figureValues(t).balancing_ms, 0.01);
  });

  test('lost events are counted, at least one a loss', () => {
    const t = trace(1).event(Ev.LOST_EVENTS, -1, [12]).event(Ev.LOST_EVENTS, -1, [-1]).end(10);
    assert.equal(figureValues(t).lost_events, 13);
  });
});

test('only the pulls of balance passes are told by level', () => {
  const t = trace(2).migrate('A', 0, 1, 'MC/active').migrate('A', 1, 0, 'MC/idle').migrate('A', 0, 1, 'steal').end(10);
  const causes = Object.entries(figureValues(t)).filter(([name]) => name.startsWith('migrations_by_cause'));
  assert.deepEqual(Object.fromEntries(causes), {
    'migrations_by_cause.active': 1,
    'migrations_by_cause.steal': 1,
    'migrations_by_cause.MC/idle': 1,
  });
});

test('balance passes are counted by level and idle type, all NUMA levels together', () => {
  const t = trace(machine(4, { nodes: 2, llcs: 2 })).onCpu(0);
  t.lbEnter('MC/newidle')
    .lbLeave('MC/newidle', 2)
    .lbEnter('MC/newidle')
    .lbLeave('MC/newidle')
    .lbEnter('NUMA/busy')
    .lbLeave('NUMA/busy');
  const f = figureValues(t.end(10));
  assert.deepEqual(
    [
      f.balance_passes,
      f['load_balance.MC/newidle.calls'],
      f['load_balance.MC/newidle.pulls'],
      f['load_balance.MC/newidle.moved'],
    ],
    [3, 2, 1, 2],
  );
  assert.deepEqual([f['load_balance.NUMA/busy.calls'], f['load_balance.NUMA/busy.moved']], [1, 0]);
  assert.equal('load_balance.MC/idle.calls' in f, false);
});

test('energy: time that CPUs are not idle with the power of their highest state, where there is a model', () => {
  const states = (power: number) => [
    { frequencyKhz: 1000, power: 1 },
    { frequencyKhz: 2000, power },
  ];
  const perfDomains = [
    { cpus: [0], states: states(3) },
    { cpus: [1], states: states(10.5) },
  ];
  const on = buildTopology({ name: 'two', cpus: [{ capacity: 512 }, {}], perfDomains });
  // CPU 0 for 40 us, CPU 1 for 20 us.
  const t = trace(on)
    .at(10)
    .onCpu(0)
    .switch('idle', 'A')
    .at(30)
    .onCpu(1)
    .switch('idle', 'B')
    .at(50)
    .switch('B', 'idle');
  const f = figureValues(t.onCpu(0).switch('A', 'idle').end(100));
  assert.ok(Math.abs(f['energy']! - (40e-6 * 3 + 20e-6 * 10.5)) < 1e-12, `${f['energy']}`);
  assert.equal('energy' in figureValues(trace(2).switch('idle', 'A').end(10)), false);
});

test('every figure is in the catalogue with its unit, names are unique and in its order', () => {
  const t = trace(machine(4, { threads: 2, llcs: 2, nodes: 2 }))
    .running('A', 0)
    .running('all', 1);
  t.wakeup('B', 0).migrate('B', 0, 2, 'NUMA/idle').onCpu(0).lbEnter('SMT/idle').lbLeave('SMT/idle').work('A', 1, 5);
  const figures = t.end(100).play(new FiguresSink()).figures();
  const order = figures.map(({ name, unit, better }) => {
    const spec = figureSpec(name);
    assert.ok(spec !== undefined, `${name} is in the catalogue`);
    assert.deepEqual([unit, better], [spec.unit, spec.better], name);
    return FIGURES.indexOf(spec);
  });
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  );
  assert.equal(new Set(figures.map(({ name }) => name)).size, figures.length);
  assert.ok(
    figures.some(({ name }) => name === 'tasks.all (kind)'),
    'a kind called "all" is told from the whole',
  );
});
