/**
 * Random workloads on random machines under random policies: whatever happens, balancing obeys its laws. The books of the
 * scheduler are checked after every event.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePolicy } from '../../src/balance/policy.ts';
import { UserError } from '../../src/base/errors.ts';
import type { Topology } from '../../src/machine/topology.ts';
import { k } from '../../src/sched/kernel.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev, MIGRATE_CAUSES } from '../../src/trace/events.ts';
import type { Workload } from '../../src/workload/program.ts';
import { type SimEvent, type Simulated, simulate } from '../support/simulate.ts';
import { anyMachine, anyPolicy, anyWorkload } from '../support/simulation-arbitrary.ts';

/** Kinds that tell what balancing did. */
const BALANCING = [
  Ev.SCHED_MIGRATE_TASK,
  Ev.LB_ENTER,
  Ev.LB_BUSIEST,
  Ev.LB_LEAVE,
  Ev.DETACH,
  Ev.CAN_MIGRATE,
  Ev.CAN_MIGRATE_RET,
  Ev.NEWIDLE,
  Ev.NEWIDLE_RET,
  Ev.ACTIVE_BALANCE,
  Ev.ILB_KICKED,
  Ev.NOHZ_IDLE_BALANCE,
  Ev.NOHZ_ENTER,
] as const;

function run(machine: Topology, workload: Workload, policy: string, seed: number): Simulated | null {
  try {
    return simulate({ machine, workload, policy, seed, record: BALANCING, untilMs: 40 });
  } catch (error) {
    // The machine has none of the CPUs that a task is bound to.
    if (error instanceof UserError) return null;
    throw error;
  }
}

/** Laws that one event after another obeys. */
function checkEvents(events: readonly SimEvent[], policy: string): void {
  const online = k.cpuActive;
  const searches = ['full', 'pull_one', 'off_below_numa'];
  const pass = new Map<number, { idle: number; moved: number }>();
  let asked = false;
  for (const { kind, cpu, args } of events) {
    const at = JSON.stringify({ kind, cpu, args });
    switch (kind) {
      case Ev.LB_ENTER:
        if (args['idle'] === 2) assert.ok(searches.includes(parsePolicy(policy).parts.newidle), at);
        else assert.ok(!policy.includes('periodic=off,nohz=off'), at);
        pass.set(cpu, { idle: args['idle']!, moved: 0 });
        break;
      case Ev.LB_LEAVE: {
        const p = pass.get(cpu);
        assert.ok(p !== undefined, at);
        assert.equal(p.moved, args['moved'], `as many were detached as were moved: ${at}`);
        if (p.idle === 2) assert.ok(p.moved <= 1, `a newidle pass takes one task: ${at}`);
        pass.delete(cpu);
        break;
      }
      case Ev.DETACH: {
        const p = pass.get(cpu);
        if (p !== undefined) p.moved++;
        assert.notEqual(args['src'], args['dst'], at);
        assert.ok(online[args['dst']!] === 1, at);
        break;
      }
      case Ev.CAN_MIGRATE:
        assert.equal(asked, false, at);
        asked = true;
        break;
      case Ev.CAN_MIGRATE_RET:
        assert.equal(asked, true, at);
        asked = false;
        break;
      case Ev.ACTIVE_BALANCE:
        assert.ok(!policy.includes('active=off'), at);
        break;
      case Ev.ILB_KICKED:
        assert.ok(!policy.includes('nohz=off'), at);
        break;
      case Ev.SCHED_MIGRATE_TASK: {
        const cause = MIGRATE_CAUSES[args['cause']!]!;
        assert.ok(online[args['dest_cpu']!] === 1, at);
        assert.ok(
          [
            'wakeup',
            'exec',
            'idle',
            'busy',
            'newidle',
            'active',
            'affinity',
            'rt-push',
            'rt-pull',
            'steal',
            'push',
          ].includes(cause),
          at,
        );
        break;
      }
    }
  }
}

/** Laws that the tables obey at the end. */
function checkTables(): void {
  const { sd, nohz } = k;
  for (let d = 0; d < sd.nrDomains; d++) {
    const interval = sd.balanceInterval[d]!;
    const doublings = Math.log2(interval / sd.minInterval[d]!);
    assert.ok(Number.isInteger(doublings) && doublings >= 0, `an interval of ${interval} ms`);
    assert.ok(interval <= Math.max(sd.maxInterval[d]!, 1023), `an interval of ${interval} ms`);
    assert.ok(sd.nrBalanceFailed[d]! >= 0 && sd.lastBalance[d]! <= k.jiffies);
    assert.ok(sd.newidleCall[d]! < 1024 && sd.newidleRatio[d]! >= 0);
    for (let idle = 0; idle < 3; idle++) {
      const [count, balanced, failed, , gained, hot, nobusyq, nobusyg] = sd.counters.subarray(d * 36 + 8 * idle);
      assert.ok(balanced! + failed! <= count! && nobusyq! + nobusyg! <= balanced! && hot! <= gained!);
    }
    const [count, failed, pushed] = sd.counters.subarray(d * 36 + 24);
    assert.equal(count, failed! + pushed!);
  }
  // nr_busy_cpus is what is left of the cache when the CPUs in nohz idle are taken away.
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    const llc = sd.tree.sdLlc[cpu]!;
    if (llc < 0) continue;
    const span = [...sd.lists.subarray(sd.spanBase[llc]!, sd.spanBase[llc]! + sd.spanWeight[llc]!)];
    const idle = span.filter((c) => (nohz.idleCpusMask[c >>> 5]! & (1 << (c & 31))) !== 0).length;
    assert.equal(sd.nrBusyCpus[sd.shared[llc]!], span.length - idle);
    const scan = sd.nrIdleScan[sd.shared[llc]!]!;
    assert.ok(scan >= 0 && scan <= span.length);
  }
  for (let t = 2 * k.nrCpus; t < k.nrTasks; t++) assert.ok(tasks.nrForced[t]! <= tasks.nrMigrations[t]!);
}

test('balancing obeys its laws', () => {
  let simulated = 0;
  let passes = 0;
  let moved = 0;
  fc.assert(
    fc.property(anyMachine, anyWorkload, anyPolicy, fc.nat({ max: 1000 }), (machine, workload, policy, seed) => {
      const s = run(machine, workload, policy, seed);
      if (s === null) return;
      simulated++;
      checkEvents(s.events, policy);
      checkTables();
      passes += s.of(Ev.LB_LEAVE).length;
      moved += s.of(Ev.DETACH).length;
    }),
    { numRuns: 600 },
  );
  assert.ok(
    simulated > 350 && passes > 4000 && moved > 300,
    `${simulated} simulated, ${passes} passes, ${moved} moved`,
  );
});
