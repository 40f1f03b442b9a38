/** Pushing, by the Checks of spec 21. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { LlcMap } from '../../src/balance/llc-map.ts';
import { MainlineBalance } from '../../src/balance/mainline.ts';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { PushableLists } from '../../src/balance/pushable-list.ts';
import { setNextTaskFair } from '../../src/sched/fair-pick.ts';
import { UNFINISHED } from '../../src/sched/hooks.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import { boot, MS, RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

/** Nothing but pushing moves tasks. */
const PUSH = 'linux-6.1,newidle=off,periodic=off,nohz=off,wakeup=stay,fork=stay,push=on,push.scan_max=100';
const FIRST = { policy: 'fifo', priority: 99 } as const;

function counted(name: string): number {
  const found = k.hooks.counters().find(([figure]) => figure === `push.${name}`);
  assert.ok(found, name);
  return found[1];
}

function range(n: number): number[] {
  return Array.from({ length: n }, (_, i) => i);
}

function isListed(task: number): boolean {
  assert.ok(k.hooks instanceof MainlineBalance);
  return k.hooks.push!.lists.isListed(task);
}

/** A machine at a standstill whose CPUs push. */
function pushing(on: Parameters<typeof machine>, kinds: Kinds, change = ''): StillMachine {
  const m = still(machine(...on), kinds);
  k.hooks = policyHooks(parsePolicy(PUSH + change), k.nrCpus);
  k.watch = k.hooks.watches;
  k.hooks.started();
  return m;
}

/** Idle CPUs that can be seen. */
function idle(...cpus: readonly number[]): void {
  for (const cpu of cpus) {
    k.thisCpu = cpu;
    rq.nohzTickStopped[cpu] = 1;
    k.nohz.idleCpusMask[cpu >>> 5]! |= 1 << (cpu & 31);
    k.nohz.nrCpus += 1;
    k.hooks.tickStopped(cpu);
    k.hooks.idleEntered(cpu);
  }
}

/** The CPU puts these back, and then chooses one to run. */
function puts(m: StillMachine, cpu: number, next: string, ...names: readonly string[]): void {
  k.thisCpu = cpu;
  for (const name of names) {
    m.waits(name, cpu);
    k.hooks.taskPut(cpu, m.slot(name));
  }
  m.waits(next, cpu);
  const task = m.slot(next);
  setNextTaskFair(cpu, task);
  tasks.onCpu[rq.curr[cpu]!] = 0;
  tasks.onCpu[task] = 1;
  rq.curr[cpu] = task;
  k.hooks.taskSet(cpu, task);
}

/** The callback of a CPU that puts nothing off. */
function callback(cpu: number): void {
  k.thisCpu = cpu;
  loop.callback[cpu] = 0;
  assert.notEqual(k.hooks.balanceCallback(cpu), UNFINISHED);
  assert.equal(checkInvariants(), null);
}

describe('spec 21 check 1: what is pushable', () => {
  // CPU 1 is taken, so that nothing is pushed there.
  const taken = { taken: { cpus: [1], nice: -20 } };

  test('not a task woken behind a running one; once it ran and was preempted; not when it blocks', () => {
    const b = { policy: 'batch', program: [SLEEP(1), RUN(15), SLEEP(100)] } as const;
    const run = boot({ machine: 2, policy: PUSH, main: FIRST, tasks: { ...taken, a: {}, b } });
    run.to(1.5);
    assert.equal(run.of(Ev.SCHED_WAKEUP).at(-1)?.task, 'b');
    assert.deepEqual([rq.curr[0], isListed(run.slot('b'))], [run.slot('a'), false]);
    const seen: boolean[] = [];
    for (let ms = 2; ms < 60; ms += 0.5) {
      run.to(ms);
      const [a, other] = [run.slot('a'), run.slot('b')];
      if (rq.curr[0] === other) assert.ok(isListed(a) && !isListed(other));
      if (rq.curr[0] === a && tasks.onRq[other] !== 0 && seen.length > 0) assert.ok(isListed(other));
      if (tasks.onRq[other] === 0) assert.ok(!isListed(other));
      if (rq.curr[0] === other || seen.length > 0) seen.push(isListed(other));
    }
    assert.ok(seen.includes(true) && seen.at(-1) === false, 'it was preempted, and then blocked');
  });

  test('never one that may run on one CPU only', () => {
    const run = boot({ machine: 2, policy: PUSH, main: FIRST, tasks: { ...taken, a: {}, pinned: { cpus: [0] } } });
    let waited = 0;
    for (let ms = 1; ms < 60; ms++) {
      run.to(ms);
      assert.ok(!isListed(run.slot('pinned')));
      if (rq.curr[0] !== run.slot('pinned')) waited++;
    }
    assert.ok(waited > 10);
  });
});

