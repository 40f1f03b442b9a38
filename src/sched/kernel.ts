/**
 * The simulated kernel: everything about it that is not in a table by CPU, task or entity.
 *
 * The scheduler is functions over the tables and this object, one file a concept, in layers that only look down:
 *
 *   cpu-loop (what a CPU does next) ─► wakeup, schedule ─► activate ─► fair, rt ─► load-avg ─► pelt, tables
 *            └─► k.hooks: the balancing policy, from src/balance
 *
 * There is one, `k`, for a thread simulates one machine at a time; `initKernel` makes it ready for the next.
 */
import { UserError } from '../base/errors.ts';
import { EventQueue } from '../engine/event-queue.ts';
import { RandomStreams } from '../engine/random.ts';
import type { CostProfile } from '../machine/cost-profile.ts';
import type { Topology } from '../machine/topology.ts';
import { Ev } from '../trace/events.ts';
import type { Recorder } from '../trace/recorder.ts';
import { AffinityPool } from './affinity-pool.ts';
import * as avg from './averages.ts';
import * as cfs from './cfs-rq.ts';
import { MAX_CFS_RQS, MAX_TASKS } from './columns.ts';
import type { Features, KernelConfig, Tunables } from './config.ts';
import * as counters from './counters.ts';
import { DomainState } from './domain-state.ts';
import type { DomainTree } from './domains.ts';
import { Emulator } from './emulator.ts';
import * as se from './entity.ts';
import type { FairServer } from './fair-server.ts';
import type { BalanceHooks } from './hooks.ts';
import { NullHooks, Watch } from './hooks.ts';
import { MenuGovernor } from './idle-governor.ts';
import * as loop from './loop.ts';
import type { Programs } from './programs.ts';
import * as progress from './progress.ts';
import * as rq from './rq.ts';
import { RtLists } from './rt-lists.ts';
import * as lines from './shared-lines.ts';
import { randomTickOffset, staggerDomains } from './start-state.ts';
import { Stoppers } from './stop-work.ts';
import type { TaskGroups } from './task-groups.ts';
import * as tasks from './tasks.ts';
import { TickCursor } from './tick-cursor.ts';
import { inverseOf, NICE_0_LOAD } from './weight.ts';

/** The nohz state all CPUs share. @spec 07 §3 */
export class Nohz {
  readonly idleCpusMask: Uint32Array;
  nrCpus = 0;
  hasBlocked = false;
  needsUpdate = false;
  nextBalance: number;
  nextBlocked: number;
  /** Times that a CPU entered the mask, and writes of the count that all CPUs share. */
  tickStops = 0;
  globalAtomics = 0;

  constructor(nrCpus: number, jiffies: number) {
    this.idleCpusMask = new Uint32Array((nrCpus + 31) >>> 5);
    this.nextBalance = jiffies;
    this.nextBlocked = jiffies;
  }
}

class KernelState {
  // What it was made of.
  topology!: Topology;
  config!: KernelConfig;
  features!: Readonly<Features>;
  tunables!: Readonly<Tunables>;
  costs!: CostProfile;
  /** Cold caches cost time; threads of a core slow each other; memory of other nodes slows some task. */
  refills = false;
  smtSlows = false;
  remoteMemory = false;
  /** RCU keeps idle CPUs' ticks on until then. */
  rcuBusyUntil = Number.NEGATIVE_INFINITY;
  hooks: BalanceHooks = new NullHooks();
  /** What the hooks watch: bits of `Watch`. */
  watch = 0;
  recorder!: Recorder;
  /** Some kind of event is recorded. */
  tracing = false;
  /** Decision records are: see decide.ts. */
  deciding = false;
  nrCpus = 0;
  hz = 0;
  tickNs = 0;
  /** Scaled by the number of CPUs, ns. @spec 02 §1 */
  latencyNs = 0;
  minGranularityNs = 0;
  wakeupGranularityNs = 0;
  /** No slice is shorter than this: of ordinary entities, and of idle ones among others. @spec 02 §4 */
  leastSliceNs = 0;
  leastIdleSliceNs = 0;
  /** The fair class is EEVDF; its base slice and slice protection. @spec 22 §2 */
  eevdf = false;
  baseSliceNs = 0;
  protectShortest = false;
  /** Jiffies. */
  maxLoadBalanceInterval = 0;
  /** How late the timer of an ordinary task may be. */
  timerSlackNs = 0;
  smtPresent = false;
  asymCpucapacity = false;
  /** Some task group besides the root exists. */
  hasGroups = false;

