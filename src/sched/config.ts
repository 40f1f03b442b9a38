/**
 * Everything about the simulated scheduler that is a number or a switch: tunables with the kernel's names and defaults,
 * scheduler features, and how the machine around it behaves.
 */
import type { CostProfile } from '../machine/cost-profile.ts';

/** sched_features that the spec names. @spec 02, 05, 09 §4 */
export interface Features {
  GENTLE_FAIR_SLEEPERS: boolean;
  START_DEBIT: boolean;
  NEXT_BUDDY: boolean;
  LAST_BUDDY: boolean;
  CACHE_HOT_BUDDY: boolean;
  WAKEUP_PREEMPTION: boolean;
  TTWU_QUEUE: boolean;
  SIS_PROP: boolean;
  SIS_UTIL: boolean;
  RT_RUNTIME_SHARE: boolean;
  LB_MIN: boolean;
  WA_IDLE: boolean;
  WA_WEIGHT: boolean;
  WA_BIAS: boolean;
  UTIL_EST: boolean;
  UTIL_EST_FASTUP: boolean;
  NI_RANDOM: boolean;
  /** Linux 7.0. @spec 22 §4 */
  NI_RATE: boolean;
  ALT_PERIOD: boolean;
  BASE_SLICE: boolean;
  // EEVDF's. @spec 22 §2
  PLACE_LAG: boolean;
  PLACE_DEADLINE_INITIAL: boolean;
  PLACE_REL_DEADLINE: boolean;
  RUN_TO_PARITY: boolean;
  PREEMPT_SHORT: boolean;
  PICK_BUDDY: boolean;
  DELAY_DEQUEUE: boolean;
  DELAY_ZERO: boolean;
}

export const DEFAULT_FEATURES: Readonly<Features> = {
  GENTLE_FAIR_SLEEPERS: true,
  START_DEBIT: true,
  NEXT_BUDDY: false,
  LAST_BUDDY: true,
  CACHE_HOT_BUDDY: true,
  WAKEUP_PREEMPTION: true,
  TTWU_QUEUE: true,
  SIS_PROP: false,
  SIS_UTIL: true,
  RT_RUNTIME_SHARE: false,
  LB_MIN: false,
  WA_IDLE: true,
  WA_WEIGHT: true,
  WA_BIAS: true,
  UTIL_EST: true,
  UTIL_EST_FASTUP: true,
  NI_RANDOM: true,
  NI_RATE: false,
  ALT_PERIOD: true,
  BASE_SLICE: true,
  PLACE_LAG: true,
  PLACE_DEADLINE_INITIAL: true,
  PLACE_REL_DEADLINE: true,
  RUN_TO_PARITY: true,
  PREEMPT_SHORT: true,
  PICK_BUDDY: true,
  DELAY_DEQUEUE: true,
  DELAY_ZERO: true,
};

/** How CPU time is divided among the tasks of a CPU. @spec 02, 22 §2 */
export type FairClass = 'cfs' | 'eevdf';

/** Features that only one fair class knows. */
export const FEATURES_OF: Readonly<Record<FairClass, readonly (keyof Features)[]>> = {
  cfs: ['GENTLE_FAIR_SLEEPERS', 'START_DEBIT', 'LAST_BUDDY', 'ALT_PERIOD', 'BASE_SLICE'],
  eevdf: [
    'PLACE_LAG',
    'PLACE_DEADLINE_INITIAL',
    'PLACE_REL_DEADLINE',
    'RUN_TO_PARITY',
    'PREEMPT_SHORT',
    'PICK_BUDDY',
    'DELAY_DEQUEUE',
    'DELAY_ZERO',
  ],
};