describe('spec 21 check 2: the order of the list', () => {
  test('nice -5, 0, 5; equals first come first served', () => {
    const m = still(machine(2), { n5: { nice: 5 }, n0: {}, 'n0-later': {}, 'n-5': { nice: -5 } });
    const lists = new PushableLists(2);
    lists.started(new LlcMap(k.topology, k.sd.tree.llcId, 'machine'));
    for (const name of ['n5', 'n0', 'n-5', 'n0-later']) lists.insert(0, m.slot(name));
    const order: number[] = [];
    for (let task = lists.head(0); task >= 0; task = lists.after(task)) order.push(task);
    assert.deepEqual(
      order,
      ['n-5', 'n0', 'n0-later', 'n5'].map((name) => m.slot(name)),
    );
  });

  test('property: always sorted by nice and then by time', () => {
    const kinds = Object.fromEntries([-5, -5, 0, 0, 0, 7, 7].map((nice, i) => [`t${i}`, { nice }]));
    const m = still(machine(2), kinds);
    const slots = Object.keys(kinds).map((name) => m.slot(name));
    fc.assert(
      fc.property(fc.array(fc.nat({ max: slots.length - 1 }), { maxLength: 30 }), (steps) => {
        const lists = new PushableLists(2);
        lists.started(new LlcMap(k.topology, k.sd.tree.llcId, 'machine'));
        let expected: number[] = [];
        for (const step of steps) {
          const task = slots[step]!;
          if (lists.isListed(task)) {
            lists.remove(task);
            expected = expected.filter((t) => t !== task);
          } else {
            lists.insert(1, task);
            expected.push(task);
          }
        }
        expected.sort((x, y) => tasks.nice[x]! - tasks.nice[y]!);
        const order: number[] = [];
        for (let task = lists.head(1); task >= 0; task = lists.after(task)) order.push(task);
        assert.deepEqual(order, expected);
        assert.equal(lists.overloaded.has(1), expected.length > 0);
      }),
    );
  });
});

describe('spec 21 check 3: the callback', () => {
  test('runs once for each switch that leaves something on the list', () => {
    const run = simulate({
      machine: 2,
      policy: PUSH,
      main: FIRST,
      tasks: { taken: { cpus: [1] }, a: {}, b: {}, c: {} },
    });
    const left = run.of(Ev.SCHED_SWITCH).filter((e) => e.cpu === 0 && 'abc'.includes(e.task));
    assert.ok(left.length > 10);
    assert.equal(counted('callbacks'), left.length);
    assert.equal(counted('no_target'), left.length);
  });

  test('delays the start of the incoming task by exactly what the push costs', () => {
    const tasksOf = { b: { program: [RUN(1)] }, a: {} };
    const costs = { scanLlcNs: 1000, detachNs: 400, attachNs: 500 };
    const run = simulate({ machine: 2, policy: PUSH, main: FIRST, tasks: tasksOf, costs });
    assert.deepEqual(run.migrations(), [`${run.of(Ev.SCHED_MIGRATE_TASK)[0]!.timeNs / MS} a 0>1 push`]);
    const switches = run.of(Ev.SCHED_SWITCH).filter((e) => e.cpu === 0);
    const start = switches.find((e) => e.task === 'a')!;
    const end = switches.find((e) => e.task === 'b')!;
    assert.equal(end.timeNs - start.timeNs, MS + 1900);
    assert.equal(counted('delay_ms'), 0.0019);
    assert.equal(counted('work_busy_ms'), 0.0019);
  });
});

