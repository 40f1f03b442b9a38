import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IdleSearch, updateIdleCore } from '../../src/balance/select-idle-sibling.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import { k } from '../../src/sched/kernel.ts';
import * as loop from '../../src/sched/loop.ts';
import { freeCpu } from '../../src/sched/predicates.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import type { TaskKind } from '../../src/workload/program.ts';
import { machine } from '../support/trace-builder.ts';
import { type StillMachine, still } from './still-machine.ts';

interface Setting {
  readonly busy?: readonly number[];
  readonly prev: number;
  readonly target: number;
  readonly recent?: number;
  /** CPUs that a wakeup may look at; default: all. */
  readonly scan?: number;
  readonly idleCores?: boolean;
  readonly cpus?: readonly number[];
  readonly policy?: string;
}

/** Where a task that is woken goes, by the search around `target`. */
function select(topology: Topology, s: Setting, prepare?: (m: StillMachine) => void): number {
  const kind: Partial<TaskKind> = s.cpus === undefined ? {} : { cpus: s.cpus };
  const m = still(topology, { a: kind }, s.policy);
  m.cpus(s.busy ?? [], { nr: 1 });
  k.sd.nrIdleScan.fill(s.scan ?? 99);
  k.sd.hasIdleCores.fill(s.idleCores === true ? 1 : 0);
  tasks.recentUsedCpu[m.slot('a')] = s.recent ?? s.prev;
  prepare?.(m);
  return new IdleSearch(k.nrCpus).selectIdleSibling(m.slot('a'), s.prev, s.target);
}

/** How many CPUs are looked at for that, `target` being the waker's own. */
function looks(topology: Topology, s: Setting): number {
  const at = s.target;
  select(topology, { ...s, policy: 'linux-6.1,costs=milan' }, () => {
    k.thisCpu = at;
    loop.debt[at] = 0;
  });
  return loop.debt[at]! / k.costs.scanLlcNs;
}

/** What is known of CPU 0's cache. */
function hasIdleCores(): number {
  return k.sd.hasIdleCores[k.sd.shared[k.sd.tree.sdLlc[0]!]!]!;
}

/** Threads are pairs (0,4), (1,5), (2,6), (3,7). */
const PAIRS = buildTopology({
  name: 'four cores of two threads',
  cpus: Array.from({ length: 8 }, (_, i) => ({ core: i % 4, llc: 0 })),
});

