/**
 * Virtual time, nanosecond by nanosecond: each `sched_stat_runtime` tells how long the running entity has run since it was
 * last charged, and its vruntime after that; `pelt_se` and `pelt_blocked` tell vruntime and sum_exec_runtime, `pelt_cfs`
 * min_vruntime. The simulator's functions charge, place and queue a copy of each runqueue as the events say, and the
 * numbers must be the kernel's.
 *
 *   sched_stat_runtime   the running entity is charged; min_vruntime follows it and the leftmost  @spec 02 §3
 *   wakeup               placed behind min_vruntime by no more than half a latency                 §5
 *   fork                 as its parent, then a slice after min_vruntime                            §5
 *   migration            relative to the old min_vruntime, then to the new one                     §5
 *
 * What is not known is left out, not guessed: a vruntime is known once it was told, and stays so as long as everything is
 * known that it comes from. Without events of PELT nobody tells min_vruntime; then what a task is charged is compared, but
 * not where it is placed.
 */
import * as cfs from '../../sched/cfs-rq.ts';
import * as se from '../../sched/entity.ts';
import { eraseEntity, insertEntity, placeEntity, updateCurr, updateMinVruntime } from '../../sched/fair-entity.ts';
import * as rq from '../../sched/rq.ts';
import { IDLE_TASK, TaskState } from '../../trace/events.ts';
import { Charges } from './exact-charges.ts';
import { At, FIRST_PRIO_OF_FAIR, NOT_TOLD, QueueReplay } from './exact-queues.ts';
import { entityOf, setWeight, weightOfPrio } from './exact-state.ts';
import type { ExactTally } from './exact-tally.ts';

/** Arguments of the probes, by their place. */
const SE = { cpu: 1, onRq: 5, vr: 7, sum: 8 } as const;
const CFS = { cpu: 1, hNr: 3, minvr: 5 } as const;
const BLOCKED = { vr: 3, sum: 4 } as const;

const PLACED = 'placed by a min_vruntime that is not known';
const OTHER_CLASS = 'its task was of another class';
const DYING = 'put into the root group by a min_vruntime that is not known';
const QUEUE_UNKNOWN = 'the vruntime of an entity in the queue is not known';

export class VruntimeReplay extends QueueReplay {
  readonly #dying = new Set<number>();
  readonly #charges: Charges;
  /** By runqueue: why its min_vruntime is not known (null: it is). */
  readonly #minUnknown: (string | null)[];

  /** `running`: the task of each CPU; `groups`: the load has control groups. */
  constructor(
    tally: ExactTally,
    nrCpus: number,
    running: readonly number[],
    groups: boolean,
    nameOf: (task: number) => string,
  ) {
    super(tally, nrCpus, nameOf);
    this.#charges = new Charges(tally, groups);
    this.#minUnknown = new Array<string>(nrCpus).fill(NOT_TOLD);
    for (let cpu = 0; cpu < nrCpus; cpu++) {
      if (running[cpu] !== IDLE_TASK) this.setCurr(cpu, entityOf(running[cpu]!));
    }
  }

  /** A task's priority as an event tells it. */
  prio(task: number, prio: number): void {
    const e = entityOf(task);
    const before = this.prioOf[e];
    if (before === prio) return;
    this.prioOf[e] = prio;
    if (before !== undefined) this.#charges.excuse(e);
    if (prio >= FIRST_PRIO_OF_FAIR) {
      setWeight(e, weightOfPrio(prio));
    } else if (this.at[e] === At.CURR) {
      cfs.curr[se.cfsRq[e]!] = -1;
      this.at[e] = At.LEFT;
      this.unknown[e] = OTHER_CLASS;
    }
  }

  /** sched_stat_runtime: the task has been charged. Of another class it has no virtual time. */
  ran(timeNs: number, task: number, runtime: number, vruntime: number): void {
    const e = entityOf(task);
    if (this.at[e] !== At.CURR) {
      se.sumExec[e]! += runtime;
      return;
    }
    const q = se.cfsRq[e]!;
    const placed = this.#dying.has(e) && this.#minUnknown[q] !== null;
    const unknown = placed ? DYING : this.unknown[e];
    rq.clock[q] = se.execStart[e]! + runtime;
    updateCurr(q);
    const got = se.vruntime[e]!;
    if (se.weight[e] === 0 || unknown !== null) {
      this.tally.skip('vruntime', unknown ?? NOT_TOLD);
    } else if (got === vruntime) {
      this.compare('vruntime', timeNs, q, task, vruntime, got);
    } else {
      this.#charges.differ(e, { timeNs, cpu: q, task: this.nameOf(task), expected: vruntime, got });
    }
    this.#tell(e, vruntime);
    this.#followMin(q);
  }

