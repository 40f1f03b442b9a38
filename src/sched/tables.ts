/**
 * The scheduler's state as tables: typed arrays by CPU, task, entity, runqueue and average. Sized when the machine is
 * built; only the tables of tasks grow.
 *
 *   task      0..nrCpus-1 the idle tasks, nrCpus..2*nrCpus-1 the stopper threads, then everybody else
 *   entity    0..nrGroupEntities-1 those of groups (one a group and CPU), then one a task
 *   cfs_rq    0..nrCpus-1 the roots, then one a group and CPU
 *   average   one a cfs_rq, one an rq for RT, one for DL, then one an entity
 *
 * "None" is -1 in every column that refers to something.
 */

/** A typed array of at least `n` elements that begins with those of `a`; new elements are `fill`. */
function grown<T extends Float64Array | Int32Array | Uint32Array | Uint8Array>(a: T, n: number, fill = 0): T {
  const b = new (a.constructor as { new (n: number): T })(n);
  b.set(a);
  if (fill !== 0) b.fill(fill, a.length);
  return b;
}

/** Fields of a row of `Averages.sums`. */
export const Sum = { LAST_UPDATE: 0, LOAD: 1, RUNNABLE: 2, UTIL: 3, PERIOD_CONTRIB: 4 } as const;
/** Length of a row: a cache line. */
export const SUM_ROW = 8;

/**
 * PELT state of everything that has one. What one update works on lies together, a row per average; the averages, which
 * others read and scan, are columns. @spec 03 §1
 */
export class Averages {
  sums: Float64Array;
  loadAvg: Float64Array;
  runnableAvg: Float64Array;
  utilAvg: Float64Array;
  /** The clock of the update being made: a number handed from function to function would be boxed each time. */
  readonly now = new Float64Array(1);

  constructor(n: number) {
    this.sums = new Float64Array(n * SUM_ROW);
    this.loadAvg = new Float64Array(n);
    this.runnableAvg = new Float64Array(n);
    this.utilAvg = new Float64Array(n);
  }

  grow(n: number): void {
    this.sums = grown(this.sums, n * SUM_ROW);
    this.loadAvg = grown(this.loadAvg, n);
    this.runnableAvg = grown(this.runnableAvg, n);
    this.utilAvg = grown(this.utilAvg, n);
  }

  lastUpdate(i: number): number {
    return this.sums[i * SUM_ROW + Sum.LAST_UPDATE]!;
  }

  setLastUpdate(i: number, time: number): void {
    this.sums[i * SUM_ROW + Sum.LAST_UPDATE] = time;
  }

  utilSum(i: number): number {
    return this.sums[i * SUM_ROW + Sum.UTIL]!;
  }

  /** What an average is divided by. @spec 03 §4 */
  divider(i: number): number {
    return 46718 + this.sums[i * SUM_ROW + Sum.PERIOD_CONTRIB]!;
  }

  clear(i: number): void {
    this.sums.fill(0, i * SUM_ROW, (i + 1) * SUM_ROW);
    this.loadAvg[i] = 0;
    this.runnableAvg[i] = 0;
    this.utilAvg[i] = 0;
  }
}

/** sched_entity: what CFS queues. @spec 02 §3 */
export class Entities {
  /** load.weight, scaled by 1024, and its 32-bit inverse. */
  weight: Float64Array;
  inverse: Float64Array;
  vruntime: Float64Array;
  execStart: Float64Array;
  sumExec: Float64Array;
  prevSumExec: Float64Array;
  onRq: Uint8Array;
  /** The cfs_rq it is (or will be) queued on, the entity above, and for groups the cfs_rq it stands for. */
  cfsRq: Int32Array;
  parent: Int32Array;
  myQ: Int32Array;
  /** Neighbours in the queue's order of vruntime. */
  next: Int32Array;
  prev: Int32Array;
  /** Groups: the copy of h_nr_running that PELT sees. @spec 03 §3 */
  runnableWeight: Float64Array;
  /** SCHED_IDLE task, or group with cpu.idle. */
  isIdle: Uint8Array;
  utilEstEnqueued: Float64Array;
  utilEstEwma: Float64Array;
  /** util_avg has not changed since util_est was stored: the flag bit of the kernel's field. @spec 03 §9.1 */
  utilEstUnchanged: Uint8Array;

