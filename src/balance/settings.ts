/**
 * What `name=value` can set in a policy besides parts and features: tunables with the kernel's names where it has one, how
 * the machine behaves, what things cost, and the tunables of mechanisms (`steal.density=3`).
 */
import { UserError } from '../base/errors.ts';
import { costProfile, listCostProfiles } from '../machine/cost-profile.ts';
import type { Environment, FairClass, Tunables } from '../sched/config.ts';
import {
  GROUP_METRICS,
  IDLE_CORES,
  IDLE_TRACKINGS,
  type Mechanisms,
  NEWIDLE_GATES,
  PULL_VARIANTS,
  PUSH_CLAIMS,
  PUSH_EXECUTORS,
  PUSH_PREDICATES,
  PUSH_SEARCHES,
  PUSH_TRIGGERS,
  SHARED_RUNQ_INDEXES,
  STEAL_SCOPES,
  STEAL_STARTS,
  WAKEUP_SCOPES,
} from './mechanisms.ts';
import type { Policy } from './policy.ts';

export type SettingKind = 'ns' | 'int' | 'bool' | 'word';

/** What a value can be. */
export interface ValueSpec {
  readonly kind: SettingKind;
  readonly about: string;
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
}

export interface Setting extends ValueSpec {
  /** Only this fair class knows it. */
  readonly fair?: FairClass;
  readonly get: (p: Policy) => number | boolean | string;
  readonly set: (p: Policy, value: number | boolean | string) => Policy;
}

const HOUR_NS = 3_600_000_000_000;

function tunable(key: keyof Tunables, kind: SettingKind, about: string, min = 0, max = HOUR_NS): Setting {
  return {
    kind,
    about,
    min,
    max,
    get: (p) => p.tunables[key],
    set: (p, value) => ({ ...p, tunables: { ...p.tunables, [key]: value } }),
  };
}

function environment(key: keyof Environment, kind: SettingKind, about: string, values?: readonly string[]): Setting {
  return {
    kind,
    about,
    ...(values === undefined ? {} : { values }),
    min: 0,
    max: HOUR_NS,
    get: (p) => p.environment[key],
    set: (p, value) => ({ ...p, environment: { ...p.environment, [key]: value } }),
  };
}

function mechanism<M extends keyof Mechanisms>(
  of: M,
  key: keyof Mechanisms[M] & string,
  kind: SettingKind,
  about: string,
  { values, min = 0, max = HOUR_NS }: { values?: readonly string[]; min?: number; max?: number } = {},
): Setting {
  return {
    kind,
    about,
    ...(values === undefined ? {} : { values }),
    min,
    max,
    get: (p) => p.mechanisms[of][key] as number | boolean | string,
    set: (p, value) => ({ ...p, mechanisms: { ...p.mechanisms, [of]: { ...p.mechanisms[of], [key]: value } } }),
  };
}

function ofClass(fair: FairClass, setting: Setting): Setting {
  return { ...setting, fair };
}

