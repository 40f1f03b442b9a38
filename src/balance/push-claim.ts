/**
 * How several busy CPUs are kept from pushing to one idle CPU. @spec 21 §5 Q2
 *
 *   none       they are not
 *   cursor     they are not either, but each search of an LLC begins where the last one in it ended
 *   clear_bit  whoever takes the target's bit out of the idle mask has it; the bit comes back when it next goes idle
 *   token      a word of the target's own, taken by compare-and-exchange, given back when it has picked a task or goes idle
 *   pending    the target's "wakeup pending" flag: from then on it looks busy to everybody
 *
 * A claim is given back on every path: when the task arrives, and when nothing comes after all.
 */
import { IdlePhase } from '../sched/idle.ts';
import { k } from '../sched/kernel.ts';
import { atomicOn, readFrom, writeTo } from '../sched/line-access.ts';
import * as loop from '../sched/loop.ts';
import { idleCpu } from '../sched/predicates.ts';
import * as rq from '../sched/rq.ts';
import { allocateLines } from '../sched/shared-lines.ts';
import { needResched } from '../sched/signals.ts';
import { PENDING_PUSH } from '../sched/wakeup.ts';
import type { IdleTracking } from './idle-tracking.ts';
import type { LlcMap } from './llc-map.ts';
import type { PushTunables } from './mechanisms.ts';

const FREE = -1;

export class PushClaims {
  readonly #kind: PushTunables['claim'];
  readonly #idle: IdleTracking;
  /** token and pending: a line a CPU; cursor: a line an LLC. */
  readonly #firstLine: number;
  readonly #token: Int32Array;
  /** Where the next search of an LLC begins, by its lowest CPU. */
  #cursor = new Int32Array(0);
  #llcOf: Int32Array = new Int32Array(0);
  /** Claims that met another. */
  lost = 0;

  constructor(nrCpus: number, kind: PushTunables['claim'], idle: IdleTracking) {
    this.#kind = kind;
    this.#idle = idle;
    this.#firstLine = allocateLines(nrCpus);
    this.#token = new Int32Array(nrCpus).fill(FREE);
  }

  started(llcs: LlcMap): void {
    this.#llcOf = llcs.of;
    this.#cursor = Int32Array.from(llcs.cpus, (cpus) => cpus[0]!);
  }

  /** Where a search in an LLC begins, if it is not to begin at `own`. */
  origin(llc: number, own: number): number {
    if (this.#kind !== 'cursor') return own;
    readFrom(this.#firstLine + llc);
    return this.#cursor[llc]!;
  }

  /** The executing CPU wants the target; false: somebody else has it. */
  take(target: number): boolean {
    const won = this.#tryTake(target);
    if (!won) this.lost++;
    return won;
  }

  #tryTake(target: number): boolean {
    switch (this.#kind) {
      case 'clear_bit':
        return this.#idle.take(target);
      case 'token':
        atomicOn(this.#firstLine + target);
        if (this.#token[target] !== FREE) return false;
        this.#token[target] = k.thisCpu;
        return true;
      case 'pending':
        atomicOn(this.#firstLine + target);
        if (rq.ttwuPending[target] !== 0) return false;
        rq.ttwuPending[target] = PENDING_PUSH;
        return true;
      case 'cursor':
        this.#cursor[this.#llcOf[target]!] = target + 1 < k.nrCpus ? target + 1 : 0;
        writeTo(this.#firstLine + this.#llcOf[target]!);
        return true;
      default:
        return true;
    }
  }

  /** The task has arrived. */
  arrived(target: number): void {
    if (this.#kind === 'pending') this.#clearPending(target);
  }

  /** Nothing comes. */
  release(target: number): void {
    if (this.#kind === 'clear_bit') this.#idle.giveBack(target);
    else if (this.#kind === 'pending') this.#clearPending(target);
    else this.freed(target);
  }

  /** The CPU has picked a task, or goes idle. */
  freed(cpu: number): void {
    if (this.#token[cpu] === FREE) return;
    this.#token[cpu] = FREE;
    writeTo(this.#firstLine + cpu);
  }

  /** A claim that stays on a CPU to which nothing comes, or null. @spec 21 §5 Q2 */
  checkBooks(underWay: Uint8Array): string | null {
    for (let cpu = 0; cpu < k.nrCpus; cpu++) {
      if (underWay[cpu] !== 0) continue;
      if ((rq.ttwuPending[cpu]! & PENDING_PUSH) !== 0) return `CPU ${cpu} waits for a push that nobody makes`;
      const idles = loop.idlePhase[cpu] === IdlePhase.WAIT && idleCpu(cpu) && !needResched(cpu);
      if (idles && this.#token[cpu] !== FREE) return `idle CPU ${cpu} is claimed for a push that nobody makes`;
      if (idles && this.#idle.misses(cpu)) return `idle CPU ${cpu} cannot be seen`;
    }
    return null;
  }

  #clearPending(target: number): void {
    if ((rq.ttwuPending[target]! & PENDING_PUSH) === 0) return;
    rq.ttwuPending[target]! &= ~PENDING_PUSH;
    writeTo(this.#firstLine + target);
  }
}