test('spec 21 check 4: two idle CPUs, three tasks: two are pushed, the third is back on the list', () => {
  const m = pushing([4], { a: {}, b: {}, c: {}, d: {}, x: {} }, ',push.search=flat');
  m.runs('x', 1);
  idle(2, 3);
  puts(m, 0, 'a', 'b', 'c', 'd');
  assert.equal(loop.callback[0], 1);
  callback(0);
  assert.deepEqual(
    ['b', 'c', 'd'].map((name) => tasks.cpu[m.slot(name)]),
    [2, 3, 0],
  );
  assert.ok(isListed(m.slot('d')));
  assert.deepEqual([counted('pushes'), counted('no_target'), counted('callbacks')], [2, 1, 1]);
});

/** A busy CPU that puts one task back every few ms, and an idle one; costs as on a server. */
function onePush(executor: string) {
  const run = simulate({
    machine: 2,
    policy: `${PUSH},push.executor=${executor},costs=milan,idle.tracking=all_llc`,
    main: FIRST,
    tasks: { b: { program: [RUN(1)] }, a: {} },
    untilMs: 60,
  });
  return { run, counters: new Map(k.hooks.counters()) };
}

describe('spec 21 check 9: who pays', () => {
  test('a pull by the target costs the busy CPU less and the task more time than a callback', () => {
    const callback = onePush('callback').counters;
    const pull = onePush('ipi_pull').counters;
    for (const counters of [callback, pull]) assert.equal(counters.get('push.pushes'), 1);
    assert.ok(pull.get('push.work_busy_ms')! < callback.get('push.work_busy_ms')!);
    assert.equal(callback.get('push.work_idle_ms'), 0);
    assert.ok(pull.get('push.work_idle_ms')! > 0);
  });

  test('the pulled task runs later by the call and the lock', () => {
    // Nothing costs anything but what the two do differently.
    const latency = (executor: string, costs: Record<string, number>) => {
      const policy = `${PUSH},push.executor=${executor},idle.tracking=all_llc`;
      simulate({ machine: 2, policy, main: FIRST, tasks: { b: { program: [RUN(1)] }, a: {} }, costs });
      return new Map(k.hooks.counters()).get('push.run_latency_ms')!;
    };
    assert.equal(latency('callback', { ipiSendNs: 600 }), 0);
    assert.equal(latency('ipi_pull', { ipiSendNs: 600 }), 0);
    assert.equal(latency('ipi_pull', { ipiDeliverNs: 800 }), 0.0008);
    assert.equal(latency('callback', { ipiDeliverNs: 800 }), 0.0008, 'the kick that ends its idling');
    const all = { ipiDeliverNs: 800, irqNs: 300, detachNs: 400, attachNs: 500 };
    assert.equal(latency('callback', all), 0.0015, 'it is detached before the kick');
    assert.equal(latency('ipi_pull', all), 0.002, 'it is detached and attached after the call');
  });

  test('the stopper switches twice more on the busy CPU', () => {
    const switches = (executor: string) =>
      onePush(executor)
        .run.of(Ev.SCHED_SWITCH)
        .filter((e) => e.cpu === 0).length;
    assert.equal(switches('stopper'), switches('callback') + 2);
  });
});

test('spec 21 check 9: under load a called target may find nothing any more', () => {
  const yields = [{ op: 'loop', count: 0 }, RUN(0.05), { op: 'yield' }, RUN(0.02), SLEEP(0.1), { op: 'end' }] as const;
  const tasksOf = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`t${i}`, { program: yields }]));
  simulate({
    machine: 4,
    policy:
      'linux-6.1,push=on,push.executor=ipi_pull,push.scan_max=100,costs=milan,idle.tracking=all_llc,idle_governor=menu',
    tasks: tasksOf,
    untilMs: 60,
  });
  assert.ok(counted('pushes') > 20, `${counted('pushes')} pushes`);
  assert.ok(counted('misses') > 0);
});

