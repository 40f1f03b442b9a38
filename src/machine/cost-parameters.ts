/**
 * The numbers of a cost profile by name, for people: what each is, where it is from, how it is written. @spec 24 §9
 *
 *   line_llc 23ns · refill_l2 512kb · smt_factor 0.625 · cstate2_exit 3us
 *
 * Names are those of spec 24 §9, flat: `line_ns{llc}` is `line_llc`, `vm{halt_wake_ns}` is `halt_wake`. Sources are written
 * [V] for a value read where it was published, [D] for one derived from such, [U] for common knowledge.
 */
import { didYouMean, UserError } from '../base/errors.ts';
import type { CostProfile } from './cost-profile.ts';

type CostUnit = 'ns' | 'bytes' | 'factor' | 'switch';

export interface CostParameter {
  readonly name: string;
  readonly unit: CostUnit;
  readonly about: string;
  readonly source: string;
  /** The value: ns, bytes, a factor, 1 or 0. */
  readonly get: (costs: CostProfile) => number;
  readonly set: (costs: CostProfile, value: number) => CostProfile;
}

type NumberKey = { [K in keyof CostProfile]: CostProfile[K] extends number ? K : never }[keyof CostProfile];

function number(name: string, key: NumberKey, unit: CostUnit, about: string, source: string): CostParameter {
  return { name, unit, about, source, get: (c) => c[key], set: (c, value) => ({ ...c, [key]: value }) };
}

function time(name: string, key: NumberKey, about: string, source: string): CostParameter {
  return number(name, key, 'ns', about, source);
}

const CORE_TO_CORE = '§1: core-to-core-latency [V]; spr [U]';

