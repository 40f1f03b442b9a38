/**
 * The simulated kernel's state, all of it, and the few operations on it that everybody needs.
 *
 * The scheduler is functions over this object, one file a concept, in layers that only look down:
 *
 *   cpu-loop (what a CPU does next) ─► core (wakeup, schedule) ─► fair, rt ─► pelt ─► kernel
 *            └─► hooks: the balancing policy, from src/balance
 */
import { EventQueue } from '../engine/event-queue.ts';
import { RandomStreams } from '../engine/random.ts';
import type { CostProfile } from '../machine/cost-profile.ts';
import type { Topology } from '../machine/topology.ts';
import { Ev } from '../trace/events.ts';
import type { Recorder } from '../trace/recorder.ts';
import { AffinityPool } from './affinity-pool.ts';
import type { Features, KernelConfig, Tunables } from './config.ts';
import { DomainState } from './domain-state.ts';
import type { DomainTree } from './domains.ts';
import type { BalanceHooks } from './hooks.ts';
import { NullHooks } from './hooks.ts';
import { MenuGovernor } from './idle-governor.ts';
import type { Programs } from './programs.ts';
import { RtLists } from './rt-lists.ts';
import { Stoppers } from './stop-work.ts';
import { Averages, CfsRqs, Entities, Rqs, Tasks } from './tables.ts';
import type { TaskGroups } from './task-groups.ts';
import { TickCursor } from './tick-cursor.ts';

/** Bits of `CpuLoop.todo`: what a CPU has to attend to before it goes on computing or idling. Lower bits come first. */
export const Todo = {
  /** Kernel work done has yet to be paid for in time. */
  PAY: 1,
  /** In the middle of schedule(), with interrupts off. */
  SCHEDULE: 2,
  /** Interrupts. TIMER: the task timers queued in `timerHead` have expired. */
  TIMER: 4,
  TICK: 8,
  RESCHEDULE_IPI: 16,
  /** Function calls (nohz kick) and then queued wakeups. @spec 01 §4 */
  CALL: 32,
  /** A polled need_resched was noticed by an idle CPU. */
  POLL: 64,
  /** The SCHED softirq is raised or running. */
  SOFTIRQ: 128,
  /** need_resched. */
  RESCHED: 256,
} as const;

/** The interrupts among them. */
export const TODO_IRQS = Todo.TIMER | Todo.TICK | Todo.RESCHEDULE_IPI | Todo.CALL | Todo.POLL;

/** What each CPU is in the middle of. @see cpu-loop.ts */
export class CpuLoop {
  /** In a stretch of kernel code that ends with the CPU's run event. */
  readonly busy: Uint8Array;
  /** What is to be attended to: bits of `Todo`. */
  readonly todo: Int32Array;
  /** ns of kernel work done but not yet paid for. */
  readonly debt: Float64Array;
  /** The softirq has begun; where schedule() is. */
  readonly inSoftirq: Uint8Array;
  readonly scheduleStage: Uint8Array;
  /** The user segment of the current task: whether its end is scheduled, and from when how much work is left. */
  readonly segmentActive: Uint8Array;
  readonly segmentStart: Float64Array;
  readonly segmentWork: Float64Array;
  /** Work done per 1024 ns: of the segment, and of the CPU for its next. */
  readonly segmentSpeed: Float64Array;
  readonly speed: Float64Array;
  /** schedule(): the task that was current, and whether it left by itself. */
  readonly previous: Int32Array;
  readonly voluntary: Uint8Array;
  /** Task timers that expired while interrupts were off. */
  readonly timerHead: Int32Array;
  readonly timerTail: Int32Array;
  /** Idle loop: 0 not idle, 1 at the top of an iteration, 2 waiting. */
  readonly idlePhase: Uint8Array;
  /** An idle tick came since the CPU went idle. @spec 01 §3 */
  readonly gotIdleTick: Uint8Array;
  readonly tickOn: Uint32Array;
  readonly tickOnSince: Float64Array;
  readonly idleSince: Float64Array;

  constructor(n: number) {
    this.busy = new Uint8Array(n);
    this.todo = new Int32Array(n);
    this.debt = new Float64Array(n);
    this.inSoftirq = new Uint8Array(n);
    this.scheduleStage = new Uint8Array(n);
    this.segmentActive = new Uint8Array(n);
    this.segmentStart = new Float64Array(n);
    this.segmentWork = new Float64Array(n);
    this.segmentSpeed = new Float64Array(n);
    this.speed = new Float64Array(n);
    this.previous = new Int32Array(n);
    this.voluntary = new Uint8Array(n);
    this.timerHead = new Int32Array(n).fill(-1);
    this.timerTail = new Int32Array(n).fill(-1);
    this.idlePhase = new Uint8Array(n).fill(1);
    this.gotIdleTick = new Uint8Array(n);
    this.tickOn = new Uint32Array((n + 31) >>> 5);
    this.tickOnSince = new Float64Array(n).fill(-1);
    this.idleSince = new Float64Array(n);
  }
}

