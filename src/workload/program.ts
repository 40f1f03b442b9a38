/**
 * What tasks do: a workload is a set of task kinds, each with a program of instructions, and the things they share.
 *
 * A workload knows nothing of a scheduler. The simulated scheduler runs the programs (`sched/vm.ts`); readers (rt-app,
 * kernel-lab scenarios) and generators (hackbench, schbench, ...) only build this structure, with the functions of
 * `build.ts`, which check it.
 *
 * Tasks come into being as on a real system: the workload's `main` task runs first, on the CPU where it happens to be,
 * and forks the others, which are then placed by the scheduler under study. Times are integer nanoseconds.
 */

/** How long something takes; drawn anew each time the instruction is executed. */
export type Duration =
  | { readonly kind: 'fixed'; readonly ns: number }
  /** min + stepNs * k, k uniform over the whole steps up to max (inclusive). */
  | { readonly kind: 'uniform'; readonly minNs: number; readonly maxNs: number; readonly stepNs: number }
  | { readonly kind: 'exponential'; readonly meanNs: number }
  | { readonly kind: 'lognormal'; readonly medianNs: number; readonly sigma: number };

/** What messages go through. Sending to an empty one wakes its receiver with `sync`. */
export interface ChannelSpec {
  readonly name: string;
  /** Messages it holds before senders sleep. */
  readonly capacity: number;
  readonly sync: boolean;
  /** Messages that have to be taken together to make room (a page of a pipe), for one sleeping sender each time. Default 1. */
  readonly page?: number;
  /** Instead, all sleeping senders are woken when no more than so many messages are left (a socket). */
  readonly wakeAllAt?: number;
}

/**
 * Which object of a table (semaphores, channels, ...) an instruction means. Programs are shared by all instances of a
 * kind, so the object may depend on the instance: `base + stride * (index >> shift)`. Per-pair objects have shift 1.
 */
export interface Ref {
  readonly base: number;
  readonly stride: number;
  readonly shift: number;
}

/** sched_setscheduler policies. `deadline` tasks are run as FIFO of the highest priority. */
export type SchedPolicy = 'other' | 'batch' | 'idle' | 'fifo' | 'rr' | 'deadline';

