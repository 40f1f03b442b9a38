/**
 * The fair server: on each CPU a guard of the fair class against real-time tasks that leave it nothing. It has `runtime` in
 * each `period`, and while it is at work fair tasks run before real-time ones. @spec 22 §10
 *
 *   fair tasks come ─► ARMED ─── zero laxity: deadline - what is left of the runtime ──► AT_WORK ─── used up ──► SPENT
 *                        ▲  └─ fair tasks have had it by themselves: the next period                               │
 *                        └───────────────────────────── deadline: the next period ◄────────────────────────────────┘
 *
 * Without `defer` it is at work at once. Fair tasks use up the runtime whenever they run, so one that is not starved never makes
 * it preempt anybody. Left out: that the server is a deadline task among others.
 */
import { k } from './kernel.ts';
import * as rq from './rq.ts';
import { reschedCurr } from './signals.ts';
import * as tasks from './tasks.ts';
import { Class } from './tasks.ts';

const Mode = { OFF: 0, ARMED: 1, AT_WORK: 2, SPENT: 3 } as const;
const NOT_RUNNING = -1;

export class FairServer {
  readonly #runtimeNs: number;
  readonly #periodNs: number;
  readonly #begins: number;
  readonly #mode: Uint8Array;
  /** What is left of the runtime as of the last switch, and when the period ends, ns. */
  readonly #left: Float64Array;
  readonly #deadline: Float64Array;
  /** Since when a fair task runs, ns. */
  readonly #runsSince: Float64Array;

  constructor(nrCpus: number) {
    const { serverRuntimeNs, serverPeriodNs, serverDefer } = k.tunables;
    this.#runtimeNs = serverRuntimeNs;
    this.#periodNs = serverPeriodNs;
    this.#begins = serverDefer ? Mode.ARMED : Mode.AT_WORK;
    this.#mode = new Uint8Array(nrCpus);
    this.#left = new Float64Array(nrCpus);
    this.#deadline = new Float64Array(nrCpus);
    this.#runsSince = new Float64Array(nrCpus).fill(NOT_RUNNING);
  }

  /** Fair tasks run before real-time ones. */
  isAtWork(cpu: number): boolean {
    return this.#mode[cpu] === Mode.AT_WORK;
  }

  /** Runnable fair tasks of the CPU. */
  countChanged(cpu: number, before: number, after: number): void {
    if (after === 0) {
      this.#use(cpu);
      this.#mode[cpu] = Mode.OFF;
      k.queue.cancel(this.#slot(cpu));
    } else if (before === 0) {
      this.#start(cpu);
    }
  }

  /** What is left may be kept for the rest of the period, if that is not more than the server's share of it. */
  #start(cpu: number): void {
    const rest = this.#deadline[cpu]! - k.now;
    const keeps = rest > 0 && this.#left[cpu]! * this.#periodNs <= rest * this.#runtimeNs;
    if (!keeps) this.#renew(cpu, k.now);
    this.#mode[cpu] = this.#left[cpu]! > 0 ? this.#begins : Mode.SPENT;
    this.#setTimer(cpu);
    this.#preempt(cpu);
  }

  #renew(cpu: number, from: number): void {
    this.#left[cpu] = this.#runtimeNs;
    this.#deadline[cpu] = from + this.#periodNs;
  }

  switched(cpu: number, next: number): void {
    this.#use(cpu);
    this.#runsSince[cpu] = tasks.schedClass[next] === Class.FAIR ? k.now : NOT_RUNNING;
    if (this.#mode[cpu] === Mode.AT_WORK) this.#setTimer(cpu);
  }

  #use(cpu: number): void {
    if (this.#runsSince[cpu] === NOT_RUNNING) return;
    this.#left[cpu]! -= k.now - this.#runsSince[cpu]!;
    this.#runsSince[cpu] = k.now;
  }

  timer(cpu: number): void {
    this.#use(cpu);
    const wasAtWork = this.isAtWork(cpu);
    const spent = this.#left[cpu]! <= 0;
    const ended = k.now >= this.#deadline[cpu]!;
    if (ended || (spent && this.#mode[cpu] === Mode.ARMED)) {
      this.#renew(cpu, Math.max(k.now, this.#deadline[cpu]!));
      this.#mode[cpu] = this.#begins;
    } else if (spent) {
      this.#mode[cpu] = Mode.SPENT;
    } else if (this.#mode[cpu] === Mode.ARMED && k.now >= this.#zeroLaxity(cpu)) {
      this.#mode[cpu] = Mode.AT_WORK;
    }
    this.#setTimer(cpu);
    if (wasAtWork && !this.isAtWork(cpu)) reschedCurr(cpu);
    else this.#preempt(cpu);
  }

  /** Later than this, what is left does not fit into the period any more. */
  #zeroLaxity(cpu: number): number {
    return this.#deadline[cpu]! - this.#left[cpu]!;
  }

  #setTimer(cpu: number): void {
    const at =
      this.#mode[cpu] === Mode.ARMED
        ? this.#zeroLaxity(cpu)
        : this.#mode[cpu] === Mode.AT_WORK && this.#runsSince[cpu] !== NOT_RUNNING
          ? k.now + this.#left[cpu]!
          : this.#deadline[cpu]!;
    k.queue.schedule(this.#slot(cpu), Math.max(at, k.now));
  }

  /** A real-time task gives way. */
  #preempt(cpu: number): void {
    const klass = tasks.schedClass[rq.curr[cpu]!];
    if (this.#mode[cpu] === Mode.AT_WORK && (klass === Class.RT || klass === Class.DL)) reschedCurr(cpu);
  }

  #slot(cpu: number): number {
    return k.slotServer + cpu;
  }
}