/** The nohz state all CPUs share. @spec 07 §3 */
export class Nohz {
  readonly idleCpusMask: Uint32Array;
  nrCpus = 0;
  hasBlocked = false;
  needsUpdate = false;
  nextBalance: number;
  nextBlocked: number;

  constructor(nrCpus: number, jiffies: number) {
    this.idleCpusMask = new Uint32Array((nrCpus + 31) >>> 5);
    this.nextBalance = jiffies;
    this.nextBlocked = jiffies;
  }
}

/** Counters of the cpu lines of /proc/schedstat. @spec 09 §1 */
export class CpuCounters {
  readonly yld: Float64Array;
  readonly sched: Float64Array;
  readonly goidle: Float64Array;
  readonly ttwu: Float64Array;
  readonly ttwuLocal: Float64Array;
  readonly rqCpuTime: Float64Array;
  readonly runDelay: Float64Array;
  readonly pcount: Float64Array;
  readonly switches: Float64Array;

  constructor(n: number) {
    this.yld = new Float64Array(n);
    this.sched = new Float64Array(n);
    this.goidle = new Float64Array(n);
    this.ttwu = new Float64Array(n);
    this.ttwuLocal = new Float64Array(n);
    this.rqCpuTime = new Float64Array(n);
    this.runDelay = new Float64Array(n);
    this.pcount = new Float64Array(n);
    this.switches = new Float64Array(n);
  }
}

/** Random streams by purpose. Tasks' own streams live with their programs. */
export const Stream = { NEWIDLE: 0, PLACEMENT: 1 } as const;

export class Kernel {
  readonly topology: Topology;
  readonly nrCpus: number;
  readonly config: KernelConfig;
  readonly features: Readonly<Features>;
  readonly tunables: Readonly<Tunables>;
  readonly costs: CostProfile;
  /** Scaled by the number of CPUs, ns. @spec 02 §1 */
  readonly latencyNs: number;
  readonly minGranularityNs: number;
  readonly wakeupGranularityNs: number;
  /** No slice is shorter than this: of ordinary entities, and of idle ones among others. @spec 02 §4 */
  readonly leastSliceNs: number;
  readonly leastIdleSliceNs: number;
  readonly maxLoadBalanceInterval: number;
  readonly hz: number;
  readonly tickNs: number;

  now = 0;
  jiffies: number;
  /** When the next jiffy begins. */
  nextJiffyAt: number;
  /** The CPU that executes at this moment of the simulation. */
  thisCpu = 0;
  /** It is handling a hard interrupt. */
  inInterrupt = false;
  /** Program steps taken at one instant, to notice programs that never use time. */
  stepInstant = -1;
  stepsAtInstant = 0;
  nextPid = 0;
  /** Rotates the destinations of affinity changes. */
  affinityRotor = 0;
  readonly queue: EventQueue;
  /** One newidle stream a CPU (as the kernel's per-CPU generator), then one for placement. */
  readonly random: RandomStreams;
  readonly recorder: Recorder;
  /** Some kind of event is recorded. */
  readonly tracing: boolean;
  hooks: BalanceHooks = new NullHooks();
  readonly ticks: TickCursor;
  /** Chooses idle states; null without an idle driver. */
  readonly governor: MenuGovernor | null;
  readonly stoppers: Stoppers;
  /** What tasks do; see programs.ts. */
  programs!: Programs;
  /** Throttles a cfs_rq out of runtime; see bandwidth.ts, which sets it. True if it is throttled now. */
  throttleCfsRq: (k: Kernel, q: number) => boolean = () => false;

  readonly rq: Rqs;
  readonly loop: CpuLoop;
  readonly cfs: CfsRqs;
  readonly rt: RtLists;
  rtPeriodActive = false;
  readonly groups: TaskGroups;
  readonly avg: Averages;
  readonly se: Entities;
  readonly task: Tasks;
  readonly affinity: AffinityPool;
  readonly counters: CpuCounters;
  readonly nohz: Nohz;
  sd: DomainState;
  readonly smtPresent: boolean;
  readonly asymCpucapacity: boolean;
  /** Thread siblings of each CPU, ascending, itself included. */
  readonly siblings: readonly Int32Array[];
  readonly cpuActive: Uint8Array;

