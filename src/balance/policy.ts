/**
 * Policies by name: a preset, and what is to be different from it.
 *
 *   linux-6.1,newidle=off,migration_cost=1ms,NO_NI_RANDOM,costs=milan,cost.line_llc=46ns
 *
 * A policy is data: which mechanism makes each decision (`parts.ts`), tunables with the kernel's names, scheduler features,
 * how the machine behaves, and what things cost.
 */
import { didYouMean, UserError } from '../base/errors.ts';
import { costParameters, costText, withCost } from '../machine/cost-parameters.ts';
import { type CostProfile, costProfile } from '../machine/cost-profile.ts';
import type { BuildOptions } from '../sched/build-domains.ts';
import {
  DEFAULT_FEATURES,
  DEFAULT_TUNABLES,
  type Environment,
  type FairClass,
  FEATURES_OF,
  type Features,
  initialJiffies,
  type KernelConfig,
  type Tunables,
} from '../sched/config.ts';
import type { BalanceHooks } from '../sched/hooks.ts';
import { MainlineBalance } from './mainline.ts';
import { DEFAULT_MECHANISMS, type Mechanisms } from './mechanisms.ts';
import { MAINLINE_PARTS, PARTS, type PartName, type Parts } from './parts.ts';
import { PRESETS } from './presets.ts';
import { parseBool, parseSetting, SETTINGS, settingText, valueText } from './settings.ts';
import type { Tunables as OwnTunables, TunableValue } from './user/define-policy.ts';
import { ownSetting } from './user/own-tunables.ts';

export interface Policy {
  /** As it was asked for. */
  readonly name: string;
  readonly preset: string;
  readonly parts: Parts;
  readonly tunables: Readonly<Tunables>;
  readonly features: Readonly<Features>;
  readonly environment: Readonly<Environment>;
  readonly mechanisms: Mechanisms;
  readonly costs: CostProfile;
  /** The hooks of a policy file come before all of this; null: there is none. */
  readonly file: PolicyFile | null;
}

/** A policy file, ready to be evaluated; can be sent to a worker. */
export interface PolicyFile {
  /** As it was asked for. */
  readonly path: string;
  /** Of its definition. */
  readonly name: string;
  readonly about: string;
  /** JavaScript, a line for each line of the file; see `policy-source.ts`. */
  readonly code: string;
  /** Of the bytes of the file, hex. */
  readonly sha256: string;
  readonly tunables: OwnTunables;
  readonly values: Readonly<Record<string, TunableValue>>;
}

const DEFAULT_ENVIRONMENT: Environment = {
  idleGovernor: 'none',
  tickPhase: 'aligned',
  tickOffsetNs: 0,
  startState: 'booted',
  rcuGraceNs: 0,
  wakeeFlips: 0,
  turnSliceNs: 20_000,
  spinTurnNs: 1880,
  timerSlackNs: 50_000,
  bootJiffies: 0,
  bootCpu: 0,
  schedstats: true,
  schedstatVersion: 15,
};

/** Parses `preset,name=value,...`. Throws `UserError` (code `policy`) naming what is unknown and what there is. */
export function parsePolicy(text: string): Policy {
  const [presetName = '', ...changes] = text.split(',').map((s) => s.trim());
  let policy: Policy = { ...preset(presetName), name: text };
  for (const change of changes) {
    if (change === '') continue;
    policy = changePolicy(policy, change);
  }
  return policy;
}

function preset(name: string): Policy {
  const found = PRESETS.find((p) => p.name === name);
  if (found === undefined) {
    const names = PRESETS.map((p) => p.name);
    throw new UserError('policy', `unknown policy "${name}"`, {}, didYouMean(name, names));
  }
  if (found.from !== null) {
    return { ...found.changes.reduce(changePolicy, preset(found.from)), name, preset: name };
  }
  return {
    name,
    preset: name,
    parts: MAINLINE_PARTS,
    tunables: DEFAULT_TUNABLES,
    features: DEFAULT_FEATURES,
    environment: DEFAULT_ENVIRONMENT,
    mechanisms: DEFAULT_MECHANISMS,
    costs: costProfile('none'),
    file: null,
  };
}

/** The policy with `name=value`, `FEATURE` or `NO_FEATURE`; its name stays. Throws `UserError` (code `policy`). */
export function changePolicy(policy: Policy, change: string): Policy {
  const own = policy.file?.tunables ?? {};
  const equals = change.indexOf('=');
  if (equals < 0) return applyFeature(policy, change);
  const name = change.slice(0, equals).trim();
  const value = change.slice(equals + 1).trim();
  if (Object.hasOwn(own, name)) return withOwnTunable(policy, name, value);
  if (name in PARTS) return applyPart(policy, name as PartName, value);
  if (name.startsWith('cost.')) return { ...policy, costs: withCost(policy.costs, name.slice(5), value) };
  const setting = SETTINGS[name];
  if (setting !== undefined) {
    if (setting.fair !== undefined && setting.fair !== policy.parts.fair)
      throw ofOtherClass(policy, name, setting.fair);
    return setting.set(policy, parseSetting(name, setting, value));
  }
  const feature = featureNamed(name);
  if (feature !== undefined) return withFeature(policy, feature, parseBool(name, value));
  const costs = costParameters(policy.costs).map((p) => `cost.${p.name}`);
  const known = [
    ...Object.keys(own),
    ...Object.keys(PARTS),
    ...Object.keys(SETTINGS),
    ...Object.keys(DEFAULT_FEATURES),
    ...costs,
  ];
  const hint = didYouMean(name, known) || '`steelyard policy show linux-6.1` lists all parts, tunables and features';
  throw new UserError('policy', `policy "${policy.name}" has no part, tunable or feature "${name}"`, {}, hint);
}

