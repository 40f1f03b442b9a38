/**
 * What the replays of both fair classes have in common: a copy of each runqueue, kept by the events, in the simulator's own
 * tables. An entity is somewhere in it, at a vruntime that is known or is not; `sum_exec_runtime` is the same in both.
 */
import * as cfs from '../../sched/cfs-rq.ts';
import * as se from '../../sched/entity.ts';
import * as rq from '../../sched/rq.ts';
import { IDLE_TASK } from '../../trace/events.ts';
import { entityOf } from './exact-state.ts';
import type { ExactTally } from './exact-tally.ts';

/** Where an entity is. */
export const At = {
  NOWHERE: 0,
  /** Between two runqueues: what it has of virtual time is relative. */
  BETWEEN: 1,
  /** In the queue, in its order; or somewhere in it, for its vruntime is not known. */
  QUEUED: 2,
  QUEUED_UNKNOWN: 3,
  /** Its runqueue's curr, queued or not. */
  CURR: 4,
  /** Of another class. */
  LEFT: 5,
  /** It dies, and is put from its group into the root's: for a moment it is on no queue, and its vruntime relative. */
  REGROUPED: 6,
} as const;

/** Tasks of lower numbers are not of the fair class. */
export const FIRST_PRIO_OF_FAIR = 100;
export const NOT_TOLD = 'not told before in a repetition';

export abstract class QueueReplay {
  protected readonly tally: ExactTally;
  protected readonly nameOf: (task: number) => string;
  /** By entity: where it is, its priority; why its virtual times are not known (null: they are). */
  protected readonly at: number[] = [];
  protected readonly prioOf: number[] = [];
  protected readonly unknown: (string | null | undefined)[] = [];
  /** By runqueue: how many are in the queue at no known place. */
  protected readonly strangers: Int32Array;
  /** By executing CPU: tasks that it has taken from others, and where they go. */
  protected readonly taken: { e: number; q: number }[][];
  /** By entity: its sum_exec_runtime is known. */
  readonly #sumKnown: boolean[] = [];

  protected constructor(tally: ExactTally, nrCpus: number, nameOf: (task: number) => string) {
    this.tally = tally;
    this.nameOf = nameOf;
    this.strangers = new Int32Array(nrCpus);
    this.taken = Array.from({ length: nrCpus }, () => []);
  }

  /** Into the class's own queue, and out of it. */
  protected abstract queue(q: number, e: number): void;
  protected abstract unqueue(q: number, e: number): void;

  /** The running entity leaves the queue by itself. */
  protected abstract sleep(cpu: number): void;

  /** A CPU looks for work: its current task has been taken off the queue, if it was of the fair class. */
  newidle(cpu: number): void {
    const curr = cfs.curr[cpu]!;
    if (curr >= 0 && se.onRq[curr] !== 0) this.sleep(cpu);
  }

  /** The CPU goes on with `next`. */
  protected runNext(cpu: number, next: number): void {
    if (next < 0 || this.prioOf[entityOf(next)]! < FIRST_PRIO_OF_FAIR) return;
    this.erase(entityOf(next));
    this.setCurr(cpu, entityOf(next));
  }

  protected setCurr(q: number, e: number): void {
    cfs.curr[q] = e;
    this.at[e] = At.CURR;
    se.cfsRq[e] = q;
    se.onRq[e] = 1;
    se.execStart[e] = rq.clock[q]!;
  }

  protected insert(q: number, e: number): void {
    this.erase(e);
    se.cfsRq[e] = q;
    se.onRq[e] = 1;
    if (this.unknown[e] === null) {
      this.queue(q, e);
      this.at[e] = At.QUEUED;
    } else {
      this.strangers[q]! += 1;
      this.at[e] = At.QUEUED_UNKNOWN;
    }
  }

  protected erase(e: number): void {
    const q = se.cfsRq[e]!;
    if (this.at[e] === At.QUEUED) this.unqueue(q, e);
    else if (this.at[e] === At.QUEUED_UNKNOWN) this.strangers[q]! -= 1;
    else if (this.at[e] === At.CURR) cfs.curr[q] = -1;
    this.at[e] = At.NOWHERE;
    se.onRq[e] = 0;
  }

  /** A new task has run for no time. */
  protected beginSum(e: number): void {
    this.#sumKnown[e] = true;
  }

  protected sum(timeNs: number, q: number, task: number, sum: number): void {
    const e = entityOf(task);
    if (this.#sumKnown[e]) this.compare('sum_exec_runtime', timeNs, q, task, sum, se.sumExec[e]!);
    else this.tally.skip('sum_exec_runtime', NOT_TOLD);
    this.#sumKnown[e] = true;
    se.sumExec[e] = sum;
  }

  /** A virtual time of an entity, if it is known. */
  protected value(kind: string, timeNs: number, q: number, task: number, expected: number, got: number): void {
    const unknown = this.unknown[entityOf(task)];
    if (unknown === null) this.compare(kind, timeNs, q, task, expected, got);
    else this.tally.skip(kind, unknown ?? NOT_TOLD);
  }

  protected compare(kind: string, timeNs: number, q: number, task: number, expected: number, got: number): void {
    this.tally.begin(kind, timeNs, q, task === IDLE_TASK ? '' : this.nameOf(task));
    this.tally.field(kind, expected, got);
    this.tally.end();
  }
}
