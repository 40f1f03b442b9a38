/**
 * Random machines, workloads and policies for simulations: small, but with everything in them. Programs may wait for ever;
 * they never compute for ever without using time, which is an error of its own.
 */
import fc from 'fast-check';
import { buildTopology, type CpuDescription, type Topology } from '../../src/machine/topology.ts';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import {
  type Duration,
  fixed,
  type Instruction,
  ref,
  type SchedPolicy,
  type Workload,
} from '../../src/workload/program.ts';

export const anyMachine: fc.Arbitrary<Topology> = fc
  .record({
    nodes: fc.constantFrom(1, 1, 1, 2, 3),
    llcs: fc.constantFrom(1, 1, 2),
    cores: fc.integer({ min: 1, max: 4 }),
    threads: fc.constantFrom(1, 1, 2),
    capacities: fc.constantFrom([1024], [1024], [512, 1024], [400, 800, 1024]),
    offline: fc.constantFrom(0, 0, 0, 1, 2),
    priorities: fc.boolean(),
  })
  .map(({ nodes, llcs, cores, threads, capacities, offline, priorities }) => {
    const nrCores = nodes * llcs * cores;
    const cpus = Array.from({ length: nrCores * threads }, (_, i): CpuDescription => {
      const core = i % nrCores;
      const llc = Math.floor(core / cores);
      const node = Math.floor(llc / llcs);
      return {
        core,
        llc,
        node,
        package: node,
        capacity:
          Math.max(...capacities) === capacities[core % capacities.length]
            ? 1024
            : capacities[core % capacities.length]!,
        priority: priorities ? core % 3 : 0,
        online: i === 0 || i % 5 !== offline,
      };
    });
    // Where CPUs differ, an energy model: bigger ones take more for the same work.
    const kinds = [...new Set(cpus.map(({ capacity }) => capacity ?? 1024))];
    const perfDomains = kinds.map((capacity) => ({
      cpus: cpus.flatMap((cpu, i) => (cpu.capacity === capacity ? [i] : [])),
      states: [1, 2, 4].map((step) => ({ frequencyKhz: step * 1000, power: step * step * capacity })),
    }));
    return buildTopology({ name: 'random', cpus, ...(kinds.length > 1 ? { perfDomains } : {}) });
  });

const duration: fc.Arbitrary<Duration> = fc.oneof(
  fc.integer({ min: 1, max: 3_000_000 }).map(fixed),
  fc
    .integer({ min: 0, max: 500_000 })
    .map((minNs): Duration => ({ kind: 'uniform', minNs, maxNs: minNs + 2_000_000, stepNs: 1000 })),
  fc.integer({ min: 1000, max: 1_000_000 }).map((meanNs): Duration => ({ kind: 'exponential', meanNs })),
);

/** Objects that programs of one workload share: so many of each. */
const SHARED = 2;
const KINDS = 3;
const GROUPS = 2;

const cpuLists = fc.constantFrom(null, null, [0], [0, 1], [1, 2, 3]);
const policies = fc.constantFrom<SchedPolicy>('other', 'other', 'other', 'batch', 'idle', 'fifo', 'rr');
const shared = fc.nat({ max: SHARED - 1 }).map((id) => ref(id));
const priorityOf = (policy: SchedPolicy, priority: number) => (policy === 'fifo' || policy === 'rr' ? priority : 0);

