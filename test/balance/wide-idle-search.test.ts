/** Wakeups that look for an idle CPU beyond the cache. @spec 23 §2.3, §3 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { WideIdleSearch } from '../../src/balance/wide-idle-search.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

interface Setting {
  readonly prev: number;
  readonly target?: number;
  readonly idle: readonly number[];
  /** When idle CPUs began to idle; -1: with the simulation. */
  readonly stamps?: Readonly<Record<number, number>>;
  readonly cpus?: readonly number[];
  readonly policy?: string;
}

/** Two nodes of two caches of two CPUs. */
const NODES = machine(8, { llcs: 4, nodes: 2 });

/** Where a woken task goes; all CPUs that are not `idle` are busy. */
function select(scope: 'node' | 'machine_longest_idle', s: Setting, topology: Topology = NODES): number {
  const m = still(topology, { a: s.cpus === undefined ? {} : { cpus: s.cpus } }, s.policy);
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    if (!s.idle.includes(cpu)) m.cpu(cpu, { nr: 1 });
    rq.idleStamp[cpu] = s.stamps?.[cpu] ?? 1000;
  }
  k.sd.nrIdleScan.fill(99);
  tasks.recentUsedCpu[m.slot('a')] = s.prev;
  k.thisCpu = 0;
  loop.debt[0] = 0;
  return new WideIdleSearch(k.nrCpus, scope).selectIdleSibling(m.slot('a'), s.prev, s.target ?? s.prev);
}

describe('within the node', () => {
  test('the cache comes first', () => {
    assert.equal(select('node', { prev: 2, idle: [0, 3] }), 3);
    assert.equal(select('node', { prev: 2, idle: [0, 2] }), 2);
    assert.equal(select('node', { prev: 3, target: 1, idle: [0, 2] }), 0);
  });

  test('then any CPU of the node, the lowest first', () => {
    assert.equal(select('node', { prev: 2, idle: [0, 1] }), 0);
    assert.equal(select('node', { prev: 2, idle: [1, 7] }), 1);
    assert.equal(select('node', { prev: 7, idle: [1, 5] }), 5);
  });

  test('it is the node of the target', () => {
    assert.equal(select('node', { prev: 2, target: 6, idle: [0, 5] }), 5);
  });

  test('never another node: the task waits at its target', () => {
    assert.equal(select('node', { prev: 2, idle: [4, 5, 6, 7] }), 2);
    assert.equal(select('node', { prev: 2, target: 1, idle: [4, 5, 6, 7] }), 1);
  });

  test('only where the task may run, and no wakeup is on its way', () => {
    assert.equal(select('node', { prev: 2, idle: [0, 1], cpus: [1, 2, 3] }), 1);
    assert.equal(select('node', { prev: 2, idle: [0, 1], cpus: [2, 3] }), 2);
  });

  test('a node of one cache has nothing more to look at', () => {
    const one = machine(8, { llcs: 2, nodes: 2 });
    assert.equal(select('node', { prev: 2, idle: [4, 5, 6, 7] }, one), 2);
    assert.equal(select('node', { prev: 2, idle: [1] }, one), 1);
  });

  test('each CPU looked at outside the cache costs time', () => {
    const policy = 'linux-6.1,costs=milan';
    select('node', { prev: 2, idle: [], policy });
    const inVain = loop.debt[0]!;
    select('node', { prev: 2, idle: [0], policy });
    assert.equal(inVain - loop.debt[0]!, k.costs.scanLlcNs);
    select('node', { prev: 2, idle: [3], policy });
    assert.equal(inVain - loop.debt[0]! >= 2 * k.costs.scanLlcNs, true);
  });
});

describe('the CPU of the machine that has been idle longest', () => {
  const longest = (s: Setting, topology?: Topology) => select('machine_longest_idle', s, topology);

  test('is not asked for if the task’s own idles', () => {
    assert.equal(longest({ prev: 2, target: 0, idle: [0, 2, 7], stamps: { 2: 900, 7: 1 } }), 2);
  });

  test('may be in any node', () => {
    assert.equal(longest({ prev: 2, idle: [0, 3, 5, 7], stamps: { 0: 50, 3: 60, 5: 40, 7: 70 } }), 5);
    assert.equal(longest({ prev: 2, idle: [3, 7], stamps: { 3: 60, 7: 70 } }), 3);
  });

  test('is one that has never run anything, if there is one', () => {
    assert.equal(longest({ prev: 2, idle: [0, 3, 6], stamps: { 0: 1, 3: 2, 6: -1 } }), 6);
  });

  test('of equals is the lowest', () => {
    assert.equal(longest({ prev: 2, idle: [7, 4, 5] }), 4);
  });

  test('is one that the task may use', () => {
    const stamps = { 0: 10, 3: 30, 5: 20 };
    assert.equal(longest({ prev: 2, idle: [0, 3, 5], stamps, cpus: [2, 3, 5] }), 5);
    assert.equal(longest({ prev: 2, idle: [0, 3, 5], stamps, cpus: [2, 6] }), 2);
    // Where it ran is not allowed any more.
    assert.equal(longest({ prev: 2, target: 3, idle: [2, 4], cpus: [3, 4] }), 4);
  });

  test('is the target if none idles', () => {
    assert.equal(longest({ prev: 2, target: 1, idle: [] }), 1);
  });

  test('is left alone where CPUs sleep deeply: the search is mainline’s', () => {
    const policy = 'linux-6.1,idle_governor=menu';
    assert.equal(longest({ prev: 2, idle: [3, 5], stamps: { 3: 60, 5: 1 }, policy }), 3);
    assert.equal(longest({ prev: 2, idle: [5], policy }), 2);
  });

  test('costs a look at every CPU that the task may use', () => {
    const policy = 'linux-6.1,costs=milan';
    longest({ prev: 2, idle: [7], policy });
    assert.equal(loop.debt[0], 8 * k.costs.scanLlcNs);
    longest({ prev: 2, idle: [7], cpus: [2, 6, 7], policy });
    assert.equal(loop.debt[0], 3 * k.costs.scanLlcNs);
    longest({ prev: 2, idle: [2], policy });
    assert.equal(loop.debt[0], 0);
  });
});