  constructor(n: number) {
    this.weight = new Float64Array(n);
    this.inverse = new Float64Array(n);
    this.vruntime = new Float64Array(n);
    this.execStart = new Float64Array(n);
    this.sumExec = new Float64Array(n);
    this.prevSumExec = new Float64Array(n);
    this.onRq = new Uint8Array(n);
    this.cfsRq = new Int32Array(n).fill(-1);
    this.parent = new Int32Array(n).fill(-1);
    this.myQ = new Int32Array(n).fill(-1);
    this.next = new Int32Array(n).fill(-1);
    this.prev = new Int32Array(n).fill(-1);
    this.runnableWeight = new Float64Array(n);
    this.isIdle = new Uint8Array(n);
    this.utilEstEnqueued = new Float64Array(n);
    this.utilEstEwma = new Float64Array(n);
    this.utilEstUnchanged = new Uint8Array(n);
  }

  grow(n: number): void {
    this.weight = grown(this.weight, n);
    this.inverse = grown(this.inverse, n);
    this.vruntime = grown(this.vruntime, n);
    this.execStart = grown(this.execStart, n);
    this.sumExec = grown(this.sumExec, n);
    this.prevSumExec = grown(this.prevSumExec, n);
    this.onRq = grown(this.onRq, n);
    this.cfsRq = grown(this.cfsRq, n, -1);
    this.parent = grown(this.parent, n, -1);
    this.myQ = grown(this.myQ, n, -1);
    this.next = grown(this.next, n, -1);
    this.prev = grown(this.prev, n, -1);
    this.runnableWeight = grown(this.runnableWeight, n);
    this.isIdle = grown(this.isIdle, n);
    this.utilEstEnqueued = grown(this.utilEstEnqueued, n);
    this.utilEstEwma = grown(this.utilEstEwma, n);
    this.utilEstUnchanged = grown(this.utilEstUnchanged, n);
  }
}

/** cfs_rq. @spec 02 §3, 03 §5-6 */
export class CfsRqs {
  readonly cpu: Int32Array;
  /** Task group, 0 for the root; and the group's entity on this CPU. */
  readonly group: Int32Array;
  readonly entity: Int32Array;
  readonly parent: Int32Array;
  readonly curr: Int32Array;
  readonly nextBuddy: Int32Array;
  readonly lastBuddy: Int32Array;
  readonly skipBuddy: Int32Array;
  /** Ends of the queue in order of vruntime; curr is not in it. */
  readonly leftmost: Int32Array;
  readonly rightmost: Int32Array;
  readonly minVruntime: Float64Array;
  /** Sum of the scaled weights of all queued entities, curr included. */
  readonly load: Float64Array;
  readonly nrRunning: Int32Array;
  readonly hNrRunning: Int32Array;
  readonly idleNrRunning: Int32Array;
  readonly idleHNrRunning: Int32Array;
  /** Contributions of tasks that left without the lock. @spec 03 §5.1 */
  readonly removedNr: Int32Array;
  readonly removedLoad: Float64Array;
  readonly removedUtil: Float64Array;
  readonly removedRunnable: Float64Array;
  /** Groups: what has to be carried to the parent. @spec 03 §6 */
  readonly propagate: Uint8Array;
  readonly propRunnableSum: Float64Array;
  readonly tgLoadAvgContrib: Float64Array;
  /** Cached hierarchical load and the jiffy it was worked out in. @spec 03 §9 */
  readonly hLoad: Float64Array;
  readonly hLoadUpdated: Float64Array;
  /** On the leaf list, the cfs_rqs whose averages may still decay. */
  readonly onLeafList: Uint8Array;
  readonly utilEstEnqueued: Float64Array;
  // Bandwidth. @spec 02 §10.1
  readonly runtimeEnabled: Uint8Array;
  readonly runtimeRemaining: Float64Array;
  readonly throttled: Uint8Array;
  readonly throttleCount: Int32Array;
  readonly throttledClockPelt: Float64Array;
  readonly throttledClockPeltTime: Float64Array;
  readonly throttledPeltIdle: Float64Array;

