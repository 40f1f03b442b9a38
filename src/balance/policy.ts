/**
 * Policies by name: a preset, and what is to be different from it.
 *
 *   linux-6.1,newidle=off,migration_cost=1ms,NO_NI_RANDOM,costs=milan
 *
 * A policy is data: which mechanism makes each decision (`parts.ts`), tunables with the kernel's names, scheduler features,
 * how the machine behaves, and what things cost.
 */
import { didYouMean, UserError } from '../base/errors.ts';
import { type CostProfile, costProfile, listCostProfiles } from '../machine/cost-profile.ts';
import {
  DEFAULT_FEATURES,
  DEFAULT_TUNABLES,
  type Environment,
  type Features,
  initialJiffies,
  type KernelConfig,
  type Tunables,
} from '../sched/config.ts';
import type { BalanceHooks } from '../sched/hooks.ts';
import { MainlineBalance } from './mainline.ts';
import { MAINLINE_PARTS, PARTS, type PartName, type Parts } from './parts.ts';

export interface Policy {
  /** As it was asked for. */
  readonly name: string;
  readonly preset: string;
  readonly parts: Parts;
  readonly tunables: Readonly<Tunables>;
  readonly features: Readonly<Features>;
  readonly environment: Readonly<Environment>;
  readonly costs: CostProfile;
}

export interface Preset {
  readonly name: string;
  readonly about: string;
}

export const PRESETS: readonly Preset[] = [
  { name: 'linux-6.1', about: 'Linux 6.1.192: CFS, with randomised newidle balance (Debian 12)' },
];

const DEFAULT_ENVIRONMENT: Environment = {
  idleGovernor: 'none',
  tickPhase: 'aligned',
  tickOffsetNs: 0,
  startState: 'booted',
  rcuGraceNs: 0,
  timerSlackNs: 50_000,
  bootJiffies: 0,
  bootCpu: 0,
};

type SettingKind = 'ns' | 'int' | 'bool' | 'word';