const FIXED: readonly CostParameter[] = [
  time('line_smt', 'lineSmtNs', 'cache line from the SMT sibling', CORE_TO_CORE),
  time('line_llc', 'lineLlcNs', 'cache line from another core of the LLC', CORE_TO_CORE),
  time('line_xllc', 'lineNodeNs', 'cache line from another LLC of the node or package', CORE_TO_CORE),
  time('line_xsock', 'lineNumaNs', 'cache line from another socket', CORE_TO_CORE),
  time('atomic', 'atomicNs', 'locked operation on a line that is there', '§2: 6.2 ns uncontended [V]'),
  time('lock_hold_enq', 'lockEnqueueNs', 'a wakeup holds the runqueue’s lock', '§3: 0.3-0.8 us [U]'),
  time('lock_hold_pick', 'lockPickNs', 'schedule() holds the runqueue’s lock', '§3: 0.5-1.5 us [U]'),
  time('lock_hold_detach', 'lockDetachNs', 'balancing holds the source’s lock', '§3: 1-5 us [U]'),
  time('lock_hold_attach', 'lockAttachNs', 'balancing holds the destination’s lock', '§3, §7: as attach [U]'),
  time('wakeup', 'wakeupNs', 'a wakeup without its search', '§3: 0.3-0.8 us [U]'),
  time('pick', 'pickNs', 'choosing the next task', '§4: part of a switch inside schedule() [U]'),
  time('switch_samemm', 'switchSameMmNs', 'the switch after that, same address space', '§4: 0.9 us with pick [D]'),
  time('switch_diffmm', 'switchOtherMmNs', 'the switch after that, another address space', '§4: 1.5 us with pick [D]'),
  time('switch_idle', 'switchIdleNs', 'the switch after that, to or from idle', '§4: 0.6 us with pick [U]'),
  time('refill_lat_llc', 'latLlcNs', 'latency of the own LLC', '§5: 20-70 ns; 5 ns a line [D]'),
  time('refill_lat_mem', 'latMemNs', 'latency of memory, or of another LLC of the node', '§5: 25 ns a line [D]'),
  time('refill_lat_rem', 'latRemNs', 'latency of another node', '§5: 35 ns a line [D]'),
  number('refill_mlp', 'mlp', 'factor', 'cache misses under way at a time', '§5 [U]'),
  number('refill_l2', 'l2Bytes', 'bytes', 'size of the L2', 'makers’ data sheets [U]'),
  number('refill_llc', 'llcBytes', 'bytes', 'size of the LLC', 'makers’ data sheets [U]'),
  number('working_set', 'workingSetBytes', 'bytes', 'touched again and again by a task that does not say', 'ours [U]'),
  {
    name: 'smt_factor',
    unit: 'factor',
    about: 'speed while the SMT sibling is busy too',
    source: '§5: 0.6-0.65 [U]',
    get: (c) => c.smtShare / 1024,
    set: (c, value) => ({ ...c, smtShare: Math.round(value * 1024) }),
  },
  time('ipi_send', 'ipiSendNs', 'interrupting another CPU, for the sender', '§6: 1600-2000 cycles; KVM 2.2-2.5 us [V]'),
  time('ipi_deliver', 'ipiDeliverNs', 'until the interrupted CPU handles it', '§6: 0.5-1.0 us [U]'),
  time('poll_wake', 'pollWakeNs', 'until a CPU that watches a flag sees it, besides the line', '§6: 0.1 us [U]'),
  {
    name: 'idle_polls',
    unit: 'switch',
    about: 'idle CPUs watch a flag (mwait), so waking them needs no interrupt',
    source: '§6',
    get: (c) => (c.idlePolls ? 1 : 0),
    set: (c, value) => ({ ...c, idlePolls: value !== 0 }),
  },
  time(
    'halt_wake',
    'haltExitNs',
    'leaving idle without an idle governor',
    '§6: C1 1 us [V]; a halted vCPU 5-20 us [U]',
  ),
  time('halt_poll', 'haltPollNs', 'an idle vCPU is polled this long before it halts', '§6: KVM halt polling'),
  time('scan_llc', 'scanLlcNs', 'wakeup search: per CPU looked at in the own LLC', '§7: 8 unchanged, 60 changed [D]'),
  time('scan_far', 'scanFarNs', 'wakeup search: per CPU looked at elsewhere', '§7 [D]'),
  time('stat_llc', 'statLlcNs', 'balance pass: per CPU of the own LLC', '§7: 5-6 lines [D]'),
  time('stat_far', 'statFarNs', 'balance pass: per other CPU', '§7: 5-6 lines [D]'),
  time('stat_group_llc', 'statGroupLlcNs', 'balance pass: per group of a domain within an LLC', '§7 (its sums) [D]'),
  time('stat_group', 'statGroupNs', 'balance pass: per group of a domain above the LLC', '§7 [D]'),
  time('stat_domain', 'statDomainNs', 'balance pass', '§7 [D]'),
  time('stat_pass', 'statPassNs', 'emulated: balance pass of a CPU whose turn it is, besides', 'ours: recorded'),
  time('blocked', 'blockedNs', 'bringing the averages of one idle CPU up to date', '§7: 0.5-2 us [U]'),
  time('detach', 'detachNs', 'taking a task off a runqueue', '§7 [U]'),
  time('attach', 'attachNs', 'putting a task on a runqueue', '§7 [U]'),
  time('irq', 'irqNs', 'entry of an interrupt', '§6 [U]'),
  time('tick', 'tickNs', 'the tick', '§7 [U]'),
  time('softirq', 'softirqNs', 'raising and entering a softirq', '§7 [U]'),
  time('tick_stop', 'tickStopNs', 'stopping the tick of an idle CPU', '§6: 1-3 us with the start [U]'),
  time('tick_restart', 'tickRestartNs', 'starting it again', '§6: 1-3 us with the stop [U]'),
  time('fork', 'forkNs', 'fork, without the search for a CPU', 'ours [U]'),
  time('exit', 'exitNs', 'exit', 'ours [U]'),
  time('wake_call', 'wakeCallNs', 'a system call that wakes, before it does', '§4: rest of a pipe’s hop [D]'),
  time('sleep_call', 'sleepCallNs', 'a system call that sleeps, before it does', '§4: rest of a pipe’s hop [D]'),
  time('wake_first', 'wakeFirstNs', 'emulated: what a wakeup does before the task counts as woken', 'ours: recorded'),
  time('call_function', 'callNs', 'emulated: taking wakeups from the call queue', 'ours: recorded'),
  time('newidle', 'newidleNs', 'before going idle, apart from balance passes', 'ours: recorded'),
  time('pelt_probe', 'peltProbeNs', 'recording an update of an average, where that is recorded', 'ours: recorded'),
  number(
    'message_scale',
    'messageScale',
    'factor',
    'what workloads say of the kernel’s work on a message, times this',
    'ours',
  ),
];

function idleState(index: number, what: 'exitNs' | 'residencyNs'): CostParameter {
  const short = what === 'exitNs' ? 'exit' : 'residency';
  return {
    name: `cstate${index + 1}_${short}`,
    unit: 'ns',
    about:
      what === 'exitNs'
        ? `leaving idle state ${index + 1} of the governor’s`
        : `a stay that makes entering idle state ${index + 1} worth while`,
    source: '§6: intel_idle tables [V]',
    get: (c) => c.idleStates[index]?.[what] ?? 0,
    set: (c, value) => ({ ...c, idleStates: c.idleStates.map((s, i) => (i === index ? { ...s, [what]: value } : s)) }),
  };
}

