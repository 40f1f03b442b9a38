/**
 * Task stealing: CPUs with more than one runnable CFS task are marked in a sparse mask, one an LLC; a CPU for which newidle
 * balance found nothing takes one waiting task from the first marked CPU that has one it may run. @spec 20
 *
 *   gates ─► SEARCH: siblings, then masks from the own position ─► TAKE: lock the queue, look again ─► DONE
 *               ▲                                                       │ nothing movable
 *               └───────────────────────────────────────────────────────┘
 *
 * No load is compared, hot tasks move, and one task at most: what balancing refuses with reason, this does not ask.
 */
import { RandomStreams } from '../engine/random.ts';
import { activateTask, checkPreemptCurr, deactivateTask, moveQueuedTask, setTaskCpu } from '../sched/activate.ts';
import * as cfs from '../sched/cfs-rq.ts';
import { updateRqClock } from '../sched/clock.ts';
import { fact } from '../sched/decide.ts';
import { type Counter, UNFINISHED } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { atomicOn, readFrom, takeLock } from '../sched/line-access.ts';
import { allowed } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { bestPushable } from '../sched/rt.ts';
import { allocateLines, Line } from '../sched/shared-lines.ts';
import { charge, owes } from '../sched/signals.ts';
import * as tasks from '../sched/tasks.ts';
import { Reason } from '../trace/decisions.ts';
import { MigrateCause } from '../trace/events.ts';
import { throttledPair } from './detach.ts';
import { decideSteal } from './explain-pass.ts';
import { LlcMap } from './llc-map.ts';
import type { StealTunables } from './mechanisms.ts';
import { SparseMask } from './sparsemask.ts';

const Stage = { SEARCH: 0, TAKE: 1, DONE: 2 } as const;

export class TaskStealing {
  readonly #tunables: StealTunables;
  /** `sched_steal_allow` */
  #on = false;
  #llcs!: LlcMap;
  /** Overloaded CPUs of each LLC. */
  #masks: readonly SparseMask[] = [];
  /** Cache lines of the masks: those in which some CPU of the LLC is, others nobody ever writes. [llc][line], -1 none. */
  readonly #firstLine: number;
  #lines: readonly Int32Array[] = [];
  #random!: RandomStreams;

  // Of the attempt that each CPU is making.
  readonly #stage: Uint8Array;
  readonly #source: Int32Array;
  readonly #got: Uint8Array;
  readonly #sawOverloaded: Uint8Array;
  /** Siblings looked at; then masks walked, and how far in the one at hand (-1: not begun). */
  readonly #siblings: Int32Array;
  readonly #nth: Int32Array;
  readonly #origin: Int32Array;
  readonly #offset: Int32Array;
  /** Where the last steal of the CPU was from. */
  readonly #last: Int32Array;

  #attempts = 0;
  #steals = 0;
  #fails = 0;
  #sets = 0;
  #clears = 0;
  #findNs = 0;

  constructor(nrCpus: number, tunables: StealTunables) {
    this.#tunables = tunables;
    this.#firstLine = allocateLines(nrCpus);
    this.#stage = new Uint8Array(nrCpus);
    this.#source = new Int32Array(nrCpus);
    this.#got = new Uint8Array(nrCpus);
    this.#sawOverloaded = new Uint8Array(nrCpus);
    this.#siblings = new Int32Array(nrCpus);
    this.#nth = new Int32Array(nrCpus);
    this.#origin = new Int32Array(nrCpus);
    this.#offset = new Int32Array(nrCpus);
    this.#last = Int32Array.from({ length: nrCpus }, (_, cpu) => cpu);
  }

  started(): void {
    const { nrCpus, topology } = k;
    this.#on = topology.nodes.length <= this.#tunables.nodeLimit;
    this.#llcs = new LlcMap(topology, k.sd.tree.llcId, this.#tunables.scope);
    this.#masks = this.#llcs.cpus.map(() => new SparseMask(nrCpus, this.#tunables.density));
    this.#lines = this.#placeLines();
    this.#random = new RandomStreams(nrCpus);
    for (let cpu = 0; cpu < nrCpus; cpu++) this.#random.seed(cpu, k.config.seed, 'steal', cpu);
  }