/** Is this the name of a part, tunable or feature that every policy has? */
export function takesSetting(name: string): boolean {
  return name in PARTS || name in SETTINGS || featureNamed(name) !== undefined;
}

function withOwnTunable(policy: Policy, name: string, value: string): Policy {
  const file = policy.file!;
  const values = { ...file.values, [name]: parseSetting(name, ownSetting(file.tunables[name]!), value) };
  return { ...policy, file: { ...file, values } };
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

/** Something that the policy's fair class knows nothing of. */
function ofOtherClass(policy: Policy, name: string, of: FairClass): UserError {
  const what = `"${name}" is of ${of}, and the fair class of policy "${policy.name}" is ${policy.parts.fair}`;
  return new UserError('policy', what, {}, `fair=${of} before it changes the class`);
}

/** The fair class that a feature belongs to, if it is only one. */
function classOf(feature: keyof Features): FairClass | undefined {
  return (Object.keys(FEATURES_OF) as FairClass[]).find((fair) => FEATURES_OF[fair].includes(feature));
}

function withFeature(policy: Policy, feature: keyof Features, on: boolean): Policy {
  const of = classOf(feature);
  if (of !== undefined && of !== policy.parts.fair) throw ofOtherClass(policy, feature, of);
  return { ...policy, features: { ...policy.features, [feature]: on } };
}

/** One thing that a policy decides, for people to read. */
export interface PolicySetting {
  readonly section: 'own' | 'part' | 'tunable' | 'feature' | 'cost';
  readonly name: string;
  readonly value: string;
  readonly about: string;
  /** What else it can be; empty: a number or a time. */
  readonly values: readonly string[];
  /** Is it other than the preset's; of a cost, other than the profile's? */
  readonly changed: boolean;
}

/** Everything that a policy decides, in the order of the tables. */
export function policySettings(policy: Policy): PolicySetting[] {
  return settingsBeside(policy, preset(policy.preset));
}

/** What a preset has that `linux-6.1` has not, and what it has otherwise, as `policySettings` lists it. */
export function presetDifferences(name: string): PolicySetting[] {
  return settingsBeside(preset(name), preset(PRESETS[0]!.name)).filter(({ changed }) => changed);
}

/** Settings of the policy's own fair class; `changed` is what `base` has otherwise, or not at all. */
function settingsBeside(policy: Policy, base: Policy): PolicySetting[] {
  const { fair } = policy.parts;
  const isNew = (of: FairClass | undefined) => of !== undefined && of !== base.parts.fair;
  const isKnown = (of: FairClass | undefined) => of === undefined || of === fair;
  const parts = Object.entries(PARTS).map(([name, { about, values }]): PolicySetting => {
    const value = policy.parts[name as PartName];
    return { section: 'part', name, value, about, values, changed: value !== base.parts[name as PartName] };
  });
  const tunables = Object.entries(SETTINGS)
    .filter(([, setting]) => isKnown(setting.fair))
    .map(([name, setting]): PolicySetting => {
      const { about, values = [] } = setting;
      const value = settingText(setting, policy);
      const changed = isNew(setting.fair) || value !== settingText(setting, base);
      return { section: 'tunable', name, value, about, values, changed };
    });
  const features = (Object.keys(DEFAULT_FEATURES) as (keyof Features)[])
    .filter((name) => isKnown(classOf(name)))
    .map((name): PolicySetting => {
      const on = policy.features[name];
      const changed = isNew(classOf(name)) || on !== base.features[name];
      return { section: 'feature', name, value: on ? 'on' : 'off', about: '', values: [], changed };
    });
  const profile = costProfile(policy.costs.name);
  const costs = costParameters(policy.costs).map((parameter): PolicySetting => {
    const value = costText(parameter, policy.costs);
    const changed = value !== costText(parameter, profile);
    return { section: 'cost', name: `cost.${parameter.name}`, value, about: parameter.about, values: [], changed };
  });
  return [...ownSettings(policy), ...parts, ...tunables, ...features, ...costs];
}

/** Tunables of a policy file. */
function ownSettings({ file }: Policy): PolicySetting[] {
  if (file === null) return [];
  return Object.entries(file.tunables).map(([name, tunable]) => {
    const { kind, about, values } = ownSetting(tunable);
    const value = valueText(kind, file.values[name]!);
    return { section: 'own', name, value, about, values, changed: file.values[name] !== tunable.default };
  });
}

/** What the simulated scheduler is built from. */
export function kernelConfig(policy: Policy, seed: number): KernelConfig {
  const bootJiffies = policy.environment.bootJiffies || initialJiffies(policy.tunables.hz) + 30 * policy.tunables.hz;
  return {
    features: policy.features,
    tunables: policy.tunables,
    environment: { ...policy.environment, bootJiffies },
    fairClass: policy.parts.fair,
    costs: policy.costs,
    seed,
  };
}

/** What a policy does wrong when it builds domains. @spec 23 §3 */
export function domainFaults(policy: Policy): Pick<BuildOptions, 'groupsFromCpu0' | 'dropNuma'> {
  const { groupsFromCpu0, dropNumaDomainsOnHotplug } = policy.mechanisms.fault;
  return { groupsFromCpu0, dropNuma: dropNumaDomainsOnHotplug };
}

/** The mechanisms of a policy, ready for a machine of `nrCpus`. */
export function policyHooks(policy: Policy, nrCpus: number): BalanceHooks {
  return new MainlineBalance(policy, nrCpus);
}