  // Time, ns. Fields that will be beyond 2^31 begin as doubles: one that began as a small integer would change the layout of
  // `k` 2.1 s into the run, and all that was compiled for the old one would be thrown away.
  now = Number.NaN;
  jiffies = Number.NaN;
  /** When the next jiffy begins. */
  nextJiffyAt = Number.NaN;
  /** The CPU that executes at this moment of the simulation, and whether it is handling a hard interrupt. */
  thisCpu = 0;
  inInterrupt = false;

  // Its parts.
  queue!: EventQueue;
  ticks!: TickCursor;
  /** One newidle stream a CPU (as the kernel's per-CPU generator). */
  random!: RandomStreams;
  /** Domains, groups and what balancing remembers in them. */
  sd!: DomainState;
  groups!: TaskGroups;
  affinity!: AffinityPool;
  nohz!: Nohz;
  rt!: RtLists;
  rtPeriodActive = false;
  stoppers!: Stoppers;
  /** Chooses idle states; null without an idle driver. */
  governor: MenuGovernor | null = null;
  /** Guards fair tasks against real-time ones; null: nobody does. */
  fairServer: FairServer | null = null;
  /** The emulator that the machine runs in; null for a real one. */
  emulator: Emulator | null = null;
  /** What tasks do. */
  programs!: Programs;
  /** Thread siblings of each CPU, ascending, itself included. */
  siblings: readonly Int32Array[] = [];
  cpuActive = new Uint8Array(0);
  /** Throttles a cfs_rq out of runtime; see bandwidth.ts, which sets it. True if it is throttled now. */
  throttleCfsRq: (q: number) => boolean = () => false;

  // Root domain. @spec 06 §5.4
  overload = false;
  overutilized = false;
  maxCpuCapacity = 0;
  /** Energy-aware placement is possible and on. @spec 05 §8 */
  energyAware = false;
  /** Some task has or had a utilisation clamp: see uclamp.ts. */
  clamps = false;
  /** The system-wide try-lock of SD_SERIALIZE domains: the CPU that holds it, or -1. */
  balancingLock = -1;

  // Task slots: how many are or were in use, and which of those are free.
  nrTasks = 0;
  freeTasks: number[] = [];
  nextPid = 0;
  /** Rotates the destinations of affinity changes. */
  affinityRotor = 0;
  /** The simulation that is going on. */
  simulation: object | null = null;
  /** Program steps taken at one instant, to notice programs that never use time. */
  stepInstant = Number.NEGATIVE_INFINITY;
  stepsAtInstant = 0;

  /** First event slots of each kind: reschedule interrupts are 0..nrCpus-1, then these. */
  slotCall = 0;
  slotRun = 0;
  slotGlobal = 0;
  slotServer = 0;
  slotTurn = 0;
  slotTimer = 0;
}

export const k = new KernelState();

/**
 * What the clock of load averages shows at the start: an average last updated at 0 has never been. A whole period, so that
 * periods begin with the simulation. @spec 03 §5
 */
const PELT_EPOCH_NS = 1024 * 1024;

/** Event slots of tasks beyond these are made as they are needed. */
const FIRST_TIMER_SLOTS = 1024;

/** Makes the kernel ready to boot on a machine. `programs` and `hooks` are the caller's to set. */
export function initKernel(
  topology: Topology,
  tree: DomainTree,
  config: KernelConfig,
  recorder: Recorder,
  groups: TaskGroups,
): void {
  const n = topology.nrCpus;
  if (n * groups.count > MAX_CFS_RQS) {
    throw new UserError(
      'limit',
      `${groups.count - 1} control groups on ${n} CPUs are more than ${MAX_CFS_RQS} runqueues`,
    );
  }
  Object.assign(k, new KernelState());
  k.now = 0;
  k.topology = topology;
  k.config = config;
  k.features = config.features;
  k.tunables = config.tunables;
  k.costs = config.costs;
  k.refills = config.costs.latLlcNs > 0 || config.costs.latMemNs > 0 || config.costs.latRemNs > 0;
  k.smtSlows = config.costs.smtShare < 1024 && tree.smtPresent;
  k.recorder = recorder;
  k.tracing = recorder.on.includes(1);
  k.deciding = recorder.on[Ev.DECISION] !== 0;
  k.nrCpus = n;
  initClock(config);
  initTunables(topology, config);
  initTables(topology, groups, config);

  k.groups = groups;
  k.hasGroups = groups.count > 1;
  wireGroups(groups);
  k.sd = new DomainState(tree, topology, k.jiffies);
  if (config.environment.startState !== 'booted') staggerDomains(config.seed);
  k.smtPresent = tree.smtPresent;
  k.asymCpucapacity = tree.asymCpucapacity;
  k.maxCpuCapacity = tree.maxCpuCapacity;
  k.affinity = new AffinityPool(n);
  k.nohz = new Nohz(n, k.jiffies);
  k.rt = new RtLists(n);
  k.stoppers = new Stoppers(n);
  k.emulator = config.costs.takesTurns
    ? new Emulator(config.environment.turnSliceNs, config.environment.spinTurnNs, config.seed)
    : null;
  k.governor = config.environment.idleGovernor === 'menu' ? new MenuGovernor(n) : null;
  k.cpuActive = topology.online.slice();
  k.siblings = siblingsOf(topology);
  k.nrTasks = 2 * n;

  k.slotCall = n;
  k.slotRun = 2 * n;
  k.slotGlobal = 3 * n;
  k.slotServer = k.slotGlobal + 2 * groups.count + 1;
  k.slotTurn = k.slotServer + (config.tunables.serverRuntimeNs > 0 ? n : 0);
  k.slotTimer = k.slotTurn + 1;
  k.queue = new EventQueue(k.slotTimer + 2 * n + FIRST_TIMER_SLOTS);
  k.random = new RandomStreams(n);
  for (let cpu = 0; cpu < n; cpu++) k.random.seed(cpu, config.seed, 'newidle', cpu);
}

