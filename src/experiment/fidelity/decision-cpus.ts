/**
 * What runs and waits on each CPU, as far as a trace tells, and what a decision may have seen of it.
 *
 * Events are written before or after what they tell, and other CPUs look meanwhile:
 *
 *   select_ret ── the task is queued, or announced ── sched_wakeup      sched_migrate_task ── queued ── next event
 *   event before ── a task leaves its queue, the next becomes current ── sched_switch
 *
 * So a change has happened somewhere between the event before it on the executing CPU (but not longer ago than `LAG_NS`)
 * and its own event; what is announced is there at the latest when the announcing CPU does something else. A `Moment` is
 * the time of one decision: all that each CPU may have looked like in it. It is complete only when the events are known
 * that follow within `LAG_NS`; so decisions are made later, in order (`DecisionQueue`).
 */
import { Wake } from '../../sched/hooks.ts';
import { EVENTS } from '../../trace/event-specs.ts';
import { Ev, type EventKind, IDLE_TASK } from '../../trace/events.ts';
import type { TraceTables } from '../../trace/sink.ts';

/** From a change to its event, ns: a few of the turns in which the lab's one host thread executes its CPUs. */
export const LAG_NS = 100_000;
const STATE_MASK = 255;
const NOWHERE = -1;
const MANY = 0x7fffffff;

/** Events within a pass between taking tasks off a queue and putting them on another. */
const MOVING = new Uint8Array(EVENTS.length);
for (const kind of [Ev.CAN_MIGRATE, Ev.CAN_MIGRATE_RET, Ev.DETACH, Ev.SCHED_MIGRATE_TASK, Ev.SCHED_STAT_RUNTIME]) {
  MOVING[kind] = 1;
}

/** What may be true; both may. */
export const May = { NOT: 1, BE: 2 } as const;

/** What each CPU may have looked like while a decision was made. */
export class Moment {
  timeNs = 0;
  endNs = Number.POSITIVE_INFINITY;
  /** `May` have its idle task as the current one; have a wakeup announced. */
  readonly idling: Uint8Array;
  readonly announced: Uint8Array;
  /** The fewest and the most runnable tasks. */
  readonly least: Int32Array;
  readonly most: Int32Array;

  constructor(nrCpus: number) {
    this.idling = new Uint8Array(nrCpus);
    this.announced = new Uint8Array(nrCpus);
    this.least = new Int32Array(nrCpus);
    this.most = new Int32Array(nrCpus);
  }

  mayIdle(cpu: number): boolean {
    return (this.idling[cpu]! & May.BE) !== 0 && this.least[cpu]! <= 0 && (this.announced[cpu]! & May.NOT) !== 0;
  }

  /** A character a CPU: `-` idle, `x` busy, `?` the one or the other. */
  describe(): string {
    let text = '';
    for (let cpu = 0; cpu < this.idling.length; cpu++) {
      text += this.mayIdle(cpu) ? (this.mayBeBusy(cpu) ? '?' : '-') : 'x';
    }
    return text;
  }

  mayBeBusy(cpu: number): boolean {
    return (this.idling[cpu]! & May.NOT) !== 0 || this.most[cpu]! > 0 || (this.announced[cpu]! & May.BE) !== 0;
  }
}

/** A task on its way to a queue: waking, new, or taken off another. */
interface Arrival {
  readonly task: number;
  cpu: number;
  readonly by: number;
  /** It is there, or announced there for sure. */
  sure: boolean;
  /** It is being moved and not woken: no event tells when it is there. */
  readonly moved: boolean;
}

export class CpuStates {
  readonly nrCpus: number;
  /** Current task, IDLE_TASK for none. */
  readonly current: Int32Array;
  /** Tasks that are runnable for sure. */
  readonly nr: Int32Array;
  /** Time of the last event of each CPU. */
  readonly lastNs: Float64Array;
  /** By CPU: the time of the last event that told a change. */
  readonly changedNs: Float64Array;
  #nowNs = 0;
  /** When what the last event told can have happened at the earliest. */
  sinceNs = 0;
  /** By task: the CPU on whose queue it is, or NOWHERE. */
  readonly #where: number[] = [];
  readonly #arrivals = new Map<number, Arrival>();
  /** By CPU: tasks on their way to it, and those of them that are there for sure. */
  readonly #coming: Int32Array;
  readonly #sure: Int32Array;
  /** By CPU: the task for which it is choosing a CPU. */
  readonly #selecting: Int32Array;
  readonly #live: Moment[] = [];
  readonly #free: Moment[] = [];

