/**
 * Which tasks of each runqueue sleep but are still queued (EEVDF): `pelt_se` shows the mark, and PELT does not count them as
 * runnable. @spec 22 §2
 *
 *   pelt_se with the mark, running       it has just gone to sleep; or its turn has come at once, and it leaves: the runqueue's
 *                                        next update has one task less
 *   pelt_se with the mark, not running   it is woken, leaves or is moved: delayed up to the update that follows
 *   pelt_se without                      it is not
 */
import * as cfs from '../../sched/cfs-rq.ts';
import * as se from '../../sched/entity.ts';

const NONE = -1;

export class DelayedReplay {
  /** By entity: the runqueue on which it is delayed. */
  readonly #on: number[] = [];
  /** Entities last told to be delayed, and those that are moved so. */
  readonly #told = new Set<number>();
  readonly #moving = new Set<number>();
  /** By executing CPU: who stops being delayed with the update of the runqueue, and whom it is waking. */
  readonly #leaving: Int32Array;
  readonly #waking: Int32Array;
  /** By runqueue: who may have left at once, and the tasks there were. */
  readonly #atOnce: Int32Array;
  readonly #hNr: Int32Array;

  constructor(nrCpus: number) {
    this.#leaving = new Int32Array(nrCpus).fill(NONE);
    this.#waking = new Int32Array(nrCpus).fill(NONE);
    this.#atOnce = new Int32Array(nrCpus).fill(NONE);
    this.#hNr = new Int32Array(nrCpus);
  }

  /** The CPU begins to wake the task. */
  waking(cpu: number, e: number): void {
    this.#waking[cpu] = e;
  }

  /** `pelt_se` of a task. */
  entity(cpu: number, e: number, q: number, delayed: boolean, isCurr: boolean): void {
    if (!delayed) {
      this.#told.delete(e);
      this.#remove(e);
      return;
    }
    this.#told.add(e);
    this.#add(e, q);
    if (isCurr) this.#atOnce[q] = e;
    else this.#leaving[cpu] = e;
  }

  /** `pelt_cfs`: what there is of tasks before the update. */
  runqueue(q: number, hNr: number): void {
    const e = this.#atOnce[q]!;
    if (e !== NONE && hNr < this.#hNr[q]!) {
      this.#remove(e);
      this.#atOnce[q] = NONE;
    }
    this.#hNr[q] = hNr;
  }

  /** After the update of a runqueue: whoever stops being delayed without being woken leaves it. */
  updated(cpu: number): void {
    const e = this.#leaving[cpu]!;
    if (e === NONE) return;
    this.#leaving[cpu] = NONE;
    if (this.#waking[cpu] !== e) this.#hNr[se.cfsRq[e]!]! -= 1;
    this.#remove(e);
  }

  /** The task is moved to another runqueue, and stays what it is. */
  leave(e: number): void {
    if (this.#told.has(e)) this.#moving.add(e);
  }

  arrive(e: number, q: number): void {
    if (this.#moving.delete(e)) this.#add(e, q);
  }

  #add(e: number, q: number): void {
    if (this.#on[e] === q) return;
    this.#remove(e);
    this.#on[e] = q;
    se.delayed[e] = 1;
    cfs.hNrDelayed[q]! += 1;
  }

  #remove(e: number): void {
    const q = this.#on[e] ?? NONE;
    if (q === NONE) return;
    this.#on[e] = NONE;
    se.delayed[e] = 0;
    cfs.hNrDelayed[q]! -= 1;
  }
}
