/** Decision records of policy files: nobody asks for them, and they say what the hooks saw, did and refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kernelConfig, parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { definePolicy, type PolicyDefinition, type PolicyHooks } from '../../src/balance/user/define-policy.ts';
import type { Scheduler } from '../../src/balance/user/scheduler.ts';
import { type PolicyModule, UserBalance } from '../../src/balance/user/user-balance.ts';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';
import { buildDomains } from '../../src/sched/build-domains.ts';
import { Simulation } from '../../src/sched/simulation.ts';
import { type Decision, Decisions } from '../../src/trace/decisions.ts';
import { Ev, MigrateCause } from '../../src/trace/events.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import { TraceStore } from '../../src/trace/store.ts';
import { collect, type PlainEvent } from '../trace/random-trace.ts';

interface Told {
  readonly decisions: readonly Decision[];
  readonly events: readonly PlainEvent[];
}

function run(hooks: (s: Scheduler) => PolicyHooks, base = 'linux-6.1', workload = 'runsleep:n=9'): Told {
  const machine = loadMachine('smp4');
  const module: PolicyModule = {
    definition: definePolicy({ name: 'told', base, hooks }) as PolicyDefinition,
    tunables: {},
    file: 'told.ts',
    meter: { left: 0 },
    lineOf: () => undefined,
  };
  const policy = parsePolicy(base);
  const store = new TraceStore();
  new Simulation({
    topology: machine,
    domains: buildDomains(machine),
    workload: loadWorkload(workload, machine.nrCpus).workload,
    config: kernelConfig(policy, 5),
    hooks: new UserBalance(policyHooks(policy, machine.nrCpus), module, machine.nrCpus),
    source: 'told',
    sink: store,
    record: [...RECORDINGS.full, ...RECORDINGS.decisions],
    durationNs: 100e6,
    checkInvariants: true,
  }).run();
  const decisions: Decision[] = [];
  store.play(new Decisions((d) => decisions.push(d)));
  return { decisions, events: collect((sink) => store.play(sink)).events };
}

function* takeOne(s: Scheduler, cpu: number): Generator<unknown, boolean> {
  for (let other = 0; other < s.nrCpus; other++) {
    if (other === cpu) continue;
    s.scan(other);
    yield;
    for (let task = s.firstQueued(other); task >= 0; task = s.nextQueued(task)) {
      if (!s.canMove(task, cpu)) continue;
      s.because('none', 'the first CPU that has one');
      s.pull(task);
      return true;
    }
  }
  return false;
}

test('a search leaves a record of what it took, with all that it had looked at before', () => {
  const { decisions, events } = run((s) => ({ newidleFailed: (cpu) => takeOne(s, cpu) }), 'linux-6.1,newidle=off');
  const own = decisions.filter(({ kind }) => kind === 'policy');
  const migrations = events
    .filter(({ kind, args }) => kind === Ev.SCHED_MIGRATE_TASK && args[3] === MigrateCause.POLICY)
    .map(({ timeNs, task, args }) => `${timeNs} ${task} ${args[0]}>${args[1]}`);
  const pulled = own.filter(({ reason }) => reason === 'pulled');
  assert.ok(pulled.length > 5, `${pulled.length} pulled`);
  assert.deepEqual(
    pulled.map((d) => `${d.timeNs} ${d.task} ${d.cpu}>${d.chosen}`),
    migrations,
  );
  for (const d of pulled) {
    assert.equal(d.why, 'newidleFailed: the first CPU that has one');
    const scanned = d.looked.find(({ what }) => what === 'scanned')!.cpus;
    // Upward from CPU 0 without itself, up to where it found something.
    const expected = [0, 1, 2, 3].filter((cpu) => cpu !== d.chosen && cpu <= d.cpu);
    assert.deepEqual(scanned, expected);
  }
  const refused = own.filter(({ moved }) => moved === 0);
  assert.ok(refused.length > 0);
  for (const d of refused) {
    // Three busy CPUs with a running task each, or nothing there at all.
    assert.ok(d.reason === 'running' || d.reason === 'no_busiest_queue', d.reason);
    assert.equal(d.tasks.length === 0, d.reason === 'no_busiest_queue');
    assert.equal(d.looked[0]!.cpus.length, 3);
  }
});

test('a gate gives its reason and the number it compares', () => {
  const { decisions } = run((s) => ({
    newidleFailed(cpu) {
      s.fact('avg_idle_ns', s.avgIdleNs(cpu));
      s.because('avg_idle', 'below the gate');
    },
  }));
  const own = decisions.filter(({ kind }) => kind === 'policy');
  assert.ok(own.length > 10);
  for (const d of own) {
    assert.deepEqual([d.reason, d.why, d.moved, d.chosen], ['avg_idle', 'newidleFailed: below the gate', 0, -1]);
    assert.ok(d.facts.get('avg_idle_ns')! > 0);
    assert.equal(d.cpu, d.onCpu);
  }
});

test('a placement that a hook makes is a placement, with its words', () => {
  const { decisions, events } = run((s) => ({
    selectCpu(_task, prev, kind) {
      if (kind !== 'wakeup') return;
      s.because('none', 'always where it was');
      return prev;
    },
  }));
  const chosen = events.filter(({ kind }) => kind === Ev.SELECT_RET).map((e) => [e.timeNs, e.cpu, e.args[0]]);
  const placed = decisions.filter(({ kind }) => ['wakeup', 'fork', 'exec'].includes(kind));
  assert.deepEqual(
    placed.map((d) => [d.timeNs, d.onCpu, d.chosen]),
    chosen,
  );
  const wakeups = placed.filter(({ kind }) => kind === 'wakeup');
  assert.ok(wakeups.length > 50);
  for (const d of wakeups) assert.equal(d.why, 'selectCpu: always where it was');
  assert.ok(placed.some(({ kind, why }) => kind === 'fork' && !why.startsWith('selectCpu')));
});

test('what a hook has the base policy not do is recorded', () => {
  const { decisions } = run(() => ({ tick: () => true, newidle: () => true }));
  const whys = new Set(decisions.filter(({ kind }) => kind === 'policy').map(({ reason, why }) => `${reason} ${why}`));
  assert.deepEqual([...whys].sort(), [
    'out_of_scope newidle: the base policy does not search',
    'out_of_scope tick: the base policy does no balancing at this tick',
  ]);
  assert.ok(!decisions.some(({ kind }) => kind === 'newidle' || kind === 'nohz-kick'));
});

test('what asks another CPU for something says whom', () => {
  const { decisions } = run(
    (s) => ({
      tick(cpu) {
        for (let other = 0; other < s.nrCpus; other++) s.kick(other);
        const task = s.current(cpu);
        if (task < 0 || s.classOf(task) !== 'fair' || !s.isQueued(task)) return;
        const to = (cpu + 1) % s.nrCpus;
        if (s.isAllowed(task, to)) s.pushRunning(task, to);
      },
    }),
    'linux-6.1',
    'hogs:n=3',
  );
  const own = decisions.filter(({ kind }) => kind === 'policy');
  const kicks = own.filter(({ why }) => why === 'tick: kick');
  const pushes = own.filter(({ why }) => why === 'tick: pushRunning');
  assert.ok(kicks.length > 0 && pushes.length > 0);
  for (const d of kicks) assert.deepEqual([d.reason, d.cpu === d.chosen], ['none', false]);
  for (const d of pushes) assert.deepEqual([d.cpu, d.chosen, d.task >= 0], [d.onCpu, (d.onCpu + 1) % 4, true]);
});

test('a hook in the middle of a pass leaves the notes of the pass alone', () => {
  const noisy = (s: Scheduler): PolicyHooks => ({
    dequeue(_cpu, task) {
      s.fact('task', task);
      s.because('none', 'it left');
    },
  });
  const told = run(noisy, 'linux-6.1', 'runsleep:n=20').decisions;
  const silent = run(() => ({}), 'linux-6.1', 'runsleep:n=20').decisions;
  assert.ok(told.length > silent.length);
  assert.deepEqual(
    told.filter(({ kind }) => kind !== 'policy'),
    silent,
  );
  for (const d of told.filter(({ kind }) => kind === 'policy')) {
    assert.deepEqual([...d.facts.keys(), d.groups.length, d.tasks.length], ['task', 0, 0]);
  }
});
