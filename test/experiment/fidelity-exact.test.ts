import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { ExactComparison, type ExactCount, type ExactResult } from '../../src/experiment/fidelity/exact.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { Ev, type EventKind, IDLE_TASK } from '../../src/trace/events.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import type { TraceTables } from '../../src/trace/sink.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { needsShared } from '../support/shared.ts';
import { RUN, SLEEP } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { labRecord, labRecordPaths } from '../trace/lab-records.ts';
import { Collector } from '../trace/random-trace.ts';

/** All repetitions of a record. */
async function compareRecord(path: string, preset = 'linux-6.1'): Promise<ExactResult> {
  const record = labRecord(path);
  const spec = `${record.folder}/spec`;
  const exact = new ExactComparison({ groups: existsSync(spec) && / cg=/.test(readFileSync(spec, 'utf8')), preset });
  const repetitions = labRepetitions(await record.text(), { topology: record.topology, source: record.kernel });
  for (const repetition of repetitions) repetition.play(exact);
  return exact.result;
}

function assertEqual(result: ExactResult, name: string): void {
  for (const [kind, { compared, equal, unequal }] of Object.entries(result)) {
    assert.deepEqual([...unequal], [], `${name}: ${kind}`);
    assert.equal(equal, compared, `${name}: ${kind}`);
  }
}

function notComparable({ notComparable: reasons }: ExactCount): number {
  return Object.values(reasons).reduce((sum, n) => sum + n, 0);
}

/** Updates of entities, sleeping ones included, that the lab's own recomputation compares. */
const COMPARABLE = { 'smp4-one': 625, 'smp4-pelt': 4634 };

for (const [name, comparable] of Object.entries(COMPARABLE)) {
  test(`every PELT update and every vruntime of ${name} is the kernel's, in every field`, needsShared, async () => {
    const result = await compareRecord(`ground-truth/${name}`);
    assertEqual(result, name);
    const { pelt_se, pelt_cfs, pelt_blocked, vruntime, sum_exec_runtime, min_vruntime } = result;
    assert.ok(pelt_se!.compared + pelt_blocked!.compared >= comparable, `${name}: too few`);
    assert.ok(sum_exec_runtime!.compared >= comparable, `${name}: too few sums`);
    assert.ok(pelt_cfs!.compared >= pelt_se!.compared, `${name}: too few runqueues`);
    assert.ok(min_vruntime!.compared >= pelt_se!.compared, `${name}: too few minima`);
    assert.ok(vruntime!.compared >= 1.5 * pelt_se!.compared, `${name}: too few vruntimes`);
    for (const kind of Object.values(result)) assert.ok(notComparable(kind) <= 33, JSON.stringify(kind));
  });
}

/** Of 6.12: how many of each kind are compared at least. */
const EEVDF: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  'smp4-one': {
    zero_vruntime: 493,
    vruntime: 303,
    deadline: 303,
    lag: 27,
    sum_exec_runtime: 317,
    pelt_se: 309,
    pelt_cfs: 497,
    pelt_blocked: 6,
  },
  'smp4-pelt': {
    zero_vruntime: 5032,
    vruntime: 4509,
    deadline: 4509,
    lag: 684,
    sum_exec_runtime: 4590,
    pelt_se: 4547,
    pelt_cfs: 5056,
    pelt_blocked: 32,
  },
};

for (const [name, kinds] of Object.entries(EEVDF)) {
  test(`EEVDF of ${name} of 6.12: virtual times, deadlines, lags and PELT are the kernel's`, needsShared, async () => {
    const result = await compareRecord(`ground-truth-6.12/${name}`, 'linux-6.12');
    assertEqual(result, name);
    for (const [kind, least] of Object.entries(kinds)) {
      assert.ok(result[kind]!.compared >= least, `${kind}: only ${result[kind]!.compared} compared`);
    }
  });
}

test("every charge of virtual time in the other records is the kernel's", needsShared, async () => {
  let compared = 0;
  let left = 0;
  for (const path of labRecordPaths(700_000)) {
    if (!path.startsWith('ground-truth/')) continue;
    const result = await compareRecord(path);
    assertEqual(result, path);
    compared += result['vruntime']?.compared ?? 0;
    left += result['vruntime'] === undefined ? 0 : notComparable(result['vruntime']);
  }
  assert.ok(compared > 100_000, `${compared} compared`);
  assert.ok(left < compared * 0.05, `${left} not comparable`);
});

// ---- traces made up

type Row = readonly [kind: EventKind, timeNs: number, cpu: number, task: number, args: readonly number[]];

/** Tasks 0 and 1 on two CPUs, of which the first runs task 0. */
const TABLES: TraceTables = {
  topology: machine(2),
  source: 'made up',
  hz: 250,
  tasks: ['a', 'b'].map((comm, i) => ({ pid: 10 + i, comm, kind: comm, kthread: false })),
  strings: [],
  masks: [],
  initialCurrent: [0, IDLE_TASK],
};