export const SETTINGS: Readonly<Record<string, Setting>> = {
  hz: tunable('hz', 'int', 'ticks a second', 24, 10_000),
  latency: ofClass('cfs', tunable('latencyNs', 'ns', 'sched_latency_ns before scaling by CPUs', 100_000)),
  min_granularity: ofClass(
    'cfs',
    tunable('minGranularityNs', 'ns', 'sched_min_granularity_ns before scaling', 100_000),
  ),
  wakeup_granularity: ofClass(
    'cfs',
    tunable('wakeupGranularityNs', 'ns', 'sched_wakeup_granularity_ns before scaling'),
  ),
  idle_min_granularity: ofClass(
    'cfs',
    tunable('idleMinGranularityNs', 'ns', 'slice floor of SCHED_IDLE tasks among others'),
  ),
  base_slice: ofClass('eevdf', tunable('baseSliceNs', 'ns', 'base_slice_ns before scaling by CPUs', 100_000)),
  slice_protection: ofClass('eevdf', {
    ...tunable('sliceProtection', 'word', 'RUN_TO_PARITY: up to the own deadline, or the shortest queued slice'),
    values: ['deadline', 'shortest'],
  }),
  tunable_scaling: tunable('tunableScaling', 'int', '0 none, 1 logarithmic, 2 linear in CPUs (up to 8)', 0, 2),
  migration_cost: tunable('migrationCostNs', 'ns', 'a task that ran this lately is cache hot; -1: all are', -1),
  sis_prop_fuzz: tunable('sisPropFuzz', 'int', 'SIS_PROP: 512 as up to 5.11; 0 as in 6.1', 0, 1 << 20),
  nr_migrate: tunable('nrMigrate', 'int', 'tasks a balance pass looks at', 1, 1024),
  sibling_imbalance: {
    ...tunable('siblingImbalance', 'word', 'between prefer-sibling groups: running tasks, or those for each core'),
    values: ['tasks', 'cores'],
  },
  child_runs_first: ofClass('cfs', tunable('childRunsFirst', 'bool', 'a forked child preempts its parent')),
  energy_aware: tunable('energyAware', 'bool', 'wakeups are placed by energy, on machines with an energy model'),
  cfs_bandwidth_slice: tunable('cfsBandwidthSliceNs', 'ns', 'runtime a CPU takes from its group at a time', 1000),
  rt_runtime: tunable('rtRuntimeNs', 'ns', 'real-time tasks may run this long each rt_period; -1: no limit', -1),
  rt_period: tunable('rtPeriodNs', 'ns', 'period of rt_runtime', 1_000_000),
  rr_timeslice: {
    ...tunable('rrTimesliceMs', 'int', 'slice of SCHED_RR tasks, ms', 1, 10_000),
  },
  'server.runtime': tunable(
    'serverRuntimeNs',
    'ns',
    'fair tasks may run this long each server.period; 0: no fair server',
  ),
  'server.period': tunable('serverPeriodNs', 'ns', 'period of server.runtime', 1_000_000),
  'server.defer': tunable('serverDefer', 'bool', 'the fair server preempts real-time tasks no earlier than it has to'),
  idle_governor: environment('idleGovernor', 'word', 'chooses idle states and stops the tick', ['none', 'menu']),
  tick_phase: environment('tickPhase', 'word', 'ticks of all CPUs at one instant, or spread', ['aligned', 'skewed']),
  tick_offset: environment('tickOffsetNs', 'ns', 'time since the last tick when the simulation starts'),
  start_state: environment(
    'startState',
    'word',
    'phases of ticks and domains: as after boot, any, or as the record of `fidelity` tells',
    ['booted', 'random', 'recorded'],
  ),
  rcu_grace: environment('rcuGraceNs', 'ns', 'idle CPUs keep their tick this long after a fork or exit'),
  wakee_flips: environment('wakeeFlips', 'int', 'wakee_flips of the main task at the start, which children inherit'),
  turn_slice: environment('turnSliceNs', 'ns', 'timer of the emulator that costs=kernel-lab is about: ends turns'),
  spin_turn: environment('spinTurnNs', 'ns', 'there: the turn of a task that waits for the clock to advance'),
  timer_slack: environment('timerSlackNs', 'ns', 'how late a sleeper’s timer may be, to share an interrupt'),
  boot_cpu: environment('bootCpu', 'int', 'CPU on which the main task starts'),
  schedstats: environment('schedstats', 'bool', 'what /proc/schedstat and /proc/PID/sched count only if told to'),
  schedstat_version: {
    ...environment('schedstatVersion', 'int', 'layout of /proc/schedstat'),
    min: 15,
    max: 17,
  },
  'newidle.gate': mechanism('newidle', 'gate', 'word', 'avg_idle below what ends newidle balance before it begins', {
    values: NEWIDLE_GATES,
  }),
  'newidle.cost_bump': mechanism('newidle', 'costBump', 'bool', 'a failed attempt raises the domain’s cost by half'),
  'newidle.pull': mechanism('newidle', 'pull', 'word', 'newidle=pull_one: as meant, or as posted', {
    values: PULL_VARIANTS,
  }),
  'steal.density': mechanism('steal', 'density', 'int', '2^density CPUs share a line of the mask', { max: 6 }),
  'steal.scope': mechanism('steal', 'scope', 'word', 'how far a CPU goes to steal', { values: STEAL_SCOPES }),
  'steal.start': mechanism('steal', 'start', 'word', 'where the walk of the mask begins', { values: STEAL_STARTS }),
  'steal.smt_first': mechanism('steal', 'smtFirst', 'bool', 'look at the CPU’s SMT siblings first'),
  'steal.min_avg_idle': mechanism('steal', 'minAvgIdleNs', 'ns', 'no attempt when the CPU expects to idle less'),
  'steal.node_limit': mechanism('steal', 'nodeLimit', 'int', 'no stealing on machines of more nodes', { max: 1024 }),
  'steal.rt': mechanism('steal', 'rt', 'bool', 'also steal real-time tasks that wait'),
  'shared_runq.shard_size': mechanism('sharedRunq', 'shardSize', 'int', 'CPUs that share a list', {
    min: 1,
    max: 8192,
  }),
  'shared_runq.head_only': mechanism('sharedRunq', 'headOnly', 'bool', 'only the head of a list may be taken'),
  'shared_runq.index': mechanism('sharedRunq', 'index', 'word', 'listed when in the tree, or only when enqueued', {
    values: SHARED_RUNQ_INDEXES,
  }),
  'shared_runq.skip_llc': mechanism('sharedRunq', 'skipLlc', 'bool', 'the search that follows begins above the LLC'),
  'shared_runq.gated': mechanism('sharedRunq', 'gated', 'bool', 'no pull either when avg_idle is too short to search'),
  'push.executor': mechanism('push', 'executor', 'word', 'who moves a pushed task', { values: PUSH_EXECUTORS }),
  'push.trigger': mechanism('push', 'trigger', 'word', 'when a busy CPU looks for a place', { values: PUSH_TRIGGERS }),
  'push.claim': mechanism('push', 'claim', 'word', 'keeps others from the same target', { values: PUSH_CLAIMS }),
  'push.predicate': mechanism(
    'push',
    'predicate',
    'word',
    'which waiting tasks are pushed; eas, misfit: running ones too',
    {
      values: PUSH_PREDICATES,
    },
  ),
  'push.search': mechanism('push', 'search', 'word', 'where an idle CPU is looked for', { values: PUSH_SEARCHES }),
  'push.scan_max': mechanism('push', 'scanMax', 'int', 'CPUs looked at in an LLC; 0: as for wakeups', { max: 8192 }),
  'push.numa_wait': mechanism('push', 'numaWaitNs', 'ns', 'no push to other nodes before a task waited so long'),
  'push.min_wait': mechanism('push', 'minWaitNs', 'ns', 'push.trigger=tick: no push before a task waited so long'),
  'idle.tracking': mechanism(
    'idle',
    'tracking',
    'word',
    'masks of idle CPUs: whom a push sees; nohz_llc: of nohz balance too',
    { values: IDLE_TRACKINGS },
  ),
  'idle.cores': mechanism('idle', 'cores', 'word', 'how a push knows of idle cores', { values: IDLE_CORES }),
  'fault.group_metric': mechanism('fault', 'groupMetric', 'word', 'groups are compared by this load, as before 5.5', {
    values: GROUP_METRICS,
  }),
  'fault.groups_from_cpu0': mechanism('fault', 'groupsFromCpu0', 'bool', 'groups of nodes are as CPU 0 sees them'),
  'fault.wakeup_scope': mechanism('fault', 'wakeupScope', 'word', 'where a wakeup looks for an idle CPU', {
    values: WAKEUP_SCOPES,
  }),
  'fault.drop_numa_domains_on_hotplug': mechanism(
    'fault',
    'dropNumaDomainsOnHotplug',
    'bool',
    'a CPU was offline before the run, and domains across nodes are gone since',
  ),
  costs: {
    kind: 'word',
    about: 'cost profile: what things cost on the machine',
    values: listCostProfiles().map(({ name }) => name),
    get: (p) => p.costs.name,
    set: (p, value) => {
      if (p.costs !== costProfile(p.costs.name)) {
        throw new UserError('policy', `"costs=${value}" would undo the costs set before it`, {}, 'say costs=... first');
      }
      return { ...p, costs: costProfile(String(value)) };
    },
  },
};

