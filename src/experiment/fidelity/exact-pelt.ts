/**
 * PELT, update by update: the events of a recording show each average as it stands *before* an update, and thereby what
 * became of it in the one before. Between two updates of an average the simulator's functions do to their copy what the
 * events say happened, and then every field must be the kernel's, to the unit.
 *
 *   pelt_se, pelt_cfs, pelt_blocked   compare, take over the kernel's state, update it          @spec 03 §3-4
 *   migration of a queued task        its entity detached, attached at the destination's update      §5.2, 5.3
 *   migration of a waking task        removed at its pelt_blocked, attached when it is awake         §5.2, 5.4
 *   a new task                        its first utilisation, then attached                           §8
 *   death                             out of its group and into the root's again, then removed       §5.2-5.4
 *   another weight                    load taken out, weighed anew, put back                         §6
 *   a change to real-time             detached                                                       §5.3
 *
 * Removal is without the runqueue's lock, and another CPU may be updating the runqueue at that moment. Events are written
 * at the beginning of functions, so they do not tell which came first; then either order will do (`RACE_NS`).
 *
 * Taking over the kernel's state keeps one difference from being counted again and again. Averages are known from the
 * first event about them in a trace on; until then there is nothing to compare.
 */
import * as avg from '../../sched/averages.ts';
import { AVG_SE } from '../../sched/averages.ts';
import * as cfs from '../../sched/cfs-rq.ts';
import * as se from '../../sched/entity.ts';
import { k } from '../../sched/kernel.ts';
import {
  attachEntityLoadAvg,
  detachEntityLoadAvg,
  postInitEntityUtilAvg,
  removeEntityLoadAvg,
  reweightLoadAvg,
  takeRemoved,
  updateBlockedSe,
  updateCfsRqLoadAvg,
  updateLoadAvgSe,
} from '../../sched/load-avg.ts';
import { scaleDown } from '../../sched/weight.ts';
import { EVENTS } from '../../trace/event-specs.ts';
import { Ev, type EventKind, IDLE_TASK } from '../../trace/events.ts';
import { DelayedReplay } from './exact-delayed.ts';
import {
  AVERAGE_FIELDS,
  averageField,
  entityOf,
  inverseOfWeight,
  putAverage,
  queueMarks,
  setWeight,
} from './exact-state.ts';
import type { ExactTally } from './exact-tally.ts';

/** Arguments of pelt_se, pelt_cfs and pelt_blocked, by their place. */
const SE = { now: 0, cpu: 1, isCurr: 3, onRq: 5, w: 6, vr: 7, lut: 9 } as const;
const CFS = { now: 0, cpu: 1, cfs: 2, hNr: 3, w: 4, hasCurr: 6, lut: 7 } as const;
const BLOCKED = { now: 0, w: 2, lut: 5 } as const;

/** What is known of an entity's average. */
const Known = {
  NOTHING: 0,
  /** It is part of a runqueue's. */
  ATTACHED: 1,
  /** It has left one runqueue for the next, which will attach it. */
  FLOATING: 2,
  /** Its task has left CFS. */
  LEFT: 3,
} as const;

/** What a CPU is in the middle of: the next update of a certain runqueue that it makes is part of it. */
const Step = {
  NONE: 0,
  /** A new task is about to be put on this runqueue. */
  FORK: 1,
  /** A dying task is taken out of its group; then put back. */
  EXIT_DETACH: 2,
  EXIT_ATTACH: 3,
  /** A task leaves CFS. */
  LEAVE: 4,
} as const;

/** How far a dying task is. */
const Dying = { EXITING: 1, UNGROUPED: 2 } as const;

interface Doing {
  step: number;
  task: number;
  /** The runqueue. */
  q: number;
}

/** Functions of two CPUs whose events are closer than this may have overlapped: a turn of one of the lab's CPUs. */
const RACE_NS = 100_000;

/** Kinds of events between an update of a runqueue and the moment at which a task that it attaches is awake. */
const AFTER_UPDATE = Uint8Array.from(EVENTS, ({ name }) => (/^sched_(stat_(?!runtime)|wakeup)/.test(name) ? 1 : 0));

