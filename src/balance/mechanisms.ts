/**
 * Tunables of the mechanisms a policy may be made of: which of them are on is said by its parts (`parts.ts`). Defaults are
 * the ones of whoever proposed the mechanism.
 */

/** @spec 20 §7.6, 22 §4 */
export const NEWIDLE_GATES = ['domain_cost', 'migration_cost', 'none'] as const;
/** @spec 20 §10 */
export const STEAL_SCOPES = ['llc', 'node', 'machine'] as const;
export const STEAL_STARTS = ['self', 'random', 'last'] as const;

/** @spec 21 §3.2 */
export const PULL_VARIANTS = ['fixed', 'as_posted'] as const;

export interface NewidleTunables {
  /** newidle=pull_one: as it was meant, or as it was posted. */
  readonly pull: (typeof PULL_VARIANTS)[number];
  /** The first gate: avg_idle below the cost of the lowest domain, below migration_cost, or no such gate. */
  readonly gate: (typeof NEWIDLE_GATES)[number];
  /** A failed attempt raises the domain's remembered cost by half. */
  readonly costBump: boolean;
}

/** @spec 20 §2, §4, §5, §10 */
export interface StealTunables {
  /** 2^density CPUs share a line of the mask. */
  readonly density: number;
  readonly scope: (typeof STEAL_SCOPES)[number];
  readonly start: (typeof STEAL_STARTS)[number];
  readonly smtFirst: boolean;
  /** `SCHED_STEAL_COST`, ns. */
  readonly minAvgIdleNs: number;
  /** `sched_steal_node_limit` */
  readonly nodeLimit: number;
  readonly rt: boolean;
}

/** @spec 20 §9-10 */
export const SHARED_RUNQ_INDEXES = ['insertion', 'enqueue'] as const;

export interface SharedRunqTunables {
  /** CPUs a shard. */
  readonly shardSize: number;
  /** Of a shard only the head is looked at. */
  readonly headOnly: boolean;
  /** Tasks are listed whenever they go into the tree, also when put back, or only when they become runnable on the CPU. */
  readonly index: (typeof SHARED_RUNQ_INDEXES)[number];
  /** The search that follows leaves out the domains up to the LLC's. */
  readonly skipLlc: boolean;
  /** No pull either when avg_idle is below what newidle balance asks for. */
  readonly gated: boolean;
}

/** @spec 21 §5-6 */
export const PUSH_EXECUTORS = ['callback', 'callback_double', 'ipi_pull', 'ipi_pull_batch', 'stopper'] as const;
export const PUSH_TRIGGERS = ['put_prev', 'enqueue', 'tick', 'preempt'] as const;
export const PUSH_CLAIMS = ['none', 'clear_bit', 'token', 'pending', 'cursor'] as const;
export const PUSH_PREDICATES = ['nayak', 'eas', 'misfit'] as const;
export const PUSH_SEARCHES = ['near', 'flat', 'energy'] as const;
export const IDLE_TRACKINGS = ['nohz_global', 'nohz_llc', 'all_llc', 'all_llc_lazy', 'all_sharded'] as const;

export const IDLE_CORES = ['hint', 'mask'] as const;

export interface PushTunables {
  /** Who does the work. */
  readonly executor: (typeof PUSH_EXECUTORS)[number];
  readonly trigger: (typeof PUSH_TRIGGERS)[number];
  readonly claim: (typeof PUSH_CLAIMS)[number];
  /** Which waiting tasks are listed. */
  readonly predicate: (typeof PUSH_PREDICATES)[number];
  readonly search: (typeof PUSH_SEARCHES)[number];
  /** CPUs looked at in an LLC at most; 0: as many as a wakeup would there. */
  readonly scanMax: number;
  /** A task goes to another node only after waiting that long. */
  readonly numaWaitNs: number;
  /** trigger=tick: the head of the list must have waited that long. */
  readonly minWaitNs: number;
}

export interface IdleTunables {
  readonly tracking: (typeof IDLE_TRACKINGS)[number];
  /** How a push knows of idle cores: by the hint of each LLC, as wakeups do, or by a sparse mask of them. */
  readonly cores: (typeof IDLE_CORES)[number];
}

/** @spec 23 §3 */
export const GROUP_METRICS = ['mainline', 'average', 'min'] as const;
export const WAKEUP_SCOPES = ['llc', 'node', 'machine_longest_idle'] as const;

/** Old bugs, and what was proposed against them. Mainline has none. @spec 23 §3 */
export interface Faults {
  /** How groups are compared: by type first, or (before 5.5) by load alone: their average, or that of their idlest CPU. */
  readonly groupMetric: (typeof GROUP_METRICS)[number];
  /** Overlapping groups are built once, as the first CPU of their domain sees them. */
  readonly groupsFromCpu0: boolean;
  /** Where a wakeup looks for an idle CPU. */
  readonly wakeupScope: (typeof WAKEUP_SCOPES)[number];
  /** A CPU was taken offline and online before the run began, and domains across nodes were not built again. */
  readonly dropNumaDomainsOnHotplug: boolean;
}

export interface Mechanisms {
  readonly fault: Faults;
  readonly newidle: NewidleTunables;
  readonly steal: StealTunables;
  readonly sharedRunq: SharedRunqTunables;
  readonly push: PushTunables;
  readonly idle: IdleTunables;
}

export const DEFAULT_MECHANISMS: Mechanisms = {
  fault: {
    groupMetric: 'mainline',
    groupsFromCpu0: false,
    wakeupScope: 'llc',
    dropNumaDomainsOnHotplug: false,
  },
  newidle: { pull: 'fixed', gate: 'domain_cost', costBump: false },
  steal: {
    density: 3,
    scope: 'llc',
    start: 'self',
    smtFirst: true,
    minAvgIdleNs: 10_000,
    nodeLimit: 2,
    rt: false,
  },
  sharedRunq: { shardSize: 6, headOnly: true, index: 'insertion', skipLlc: true, gated: false },
  push: {
    executor: 'callback',
    trigger: 'put_prev',
    claim: 'none',
    predicate: 'nayak',
    search: 'near',
    scanMax: 0,
    numaWaitNs: 1_000_000,
    minWaitNs: 0,
  },
  idle: { tracking: 'nohz_global', cores: 'hint' },
};