export type Instruction =
  /** Use CPU time: `work` ns at capacity 1024; on a CPU of capacity 512 twice as long. */
  | { readonly op: 'run'; readonly work: Duration }
  /** As `run`, but in the kernel, in a call of the task's: an emulator counts its instructions (spec 24 §8). */
  | { readonly op: 'system'; readonly work: Duration }
  /** Be busy until `ns` of wall-clock time have passed since the instruction began, preempted or not. */
  | { readonly op: 'runtime'; readonly ns: number }
  /** Run until the workload's end. */
  | { readonly op: 'hog' }
  /** Sleep from now. `state` D counts as uninterruptible (and as iowait with `io`), I is how kernel workers wait. */
  | { readonly op: 'sleep'; readonly time: Duration; readonly state: 'S' | 'D' | 'I'; readonly io?: boolean }
  /** Sleep until the workload's time zero + at + step * index + a uniform draw of 0..jitter (whole us). */
  | { readonly op: 'sleepUntil'; readonly atNs: number; readonly stepNs: number; readonly jitterNs: number }
  /** Sleep until the next multiple of `ns` since the task's program passed its `begin` (else since it started). */
  | { readonly op: 'period'; readonly ns: number }
  /** rt-app timer: next point of the timer's grid; @spec 25 §11.6 */
  | { readonly op: 'timer'; readonly timer: Ref; readonly periodNs: number; readonly mode: 'relative' | 'absolute' }
  /** Read the clock of the CPU time used: the kernel charges the task for what it ran, and so may find its slice over. */
  | { readonly op: 'cpuClock' }
  /** The task's own time zero for `period`; without it, the moment its program starts. */
  | { readonly op: 'begin' }
  /** Workload time zero is now (the main task says it; else it is the start of the simulation). */
  | { readonly op: 'epoch'; readonly delayNs: number }
  /** Add one token to the semaphore and wake a waiter; `sync` as pipes do (the waker is about to sleep). */
  | { readonly op: 'wake'; readonly semaphore: Ref; readonly count: number; readonly sync: boolean }
  /** Take one token, sleeping until there is one. */
  | { readonly op: 'wait'; readonly semaphore: Ref }
  /** As `wait`, but burning CPU time until there is a token. @spec 23 §4 */
  | { readonly op: 'spinWait'; readonly semaphore: Ref }
  /** Put one message into the channel, sleeping while it is full. `work` is the CPU time of it, used first. */
  | { readonly op: 'send'; readonly channel: Ref; readonly work: Duration }
  /** Take one message, sleeping while there is none. `work` is used after the message is there. */
  | { readonly op: 'receive'; readonly channel: Ref; readonly work: Duration }
  | { readonly op: 'lock'; readonly mutex: Ref }
  | { readonly op: 'unlock'; readonly mutex: Ref }
  /**
   * Take the spinlock of the CPU the task is on now, burning CPU time until it is free. The task remembers which one it
   * took, for `unlockCpu`, wherever it is moved meanwhile. @spec 25 §3
   */
  | { readonly op: 'lockCpu' }
  | { readonly op: 'unlockCpu' }
  /** Release the mutex, sleep until signalled, take it again. */
  | { readonly op: 'condWait'; readonly condition: Ref; readonly mutex: Ref }
  | { readonly op: 'signal'; readonly condition: Ref }
  | { readonly op: 'broadcast'; readonly condition: Ref }
  /** Wait until `parties` of the barrier's table entry have come. */
  | { readonly op: 'barrier'; readonly barrier: Ref; readonly spin: boolean }
  /** Sleep until somebody resumes the name; a resume that finds nobody is lost. */
  | { readonly op: 'suspend'; readonly suspension: Ref; readonly state?: 'S' | 'I' }
  | { readonly op: 'resume'; readonly suspension: Ref }
  /**
   * Start `count` tasks of a kind, one after the other. Their indices continue from those already started, or count from
   * `firstIndex` each time (as labgen's fork action does).
   */
  | { readonly op: 'fork'; readonly kind: number; readonly count: number; readonly firstIndex?: number }
  /** Sleep until all tasks forked by this one have exited. */
  | { readonly op: 'waitChildren' }
  /** execve: a chance to be placed anew; the comm may change. */
  | { readonly op: 'exec'; readonly comm?: string }
  /** A new comm; `%d` is the task's index, as in `TaskKind.comm`. */
  | { readonly op: 'rename'; readonly comm: string }
  /** Affinity of the task itself, or of every living task of a kind; null: all CPUs. */
  | { readonly op: 'setAffinity'; readonly of: 'self' | number; readonly cpus: readonly number[] | null }
  | { readonly op: 'setNice'; readonly of: 'self' | number; readonly nice: number }
  /** `sliceNs`: a custom slice of a fair task, for schedulers that have them (6.12 and later); absent: the base slice. */
  | { readonly op: 'setPolicy'; readonly policy: SchedPolicy; readonly priority: number; readonly sliceNs?: number }
  /** Utilisation clamps, 0..1024; -1 leaves one as it is. */
  | { readonly op: 'setClamps'; readonly min: number; readonly max: number }
  /** Join a cgroup (index into `cgroups`), or the root group (-1). */
  | { readonly op: 'setGroup'; readonly group: number }
  /** Handle the softirqs that were left to the CPU's thread (`softirqThreads`). */
  | { readonly op: 'softirq' }
  | { readonly op: 'yield' }
  /** Repeat up to the matching `end`: count times, 0 = for ever. */
  | { readonly op: 'loop'; readonly count: number }
  | { readonly op: 'end' }
  /** Write to the trace's markers. */
  | { readonly op: 'mark'; readonly text: string }
  /**
   * Start the clock of a unit of work (a request): now, or with `sinceWake` when the task was last woken, if it has slept
   * at all since its previous `unitBegin`.
   */
  | { readonly op: 'unitBegin'; readonly sinceWake?: boolean }
  /** `units` of work are done; with `timed`, the time since `unitBegin` is their latency. */
  | { readonly op: 'unitDone'; readonly units: number; readonly timed: boolean }
  /** The whole workload ends now, every task that is left is killed (a controller's last act). */
  | { readonly op: 'stop' }
  | { readonly op: 'exit' };

export type OpName = Instruction['op'];