const FIRST_SEEN = 'the first update of it in a repetition';
const RUNQUEUE_UNKNOWN = 'attached to a runqueue not seen before';
const TASK_UNKNOWN = 'a task not seen before came or went';
const CAME_BACK = 'its task came back to CFS';
const MISSED = 'an update before it is not in the trace';
const GROUP = 'of a control group';

export class PeltReplay {
  readonly #tally: ExactTally;
  readonly #nameOf: (task: number) => string;
  /** By entity, by CPU. */
  readonly #known: number[] = [];
  readonly #knownQ: (string | null)[];
  /** Why an entity is not known. */
  readonly #why = new Map<number, string>();
  /** The root's address by CPU: what differs is a group's. */
  readonly #root: number[] = [];
  readonly #dying = new Map<number, number>();
  /** By entity: its task has gone to sleep and has not been woken since. */
  readonly #asleep: boolean[] = [];
  /** Last virtual time told, by entity. */
  readonly #vruntime: number[] = [];
  /** By executing CPU: the runqueue it must now update, because that follows what it did; and the one it has updated just now. */
  readonly #expected: Int32Array;
  readonly #updated: Int32Array;
  /** By executing CPU: what it is doing, tasks it has taken (last first), the waking task it is removing. */
  readonly #doing: Doing[];
  readonly #taken: { task: number; q: number }[][];
  readonly #removing: Int32Array;
  /** By runqueue: its last update in three numbers, and when something was last removed from it. */
  readonly #updatedAt: Float64Array;
  readonly #updatedBy: Int32Array;
  readonly #lastUpdateBefore: Float64Array;
  readonly #removedAt: Float64Array;
  readonly #delayed: DelayedReplay;
  /** By runqueue: who has left the class, unless its next update shows it queued again. */
  readonly #mayLeave: Int32Array;

  constructor(tally: ExactTally, nrCpus: number, nameOf: (task: number) => string) {
    this.#tally = tally;
    this.#nameOf = nameOf;
    this.#knownQ = new Array<string | null>(nrCpus).fill(FIRST_SEEN);
    this.#doing = Array.from({ length: nrCpus }, () => ({ step: Step.NONE, task: IDLE_TASK, q: -1 }));
    this.#taken = Array.from({ length: nrCpus }, () => []);
    this.#removing = new Int32Array(nrCpus).fill(IDLE_TASK);
    this.#updatedAt = new Float64Array(nrCpus);
    this.#updatedBy = new Int32Array(nrCpus);
    this.#lastUpdateBefore = new Float64Array(nrCpus);
    this.#removedAt = new Float64Array(nrCpus);
    this.#delayed = new DelayedReplay(nrCpus);
    this.#mayLeave = new Int32Array(nrCpus).fill(-1);
    this.#expected = new Int32Array(nrCpus).fill(-1);
    this.#updated = new Int32Array(nrCpus).fill(-1);
  }

  /**
   * To be called before each event of a CPU. An update of an entity is followed by that of its runqueue, an update that
   * attaches a task by that task's awakening; where one is missing, the probe has missed it.
   */
  before(cpu: number, kind: EventKind, task: number, args: Float64Array): void {
    const updated = kind === Ev.PELT_CFS ? args[CFS.cpu]! : -1;
    const expected = this.#expected[cpu]!;
    if (expected >= 0 && updated !== expected) this.#knownQ[expected] = MISSED;
    this.#expected[cpu] = -1;
    if (AFTER_UPDATE[kind] === 0) this.#updated[cpu] = updated;
    if (kind === Ev.SCHED_SWITCH || kind === Ev.LB_LEAVE) this.#loseTaken(cpu);
    if (kind === Ev.SCHED_WAKING) this.#delayed.waking(cpu, entityOf(task));
  }