  counters(): readonly Counter[] {
    return [
      ['steal.attempts', this.#attempts],
      ['steal.steals', this.#steals],
      ['steal.failed', this.#fails],
      ['steal.overload_sets', this.#sets],
      ['steal.overload_clears', this.#clears],
      ['steal.find_ms', this.#findNs / 1e6],
    ];
  }

  /** Is the CPU marked as overloaded? */
  isOverloaded(cpu: number): boolean {
    return this.#masks[this.#llcs.of[cpu]!]!.has(cpu);
  }

  /** The mark is written on the crossing between one task and two only. @spec 20 §3 */
  fairCountChanged(cpu: number, before: number, after: number): void {
    if (!this.#on) return;
    const llc = this.#llcs.of[cpu]!;
    const mask = this.#masks[llc]!;
    if (before < 2 && after >= 2) {
      mask.add(cpu);
      this.#sets++;
    } else if (before >= 2 && after < 2) {
      mask.delete(cpu);
      this.#clears++;
    } else {
      return;
    }
    this.#findNs += atomicOn(this.#lines[llc]![mask.lineOf(cpu)]!);
  }

  /** Each LLC has at most as many lines with CPUs of it as it has CPUs. */
  #placeLines(): Int32Array[] {
    let next = this.#firstLine;
    return this.#llcs.cpus.map((cpus, llc) => {
      const mask = this.#masks[llc]!;
      const lines = new Int32Array(mask.nrLines).fill(-1);
      for (const cpu of cpus) if (lines[mask.lineOf(cpu)]! < 0) lines[mask.lineOf(cpu)] = next++;
      return lines;
    });
  }

  /** The gates. True if `step` is to be called. @spec 20 §5 steps 1-3 */
  begin(cpu: number): boolean {
    if (!this.#on || k.cpuActive[cpu] === 0 || rq.avgIdle[cpu]! < this.#tunables.minAvgIdleNs) {
      if (k.deciding) this.#decideGate(cpu);
      return false;
    }
    this.#attempts++;
    this.#stage[cpu] = Stage.SEARCH;
    this.#got[cpu] = 0;
    this.#sawOverloaded[cpu] = 0;
    this.#siblings[cpu] = this.#tunables.smtFirst && k.smtPresent ? 0 : k.siblings[cpu]!.length;
    this.#nth[cpu] = 0;
    this.#offset[cpu] = -1;
    return true;
  }

  /** Goes on: UNFINISHED, or the result of the attempt. @spec 20 §5 steps 4-6 */
  step(cpu: number): number {
    for (;;) {
      if (owes(cpu)) return UNFINISHED;
      switch (this.#stage[cpu]) {
        case Stage.SEARCH:
          this.#search(cpu);
          break;
        case Stage.TAKE:
          this.#take(cpu, this.#source[cpu]!);
          break;
        default:
          return this.#finish(cpu);
      }
    }
  }

  /** On to the next CPU that is worth locking. */
  #search(cpu: number): void {
    const siblings = k.siblings[cpu]!;
    while (this.#siblings[cpu]! < siblings.length) {
      const sibling = siblings[this.#siblings[cpu]++]!;
      if (sibling === cpu) continue;
      this.#readLine(this.#llcs.of[sibling]!, sibling);
      if (this.isOverloaded(sibling) && this.#worthLocking(cpu, sibling)) return;
    }
    const order = this.#llcs.order(cpu);
    while (this.#nth[cpu]! < order.length) {
      const llc = order[this.#nth[cpu]!]!;
      const mask = this.#masks[llc]!;
      if (this.#offset[cpu]! < 0) this.#origin[cpu] = this.#startOf(cpu);
      const origin = this.#origin[cpu]!;
      const from = this.#offset[cpu]!;
      const to = mask.next(origin, from + 1);
      if (from < 0) this.#readLine(llc, origin);
      const end = to < 0 ? k.nrCpus - 1 : to;
      for (let at = mask.nextLine(origin, Math.max(from, 0)); at <= end; at = mask.nextLine(origin, at)) {
        this.#readLine(llc, (origin + at) % k.nrCpus);
      }
      if (to < 0) {
        this.#nth[cpu]!++;
        this.#offset[cpu] = -1;
        continue;
      }
      this.#offset[cpu] = to;
      if (this.#worthLocking(cpu, (origin + to) % k.nrCpus)) return;
    }
    if (this.#tunables.rt) this.#stealRt(cpu);
    this.#stage[cpu] = Stage.DONE;
  }

  /** The walk comes to the line of the mask of the LLC that has the CPU. */
  #readLine(llc: number, cpu: number): void {
    const line = this.#lines[llc]![this.#masks[llc]!.lineOf(cpu)]!;
    if (line >= 0) this.#findNs += readFrom(line);
  }

  #startOf(cpu: number): number {
    if (this.#tunables.start === 'self') return cpu;
    return this.#tunables.start === 'last' ? this.#last[cpu]! : this.#random.below(cpu, k.nrCpus);
  }

  /** An unlocked look at the other queue; true and on to TAKE if it is long enough. */
  #worthLocking(cpu: number, source: number): boolean {
    if (source === cpu) return false;
    this.#sawOverloaded[cpu] = 1;
    this.#look(cpu, source);
    if (cfs.hNrRunning[source]! < 2) return false;
    this.#source[cpu] = source;
    this.#stage[cpu] = Stage.TAKE;
    return true;
  }

  /** @spec 20 §5, `steal_from` steps 2-5 */
  #take(cpu: number, source: number): void {
    this.#stage[cpu] = Stage.SEARCH;
    this.#findNs += takeLock(Line.RQ_LOCK + source, k.costs.detachNs);
    if (cfs.hNrRunning[source]! < 2 || k.cpuActive[source] === 0) {
      if (k.deciding) decideSteal(cpu, -1, source, Reason.LOST_RACE, 'locked, the queue has fewer than two CFS tasks');
      return;
    }
    updateRqClock(source);
    const task = movableTask(source, cpu);
    if (task < 0) {
      if (k.deciding) decideSteal(cpu, -1, source, Reason.ALL_PINNED, 'no waiting task of the queue may run here');
      return;
    }
    deactivateTask(source, task, 0);
    setTaskCpu(task, cpu, MigrateCause.STEAL, -1);
    charge(cpu, k.costs.detachNs + k.costs.attachNs);
    updateRqClock(cpu);
    activateTask(cpu, task, 0);
    checkPreemptCurr(cpu, task, 0);
    this.#won(cpu, source);
    if (k.deciding) decideSteal(cpu, task, source, Reason.PULLED, '');
    this.#stage[cpu] = Stage.DONE;
  }

  /** What the author left for later: real-time tasks that wait behind others, in the same places. @spec 20 §8 */
  #stealRt(cpu: number): void {
    for (const llc of this.#llcs.order(cpu)) {
      for (const source of this.#llcs.cpus[llc]!) {
        this.#look(cpu, source);
        const task = source === cpu ? -1 : bestPushable(source, cpu);
        if (task < 0) continue;
        this.#findNs += takeLock(Line.RQ_LOCK + source, k.costs.detachNs);
        moveQueuedTask(task, cpu, MigrateCause.STEAL);
        charge(cpu, k.costs.detachNs + k.costs.attachNs);
        this.#won(cpu, source);
        if (k.deciding) decideSteal(cpu, task, source, Reason.PULLED, 'a real-time task');
        return;
      }
    }
  }

  #won(cpu: number, source: number): void {
    this.#got[cpu] = 1;
    this.#last[cpu] = source;
    this.#steals++;
  }

  /** Which of the gates it was, for the record. */
  #decideGate(cpu: number): void {
    if (!this.#on)
      decideSteal(cpu, -1, -1, Reason.OUT_OF_SCOPE, 'the machine has more nodes than sched_steal_node_limit');
    else if (k.cpuActive[cpu] === 0) decideSteal(cpu, -1, -1, Reason.OUT_OF_SCOPE, 'the CPU is not active');
    else {
      fact('avg_idle_ns', rq.avgIdle[cpu]!);
      fact('min_avg_idle_ns', this.#tunables.minAvgIdleNs);
      decideSteal(cpu, -1, -1, Reason.AVG_IDLE, 'avg_idle < min_avg_idle');
    }
  }

  #finish(cpu: number): number {
    if (k.deciding && this.#got[cpu] === 0) {
      const marked = this.#sawOverloaded[cpu] !== 0;
      const why = marked ? 'no CPU marked as overloaded had a task to give' : 'no CPU in scope is marked as overloaded';
      decideSteal(cpu, -1, -1, Reason.NO_BUSIEST_QUEUE, why);
    }
    if (this.#got[cpu] === 0 && this.#sawOverloaded[cpu] !== 0) this.#fails++;
    updateRqClock(cpu);
    const result =
      rq.nrRunning[cpu] !== cfs.hNrRunning[cpu] ? -1 : this.#got[cpu] !== 0 || cfs.hNrRunning[cpu]! > 0 ? 1 : 0;
    if (result !== 0) rq.idleStamp[cpu] = -1;
    return result;
  }

  /** An unlocked look at another queue. Counted, like the marks, as time spent on finding something. @spec 20 §6, 24 §7 */
  #look(cpu: number, other: number): void {
    const ns = this.#llcs.of[cpu] === this.#llcs.of[other] ? k.costs.scanLlcNs : k.costs.scanFarNs;
    this.#findNs += ns;
    charge(cpu, ns);
  }

  /** What is wrong with the marks, or null. */
  checkBooks(): string | null {
    if (!this.#on) return null;
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if (this.isOverloaded(cpu) !== cfs.hNrRunning[cpu]! >= 2)
        return `CPU ${cpu} is marked wrongly as overloaded or not`;
    }
    return null;
  }
}

/** The task that would run next of those that may go to CPU `to` and are not running, or -1. @spec 20 §5 step 4 */
export function movableTask(source: number, to: number): number {
  for (let task = rq.cfsTasksTail[source]!; task >= 0; task = tasks.listPrev[task]!) {
    if (throttledPair(task, source, to)) continue;
    if (!allowed(task, to)) {
      tasks.nrFailedAffine[task]! += 1;
    } else if (rq.curr[source] === task || tasks.onCpu[task] !== 0) {
      tasks.nrFailedRunning[task]! += 1;
    } else {
      return task;
    }
  }
  return -1;
}
