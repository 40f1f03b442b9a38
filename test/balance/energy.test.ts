/** Energy-aware placement, spec 05 §8. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { EnergyPlacement } from '../../src/balance/energy.ts';
import { UserError } from '../../src/base/errors.ts';
import { presetMachine } from '../../src/machine/presets.ts';
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import * as avg from '../../src/sched/averages.ts';
import { AVG_RT, AVG_SE } from '../../src/sched/averages.ts';
import * as cfs from '../../src/sched/cfs-rq.ts';
import * as se from '../../src/sched/entity.ts';
import { k } from '../../src/sched/kernel.ts';
import * as rq from '../../src/sched/rq.ts';
import * as tasks from '../../src/sched/tasks.ts';
import { Ev } from '../../src/trace/events.ts';
import { boot, MS, RUN, SLEEP, simulate } from '../support/simulate.ts';
import { machine } from '../support/trace-builder.ts';
import { still } from './still-machine.ts';

const EAS = 'linux-6.1,energy_aware=on';

function states(...pairs: readonly (readonly [number, number])[]) {
  return pairs.map(([frequencyKhz, power]) => ({ frequencyKhz, power }));
}

/** Two little CPUs, one in the middle, one big. */
const THREE = buildTopology({
  name: 'three kinds',
  cpus: [400, 400, 700, 1024].map((capacity) => ({ llc: 0, capacity })),
  perfDomains: [
    { cpus: [0, 1], states: states([500, 20], [1000, 60], [1500, 140]) },
    { cpus: [2], states: states([800, 90], [1600, 300], [2000, 500]) },
    { cpus: [3], states: states([900, 190], [1800, 640], [2400, 1300]) },
  ],
});

interface CpuState {
  readonly util: number;
  readonly est: number;
  readonly rt: number;
  readonly capacity: number;
}

interface Case {
  readonly cpus: readonly CpuState[];
  readonly util: number;
  readonly est: number;
  readonly prev: number;
  readonly allowed: readonly number[];
}

/** The task sleeps on `prev`; the CPUs are as busy as that. */
function placed({ cpus, util, est, prev, allowed }: Case): number {
  const m = still(THREE, { p: { cpus: allowed } });
  const energy = new EnergyPlacement();
  energy.started();
  const p = m.slot('p');
  tasks.cpu[p] = prev;
  avg.utilAvg[AVG_SE + p] = util;
  se.utilEstEnqueued[p] = est;
  cpus.forEach((c, cpu) => {
    avg.utilAvg[cpu] = c.util;
    cfs.utilEstEnqueued[cpu] = c.est;
    avg.utilAvg[AVG_RT + cpu] = c.rt;
    rq.cpuCapacity[cpu] = c.capacity;
  });
  for (const row of [se.cfsRq[p]!, AVG_SE + p]) avg.setLastUpdate(row, 200 * MS);
  se.utilEstEwma[p] = 0;
  k.thisCpu = 0;
  return energy.find(p, prev);
}

/** The text of spec 05 §8.1 and §8.2, word by word. */
function naive({ cpus, util, est, prev, allowed }: Case): number {
  const taskEst = Math.max(util, est);
  if (taskEst === 0) return prev;
  const orig = [...THREE.capacity];
  const next = (c: number, dst: number) => {
    let u = cpus[c]!.util;
    if (c === prev && dst !== c) u = Math.max(0, u - util);
    if (c !== prev && dst === c) u += util;
    const e = cpus[c]!.est + (dst === c ? est : 0);
    return Math.min(Math.max(u, e), orig[c]!);
  };
  const effective = (c: number, u: number) => Math.min(orig[c]!, u + cpus[c]!.rt);
  const energy = (pd: Topology['perfDomains'][number], dst: number) => {
    const cap = orig[pd.cpus[0]!]!;
    const all = cap * pd.cpus.length;
    const busy = Math.min(
      all,
      pd.cpus.reduce((sum, c) => sum + effective(c, next(c, -1)), 0),
    );
    const sum = dst < 0 ? busy : Math.min(all, busy + taskEst);
    const most = Math.min(cap, Math.max(...pd.cpus.map((c) => effective(c, next(c, dst)))));
    const fmax = pd.states.at(-1)!.frequencyKhz;
    const f = Math.floor((fmax * Math.min(most + Math.floor(most / 4), cap)) / cap);
    const state = pd.states.find((s) => s.frequencyKhz >= f) ?? pd.states.at(-1)!;
    return Math.floor((Math.floor((1000 * state.power * fmax) / state.frequencyKhz) * sum) / cap);
  };
  let [prevFits, bestFits, best] = [-1, -1, -1];
  let [prevDelta, bestDelta] = [Infinity, Infinity];
  for (const pd of [...THREE.perfDomains].reverse()) {
    let [prevSpare, maxSpare, bestC] = [-1, -1, -1];
    for (const c of pd.cpus) {
      if (!allowed.includes(c)) continue;
      const u = next(c, c);
      if (!(u * 1280 < cpus[c]!.capacity * 1024)) continue;
      const spare = Math.max(0, cpus[c]!.capacity - u);
      if (c === prev) {
        prevSpare = spare;
        prevFits = 1;
      } else if (spare > maxSpare) {
        maxSpare = spare;
        bestC = c;
      }
    }
    if (prevSpare < 0 && bestC < 0) continue;
    const base = energy(pd, -1);
    if (prevSpare >= 0) {
      const d = energy(pd, prev);
      if (d < base) return prev;
      prevDelta = d - base;
      bestDelta = Math.min(bestDelta, prevDelta);
    }
    if (bestC >= 0 && maxSpare > prevSpare) {
      const d = energy(pd, bestC);
      if (d < base) return prev;
      if (bestFits === 1 && d - base >= bestDelta) continue;
      [bestDelta, best, bestFits] = [d - base, bestC, 1];
    }
  }
  return bestFits > prevFits || (bestFits === 1 && bestDelta < prevDelta) ? best : prev;
}