  /** `isRunning`: the task is that of the runqueue's CPU. */
  peltSe(timeNs: number, cpu: number, task: number, args: Float64Array, isRunning: boolean): void {
    if (task === IDLE_TASK) return this.#tally.skip('pelt_se', GROUP);
    const e = entityOf(task);
    const q = args[SE.cpu]!;
    if (this.#mayLeave[q] === e) this.#mayLeave[q] = -1;
    const weight = args[SE.w]!;
    const dying = this.#dying.get(task);
    // Off the queue and its virtual time made relative, but not asleep: it is about to be taken out of the runqueue.
    // Under EEVDF it is its deadline that is relative.
    const { queued, delayed, relativeDeadline } = queueMarks(args[SE.onRq]!);
    const off = this.#known[e] === Known.ATTACHED && !queued;
    const detaching = off && (k.eevdf ? relativeDeadline && isRunning : args[SE.vr] !== this.#vruntime[e]);
    this.#vruntime[e] = args[SE.vr]!;
    const leaving = detaching && dying === undefined;
    // Whoever changes the policy of a task sets its weight, even to what it was. @spec 02 §11
    // Under EEVDF an affinity change looks the same, but leaves the weight alone.
    const asItWas = k.eevdf && leaving && this.#isAsTold(AVG_SE + e, args, SE.lut);
    const reweighted = weight !== se.weight[e] || (leaving && !asItWas);
    if (this.#known[e] === Known.ATTACHED && reweighted) reweightLoadAvg(q, e, weight, inverseOfWeight(weight));
    else setWeight(e, weight);
    this.#compareEntity('pelt_se', timeNs, q, task, args, SE.lut);
    this.#delayed.entity(cpu, e, q, delayed, args[SE.isCurr] !== 0);
    const curr = cfs.curr[q]!;
    const onRq = se.onRq[e]!;
    se.cfsRq[e] = q;
    se.onRq[e] = queued ? 1 : 0;
    cfs.curr[q] = args[SE.isCurr] !== 0 ? e : -1;
    avg.now[0] = args[SE.now]!;
    updateLoadAvgSe(q, e);
    cfs.curr[q] = curr;
    se.onRq[e] = onRq;
    this.#expected[cpu] = q;
    if (leaving) this.#do(cpu, Step.LEAVE, task, q);
    else if (detaching && dying === Dying.EXITING) this.#do(cpu, Step.EXIT_DETACH, task, q);
  }

  peltCfs(timeNs: number, cpu: number, args: Float64Array): void {
    const q = args[CFS.cpu]!;
    const address = args[CFS.cfs]!;
    this.#root[q] ??= address;
    if (this.#root[q] !== address) return this.#tally.skip('pelt_cfs', GROUP);
    const doing = this.#doing[cpu]!;
    const mine = doing.step !== Step.NONE && doing.q === q;
    if (this.#mayLeave[q]! >= 0) {
      this.#leave(this.#mayLeave[q]!, q);
      this.#mayLeave[q] = -1;
    }
    if (mine && doing.step === Step.FORK) this.#initNewTask(doing.task, q);
    if (cfs.removedNr[q] !== 0 && !this.#racesRemoval(timeNs, q, args)) takeRemoved(q);
    // Its weight may have been set before it leaves; seen in the runqueue, if not in itself.
    const leaver = mine && doing.step === Step.LEAVE ? entityOf(doing.task) : -1;
    if (k.eevdf && leaver >= 0 && !this.#isAsTold(q, args, CFS.lut)) {
      reweightLoadAvg(q, leaver, se.weight[leaver]!, se.inverse[leaver]!);
    }
    this.#compareRunqueue(timeNs, q, args);
    this.#updatedAt[q] = timeNs;
    this.#updatedBy[q] = cpu;
    this.#lastUpdateBefore[q] = avg.lastUpdate(q);
    const { removedNr } = cfs;
    const notTaken = removedNr[q]!;
    removedNr[q] = 0;
    const curr = cfs.curr[q]!;
    cfs.load[q] = args[CFS.w]!;
    cfs.hNrRunning[q] = args[CFS.hNr]!;
    this.#delayed.runqueue(q, args[CFS.hNr]!);
    cfs.curr[q] = args[CFS.hasCurr] !== 0 ? 0 : -1;
    avg.now[0] = args[CFS.now]!;
    updateCfsRqLoadAvg(q);
    removedNr[q] = notTaken;
    cfs.curr[q] = curr;
    this.#delayed.updated(cpu);
    const taken = this.#taken[cpu]!;
    if (taken.length > 0 && taken[taken.length - 1]!.q === q) {
      const e = entityOf(taken.pop()!.task);
      this.#attach(e, q);
      this.#delayed.arrive(e, q);
    }
    if (mine) this.#goOn(doing);
  }

  peltBlocked(timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (task === IDLE_TASK) return this.#tally.skip('pelt_blocked', GROUP);
    const e = entityOf(task);
    const q = se.cfsRq[e]!;
    const now = args[BLOCKED.now]!;
    setWeight(e, args[BLOCKED.w]!);
    const removed = this.#removing[cpu] === task || this.#dying.delete(task);
    const syncs = removed && q >= 0 && this.#knownQ[q] === null;
    const lastUpdate = syncs ? avg.lastUpdate(q) : now;
    const raced = syncs && this.#racesUpdate(timeNs, cpu, q, now);
    this.#compareEntity('pelt_blocked', timeNs, q, task, args, BLOCKED.lut, now, raced ? now : lastUpdate);
    if (!removed) return updateBlockedSe(e, now);
    this.#removing[cpu] = IDLE_TASK;
    this.#known[e] = Known.FLOATING;
    if (!syncs) return updateBlockedSe(e, now);
    avg.setLastUpdate(q, now);
    removeEntityLoadAvg(e);
    avg.setLastUpdate(q, lastUpdate);
    this.#removedAt[q] = timeNs;
  }

  /** The remover saw the runqueue as it was before the update that another CPU was making. */
  #racesUpdate(timeNs: number, cpu: number, q: number, now: number): boolean {
    if (this.#updatedBy[q] === cpu || timeNs - this.#updatedAt[q]! > RACE_NS) return false;
    return now === this.#lastUpdateBefore[q];
  }

  /** The runqueue is being updated with what is just being removed from it not yet there. */
  #racesRemoval(timeNs: number, q: number, args: Float64Array): boolean {
    if (timeNs - this.#removedAt[q]! > RACE_NS) return false;
    return this.#isAsTold(q, args, CFS.lut);
  }

  /** `waking`: it was asleep, and leaves its runqueue without the lock. */
  migrate(cpu: number, task: number, from: number, to: number, waking: boolean): void {
    const e = entityOf(task);
    if (waking) {
      se.cfsRq[e] = from;
      this.#removing[cpu] = task;
      return;
    }
    this.#detach(e, from);
    this.#delayed.leave(e);
    this.#taken[cpu]!.push({ task, q: to });
  }

  /** The task has been put on the runqueue of `q` by `cpu`; `isNew`: for the first time. */
  awake(cpu: number, task: number, q: number, isNew: boolean): void {
    const e = entityOf(task);
    const slept = this.#asleep[e] === true;
    this.#asleep[e] = false;
    if (this.#known[e] !== Known.FLOATING && !(isNew && se.weight[e] !== 0)) {
      // It has been queued, with an update of both that nobody has seen.
      if (slept && this.#known[e] === Known.ATTACHED && this.#updated[cpu] !== q) this.#missAttach(e, q);
      return;
    }
    if (this.#updated[cpu] === q) this.#attach(e, q);
    else this.#missAttach(e, q);
  }

  /** The task has stopped running, and sleeps. */
  sleeps(task: number): void {
    this.#asleep[entityOf(task)] = true;
  }

  /** A CPU has been chosen for a new task. */
  forkTo(cpu: number, task: number, q: number, weight: number): void {
    setWeight(entityOf(task), weight);
    this.#do(cpu, Step.FORK, task, q);
  }

  ran(task: number, vruntime: number): void {
    this.#vruntime[entityOf(task)] = vruntime;
  }

  exit(task: number): void {
    this.#dying.set(task, Dying.EXITING);
  }

  #do(cpu: number, step: number, task: number, q: number): void {
    const doing = this.#doing[cpu]!;
    doing.step = step;
    doing.task = task;
    doing.q = q;
  }

  /** The runqueue has been brought up to date: what that was part of. */
  #goOn(doing: Doing): void {
    const { step, task, q } = doing;
    const e = entityOf(task);
    doing.step = Step.NONE;
    if (step === Step.EXIT_DETACH) {
      this.#detach(e, q);
      doing.step = Step.EXIT_ATTACH;
    } else if (step === Step.EXIT_ATTACH) {
      this.#attach(e, q);
      this.#dying.set(task, Dying.UNGROUPED);
    } else if (step === Step.LEAVE) {
      if (k.eevdf) this.#mayLeave[q] = e;
      else this.#leave(e, q);
    }
  }

  #leave(e: number, q: number): void {
    this.#detach(e, q);
    this.#known[e] = Known.LEFT;
  }

  #isAsTold(i: number, args: Float64Array, first: number): boolean {
    return AVERAGE_FIELDS.every((_, f) => args[first + f] === averageField(i, f));
  }

  #initNewTask(task: number, q: number): void {
    const e = entityOf(task);
    if (se.weight[e] === 0) return;
    if (this.#knownQ[q] !== null) return this.#forget(e, RUNQUEUE_UNKNOWN);
    se.cfsRq[e] = q;
    avg.loadAvg[AVG_SE + e] = scaleDown(se.weight[e]!);
    postInitEntityUtilAvg(e);
    this.#known[e] = Known.FLOATING;
  }

  #attach(e: number, q: number): void {
    se.cfsRq[e] = q;
    if (this.#known[e] !== Known.FLOATING) {
      this.#knownQ[q] = TASK_UNKNOWN;
    } else if (this.#knownQ[q] !== null) {
      this.#forget(e, RUNQUEUE_UNKNOWN);
    } else {
      attachEntityLoadAvg(q, e);
      this.#known[e] = Known.ATTACHED;
    }
  }

  #missAttach(e: number, q: number): void {
    this.#forget(e, MISSED);
    this.#knownQ[q] = MISSED;
  }

  /** The CPU has done something else: what it took from others is on the runqueues, but the events do not tell since when. */
  #loseTaken(cpu: number): void {
    const taken = this.#taken[cpu]!;
    for (const { task, q } of taken) this.#missAttach(entityOf(task), q);
    taken.length = 0;
  }