describe('a woken task goes', () => {
  test('to the target if that is free', () => {
    assert.equal(select(machine(8), { prev: 1, target: 2 }), 2);
  });

  test('spec 05 check 4: else to where it last ran, if that is free and shares the cache', () => {
    assert.equal(select(machine(8), { prev: 1, target: 2, busy: [2], scan: 0 }), 1);
    const m = machine(8, { llcs: 2 });
    assert.equal(select(m, { prev: 5, target: 2, busy: [2], scan: 0 }), 2);
  });

  test('spec 05 check 5: else to where it ran before, which is then forgotten', () => {
    const s = { prev: 1, target: 2, recent: 3, busy: [1, 2], scan: 0 };
    assert.equal(select(machine(8), s, undefined), 3);
    const m = still(machine(8), ['a']).cpus([1, 2], { nr: 1 });
    tasks.recentUsedCpu[m.slot('a')] = 3;
    const search = new IdleSearch(8);
    assert.equal(search.selectIdleSibling(m.slot('a'), 1, 2), 3);
    assert.equal(tasks.recentUsedCpu[m.slot('a')], 1);
    assert.equal(search.selectIdleSibling(m.slot('a'), 1, 2), 2);
  });

  test('not there if it is not allowed, busy or in another cache', () => {
    const s = { prev: 1, target: 2, recent: 3, busy: [1, 2], scan: 0 };
    assert.equal(select(machine(8), { ...s, cpus: [1, 2, 4] }), 2);
    assert.equal(select(machine(8), { ...s, busy: [1, 2, 3] }), 2);
    assert.equal(select(machine(8, { llcs: 4 }), { ...s, prev: 2, recent: 5, busy: [2] }), 2);
  });

  test('to a CPU that runs nothing but SCHED_IDLE tasks as to an idle one', () => {
    const at = (idle: number) =>
      select(machine(8), { prev: 1, target: 2, busy: [1, 2], scan: 0 }, (m) => {
        m.cpu(2, { nr: 2 });
        cfs.idleHNrRunning[2] = idle;
        cfs.idleHNrRunning[1] = 1;
        assert.equal(freeCpu(1), true);
        assert.equal(freeCpu(2), idle === 2);
      });
    assert.equal(at(2), 2);
    assert.equal(at(1), 1);
  });

  test('not to a CPU that a wakeup is on its way to', () => {
    assert.equal(
      select(machine(8), { prev: 1, target: 2, scan: 0 }, () => {
        rq.ttwuPending[2] = 1;
      }),
      1,
    );
  });

  test('behind the kernel thread that wakes it, if that is alone on the CPU where the task ran', () => {
    const at = (nr: number, { soft = false, hard = false, prev = 0 } = {}) => {
      const m = still(machine(4), { a: {}, kworker: { cpus: [0], kthread: true } }).runs('kworker', 0);
      m.cpu(0, { nr }).cpus([1, 2], { nr: 1 });
      tasks.recentUsedCpu[m.slot('a')] = prev;
      k.sd.nrIdleScan.fill(99);
      k.thisCpu = 0;
      k.inInterrupt = hard;
      loop.inSoftirq[0] = soft ? 1 : 0;
      return new IdleSearch(4).selectIdleSibling(m.slot('a'), prev, 1);
    };
    assert.equal(at(1), 0);
    assert.equal(at(2), 3);
    assert.equal(at(1, { hard: true }), 3);
    assert.equal(at(1, { soft: true }), 3);
    assert.equal(at(1, { prev: 2 }), 3);
  });
});

describe('the scan of the cache', () => {
  const scanning = { prev: 2, target: 2, busy: [0, 1, 2, 3, 4, 5, 6] };

  test('spec 05 check 6: begins after the target and looks at as many CPUs as allowed', () => {
    assert.equal(select(machine(8), { ...scanning, scan: 4 }), 2);
    assert.equal(select(machine(8), { ...scanning, scan: 5 }), 7);
    // 3, 4, 5, 6, and then 7.
    assert.deepEqual(
      [4, 5, 8].map((scan) => looks(machine(8), { ...scanning, scan })),
      [4, 5, 5],
    );
  });

  test('goes round, and the first free CPU wins', () => {
    const s = { prev: 5, target: 5, scan: 8 };
    assert.equal(select(machine(8), { ...s, busy: [5, 6, 7] }), 0);
    assert.equal(select(machine(8), { ...s, busy: [5, 6, 7, 0, 1, 2, 3] }), 4);
  });

  test('does not count CPUs that the task may not use', () => {
    assert.equal(select(machine(8), { ...scanning, scan: 1, cpus: [2, 7] }), 7);
  });

  test('stays in the cache of the target', () => {
    const m = machine(8, { llcs: 2 });
    assert.equal(select(m, { prev: 2, target: 2, busy: [0, 1, 2, 3] }), 2);
    assert.equal(select(m, { prev: 2, target: 5, busy: [2, 4, 5, 7] }), 6);
  });

  test('spec 05 check 7: is none at all if nothing may be looked at, whatever is known of idle cores', () => {
    assert.equal(select(machine(8), { prev: 2, target: 2, busy: [2], scan: 0 }), 2);
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 4], scan: 0, idleCores: true }), 0);
    assert.equal(looks(PAIRS, { prev: 0, target: 0, busy: [0, 4], scan: 0, idleCores: true }), 0);
  });

  test('is not limited without SIS_UTIL', () => {
    assert.equal(select(machine(8), { ...scanning, scan: 0, policy: 'linux-6.1,NO_SIS_UTIL' }), 7);
  });

  test('is none where no cache is shared', () => {
    const alone = buildTopology({ name: 'no caches', cpus: [{ llc: 0 }, { llc: 1 }] });
    assert.equal(select(alone, { prev: 0, target: 0, busy: [0] }), 0);
  });
});

