/**
 * EEVDF, update by update: `pelt_se` tells vruntime, deadline, lag and slice of an entity, `pelt_cfs` the runqueue's
 * zero_vruntime, `sched_stat_runtime` how long the running entity has run since it was last charged. The simulator's functions
 * charge, place and queue a copy of each runqueue as the events say, and the numbers must be the kernel's. @spec 22 §2
 *
 *   sched_stat_runtime     charged; a new deadline where the old is reached
 *   goes to sleep          its lag saved; or, ahead of the average, it stays in the queue (the mark in `pelt_se`)
 *   delayed, not running   woken, if its lag has just been saved: placed anew if it is owed time by now; else it leaves
 *   wakes, is new          placed by the average and its lag
 *   migrates               the same, its deadline kept relative
 *
 * What is not known is left out, not guessed: an average is known while all in the queue is.
 */
import * as cfs from '../../sched/cfs-rq.ts';
import { eraseByDeadline, insertByDeadline, placeByLag, saveLag } from '../../sched/eevdf.ts';
import * as se from '../../sched/entity.ts';
import { updateCurr } from '../../sched/fair-entity.ts';
import * as rq from '../../sched/rq.ts';
import { Ev, type EventKind, IDLE_TASK, TaskState } from '../../trace/events.ts';
import { At, FIRST_PRIO_OF_FAIR, NOT_TOLD, QueueReplay } from './exact-queues.ts';
import { entityOf, queueMarks, setWeight, weightOfPrio } from './exact-state.ts';
import type { ExactTally } from './exact-tally.ts';

/** Arguments of the probes, by their place. */
const SE = { cpu: 1, isCurr: 3, onRq: 5, vr: 7, sum: 8, dl: 17, lag: 18, slice: 19 } as const;
const CFS = { cpu: 1, cfs: 2, hNr: 3, minvr: 5 } as const;
const BLOCKED = { vr: 3, sum: 4 } as const;

const NONE = -1;
const PLACED = 'placed by an average that is not known';
const CHANGED = 'it was taken off and put back: its affinity, class or group changed';
const QUEUE_UNKNOWN = 'an entity in the queue is not known';

export class EevdfReplay extends QueueReplay {
  /** By entity: its lag is known; it sleeps in the queue. */
  readonly #lagKnown: boolean[] = [];
  readonly #isDelayed: boolean[] = [];
  /** By runqueue: why its zero_vruntime is not known; tasks; the root's address. */
  readonly #zeroUnknown: (string | null)[];
  readonly #hNr: Int32Array;
  readonly #root: number[] = [];
  /** By entity: its deadline, if it is relative as last told. */
  readonly #relative: (number | undefined)[] = [];
  /** Tasks that exit: they are taken off and put back once more, out of their group into the root's. */
  readonly #dying = new Set<number>();
  /** By executing CPU: the changed entity it is putting back, placed after the update of the runqueue that follows. */
  readonly #puttingBack: Int32Array;
  /** By executing CPU: a delayed entity that is about to leave or wake. */
  readonly #pending: Int32Array;
  /** The delayed entity looked at is being woken. */
  #requeued = false;
  /** By CPU: the task it executes. */
  readonly #running: number[];
  /** The CPU that executes. */
  #executing = 0;
  /** By runqueue: it has been empty, so that all in it has been seen coming. */
  readonly #told: boolean[] = [];

  constructor(tally: ExactTally, nrCpus: number, running: readonly number[], nameOf: (task: number) => string) {
    super(tally, nrCpus, nameOf);
    this.#zeroUnknown = new Array<string>(nrCpus).fill(NOT_TOLD);
    this.#hNr = new Int32Array(nrCpus);
    this.#pending = new Int32Array(nrCpus).fill(NONE);
    this.#puttingBack = new Int32Array(nrCpus).fill(NONE);
    this.#running = [...running];
    for (let cpu = 0; cpu < nrCpus; cpu++) {
      // Whoever may preempt whom is not asked here.
      cfs.nrRunning[cpu] = 1;
      if (running[cpu] !== IDLE_TASK) this.setCurr(cpu, entityOf(running[cpu]!));
    }
  }