  constructor(tables: TraceTables) {
    const n = tables.topology.nrCpus;
    this.nrCpus = n;
    this.current = Int32Array.from({ length: n }, (_, cpu) => tables.initialCurrent?.[cpu] ?? IDLE_TASK);
    this.nr = new Int32Array(n);
    this.lastNs = new Float64Array(n);
    this.changedNs = new Float64Array(n);
    this.#coming = new Int32Array(n);
    this.#sure = new Int32Array(n);
    this.#selecting = new Int32Array(n).fill(IDLE_TASK);
    this.current.forEach((task, cpu) => {
      if (task === IDLE_TASK) return;
      this.#where[task] = cpu;
      this.nr[cpu] = 1;
    });
  }

  /** The CPU on whose queue the task is, or -1. */
  where(task: number): number {
    return this.#where[task] ?? NOWHERE;
  }

  /** The most tasks that may be runnable now. */
  mostRunning(cpu: number): number {
    return this.nr[cpu]! + this.#coming[cpu]! + this.#sure[cpu]!;
  }

  /** A decision begins to look. */
  open(timeNs: number): Moment {
    const moment = this.#free.pop() ?? new Moment(this.nrCpus);
    moment.timeNs = timeNs;
    moment.endNs = Number.POSITIVE_INFINITY;
    for (let cpu = 0; cpu < this.nrCpus; cpu++) {
      moment.idling[cpu] = 0;
      moment.announced[cpu] = 0;
      moment.least[cpu] = MANY;
      moment.most[cpu] = 0;
      this.#addTo(moment, cpu);
    }
    this.#live.push(moment);
    return moment;
  }

  /** Nothing more is to be known of it. */
  release(moment: Moment): void {
    const at = this.#live.indexOf(moment);
    if (at >= 0) this.#live.splice(at, 1);
    this.#free.push(moment);
  }

