/**
 * The order of the CFS tasks of each CPU (`cfs_tasks`), from which balancing takes the last: a task is put at the head when
 * it is enqueued, picked, looked at in vain, or changed by a system call. @spec 06 §1, 10; 02 §11
 *
 * All of it happens under the runqueue's lock, as do most events that tell it: so their order is that of the list. Three
 * things leave room. A running task may be picked again, which no event tells; a task that was moved is enqueued at some
 * time before the mover's next event; a controller changes its tasks one by one, in the order in which they were forked,
 * between its marker and its sleep. So what is known of a task is when it was last put at the head: not before, not after.
 */
import { Ev, type EventKind, IDLE_TASK } from '../../trace/events.ts';
import type { CpuStates } from './decision-cpus.ts';

/** Last put at the head of a list, in events of the trace. */
interface AtHead {
  readonly cpu: number;
  from: number;
  to: number;
  runs: boolean;
  /** Put there in one go with others of the number, in this order; 0: alone. */
  batch: number;
  place: number;
}

interface Move {
  readonly task: number;
  readonly to: number;
  readonly from: number;
}

const RUNNING = Number.POSITIVE_INFINITY;
/** Priorities of CFS in traces: 120 + nice. */
const FIRST_FAIR_PRIO = 100;

export class CfsOrder {
  readonly #cpus: CpuStates;
  readonly #at = new Map<number, AtHead>();
  #event = 0;
  /** By executing CPU: tasks it is moving; the task it looked at, or IDLE_TASK. */
  readonly #moves: Move[][];
  readonly #looked: Int32Array;
  readonly #lookedAt: Float64Array;
  #changing: { readonly by: number; readonly since: number; readonly tasks: readonly (AtHead | undefined)[] } | null =
    null;

  constructor(cpus: CpuStates) {
    this.#cpus = cpus;
    this.#moves = Array.from({ length: cpus.nrCpus }, () => []);
    this.#looked = new Int32Array(cpus.nrCpus).fill(IDLE_TASK);
    this.#lookedAt = new Float64Array(cpus.nrCpus);
    cpus.current.forEach((task, cpu) => {
      if (task !== IDLE_TASK) this.#put(task, cpu, 0, RUNNING);
    });
  }

  /** Tasks one of which is the last in the list of the CPU. */
  last(cpu: number): number[] {
    const queued: [number, AtHead][] = [];
    for (const entry of this.#at) if (entry[1].cpu === cpu) queued.push(entry);
    return queued.filter(([, at]) => !queued.some(([, other]) => isBehind(other, at))).map(([task]) => task);
  }

  /** To be called with every event, when `CpuStates` has seen it. */
  event(kind: EventKind, cpu: number, task: number, args: Float64Array): void {
    this.#event++;
    if (this.#looked[cpu] !== IDLE_TASK && kind !== Ev.SCHED_STAT_RUNTIME) this.#wasLookedAt(kind, cpu);
    if (this.#moves[cpu]!.length > 0) this.#finishMoves(cpu);
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#switch(cpu, task, args);
        return;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        if (args[1]! >= FIRST_FAIR_PRIO && this.#at.get(task)?.cpu !== args[0]) {
          this.#put(task, args[0]!, this.#event, this.#event);
        }
        return;
      case Ev.SCHED_MIGRATE_TASK:
        if (!this.#at.delete(task)) return;
        this.#moves[cpu]!.push({ task, to: args[1]!, from: this.#event });
        return;
      case Ev.NEWIDLE: {
        const current = this.#cpus.current[cpu]!;
        if (current !== IDLE_TASK && this.#cpus.where(current) !== cpu) this.#at.delete(current);
        return;
      }
    }
  }

  /** A pass has looked at the task and not said yes, or it is not known yet. */
  looked(cpu: number, task: number): void {
    this.#looked[cpu] = task;
    this.#lookedAt[cpu] = this.#event;
  }

  #switch(cpu: number, prev: number, args: Float64Array): void {
    const at = this.#at.get(prev);
    if (prev !== IDLE_TASK && at !== undefined) {
      if (this.#cpus.where(prev) !== cpu || args[2]! < FIRST_FAIR_PRIO) this.#at.delete(prev);
      else {
        // Before the next one was picked.
        at.to = this.#event - 0.5;
        at.runs = false;
        at.batch = 0;
      }
    }
    const next = args[0]!;
    if (next !== IDLE_TASK && args[3]! >= FIRST_FAIR_PRIO) this.#put(next, cpu, this.#event, RUNNING);
    if (this.#changing?.by === prev) this.#changed();
  }

  /** Under the runqueue's lock nothing else comes in between. */
  #wasLookedAt(kind: EventKind, cpu: number): void {
    const task = this.#looked[cpu]!;
    this.#looked[cpu] = IDLE_TASK;
    if (kind === Ev.DETACH) return;
    const at = this.#at.get(task);
    if (at === undefined) return;
    const running = this.#cpus.current[at.cpu] === task;
    this.#put(task, at.cpu, this.#lookedAt[cpu]!, running ? RUNNING : this.#lookedAt[cpu]!);
  }

  #finishMoves(cpu: number): void {
    const moves = this.#moves[cpu]!;
    // Those taken off last are enqueued first.
    let place = moves.length;
    const batch = this.#event;
    for (let i = 0; i < moves.length; i++) {
      const { task, to, from } = moves[i]!;
      if (this.#cpus.where(task) !== to) continue;
      moves.splice(i--, 1);
      if (this.#at.has(task)) continue;
      this.#put(task, to, from, this.#event);
      const at = this.#at.get(task)!;
      at.batch = batch;
      at.place = place--;
    }
  }

  /** A controller begins to change tasks: `changing`, in this order. */
  changes(by: number, changing: readonly number[]): void {
    const tasks = changing.map((task) => this.#at.get(task));
    for (const at of tasks) if (at !== undefined) at.to = RUNNING;
    this.#changing = { by, since: this.#event, tasks };
  }

  /** It sleeps: all have been put at the head, in order. */
  #changed(): void {
    const { since, tasks } = this.#changing!;
    this.#changing = null;
    const current = new Set(this.#at.values());
    tasks.forEach((at, place) => {
      if (at === undefined || !current.has(at)) return;
      at.from = Math.max(at.from, since);
      if (!at.runs) at.to = this.#event;
      at.batch = since;
      at.place = place;
    });
  }

  #put(task: number, cpu: number, from: number, to: number): void {
    this.#at.set(task, { cpu, from, to, runs: to === RUNNING, batch: 0, place: 0 });
  }
}

/** Put at the head before the other one, for certain. */
function isBehind(a: AtHead, b: AtHead): boolean {
  if (a.batch !== 0 && a.batch === b.batch) return a.place < b.place && !a.runs;
  return a.to < b.from;
}