  /** Root domain. @spec 06 §5.4 */
  overload = false;
  overutilized = false;
  /** Energy-aware placement is possible and on. @spec 05 §8 */
  energyAware = false;
  maxCpuCapacity: number;
  /** The system-wide try-lock of SD_SERIALIZE domains: the CPU that holds it, or -1. */
  balancingLock = -1;

  /** First average of the rq's RT, DL; of entities; first entity of a task. */
  readonly avgRt: number;
  readonly avgDl: number;
  readonly avgSe: number;
  readonly nrGroupEntities: number;
  taskCapacity: number;
  readonly freeTasks: number[] = [];
  nrTasks: number;
  /** First event slots of each kind. */
  readonly slotCall: number;
  readonly slotRun: number;
  readonly slotGlobal: number;
  readonly slotTimer: number;

  constructor(
    topology: Topology,
    tree: DomainTree,
    config: KernelConfig,
    recorder: Recorder,
    groups: TaskGroups,
    taskCapacity: number,
  ) {
    const n = topology.nrCpus;
    this.topology = topology;
    this.nrCpus = n;
    this.config = config;
    this.features = config.features;
    this.tunables = config.tunables;
    this.costs = config.costs;
    this.recorder = recorder;
    this.tracing = recorder.on.includes(1);
    const { hz } = config.tunables;
    this.hz = hz;
    this.tickNs = Math.floor(1_000_000_000 / hz);
    this.jiffies = config.environment.bootJiffies;
    this.nextJiffyAt = this.tickNs - config.environment.tickOffsetNs;

    const online = topology.online.reduce((sum, on) => sum + on, 0);
    const scale = scaleFactor(config.tunables.tunableScaling, online);
    this.latencyNs = config.tunables.latencyNs * scale;
    this.minGranularityNs = config.tunables.minGranularityNs * scale;
    this.wakeupGranularityNs = config.tunables.wakeupGranularityNs * scale;
    const floor = config.features.BASE_SLICE;
    this.leastSliceNs = floor ? this.minGranularityNs : 0;
    this.leastIdleSliceNs = floor ? Math.min(this.minGranularityNs, config.tunables.idleMinGranularityNs) : 0;
    this.maxLoadBalanceInterval = Math.floor((hz * online) / 10);

    const { tickOffsetNs, tickPhase } = config.environment;
    this.ticks = new TickCursor(n, this.tickNs, tickOffsetNs, tickPhase === 'skewed');
    this.governor = config.environment.idleGovernor === 'menu' ? new MenuGovernor(n) : null;
    this.stoppers = new Stoppers(n);
    this.rq = new Rqs(n);
    this.loop = new CpuLoop(n);
    this.groups = groups;
    this.rt = new RtLists(n);
    this.cfs = new CfsRqs(n * groups.count);
    this.nrGroupEntities = n * (groups.count - 1);
    this.avgRt = n * groups.count;
    this.avgDl = this.avgRt + n;
    this.avgSe = this.avgDl + n;
    this.taskCapacity = Math.max(taskCapacity, 2 * n + 1);
    this.nrTasks = 2 * n;
    this.avg = new Averages(this.avgSe + this.nrGroupEntities + this.taskCapacity);
    this.se = new Entities(this.nrGroupEntities + this.taskCapacity);
    this.task = new Tasks(this.taskCapacity);
    this.affinity = new AffinityPool(n);
    this.counters = new CpuCounters(n);
    this.nohz = new Nohz(n, this.jiffies);
    this.sd = new DomainState(tree, n, this.jiffies);
    this.smtPresent = tree.smtPresent;
    this.asymCpucapacity = tree.asymCpucapacity;
    this.maxCpuCapacity = tree.maxCpuCapacity;
    this.cpuActive = topology.online.slice();
    this.siblings = Array.from({ length: n }, (_, cpu) => {
      const list: number[] = [];
      for (let c = 0; c < n; c++) if (topology.core[c] === topology.core[cpu] && topology.online[c] === 1) list.push(c);
      return Int32Array.from(list);
    });

    this.slotCall = n;
    this.slotRun = 2 * n;
    this.slotGlobal = 3 * n;
    this.slotTimer = this.slotGlobal + 2 * groups.count + 1;
    this.queue = new EventQueue(this.slotTimer + this.taskCapacity);
    this.random = new RandomStreams(n + 1);
    for (let cpu = 0; cpu < n; cpu++) this.random.seed(cpu, config.seed, 'newidle', cpu);
    this.random.seed(n, config.seed, 'placement', 0);

    for (let cpu = 0; cpu < n; cpu++) {
      this.rq.cpuCapacityOrig[cpu] = topology.capacity[cpu]!;
      this.rq.cpuCapacity[cpu] = topology.capacity[cpu]!;
      this.rq.nextBalance[cpu] = this.jiffies;
      this.rq.avgIdle[cpu] = 2 * Math.max(0, config.tunables.migrationCostNs);
      this.rq.maxIdleBalanceCost[cpu] = Math.max(0, config.tunables.migrationCostNs);
      this.rq.lastBlockedUpdate[cpu] = this.jiffies;
      this.loop.speed[cpu] = topology.capacity[cpu]!;
    }
    this.#wireGroups();
  }