const IDLE: readonly CpuState[] = [400, 400, 700, 1024].map((capacity) => ({ util: 0, est: 0, rt: 0, capacity }));

describe('spec 05 §8: find_energy_efficient_cpu', () => {
  test('a small task goes to a little CPU, a big one where it fits', () => {
    const to = (util: number, prev: number) => {
      // What it left there when it went to sleep.
      const cpus = IDLE.map((c, cpu) => (cpu === prev ? { ...c, util } : c));
      return placed({ cpus, util, est: 0, prev, allowed: [0, 1, 2, 3] });
    };
    assert.equal(to(100, 3), 0);
    assert.equal(to(100, 1), 1, 'ties keep prev');
    assert.equal(to(400, 0), 2, 'little CPUs have less than a fifth to spare');
    assert.equal(to(700, 0), 3);
    assert.equal(to(0, 3), 3, 'nothing is known of it');
  });

  test('a little CPU that would have to run faster may cost more than a bigger one that need not', () => {
    const of = (util: number) => {
      const cpus = IDLE.map((c, cpu) => ({ ...c, util: [200, 200, 100, util][cpu]! }));
      return placed({ cpus, util, est: 0, prev: 3, allowed: [0, 1, 2, 3] });
    };
    assert.equal(of(10), 0);
    assert.equal(of(110), 2);
  });

  test('property: as the text has it', () => {
    const cpu = (capacity: number) =>
      fc.record({
        util: fc.integer({ min: 0, max: capacity }),
        est: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: capacity })),
        rt: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 200 })),
        capacity: fc.oneof(fc.constant(capacity), fc.integer({ min: capacity >> 1, max: capacity })),
      });
    const any = fc.record({
      cpus: fc.tuple(cpu(400), cpu(400), cpu(700), cpu(1024)),
      util: fc.oneof(fc.integer({ min: 0, max: 1024 }), fc.integer({ min: 0, max: 100 })),
      est: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 600 })),
      prev: fc.nat({ max: 3 }),
      allowed: fc.subarray([0, 1, 2, 3], { minLength: 1 }),
    });
    const chosen = new Set<number>();
    fc.assert(
      fc.property(any, (c) => {
        const to = placed(c);
        assert.equal(to, naive(c));
        if (to !== c.prev) chosen.add(to);
      }),
      { numRuns: 400 },
    );
    assert.deepEqual([...chosen].sort(), [0, 1, 2, 3]);
  });
});