/** Tunables in the kernel's units: ns unless the name says otherwise. @spec 02 §1, 06 */
export interface Tunables {
  /** Ticks a second. */
  hz: number;
  /** Before scaling by the number of CPUs. */
  latencyNs: number;
  minGranularityNs: number;
  wakeupGranularityNs: number;
  idleMinGranularityNs: number;
  /** EEVDF's request size before scaling. @spec 22 §2 */
  baseSliceNs: number;
  /** How long RUN_TO_PARITY protects who runs: to its deadline, or for no more than the shortest slice in the queue. */
  sliceProtection: 'deadline' | 'shortest';
  /** 0 none, 1 logarithmic, 2 linear. */
  tunableScaling: number;
  /** -1: every task is hot; 0: none. */
  migrationCostNs: number;
  /** SIS_PROP searches for avg_idle divided by this (512 up to 5.11); 0: for wake_avg_idle, as 6.1. @spec 20 §7.6 */
  sisPropFuzz: number;
  nrMigrate: number;
  /** Between siblings that prefer each other what is compared: running tasks, or those for each core. @spec 22 §7 */
  siblingImbalance: 'tasks' | 'cores';
  childRunsFirst: boolean;
  cfsBandwidthSliceNs: number;
  rtRuntimeNs: number;
  rtPeriodNs: number;
  rrTimesliceMs: number;
  /** What fair tasks are sure of on each CPU in each period, whatever real-time tasks do; 0: nothing. @spec 22 §10 */
  serverRuntimeNs: number;
  serverPeriodNs: number;
  /** Only at the last moment at which it still fits into the period. */
  serverDefer: boolean;
  autogroup: boolean;
  /** sched_energy_aware, and all else that the kernel asks of frequencies. @spec 05 §8 */
  energyAware: boolean;
}

export const DEFAULT_TUNABLES: Readonly<Tunables> = {
  hz: 250,
  latencyNs: 6_000_000,
  minGranularityNs: 750_000,
  wakeupGranularityNs: 1_000_000,
  idleMinGranularityNs: 750_000,
  baseSliceNs: 700_000,
  sliceProtection: 'deadline',
  tunableScaling: 1,
  migrationCostNs: 500_000,
  sisPropFuzz: 0,
  nrMigrate: 32,
  siblingImbalance: 'tasks',
  childRunsFirst: false,
  cfsBandwidthSliceNs: 5_000_000,
  rtRuntimeNs: 950_000_000,
  rtPeriodNs: 1_000_000_000,
  rrTimesliceMs: 100,
  serverRuntimeNs: 0,
  serverPeriodNs: 1_000_000_000,
  serverDefer: true,
  autogroup: false,
  energyAware: false,
};

/** How the machine around the scheduler behaves. */
export interface Environment {
  /** What chooses the idle state and whether the tick stops. @spec 01 §3, 24 §6 */
  idleGovernor: 'none' | 'menu';
  /** All ticks at the same instants, or spread over half a period (`skew_tick`). @spec 01 §2 */
  tickPhase: 'aligned' | 'skewed';
  /** Time from the last tick before the simulation starts to its start: the phase of the tick, ns. */
  tickOffsetNs: number;
  /** `booted`: everything in step; `random`: as on a machine that has been up for a while, by the seed;
   *  `recorded`: what a record tells, the rest random. */
  startState: 'booted' | 'random' | 'recorded';
  /** Idle CPUs keep their tick this long after a task was born or died, while RCU has work: as recorded. 0: they do not. */
  rcuGraceNs: number;
  /** An emulator that makes CPUs take turns (a cost profile says so) has a timer this often, which ends turns, ns. */
  turnSliceNs: number;
  /** There, the turn of a task that only looks whether it has computed long enough, ns. */
  spinTurnNs: number;
  /** So often has the main task changed whom it wakes before the start; its children inherit that. @spec 05 §3.1 */
  wakeeFlips: number;
  /** How late the timer of an ordinary task may be, so that several can share an interrupt. */
  timerSlackNs: number;
  /** Jiffies at the start. */
  bootJiffies: number;
  /** The main task's CPU at the start. */
  bootCpu: number;
  /** Counters of scheduling are kept, as the kernel does when told to at boot (`schedstats=enable`). @spec 09 §1 */
  schedstats: boolean;
  /** Layout of /proc/schedstat. @spec 22 §8 */
  schedstatVersion: 15 | 16 | 17;
}

export interface KernelConfig {
  readonly features: Readonly<Features>;
  readonly tunables: Readonly<Tunables>;
  readonly environment: Readonly<Environment>;
  readonly fairClass: FairClass;
  readonly costs: CostProfile;
  readonly seed: number;
}

/** jiffies right after boot: 5 minutes before a 32-bit counter would wrap. @spec 01 §1 */
export function initialJiffies(hz: number): number {
  return 2 ** 32 - 300 * hz;
}