/** One kind of task. */
export interface TaskKind {
  /** Name of the kind; figures are per kind. Empty: not part of the workload proper (a controller, noise). */
  readonly name: string;
  /** comm of an instance: `%d` is its index. At most 15 characters are kept, as the kernel does. */
  readonly comm: string;
  readonly policy: SchedPolicy;
  /** 1..99 for fifo and rr, else 0. */
  readonly priority: number;
  readonly nice: number;
  /** Affinity from birth; null: inherited from the parent (all CPUs for main). */
  readonly cpus: readonly number[] | null;
  /** Index into `cgroups`, or -1 for the root group. */
  readonly group: number;
  /** Bytes the task touches again and again; for the cost of a cold cache. 0: not known, what the cost profile says. */
  readonly workingSetBytes: number;
  /** Part of its time (0..1) that the task waits for memory: how much slower it is away from its memory's node. Default 0. */
  readonly memoryBound?: number;
  /** Utilisation clamps, 0..1024; absent: inherited from the parent (none for main). */
  readonly utilMin?: number;
  readonly utilMax?: number;
  /** A kernel thread; bound ones (a single CPU) are never moved. */
  readonly kthread: boolean;
  /** Threads of one process share an address space (cheaper switches): equal numbers, -1 for own. */
  readonly process: number;
  /** Born with the policy, priority, nice value and control group of its parent, whatever the fields above say. */
  readonly inherits?: boolean;
  /** What `inherits` inherits from a task of this kind is policy other, nice 0 (SCHED_RESET_ON_FORK). */
  readonly resetOnFork?: boolean;
  readonly program: readonly Instruction[];
}

/** A control group. @spec 02 §10 */
export interface GroupSpec {
  readonly path: string;
  /** Index of the parent, or -1 for the root. */
  readonly parent: number;
  /** cpu.weight, 1..10000, default 100. */
  readonly weight: number;
  /** cpu.idle */
  readonly idle: boolean;
  /** cpu.max: ns per period, or null for no limit. */
  readonly quotaNs: number | null;
  readonly periodNs: number;
  readonly burstNs: number;
}

export interface Workload {
  readonly name: string;
  /** Kind 0 is the main task, started when the simulation starts. */
  readonly kinds: readonly TaskKind[];
  /**
   * Initial number of tokens of each semaphore, and whether the tasks waiting for one are woken newest first (as pollers
   * of one file are) instead of oldest first.
   */
  readonly semaphores: readonly { readonly name: string; readonly initial: number; readonly newestFirst?: boolean }[];
  readonly channels: readonly ChannelSpec[];
  readonly mutexes: readonly { readonly name: string; readonly priorityInheritance: boolean }[];
  readonly conditions: readonly { readonly name: string }[];
  readonly barriers: readonly { readonly name: string; readonly parties: number }[];
  /** `keepsTicks`: being resumed is work for RCU, which keeps ticks on (`rcu_grace`). */
  readonly suspensions: readonly { readonly name: string; readonly keepsTicks?: boolean }[];
  /** What is resumed when a task dies whose parent is dead. */
  readonly orphansResume?: number;
  /** The suspension in which CPU 0's ksoftirqd waits for softirqs that are left to it; those of other CPUs follow. */
  readonly softirqThreads?: number;
  readonly timers: readonly { readonly name: string }[];
  readonly groups: readonly GroupSpec[];
  /** Simulated time to stop at, unless told otherwise; null: when every task of the workload has exited. */
  readonly durationNs: number | null;
  /**
   * Tasks of named kinds end at the workload's time zero + this: the run, hog, sleep, sleepUntil or period they are in is
   * cut short there and they exit; one that waits for somebody goes on waiting. Absent or null: no such end, and a hog
   * runs until `durationNs`.
   */
  readonly endNs?: number | null;
  /** Figures and checks begin here at the earliest (a warm-up); 0 for none. */
  readonly warmupNs: number;
  /**
   * How the tasks' random numbers are seeded: `streams` - an independent stream for each kind and index;
   * `labgen` - exactly as the kernel lab's load generator does, so that the same seed draws the same numbers.
   */
  readonly seeding: 'streams' | 'labgen';
  /** Upper bound on tasks alive at one time, for sizing; exceeded only by an error. */
  readonly maxTasks: number;
  /** What `units` of `unitDone` are called, for the throughput figure: `messages`, `requests`, `loops`. */
  readonly unit: string;
}

export function fixed(ns: number): Duration {
  return { kind: 'fixed', ns };
}

/** Uniform over whole microseconds, both ends included. */
export function uniformUs(minUs: number, maxUs: number): Duration {
  if (minUs === maxUs) return fixed(minUs * 1000);
  return { kind: 'uniform', minNs: minUs * 1000, maxNs: maxUs * 1000, stepNs: 1000 };
}

/** The one object `id` for every instance. */
export function ref(id: number): Ref {
  return { base: id, stride: 0, shift: 0 };
}

/** An object of its own for each instance: base, base + 1, ... */
export function refByIndex(base: number): Ref {
  return { base, stride: 1, shift: 0 };
}
