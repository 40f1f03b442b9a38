/**
 * Decision records against the events of the same run: every pass and placement leaves one, and what it says is what
 * happened.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LabDecisions } from '../../src/analysis/lab-decisions.ts';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { type Decision, Decisions, type ReasonName } from '../../src/trace/decisions.ts';
import { Ev, MigrateCause } from '../../src/trace/events.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import { TraceStore } from '../../src/trace/store.ts';
import { collect, type PlainEvent } from '../trace/random-trace.ts';

const SMT4 = 'pack:1 numa:1 l3:1 core:4 pu:2';
/** Idle type. */
const NEWLY_IDLE = 2;

interface Run {
  readonly name: string;
  readonly events: readonly PlainEvent[];
  readonly decisions: readonly Decision[];
  readonly lab: readonly Decision[];
}

function run(machine: string, workload: string, policy: string, ms: number): Run {
  const topology = loadMachine(machine);
  const store = new TraceStore();
  const chosen = parsePolicy(policy);
  new Simulation({
    topology,
    domains: buildDomains(topology),
    workload: loadWorkload(workload, topology.nrCpus).workload,
    config: kernelConfig(chosen, 3),
    hooks: policyHooks(chosen, topology.nrCpus),
    source: policy,
    sink: store,
    record: [...RECORDINGS.full, ...RECORDINGS.decisions],
    durationNs: ms * 1e6,
    checkInvariants: topology.nrCpus < 32,
  }).run();
  const decisions: Decision[] = [];
  const lab: Decision[] = [];
  store.play(new Decisions((d) => decisions.push(d)));
  store.play(new LabDecisions((d) => lab.push(d)));
  return {
    name: `${machine} ${workload} ${policy}`,
    events: collect((sink) => store.play(sink)).events,
    decisions,
    lab,
  };
}

const RUNS = [
  run('smp4', 'runsleep:n=6', 'linux-6.1', 300),
  run('e5-2630v4', 'runsleep:n=40', 'linux-6.1,costs=bdw18,tick_phase=skewed', 200),
  run('e5-2630v4', 'hogs:n=30', 'linux-6.1', 300),
  run('e5-2630v4', 'runsleep:n=40', 'linux-6.1,costs=milan,steal=on', 150),
  run('e5-2630v4', 'runsleep:n=40', 'linux-6.1,costs=milan,push=on,newidle=off,wakeup=stay', 150),
  run('epyc-7763', 'hackbench:groups=2', 'linux-6.1,costs=milan,idle_governor=menu,tick_phase=skewed', 25),
  run('smp4', 'runsleep:n=9', 'linux-6.1,newidle=off,wakeup=stay', 200),
  run('e5-2630v4', 'runsleep:n=40', 'linux-6.1,costs=milan,newidle=pull_one', 100),
  run(SMT4, 'studies/active-balance-callback/rtmix.scn', 'linux-6.1,costs=icx,active=callback', 700),
];