describe('with threads, and an idle core reported', () => {
  const idleCores = true;

  test('spec 05 check 8: the first core of which all threads idle is taken', () => {
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 1], idleCores }), 2);
    assert.equal(hasIdleCores(), 1);
    // 1 and its sibling 5, then 2 and its sibling 6.
    assert.equal(looks(PAIRS, { prev: 0, target: 0, busy: [0, 1], idleCores }), 4);
  });

  test('spec 05 check 9: else the first idle thread met on the way, and the report was wrong', () => {
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 1, 2, 3], idleCores }), 5);
    assert.equal(hasIdleCores(), 0);
    // 1 and its sibling 5; then 2, 3 and, for the core of 4, its sibling 0: with a fallback a busy thread is enough.
    assert.equal(looks(PAIRS, { prev: 0, target: 0, busy: [0, 1, 2, 3], idleCores }), 5);
  });

  test('the limit of the scan does not apply', () => {
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 1, 2], idleCores, scan: 1 }), 3);
  });

  test('an idle core is entered by a thread that the task may use; the other need not be', () => {
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 1], idleCores, cpus: [0, 1, 6] }), 6);
    // 5 idles but is forbidden, 1 is busy: the fallback must be allowed.
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 1, 6], idleCores, cpus: [0, 1, 2] }), 2);
  });

  test('a thread with SCHED_IDLE tasks only will do as fallback', () => {
    assert.equal(
      select(PAIRS, { prev: 0, target: 0, busy: [0, 4, 1, 5, 2, 6, 3, 7], idleCores }, () => {
        cfs.idleHNrRunning[6] = 1;
      }),
      6,
    );
  });

  test('nothing is found where nothing is free', () => {
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 1, 2, 3, 4, 5, 6, 7], idleCores }), 0);
    assert.equal(hasIdleCores(), 0);
  });
});

describe('with threads, and no idle core reported', () => {
  test('spec 05 check 10: a free thread beside where the task ran is taken before anything is scanned', () => {
    assert.equal(select(PAIRS, { prev: 1, target: 0, busy: [0, 1], scan: 0 }), 5);
  });

  test('unless the task may not go there, or it is in another cache', () => {
    assert.equal(select(PAIRS, { prev: 1, target: 0, busy: [0, 1], scan: 0, cpus: [0, 1, 2] }), 0);
    const caches = machine(8, { threads: 2, llcs: 2 });
    assert.equal(select(caches, { prev: 4, target: 0, busy: [0, 1, 2, 3, 4], scan: 99 }), 0);
  });

  test('the scan takes any free thread', () => {
    assert.equal(select(PAIRS, { prev: 0, target: 0, busy: [0, 4, 1, 2], scan: 99 }), 3);
  });
});

describe('a core is reported idle', () => {
  const reported = (busy: readonly number[], cpu: number) => {
    const m = still(PAIRS).cpus(busy, { nr: 1 });
    k.sd.hasIdleCores.fill(0);
    updateIdleCore(cpu);
    assert.ok(m);
    return hasIdleCores();
  };

  test('by a CPU that goes idle while all its siblings idle', () => {
    assert.equal(reported([1], 0), 1);
    assert.equal(reported([4], 0), 0);
    // What is left on the CPU itself does not matter.
    assert.equal(reported([0], 0), 1);
  });

  test('only on machines with threads', () => {
    still(machine(4));
    updateIdleCore(0);
    assert.deepEqual([...k.sd.hasIdleCores], [0]);
  });
});