function compare(rows: readonly Row[], tables = TABLES): ExactResult {
  const exact = new ExactComparison();
  exact.begin(tables);
  for (const [kind, timeNs, cpu, task, args] of rows) exact.event(kind, timeNs, cpu, task, Float64Array.from(args));
  exact.end();
  return exact.result;
}

const START = 5 * 1048576;
const NOW = START + 100_000_000;
/** From nothing, one update after 100 ms of running. @spec 03 §11 C */
const AFTER_100_MS = [START + 97_656 * 1024, 41_126, 42_113_024, 42_113_024, 376, 894, 894, 894];

function peltSe(now: number, average: readonly number[], vr = 0, sum = 0): Row {
  return [Ev.PELT_SE, now, 0, 0, [now, 0, now, 1, 77, 1, 1 << 20, vr, sum, ...average, -1, -1, -1]];
}

function peltCfs(now: number, average: readonly number[], minvr = 0): Row {
  return [Ev.PELT_CFS, now, 0, IDLE_TASK, [now, 0, 99, 1, 1 << 20, minvr, 1, ...average]];
}

/** The entity and its runqueue, updated once from nothing, then as the given averages say. */
function twoUpdates(entity: readonly number[], runqueue: readonly number[]): Row[] {
  const nothing = [START, 0, 0, 0, 0, 0, 0, 0];
  return [peltSe(NOW, nothing), peltCfs(NOW, nothing), peltSe(NOW + 1, entity), peltCfs(NOW + 1, runqueue)];
}

test('an average that is as it must be counts as equal, and the first of each is not comparable', () => {
  const runqueue = AFTER_100_MS.with(1, 41_126 * 1024);
  const { pelt_se, pelt_cfs } = compare(twoUpdates(AFTER_100_MS, runqueue));
  for (const kind of [pelt_se!, pelt_cfs!]) {
    assert.deepEqual([kind.compared, kind.equal, notComparable(kind)], [1, 1, 1]);
  }
});

test('a field of an average that is off by one is noticed, and named', () => {
  const fields = ['lut', 'ls', 'rs', 'us', 'pc', 'la', 'ra', 'ua'];
  fields.forEach((field, f) => {
    const got = AFTER_100_MS[f]!;
    const wrong = AFTER_100_MS.with(f, got + 1);
    const runqueue = AFTER_100_MS.with(1, 41_126 * 1024);
    const { pelt_se } = compare(twoUpdates(wrong, runqueue));
    assert.deepEqual([pelt_se!.compared, pelt_se!.equal], [1, 0]);
    assert.deepEqual(pelt_se!.unequal, [{ timeNs: NOW + 1, cpu: 0, task: 'a:10', field, expected: got + 1, got }]);
    const { pelt_cfs } = compare(twoUpdates(AFTER_100_MS, runqueue.with(f, runqueue[f]! + 1)));
    assert.deepEqual([pelt_cfs!.compared, pelt_cfs!.equal, pelt_cfs!.unequal[0]!.field], [1, 0, field]);
  });
});

test('a runqueue whose update is not in the trace is not compared', () => {
  const [first, second, third, fourth] = twoUpdates(AFTER_100_MS, AFTER_100_MS);
  const other: Row = [Ev.NOHZ_ENTER, NOW, 0, IDLE_TASK, [0]];
  const { pelt_cfs } = compare([first!, second!, third!, other, fourth!]);
  assert.deepEqual([pelt_cfs!.compared, notComparable(pelt_cfs!)], [0, 2]);
});

const switchTo = (timeNs: number, from: number, to: number, prioFrom: number, prioTo: number): Row => [
  Ev.SCHED_SWITCH,
  timeNs,
  0,
  from,
  [to, 0, prioFrom, prioTo],
];
const ran = (timeNs: number, task: number, runtime: number, vruntime: number): Row => [
  Ev.SCHED_STAT_RUNTIME,
  timeNs,
  0,
  task,
  [runtime, vruntime],
];

test('a task is charged by its weight, and a nanosecond too much is noticed', () => {
  // 1 ms of a task of nice 5 is 3056716 ns. @spec 02 §2
  const charged = (vruntime: number) =>
    compare([
      switchTo(1, 0, 1, 120, 125),
      ran(2, 1, 500, 1000),
      ran(3, 1, 1_000_000, vruntime),
      switchTo(4, 1, 0, 125, 120),
    ]);
  const { vruntime: right } = charged(3_057_716);
  assert.deepEqual([right!.compared, right!.equal, notComparable(right!)], [1, 1, 1]);
  const { vruntime: wrong } = charged(3_057_717);
  assert.deepEqual([wrong!.compared, wrong!.equal], [1, 0]);
  const { expected, got, task, field } = wrong!.unequal[0]!;
  assert.deepEqual([expected, got, task, field], [3_057_717, 3_057_716, 'b:11', 'vruntime']);
});

