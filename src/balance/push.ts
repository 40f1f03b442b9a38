/**
 * Pushing: a busy CPU with tasks that wait looks for an idle CPU to give one to, at the moment it puts a task back.
 *
 *   put back ─► pushable list ─► the next task is set ─► end of the switch: balance callback
 *                                                            │  NEXT: head of the list, an idle CPU, a claim on it
 *                                                            ▼
 *                                   callback, callback_double: MOVE ─► NEXT ...
 *                                   ipi_pull, ipi_pull_batch: the target is called, and takes the head itself
 *                                   stopper: the stopper of the busy CPU moves it
 *
 * Between the look at the target and the task's arrival there the busy CPU pays for search and locks: time in which others
 * may choose the same target. @deviates 21 §3.3: until it arrives the task stays on its old queue (as it does with both
 * locks held) instead of on none, so that it may also be taken or chosen there; then the push has missed. @spec 21
 */
import { type Counter, StopWork, UNFINISHED } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { takeLock } from '../sched/line-access.ts';
import * as loop from '../sched/loop.ts';
import { Todo } from '../sched/loop.ts';
import * as rq from '../sched/rq.ts';
import { Line } from '../sched/shared-lines.ts';
import { charge, owes, sendCall } from '../sched/signals.ts';
import { queueStopWork } from '../sched/stopper.ts';
import * as tasks from '../sched/tasks.ts';
import { Class } from '../sched/tasks.ts';
import { Reason } from '../trace/decisions.ts';
import { MigrateCause } from '../trace/events.ts';
import type { EnergyPlacement } from './energy.ts';
import { decidePush } from './explain-pass.ts';
import type { IdleCores } from './idle-cores.ts';
import type { IdleTracking } from './idle-tracking.ts';
import type { LlcMap } from './llc-map.ts';
import type { PushTunables } from './mechanisms.ts';
import { PushBooks } from './push-books.ts';
import { PushClaims } from './push-claim.ts';
import { PullRequests } from './push-pull.ts';
import { PushSearch } from './push-search.ts';
import { movable, moveWaiting, pushable } from './push-task.ts';
import type { PushableLists } from './pushable-list.ts';

const Stage = { NONE: 0, NEXT: 1, MOVE: 2 } as const;

const NO_TARGET = 'no idle CPU is visible, allowed and unclaimed';

export class Push {
  readonly #tunables: PushTunables;
  readonly #lists: PushableLists;
  readonly #claims: PushClaims;
  readonly #search: PushSearch;
  readonly #books: PushBooks;
  readonly #requests: PullRequests;
  /** Targets take tasks themselves. */
  readonly #pulls: boolean;

  // Of the callback that each CPU executes: where it is, since when, and the push at hand.
  readonly #stage: Uint8Array;
  readonly #since: Float64Array;
  readonly #pushSince: Float64Array;
  readonly #task: Int32Array;
  readonly #target: Int32Array;
  /** Of the last push that each stopper was asked for. */
  readonly #stopSince: Float64Array;
  /** The queues it is for, first to be done first; and of each queue the next, and who is to do it (-1: nobody). */
  readonly #first: Int32Array;
  readonly #last: Int32Array;
  readonly #nextQueue: Int32Array;
  readonly #doneBy: Int32Array;
  /** A tick has asked the stopper of the CPU to move the task that runs alone there. */
  readonly #tickAsked: Uint8Array;

  constructor(
    nrCpus: number,
    tunables: PushTunables,
    lists: PushableLists,
    idle: IdleTracking,
    cores: IdleCores | null,
    energy: EnergyPlacement | null,
  ) {
    this.#tunables = tunables;
    this.#lists = lists;
    this.#claims = new PushClaims(nrCpus, tunables.claim, idle);
    this.#search = new PushSearch(nrCpus, tunables, idle, cores, this.#claims, energy);
    this.#books = new PushBooks(nrCpus);
    this.#requests = new PullRequests(nrCpus);
    this.#pulls = tunables.executor === 'ipi_pull' || tunables.executor === 'ipi_pull_batch';
    this.#stage = new Uint8Array(nrCpus);
    this.#since = new Float64Array(nrCpus);
    this.#pushSince = new Float64Array(nrCpus);
    this.#task = new Int32Array(nrCpus);
    this.#target = new Int32Array(nrCpus);
    this.#stopSince = new Float64Array(nrCpus);
    this.#first = new Int32Array(nrCpus).fill(-1);
    this.#last = new Int32Array(nrCpus).fill(-1);
    this.#nextQueue = new Int32Array(nrCpus).fill(-1);
    this.#doneBy = new Int32Array(nrCpus).fill(-1);
    this.#tickAsked = new Uint8Array(nrCpus);
  }

  started(llcs: LlcMap): void {
    this.#search.started(llcs);
    this.#claims.started(llcs);
  }

  counters(): readonly Counter[] {
    return this.#books.counters();
  }

  // ---- what happens to tasks