  constructor(n: number) {
    const none = () => new Int32Array(n).fill(-1);
    this.cpu = new Int32Array(n);
    this.group = new Int32Array(n);
    this.entity = none();
    this.parent = none();
    this.curr = none();
    this.nextBuddy = none();
    this.lastBuddy = none();
    this.skipBuddy = none();
    this.leftmost = none();
    this.rightmost = none();
    this.minVruntime = new Float64Array(n).fill(-(2 ** 20));
    this.load = new Float64Array(n);
    this.nrRunning = new Int32Array(n);
    this.hNrRunning = new Int32Array(n);
    this.idleNrRunning = new Int32Array(n);
    this.idleHNrRunning = new Int32Array(n);
    this.removedNr = new Int32Array(n);
    this.removedLoad = new Float64Array(n);
    this.removedUtil = new Float64Array(n);
    this.removedRunnable = new Float64Array(n);
    this.propagate = new Uint8Array(n);
    this.propRunnableSum = new Float64Array(n);
    this.tgLoadAvgContrib = new Float64Array(n);
    this.hLoad = new Float64Array(n);
    this.hLoadUpdated = new Float64Array(n).fill(-1);
    this.onLeafList = new Uint8Array(n);
    this.utilEstEnqueued = new Float64Array(n);
    this.runtimeEnabled = new Uint8Array(n);
    this.runtimeRemaining = new Float64Array(n);
    this.throttled = new Uint8Array(n);
    this.throttleCount = new Int32Array(n);
    this.throttledClockPelt = new Float64Array(n);
    this.throttledClockPeltTime = new Float64Array(n);
    this.throttledPeltIdle = new Float64Array(n);
  }
}

/** rq: one a CPU. */
export class Rqs {
  /** Current task (the CPU's idle task has the CPU's own number). */
  readonly curr: Int32Array;
  /** Tasks of all classes that are runnable here. */
  readonly nrRunning: Int32Array;
  // Clocks, ns. @spec 01 §1, 03 §7
  readonly clock: Float64Array;
  readonly clockPelt: Float64Array;
  readonly lostIdleTime: Float64Array;
  readonly clockIdle: Float64Array;
  readonly clockPeltIdle: Float64Array;
  /** The next clock update inside schedule is skipped: 1 asked for, 2 acted on. @spec 01 §1 */
  readonly clockSkip: Uint8Array;
  /** Head and tail of the list of all queued CFS tasks. @spec 06 §1 */
  readonly cfsTasksHead: Int32Array;
  readonly cfsTasksTail: Int32Array;
  // Capacity. @spec 03 §10
  readonly cpuCapacity: Float64Array;
  readonly cpuCapacityOrig: Float64Array;
  readonly misfitTaskLoad: Float64Array;
  // Balancing. @spec 06 §1, 07 §1
  readonly nextBalance: Float64Array;
  readonly idleBalance: Uint8Array;
  readonly activeBalance: Uint8Array;
  readonly pushCpu: Int32Array;
  readonly idleStamp: Float64Array;
  readonly avgIdle: Float64Array;
  readonly maxIdleBalanceCost: Float64Array;
  // NOHZ. @spec 07 §3
  readonly nohzTickStopped: Uint8Array;
  readonly hasBlockedLoad: Uint8Array;
  readonly lastBlockedUpdate: Float64Array;
  readonly nohzFlags: Uint8Array;
  readonly nohzIdleBalance: Uint8Array;
  /** Per CPU, as its LLC domain's `nohz_idle`. */
  readonly sdNohzIdle: Uint8Array;
  // Remote wakeups. @spec 05 §2.1
  readonly ttwuPending: Uint8Array;
  readonly wakeListHead: Int32Array;
  readonly wakeListTail: Int32Array;
  // RT. @spec 08
  readonly rtNrRunning: Int32Array;
  readonly rtNrMigratory: Int32Array;
  /** prio of the best queued RT task and of the best that could be pushed; 100 when none. */
  readonly rtHighestPrio: Int32Array;
  readonly rtThrottled: Uint8Array;
  readonly rtTime: Float64Array;
  /** idle task's own wakeup bookkeeping goes to the idle task's row. */
  readonly numaRunning: Int32Array;
  readonly preferredRunning: Int32Array;
  /** cpuidle state the CPU is in, -1 none; and since when it idles. */
  readonly idleState: Int32Array;

