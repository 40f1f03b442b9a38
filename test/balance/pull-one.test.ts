/** What replaces newidle balance when tasks are pushed, by the Checks of spec 21. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { MainlineBalance } from '../../src/balance/mainline.ts';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

/** A machine at a standstill under a policy; searches of domains are not to find anything of their own accord. */
function pulling(on: Parameters<typeof machine>, kinds: Kinds, policy = 'newidle=pull_one'): StillMachine {
  const m = still(machine(...on), kinds);
  k.hooks = policyHooks(parsePolicy(`linux-6.1,NO_NI_RANDOM,${policy}`), k.nrCpus);
  k.watch = k.hooks.watches;
  k.hooks.started();
  k.overload = true;
  return m;
}

/** One task runs there and others have run and wait. */
function busy(m: StillMachine, cpu: number, runs: string, ...waiting: readonly string[]): void {
  m.runs(runs, cpu);
  for (const name of waiting) {
    m.waits(name, cpu, { ranAgoNs: 0 });
    k.hooks.taskPut(cpu, m.slot(name));
  }
}

function newidle(cpu: number): number {
  k.thisCpu = cpu;
  const result = k.hooks.newidleBegin(cpu) ? k.hooks.newidleStep(cpu) : 0;
  assert.equal(checkInvariants(), null);
  return result;
}

function counted(name: string): number {
  return new Map(k.hooks.counters()).get(`pull_one.${name}`)!;
}

function isMarked(cpu: number): boolean {
  assert.ok(k.hooks instanceof MainlineBalance);
  return k.hooks.push!.lists.overloaded.has(cpu);
}

describe('spec 21 check 5: the overload mark', () => {
  test('is written when the list gets its first task and loses its last', () => {
    const m = pulling([2], ['a', 'b', 'c']);
    m.runs('a', 1).waits('b', 1).waits('c', 1);
    assert.ok(!isMarked(1));
    assert.ok(k.hooks instanceof MainlineBalance);
    const { overloaded } = k.hooks.push!.lists;
    for (const [act, marked, atomics] of [
      [() => k.hooks.taskPut(1, m.slot('b')), true, 1],
      [() => k.hooks.taskPut(1, m.slot('c')), true, 1],
      [() => k.hooks.taskDequeued(1, m.slot('b')), true, 1],
      [() => k.hooks.taskDequeued(1, m.slot('c')), false, 2],
    ] as const) {
      act();
      assert.deepEqual([isMarked(1), overloaded.atomics], [marked, atomics]);
    }
  });

  test('is never set for a queue of five pinned tasks; stealing marks it', () => {
    const pinned = Object.fromEntries(['a', 'b', 'c', 'd', 'e'].map((name) => [name, { cpus: [1] }]));
    const m = pulling([2], pinned, 'newidle=pull_one,steal=on');
    const before = new Map(k.hooks.counters()).get('steal.overload_sets')!;
    busy(m, 1, 'a', 'b', 'c', 'd', 'e');
    assert.ok(!isMarked(1));
    assert.equal(new Map(k.hooks.counters()).get('steal.overload_sets')! - before, 1);
  });
});

describe('spec 21 check 6: pull_one', () => {
  test('takes one task, a hot one too, and whatever the CPU expects to idle', () => {
    const m = pulling([4], ['a', 'b', 'c', 'd']);
    busy(m, 1, 'a', 'b', 'c', 'd');
    rq.avgIdle[0] = 0;
    assert.equal(newidle(0), 1);
    assert.deepEqual([rq.nrRunning[0], rq.nrRunning[1]], [1, 3]);
    assert.equal(counted('pulls'), 1);
  });

  test('goes to its own LLC first', () => {
    const m = pulling([8, { llcs: 4 }], ['a', 'b', 'c', 'd']);
    busy(m, 2, 'a', 'b');
    busy(m, 1, 'c', 'd');
    assert.equal(newidle(0), 1);
    assert.deepEqual([tasks.cpu[m.slot('d')], tasks.cpu[m.slot('b')]], [0, 2]);
    rq.curr[7] = 7;
    assert.equal(newidle(7), 1);
    assert.equal(tasks.cpu[m.slot('b')], 7);
  });

  test('does not go to another node', () => {
    const m = pulling([8, { llcs: 4, nodes: 2 }], ['a', 'b']);
    busy(m, 5, 'a', 'b');
    // Nor does the search of NUMA domains that follows get anywhere on this CPU.
    rq.avgIdle[0] = 0;
    assert.equal(newidle(0), 0);
    assert.deepEqual([counted('attempts'), counted('pulls'), rq.nrRunning[5]], [1, 0, 2]);
  });

  test('is not made on a machine that is not overloaded', () => {
    const m = pulling([2], ['a', 'b']);
    busy(m, 1, 'a', 'b');
    k.overload = false;
    assert.equal(newidle(0), 0);
    assert.equal(counted('attempts'), 0);
  });
});

test('spec 21 check 7: as posted an idle CPU pulls nothing below NUMA; fixed it does', () => {
  for (const [variant, pulls] of [
    ['as_posted', 0],
    ['fixed', 1],
  ] as const) {
    const m = pulling([4], ['a', 'b', 'c'], `newidle=pull_one,newidle.pull=${variant}`);
    busy(m, 1, 'a', 'b', 'c');
    assert.equal(newidle(0), pulls, variant);
    assert.equal(counted('pulls'), pulls);
  }
});

describe('newidle balance from NUMA up', () => {
  test('off_below_numa leaves out the domains within a node', () => {
    for (const [busyCpu, found] of [
      [1, 0],
      [5, 1],
    ] as const) {
      const m = pulling([8, { nodes: 2, llcs: 2 }], ['a', 'b', 'c'], 'newidle=off_below_numa,newidle.gate=none');
      m.runs('a', busyCpu).waits('b', busyCpu).waits('c', busyCpu);
      rq.avgIdle[0] = 1e9;
      assert.equal(newidle(0), found, `CPU ${busyCpu}`);
    }
  });

  test('is what follows a pull that found nothing, but not as posted', () => {
    for (const [variant, found] of [
      ['as_posted', 0],
      ['fixed', 1],
    ] as const) {
      const policy = `newidle=pull_one,newidle.pull=${variant},newidle.gate=none`;
      const m = pulling([8, { nodes: 2, llcs: 2 }], ['a', 'b', 'c'], policy);
      busy(m, 5, 'a', 'b', 'c');
      rq.avgIdle[0] = 1e9;
      for (const name of ['b', 'c']) m.task(name, { ranAgoNs: 10_000_000 });
      assert.equal(newidle(0), found, variant);
    }
  });
});

test('newidle=steal: stealing alone', () => {
  const m = pulling([4], ['a', 'b', 'c'], 'newidle=steal');
  m.runs('a', 1).waits('b', 1).waits('c', 1);
  assert.equal(newidle(0), 1);
  assert.equal(new Map(k.hooks.counters()).get('steal.steals'), 1);
});