describe('spec 05 §8: when energy matters', () => {
  const on = (topology: Topology) => {
    still(topology);
    new EnergyPlacement().started();
  };
  const refused = (topology: Topology, what: RegExp) =>
    assert.throws(
      () => on(topology),
      (e) => e instanceof UserError && e.code === 'policy' && what.test(e.message) && e.hint.includes('machines.md'),
    );

  test('a machine has to have all of it', () => {
    on(presetMachine('biglittle'));
    refused(machine(4), /machine "m4" has CPUs of one capacity only/);
    const cpus = [0, 1, 2, 3].map((cpu) => ({ llc: 0, core: cpu & 2, capacity: cpu < 2 ? 500 : 1024 }));
    const pd = (...list: number[]) => ({ cpus: list, states: states([1, 1]) });
    refused(buildTopology({ name: 'x', cpus, perfDomains: [pd(0, 1), pd(2, 3)] }), /has SMT/);
    const cores = cpus.map(({ capacity }) => ({ llc: 0, capacity }));
    refused(buildTopology({ name: 'x', cpus: cores, perfDomains: [pd(0, 1)] }), /no energy model for CPUs 2-3/);
    const many = { cpus: [0, 1], states: Array.from({ length: 1020 }, (_, i) => ({ frequencyKhz: i + 1, power: 1 })) };
    refused(buildTopology({ name: 'x', cpus: cores, perfDomains: [many, pd(2, 3)] }), /is 2050, more than 2048/);
  });

  test('small periodic tasks settle on the little CPUs, and without energy they do not', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(0.4), SLEEP(8), { op: 'end' }] as const;
    const tasksOf = Object.fromEntries([0, 1, 2, 3].map((i) => [`t${i}`, { program: nap }]));
    const little = (policy: string) => {
      const run = simulate({ machine: presetMachine('biglittle'), policy, tasks: tasksOf, untilMs: 400 });
      const late = run.of(Ev.SCHED_SWITCH).filter(({ args, timeNs }) => args['next']! >= 0 && timeNs > 200e6);
      const ofTasks = late.filter(({ args }) => run.comm(args['next']!).startsWith('t'));
      assert.ok(ofTasks.length > 40);
      return ofTasks.filter(({ cpu }) => cpu < 4).length / ofTasks.length;
    };
    assert.equal(little(EAS), 1);
    assert.ok(little('linux-6.1') < 0.9);
  });

  test('a CPU without a fifth to spare makes the machine over-utilised at its next tick', () => {
    const program = [SLEEP(100), RUN(150), SLEEP(1000)];
    const run = boot({ machine: presetMachine('biglittle'), policy: EAS, tasks: { a: { program } } });
    run.to(100);
    assert.equal(k.overutilized, false);
    run.to(250);
    assert.equal(k.overutilized, true);
  });

  test('only a pass over all of the machine that finds no such CPU takes that back', () => {
    const m = still(presetMachine('biglittle'));
    new EnergyPlacement().started();
    const after = (sd: string, util: number) => {
      m.cpu(2, { util });
      m.busiestGroup(m.domain(5, sd));
      return k.overutilized;
    };
    assert.deepEqual([after('DIE', 356), after('DIE', 357)], [false, true]);
    assert.deepEqual([after('MC', 0), after('DIE', 0)], [true, false]);
  });

  test('while it is over-utilised, wakeups are placed as without energy', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(0.2), SLEEP(2), { op: 'end' }] as const;
    const kinds = { hog: {}, nap: { program: nap } };
    simulate({ machine: presetMachine('biglittle'), policy: EAS, tasks: kinds, untilMs: 400 });
    const counters = new Map(k.hooks.counters());
    assert.ok(counters.get('eas.overutilized')! > 50);
    assert.ok(counters.get('eas.placements')! < 50);
  });

  test('looking at the CPUs is charged to the waker', () => {
    const nap = [{ op: 'loop', count: 0 }, RUN(0.2), SLEEP(2), { op: 'end' }] as const;
    const policy = `${EAS},costs=milan`;
    simulate({ machine: presetMachine('biglittle'), policy, tasks: { nap: { program: nap } } });
    const counters = new Map(k.hooks.counters());
    const each = (counters.get('eas.search_ms')! * 1e6) / counters.get('eas.placements')!;
    // Eight CPUs, half of them in the other LLC.
    assert.ok(each > 4 * k.costs.scanLlcNs && each <= 8 * k.costs.scanFarNs, `${each} ns`);
  });
});

describe('utilisation clamps', () => {
  test('a task content with little goes there however busy it is; one that asks for much does not stay', () => {
    const m = still(THREE, { small: { utilMax: 100 }, large: { utilMin: 600 }, plain: {} });
    const energy = new EnergyPlacement();
    energy.started();
    k.thisCpu = 0;
    const to = (name: string, util: number, prev: number) => {
      const p = m.slot(name);
      tasks.cpu[p] = prev;
      avg.utilAvg[AVG_SE + p] = util;
      for (const row of [se.cfsRq[p]!, AVG_SE + p]) avg.setLastUpdate(row, 200 * MS);
      se.utilEstEwma[p] = 0;
      return energy.find(p, prev);
    };
    assert.equal(to('small', 900, 3), 0);
    assert.equal(to('plain', 900, 3), 3);
    assert.equal(to('large', 20, 0), 3, '600 of 700 leave less than a fifth');
    assert.equal(to('plain', 20, 0), 0);
  });

  test('a CPU whose tasks are all content is not over-utilised', () => {
    const run = boot({
      machine: presetMachine('biglittle'),
      policy: EAS,
      tasks: { a: { utilMax: 100 }, b: { utilMax: 1024, program: [SLEEP(300), { op: 'hog' }] } },
    });
    run.to(250);
    assert.equal(k.overutilized, false);
    run.to(600);
    assert.equal(k.overutilized, true);
  });

  test('are inherited, and set by a program', () => {
    const child = { name: 'child', program: [{ op: 'hog' }] } as const;
    const run = boot({
      workload: (w) => {
        const kind = w.kind(child);
        w.main([{ op: 'setClamps', min: 50, max: 300 }, { op: 'fork', kind, count: 1 }, { op: 'hog' }]);
      },
    }).to(20);
    const c = run.slot('child');
    assert.deepEqual([tasks.utilMin[c], tasks.utilMax[c]], [50, 300]);
  });
});