  constructor(n: number) {
    this.curr = Int32Array.from({ length: n }, (_, cpu) => cpu);
    this.nrRunning = new Int32Array(n);
    this.clock = new Float64Array(n);
    this.clockPelt = new Float64Array(n);
    this.lostIdleTime = new Float64Array(n);
    this.clockIdle = new Float64Array(n);
    this.clockPeltIdle = new Float64Array(n);
    this.clockSkip = new Uint8Array(n);
    this.cfsTasksHead = new Int32Array(n).fill(-1);
    this.cfsTasksTail = new Int32Array(n).fill(-1);
    this.cpuCapacity = new Float64Array(n);
    this.cpuCapacityOrig = new Float64Array(n);
    this.misfitTaskLoad = new Float64Array(n);
    this.nextBalance = new Float64Array(n);
    this.idleBalance = new Uint8Array(n);
    this.activeBalance = new Uint8Array(n);
    this.pushCpu = new Int32Array(n);
    this.idleStamp = new Float64Array(n);
    this.avgIdle = new Float64Array(n);
    this.maxIdleBalanceCost = new Float64Array(n);
    this.nohzTickStopped = new Uint8Array(n);
    this.hasBlockedLoad = new Uint8Array(n);
    this.lastBlockedUpdate = new Float64Array(n);
    this.nohzFlags = new Uint8Array(n);
    this.nohzIdleBalance = new Uint8Array(n);
    this.sdNohzIdle = new Uint8Array(n);
    this.ttwuPending = new Uint8Array(n);
    this.wakeListHead = new Int32Array(n).fill(-1);
    this.wakeListTail = new Int32Array(n).fill(-1);
    this.rtNrRunning = new Int32Array(n);
    this.rtNrMigratory = new Int32Array(n);
    this.rtHighestPrio = new Int32Array(n).fill(100);
    this.rtThrottled = new Uint8Array(n);
    this.rtTime = new Float64Array(n);
    this.numaRunning = new Int32Array(n);
    this.preferredRunning = new Int32Array(n);
    this.idleState = new Int32Array(n).fill(-1);
  }
}

/** Scheduling classes, highest first. @spec 08 §1 */
export const Class = { STOP: 0, DL: 1, RT: 2, FAIR: 3, IDLE: 4 } as const;

/** Scheduling policies, by the kernel's numbers. */
export const Policy = { NORMAL: 0, FIFO: 1, RR: 2, BATCH: 3, IDLE: 5, DEADLINE: 6 } as const;

/** task.onRq */
export const OnRq = { NO: 0, QUEUED: 1, MIGRATING: 2 } as const;

/** States of a task: those a trace shows, and two it does not. @spec 05 §2 */
export const State = {
  RUNNING: 0,
  INTERRUPTIBLE: 1,
  UNINTERRUPTIBLE: 2,
  DEAD: 16,
  WAKING: 512,
  NEW: 2048,
} as const;

