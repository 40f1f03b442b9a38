import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { roundTo } from '../../src/analysis/decimal-round.ts';
import { type LabFigures, LabRepetitionSink, type LabTasks } from '../../src/analysis/lab-repetition.ts';
import { flatFigures, labSchedstat, overRepetitions } from '../../src/analysis/lab-summary.ts';
import { RunnableSpread } from '../../src/analysis/runnable-spread.ts';
import { Ev } from '../../src/trace/events.ts';
import { parseSchedstat } from '../../src/trace/schedstat.ts';
import { machine, type TraceBuilder, trace } from '../support/trace-builder.ts';

/** Figures by full name. */
function lab(t: TraceBuilder, tasks: LabTasks = 'byKind'): Record<string, number> {
  return Object.fromEntries(flatFigures(t.play(new LabRepetitionSink(tasks)).figures()!));
}

/** Two hogs on CPU 0 of four, bound until they are let go at 100 ms; CPU 1 pulls one at 130 ms. */
function unpin(): TraceBuilder {
  const t = trace(machine(4, { llcs: 2 }))
    .at(0)
    .print('lab rep 1')
    .onCpu(0)
    .switch('idle', 'hog1');
  t.at(1000).wakeupNew('hog2', 0).at(2000).print('labgen start').at(50_000).switch('hog1', 'hog2', 'R');
  t.at(100_000).print('labgen ctl cpus hog 0-3 ');
  t.at(130_000).onCpu(1).lbEnter('MC/newidle').migrate('hog1', 0, 1, 'MC/newidle').lbLeave('MC/newidle', 1);
  return t.switch('idle', 'hog1').at(200_000).print('a tick').print('labgen end').at(250_000).switch('hog1', 'idle');
}

test('the window begins with the last widening of masks, and ends with the load', () => {
  const figures = unpin().play(new LabRepetitionSink('byKind')).figures()!;
  assert.equal(figures.window_ms, 100);
  assert.deepEqual(figures.marks, [[98, 'labgen ctl cpus hog 0-3']]);
  assert.equal(figures.switches, 1);
});

test('waste lasts until the idle CPU has pulled', () => {
  const f = lab(unpin());
  assert.equal(f.wasted_time_fraction, 0.3);
  assert.equal(f.wasted_core_ms, 30);
  assert.equal(f.ms_to_no_waste_10ms, 30);
  assert.equal(f.ms_to_balanced_10ms, 30);
  assert.equal(f.mean_spread, 1.3);
  assert.equal(f.mean_llc_spread, 2);
});

test('pulls are told by level and idle type, and shares by kind', () => {
  const f = lab(unpin());
  assert.equal(f['migrations_by_cause.MC/newidle'], 1);
  assert.equal(f['migrations_by_distance.llc'], 1);
  assert.deepEqual([f['load_balance.MC/newidle.calls'], f['load_balance.MC/newidle.moved']], [1, 1]);
  assert.deepEqual([f['share.hog.n'], f['share.hog.min'], f['share.hog.max'], f['share.hog.sum']], [2, 0.7, 1, 1.7]);
  assert.equal(f.jain, roundTo(1.7 ** 2 / (2 * 1.49), 6));
  assert.equal(f['migrations_per_task.mean'], 0.5);
});

test('the load may be told by pid or by name', () => {
  const byPid = lab(unpin(), {
    byPid: new Map([
      [101, 'b'],
      [100, 'a'],
      [999, 'never seen'],
    ]),
  });
  assert.deepEqual([byPid.tasks, byPid['share.a.n'], byPid['share.never seen.max']], [3, 1, 0]);
  const byComm = lab(unpin(), { byComm: 'hog2' });
  assert.deepEqual([byComm.tasks, byComm['share.hog2.max']], [1, 1]);
});

test('a task of a command joins the load when it takes the name', () => {
  const t = trace(2).at(0).print('lab cmd start').onCpu(0).switch('idle', 'sh').wakeup('sh2', 0);
  t.at(10_000).rename('sh2', 'hackbench').rename('sh', 'hackbench').switch('sh', 'sh2', 'R');
  const f = lab(t.at(30_000).switch('sh2', 'sh', 'R').at(40_000).print('a tick').print('lab cmd end'), {
    byComm: 'hackbench',
  });
  assert.equal(f.tasks, 2);
  // sh2 from 10 ms, sh from 30 ms
  assert.equal(f.wasted_time_fraction, 0.25);
});