test('a task that has another nice level by its next switch is not held to the old one', () => {
  const rows = [switchTo(1, 0, 1, 120, 120), ran(2, 1, 500, 1000), ran(3, 1, 1_000_000, 3_057_716)];
  const { vruntime } = compare([...rows, switchTo(4, 1, 0, 125, 120)]);
  assert.deepEqual([vruntime!.compared, vruntime!.notComparable['its priority changed while it ran']], [0, 1]);
});

test('sum_exec_runtime and min_vruntime follow the running entity', () => {
  const average = [START, 0, 0, 0, 0, 0, 0, 0];
  const rows = (sum: number, minvr: number): Row[] => [
    switchTo(1, IDLE_TASK, 0, 120, 120),
    ran(2, 0, 100, 5000),
    peltSe(START + 2, average, 5000, 700),
    peltCfs(START + 2, average, 5000),
    ran(3, 0, 50, 5050),
    peltSe(START + 3, average, 5050, sum),
    peltCfs(START + 3, average, minvr),
  ];
  const right = compare(rows(750, 5050));
  assertEqual(right, 'made up');
  assert.deepEqual([right['sum_exec_runtime']!.compared, right['min_vruntime']!.compared], [1, 1]);
  const wrong = compare(rows(751, 5049));
  assert.deepEqual([wrong['sum_exec_runtime']!.equal, wrong['min_vruntime']!.equal], [0, 0]);
});

test('after lost events nothing is known', () => {
  const [first, second, third, fourth] = twoUpdates(AFTER_100_MS, AFTER_100_MS);
  const { pelt_se, pelt_cfs } = compare([first!, second!, [Ev.LOST_EVENTS, NOW, 0, IDLE_TASK, [7]], third!, fourth!]);
  assert.deepEqual([pelt_se!.compared, pelt_cfs!.compared], [0, 0]);
});

// ---- traces of the simulator, which has the arithmetic of the comparison but the order of a scheduler

/** Hogs that are balanced over two CPUs, and tasks that sleep and wake among them. */
function simulated(seed: number): Collector {
  const sleepsOften = Array.from({ length: 30 }, () => [RUN(1.3), SLEEP(2.1)]).flat();
  const w = new WorkloadBuilder('test');
  const kinds: Parameters<WorkloadBuilder['kind']>[0][] = [
    { name: 'hog', program: [RUN(60)] },
    { name: 'nice', program: [{ op: 'setNice', of: 'self', nice: 5 } as const, RUN(60)] },
    { name: 'bound', cpus: [1], program: sleepsOften },
    { name: 'free', program: sleepsOften },
  ];
  const forks = kinds.map((kind) => ({ op: 'fork', kind: w.kind(kind), count: 2 }) as const);
  w.main([...forks, { op: 'exit' }]);
  const policy = parsePolicy('linux-6.1');
  const topology = machine(2);
  const trace = new Collector();
  new Simulation({
    topology,
    domains: buildDomains(topology),
    workload: w.build(),
    config: kernelConfig(policy, seed),
    hooks: policyHooks(policy, topology.nrCpus),
    source: 'linux-6.1',
    sink: trace,
    record: RECORDINGS.pelt,
    durationNs: 150_000_000,
  }).run();
  // The first task is there from the beginning, which no recording has.
  trace.events.splice(
    0,
    trace.events.findIndex(({ kind }) => kind === Ev.SCHED_SWITCH),
  );
  return trace;
}

function compareCollected(trace: Collector): ExactResult {
  const rows = trace.events.map(({ kind, timeNs, cpu, task, args }): Row => [kind, timeNs, cpu, task, args]);
  return compare(rows, trace.tables!);
}

test('what the simulator records of itself is equal', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const result = compareCollected(simulated(seed));
    assertEqual(result, `seed ${seed}`);
    for (const kind of ['pelt_se', 'pelt_cfs', 'vruntime', 'min_vruntime', 'sum_exec_runtime']) {
      assert.ok(result[kind]!.compared > 100, `${kind}: ${JSON.stringify(result[kind])}`);
    }
  }
});

test('in a trace of the simulator any changed average is noticed', () => {
  const trace = simulated(1);
  const places = trace.events.flatMap(({ kind }, i) => (kind === Ev.PELT_SE || kind === Ev.PELT_CFS ? [i] : []));
  for (const i of places.slice(100, 130)) {
    const event = trace.events[i]!;
    const at = event.kind === Ev.PELT_SE ? 10 : 8;
    const changed = new Collector();
    changed.tables = trace.tables;
    changed.events.push(...trace.events);
    changed.events[i] = { ...event, args: event.args.with(at, event.args[at]! + 1) };
    const { compared, equal } = compareCollected(changed)[event.kind === Ev.PELT_SE ? 'pelt_se' : 'pelt_cfs']!;
    assert.ok(equal < compared, `event ${i}`);
  }
});