  peltSe(timeNs: number, task: number, args: Float64Array): void {
    if (task === IDLE_TASK) return;
    const e = entityOf(task);
    const q = args[SE.cpu]!;
    const vruntime = args[SE.vr]!;
    const queued = args[SE.onRq] !== 0;
    this.sum(timeNs, q, task, args[SE.sum]!);
    if (this.at[e] === At.REGROUPED) this.#regroup(e, q);
    const isCurr = this.at[e] === At.CURR;
    if (isCurr) this.#setOnRq(e, queued);
    // Off the queue, but not asleep: it is about to change its class or group.
    if (isCurr && !queued && vruntime !== se.vruntime[e]) this.#takeOff(e, q);
    this.#told(timeNs, q, task, vruntime);
  }

  /** To be called before the runqueue's load is taken over from the event. */
  peltCfs(timeNs: number, cpu: number, args: Float64Array): void {
    const q = args[CFS.cpu]!;
    const minVruntime = args[CFS.minvr]!;
    const curr = cfs.curr[q]!;
    // What a CPU takes off its own queue without a word is its current task, which goes to sleep.
    const isSleep = cpu === q && curr >= 0 && se.onRq[curr] !== 0 && args[CFS.hNr] === cfs.hNrRunning[q]! - 1;
    if (isSleep && this.#minUnknown[q] === null) this.sleep(q);
    if (this.#minUnknown[q] === null) {
      this.compare('min_vruntime', timeNs, q, IDLE_TASK, minVruntime, cfs.minVruntime[q]!);
    } else {
      this.tally.skip('min_vruntime', this.#minUnknown[q]!);
    }
    cfs.minVruntime[q] = minVruntime;
    this.#minUnknown[q] = null;
    const taken = this.taken[cpu]!;
    if (taken.length > 0 && taken[taken.length - 1]!.q === q) this.#arrive(taken.pop()!.e, q);
  }

  peltBlocked(timeNs: number, task: number, args: Float64Array): void {
    if (task === IDLE_TASK) return;
    const q = se.cfsRq[entityOf(task)]!;
    this.sum(timeNs, q, task, args[BLOCKED.sum]!);
    this.#told(timeNs, q, task, args[BLOCKED.vr]!);
  }

  switch(cpu: number, prev: number, next: number, prevState: number): void {
    this.#loseTaken(cpu);
    if (prev >= 0) this.#charges.settle(entityOf(prev));
    const curr = cfs.curr[cpu]!;
    if (curr >= 0 && prev >= 0 && curr === entityOf(prev)) {
      const runs = prevState === TaskState.RUNNING || prevState === TaskState.PREEMPTED;
      if (!runs && se.onRq[curr] !== 0) this.sleep(cpu);
      cfs.curr[cpu] = -1;
      this.at[curr] = At.NOWHERE;
      if (runs) this.insert(cpu, curr);
    }
    this.runNext(cpu, next);
  }

  awake(task: number, q: number, isNew: boolean): void {
    const e = entityOf(task);
    const at = this.at[e] ?? At.NOWHERE;
    if (this.prioOf[e]! < FIRST_PRIO_OF_FAIR || (at !== At.NOWHERE && at !== At.BETWEEN)) return;
    if (at === At.BETWEEN) this.#toAbsolute(e, q);
    if (!isNew) this.#place(e, q);
    this.#account(q, e, 1);
    this.insert(q, e);
  }

  /** A task leaves a queue, or wakes (`waking`) elsewhere. */
  migrate(cpu: number, task: number, from: number, to: number, waking: boolean): void {
    const e = entityOf(task);
    if (this.prioOf[e]! < FIRST_PRIO_OF_FAIR) return;
    this.erase(e);
    this.#toRelative(e, from);
    if (waking) return;
    this.#account(from, e, -1);
    this.#followMin(from);
    this.taken[cpu]!.push({ e, q: to });
  }

  /** @spec 02 §5 */
  fork(cpu: number, parent: number, child: number): void {
    const p = entityOf(parent);
    const e = entityOf(child);
    this.beginSum(e);
    if (cfs.curr[cpu] !== p) return;
    se.weight[e] = se.weight[p]!;
    se.inverse[e] = se.inverse[p]!;
    se.cfsRq[e] = cpu;
    se.vruntime[e] = se.vruntime[p]!;
    this.unknown[e] = this.unknown[p] === undefined ? NOT_TOLD : this.unknown[p];
    if (this.#minUnknown[cpu] === null) placeEntity(cpu, e, true);
    this.#toRelative(e, cpu);
  }

  exit(task: number): void {
    this.#dying.add(entityOf(task));
  }

  // ---- runqueues

  /** The current entity is no longer queued, and the minimum no longer follows it. */
  protected sleep(q: number): void {
    this.#setOnRq(cfs.curr[q]!, false);
    this.#followMin(q);
  }

  /** Taken off to be moved, so the minimum goes on without it. @spec 02 §5, §11 */
  #takeOff(e: number, q: number): void {
    const dies = this.#dying.has(e);
    this.#toRelative(e, q);
    this.#followMin(q);
    this.at[e] = dies ? At.REGROUPED : At.LEFT;
    cfs.curr[q] = -1;
  }

  /** Back on the queue, and current. */
  #regroup(e: number, q: number): void {
    this.#toAbsolute(e, q);
    cfs.curr[q] = e;
    this.at[e] = At.CURR;
    se.execStart[e] = rq.clock[q]!;
  }

  #followMin(q: number): void {
    updateMinVruntime(q);
    if (this.strangers[q] !== 0) this.#minUnknown[q] ??= QUEUE_UNKNOWN;
  }