for (const { name, events, decisions, lab } of RUNS) {
  describe(name, () => {
    test('every balance pass leaves one record, of what it did', () => {
      const passes = events
        .filter(({ kind }) => kind === Ev.LB_LEAVE)
        .map(({ timeNs, cpu, args }) => [timeNs, cpu, args[0], args[1], args[2], args[3]]);
      // What never came to a pass has no event.
      const records = decisions
        .filter((d) => d.kind === 'balance' && d.facts.has('nr_balance_failed'))
        .map((d) => [d.timeNs, d.onCpu, d.cpu, d.level, d.idle, d.moved]);
      assert.deepEqual(records, passes);
    });

    test('every placement leaves one record, of where the task went', () => {
      const chosen = events
        .filter(({ kind }) => kind === Ev.SELECT_RET)
        .map(({ timeNs, cpu, args }) => [timeNs, cpu, args[0]]);
      const records = decisions
        .filter(({ kind }) => ['wakeup', 'fork', 'exec'].includes(kind))
        .map((d) => [d.timeNs, d.onCpu, d.chosen]);
      assert.deepEqual(records, chosen);
    });

    test('the tasks that a record says were pulled are those that were detached', () => {
      const detached = events.filter(({ kind }) => kind === Ev.DETACH).map(({ timeNs, task }) => `${timeNs} ${task}`);
      const pulled = decisions.flatMap((d) =>
        d.tasks.filter(({ reason }) => reason === 'pulled').map(({ task }) => `${d.timeNs} ${task}`),
      );
      assert.deepEqual(pulled, detached);
    });

    test('every newidle balance that made no pass says why', () => {
      const explained = new Set<number>();
      const silent: string[] = [];
      for (const { kind, timeNs, cpu, args } of events) {
        if (kind === Ev.NEWIDLE) explained.delete(cpu);
        else if (kind === Ev.DECISION && args[4] === NEWLY_IDLE) explained.add(cpu);
        else if (kind === Ev.NEWIDLE_RET && !explained.has(cpu)) silent.push(`${timeNs} CPU ${cpu}`);
      }
      assert.deepEqual(silent, []);
    });

    test('numbers bear out the reasons', () => {
      for (const d of decisions) {
        const avgIdle = d.facts.get('avg_idle_ns');
        if (d.reason === 'avg_idle') {
          const least = d.facts.get('min_avg_idle_ns') ?? d.facts.get('max_newidle_lb_cost_ns')!;
          const cost = least + (d.facts.get('search_cost_ns') ?? 0);
          assert.ok(avgIdle! < cost, `${avgIdle} < ${cost} at ${d.timeNs}`);
        }
        if (d.reason === 'pulled') assert.ok(d.moved > 0);
        else assert.equal(d.moved, 0);
        if (d.reason === 'interval') {
          assert.ok(d.facts.get('due_in_jiffies')! > 0);
          assert.deepEqual([...d.facts.keys()], ['due_in_jiffies'], 'and what was noted is its own');
        }
        if (d.reason === 'not_its_turn') assert.notEqual(d.facts.get('balance_cpu'), d.cpu);
        const chosen = d.groups.filter(({ role }) => role === 'chosen');
        const local = d.groups.filter(({ role }) => role === 'local');
        if (d.kind === 'balance' && d.groups.length > 0) {
          assert.equal(local.length, 1);
          assert.ok(local[0]!.cpus.includes(d.cpu));
          assert.ok(chosen.length <= 1);
          if (d.chosen >= 0) assert.ok(chosen[0]!.cpus.includes(d.chosen), `${d.timeNs}`);
          if (d.why === 'local group_type > busiest group_type') assert.notEqual(local[0]!.type, chosen[0]!.type);
        }
        if (d.reason === 'out_of_scope' && d.kind === 'wakeup')
          assert.ok(d.looked.some(({ what, cpus }) => what.includes('not looked at') && !cpus.includes(d.chosen)));
      }
    });

    test('what is told from the lab’s events alone agrees with the records', () => {
      /** What a record may say where the events tell so much. */
      const MEANS: Partial<Record<ReasonName, readonly string[]>> = {
        no_busiest_group: ['no_busiest_group', 'group_type', 'imbalance', 'out_of_scope'],
        imbalance: ['imbalance', 'cache_hot', 'running', 'all_pinned', 'lost_race'],
        running: ['running', 'all_pinned', 'lost_race', 'imbalance'],
      };
      const key = (d: Decision) => `${d.timeNs} ${d.kind} ${d.onCpu} ${d.cpu} ${d.level} ${d.task}`;
      const records = new Map(decisions.map((d) => [key(d), d]));
      let compared = 0;
      for (const d of lab) {
        if (d.reason === 'not_recorded') continue;
        const record = records.get(key(d));
        assert.ok(record !== undefined, key(d));
        const means = MEANS[d.reason] ?? [d.reason];
        assert.ok(means.includes(record.reason), `${key(d)}: ${d.reason}, recorded ${record.reason}`);
        assert.equal(d.moved, record.moved);
        compared++;
      }
      assert.ok(compared > 5);
    });
  });
}

test('together they show nearly the whole list of reasons', () => {
  const seen = new Set(RUNS.flatMap(({ decisions }) => decisions.map(({ reason }) => reason)));
  const wanted: ReasonName[] = [
    'none',
    'pulled',
    'avg_idle',
    'not_overloaded',
    'no_busiest_group',
    'group_type',
    'cache_hot',
    'imbalance',
    'not_its_turn',
    'interval',
    'lost_race',
    'random_skip',
    'out_of_scope',
    'running',
    'no_busiest_queue',
  ];
  assert.deepEqual(
    wanted.filter((reason) => !seen.has(reason)),
    [],
  );
});

test('what steals and pushes moved is in their records', () => {
  for (const [kind, cause] of [
    ['steal', MigrateCause.STEAL],
    ['push', MigrateCause.PUSH],
  ] as const) {
    let moved = 0;
    for (const { name, events, decisions } of RUNS) {
      const migrations = events
        .filter(({ kind, args }) => kind === Ev.SCHED_MIGRATE_TASK && args[3] === cause)
        .map(({ timeNs, task, args }) => `${timeNs} ${task} ${args[0]}>${args[1]}`);
      const records = decisions
        .filter((d) => d.kind === kind && d.moved > 0 && d.why !== 'pull_one')
        .map((d) => `${d.timeNs} ${d.task} ${kind === 'steal' ? `${d.chosen}>${d.cpu}` : `${d.cpu}>${d.chosen}`}`);
      assert.deepEqual(records, migrations, name);
      moved += records.length;
    }
    assert.ok(moved > 0, kind);
  }
});

test('what pull_one took, and what the balance callback handed over, is in their records', () => {
  for (const [cause, isOne, whence] of [
    [MigrateCause.NEWIDLE, (d: Decision) => d.why === 'pull_one', (d: Decision) => `${d.chosen}>${d.cpu}`],
    [MigrateCause.ACTIVE, (d: Decision) => d.kind === 'active-balance', (d: Decision) => `${d.cpu}>${d.chosen}`],
  ] as const) {
    let moved = 0;
    for (const { events, decisions } of RUNS.slice(-2)) {
      const detached = new Set(events.filter((e) => e.kind === Ev.DETACH).map((e) => `${e.timeNs} ${e.task}`));
      const migrations = events
        .filter(({ kind, args }) => kind === Ev.SCHED_MIGRATE_TASK && args[3] === cause)
        .filter(({ timeNs, task }) => !detached.has(`${timeNs} ${task}`))
        .map(({ timeNs, task, args }) => `${timeNs} ${task} ${args[0]}>${args[1]}`);
      const records = decisions.filter((d) => isOne(d) && d.moved > 0).map((d) => `${d.timeNs} ${d.task} ${whence(d)}`);
      assert.deepEqual(records, migrations);
      moved += records.length;
    }
    assert.ok(moved > 0, `cause ${cause}`);
  }
});
