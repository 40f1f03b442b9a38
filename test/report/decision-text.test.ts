/** What a decision reads like. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { FoundDecision } from '../../src/analysis/named-decisions.ts';
import { decisionJson, decisionText } from '../../src/report/decision-text.ts';
import type { Decision, DecisionGroup } from '../../src/trace/decisions.ts';

const TASKS = new Map([
  [0, { comm: 'main', pid: 1000 }],
  [1, { comm: 'hog-0', pid: 1001 }],
]);

function found(decision: Partial<Decision>): FoundDecision {
  return {
    tasks: TASKS,
    decision: {
      timeNs: 12_345_678,
      kind: 'balance',
      onCpu: 3,
      by: -1,
      cpu: 3,
      task: -1,
      level: -1,
      idle: -1,
      chosen: -1,
      moved: 0,
      reason: 'none',
      why: '',
      facts: new Map(),
      groups: [],
      looked: [],
      tasks: [],
      ...decision,
    },
  };
}

function group(cpus: number[], role: DecisionGroup['role'], other: Partial<DecisionGroup> = {}): DecisionGroup {
  const counts = { nrRunning: 0, hNrRunning: 0, idleCpus: cpus.length, weight: cpus.length };
  const sums = { load: 0, util: 0, runnable: 0, capacity: 1024 * cpus.length, avgLoad: 0 };
  return { cpus, level: 2, role, type: 'has_spare', ...counts, ...sums, ...other };
}

const text = (decision: Partial<Decision>) =>
  decisionText(found(decision))
    .trimEnd()
    .split('\n')
    .map((l) => l.trim());

describe('a pass', () => {
  const pass = { kind: 'balance', level: 2, idle: 2 } as const;

  test('that pulled: from where, of which groups, which tasks', () => {
    const lines = decisionText(
      found({
        ...pass,
        chosen: 0,
        moved: 1,
        reason: 'pulled',
        facts: new Map([
          ['imbalance', 1],
          ['migration_type', 2],
          ['nr_balance_failed', 0],
        ]),
        groups: [
          group([3], 'local'),
          group([0], 'chosen', {
            type: 'overloaded',
            nrRunning: 3,
            idleCpus: 0,
            load: 3072,
            util: 1020,
            avgLoad: 3072,
          }),
        ],
        tasks: [
          { task: 1, reason: 'pulled', why: '' },
          { task: 0, reason: 'running', why: 'it is running' },
        ],
      }),
    );
    assert.equal(
      lines,
      `12.345678 ms  CPU 3  load_balance MC (newidle): 1 task from CPU 0
                group {3}      local   has_spare, 0 running, 1 of 1 idle, load 0, util 0 of 1024
                group {0}      busiest overloaded, 3 running, 0 of 1 idle, load 3072, util 1020 of 1024, avg_load 3072
                imbalance 1 (migrate_task)
                nr_balance_failed 0
                hog-0-1001: pulled
                main-1000: only running tasks, it is running
`,
    );
  });

  test('that refused: the reason, and the rule', () => {
    assert.deepEqual(text({ ...pass, reason: 'group_type', why: 'local group_type > busiest group_type' }), [
      '12.345678 ms  CPU 3  load_balance MC (newidle): nothing: the busiest group’s type is not above the local one’s: local group_type > busiest group_type',
    ]);
  });

  test('for another CPU: both are named', () => {
    assert.match(
      text({ ...pass, idle: 0, cpu: 7, reason: 'interval' })[0]!,
      /CPU 3 {2}load_balance MC \(idle\) for CPU 7: nothing/,
    );
  });

  test('of many groups shows those that matter', () => {
    const groups = [
      group([0], 'local'),
      ...Array.from({ length: 20 }, (_, i) => group([i + 1], i === 15 ? 'chosen' : 'other')),
    ];
    const lines = text({ ...pass, groups });
    assert.equal(lines.length, 1 + 8 + 1);
    assert.match(lines.join('\n'), /\{16\}.*busiest/);
    assert.equal(lines.at(-1), 'and 13 other groups');
  });
});

describe('a placement', () => {
  const wakeup = { kind: 'wakeup', task: 1, cpu: 2, onCpu: 0 } as const;

  test('from one CPU to another', () => {
    assert.deepEqual(
      text({
        ...wakeup,
        by: 0,
        chosen: 5,
        why: 'select_idle_cpu: the next idle CPU',
        looked: [{ what: 'scanned', cpus: [3, 4, 5] }],
      }),
      [
        '12.345678 ms  CPU 0  hog-0-1001 is woken by main-1000: to CPU 5 (prev 2): select_idle_cpu: the next idle CPU',
        'scanned: CPU 3-5',
      ],
    );
  });

  test('behind others while CPUs idled that were not looked at', () => {
    const lines = text({
      ...wakeup,
      chosen: 2,
      reason: 'out_of_scope',
      why: 'nr_idle_scan is 0: the target',
      facts: new Map([['nr_running', 2]]),
      looked: [{ what: 'idle in another LLC, not looked at', cpus: [8, 9] }],
    });
    assert.equal(
      lines[0],
      '12.345678 ms  CPU 0  hog-0-1001 is woken by an interrupt: to CPU 2, where it was, which has 2 running: nr_idle_scan is 0: the target; there were idle CPUs out of scope',
    );
    assert.equal(lines[1], 'idle in another LLC, not looked at: CPU 8-9');
  });

  test('who wakes: a task, an interrupt of it, or an interrupt', () => {
    const who = (other: Partial<Decision>) =>
      /woken by (.*): to/.exec(text({ ...wakeup, chosen: 2, ...other })[0]!)![1];
    assert.equal(who({ by: 0 }), 'main-1000');
    assert.equal(who({ by: 0, facts: new Map([['in_interrupt', 1]]) }), 'an interrupt of main-1000');
    assert.equal(who({ by: -1 }), 'an interrupt');
  });
});

test('gates: the numbers have units', () => {
  assert.deepEqual(
    text({
      kind: 'newidle',
      idle: 2,
      reason: 'avg_idle',
      why: 'avg_idle < max_newidle_lb_cost',
      facts: new Map([
        ['avg_idle_ns', 18_000],
        ['max_newidle_lb_cost_ns', 500_000],
        ['due_in_jiffies', 2],
      ]),
    }),
    [
      '12.345678 ms  CPU 3  newidle balance: nothing: gated by avg_idle: avg_idle < max_newidle_lb_cost',
      'avg_idle 18 us, max_newidle_lb_cost 500 us, due in 2 jiffies',
    ],
  );
});

test('mechanisms of others are told by their kind', () => {
  assert.deepEqual(text({ kind: 'steal', task: 1, chosen: 6, moved: 1, reason: 'pulled' }), [
    '12.345678 ms  CPU 3  steal of hog-0-1001: 1 task from CPU 6',
  ]);
  assert.deepEqual(text({ kind: 'push', reason: 'lost_race', why: 'the target is busy by now' }), [
    '12.345678 ms  CPU 3  push from CPU 3: nothing: lost a race: the target is busy by now',
  ]);
  assert.deepEqual(text({ kind: 'push', task: 1, chosen: 6, moved: 1, reason: 'pulled' }), [
    '12.345678 ms  CPU 3  push of hog-0-1001 from CPU 3: 1 task to CPU 6',
  ]);
});

test('a policy file is told by its hook', () => {
  assert.deepEqual(text({ kind: 'policy', task: 1, cpu: 5, chosen: 3, moved: 1, reason: 'pulled', why: 'newidle' }), [
    '12.345678 ms  CPU 3  policy file, about hog-0-1001 of CPU 5: 1 task to CPU 3: newidle',
  ]);
  assert.deepEqual(text({ kind: 'policy', chosen: 6, reason: 'none', why: 'tick: kick' }), [
    '12.345678 ms  CPU 3  policy file: CPU 6: tick: kick',
  ]);
  assert.deepEqual(text({ kind: 'policy', reason: 'avg_idle', why: 'newidleFailed: too short' }), [
    '12.345678 ms  CPU 3  policy file: nothing: gated by avg_idle: newidleFailed: too short',
  ]);
});

test('JSON has everything, and null for what there is not', () => {
  assert.deepEqual(decisionJson(found({ kind: 'newidle', reason: 'avg_idle', facts: new Map([['avg_idle_ns', 5]]) })), {
    timeNs: 12_345_678,
    kind: 'newidle',
    onCpu: 3,
    by: null,
    cpu: 3,
    task: null,
    level: null,
    idle: null,
    chosen: null,
    moved: 0,
    reason: 'avg_idle',
    why: '',
    facts: { avg_idle_ns: 5 },
    groups: [],
    looked: [],
    tasks: [],
  });
});