interface Setting {
  readonly kind: SettingKind;
  readonly about: string;
  readonly values?: readonly string[];
  readonly min?: number;
  readonly max?: number;
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

/** Everything that `name=value` can set besides parts and features. Names are the kernel's where it has one. */
export const SETTINGS: Readonly<Record<string, Setting>> = {
  hz: tunable('hz', 'int', 'ticks a second', 24, 10_000),
  latency: tunable('latencyNs', 'ns', 'sched_latency_ns before scaling by CPUs', 100_000),
  min_granularity: tunable('minGranularityNs', 'ns', 'sched_min_granularity_ns before scaling', 100_000),
  wakeup_granularity: tunable('wakeupGranularityNs', 'ns', 'sched_wakeup_granularity_ns before scaling'),
  idle_min_granularity: tunable('idleMinGranularityNs', 'ns', 'slice floor of SCHED_IDLE tasks among others'),
  tunable_scaling: tunable('tunableScaling', 'int', '0 none, 1 logarithmic, 2 linear in CPUs (up to 8)', 0, 2),
  migration_cost: tunable('migrationCostNs', 'ns', 'a task that ran this lately is cache hot; -1: all are', -1),
  nr_migrate: tunable('nrMigrate', 'int', 'tasks a balance pass looks at', 1, 1024),
  child_runs_first: tunable('childRunsFirst', 'bool', 'a forked child preempts its parent'),
  cfs_bandwidth_slice: tunable('cfsBandwidthSliceNs', 'ns', 'runtime a CPU takes from its group at a time', 1000),
  rt_runtime: tunable('rtRuntimeNs', 'ns', 'real-time tasks may run this long each rt_period; -1: no limit', -1),
  rt_period: tunable('rtPeriodNs', 'ns', 'period of rt_runtime', 1_000_000),
  rr_timeslice: {
    ...tunable('rrTimesliceMs', 'int', 'slice of SCHED_RR tasks, ms', 1, 10_000),
  },
  idle_governor: environment('idleGovernor', 'word', 'chooses idle states and stops the tick', ['none', 'menu']),
  tick_phase: environment('tickPhase', 'word', 'ticks of all CPUs at one instant, or spread', ['aligned', 'skewed']),
  tick_offset: environment('tickOffsetNs', 'ns', 'time since the last tick when the simulation starts'),
  start_state: environment('startState', 'word', 'phases of ticks and domains: as after boot, or any', [
    'booted',
    'random',
  ]),
  rcu_grace: environment('rcuGraceNs', 'ns', 'idle CPUs keep their tick this long after a fork or exit'),
  timer_slack: environment('timerSlackNs', 'ns', 'how late a sleeper’s timer may be, to share an interrupt'),
  boot_cpu: environment('bootCpu', 'int', 'CPU on which the main task starts'),
  costs: {
    kind: 'word',
    about: 'cost profile: what things cost on the machine',
    values: listCostProfiles().map(({ name }) => name),
    get: (p) => p.costs.name,
    set: (p, value) => ({ ...p, costs: costProfile(String(value)) }),
  },
};

/** Parses `preset,name=value,...`. Throws `UserError` (code `policy`) naming what is unknown and what there is. */
export function parsePolicy(text: string): Policy {
  const [presetName = '', ...changes] = text.split(',').map((s) => s.trim());
  let policy: Policy = { ...preset(presetName), name: text };
  for (const change of changes) {
    if (change === '') continue;
    policy = applyChange(policy, change);
  }
  return policy;
}

function preset(name: string): Policy {
  if (!PRESETS.some((p) => p.name === name)) {
    const names = PRESETS.map((p) => p.name);
    throw new UserError('policy', `unknown policy "${name}"`, {}, didYouMean(name, names));
  }
  return {
    name,
    preset: name,
    parts: MAINLINE_PARTS,
    tunables: DEFAULT_TUNABLES,
    features: DEFAULT_FEATURES,
    environment: DEFAULT_ENVIRONMENT,
    costs: costProfile('none'),
  };
}

function applyChange(policy: Policy, change: string): Policy {
  const equals = change.indexOf('=');
  if (equals < 0) return applyFeature(policy, change);
  const name = change.slice(0, equals).trim();
  const value = change.slice(equals + 1).trim();
  if (name in PARTS) return applyPart(policy, name as PartName, value);
  const setting = SETTINGS[name];
  if (setting !== undefined) return setting.set(policy, parseSetting(name, setting, value));
  const feature = featureNamed(name);
  if (feature !== undefined) return withFeature(policy, feature, parseBool(name, value));
  const known = [...Object.keys(PARTS), ...Object.keys(SETTINGS), ...Object.keys(DEFAULT_FEATURES)];
  const hint = didYouMean(name, known) || '`steelyard policy show linux-6.1` lists all parts, tunables and features';
  throw new UserError('policy', `policy "${policy.name}" has no part, tunable or feature "${name}"`, {}, hint);
}

function applyPart(policy: Policy, name: PartName, value: string): Policy {
  const { values } = PARTS[name];
  if (!(values as readonly string[]).includes(value)) {
    throw new UserError('policy', `part "${name}" has no variant "${value}"`, {}, `known: ${values.join(', ')}`);
  }
  return { ...policy, parts: { ...policy.parts, [name]: value } };
}

/** The policy with features set or cleared (`NO_...`); its name stays. */
export function withFeatures(policy: Policy, words: readonly string[]): Policy {
  return words.reduce(applyFeature, policy);
}

/** `NI_RANDOM` or `NO_NI_RANDOM`, as written to the kernel's features file. */
function applyFeature(policy: Policy, word: string): Policy {
  const off = /^no_/i.test(word);
  const feature = featureNamed(off ? word.slice(3) : word);
  if (feature !== undefined) return withFeature(policy, feature, !off);
  throw new UserError(
    'policy',
    `policy "${policy.name}" has no feature "${word}"`,
    {},
    didYouMean(word, [...Object.keys(DEFAULT_FEATURES), ...Object.keys(PARTS).map((p) => `${p}=...`)]),
  );
}

function featureNamed(word: string): keyof Features | undefined {
  const upper = word.toUpperCase();
  return upper in DEFAULT_FEATURES ? (upper as keyof Features) : undefined;
}

function withFeature(policy: Policy, feature: keyof Features, on: boolean): Policy {
  return { ...policy, features: { ...policy.features, [feature]: on } };
}

function parseSetting(name: string, setting: Setting, value: string): number | boolean | string {
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

function parseBool(name: string, value: string): boolean {
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

/** One thing that a policy decides, for people to read. */
export interface PolicySetting {
  readonly section: 'part' | 'tunable' | 'feature';
  readonly name: string;
  readonly value: string;
  readonly about: string;
  /** What else it can be; empty: a number or a time. */
  readonly values: readonly string[];
  /** Is it other than the preset's? */
  readonly changed: boolean;
}

/** Everything that a policy decides, in the order of the tables. */
export function policySettings(policy: Policy): PolicySetting[] {
  const base = preset(policy.preset);
  const parts = Object.entries(PARTS).map(([name, { about, values }]): PolicySetting => {
    const value = policy.parts[name as PartName];
    return { section: 'part', name, value, about, values, changed: value !== base.parts[name as PartName] };
  });
  const tunables = Object.entries(SETTINGS).map(([name, setting]): PolicySetting => {
    const { about, values = [] } = setting;
    const value = settingText(setting, policy);
    return { section: 'tunable', name, value, about, values, changed: value !== settingText(setting, base) };
  });
  const features = (Object.keys(DEFAULT_FEATURES) as (keyof Features)[]).map((name): PolicySetting => {
    const on = policy.features[name];
    return {
      section: 'feature',
      name,
      value: on ? 'on' : 'off',
      about: '',
      values: [],
      changed: on !== base.features[name],
    };
  });
  return [...parts, ...tunables, ...features];
}

function settingText(setting: Setting, policy: Policy): string {
  const value = setting.get(policy);
  if (typeof value === 'boolean') return value ? 'on' : 'off';
  return setting.kind === 'ns' && typeof value === 'number' && value > 0 ? timeText(value) : String(value);
}

/** As `parseTime` reads it, in the largest unit that divides it. */
function timeText(ns: number): string {
  const [unit, size] = Object.entries(UNITS).findLast(([, unitNs]) => ns % unitNs === 0)!;
  return `${ns / size}${unit}`;
}

/** What the simulated scheduler is built from. */
export function kernelConfig(policy: Policy, seed: number): KernelConfig {
  const bootJiffies = policy.environment.bootJiffies || initialJiffies(policy.tunables.hz) + 30 * policy.tunables.hz;
  return {
    features: policy.features,
    tunables: policy.tunables,
    environment: { ...policy.environment, bootJiffies },
    costs: policy.costs,
    seed,
  };
}

/** The mechanisms of a policy, ready for a machine of `nrCpus`. */
export function policyHooks(policy: Policy, nrCpus: number): BalanceHooks {
  return new MainlineBalance(policy.parts, nrCpus);
}
