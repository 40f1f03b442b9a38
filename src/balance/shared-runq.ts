/**
 * SHARED_RUNQ: tasks that wait on busy queues are also listed in first-in-first-out shards of their LLC, and a CPU about to
 * idle takes the head of one before it searches its domains. @spec 20 §9
 *
 * A shard is a list behind a lock on a cache line of its own. What is listed stays on its runqueue: the list is an index.
 */
import { activateTask, checkPreemptCurr, deactivateTask, setTaskCpu } from '../sched/activate.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import { type Counter, UNFINISHED } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { readFrom, takeLock } from '../sched/line-access.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { allocateLines, Line } from '../sched/shared-lines.ts';
import { charge, owes } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { Class, OnRq } from '../sched/tasks.ts';
import { Reason } from '../trace/decisions.ts';
import { MigrateCause } from '../trace/events.ts';
import { throttledPair } from './detach.ts';
import { decideSteal } from './explain-pass.ts';
import { LlcMap } from './llc-map.ts';
import type { SharedRunqTunables } from './mechanisms.ts';
import type { FirstSearch } from './newidle.ts';

/** The list's lock is held this long, ns. @spec 24 §3 */
const HOLD_NS = 320;

/** Of a pull: look at shards, take the task found, over. */
const Stage = { LOOK: 0, TAKE: 1, DONE: 2 } as const;

export class SharedRunq implements FirstSearch {
  readonly #tunables: SharedRunqTunables;
  readonly #firstLine: number;
  /** First shard of each LLC, how many it has; and the home shard of each CPU. */
  #first = new Int32Array(0);
  #count = new Int32Array(0);
  #home = new Int32Array(0);
  #llcOf: Int32Array = new Int32Array(0);
  #head = new Int32Array(0);
  #tail = new Int32Array(0);
  // Of each task: its shard (-1: not listed) and neighbours there.
  #shard = new Int32Array(0);
  #next = new Int32Array(0);
  #before = new Int32Array(0);

  // Of the pull that each CPU is making.
  readonly #stage: Uint8Array;
  readonly #nth: Int32Array;
  readonly #found: Int32Array;
  readonly #got: Uint8Array;

  #listed = 0;
  #attempts = 0;
  #pulls = 0;
  #lost = 0;
  #locks = 0;
  #lockNs = 0;

  constructor(nrCpus: number, tunables: SharedRunqTunables) {
    this.#tunables = tunables;
    // There are never more shards than CPUs.
    this.#firstLine = allocateLines(nrCpus);
    this.#stage = new Uint8Array(nrCpus);
    this.#nth = new Int32Array(nrCpus);
    this.#found = new Int32Array(nrCpus);
    this.#got = new Uint8Array(nrCpus);
  }

  started(): void {
    const llcs = new LlcMap(k.topology, k.sd.tree.llcId, 'llc');
    this.#llcOf = llcs.of;
    this.#count = Int32Array.from(llcs.cpus, (cpus) => Math.ceil(cpus.length / this.#tunables.shardSize));
    this.#first = new Int32Array(this.#count.length);
    for (let llc = 1; llc < this.#first.length; llc++) {
      this.#first[llc] = this.#first[llc - 1]! + this.#count[llc - 1]!;
    }
    // Siblings that are numbered side by side have one home.
    this.#home = Int32Array.from(llcs.of, (llc, cpu) => this.#first[llc]! + ((cpu >> 1) % this.#count[llc]!));
    const nrShards = this.#count.reduce((sum, n) => sum + n, 0);
    this.#head = new Int32Array(nrShards).fill(-1);
    this.#tail = new Int32Array(nrShards).fill(-1);
  }