  /** To be called before each event of a CPU: what becomes of the delayed entity that it looked at. */
  before(cpu: number, kind: EventKind, task: number): void {
    this.#executing = cpu;
    const e = this.#pending[cpu]!;
    if (e === NONE || kind === Ev.PELT_CFS) return;
    this.#pending[cpu] = NONE;
    const same = task !== IDLE_TASK && entityOf(task) === e;
    if (same && kind === Ev.SCHED_MIGRATE_TASK) return;
    const q = se.cfsRq[e]!;
    this.#saveLag(e, q);
    this.erase(e);
    this.#isDelayed[e] = false;
    this.#hNr[q]! -= 1;
  }

  prio(task: number, prio: number): void {
    const e = entityOf(task);
    if (this.prioOf[e] === prio) return;
    const first = this.prioOf[e] === undefined;
    this.prioOf[e] = prio;
    if (prio < FIRST_PRIO_OF_FAIR) {
      this.erase(e);
      this.at[e] = At.LEFT;
      return;
    }
    setWeight(e, weightOfPrio(prio));
    if (!first) this.#forget(e, CHANGED);
  }

  ran(_timeNs: number, task: number, runtime: number): void {
    const e = entityOf(task);
    if (this.at[e] !== At.CURR) {
      se.sumExec[e]! += runtime;
      return;
    }
    const q = se.cfsRq[e]!;
    const zero = cfs.minVruntime[q]!;
    const deadline = se.deadline[e]!;
    rq.clock[q] = se.execStart[e]! + runtime;
    updateCurr(q);
    if (se.deadline[e] !== deadline && !this.#averageKnown(q)) this.#setZero(q, zero, QUEUE_UNKNOWN);
  }

  peltSe(timeNs: number, task: number, args: Float64Array): void {
    if (task === IDLE_TASK) return;
    const e = entityOf(task);
    const q = args[SE.cpu]!;
    const { queued, delayed, relativeDeadline } = queueMarks(args[SE.onRq]!);
    const isCurr = args[SE.isCurr] !== 0;
    this.sum(timeNs, q, task, args[SE.sum]!);
    this.#requeued = false;
    if (delayed && !isCurr) this.#requeue(e, q, args[SE.lag]!);
    const at = this.at[e] ?? At.NOWHERE;
    // Off the queue without sleeping: something about it is being changed.
    if (!queued && (at === At.QUEUED || at === At.QUEUED_UNKNOWN || at === At.CURR)) this.#forget(e, CHANGED);
    else if (at !== At.BETWEEN) {
      this.value('vruntime', timeNs, q, task, args[SE.vr]!, se.vruntime[e]!);
      this.value('deadline', timeNs, q, task, args[SE.dl]!, se.deadline[e]!);
    }
    if (!queued && !isCurr && !relativeDeadline) {
      if (this.#lagKnown[e]) this.compare('lag', timeNs, q, task, args[SE.lag]!, se.vlag[e]!);
      else this.tally.skip('lag', this.unknown[e] ?? NOT_TOLD);
      se.vlag[e] = args[SE.lag]!;
      this.#lagKnown[e] = true;
    }
    const putsBack = relativeDeadline && !queued && !isCurr;
    if (putsBack) {
      this.erase(e);
      this.at[e] = At.LEFT;
      // A dying task's first one is that of leaving its group.
      if (!this.#dying.delete(e)) this.#puttingBack[this.#executing] = e;
    } else if (queued && this.at[e] !== At.CURR && this.#running[q] === task) {
      this.erase(e);
      this.setCurr(q, e);
    }
    this.#tell(e, args, relativeDeadline);
    if (putsBack) {
      se.vlag[e] = args[SE.lag]!;
      this.#lagKnown[e] = true;
    }
    this.#isDelayed[e] = delayed && !this.#requeued;
    if (this.#isDelayed[e]) {
      if (!isCurr && (this.at[e] === At.QUEUED || this.at[e] === At.QUEUED_UNKNOWN)) {
        this.#pending[this.#executing] = e;
      }
    }
  }

  peltCfs(timeNs: number, cpu: number, args: Float64Array): void {
    const q = args[CFS.cpu]!;
    this.#root[q] ??= args[CFS.cfs]!;
    if (this.#root[q] !== args[CFS.cfs]) return;
    const curr = cfs.curr[q]!;
    const fewer = args[CFS.hNr]! < this.#hNr[q]!;
    if (cpu === q && fewer && curr >= 0 && se.onRq[curr] !== 0) this.sleep(q);
    this.#hNr[q] = args[CFS.hNr]!;
    const zero = args[CFS.minvr]!;
    const unknown = this.#zeroUnknown[q]!;
    if (unknown === null) this.compare('zero_vruntime', timeNs, q, IDLE_TASK, zero, cfs.minVruntime[q]!);
    else this.tally.skip('zero_vruntime', unknown);
    this.#setZero(q, zero, null);
    const taken = this.taken[cpu]!;
    if (taken.length > 0 && taken[taken.length - 1]!.q === q) this.#arrive(taken.pop()!.e, q);
    const back = this.#puttingBack[cpu]!;
    if (back === NONE) return;
    this.#puttingBack[cpu] = NONE;
    this.#place(back, q, false);
    this.insert(q, back);
  }

  peltBlocked(timeNs: number, task: number, args: Float64Array): void {
    if (task === IDLE_TASK) return;
    const e = entityOf(task);
    this.sum(timeNs, se.cfsRq[e]!, task, args[BLOCKED.sum]!);
  }

  switch(cpu: number, prev: number, next: number, prevState: number): void {
    this.#loseTaken(cpu);
    this.#running[cpu] = next;
    const curr = cfs.curr[cpu]!;
    if (curr >= 0 && prev >= 0 && curr === entityOf(prev)) {
      const runs = prevState === TaskState.RUNNING || prevState === TaskState.PREEMPTED;
      const stays = runs || this.#isDelayed[curr] === true;
      if (!stays && se.onRq[curr] !== 0) this.sleep(cpu);
      const queued = se.onRq[curr] !== 0 && stays;
      cfs.curr[cpu] = NONE;
      this.at[curr] = At.NOWHERE;
      if (queued) this.insert(cpu, curr);
    }
    this.runNext(cpu, next);
  }

  awake(task: number, q: number, isNew: boolean): void {
    const e = entityOf(task);
    const at = this.at[e] ?? At.NOWHERE;
    if (this.prioOf[e]! < FIRST_PRIO_OF_FAIR || (at !== At.NOWHERE && at !== At.BETWEEN)) return;
    if (isNew) {
      se.vlag[e] = 0;
      this.#lagKnown[e] = true;
    }
    this.#place(e, q, isNew);
    this.insert(q, e);
  }

  migrate(cpu: number, task: number, from: number, to: number, waking: boolean): void {
    const e = entityOf(task);
    if (this.prioOf[e]! < FIRST_PRIO_OF_FAIR || waking) return;
    this.#saveLag(e, from);
    this.#hNr[from]! -= 1;
    se.deadline[e]! -= se.vruntime[e]!;
    se.relDeadline[e] = 1;
    this.erase(e);
    this.at[e] = At.BETWEEN;
    this.taken[cpu]!.push({ e, q: to });
  }

  fork(_cpu: number, parent: number, child: number): void {
    const p = entityOf(parent);
    const e = entityOf(child);
    this.beginSum(e);
    se.weight[e] = se.weight[p]!;
    se.inverse[e] = se.inverse[p]!;
    // All of the parent's entity is copied: of one that has left the class, a deadline that has stayed relative.
    const relative = this.#relative[p];
    se.relDeadline[e] = relative === undefined ? 0 : 1;
    if (relative !== undefined) se.deadline[e] = relative;
  }

  exit(task: number): void {
    this.#dying.add(entityOf(task));
  }

  end(): void {}

  // ---- runqueues

  /** The current entity leaves the queue. */
  protected sleep(q: number): void {
    const e = cfs.curr[q]!;
    this.#saveLag(e, q);
    se.onRq[e] = 0;
    this.#isDelayed[e] = false;
  }

  /** Everything in the queue, and what runs, is known. */
  #averageKnown(q: number): boolean {
    const curr = cfs.curr[q]!;
    const currKnown = curr < 0 || se.onRq[curr] === 0 || this.unknown[curr] === null;
    return currKnown && this.strangers[q] === 0 && this.#told[q] === true;
  }

  #saveLag(e: number, q: number): void {
    this.#lagKnown[e] = this.#averageKnown(q) && this.unknown[e] === null;
    if (!this.#lagKnown[e]) {
      this.#zeroUnknown[q] ??= QUEUE_UNKNOWN;
      return;
    }
    const mark = se.delayed[e]!;
    se.delayed[e] = this.#isDelayed[e] ? 1 : 0;
    saveLag(q, e);
    se.delayed[e] = mark;
  }

  #place(e: number, q: number, isNew: boolean): void {
    se.cfsRq[e] = q;
    if (this.#averageKnown(q) && this.#zeroUnknown[q] === null && this.#lagKnown[e]) {
      placeByLag(q, e, isNew);
      this.unknown[e] = null;
    } else {
      se.relDeadline[e] = 0;
      this.unknown[e] = PLACED;
      this.#zeroUnknown[q] ??= QUEUE_UNKNOWN;
    }
  }

  /**
   * A delayed entity that is woken has its lag saved, and is placed anew if that is nothing, before the update that tells of
   * it; one that leaves, after.
   */
  #requeue(e: number, q: number, lag: number): void {
    if (this.at[e] !== At.QUEUED || !this.#averageKnown(q)) return;
    const zero = cfs.minVruntime[q]!;
    const unknown = this.#zeroUnknown[q]!;
    this.#saveLag(e, q);
    if (se.vlag[e] !== lag) {
      this.#setZero(q, zero, unknown);
      return;
    }
    this.#requeued = true;
    if (lag !== 0) return;
    this.erase(e);
    this.#place(e, q, false);
    this.insert(q, e);
  }

  /** The runqueue's zero is there: its sum is counted from it. */
  #setZero(q: number, zero: number, unknown: string | null): void {
    cfs.avgVruntime[q]! -= (zero - cfs.minVruntime[q]!) * cfs.avgLoad[q]!;
    cfs.minVruntime[q] = zero;
    this.#zeroUnknown[q] = unknown;
    const curr = cfs.curr[q]!;
    if (this.#hNr[q] === 0 || (this.#hNr[q] === 1 && curr >= 0 && se.onRq[curr] !== 0)) this.#told[q] = true;
  }

  protected override queue(q: number, e: number): void {
    insertByDeadline(q, e);
  }

  protected override unqueue(q: number, e: number): void {
    eraseByDeadline(q, e);
  }

  #arrive(e: number, q: number): void {
    if (this.at[e] !== At.BETWEEN) return;
    this.#place(e, q, false);
    this.insert(q, e);
  }