/** The parameters of a profile, in the order of spec 24; how many idle states it has is the profile's. */
export function costParameters(costs: CostProfile): readonly CostParameter[] {
  const states = costs.idleStates.flatMap((_, i) => [idleState(i, 'exitNs'), idleState(i, 'residencyNs')]);
  return [...FIXED, ...states];
}

/** The profile with `name` set to what `text` says. Throws `UserError` (code `policy`). */
export function withCost(costs: CostProfile, name: string, text: string): CostProfile {
  const parameters = costParameters(costs);
  const parameter = parameters.find((p) => p.name === name);
  if (parameter === undefined) {
    const known = parameters.map((p) => p.name);
    const hint = didYouMean(name, known) || '`steelyard policy costs` lists them all';
    throw new UserError('policy', `cost profile "${costs.name}" has no parameter "${name}"`, {}, hint);
  }
  const value = parseValue(parameter.unit, text.trim());
  if (value === undefined || value > LIMITS[parameter.unit]) {
    throw new UserError('policy', `cost "${name}" cannot be "${text}"`, {}, GRAMMAR[parameter.unit]);
  }
  if (name === 'refill_mlp' && value === 0) throw new UserError('policy', 'cost "refill_mlp" cannot be 0');
  return parameter.set(costs, value);
}

/**
 * The profile with a parameter multiplied; itself if that changes nothing: switches, what is zero or missing, the misses under
 * way where there is no latency, and a thread that would be faster than its core.
 */
export function variedCosts(costs: CostProfile, name: string, factor: number): CostProfile {
  const parameter = costParameters(costs).find((p) => p.name === name);
  if (parameter === undefined || parameter.unit === 'switch') return costs;
  const value = parameter.get(costs);
  const exact = value * factor;
  const varied = parameter.unit === 'factor' ? exact : Math.round(exact);
  const applied = name === 'smt_factor' ? Math.min(1, varied) : varied;
  return applied === value || isNeutral(costs, name) ? costs : parameter.set(costs, applied);
}

/** Factors of profiles in which there is nothing for them to multiply. */
function isNeutral(costs: CostProfile, name: string): boolean {
  if (name === 'refill_mlp') return costs.latLlcNs + costs.latMemNs + costs.latRemNs === 0;
  if (name === 'smt_factor') return costs.smtShare === 1024;
  return name === 'message_scale' && costParameters(costs).every((p) => p.unit !== 'ns' || p.get(costs) === 0);
}

const TIME_UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1000, ms: 1_000_000, s: 1_000_000_000 };
const SIZE_UNITS: Readonly<Record<string, number>> = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };

/** The largest values taken: 1 s, 1 TB, 1000. */
const LIMITS: Readonly<Record<CostUnit, number>> = { ns: 1e9, bytes: 2 ** 40, factor: 1000, switch: 1 };

const GRAMMAR: Readonly<Record<CostUnit, string>> = {
  ns: 'a time is a number with ns, us or ms, such as 46ns, and at most 1s',
  bytes: 'a size is a number with kb or mb, such as 512kb',
  factor: 'a number such as 0.625',
  switch: 'use on or off',
};

function parseValue(unit: CostUnit, text: string): number | undefined {
  if (unit === 'switch') return text === 'on' ? 1 : text === 'off' ? 0 : undefined;
  const m = /^(\d+(?:\.\d+)?)([a-z]*)$/i.exec(text);
  if (m === null) return undefined;
  const suffix = m[2]!.toLowerCase();
  if (unit === 'factor') return suffix === '' ? Number(m[1]) : undefined;
  const scale = suffix === '' ? 1 : (unit === 'ns' ? TIME_UNITS : SIZE_UNITS)[suffix];
  return scale === undefined ? undefined : Math.round(Number(m[1]) * scale);
}

/** A value as `withCost` reads it, in the largest unit that divides it. */
export function costText(parameter: CostParameter, costs: CostProfile): string {
  const value = parameter.get(costs);
  switch (parameter.unit) {
    case 'switch':
      return value !== 0 ? 'on' : 'off';
    case 'factor':
      return String(value);
    default: {
      if (value === 0) return '0';
      const units = parameter.unit === 'ns' ? TIME_UNITS : SIZE_UNITS;
      const [unit, size] = Object.entries(units).findLast(([, of]) => value % of === 0)!;
      return `${value / size}${unit}`;
    }
  }
}
