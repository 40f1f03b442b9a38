/** A sparse mask of idle cores for the push side. @spec 20 §8 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { IdleCores } from '../../src/balance/idle-cores.ts';
import { LlcMap } from '../../src/balance/llc-map.ts';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { setNextTaskFair } from '../../src/sched/fair-pick.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

describe('idle.cores=mask', () => {
  test('a core is in it while all its threads idle, for one atomic each time', () => {
    still(machine(8, { threads: 2 }));
    const idle = new IdleCores(8);
    idle.started(new LlcMap(k.topology, k.sd.tree.llcId, 'machine'));
    const { cores } = idle;
    assert.deepEqual([cores.count(0), cores.atomics], [4, 0], 'all idle at the start');
    idle.left(3);
    assert.deepEqual([cores.has(2), cores.atomics], [false, 1]);
    idle.left(2);
    idle.entered(3);
    assert.deepEqual([cores.has(2), cores.atomics], [false, 1]);
    idle.entered(2);
    assert.deepEqual([cores.has(2), cores.atomics, idle.checkBooks()], [true, 2, null]);
  });

  test('leads a push to a whole idle core that the hint of the LLC knows nothing of', () => {
    // CPU 0 has a task that waits; of the cores (2,3) and (4,5) one thread is busy; (6,7) idles.
    const target = (cores: string) => {
      const names = ['runs', 'waits', 'x', 'y', 'z'];
      const m = still(machine(8, { threads: 2 }), names);
      m.runs('x', 1).runs('y', 2).runs('z', 4);
      const policy = 'linux-6.1,newidle=off,periodic=off,nohz=off,push=on,push.scan_max=100,idle.tracking=all_llc';
      k.hooks = policyHooks(parsePolicy(`${policy},idle.cores=${cores}`), 8);
      k.watch = k.hooks.watches;
      k.hooks.started();
      k.sd.hasIdleCores.fill(0);
      k.thisCpu = 0;
      k.hooks.idleLeft(0);
      m.waits('waits', 0);
      k.hooks.taskPut(0, m.slot('waits'));
      m.waits('runs', 0);
      const task = m.slot('runs');
      setNextTaskFair(0, task);
      tasks.onCpu[rq.curr[0]!] = 0;
      tasks.onCpu[task] = 1;
      rq.curr[0] = task;
      k.hooks.taskSet(0, task);
      k.hooks.balanceCallback(0);
      return tasks.cpu[m.slot('waits')];
    };
    assert.deepEqual([target('hint'), target('mask')], [3, 6]);
  });

  test('is kept through a simulation, with threads and without', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(1), { op: 'yield' }, RUN(2), SLEEP(2), { op: 'end' }] as const;
    const kinds = Object.fromEntries([0, 1, 2, 3, 4, 5, 6].map((i) => [`t${i}`, i < 2 ? {} : { program: nap }]));
    for (const threads of [1, 2]) {
      const policy =
        'linux-6.1,newidle=off,periodic=off,nohz=off,wakeup=stay,fork=stay,push=on,push.scan_max=100,idle.tracking=all_llc,idle.cores=mask,costs=milan';
      simulate({ machine: machine(8, { threads, llcs: 2 }), policy, tasks: kinds, untilMs: 300 });
      assert.equal(k.hooks.checkBooks(), null);
      assert.ok(new Map(k.hooks.counters()).get('push.pushes')! > 0);
    }
  });
});