function initClock(config: KernelConfig): void {
  const { tickPhase, bootJiffies, startState } = config.environment;
  k.hz = config.tunables.hz;
  k.tickNs = Math.floor(1_000_000_000 / k.hz);
  k.jiffies = bootJiffies;
  const tickOffsetNs =
    startState !== 'booted' ? randomTickOffset(config.seed, k.tickNs) : config.environment.tickOffsetNs;
  k.nextJiffyAt = k.tickNs - tickOffsetNs;
  k.ticks = new TickCursor(k.nrCpus, k.tickNs, tickOffsetNs, tickPhase === 'skewed');
}

/** @spec 02 §1 */
function initTunables(topology: Topology, config: KernelConfig): void {
  const t = config.tunables;
  const online = topology.online.reduce((sum, on) => sum + on, 0);
  const scale = scaleFactor(t.tunableScaling, online);
  k.latencyNs = t.latencyNs * scale;
  k.minGranularityNs = t.minGranularityNs * scale;
  k.wakeupGranularityNs = t.wakeupGranularityNs * scale;
  k.eevdf = config.fairClass === 'eevdf';
  k.baseSliceNs = t.baseSliceNs * scale;
  k.protectShortest = t.sliceProtection === 'shortest';
  if (config.features.BASE_SLICE) {
    k.leastSliceNs = k.minGranularityNs;
    k.leastIdleSliceNs = Math.min(k.minGranularityNs, t.idleMinGranularityNs);
  }
  k.timerSlackNs = config.environment.timerSlackNs;
  // The limit is set as each CPU comes up, when that CPU does not count yet: recorded machines of 4 CPUs balance domains
  // whose interval is 512 ms after 75 jiffies, never earlier or later. @deviates 06 §2.4, which counts all CPUs
  k.maxLoadBalanceInterval = Math.floor((k.hz * Math.max(1, online - 1)) / 10);
}

function initTables(topology: Topology, groups: TaskGroups, config: KernelConfig): void {
  const n = topology.nrCpus;
  const firstTasks = 2 * n;
  rq.reset(n);
  loop.reset(n);
  counters.reset(n);
  cfs.reset(n * groups.count);
  lines.reset(topology, config.costs);
  tasks.reset(firstTasks);
  progress.reset(firstTasks);
  se.reset(firstTasks, n * groups.count);
  avg.reset(n, n * groups.count, firstTasks);
  const cost = Math.max(0, config.tunables.migrationCostNs);
  for (let cpu = 0; cpu < n; cpu++) {
    rq.curr[cpu] = cpu;
    rq.cpuCapacityOrig[cpu] = topology.capacity[cpu]!;
    rq.cpuCapacity[cpu] = topology.capacity[cpu]!;
    rq.lostIdleTime[cpu] = -PELT_EPOCH_NS;
    rq.nextBalance[cpu] = k.jiffies;
    rq.avgIdle[cpu] = 2 * cost;
    rq.wakeAvgIdle[cpu] = 2 * cost;
    rq.wakeStamp[cpu] = k.jiffies;
    rq.maxIdleBalanceCost[cpu] = cost;
    rq.lastBlockedUpdate[cpu] = k.jiffies;
    loop.speed[cpu] = topology.capacity[cpu]!;
  }
}

/**
 * Links the cfs_rqs and entities of task groups. A group's entity is part of its runqueue's averages from the beginning,
 * with nothing: what its tasks bring is propagated, and would count twice if it were attached when first queued.
 * @spec 02 §10, 03 §6
 */