/** task_struct. */
export class Tasks {
  /** 1 where the slot holds a task. */
  alive: Uint8Array;
  state: Int32Array;
  /** Executing on its CPU, or its CPU is still switching away from it. */
  onCpu: Uint8Array;
  onRq: Uint8Array;
  cpu: Int32Array;
  wakeCpu: Int32Array;
  recentUsedCpu: Int32Array;
  schedClass: Uint8Array;
  policy: Uint8Array;
  /** Kernel priority: 120 + nice, 99 - rt_priority, -1 for the stopper. */
  prio: Int32Array;
  nice: Int32Array;
  /** Which mask of the pool it may run on, and the CPUs in it. */
  allowed: Int32Array;
  nrAllowed: Int32Array;
  /** A kernel thread bound to one CPU. */
  perCpuKthread: Uint8Array;
  group: Int32Array;
  /** Neighbours in the rq's cfs_tasks (towards the tail / the head), or in its RT list. */
  listNext: Int32Array;
  listPrev: Int32Array;
  /** Next in a wake list. */
  wakeNext: Int32Array;
  remoteWakeup: Uint8Array;
  // wake_wide. @spec 05 §3.1
  lastWakee: Int32Array;
  wakeeFlips: Float64Array;
  wakeeFlipDecay: Float64Array;
  hot: Uint8Array;
  timeSlice: Int32Array;
  rtTimeout: Int32Array;
  numaPreferred: Int32Array;
  // Accounting. @spec 09
  nrMigrations: Float64Array;
  nrFailedAffine: Float64Array;
  nrFailedRunning: Float64Array;
  nrFailedHot: Float64Array;
  nrForced: Float64Array;
  nrVoluntary: Float64Array;
  nrInvoluntary: Float64Array;
  lastQueued: Float64Array;
  lastArrival: Float64Array;
  runDelay: Float64Array;
  /** Id in the trace. */
  traceId: Int32Array;
  exitCode: Uint8Array;

  constructor(n: number) {
    const ints = (fill = 0) => new Int32Array(n).fill(fill);
    const floats = () => new Float64Array(n);
    const bytes = () => new Uint8Array(n);
    this.alive = bytes();
    this.state = ints();
    this.onCpu = bytes();
    this.onRq = bytes();
    this.cpu = ints();
    this.wakeCpu = ints();
    this.recentUsedCpu = ints();
    this.schedClass = bytes();
    this.policy = bytes();
    this.prio = ints();
    this.nice = ints();
    this.allowed = ints();
    this.nrAllowed = ints();
    this.perCpuKthread = bytes();
    this.group = ints();
    this.listNext = ints(-1);
    this.listPrev = ints(-1);
    this.wakeNext = ints(-1);
    this.remoteWakeup = bytes();
    this.lastWakee = ints(-1);
    this.wakeeFlips = floats();
    this.wakeeFlipDecay = floats();
    this.hot = bytes();
    this.timeSlice = ints();
    this.rtTimeout = ints();
    this.numaPreferred = ints(-1);
    this.nrMigrations = floats();
    this.nrFailedAffine = floats();
    this.nrFailedRunning = floats();
    this.nrFailedHot = floats();
    this.nrForced = floats();
    this.nrVoluntary = floats();
    this.nrInvoluntary = floats();
    this.lastQueued = floats();
    this.lastArrival = floats();
    this.runDelay = floats();
    this.traceId = ints(-1);
    this.exitCode = bytes();
  }

  grow(n: number): void {
    for (const [name, column] of Object.entries(this)) {
      const none = NONE_COLUMNS.has(name) ? -1 : 0;
      (this as Record<string, unknown>)[name] = grown(column as Int32Array, n, none);
    }
  }
}

/** Columns of Tasks whose "none" is -1. */
const NONE_COLUMNS = new Set(['listNext', 'listPrev', 'wakeNext', 'lastWakee', 'numaPreferred', 'traceId']);