  /** A task has been chosen to run. */
  taskSet(cpu: number, task: number): void {
    this.#books.ran(task);
    this.#claims.freed(cpu);
    if (this.#tunables.trigger !== 'tick' && this.#lists.head(cpu) >= 0) {
      this.#ask(cpu, cpu);
      loop.callback[cpu] = 1;
    }
  }

  taskDequeued(task: number): void {
    this.#books.left(task);
  }

  /** A task became runnable on the CPU: does whoever made it so look for a better place? */
  taskQueued(cpu: number): void {
    if (this.#tunables.trigger !== 'enqueue') return;
    this.#ask(k.thisCpu, cpu);
    loop.todo[k.thisCpu]! |= Todo.CALLBACK;
  }

  idleEntered(cpu: number): void {
    this.#books.idleEntered(cpu);
    this.#claims.freed(cpu);
  }

  /** A tick of the CPU. */
  ticked(cpu: number): void {
    if (this.#tunables.predicate !== 'nayak') this.#tickedAlone(cpu);
    if (this.#tunables.trigger !== 'tick' || tasks.schedClass[rq.curr[cpu]!] !== Class.FAIR) return;
    const task = this.#lists.head(cpu);
    if (task < 0 || this.#lists.waited(task) < this.#tunables.minWaitNs) return;
    this.#ask(cpu, cpu);
    loop.todo[cpu]! |= Todo.CALLBACK;
  }

  /** What runs alone is never put back: the tick looks whether it had better be elsewhere. @spec 21 §2 */
  #tickedAlone(cpu: number): void {
    const task = rq.curr[cpu]!;
    if (rq.nrRunning[cpu] !== 1 || tasks.schedClass[task] !== Class.FAIR) return;
    if (rq.activeBalance[cpu] !== 0 || this.#tickAsked[cpu] !== 0) return;
    if (!pushable(task, this.#tunables.predicate)) return;
    this.#search.beginBatch();
    const target = this.#search.find(task, cpu, 0);
    if (target < 0) return;
    this.#tickAsked[cpu] = 1;
    this.#stopSince[cpu] = k.now;
    this.#books.runningMoves++;
    queueStopWork(cpu, { kind: StopWork.PUSH, task, cpu: target, cause: MigrateCause.PUSH, waiter: -1 });
  }

  #ask(executor: number, queue: number): void {
    if (this.#doneBy[queue]! >= 0) return;
    this.#doneBy[queue] = executor;
    this.#nextQueue[queue] = -1;
    if (this.#first[executor]! < 0) this.#first[executor] = queue;
    else this.#nextQueue[this.#last[executor]!] = queue;
    this.#last[executor] = queue;
  }

  // ---- the callback

  /** The balance callback of a CPU: 0 when done, else UNFINISHED. */
  callback(cpu: number): number {
    if (this.#stage[cpu] === Stage.NONE) {
      if (this.#first[cpu]! < 0) return 0;
      this.#stage[cpu] = Stage.NEXT;
      this.#since[cpu] = k.now;
      this.#books.callbacks++;
    }
    for (;;) {
      if (owes(cpu)) return UNFINISHED;
      if (this.#stage[cpu] === Stage.MOVE) this.#move(cpu);
      else if (this.#first[cpu]! >= 0) this.#next(cpu, this.#first[cpu]!);
      else break;
    }
    this.#stage[cpu] = Stage.NONE;
    const ns = k.now - this.#since[cpu]!;
    this.#books.busyNs += ns;
    if (rq.curr[cpu] !== cpu) this.#books.delayNs += ns;
    return 0;
  }

  /** The head of the list of a queue, and where it could go. */
  #next(cpu: number, queue: number): void {
    const task = this.#lists.head(queue);
    if (task < 0) {
      this.#endOfQueue(cpu, queue);
      return;
    }
    this.#pushSince[cpu] = k.now;
    this.#search.beginBatch();
    if (this.#pulls) {
      this.#askTargets(queue, task);
      this.#endOfQueue(cpu, queue);
      return;
    }
    this.#lists.remove(task);
    const target = this.#search.find(task, queue, this.#lists.waited(task));
    if (target < 0) {
      this.#books.noTarget++;
      if (k.deciding) decidePush(queue, task, -1, Reason.OUT_OF_SCOPE, NO_TARGET);
      // The energy-aware version tries each task once; the other puts it back, and that is all for now. @spec 21 §2, §3.3
      if (this.#tunables.predicate !== 'nayak') return;
      this.#lists.insert(queue, task, this.#lists.since(task));
      this.#endOfQueue(cpu, queue);
      return;
    }
    if (this.#tunables.executor === 'stopper') {
      this.#stopSince[queue] = k.now;
      queueStopWork(queue, { kind: StopWork.PUSH, task, cpu: target, cause: MigrateCause.PUSH, waiter: -1 });
      this.#endOfQueue(cpu, queue);
      return;
    }
    this.#task[cpu] = task;
    this.#target[cpu] = target;
    this.#stage[cpu] = Stage.MOVE;
    this.#lock(queue, target);
  }

  // ---- executors other than the busy CPU

  /** The busy CPU only finds and claims: one target for the head of the list, or as many as tasks wait. */
  #askTargets(queue: number, task: number): void {
    const batch = this.#tunables.executor === 'ipi_pull_batch';
    for (let next = task; next >= 0; next = batch ? this.#lists.after(next) : -1) {
      const target = this.#search.find(next, queue, this.#lists.waited(next));
      if (target < 0) {
        this.#books.noTarget++;
        if (k.deciding) decidePush(queue, next, -1, Reason.OUT_OF_SCOPE, NO_TARGET);
        return;
      }
      this.#requests.post(target, queue);
      sendCall(target);
    }
  }

  /** The call arrives at the target. Unlike whoever called it knows at once whether it still idles. */
  called(cpu: number): void {
    if (!this.#requests.has(cpu)) return;
    const before = loop.debt[cpu]!;
    while (this.#requests.next(cpu)) this.#pull(cpu, this.#requests.queue, this.#requests.since);
    this.#books.idleNs += loop.debt[cpu]! - before;
  }

  #pull(cpu: number, queue: number, since: number): void {
    const taken = rq.nrRunning[cpu] !== 0 || rq.wakeListHead[cpu]! >= 0 ? -1 : this.#headFor(cpu, queue);
    if (taken < 0) {
      this.#books.misses++;
      if (k.deciding)
        decidePush(queue, -1, cpu, Reason.LOST_RACE, 'the target is busy by now, or no task waits for it');
      this.#claims.release(cpu);
      return;
    }
    if (k.deciding) decidePush(queue, taken, cpu, Reason.PULLED, 'by the target itself');
    moveWaiting(taken, queue, cpu);
    charge(cpu, k.costs.detachNs + k.costs.attachNs);
    this.#claims.arrived(cpu);
    this.#books.pushed(taken, cpu, since, false);
  }

  /** First of the list of the queue that may come, which is locked and looked at for it. */
  #headFor(cpu: number, queue: number): number {
    takeLock(Line.RQ_LOCK + queue, k.costs.detachNs);
    let task = this.#lists.head(queue);
    while (task >= 0 && !movable(task, queue, cpu)) task = this.#lists.after(task);
    return task;
  }

  /** The stopper of the queue's CPU does its part; the two switches for it are the busy CPU's too. */
  stopped(queue: number, task: number, target: number): void {
    const { detachNs, attachNs, pickNs, switchOtherMmNs } = k.costs;
    this.#tickAsked[queue] = 0;
    this.#books.busyNs += detachNs + attachNs + 2 * (pickNs + switchOtherMmNs);
    this.#finishMove(task, queue, target, this.#stopSince[queue]!);
  }

  /** What is wrong with the claims, or null. */
  checkBooks(): string | null {
    const underWay = new Uint8Array(k.nrCpus);
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if (this.#stage[cpu] === Stage.MOVE) underWay[this.#target[cpu]!] = 1;
      if (this.#requests.has(cpu)) underWay[cpu] = 1;
      for (const work of k.stoppers.queues[cpu]!) if (work.kind === StopWork.PUSH) underWay[work.cpu] = 1;
    }
    return this.#claims.checkBooks(underWay);
  }

  #endOfQueue(cpu: number, queue: number): void {
    this.#first[cpu] = this.#nextQueue[queue]!;
    this.#doneBy[queue] = -1;
  }

  /** Up to the moment at which the task can be moved. */
  #lock(queue: number, target: number): void {
    const { detachNs, attachNs } = k.costs;
    if (this.#tunables.executor === 'callback_double') {
      takeLock(Line.RQ_LOCK + target, detachNs + attachNs);
      takeLock(Line.RQ_LOCK + queue, detachNs + attachNs);
      charge(k.thisCpu, detachNs);
    } else {
      charge(k.thisCpu, detachNs);
      takeLock(Line.RQ_LOCK + target, attachNs);
    }
  }

  #move(cpu: number): void {
    const task = this.#task[cpu]!;
    const target = this.#target[cpu]!;
    this.#stage[cpu] = Stage.NEXT;
    const queue = this.#first[cpu]!;
    if (!this.#finishMove(task, queue, target, this.#pushSince[cpu]!)) return;
    charge(cpu, k.costs.attachNs);
    if (this.#tunables.executor === 'callback') takeLock(Line.RQ_LOCK + queue, 0);
  }

  /** Moves the task that was meant for the target, if that can still be done. */
  #finishMove(task: number, queue: number, target: number, since: number): boolean {
    if (!movable(task, queue, target)) {
      this.#books.misses++;
      if (k.deciding)
        decidePush(queue, task, target, Reason.LOST_RACE, 'locked, the task does not wait there any more');
      this.#claims.release(target);
      return false;
    }
    const pileup = rq.nrRunning[target] !== 0 || rq.wakeListHead[target]! >= 0;
    if (k.deciding) decidePush(queue, task, target, Reason.PULLED, pileup ? 'onto one that is not idle any more' : '');
    moveWaiting(task, queue, target);
    this.#claims.arrived(target);
    this.#books.pushed(task, target, since, pileup);
    return true;
  }
}
