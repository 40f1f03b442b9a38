/** SHARED_RUNQ, by the Checks of spec 20. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { checkInvariants } from '../../src/sched/invariants.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { machine } from '../support/trace-builder.ts';
import { type Kinds, type StillMachine, still } from './still-machine.ts';

/** A machine at a standstill with shared queues; `newidle` of a CPU that runs out of work. */
function sharing(on: Parameters<typeof machine>, kinds: Kinds, change = ''): StillMachine {
  const m = still(machine(...on), kinds);
  k.hooks = policyHooks(parsePolicy(`linux-6.1,shared_runq=on,NO_NI_RANDOM${change}`), k.nrCpus);
  k.watch = k.hooks.watches;
  k.hooks.started();
  k.overload = true;
  return m;
}

function newidle(cpu: number): number | null {
  k.thisCpu = cpu;
  if (!k.hooks.newidleBegin(cpu)) return null;
  const result = k.hooks.newidleStep(cpu);
  assert.equal(checkInvariants(), null);
  return result;
}

function counted(name: string): number {
  return new Map(k.hooks.counters()).get(`shared_runq.${name}`)!;
}

describe('spec 20 check 9: what is listed, and who may take it', () => {
  test('a pinned task never is', () => {
    const m = sharing([4], { a: {}, pinned: { cpus: [1] }, b: {} });
    m.runs('a', 1).waits('pinned', 1);
    assert.equal(counted('listed'), 0);
    m.waits('b', 1);
    assert.equal(counted('listed'), 1);
  });

  test('nor is one that would be picked anyway', () => {
    const m = sharing([4], ['a']);
    m.waits('a', 1);
    assert.equal(counted('listed'), 0);
  });

  test('a head that may not run here makes its shard give nothing', () => {
    for (const [change, pulled] of [
      ['', 0],
      [',shared_runq.head_only=off', 1],
    ] as const) {
      const m = sharing([4], { a: {}, b: { cpus: [1, 2] }, c: {} }, `${change},newidle.gate=migration_cost`);
      m.runs('a', 1).waits('b', 1).waits('c', 1);
      // The search of domains that may follow is not to find anything.
      rq.avgIdle[0] = 0;
      assert.equal(newidle(0), pulled);
      assert.equal(tasks.cpu[m.slot('c')], pulled === 0 ? 1 : 0);
    }
  });
});

test('the head is taken, first come first served, from the own shard first', () => {
  const m = sharing([16], ['a', 'b', 'c', 'd'], ',newidle.gate=none');
  // Three shards: CPUs 0, 1, 6, 7, 12, 13 have the first, 2, 3, 8, 9, 14, 15 the second.
  m.runs('a', 2).waits('b', 2).waits('c', 2).waits('d', 0);
  assert.equal(newidle(8), 1);
  assert.equal(tasks.cpu[m.slot('b')], 8);
  assert.equal(newidle(9), 1);
  assert.equal(tasks.cpu[m.slot('c')], 9);
});

test('shards are by pairs of CPUs, so that siblings have one', () => {
  const m = sharing([12], ['a', 'b', 'c', 'd'], ',shared_runq.shard_size=6');
  m.runs('a', 0).waits('b', 0).runs('c', 2).waits('d', 2);
  // CPU 1 has the shard of CPU 0, and CPU 3 that of CPU 2.
  assert.equal(newidle(3), 1);
  assert.equal(tasks.cpu[m.slot('d')], 3);
  assert.equal(newidle(1), 1);
  assert.equal(tasks.cpu[m.slot('b')], 1);
});

test('the search that follows leaves out the LLC, unless it is asked for', () => {
  for (const [change, pulled] of [
    ['', 0],
    [',shared_runq.skip_llc=off', 1],
  ] as const) {
    const m = sharing([4], { a: {}, b: { cpus: [2, 3] }, c: {} }, change);
    m.runs('a', 2).waits('b', 2).waits('c', 2);
    assert.equal(newidle(1) ?? 0, pulled, change);
  }
});

test('it asks neither for avg_idle, nor on a machine that is not overloaded', () => {
  const m = sharing([4], ['a', 'b']);
  m.runs('a', 1).waits('b', 1);
  rq.avgIdle[0] = 0;
  k.overload = false;
  assert.equal(newidle(0), null);
  k.overload = true;
  assert.equal(newidle(0), 1);
});