export function parseSetting(name: string, setting: ValueSpec, value: string): number | boolean | string {
  if (setting.kind === 'bool') return parseBool(name, value);
  if (setting.kind === 'word') {
    if (setting.values !== undefined && !setting.values.includes(value)) {
      throw new UserError('policy', `"${name}" cannot be "${value}"`, {}, `known: ${setting.values.join(', ')}`);
    }
    return value;
  }
  const number = setting.kind === 'ns' ? parseTime(value) : /^-?\d+$/.test(value) ? Number(value) : undefined;
  if (number === undefined) {
    const hint = setting.kind === 'ns' ? 'a time is a number with ns, us, ms or s, such as 500us' : 'a whole number';
    throw new UserError('policy', `"${name}" cannot be "${value}"`, {}, hint);
  }
  const { min = 0, max = HOUR_NS } = setting;
  if (number < min || number > max) {
    throw new UserError('policy', `"${name}" cannot be "${value}"`, {}, `it must be within ${min}..${max}`);
  }
  return number;
}

export function parseBool(name: string, value: string): boolean {
  if (['on', 'yes', 'true', '1'].includes(value)) return true;
  if (['off', 'no', 'false', '0'].includes(value)) return false;
  throw new UserError('policy', `"${name}" cannot be "${value}"`, {}, 'use on or off');
}

const UNITS: Record<string, number> = { ns: 1, us: 1000, ms: 1_000_000, s: 1_000_000_000 };

/** A time with its unit, ns; a bare number is ns. Undefined if it is not one. */
export function parseTime(text: string): number | undefined {
  const m = /^(-?\d+(?:\.\d+)?)\s*(ns|us|ms|s)?$/.exec(text.trim());
  if (m === null) return undefined;
  const ns = Number(m[1]) * (UNITS[m[2] ?? 'ns'] ?? 1);
  return Number.isSafeInteger(Math.round(ns)) ? Math.round(ns) : undefined;
}

export function settingText(setting: Setting, policy: Policy): string {
  return valueText(setting.kind, setting.get(policy));
}

export function valueText(kind: SettingKind, value: number | boolean | string): string {
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return kind === 'ns' && typeof value === 'number' && value > 0 ? timeText(value) : String(value);
}

/** As `parseTime` reads it, in the largest unit that divides it. */
function timeText(ns: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, unitNs]) => ns % unitNs === 0)!;
  return `${ns / size}${unit}`;
}
