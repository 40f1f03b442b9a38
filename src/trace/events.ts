/**
 * The vocabulary of a trace: every kind of event, and the values that some arguments can have. What each kind is called and
 * what its arguments are is in `event-specs.ts`.
 *
 * A row of a trace is (time in ns, CPU it happened on, kind, task it is about, arguments). The arguments are numbers, in
 * the order given there; what is not a number (a comm, a mask, the text of a marker) is an index into a table of the trace
 * (`sink.ts`). The names of kinds and arguments are those of the tracepoints (spec 09 §3) and of the kernel lab's
 * probes, so that a writer for `trace-cmd report` is a matter of layout.
 *
 * Tasks are referred to by trace task id, an index into `TraceTables.tasks`; `IDLE_TASK` (-1) is the idle task of the
 * CPU. The task that was running when an event happened is not stored: it follows from the switches.
 */

/** The idle task of whichever CPU the row is about. */
export const IDLE_TASK = -1;

/**
 * The value of an argument that its source does not tell: a recording of an older kernel, a simulated trace of something
 * not modelled. Counts, times and CPUs are never negative, so it cannot be mistaken for an observation; the few
 * arguments that may be negative say how to tell.
 */
export const NOT_OBSERVED = -1;

/** Kinds of events; small integers, stable on disk. New kinds go to the end. */
export const Ev = {
  /** task = prev. prevState is the kernel's bit value (0 is R); +256 for a preempt-mode switch (`R+`). */
  SCHED_SWITCH: 0,
  SCHED_WAKING: 1,
  SCHED_WAKEUP: 2,
  SCHED_WAKEUP_NEW: 3,
  /** cause: a `MigrateCause`; level: topology-table index of the domain for pulls, else -1. */
  SCHED_MIGRATE_TASK: 4,
  SCHED_PROCESS_FORK: 5,
  SCHED_PROCESS_EXEC: 6,
  SCHED_PROCESS_EXIT: 7,
  /** vruntime is signed; newer kernels (6.12) do not tell it. */
  SCHED_STAT_RUNTIME: 8,
  SCHED_STAT_WAIT: 9,
  SCHED_STAT_SLEEP: 10,
  SCHED_STAT_BLOCKED: 11,
  SCHED_STAT_IOWAIT: 12,
  SOFTIRQ_RAISE: 13,
  SOFTIRQ_ENTRY: 14,
  SOFTIRQ_EXIT: 15,
  RESCHEDULE_ENTRY: 16,
  CALL_FUNCTION_SINGLE_ENTRY: 17,
  SCHED_WAKE_IDLE_WITHOUT_IPI: 18,
  /** level: index in the kernel's topology table (SMT 0, CLS 1, MC 2, DIE 3, NODE 4, NUMA 5..). */
  LB_ENTER: 19,
  /** group 0: balanced. gmask: first 64 bits of the group's CPU mask, as two words. */
  LB_BUSIEST: 20,
  /** costNs: simulated time the pass took (not in recordings: -1). */
  LB_LEAVE: 21,
  CAN_MIGRATE: 22,
  CAN_MIGRATE_RET: 23,
  DETACH: 24,
  NEED_ACTIVE: 25,
  NEED_ACTIVE_RET: 26,
  ACTIVE_BALANCE: 27,
  NEWIDLE: 28,
  NEWIDLE_RET: 29,
  REBALANCE: 30,
  ILB_KICKED: 31,
  NOHZ_IDLE_BALANCE: 32,
  NOHZ_ENTER: 33,
  SELECT: 34,
  SELECT_RET: 35,
  IDLEST: 36,
  IDLEST_RET: 37,
  /** vr, dl and lag are signed; dl, lag and slice are observed iff slice is positive (EEVDF only). */
  PELT_SE: 38,
  PELT_CFS: 39,
  PELT_BLOCKED: 40,
  /** A marker (trace_marker). */
  PRINT: 41,
  /** The task's comm becomes the string. Simulated traces only. */
  RENAME: 42,
  /** The task may run on the CPUs of the mask from now on. Simulated traces only. */
  AFFINITY: 43,
  /** The task finished `units` of its work; latencyNs is -1 where the unit has no latency. Simulated traces only. */
  WORK: 44,
  /** The recorder lost `count` events of this CPU before this moment (NOT_OBSERVED: it does not know how many). */
  LOST_EVENTS: 45,
  /**
   * A decision of the scheduler (`decisions.ts`): task = the task it is about. The rows that follow at once, of the kinds
   * below, say what it saw. Simulated traces only, when decisions are recorded.
   */
  DECISION: 46,
  /** A number that the decision looked at. */
  DECISION_FACT: 47,
  /** Statistics of a group of CPUs. role: a `GroupRole`, type: of `GROUP_TYPES`. */
  DECISION_GROUP: 48,
  /** CPUs that were looked at. */
  DECISION_CPUS: 49,
  /** task = one that was looked at, and what became of it. */
  DECISION_TASK: 50,
} as const;
export type EventKind = (typeof Ev)[keyof typeof Ev];

/** Why a task changed CPU; arguments of SCHED_MIGRATE_TASK. Names as in the kernel lab's figures. */
export const MIGRATE_CAUSES = [
  'other',
  'wakeup',
  'fork',
  'exec',
  'idle',
  'busy',
  'newidle',
  'active',
  'affinity',
  'rt-push',
  'rt-pull',
  'numa',
  'steal',
  'push',
  'policy',
] as const;
export type MigrateCauseName = (typeof MIGRATE_CAUSES)[number];
export const MigrateCause = {
  OTHER: 0,
  WAKEUP: 1,
  FORK: 2,
  EXEC: 3,
  /** The three idle types of load_balance: the kernel's CPU_IDLE, CPU_NOT_IDLE, CPU_NEWLY_IDLE. */
  IDLE: 4,
  BUSY: 5,
  NEWIDLE: 6,
  ACTIVE: 7,
  AFFINITY: 8,
  RT_PUSH: 9,
  RT_PULL: 10,
  NUMA: 11,
  STEAL: 12,
  PUSH: 13,
  /** A policy file of the user's. */
  POLICY: 14,
} as const;

/** Names of the topology levels by their index in the kernel's table; 5 and above are NUMA. @spec 04 §1 */
export function levelName(level: number): string {
  return LEVEL_NAMES[level] ?? 'NUMA';
}
const LEVEL_NAMES = ['SMT', 'CLS', 'MC', 'DIE', 'NODE'];

/** Task state bits as `prev_state` has them. @spec 09 §3 */
export const TaskState = {
  RUNNING: 0,
  INTERRUPTIBLE: 1,
  UNINTERRUPTIBLE: 2,
  DEAD: 16,
  ZOMBIE: 32,
  PARKED: 64,
  IDLE: 128,
  /** Added for a preempt-mode switch of a running task: `R+`. */
  PREEMPTED: 256,
} as const;

/** Is it a row of a decision record? */
export function isDecisionKind(kind: number): boolean {
  return kind >= Ev.DECISION && kind <= Ev.DECISION_TASK;
}