  /** To be called with every event: before a moment that begins with it is opened, after one that ends with it is closed. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    // A new name comes with the event that shows it.
    if (kind === Ev.RENAME) return;
    const sinceNs = Math.max(this.lastNs[cpu]!, timeNs - LAG_NS);
    this.sinceNs = sinceNs;
    this.#nowNs = timeNs;
    this.lastNs[cpu] = timeNs;
    if (this.#arrivals.size > 0) this.#goOn(kind, cpu, task, sinceNs);
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#switch(cpu, task, args[0]!, (args[1]! & STATE_MASK) === 0, sinceNs);
        return;
      case Ev.SCHED_WAKING:
        // Also of one that seems to be queued: it may have left its queue, and what tells that is still to come.
        this.#announce(task, args[0]!, cpu, false, timeNs);
        return;
      case Ev.SELECT:
        this.#forget(task);
        this.#selecting[cpu] = (args[1]! & Wake.EXEC) === 0 ? task : IDLE_TASK;
        return;
      case Ev.SELECT_RET:
        if (this.#selecting[cpu] !== IDLE_TASK) this.#announce(this.#selecting[cpu]!, args[0]!, cpu, false, timeNs);
        this.#selecting[cpu] = IDLE_TASK;
        return;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        this.#arrive(task, args[0]!, sinceNs);
        return;
      case Ev.SCHED_MIGRATE_TASK:
        this.#migrate(task, args[1]!, cpu, sinceNs, timeNs);
        return;
      case Ev.NEWIDLE:
        this.#newidle(args[0]!, args[1]!, sinceNs);
        return;
    }
  }

  /** The CPU does something: whom it has announced or moved before is there now, but for the exceptions. */
  #goOn(kind: EventKind, cpu: number, task: number, sinceNs: number): void {
    const passGoesOn = MOVING[kind] !== 0;
    for (const arrival of this.#arrivals.values()) {
      if (arrival.by !== cpu || arrival.sure) continue;
      if (arrival.moved) {
        if (!passGoesOn) this.#arrive(arrival.task, arrival.cpu, sinceNs);
      } else if (arrival.task !== task) {
        arrival.sure = true;
        this.#coming[arrival.cpu]!--;
        this.#sure[arrival.cpu]!++;
      }
    }
  }

  #announce(task: number, target: number, by: number, moved: boolean, timeNs: number): void {
    this.#forget(task);
    this.#arrivals.set(task, { task, cpu: target, by, sure: false, moved });
    this.#coming[target]!++;
    this.#changed(target, timeNs);
  }

  #forget(task: number): void {
    const arrival = this.#arrivals.get(task);
    if (arrival === undefined) return;
    this.#arrivals.delete(task);
    if (arrival.sure) this.#sure[arrival.cpu]!--;
    else this.#coming[arrival.cpu]!--;
  }

  /** The task is on the queue. The announcement is taken back just before that, and the CPU looks idle in between. */
  #arrive(task: number, target: number, sinceNs: number): void {
    this.#forget(task);
    for (const moment of this.#live) if (moment.endNs > sinceNs) moment.announced[target]! |= May.NOT;
    if (this.where(task) === target) return;
    this.#leave(task, sinceNs);
    this.#where[task] = target;
    this.nr[target]!++;
    this.#changed(target, sinceNs);
  }

  #leave(task: number, sinceNs: number): void {
    const from = this.where(task);
    if (from === NOWHERE) return;
    this.#where[task] = NOWHERE;
    this.nr[from]!--;
    this.#changed(from, sinceNs);
  }

  #switch(cpu: number, prev: number, next: number, stays: boolean, sinceNs: number): void {
    if (prev !== IDLE_TASK && stays) this.#arrive(prev, cpu, sinceNs);
    else if (prev !== IDLE_TASK && this.where(prev) === cpu) this.#leave(prev, sinceNs);
    if (next !== IDLE_TASK) this.#arrive(next, cpu, sinceNs);
    this.current[cpu] = next;
    this.#changed(cpu, sinceNs);
  }

  #migrate(task: number, target: number, by: number, sinceNs: number, timeNs: number): void {
    const arrival = this.#arrivals.get(task);
    if (this.where(task) !== NOWHERE || arrival?.moved === true) {
      this.#leave(task, sinceNs);
      this.#announce(task, target, by, true, timeNs);
    } else if (arrival !== undefined) this.#announce(task, target, by, false, timeNs);
  }

  /** Told before the switch: the current task has left already. */
  #newidle(cpu: number, told: number, sinceNs: number): void {
    const task = this.current[cpu]!;
    if (told < this.nr[cpu]! && task !== IDLE_TASK && this.where(task) === cpu) this.#leave(task, sinceNs);
  }

  /** A CPU looks otherwise than before, since `sinceNs` at the earliest. */
  #changed(cpu: number, sinceNs: number): void {
    this.changedNs[cpu] = this.#nowNs;
    for (const moment of this.#live) if (moment.endNs > sinceNs) this.#addTo(moment, cpu);
  }

  #addTo(moment: Moment, cpu: number): void {
    const nr = this.nr[cpu]!;
    const sure = this.#sure[cpu]!;
    const coming = this.#coming[cpu]!;
    moment.idling[cpu]! |= this.current[cpu] === IDLE_TASK ? May.BE : May.NOT;
    moment.announced[cpu]! |= (sure === 0 ? May.NOT : 0) | (sure + coming > 0 ? May.BE : 0);
    moment.least[cpu] = Math.min(moment.least[cpu]!, nr);
    moment.most[cpu] = Math.max(moment.most[cpu]!, nr + sure + coming);
  }
}

interface Waiting {
  readonly moment: Moment;
  readonly decide: () => void;
}

/** Decisions that wait for their moments to be complete, in the order of their ends. */
export class DecisionQueue {
  readonly #cpus: CpuStates;
  readonly #waiting: Waiting[] = [];
  #first = 0;

  constructor(cpus: CpuStates) {
    this.#cpus = cpus;
  }

  /** The decision has been made; `decide` will be called when all of its moment is known. */
  close(moment: Moment, timeNs: number, decide: () => void): void {
    moment.endNs = timeNs;
    this.#waiting.push({ moment, decide });
  }

  /** To be called before each event. */
  advance(timeNs: number): void {
    const waiting = this.#waiting;
    while (this.#first < waiting.length && waiting[this.#first]!.moment.endNs + LAG_NS < timeNs) {
      const { moment, decide } = waiting[this.#first++]!;
      decide();
      this.#cpus.release(moment);
    }
    if (this.#first === waiting.length) {
      waiting.length = 0;
      this.#first = 0;
    }
  }
}