  /** Links the cfs_rqs and entities of task groups. @spec 02 §10 */
  #wireGroups(): void {
    const { nrCpus, cfs, se, groups } = this;
    for (let g = 0; g < groups.count; g++) {
      for (let cpu = 0; cpu < nrCpus; cpu++) {
        const q = g * nrCpus + cpu;
        cfs.cpu[q] = cpu;
        cfs.group[q] = g;
        if (g === 0) continue;
        const parent = groups.parent[g]! * nrCpus + cpu;
        const e = (g - 1) * nrCpus + cpu;
        cfs.entity[q] = e;
        cfs.parent[q] = parent;
        se.myQ[e] = q;
        se.cfsRq[e] = parent;
        se.parent[e] = groups.parent[g] === 0 ? -1 : (groups.parent[g]! - 1) * nrCpus + cpu;
      }
    }
  }

  /** A free task slot. */
  allocateTask(): number {
    const free = this.freeTasks.pop();
    if (free !== undefined) return free;
    if (this.nrTasks === this.taskCapacity) this.#growTasks();
    return this.nrTasks++;
  }

  #growTasks(): void {
    this.taskCapacity *= 2;
    this.task.grow(this.taskCapacity);
    this.se.grow(this.nrGroupEntities + this.taskCapacity);
    this.avg.grow(this.avgSe + this.nrGroupEntities + this.taskCapacity);
    this.queue.grow(this.slotTimer + this.taskCapacity);
    this.programs.grow(this.taskCapacity);
  }

  /** The entity of a task, and the task of an entity (only if `isTask`). */
  entityOf(task: number): number {
    return task + this.nrGroupEntities;
  }

  taskOf(entity: number): number {
    return entity - this.nrGroupEntities;
  }

  isTask(entity: number): boolean {
    return entity >= this.nrGroupEntities;
  }

  isIdleTask(task: number): boolean {
    return task < this.nrCpus;
  }

  /** A task's priority as traces show it. @spec 08 §1 */
  tracePrio(task: number): number {
    return Math.max(0, this.task.prio[task]!);
  }

  firstActiveCpu(): number {
    return this.cpuActive.indexOf(1);
  }

  allowed(task: number, cpu: number): boolean {
    const id = this.task.allowed[task]!;
    return id === 0 || this.affinity.has(id, cpu);
  }

  /** Charges kernel work to a CPU; it is paid for before the CPU does anything else. */
  charge(cpu: number, ns: number): void {
    if (ns === 0) return;
    this.loop.debt[cpu]! += ns;
    this.loop.todo[cpu]! |= Todo.PAY;
  }

  /** Does the CPU owe time, so that what it is in the middle of has to wait? */
  owes(cpu: number): boolean {
    return (this.loop.todo[cpu]! & Todo.PAY) !== 0;
  }

  needResched(cpu: number): boolean {
    return (this.loop.todo[cpu]! & Todo.RESCHED) !== 0;
  }

  setNeedResched(cpu: number): void {
    this.loop.todo[cpu]! |= Todo.RESCHED;
  }

  /** rq.nr_running changes; reaching two marks the root domain overloaded. @spec 06 §5.4 */
  addNrRunning(cpu: number, count: number): void {
    const before = this.rq.nrRunning[cpu]!;
    const after = before + count;
    this.rq.nrRunning[cpu] = after;
    if (before < 2 && after >= 2 && !this.overload) this.overload = true;
  }

  subNrRunning(cpu: number, count: number): void {
    this.rq.nrRunning[cpu]! -= count;
  }

  /**
   * The current task of the CPU has to give way. A remote CPU is told by interrupt, unless it idles and watches the
   * flag. @spec 01 §4
   */
  reschedCurr(cpu: number): void {
    const from = this.thisCpu;
    if (this.needResched(cpu)) return;
    this.setNeedResched(cpu);
    if (cpu === from) return;
    if (this.polling(cpu)) {
      if (this.recorder.on[Ev.SCHED_WAKE_IDLE_WITHOUT_IPI]) {
        this.recorder.args[0] = cpu;
        this.recorder.emit(Ev.SCHED_WAKE_IDLE_WITHOUT_IPI, this.now, from, -1);
      }
      this.raiseIrq(this.slotCall + cpu, this.costs.pollWakeNs + this.idleExitNs(cpu));
    } else {
      this.charge(from, this.costs.ipiSendNs);
      this.raiseIrq(cpu, this.costs.ipiDeliverNs + this.idleExitNs(cpu));
    }
  }

  /** Tells a CPU that there is something on its call queue. @spec 01 §4 */
  sendCall(cpu: number): void {
    if (this.polling(cpu)) {
      this.setNeedResched(cpu);
      this.raiseIrq(this.slotCall + cpu, this.costs.pollWakeNs + this.idleExitNs(cpu));
    } else {
      this.charge(this.thisCpu, this.costs.ipiSendNs);
      this.raiseIrq(this.slotCall + cpu, this.costs.ipiDeliverNs + this.idleExitNs(cpu));
    }
  }

  /** Does the CPU sit in the idle loop watching need_resched? */
  polling(cpu: number): boolean {
    return this.costs.idlePolls && this.loop.idlePhase[cpu] === 2;
  }

  /** An interrupt line is raised; one already on its way is the same interrupt. */
  raiseIrq(slot: number, latencyNs: number): void {
    if (!this.queue.isPending(slot)) this.queue.schedule(slot, this.now + latencyNs);
  }

  /** ns to leave the idle state the CPU is in; 0 for one that is not idle. @spec 24 §6 */
  idleExitNs(cpu: number): number {
    if (this.loop.idlePhase[cpu] !== 2) return 0;
    const state = this.rq.idleState[cpu]!;
    return state < 0 ? 0 : this.costs.idleStates[state]!.exitNs;
  }

  /** Refills the group's pool each period from now on. @spec 02 §10.1 */
  startPeriodTimer(g: number): void {
    if (this.groups.periodActive[g] !== 0) return;
    this.groups.periodActive[g] = 1;
    this.queue.schedule(this.slotGlobal + 2 * g, this.now + this.groups.period[g]!);
  }

  /** Gives RT tasks their runtime back each period, while there are any. @spec 08 §2 */
  startRtPeriod(): void {
    if (this.rtPeriodActive || this.tunables.rtRuntimeNs < 0) return;
    this.rtPeriodActive = true;
    this.queue.schedule(this.slotGlobal + 2 * this.groups.count, this.now + this.tunables.rtPeriodNs);
  }

  /** Hands out returned runtime after a while, unless the refill comes first. @spec 02 §10.1 */
  startSlackTimer(g: number): void {
    const slot = this.slotGlobal + 2 * g + 1;
    const refill = this.queue.timeOf(this.slotGlobal + 2 * g);
    if (this.queue.isPending(slot) || refill - this.now < 7_000_000) return;
    this.queue.schedule(slot, this.now + 5_000_000);
  }

  /** Whether nothing at all runs or is about to run. @spec 05 §1 */
  idleCpu(cpu: number): boolean {
    const { rq } = this;
    return rq.curr[cpu] === cpu && rq.nrRunning[cpu] === 0 && rq.ttwuPending[cpu] === 0;
  }

  /** Busy, but only with SCHED_IDLE tasks. @spec 05 §1 */
  schedIdleCpu(cpu: number): boolean {
    const nr = this.rq.nrRunning[cpu]!;
    return nr > 0 && nr === this.cfs.idleHNrRunning[cpu];
  }

  /** Less than 20 % of the CPU's capacity is left. @spec 05 §8 */
  cpuOverutilized(cpu: number): boolean {
    const util = Math.min(
      Math.max(this.avg.utilAvg[cpu]!, this.cfs.utilEstEnqueued[cpu]!),
      this.rq.cpuCapacityOrig[cpu]!,
    );
    return !(util * 1280 < this.rq.cpuCapacity[cpu]! * 1024);
  }

  /** Brings jiffies up to `now`; idle CPUs may have let several pass. @spec 01 §1 */
  updateJiffies(): void {
    const passed = 1 + Math.floor((this.now - this.nextJiffyAt) / this.tickNs);
    this.jiffies += passed;
    this.nextJiffyAt += passed * this.tickNs;
  }

  msecsToJiffies(ms: number): number {
    return Math.ceil((ms * this.hz) / 1000);
  }
}

/** @spec 02 §1 */
function scaleFactor(scaling: number, online: number): number {
  const cpus = Math.min(online, 8);
  if (scaling === 0) return 1;
  if (scaling === 2) return cpus;
  return 1 + (31 - Math.clz32(cpus));
}
