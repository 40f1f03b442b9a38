/** What /proc/schedstat says of balancing and wakeups, against the events. @spec 09 §1 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as counters from '../../src/sched/counters.ts';
import { Alb, DOMAIN_COUNTERS, Lb, Ttwu } from '../../src/sched/domain-state.ts';
import { k } from '../../src/sched/kernel.ts';
import { takeSchedstat } from '../../src/sched/schedstat.ts';
import { Ev, MIGRATE_CAUSES } from '../../src/trace/events.ts';
import type { CpuStat } from '../../src/trace/schedstat.ts';
import { formatSchedstat } from '../../src/trace/schedstat.ts';
import type { Instruction } from '../../src/workload/program.ts';
import { boot, MS, RUN, type Simulated, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';

const BUSY: Record<string, { program: readonly Instruction[]; cpus?: readonly number[] }> = {};
for (let i = 0; i < 12; i++) {
  BUSY[`t${i}`] = {
    program: [{ op: 'loop', count: 0 }, RUN(1 + (i % 5)), SLEEP(1 + (i % 3)), { op: 'end' }],
    ...(i % 6 === 0 ? { cpus: [i % 4] } : {}),
  };
}

function busyMachine(): Simulated {
  return simulate({ machine: machine(8, { threads: 2, llcs: 2 }), tasks: BUSY, untilMs: 400 });
}

const LEVELS = ['SMT', 'CLS', 'MC', 'DIE', 'NODE'];

describe('the counters of a domain', () => {
  test('spec 09 check 4: agree with the passes in the trace, by CPU, level and idle type', () => {
    const run = busyMachine();
    const passes = new Map<string, { count: number; moved: number; gained: number }>();
    for (const { args } of run.of(Ev.LB_LEAVE)) {
      const key = `${args['cpu']} ${args['level']} ${args['idle']}`;
      const p = passes.get(key) ?? { count: 0, moved: 0, gained: 0 };
      p.count++;
      p.gained += args['moved']!;
      if (args['moved']! > 0) p.moved++;
      passes.set(key, p);
    }
    let moved = 0;
    for (let d = 0; d < k.sd.nrDomains; d++) {
      for (let idle = 0; idle < 3; idle++) {
        const at = d * DOMAIN_COUNTERS + idle * 8;
        const [count, balanced, failed, , gained, hot, nobusyq, nobusyg] = k.sd.counters.subarray(at, at + 8);
        const p = passes.get(`${k.sd.cpu[d]} ${k.sd.level[d]} ${idle}`) ?? { count: 0, moved: 0, gained: 0 };
        const name = `CPU ${k.sd.cpu[d]} ${LEVELS[k.sd.level[d]!]}, idle type ${idle}`;
        assert.equal(count, p.count, name);
        // Each pass is balanced, failed or moved something.
        assert.equal(balanced! + failed! + p.moved, count, name);
        const pushed = idle === 0 ? k.sd.counters[d * DOMAIN_COUNTERS + Alb.PUSHED]! : 0;
        assert.equal(gained, p.gained + pushed, name);
        assert.ok(nobusyq! + nobusyg! <= balanced! && hot! <= gained!, name);
        moved += p.moved;
      }
    }
    assert.ok(moved > 20, `${moved} passes moved something`);
  });

  test('have as many gained tasks as there were migrations by passes, of each kind', () => {
    const run = busyMachine();
    const migrations = [0, 0, 0];
    let active = 0;
    for (const { args } of run.of(Ev.SCHED_MIGRATE_TASK)) {
      const cause = MIGRATE_CAUSES[args['cause']!]!;
      const idle = ['idle', 'busy', 'newidle'].indexOf(cause);
      if (idle >= 0) migrations[idle]!++;
      if (cause === 'active') active++;
    }
    const gained = [0, 0, 0];
    let pushed = 0;
    for (let d = 0; d < k.sd.nrDomains; d++) {
      for (const idle of [0, 1, 2]) gained[idle]! += k.sd.counters[d * DOMAIN_COUNTERS + idle * 8 + 4]!;
      pushed += k.sd.counters[d * DOMAIN_COUNTERS + Alb.PUSHED]!;
      const alb = k.sd.counters.subarray(d * DOMAIN_COUNTERS + Alb.COUNT, d * DOMAIN_COUNTERS + Alb.PUSHED + 1);
      assert.equal(alb[0], alb[1]! + alb[2]!);
    }
    assert.equal(pushed, active);
    assert.deepEqual(gained, [migrations[0]! + active, migrations[1], migrations[2]]);
    assert.ok(migrations[0]! > 0 && migrations[2]! > 0);
  });

  test('of exec, fork and wakeup balancing are never used', () => {
    busyMachine();
    for (let d = 0; d < k.sd.nrDomains; d++) {
      const rest = k.sd.counters.subarray(d * DOMAIN_COUNTERS + 27, (d + 1) * DOMAIN_COUNTERS);
      assert.deepEqual([...rest.subarray(0, 6), rest[8]], [0, 0, 0, 0, 0, 0, 0]);
    }
  });
});

describe('the counters of a CPU', () => {
  test('have the wakeups it made; those of other CPUs are remote in exactly one domain', () => {
    const run = busyMachine();
    const stat = takeSchedstat();
    const wakings = run.of(Ev.SCHED_WAKING);
    for (const { cpu, ttwuCount, ttwuLocal } of stat.cpus) {
      assert.equal(ttwuCount, wakings.filter((e) => e.cpu === cpu).length);
      let remote = 0;
      for (let d = k.sd.lowest[cpu]!; d >= 0; d = k.sd.parent[d]!) {
        remote += k.sd.counters[d * DOMAIN_COUNTERS + Ttwu.WAKE_REMOTE]!;
      }
      assert.equal(ttwuCount - ttwuLocal, remote);
    }
  });

  test('have each entry of schedule, of which those that chose to idle are part', () => {
    const run = busyMachine();
    for (const { cpu, schedCount, schedGoidle } of takeSchedstat().cpus) {
      const switches = run.of(Ev.SCHED_SWITCH).filter((e) => e.cpu === cpu);
      const toIdle = switches.filter((e) => e.args['next'] === -1).length;
      assert.ok(schedCount >= switches.length);
      assert.ok(schedGoidle >= toIdle && schedGoidle <= schedCount);
    }
  });

  test('spec 09 check 10: without schedstats are but the times and arrivals, as with them', () => {
    const snapshots = (policy: string) => {
      const run = boot({ machine: machine(8, { threads: 2, llcs: 2 }), tasks: BUSY, policy });
      return [100, 200].map((ms) => {
        run.to(ms);
        return takeSchedstat().cpus;
      });
    };
    const times = (cpus: readonly CpuStat[]) =>
      cpus.map(({ rqCpuTime, runDelay, pcount }) => [rqCpuTime, runDelay, pcount]);
    const [before, after] = snapshots('linux-6.1,schedstats=off');
    const [, counted] = snapshots('linux-6.1');
    assert.deepEqual(times(after!), times(counted!));
    for (const [i, cpu] of after!.entries()) {
      assert.ok(cpu.rqCpuTime > before![i]!.rqCpuTime && counted![i]!.schedCount > 0);
      assert.deepEqual([cpu.schedCount, cpu.schedGoidle, cpu.ttwuCount, cpu.ttwuLocal], [0, 0, 0, 0]);
      for (const [d, { balance, ttwuWakeRemote }] of cpu.domains.entries()) {
        assert.deepEqual([balance.idle.count, balance.busy.count, balance.newidle.count, ttwuWakeRemote], [0, 0, 0, 0]);
        assert.equal(counted![i]!.domains[d]!.balance.idle.count > 0, true);
      }
    }
  });

  test('have the time that tasks ran and waited until they last left', () => {
    const run = simulate({
      machine: 1,
      policy: 'linux-6.1,timer_slack=0ns',
      tasks: { a: { program: [RUN(3), SLEEP(1000)] }, b: { program: [RUN(2), SLEEP(1000)] } },
      untilMs: 50,
    });
    const [cpu] = takeSchedstat().cpus;
    assert.equal(cpu!.rqCpuTime, 5 * MS);
    // b waited while a ran its 3 ms, or the other way round; main and the first to run did not wait.
    assert.ok(cpu!.runDelay === 3 * MS || cpu!.runDelay === 2 * MS, `${cpu!.runDelay}`);
    assert.equal(run.ranMs('a') + run.ranMs('b'), 5);
  });
});

test('a snapshot has 32 bits of what the kernel counts in 32: sums of imbalances do wrap', () => {
  busyMachine();
  const sd = k.sd.lowest[0]!;
  k.sd.counters[sd * DOMAIN_COUNTERS + Lb.IMBALANCE] = 2 ** 32 + 5;
  counters.sched[0] = 2 ** 32 + 7;
  counters.rqCpuTime[0] = 2 ** 32 + 9;
  const [cpu] = takeSchedstat().cpus;
  assert.equal(cpu!.domains[0]!.balance.idle.imbalance, 5);
  assert.equal(cpu!.schedCount, 7);
  assert.equal(cpu!.rqCpuTime, 2 ** 32 + 9);
});

test('spec 22 check 11: version 17 has each imbalance by what was to be moved, which version 16 sums up', () => {
  const snapshot = (policy: string) => {
    simulate({ machine: machine(8, { threads: 2, llcs: 2 }), policy, tasks: BUSY, untilMs: 400 });
    return takeSchedstat();
  };
  const of16 = snapshot('linux-6.12');
  const of17 = snapshot('linux-6.12,schedstat_version=17');
  assert.equal(formatSchedstat(of17, 16), formatSchedstat(of16));
  const lines = formatSchedstat(of17)
    .split('\n')
    .filter((line) => line.startsWith('domain'));
  for (const line of lines) assert.match(line, /^domain\d+ (SMT|MC|PKG) [0-9a-f]+( \d+){45}$/);
  const totals = [0, 0, 0, 0];
  for (const { domains } of of17.cpus) {
    for (const { balance } of domains) {
      for (const { imbalance, imbalanceByType } of Object.values(balance)) {
        assert.equal(
          imbalanceByType!.reduce((sum, x) => sum + x, 0),
          imbalance,
        );
        imbalanceByType!.forEach((x, type) => {
          totals[type]! += x;
        });
      }
    }
  }
  assert.ok(totals[2]! > 0 && totals.filter((x) => x > 0).length > 1, `${totals}`);
});