  counters(): readonly Counter[] {
    return [
      ['shared_runq.listed', this.#listed],
      ['shared_runq.attempts', this.#attempts],
      ['shared_runq.pulls', this.#pulls],
      ['shared_runq.lost', this.#lost],
      ['shared_runq.lock_acquisitions', this.#locks],
      ['shared_runq.lock_wait_ms', this.#lockNs / 1e6],
    ];
  }

  /** Domains up to the LLC's need no search any more. */
  goesOnAt(cpu: number, lowest: number): number {
    const llc = this.#tunables.skipLlc ? k.sd.tree.sdLlc[cpu]! : -1;
    return llc < 0 ? lowest : k.sd.parent[llc]!;
  }

  /** The pull has the gate of the search. */
  get gated(): boolean {
    return this.#tunables.gated;
  }

  /** A task became runnable on the CPU, in the tree unless it is current. */
  taskQueued(cpu: number, task: number): void {
    // Alone it would be picked anyway.
    if (rq.curr[cpu] !== task && rq.nrRunning[cpu]! > 1) this.#list(cpu, task);
  }

  /** The current task went back into the tree. */
  taskPut(cpu: number, task: number): void {
    if (this.#tunables.index === 'insertion') this.#list(cpu, task);
  }

  /** The task left the tree: it is picked, or not runnable here any more. */
  taskLeft(task: number): void {
    if (this.isListed(task)) this.#unlink(task);
  }

  isListed(task: number): boolean {
    return task < this.#shard.length && this.#shard[task]! >= 0;
  }

  #list(cpu: number, task: number): void {
    if (tasks.nrAllowed[task]! <= 1 || this.isListed(task)) return;
    if (task >= this.#shard.length) this.#grow(Math.max(64, 2 * task));
    const shard = this.#home[cpu]!;
    this.#lock(shard);
    this.#listed++;
    const tail = this.#tail[shard]!;
    this.#shard[task] = shard;
    this.#before[task] = tail;
    this.#next[task] = -1;
    if (tail < 0) this.#head[shard] = task;
    else this.#next[tail] = task;
    this.#tail[shard] = task;
  }

  #unlink(task: number): void {
    const shard = this.#shard[task]!;
    this.#lock(shard);
    const before = this.#before[task]!;
    const next = this.#next[task]!;
    if (before < 0) this.#head[shard] = next;
    else this.#next[before] = next;
    if (next < 0) this.#tail[shard] = before;
    else this.#before[next] = before;
    this.#shard[task] = -1;
  }

  #lock(shard: number): void {
    this.#locks++;
    this.#lockNs += takeLock(this.#firstLine + shard, HOLD_NS);
  }

  #grow(size: number): void {
    const longer = (old: Int32Array) => {
      const column = new Int32Array(size).fill(-1);
      column.set(old);
      return column;
    };
    this.#shard = longer(this.#shard);
    this.#next = longer(this.#next);
    this.#before = longer(this.#before);
  }

  /** The CPU is about to idle; `step` looks for a task. */
  begin(cpu: number): void {
    this.#attempts++;
    this.#stage[cpu] = Stage.LOOK;
    this.#nth[cpu] = 0;
    this.#got[cpu] = 0;
  }

  /** UNFINISHED, 1 if a task came, else 0. */
  step(cpu: number): number {
    for (;;) {
      if (owes(cpu)) return UNFINISHED;
      if (this.#stage[cpu] === Stage.LOOK) this.#look(cpu);
      else if (this.#stage[cpu] === Stage.TAKE) this.#take(cpu, this.#found[cpu]!);
      else return this.#got[cpu]!;
    }
  }

  /** The next shard that is not empty: its head, if that may come here. */
  #look(cpu: number): void {
    const llc = this.#llcOf[cpu]!;
    const first = this.#first[llc]!;
    const count = this.#count[llc]!;
    while (this.#nth[cpu]! < count) {
      const shard = first + ((this.#home[cpu]! - first + this.#nth[cpu]++) % count);
      readFrom(this.#firstLine + shard);
      if (this.#head[shard]! < 0) continue;
      const task = this.#candidate(shard, cpu);
      if (task < 0) {
        if (k.deciding) decideSteal(cpu, -1, -1, Reason.ALL_PINNED, 'SHARED_RUNQ: the task listed may not run here');
        this.#lock(shard);
        return;
      }
      this.#unlink(task);
      this.#found[cpu] = task;
      this.#stage[cpu] = Stage.TAKE;
      return;
    }
    if (k.deciding) decideSteal(cpu, -1, -1, Reason.NO_BUSIEST_QUEUE, 'SHARED_RUNQ: no shard has a task for this CPU');
    this.#stage[cpu] = Stage.DONE;
  }

  #candidate(shard: number, cpu: number): number {
    const head = this.#head[shard]!;
    if (this.#tunables.headOnly) return allowed(head, cpu) ? head : -1;
    for (let task = head; task >= 0; task = this.#next[task]!) if (allowed(task, cpu)) return task;
    return -1;
  }

  /** The task may have been picked since; then it is lost from the list, and the pull has failed. */
  #take(cpu: number, task: number): void {
    this.#stage[cpu] = Stage.DONE;
    const source = tasks.cpu[task]!;
    takeLock(Line.RQ_LOCK + source, k.costs.detachNs);
    const waits = tasks.schedClass[task] === Class.FAIR && tasks.onRq[task] === OnRq.QUEUED && tasks.onCpu[task] === 0;
    if (!waits || source === cpu || !allowed(task, cpu) || throttledPair(task, source, cpu)) {
      this.#lost++;
      if (k.deciding)
        decideSteal(cpu, task, source, Reason.LOST_RACE, 'SHARED_RUNQ: the task does not wait there any more');
      return;
    }
    updateRqClock(source);
    deactivateTask(source, task, 0);
    setTaskCpu(task, cpu, MigrateCause.STEAL, -1);
    updateRqClock(cpu);
    activateTask(cpu, task, 0);
    checkPreemptCurr(cpu, task, 0);
    charge(cpu, k.costs.detachNs + k.costs.attachNs);
    this.#pulls++;
    this.#got[cpu] = 1;
    if (k.deciding) decideSteal(cpu, task, source, Reason.PULLED, 'SHARED_RUNQ');
  }

  /** What is wrong with the lists, or null. */
  checkBooks(): string | null {
    let listed = 0;
    for (let shard = 0; shard < this.#head.length; shard++) {
      let before = -1;
      for (let task = this.#head[shard]!; task >= 0; task = this.#next[task]!) {
        if (this.#shard[task] !== shard || this.#before[task] !== before)
          return `shard ${shard} is broken at task ${task}`;
        if (tasks.onRq[task] !== OnRq.QUEUED) return `task ${task} is listed in shard ${shard} but not queued`;
        if (cfs.hNrRunning[tasks.cpu[task]!]! < 1 && tasks.group[task] === 0)
          return `task ${task} is listed but counted nowhere`;
        before = task;
        listed++;
      }
      if (this.#tail[shard] !== before) return `the tail of shard ${shard} is wrong`;
    }
    const known = this.#shard.reduce((sum, shard) => sum + (shard >= 0 ? 1 : 0), 0);
    return known === listed ? null : `${known} tasks are listed, ${listed} in shards`;
  }
}