/** One step of a program, as the instructions it takes. */
const step: fc.Arbitrary<readonly Instruction[]> = fc.oneof(
  { weight: 6, arbitrary: duration.map((work): Instruction[] => [{ op: 'run', work }]) },
  {
    weight: 5,
    arbitrary: fc
      .record({ time: duration, disk: fc.boolean() })
      .map(({ time, disk }): Instruction[] => [
        disk ? { op: 'sleep', time, state: 'D', io: true } : { op: 'sleep', time, state: 'S' },
      ]),
  },
  fc
    .record({ semaphore: shared, count: fc.integer({ min: 1, max: 3 }), sync: fc.boolean() })
    .map(({ semaphore, count, sync }) => [{ op: 'wake' as const, semaphore, count, sync }]),
  shared.map((semaphore): Instruction[] => [{ op: 'wait', semaphore }]),
  shared.map((semaphore): Instruction[] => [{ op: 'spinWait', semaphore }]),
  fc
    .record({ channel: shared, work: duration })
    .map(({ channel, work }): Instruction[] => [{ op: 'send', channel, work }]),
  fc
    .record({ channel: shared, work: duration })
    .map(({ channel, work }): Instruction[] => [{ op: 'receive', channel, work }]),
  fc.record({ mutex: shared, work: duration }).map(({ mutex, work }): Instruction[] => [
    { op: 'lock', mutex },
    { op: 'run', work },
    { op: 'unlock', mutex },
  ]),
  fc.record({ condition: shared, mutex: shared }).map(({ condition, mutex }): Instruction[] => [
    { op: 'lock', mutex },
    { op: 'condWait', condition, mutex },
    { op: 'unlock', mutex },
  ]),
  fc
    .record({ condition: shared, all: fc.boolean() })
    .map(({ condition, all }): Instruction[] => [all ? { op: 'broadcast', condition } : { op: 'signal', condition }]),
  fc
    .record({ barrier: shared, spin: fc.boolean() })
    .map(({ barrier, spin }): Instruction[] => [{ op: 'barrier', barrier, spin }]),
  shared.map((suspension): Instruction[] => [{ op: 'resume', suspension }]),
  shared.map((suspension): Instruction[] => [{ op: 'suspend', suspension }]),
  cpuLists.map((cpus): Instruction[] => [{ op: 'setAffinity', of: 'self', cpus }]),
  fc
    .record({ of: fc.integer({ min: 1, max: KINDS }), cpus: cpuLists })
    .map(({ of, cpus }): Instruction[] => [{ op: 'setAffinity', of, cpus }]),
  fc.integer({ min: -20, max: 19 }).map((nice): Instruction[] => [{ op: 'setNice', of: 'self', nice }]),
  fc
    .record({ policy: policies, priority: fc.integer({ min: 1, max: 99 }) })
    .map(({ policy, priority }): Instruction[] => [
      { op: 'setPolicy', policy, priority: priorityOf(policy, priority) },
    ]),
  fc
    .record({ min: fc.constantFrom(-1, 0, 300, 1024), max: fc.constantFrom(-1, 100, 1024) })
    .map(({ min, max }): Instruction[] => [{ op: 'setClamps', min, max }]),
  fc.integer({ min: -1, max: GROUPS - 1 }).map((group): Instruction[] => [{ op: 'setGroup', group }]),
  fc.constant<Instruction[]>([{ op: 'yield' }]),
  fc.constant<Instruction[]>([{ op: 'exec' }]),
  fc.constant<Instruction[]>([{ op: 'exit' }]),
);

/** A program that runs once or again and again, using time each time round. */
const program: fc.Arbitrary<readonly Instruction[]> = fc
  .record({ steps: fc.array(step, { minLength: 1, maxLength: 6 }), forEver: fc.boolean(), pause: duration })
  .map(({ steps, forEver, pause }): Instruction[] =>
    forEver
      ? [
          { op: 'loop', count: 0 },
          ...steps.flat(),
          { op: 'run', work: fixed(1000) },
          { op: 'sleep', time: pause, state: 'S' },
          { op: 'end' },
        ]
      : [...steps.flat()],
  );

