/**
 * rebalance_domains(): every domain of a CPU that is due gets a pass, lowest first. It runs in the SCHED softirq, for the
 * CPU itself or, on an idle balancer, for others. It takes simulated time and so proceeds in steps. @spec 06 §2.3
 */

import { fact } from '../sched/decide.ts';
import { SD } from '../sched/domains.ts';
import { UNFINISHED } from '../sched/hooks.ts';
import { k } from '../sched/kernel.ts';
import { atomicOn, writeTo } from '../sched/line-access.ts';
import { idleCpu, schedIdleCpu } from '../sched/predicates.ts';
import { record } from '../sched/record.ts';
import * as rq from '../sched/rq.ts';
import { Line } from '../sched/shared-lines.ts';
import { charge, owes } from '../sched/signals.ts';
import { Reason } from '../trace/decisions.ts';
import { Ev } from '../trace/events.ts';
import { balanceDue, getInterval, Idle } from './env.ts';
import { decideNoPass } from './explain-pass.ts';
import type { LoadBalancer } from './load-balance.ts';
import { decayCheck } from './newidle-cost.ts';

/** What each executing CPU is in the middle of. */
export class Rebalance {
  readonly #lb: LoadBalancer;
  /** The CPU whose domains are balanced, and the domain at hand, -1 when done. */
  readonly #target: Int32Array;
  readonly #domain: Int32Array;
  readonly #idle: Uint8Array;
  readonly #keepGoing: Uint8Array;
  readonly #needDecay: Uint8Array;
  readonly #maxCost: Float64Array;
  readonly #next: Float64Array;
  readonly #haveNext: Uint8Array;
  /** The pass at hand has been entered and paid for, and is to be decided. */
  readonly #entered: Uint8Array;
  readonly #enteredAt: Float64Array;
  readonly #locked: Uint8Array;
  /** The attempt at the lock of domains balanced one at a time is paid for; and it is made only for domains that are due. */
  readonly #tried: Uint8Array;
  readonly #lockIfDue: boolean;

  constructor(nrCpus: number, lb: LoadBalancer, lockIfDue: boolean) {
    this.#lb = lb;
    this.#lockIfDue = lockIfDue;
    this.#tried = new Uint8Array(nrCpus);
    this.#target = new Int32Array(nrCpus);
    this.#domain = new Int32Array(nrCpus).fill(-1);
    this.#idle = new Uint8Array(nrCpus);
    this.#keepGoing = new Uint8Array(nrCpus);
    this.#needDecay = new Uint8Array(nrCpus);
    this.#maxCost = new Float64Array(nrCpus);
    this.#next = new Float64Array(nrCpus);
    this.#haveNext = new Uint8Array(nrCpus);
    this.#entered = new Uint8Array(nrCpus);
    this.#enteredAt = new Float64Array(nrCpus);
    this.#locked = new Uint8Array(nrCpus);
  }

  /** CPU `cpu` starts balancing the domains of `target`. */
  begin(cpu: number, target: number, idle: number): void {
    if (k.tracing) record(Ev.REBALANCE, cpu, target, rq.nrRunning[target]!, idle);
    this.#target[cpu] = target;
    this.#domain[cpu] = k.sd.lowest[target]!;
    this.#idle[cpu] = idle;
    this.#keepGoing[cpu] = 1;
    this.#needDecay[cpu] = 0;
    this.#maxCost[cpu] = 0;
    this.#next[cpu] = k.jiffies + 60 * k.hz;
    this.#haveNext[cpu] = 0;
    this.#entered[cpu] = 0;
    this.#tried[cpu] = 0;
  }

