/**
 * Which domains of a CPU are balanced when its turn comes: those whose interval is over, and no others. @spec 06 §2.3-2.4
 *
 *   rebalance ─► domain by domain, lowest first: is it due? ─► a pass follows, or none ─► until one says "not my turn"
 *
 * A domain's `last_balance` is told by its next pass, and the jiffy by the whole repetition (`decision-jiffies.ts`), so
 * what was seen is decided at its end.
 */
import { balanceDue, Idle } from '../../balance/env.ts';
import { SD } from '../../sched/domains.ts';
import { k } from '../../sched/kernel.ts';
import { Ev, type EventKind } from '../../trace/events.ts';
import { Jiffies } from './decision-jiffies.ts';
import { domainAt } from './decision-passes.ts';
import type { DecisionTally } from './decision-tally.ts';
import { decide } from './decision-worlds.ts';

const SOFTIRQ_SCHED = 7;
const UNKNOWN = -1;
/** From the exit of a pass until everybody sees what it left, ns. */
const RACE_NS = 30_000;

/** A domain's turn within `rebalance_domains`. */
interface Visit {
  readonly timeNs: number;
  readonly cpu: number;
  readonly domain: number;
  /** Of the CPU, as this visit saw it; UNKNOWN after a pass that moved something. */
  readonly idle: number;
  readonly entered: boolean;
  /** Another CPU may hold the lock that serialises NUMA domains. */
  readonly contended: boolean;
  /** Another CPU's pass of the domain ended at about this time. */
  readonly raced: boolean;
  /** State of the domain; UNKNOWN until the next pass tells it. */
  interval: number;
  last: number;
}

/** The loop over the domains of a CPU, under way on the executing CPU. */
interface Walk {
  readonly target: number;
  domain: number;
  idle: number;
  timeNs: number;
  /** A pass is under way. */
  inPass: boolean;
  looked: boolean;
}

export class RebalanceDecisions {
  readonly #tally: DecisionTally;
  readonly #jiffies: Jiffies;
  readonly #walks: (Walk | null)[];
  readonly #visits: Visit[] = [];
  /** By domain: visits whose `last` is not known yet; the interval if known; end of the last pass that counts. */
  readonly #pending: Visit[][];
  readonly #interval: number[];
  readonly #lastEndNs: number[];
  /** By domain: who had that pass, and who has one under way. */
  readonly #lastBy: number[];
  readonly #openBy: number[];

  constructor(tally: DecisionTally, hz: number) {
    this.#tally = tally;
    this.#jiffies = new Jiffies(hz);
    this.#walks = new Array<Walk | null>(k.nrCpus).fill(null);
    this.#pending = Array.from({ length: k.sd.nrDomains }, () => []);
    this.#interval = new Array<number>(k.sd.nrDomains).fill(UNKNOWN);
    this.#lastEndNs = new Array<number>(k.sd.nrDomains).fill(UNKNOWN);
    this.#lastBy = new Array<number>(k.sd.nrDomains).fill(UNKNOWN);
    this.#openBy = new Array<number>(k.sd.nrDomains).fill(UNKNOWN);
  }

  event(kind: EventKind, timeNs: number, cpu: number, args: Float64Array): void {
    switch (kind) {
      case Ev.SOFTIRQ_RAISE:
        if (args[0] === SOFTIRQ_SCHED) this.#jiffies.tick(timeNs);
        return;
      case Ev.REBALANCE: {
        this.#close(cpu);
        const [target, , idle] = args as unknown as [number, number, number];
        this.#walks[cpu] = {
          target,
          domain: k.sd.lowest[target]!,
          idle,
          timeNs,
          inPass: false,
          looked: false,
        };
        return;
      }
      case Ev.SOFTIRQ_EXIT:
        if (args[0] === SOFTIRQ_SCHED) this.#close(cpu);
        return;
      case Ev.LB_ENTER:
        this.#enter(timeNs, cpu, args);
        return;
      case Ev.LB_BUSIEST:
        if (this.#walks[cpu] != null) this.#walks[cpu].looked = true;
        return;
      case Ev.LB_LEAVE:
        this.#leave(timeNs, cpu, args);
        return;
    }
  }

  /** Everything has been seen. */
  end(): void {
    const known = this.#jiffies.settle();
    for (const visit of this.#visits) {
      if (!known || visit.last === UNKNOWN || visit.interval === UNKNOWN) {
        this.#tally.skip('rebalance', 'no later pass of the domain tells when the last one was');
      } else if (visit.raced) this.#tally.skip('rebalance', 'another CPU ends a pass of the domain at this moment');
      else this.#decide(visit);
    }
  }

