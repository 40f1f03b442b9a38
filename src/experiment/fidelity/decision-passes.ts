/**
 * How each recorded balance pass ended, by the rules for it: what was found on the way (a busiest group, tasks, a running
 * task for the stopper) and the flags tell which ending it is; interval and failures must be as that ending leaves them.
 * And from pass to pass nothing else changes them but a successful active balance. @spec 06 §3, §11
 */

import { LbFlag } from '../../balance/env.ts';
import {
  passAllPinned,
  passBalanced,
  passFailed,
  passMoved,
  passOnePinned,
  passSoonAgain,
} from '../../balance/pass-ending.ts';
import { k } from '../../sched/kernel.ts';
import { Ev, type EventKind, MigrateCause } from '../../trace/events.ts';
import type { DecisionTally } from './decision-tally.ts';
import { decide, type Worlds } from './decision-worlds.ts';

/** A pass between its entry and its exit. */
export interface Pass {
  readonly timeNs: number;
  /** Of the CPU that is balanced, and its domain. */
  readonly target: number;
  readonly domain: number;
  readonly idle: number;
  readonly interval: number;
  readonly failed: number;
  /** It was this CPU's turn; the last search for a busiest group found one. */
  looked: boolean;
  found: boolean;
  migrationType: number;
  /** Answers to whether the stopper is needed. */
  readonly needActive: number[];
  /** Something else may have changed the domain meanwhile. */
  disturbed: boolean;
}

/** The domain of a CPU at a level of the kernel's table, or -1. */
export function domainAt(cpu: number, level: number): number {
  const { sd } = k;
  let domain = sd.lowest[cpu]!;
  while (domain >= 0 && sd.level[domain] !== level) domain = sd.parent[domain]!;
  return domain;
}

/** What the rules make of the domain at the end of the pass. */
export function endOfPass(pass: Pass, moved: number, flags: number, worlds: Worlds): string {
  const { domain, idle } = pass;
  k.sd.balanceInterval[domain] = pass.interval;
  k.sd.nrBalanceFailed[domain] = pass.failed;
  if (!pass.found) passBalanced(domain, idle, flags);
  else if (moved > 0) {
    passMoved(domain);
    passSoonAgain(domain);
  } else if (pass.needActive.length === 0) {
    if ((flags & LbFlag.ALL_PINNED) !== 0) passAllPinned(domain, idle, flags);
    else passBalanced(domain, idle, flags);
  } else {
    passFailed(domain, idle);
    const [first, second] = pass.needActive;
    // Asked twice: the stopper was started in between. Asked once, and it was: either the running task may not come here,
    // or the stopper had been started by someone else, which takes back that all are pinned.
    if (first === 0 || second === 1) passSoonAgain(domain);
    else if (second === undefined) {
      const pinned = (flags & LbFlag.ALL_PINNED) !== 0 || worlds.either('may the running task come here');
      if (pinned) passOnePinned(domain, idle, flags);
      else passSoonAgain(domain);
    }
  }
  return remembered(k.sd.balanceInterval[domain]!, k.sd.nrBalanceFailed[domain]!);
}

function remembered(interval: number, failed: number): string {
  return `interval ${interval} failed ${failed}`;
}

export class PassDecisions {
  readonly #tally: DecisionTally;
  /** Passes under way, by the executing CPU: one may interrupt another. */
  readonly open: Pass[][];
  /** By domain: what the last pass left, empty if not known, and the passes under way. */
  readonly #left: string[];
  readonly #leftInterval: number[];
  readonly #nrOpen: number[];

  constructor(tally: DecisionTally) {
    this.#tally = tally;
    this.open = Array.from({ length: k.nrCpus }, () => []);
    this.#left = new Array<string>(k.sd.nrDomains).fill('');
    this.#leftInterval = new Array<number>(k.sd.nrDomains).fill(0);
    this.#nrOpen = new Array<number>(k.sd.nrDomains).fill(0);
  }