function wireGroups(groups: TaskGroups): void {
  const n = k.nrCpus;
  for (let g = 0; g < groups.count; g++) {
    for (let cpu = 0; cpu < n; cpu++) {
      const q = g * n + cpu;
      cfs.cpu[q] = cpu;
      cfs.group[q] = g;
      if (g === 0) continue;
      const parent = groups.parent[g]! * n + cpu;
      const e = se.GROUP_ENTITIES + q;
      cfs.entity[q] = e;
      cfs.parent[q] = parent;
      se.myQ[e] = q;
      se.cfsRq[e] = parent;
      se.parent[e] = groups.parent[g] === 0 ? -1 : se.GROUP_ENTITIES + parent;
      se.weight[e] = NICE_0_LOAD;
      se.inverse[e] = inverseOf(NICE_0_LOAD);
      se.isIdle[e] = groups.isIdle[g]!;
      avg.setLastUpdate(avg.AVG_SE + e, PELT_EPOCH_NS);
    }
  }
}

function siblingsOf(topology: Topology): Int32Array[] {
  const byCore = new Map<number, number[]>();
  for (let cpu = 0; cpu < topology.nrCpus; cpu++) {
    if (topology.online[cpu] === 0) continue;
    const core = topology.core[cpu]!;
    if (!byCore.has(core)) byCore.set(core, []);
    byCore.get(core)!.push(cpu);
  }
  const lists = new Map([...byCore].map(([core, list]) => [core, Int32Array.from(list)]));
  const none = new Int32Array(0);
  return Array.from(topology.core, (core) => lists.get(core) ?? none);
}

function scaleFactor(scaling: number, online: number): number {
  const cpus = Math.min(online, 8);
  if (scaling === 0) return 1;
  if (scaling === 2) return cpus;
  return 1 + (31 - Math.clz32(cpus));
}

/** A free task slot. */
export function allocateTask(): number {
  const free = k.freeTasks.pop();
  if (free !== undefined) return free;
  if (k.nrTasks === MAX_TASKS) {
    throw new UserError('limit', `more than ${MAX_TASKS - 2 * k.nrCpus} tasks are alive at ${k.now} ns`);
  }
  const task = k.nrTasks++;
  tasks.use(k.nrTasks);
  progress.use(k.nrTasks);
  se.use(k.nrTasks);
  avg.clearRows(avg.AVG_SE + task, 1);
  k.queue.grow(k.slotTimer + k.nrTasks);
  k.programs.grow(k.nrTasks);
  return task;
}

/** Brings jiffies up to `now`; idle CPUs may have let several pass. @spec 01 §1 */
export function updateJiffies(): void {
  const passed = 1 + Math.floor((k.now - k.nextJiffyAt) / k.tickNs);
  k.jiffies += passed;
  k.nextJiffyAt += passed * k.tickNs;
}

export function msecsToJiffies(ms: number): number {
  return Math.ceil((ms * k.hz) / 1000);
}

/** rq.nr_running changes; reaching two marks the root domain overloaded. @spec 06 §5.4 */
export function addNrRunning(cpu: number, count: number): void {
  const before = rq.nrRunning[cpu]!;
  const after = before + count;
  rq.nrRunning[cpu] = after;
  if (before < 2 && after >= 2) {
    if (lines.active) markOverload();
    k.overload = true;
  }
}

/** The flag is looked at, and written if it is not set; charged as `signals.ts` would. @spec 24 §2 */
function markOverload(): void {
  const cpu = k.thisCpu;
  const at = k.now + loop.debt[cpu]!;
  const read = lines.readAt(lines.Line.OVERLOAD, cpu, at);
  const ns = k.overload ? read : read + lines.writeAt(lines.Line.OVERLOAD, cpu, at + read);
  if (ns === 0) return;
  loop.debt[cpu]! += ns;
  loop.todo[cpu]! |= loop.Todo.PAY;
}

export function subNrRunning(cpu: number, count: number): void {
  rq.nrRunning[cpu]! -= count;
}

/** Tells the policy, if it watches, that the root `h_nr_running` of the CPU is no longer `before`. @spec 20 §3 */
export function tellFairCount(cpu: number, before: number): void {
  if ((k.watch & (Watch.FAIR_COUNT | Watch.SERVER)) === 0) return;
  const after = cfs.hNrRunning[cpu]!;
  if (after === before) return;
  if ((k.watch & Watch.FAIR_COUNT) !== 0) k.hooks.fairCountChanged(cpu, before, after);
  k.fairServer?.countChanged(cpu, before, after);
}