  /** Goes on; 0 when all domains are done, else UNFINISHED. */
  step(cpu: number): number {
    const { sd } = k;
    while (this.#domain[cpu]! >= 0) {
      const domain = this.#domain[cpu]!;
      if (this.#entered[cpu] === 0) {
        if (this.#goesForLock(cpu, domain)) return UNFINISHED;
        if (!this.#enter(cpu, domain)) continue;
        if (owes(cpu)) return UNFINISHED;
      }
      this.#pass(cpu, domain);
      this.#collect(cpu, domain);
      this.#domain[cpu] = sd.parent[domain]!;
      if (owes(cpu)) return UNFINISHED;
    }
    this.#finish(cpu);
    return 0;
  }

  /** Is the CPU on its way to the lock, where others may be too? What it finds there is decided when it has got there. */
  #goesForLock(cpu: number, domain: number): boolean {
    if (this.#tried[cpu] !== 0) {
      this.#tried[cpu] = 0;
      return false;
    }
    if ((k.sd.flags[domain]! & SD.SERIALIZE) === 0 || this.#keepGoing[cpu] === 0) return false;
    if (this.#lockIfDue && !balanceDue(domain, this.#busy(cpu))) return false;
    this.#tried[cpu] = atomicOn(Line.BALANCING) > 0 ? 1 : 0;
    return this.#tried[cpu] !== 0;
  }

  /** Visits a domain; true if a pass is to follow. Otherwise moves on by itself. */
  #enter(cpu: number, domain: number): boolean {
    const { sd } = k;
    this.#needDecay[cpu] = decayCheck(domain) ? 1 : 0;
    this.#maxCost[cpu]! += sd.maxNewidleLbCost[domain]!;
    if (this.#keepGoing[cpu] === 0) {
      if (k.deciding) this.#refused(cpu, domain, Reason.NOT_ITS_TURN, 'should_we_balance said no for a lower domain');
      this.#domain[cpu] = this.#needDecay[cpu] !== 0 ? sd.parent[domain]! : -1;
      return false;
    }
    if (this.#lockIfDue && !balanceDue(domain, this.#busy(cpu))) return this.#skip(cpu, domain);
    if ((sd.flags[domain]! & SD.SERIALIZE) !== 0) {
      if (k.balancingLock >= 0) {
        if (k.deciding) {
          fact('held_by_cpu', k.balancingLock);
          this.#refused(cpu, domain, Reason.LOCK_BUSY, 'SD_SERIALIZE: another CPU balances');
        }
        return this.#skip(cpu, domain);
      }
      k.balancingLock = cpu;
      this.#locked[cpu] = 1;
    }
    if (!balanceDue(domain, this.#busy(cpu))) {
      this.#unlock(cpu);
      if (k.deciding) {
        fact('due_in_jiffies', sd.lastBalance[domain]! + getInterval(domain, this.#busy(cpu)) - k.jiffies);
        this.#refused(cpu, domain, Reason.INTERVAL, 'jiffies < last_balance + interval');
      }
      return this.#skip(cpu, domain);
    }
    const target = this.#target[cpu]!;
    this.#lb.enter(domain, target, this.#idle[cpu]!);
    this.#entered[cpu] = 1;
    this.#enteredAt[cpu] = k.now;
    charge(cpu, this.#lb.statisticsCost(domain, target, this.#idle[cpu]!));
    return true;
  }

  /** There is no pass over the domain. */
  #refused(cpu: number, domain: number, reason: Reason, why: string): void {
    decideNoPass(domain, this.#target[cpu]!, this.#idle[cpu]!, reason, why);
  }

  #skip(cpu: number, domain: number): false {
    this.#collect(cpu, domain);
    this.#domain[cpu] = k.sd.parent[domain]!;
    return false;
  }

  #pass(cpu: number, domain: number): void {
    const target = this.#target[cpu]!;
    this.#entered[cpu] = 0;
    const cost = k.now - this.#enteredAt[cpu]!;
    if (this.#lb.balance(domain, target, this.#idle[cpu]!, cost) !== 0) {
      this.#idle[cpu] = idleCpu(target) ? Idle.IDLE : Idle.NOT_IDLE;
    }
    if (!this.#lb.keepGoing) this.#keepGoing[cpu] = 0;
    k.sd.lastBalance[domain] = k.jiffies;
    this.#unlock(cpu);
  }

  #unlock(cpu: number): void {
    if (this.#locked[cpu] === 0) return;
    this.#locked[cpu] = 0;
    k.balancingLock = -1;
    writeTo(Line.BALANCING);
  }

  #collect(cpu: number, domain: number): void {
    const due = k.sd.lastBalance[domain]! + getInterval(domain, this.#busy(cpu));
    if (this.#next[cpu]! > due) {
      this.#next[cpu] = due;
      this.#haveNext[cpu] = 1;
    }
  }

  #busy(cpu: number): boolean {
    return this.#idle[cpu] !== Idle.IDLE && !schedIdleCpu(this.#target[cpu]!);
  }

  #finish(cpu: number): void {
    const target = this.#target[cpu]!;
    if (this.#needDecay[cpu] !== 0) {
      rq.maxIdleBalanceCost[target] = Math.max(k.tunables.migrationCostNs, this.#maxCost[cpu]!);
    }
    if (this.#haveNext[cpu] !== 0) rq.nextBalance[target] = this.#next[cpu]!;
  }
}