describe('where CPUs differ in capacity', () => {
  const mixed = buildTopology({
    name: 'three sizes',
    cpus: [300, 300, 446, 446, 1024, 1024].map((capacity) => ({ llc: 0, capacity })),
  });
  const at = (util: number, s: Setting) => select(mixed, s, (m) => m.task('a', { util }));

  test('a CPU that is free but too small is not taken for its own sake', () => {
    assert.equal(at(240, { prev: 0, target: 0 }), 2);
    assert.equal(at(239, { prev: 0, target: 0 }), 0);
    assert.equal(at(357, { prev: 2, target: 0, recent: 3 }), 4);
    assert.equal(at(356, { prev: 2, target: 0, recent: 3 }), 2);
    assert.equal(at(356, { prev: 1, target: 0, recent: 3 }), 3);
  });

  test('the search begins at the target and takes the first free CPU that is big enough', () => {
    assert.equal(at(300, { prev: 3, target: 3, busy: [3] }), 4);
    assert.equal(at(300, { prev: 5, target: 5, busy: [4, 5] }), 2);
    assert.equal(at(200, { prev: 5, target: 5, busy: [4, 5] }), 0);
  });

  test('else the biggest free one, the first of equals', () => {
    assert.equal(at(900, { prev: 0, target: 0, busy: [4] }), 5);
    assert.equal(at(1000, { prev: 0, target: 0, busy: [4, 5] }), 2);
    assert.equal(at(1000, { prev: 0, target: 3, busy: [4, 5] }), 3);
  });

  test('else the target', () => {
    assert.equal(at(1000, { prev: 0, target: 3, busy: [0, 1, 2, 3, 4, 5] }), 3);
  });
});

describe('SIS_PROP: as many CPUs as can be looked at while this one expects to idle', () => {
  /** How many CPUs a waker on CPU 0 visits when none is idle. */
  const visited = (set: () => void, policy = 'linux-6.1,SIS_PROP,NO_SIS_UTIL,costs=milan') => {
    const names = Array.from({ length: 32 }, (_, i) => `t${i}`);
    const m = still(machine(32), ['a', ...names], policy);
    for (const [cpu, name] of names.entries()) m.runs(name, cpu);
    k.thisCpu = 0;
    k.sd.avgScanCost[m.domain(0, 'MC')] = 999;
    set();
    loop.debt[0] = 0;
    new IdleSearch(32).selectIdleSibling(m.slot('a'), 1, 2);
    return Math.round(loop.debt[0]! / k.costs.scanLlcNs);
  };

  test('6.1: wake_avg_idle, halved with every jiffy since it was set', () => {
    const prop = (wakeAvgIdle: number, jiffies = 0) =>
      visited(() => {
        rq.wakeAvgIdle[0] = wakeAvgIdle;
        rq.wakeStamp[0] = k.jiffies - jiffies;
      });
    // 32 CPUs * 500 ns / 1000 ns = 16: one less is visited.
    const more = prop(500) - prop(250);
    assert.equal(more, 8);
    assert.equal(prop(500, 1), prop(250));
    // Four at the least, of which three are visited.
    assert.equal(prop(500) - prop(0), 12);
  });

  test('up to 5.11: one 512th of avg_idle', () => {
    const prop = (avgIdle: number) =>
      visited(() => {
        rq.avgIdle[0] = avgIdle;
      }, 'linux-6.1,SIS_PROP,NO_SIS_UTIL,sis_prop_fuzz=512,costs=milan');
    assert.equal(prop(512 * 500) - prop(512 * 250), 8);
  });

  test('the cost of a search moves an eighth of the way to the latest', () => {
    visited(() => {
      rq.wakeAvgIdle[0] = 500;
      rq.wakeStamp[0] = k.jiffies;
    });
    const cost = k.sd.avgScanCost[k.sd.tree.sdLlc[0]!]!;
    const took = 15 * k.costs.scanLlcNs;
    assert.equal(cost, 999 + Math.trunc((took - 999) / 8));
    assert.equal(rq.wakeAvgIdle[0], Math.max(0, 500 - took));
  });
});