  #setOnRq(e: number, queued: boolean): void {
    if (se.onRq[e] === (queued ? 1 : 0)) return;
    se.onRq[e] = queued ? 1 : 0;
    this.#account(se.cfsRq[e]!, e, queued ? 1 : -1);
  }

  #account(q: number, e: number, sign: number): void {
    cfs.hNrRunning[q]! += sign;
    cfs.load[q]! += sign * se.weight[e]!;
  }

  protected override queue(q: number, e: number): void {
    insertEntity(q, e);
  }

  protected override unqueue(q: number, e: number): void {
    eraseEntity(q, e);
  }

  #place(e: number, q: number): void {
    se.cfsRq[e] = q;
    if (this.#minUnknown[q] === null) placeEntity(q, e, false);
    else this.unknown[e] = PLACED;
  }

  #toRelative(e: number, q: number): void {
    this.at[e] = At.BETWEEN;
    if (this.#minUnknown[q] !== null) this.unknown[e] = PLACED;
    se.vruntime[e]! -= cfs.minVruntime[q]!;
  }

  #toAbsolute(e: number, q: number): void {
    if (this.#minUnknown[q] !== null) this.unknown[e] = PLACED;
    se.vruntime[e]! += cfs.minVruntime[q]!;
  }

  /** A task that was taken from another CPU is put on the queue, unless it has been seen there already. */
  #arrive(e: number, q: number): void {
    if (this.at[e] !== At.BETWEEN) return;
    this.#toAbsolute(e, q);
    this.#account(q, e, 1);
    this.insert(q, e);
  }

  /** No event told when they arrived. */
  #loseTaken(cpu: number): void {
    for (const { e, q } of this.taken[cpu]!.splice(0)) {
      if (this.at[e] === At.BETWEEN) this.unknown[e] = PLACED;
      this.#minUnknown[q] ??= QUEUE_UNKNOWN;
      this.#arrive(e, q);
    }
  }

  // ---- comparing

  /** The trace is over. */
  end(): void {
    this.#charges.end();
  }

  /** The kernel's vruntime of an entity that is not moving. */
  #told(timeNs: number, q: number, task: number, vruntime: number): void {
    const e = entityOf(task);
    this.value('vruntime', timeNs, q, task, vruntime, se.vruntime[e]!);
    this.#tell(e, vruntime);
  }

  #tell(e: number, vruntime: number): void {
    const at = this.at[e];
    const moves = at === At.QUEUED_UNKNOWN || (at === At.QUEUED && se.vruntime[e] !== vruntime);
    if (moves) this.erase(e);
    se.vruntime[e] = vruntime;
    this.unknown[e] = null;
    if (moves) this.insert(se.cfsRq[e]!, e);
  }
}