  #loseTaken(cpu: number): void {
    for (const { e, q } of this.taken[cpu]!.splice(0)) {
      this.#lagKnown[e] = false;
      this.#arrive(e, q);
    }
  }

  /** Vruntime and deadline are no longer known. */
  #forget(e: number, why: string): void {
    const at = this.at[e];
    const q = se.cfsRq[e]!;
    if (at === At.QUEUED) this.erase(e);
    this.unknown[e] = why;
    this.#lagKnown[e] = false;
    if (at === At.QUEUED) this.insert(q, e);
    if (at === At.QUEUED || at === At.CURR) this.#zeroUnknown[q] ??= CHANGED;
  }

  // ---- comparing

  #tell(e: number, args: Float64Array, relative: boolean): void {
    const at = this.at[e];
    const queued = at === At.QUEUED || at === At.QUEUED_UNKNOWN;
    if (queued) this.erase(e);
    se.vruntime[e] = args[SE.vr]!;
    se.deadline[e] = args[SE.dl]!;
    se.slice[e] = args[SE.slice]!;
    se.relDeadline[e] = relative ? 1 : 0;
    this.#relative[e] = relative ? args[SE.dl]! : undefined;
    this.unknown[e] = relative ? CHANGED : null;
    if (queued) this.insert(se.cfsRq[e]!, e);
  }
}