  #detach(e: number, q: number): void {
    if (this.#known[e] !== Known.ATTACHED) {
      this.#knownQ[q] = TASK_UNKNOWN;
      return;
    }
    if (this.#knownQ[q] === null) detachEntityLoadAvg(q, e);
    this.#known[e] = Known.FLOATING;
  }

  #forget(e: number, why: string): void {
    this.#known[e] = Known.NOTHING;
    this.#why.set(e, why);
  }

  /** `now`: the time to which it is decayed, and what that must be. */
  #compareEntity(
    kind: string,
    timeNs: number,
    q: number,
    task: number,
    args: Float64Array,
    first: number,
    now = 0,
    ourNow = now,
  ): void {
    const e = entityOf(task);
    const known = this.#known[e];
    const blocked = kind === 'pelt_blocked';
    if (known === Known.ATTACHED || (blocked && (known === Known.FLOATING || known === Known.LEFT))) {
      this.#tally.begin(kind, timeNs, q, this.#nameOf(task));
      this.#fields(AVG_SE + e, args, first);
      this.#tally.field('now', now, ourNow);
      this.#tally.end();
    } else {
      this.#tally.skip(kind, known === Known.LEFT ? CAME_BACK : (this.#why.get(e) ?? FIRST_SEEN));
    }
    putAverage(AVG_SE + e, args, first);
    if (!blocked || known === undefined || known === Known.NOTHING) this.#known[e] = Known.ATTACHED;
  }

  #compareRunqueue(timeNs: number, q: number, args: Float64Array): void {
    const unknown = this.#knownQ[q]!;
    if (unknown === null) {
      this.#tally.begin('pelt_cfs', timeNs, q, '');
      this.#fields(q, args, CFS.lut);
      this.#tally.end();
    } else {
      this.#tally.skip('pelt_cfs', unknown);
      this.#knownQ[q] = null;
    }
    putAverage(q, args, CFS.lut);
  }

  #fields(i: number, args: Float64Array, first: number): void {
    AVERAGE_FIELDS.forEach((name, f) => {
      this.#tally.field(name, args[first + f]!, averageField(i, f));
    });
  }
}