  /** The pass under way on an executing CPU. */
  of(cpu: number): Pass | undefined {
    return this.open[cpu]!.at(-1);
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    switch (kind) {
      case Ev.LB_ENTER:
        this.#enter(timeNs, cpu, args);
        return;
      case Ev.LB_LEAVE:
        this.#leave(cpu, args);
        return;
      case Ev.SCHED_MIGRATE_TASK:
        if (args[3] === MigrateCause.ACTIVE) this.#pushed(args[0]!, args[1]!);
        return;
      case Ev.ACTIVE_BALANCE:
        // Its outcome, and when it is written, shows only in what it moves.
        this.#disturb(args[2]!, args[0]!);
        return;
      default:
        this.#within(kind, cpu, task, args);
    }
  }

  #within(kind: EventKind, cpu: number, _task: number, args: Float64Array): void {
    const pass = this.of(cpu);
    if (pass === undefined) return;
    switch (kind) {
      case Ev.LB_BUSIEST:
        pass.looked = true;
        pass.found = args[3] !== 0;
        pass.migrationType = args[7]!;
        return;
      case Ev.NEED_ACTIVE_RET:
        pass.needActive.push(args[0]!);
        return;
    }
  }

  #enter(timeNs: number, cpu: number, args: Float64Array): void {
    const target = args[0]!;
    const domain = domainAt(target, args[1]!);
    if (domain < 0) return;
    const pass: Pass = {
      timeNs,
      target,
      domain,
      idle: args[2]!,
      interval: args[4]!,
      failed: args[6]!,
      looked: false,
      found: false,
      migrationType: 0,
      needActive: [],
      disturbed: this.#nrOpen[domain]! > 0,
    };
    const decision = { timeNs, cpu, task: -1 };
    const got = remembered(pass.interval, pass.failed);
    if (pass.disturbed) {
      this.#forEachOpen(domain, (other) => {
        other.disturbed = true;
      });
      this.#tally.skip('lb_enter', 'another pass of the domain is under way');
    } else if (this.#left[domain] === '') this.#tally.skip('lb_enter', 'no pass of the domain before');
    else {
      const decided = { outcome: this.#left[domain]!, unknown: '' };
      this.#tally.compare('lb_enter', decision, decided, got, 'as the last pass left the domain');
    }
    this.#nrOpen[domain]!++;
    this.open[cpu]!.push(pass);
  }

  #leave(cpu: number, args: Float64Array): void {
    const pass = this.open[cpu]!.pop();
    if (pass === undefined) return;
    const { domain } = pass;
    this.#nrOpen[domain]!--;
    const got = remembered(args[9]!, args[10]!);
    this.#left[domain] = pass.disturbed ? '' : got;
    this.#leftInterval[domain] = args[9]!;
    if (pass.disturbed) {
      this.#tally.skip('lb_leave', 'something else changed the domain meanwhile');
      return;
    }
    const moved = args[3]!;
    const flags = args[7]!;
    const decided = decide((worlds) => endOfPass(pass, moved, flags, worlds));
    const reason = `entered with ${remembered(pass.interval, pass.failed)}, idle type ${pass.idle}, moved ${moved}, flags ${flags}, need_active ${pass.needActive.join()}`;
    this.#tally.compare('lb_leave', { timeNs: pass.timeNs, cpu: pass.target, task: -1 }, decided, got, reason);
  }

  /** An active balance has moved a task: failures are forgotten in the domain that spans both CPUs. @spec 06 §11 */
  #pushed(src: number, target: number): void {
    const domain = this.#commonDomain(target, src);
    if (domain < 0 || this.#left[domain] === '') return;
    k.sd.nrBalanceFailed[domain] = 1;
    passMoved(domain);
    this.#left[domain] = remembered(this.#leftInterval[domain]!, k.sd.nrBalanceFailed[domain]!);
  }

  #disturb(target: number, src: number): void {
    const domain = this.#commonDomain(target, src);
    this.#forEachOpen(domain, (pass) => {
      pass.disturbed = true;
    });
  }

  /** Lowest domain of a CPU that spans another. */
  #commonDomain(cpu: number, other: number): number {
    const { sd } = k;
    let domain = sd.lowest[cpu]!;
    while (domain >= 0 && !sd.spans(domain, other)) domain = sd.parent[domain]!;
    return domain;
  }

  #forEachOpen(domain: number, act: (pass: Pass) => void): void {
    for (const passes of this.open) for (const pass of passes) if (pass.domain === domain) act(pass);
  }
}
