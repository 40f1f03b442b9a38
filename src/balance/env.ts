/**
 * The environment of one balance pass: what the kernel keeps in `lb_env`. One object serves all passes of a simulation,
 * for a pass is decided in one go. @spec 06 §1
 */

import { k, msecsToJiffies } from '../sched/kernel.ts';
import * as rq from '../sched/rq.ts';
import { REASONS, Reason } from '../trace/decisions.ts';

export const Idle = { IDLE: 0, NOT_IDLE: 1, NEWLY_IDLE: 2 } as const;

/** Ascending by how much a group deserves to be pulled from. */
export const GroupType = {
  HAS_SPARE: 0,
  FULLY_BUSY: 1,
  MISFIT_TASK: 2,
  ASYM_PACKING: 3,
  IMBALANCED: 4,
  OVERLOADED: 5,
} as const;

export const Migrate = { LOAD: 0, UTIL: 1, TASK: 2, MISFIT: 3 } as const;

export const Fbq = { REGULAR: 0, REMOTE: 1, ALL: 2 } as const;

export const LbFlag = {
  ALL_PINNED: 1,
  NEED_BREAK: 2,
  DST_PINNED: 4,
  SOME_PINNED: 8,
  ACTIVE_LB: 16,
} as const;

/** Tasks detached between two breaks, and the most a pass looks at by default. */
export const NR_MIGRATE_BREAK = 32;

export class LbEnv {
  sd = -1;
  dstCpu = -1;
  srcCpu = -1;
  /** CPU of the busiest queue as it was last looked for, or -1; `srcCpu` stays when all of a queue is pinned. */
  busiestCpu = -1;
  /** Group that find_busiest_group chose, or -1. */
  busiestGroup = -1;
  idle = 0;
  imbalance = 0;
  flags = 0;
  newDstCpu = -1;
  loop = 0;
  loopBreak = NR_MIGRATE_BREAK;
  loopMax = 0;
  fbqType: number = Fbq.ALL;
  migrationType = 0;
  dstCoreIdle = false;
  /** Some CPUs have been struck from the pass; `cpus` says which are left. Otherwise all of the span are. */
  restricted = false;
  readonly cpus: Uint32Array;
  /** Tasks detached so far, in order. */
  readonly tasks: Int32Array;
  nrTasks = 0;
  /** Why the pass did nothing, for its decision record; the rule in the kernel's words. */
  reason: Reason = Reason.NONE;
  why = '';
  /** How many tasks were refused for each reason; counted only when decisions are recorded. */
  readonly refused = new Int32Array(REASONS.length);

  constructor(nrCpus: number) {
    this.cpus = new Uint32Array((nrCpus + 31) >>> 5);
    this.tasks = new Int32Array(1024);
  }

  /** A new pass. */
  begin(sd: number, dstCpu: number, idle: number): void {
    this.sd = sd;
    this.dstCpu = dstCpu;
    this.srcCpu = -1;
    this.busiestCpu = -1;
    this.busiestGroup = -1;
    this.idle = idle;
    this.imbalance = 0;
    this.flags = 0;
    this.newDstCpu = -1;
    this.loop = 0;
    this.loopBreak = NR_MIGRATE_BREAK;
    this.loopMax = 0;
    this.fbqType = Fbq.ALL;
    this.migrationType = 0;
    this.dstCoreIdle = false;
    this.restricted = false;
    this.nrTasks = 0;
    this.reason = Reason.NONE;
    this.why = '';
  }

  /** The pass does nothing, for this reason: always false. */
  refuse(reason: Reason, why: string): false {
    this.reason = reason;
    this.why = why;
    return false;
  }

  has(cpu: number): boolean {
    return !this.restricted || (this.cpus[cpu >>> 5]! & (1 << (cpu & 31))) !== 0;
  }

  strike(cpu: number): void {
    if (!this.restricted) {
      const { sd } = k;
      const from = sd.spanMask[this.sd]!;
      for (let i = 0; i < this.cpus.length; i++) this.cpus[i] = sd.masks[from + i]!;
      this.restricted = true;
    }
    this.cpus[cpu >>> 5]! &= ~(1 << (cpu & 31));
  }
}

/** Jiffies between two balances of a domain; longer while the CPU is busy. @spec 06 §2.4 */
export function getInterval(sd: number, busy: boolean): number {
  let interval = k.sd.balanceInterval[sd]!;
  if (busy) interval *= k.sd.busyFactor[sd]!;
  interval = msecsToJiffies(interval);
  if (busy) interval -= 1;
  return Math.min(Math.max(interval, 1), k.maxLoadBalanceInterval);
}

/** Has the time come for the domain's next pass? @spec 06 §2.3 */
export function balanceDue(sd: number, busy: boolean): boolean {
  return k.jiffies >= k.sd.lastBalance[sd]! + getInterval(sd, busy);
}

/** Capacity noticeably below what the CPU could do. @spec 06 §5.1 */
export function capacityReduced(cpu: number, sd: number): boolean {
  return rq.cpuCapacity[cpu]! * k.sd.imbalancePct[sd]! < rq.cpuCapacityOrig[cpu]! * 100;
}

/** About 5 % more. @spec 06 §6 */
export function capacityGreater(a: number, b: number): boolean {
  return a * 1024 > b * 1078;
}

/** The part of an imbalance that a NUMA domain acts on. @spec 06 §8.1 */
export function adjustNumaImbalance(imbalance: number, running: number, limit: number): number {
  if (running > limit) return imbalance;
  return imbalance <= 2 ? 0 : imbalance;
}

/** `a` is to be preferred over `b` for running tasks. @spec 06 §5.5 */
export function asymPrefer(a: number, b: number): boolean {
  return k.topology.priority[a]! > k.topology.priority[b]!;
}