  #decide(visit: Visit): void {
    const { domain, cpu, timeNs } = visit;
    const [least, most] = this.#jiffies.between(timeNs);
    const decided = decide((worlds) => {
      const idle = visit.idle === UNKNOWN ? worlds.choose(2, 'is the CPU idle after its pull') : visit.idle;
      k.sd.lastBalance[domain] = visit.last;
      k.sd.balanceInterval[domain] = visit.interval;
      k.jiffies = least === most ? least : least + worlds.choose(most - least + 1, 'which jiffy it is, so near a tick');
      const due = balanceDue(domain, idle !== Idle.IDLE);
      return due && !(visit.contended && worlds.either('does another CPU hold the lock')) ? 'due' : 'not due';
    });
    const reason = `level ${k.sd.level[domain]} idle ${visit.idle} interval ${visit.interval} last ${visit.last} jiffies ${least}..${most}`;
    this.#tally.compare('rebalance', { timeNs, cpu, task: -1 }, decided, visit.entered ? 'due' : 'not due', reason);
  }

  #enter(timeNs: number, cpu: number, args: Float64Array): void {
    const domain = domainAt(args[0]!, args[1]!);
    if (domain < 0) return;
    const interval = args[4]!;
    const last = args[5]!;
    const lastEndNs = this.#lastEndNs[domain]!;
    if (lastEndNs >= 0 && timeNs - lastEndNs > RACE_NS) this.#jiffies.saw(lastEndNs, last);
    for (const visit of this.#pending[domain]!) {
      visit.last = last;
      if (visit.interval === UNKNOWN) visit.interval = interval;
    }
    this.#pending[domain]!.length = 0;
    const walk = this.#walks[cpu];
    if (args[2] === Idle.NEWLY_IDLE || walk == null || walk.target !== args[0]) return;
    this.#pass(cpu, walk, domain);
    if (walk.domain !== domain) return;
    const { timeNs: visitNs, target } = walk;
    const raced = this.#races(cpu, domain, visitNs);
    const visit = { timeNs: visitNs, cpu: target, domain, idle: args[2]!, entered: true, contended: false, raced };
    this.#visits.push({ ...visit, interval, last });
    this.#openBy[domain] = cpu;
    walk.inPass = true;
    walk.looked = false;
    walk.timeNs = timeNs;
  }

  /** Domains up to `domain` have been passed by. */
  #pass(cpu: number, walk: Walk, domain: number): void {
    while (walk.domain >= 0 && walk.domain !== domain) {
      const d = walk.domain;
      const contended = (k.sd.flags[d]! & SD.SERIALIZE) !== 0 && this.#walks.some((w) => w != null && w !== walk);
      const visit: Visit = {
        timeNs: walk.timeNs,
        cpu: walk.target,
        domain: d,
        idle: walk.idle,
        entered: false,
        contended,
        raced: this.#races(cpu, d, walk.timeNs),
        interval: this.#interval[d]!,
        last: UNKNOWN,
      };
      this.#visits.push(visit);
      this.#pending[d]!.push(visit);
      walk.domain = k.sd.parent[d]!;
    }
  }

  #leave(timeNs: number, cpu: number, args: Float64Array): void {
    const domain = domainAt(args[0]!, args[1]!);
    if (domain < 0) return;
    this.#interval[domain] = args[9]!;
    if (args[2] === Idle.NEWLY_IDLE) return;
    this.#lastEndNs[domain] = timeNs;
    this.#lastBy[domain] = cpu;
    this.#openBy[domain] = UNKNOWN;
    const walk = this.#walks[cpu];
    if (walk == null || !walk.inPass || walk.domain !== domain) return;
    walk.inPass = false;
    walk.timeNs = timeNs;
    if (args[3] !== 0) walk.idle = UNKNOWN;
    // Not this CPU's turn: it does not look at higher domains.
    walk.domain = walk.looked ? k.sd.parent[domain]! : -1;
  }

  #races(cpu: number, domain: number, timeNs: number): boolean {
    const open = this.#openBy[domain]!;
    if (open !== UNKNOWN && open !== cpu) return true;
    return this.#lastBy[domain] !== cpu && this.#lastEndNs[domain]! > timeNs - RACE_NS;
  }

  #close(cpu: number): void {
    const walk = this.#walks[cpu];
    if (walk == null) return;
    if (!walk.inPass) this.#pass(cpu, walk, -1);
    this.#walks[cpu] = null;
  }
}