export const anyWorkload: fc.Arbitrary<Workload> = fc
  .record({
    kinds: fc.array(
      fc.record({
        program,
        count: fc.integer({ min: 1, max: 5 }),
        nice: fc.constantFrom(0, 0, 0, -5, 10, 19),
        policy: policies,
        priority: fc.integer({ min: 1, max: 99 }),
        cpus: cpuLists,
        group: fc.integer({ min: -1, max: GROUPS - 1 }),
        pause: duration,
      }),
      { minLength: KINDS, maxLength: KINDS },
    ),
    groups: fc.array(
      fc.record({
        weight: fc.constantFrom(100, 1, 300, 10_000),
        idle: fc.constantFrom(false, false, true),
        quota: fc.constantFrom(null, null, 1_000_000, 7_000_000),
        nested: fc.boolean(),
      }),
      { minLength: GROUPS, maxLength: GROUPS },
    ),
  })
  .map(({ kinds, groups }) => {
    const w = new WorkloadBuilder('random');
    for (let i = 0; i < SHARED; i++) {
      w.semaphore(`s${i}`, i);
      w.channel(`c${i}`, 1 + i);
      w.mutex(`m${i}`);
      w.condition(`d${i}`);
      w.barrier(`b${i}`, 2 + i);
      w.suspension(`u${i}`);
    }
    groups.forEach(({ weight, idle, quota, nested }, i) => {
      w.group({
        path: nested && i > 0 ? '/g0/g1' : `/g${i}`,
        parent: nested && i > 0 ? 0 : -1,
        weight,
        idle,
        quotaNs: quota,
        periodNs: 10_000_000,
      });
    });
    const forks = kinds.flatMap(({ program, count, nice, policy, priority, cpus, group, pause }, i): Instruction[] => {
      const kind = w.kind({
        name: `k${i}`,
        comm: `k${i}-%d`,
        program,
        nice,
        policy,
        priority: priorityOf(policy, priority),
        cpus,
        group,
      });
      return [
        { op: 'fork', kind, count },
        { op: 'sleep', time: pause, state: 'S' },
      ];
    });
    w.main([...forks, { op: 'exit' }]);
    return w.build();
  });

const anySettings: fc.Arbitrary<readonly string[]> = fc.subarray(
  [
    'newidle=off',
    'periodic=off',
    'nohz=off',
    'active=off',
    'active=callback',
    'wakeup=stay',
    'fork=stay',
    'hz=1000',
    'costs=milan',
    'idle_governor=menu',
    'tick_phase=skewed',
    'start_state=random',
    'migration_cost=0',
    'nr_migrate=2',
    'rt_runtime=2ms',
    'rt_period=5ms',
    'NO_NI_RANDOM',
    'NO_TTWU_QUEUE',
    'NEXT_BUDDY',
    'NO_SIS_UTIL',
    'steal=on',
    'steal=on,steal.scope=machine,steal.density=0,steal.start=random,steal.min_avg_idle=0',
    'steal=on,steal.scope=node,steal.start=last,steal.rt=on,steal.node_limit=100',
    'newidle.gate=migration_cost',
    'shared_runq=on',
    'shared_runq=on,shared_runq.shard_size=1,shared_runq.head_only=off,shared_runq.skip_llc=off',
    'shared_runq=on,shared_runq.index=enqueue,shared_runq.gated=on',
    'newidle.gate=none,newidle.cost_bump=on',
    'NI_RATE',
    'push=on',
    'newidle=pull_one',
    'newidle=steal',
    'newidle=off_below_numa',
    'push=on,push.executor=callback_double,push.search=flat,push.trigger=enqueue,idle.tracking=all_llc',
    'push=on,push.trigger=tick,push.min_wait=1ms,push.claim=token,idle.tracking=all_sharded',
    'push=on,push.trigger=preempt,push.claim=pending,push.numa_wait=0,push.scan_max=2',
    'push=on,push.claim=cursor,idle.tracking=all_llc_lazy,push.scan_max=100',
    'push=on,push.predicate=eas,push.claim=clear_bit,push.scan_max=100',
    'SIS_PROP',
  ],
  { maxLength: 5 },
);

/** Settings that only one fair class knows. */
const CFS_SETTINGS = ['child_runs_first=on', 'NO_GENTLE_FAIR_SLEEPERS'];
const EEVDF_SETTINGS = [
  'NO_DELAY_DEQUEUE',
  'NO_DELAY_ZERO',
  'NO_RUN_TO_PARITY',
  'NO_PLACE_LAG',
  'NO_PLACE_REL_DEADLINE',
  'NO_PREEMPT_SHORT',
  'slice_protection=shortest',
  'base_slice=200us',
];

/** A preset and settings added to it. */
export const anyPolicy: fc.Arbitrary<string> = fc
  .tuple(
    fc.constantFrom('linux-6.1', 'linux-6.1', 'linux-6.12', 'linux-6.12', 'linux-6.6'),
    anySettings,
    fc.subarray(CFS_SETTINGS, { maxLength: 1 }),
    fc.subarray(EEVDF_SETTINGS, { maxLength: 2 }),
  )
  .map(([preset, settings, cfs, eevdf]) => [preset, ...settings, ...(preset === 'linux-6.1' ? cfs : eevdf)].join(','));