test('a probe before the migration tells its cause, else the migration does', () => {
  const t = trace(2).at(0).print('labgen start').task('migration/0', { kind: '', kthread: true });
  const select = (flags: number) => t.event(Ev.SELECT, t.id('a'), [0, flags, 0, 0]);
  select(8).after(100).migrate('a', 0, 1);
  select(4).after(499).migrate('a', 1, 0);
  select(8).after(501).migrate('a', 0, 1).after(1000);
  t.onCpu(0).event(Ev.DETACH, t.id('a'), [0, 1]).migrate('a', 0, 1).after(1000);
  t.lbEnter('MC/idle').event(Ev.DETACH, t.id('a'), [0, 1]).lbLeave('MC/idle').migrate('a', 0, 1).after(1000);
  t.switch('idle', 'migration/0').migrate('a', 0, 1).event(Ev.ACTIVE_BALANCE, -1, [0, 1, 1]).migrate('a', 1, 0);
  t.migrate('a', 0, 1, 'steal').print('labgen end');
  const figures = t.play(new LabRepetitionSink('byKind')).figures()!;
  assert.deepEqual(figures.migrations_by_cause, {
    wakeup: 1,
    fork: 1,
    other: 1,
    active: 2,
    'MC/idle': 1,
    affinity: 1,
    steal: 1,
  });
});

test('a load that never starts has no figures', () => {
  assert.equal(trace(1).print('lab rep 1').play(new LabRepetitionSink('byKind')).figures(), null);
});

test('over repetitions, counts that are absent are 0 and times that are absent are left out', () => {
  const each: LabFigures[] = [
    { migrations_by_cause: { wakeup: 3 }, ms_to_no_waste_10ms: 12.5, jain: null },
    { migrations_by_cause: {}, ms_to_no_waste_10ms: null, jain: 0.5 },
  ];
  assert.deepEqual(overRepetitions(each), {
    jain: { mean: 0.5, min: 0.5, max: 0.5, sd: 0, n: 1 },
    'migrations_by_cause.wakeup': { mean: 1.5, min: 0, max: 3, sd: 2.12132, n: 2 },
    ms_to_no_waste_10ms: { mean: 12.5, min: 12.5, max: 12.5, sd: 0, n: 1 },
  });
});

test('differences of schedstat are summed over CPUs by the name of the domain', () => {
  const at = (n: number) =>
    parseSchedstat(
      `${[
        'version 15',
        'timestamp 1',
        ...[0, 1].flatMap((cpu) => [`cpu${cpu} 0 0 0 0 0 0 0 0 0`, `domain0 3 ${n} ${'0 '.repeat(34)}${n}`]),
      ].join('\n')}\n`,
    );
  const named = labSchedstat(at(5), at(8), () => 'MC') as Record<string, Record<string, number>>;
  assert.deepEqual([named.MC!.idle_count, named.MC!.busy_count, named.MC!.ttwu_move_balance], [6, 0, 6]);
  assert.deepEqual(Object.keys(labSchedstat(at(5), at(8))), ['domain0']);
});

test('rounding takes the number exactly, and half-way to even', () => {
  const cases: [x: number, digits: number, rounded: number][] = [
    [2.5, 0, 2],
    [3.5, 0, 4],
    [-2.5, 0, -2],
    [0.125, 2, 0.12],
    [0.375, 2, 0.38],
    [0.0078125, 6, 0.007812],
    [1.005, 2, 1],
    [2.675, 2, 2.67],
    [1 / 3, 4, 0.3333],
    [5e-7, 6, 0],
  ];
  for (const [x, digits, rounded] of cases) assert.equal(roundTo(x, digits), rounded, `${x} to ${digits} digits`);
});

test('the spread is the greatest minus the least number of any group', () => {
  const moves = fc.array(fc.record({ cpu: fc.nat(5), up: fc.boolean() }), { maxLength: 60 });
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 6, maxLength: 6 }), moves, (column, list) => {
      const spread = new RunnableSpread(column);
      const nr = new Map(column.map((group) => [group, 0]));
      for (const { cpu, up } of list) {
        const group = column[cpu]!;
        if (!up && nr.get(group) === 0) continue;
        nr.set(group, nr.get(group)! + (up ? 1 : -1));
        spread.change(cpu, up ? 1 : -1);
        assert.equal(spread.value, Math.max(...nr.values()) - Math.min(...nr.values()));
      }
    }),
  );
});