describe('spec 21 check 8: pile-up', () => {
  /** 16 busy CPUs, each with one task that waits and a callback that is due; CPU 16 idles. */
  function simultaneous(claim: string) {
    const names = Array.from({ length: 16 }, (_, i) => [`r${i}`, `w${i}`]).flat();
    const m = still(machine(17), names, 'linux-6.1,costs=milan');
    const policy = `${PUSH},push.search=flat,idle.tracking=all_llc,push.claim=${claim}`;
    k.hooks = policyHooks(parsePolicy(policy), k.nrCpus);
    k.watch = k.hooks.watches;
    k.hooks.started();
    for (let cpu = 0; cpu < 16; cpu++) k.hooks.idleLeft(cpu);
    for (let cpu = 0; cpu < 16; cpu++) puts(m, cpu, `r${cpu}`, `w${cpu}`);
    const due = Array.from({ length: 16 }, (_, cpu) => cpu);
    // Each takes a step; time passes; each takes the next.
    for (let round = 0; round < 8; round++) {
      for (const cpu of due) {
        k.thisCpu = cpu;
        loop.debt[cpu] = 0;
        loop.todo[cpu]! &= ~loop.Todo.PAY;
        k.hooks.balanceCallback(cpu);
      }
      k.now += 5000;
    }
    return { there: rq.nrRunning[16]!, here: due.filter((cpu) => rq.nrRunning[cpu] === 2).length };
  }

  test('without a claim several tasks may be placed on one CPU', () => {
    const { there, here } = simultaneous('none');
    assert.ok(there > 1);
    assert.equal(there + here, 16);
    assert.equal(counted('pileups'), there - 1);
  });

  for (const claim of ['clear_bit', 'token', 'pending']) {
    test(`${claim}: exactly one, and 15 stay`, () => {
      assert.deepEqual(simultaneous(claim), { there: 1, here: 15 });
      assert.equal(counted('pileups'), 0);
    });
  }
});

describe('spec 21 check 10: idle spells shorter than a tick', () => {
  // The spells end before the tick of an idle CPU is ever stopped.
  const about = (us: number) => ({ kind: 'uniform', minNs: 500 * us, maxNs: 1500 * us, stepNs: 1000 }) as const;
  const short = [
    { op: 'loop', count: 0 },
    { op: 'run', work: about(200) },
    { op: 'sleep', time: about(60), state: 'S' },
    { op: 'end' },
  ] as const;
  const tasksOf = {
    ...Object.fromEntries(range(8).map((i) => [`s${i}`, { cpus: [i], program: short }])),
    ...Object.fromEntries(range(3).map((i) => [`hog${i}`, {}])),
  };
  const pushes = (tracking: string) => {
    const policy = `${PUSH},idle_governor=menu,costs=milan,idle.tracking=${tracking}`;
    const run = boot({ machine: 8, policy, main: FIRST, tasks: tasksOf, record: [Ev.SCHED_SWITCH] }).to(20);
    // Ticks were stopped before the tasks began.
    const before = counted('pushes');
    run.to(200);
    return counted('pushes') - before;
  };

  test('are seen only by masks of all idle CPUs', () => {
    const all = ['all_llc', 'all_llc_lazy', 'all_sharded'].map(pushes);
    assert.deepEqual(['nohz_global', 'nohz_llc'].map(pushes), [0, 0]);
    assert.ok(
      all.every((n) => n > 5),
      `${all}`,
    );
  });
});

describe('every way of pushing pushes', () => {
  const nap = [{ op: 'loop', count: 0 }, RUN(1), { op: 'yield' }, RUN(2), SLEEP(2), { op: 'end' }] as const;
  const ways = [
    ...['callback', 'callback_double', 'ipi_pull', 'ipi_pull_batch', 'stopper'].map((way) => `push.executor=${way}`),
    ...['put_prev', 'enqueue', 'tick', 'preempt'].map((way) => `push.trigger=${way}`),
    ...['none', 'clear_bit', 'token', 'pending', 'cursor'].map((way) => `push.claim=${way}`),
    ...['near', 'flat'].map((way) => `push.search=${way}`),
    ...['nohz_global', 'nohz_llc', 'all_llc', 'all_llc_lazy', 'all_sharded'].map((way) => `idle.tracking=${way}`),
  ];
  for (const way of ways) {
    test(way, () => {
      const policy = `${PUSH},idle.tracking=all_llc,costs=milan,idle_governor=menu,${way}`;
      const kinds = Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((i) => [`t${i}`, i < 2 ? {} : { program: nap }]));
      simulate({ machine: machine(8, { llcs: 2, threads: 2 }), policy, tasks: kinds, untilMs: 300 });
      assert.ok(counted('pushes') > 0, `${counted('pushes')} pushes`);
      assert.equal(counted('ran') > 0, true);
    });
  }
});
