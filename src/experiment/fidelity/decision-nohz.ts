/**
 * Kicks of idle CPUs (`ilb_kicked`), decided again by `nohzBalancerKick`. @spec 07 §3-4
 *
 *   nohz_kick    which CPU is kicked: the lowest that is tickless and idles
 *   nohz_flags   what it is asked for, beside balancing: to update blocked load, to look when the next balance is due
 *
 * Rebuilt from the trace: who is tickless (`nohz_enter`, until the first tick at which the CPU is busy; ticks of the
 * recorded machines come at one phase, which the softirqs show that they raise), who idles, when blocked load was last
 * updated. Not known: when the next balance is due, so that a kick is for balancing at all is taken from the recording; and
 * which ticks might have kicked and did not.
 */
import { nohzBalancerKick } from '../../balance/nohz.ts';
import { k } from '../../sched/kernel.ts';
import * as rq from '../../sched/rq.ts';
import { Ev, type EventKind, IDLE_TASK } from '../../trace/events.ts';
import { type CpuStates, type DecisionQueue, LAG_NS, May, type Moment } from './decision-cpus.ts';
import type { DecisionTally } from './decision-tally.ts';
import { outcomesOf, type Worlds } from './decision-worlds.ts';

const SOFTIRQ_SCHED = 7;
const BALANCE = 1;
const STATS = 2;
const NEXT = 8;
/** A tick may be this much before or after those that raised a softirq. */
const EARLY_NS = 60_000;
const LATE_NS = 500_000;
/** A look at all tickless CPUs takes no longer than this. */
const RUN_NS = 1_000_000;
/** Jiffies between two updates of blocked loads. @spec 07 §4.3 */
const BLOCKED_JIFFIES = 8;
const EITHER = May.NOT | May.BE;
const TARGETS = 'who is tickless and idles at this moment';
const BLOCKED = 'whether some CPU has blocked load, and when it was updated';
const NEEDS_UPDATE = 'whether a CPU has become tickless since the last look';

interface Kick {
  readonly moment: Moment;
  readonly target: number;
  /** By CPU: `May` be tickless; has changed just before. */
  readonly tickless: Uint8Array;
  readonly recent: Uint8Array;
  readonly hasBlocked: number;
  readonly needsUpdate: number;
  /** When blocked loads were last updated, and whether that is certain. */
  readonly updatedNs: number;
  readonly updateSure: boolean;
}

export class NohzDecisions {
  readonly #tally: DecisionTally;
  readonly #cpus: CpuStates;
  readonly #queue: DecisionQueue;
  readonly #tickless: Uint8Array;
  readonly #ticklessNs: Float64Array;
  readonly #busySinceNs: Float64Array;
  readonly #lastKind: Int32Array;
  /** By CPU: the kick that has arrived and not been acted on. */
  readonly #kicks: (Kick | null)[];
  #hasBlocked = EITHER;
  #needsUpdate = EITHER;
  /** When a CPU last looked when the next balance is due. */
  #lookedNs = Number.NEGATIVE_INFINITY;
  /** When one of the two was last changed. */
  #changedNs = 0;
  #updatedNs = 0;
  #updateSure = false;
  /** The look at all tickless CPUs that is under way. */
  #run: { readonly cpu: number; readonly flags: number; readonly untilNs: number } | null = null;
  /** A tick that raised a softirq, and how far others were from its phase. */
  #tickNs = -1;
  #tickLeast = 0;
  #tickMost = 0;

  constructor(tally: DecisionTally, cpus: CpuStates, queue: DecisionQueue) {
    const n = cpus.nrCpus;
    this.#tally = tally;
    this.#cpus = cpus;
    this.#queue = queue;
    this.#tickless = new Uint8Array(n).fill(EITHER);
    this.#ticklessNs = new Float64Array(n);
    this.#busySinceNs = new Float64Array(n);
    this.#lastKind = new Int32Array(n);
    this.#kicks = new Array<Kick | null>(n).fill(null);
  }

  /** When `CpuStates` has seen the event. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (this.#run !== null) this.#mayBreakOff(timeNs, this.#run);
    switch (kind) {
      case Ev.SCHED_SWITCH:
        if (task === IDLE_TASK) this.#busySinceNs[cpu] = timeNs;
        if (args[0] === IDLE_TASK) this.#idles(timeNs, cpu);
        break;
      case Ev.SOFTIRQ_RAISE:
        if (args[0] === SOFTIRQ_SCHED && this.#lastKind[cpu] !== Ev.ILB_KICKED) this.#ticks(timeNs, cpu);
        break;
      case Ev.NOHZ_ENTER:
        this.#enters(timeNs, args[0]!);
        break;
      case Ev.SOFTIRQ_EXIT:
        if (this.#run?.cpu === cpu) this.#run = null;
        break;
      case Ev.ILB_KICKED:
        this.#kicked(timeNs, args[0]!);
        break;
      case Ev.NOHZ_IDLE_BALANCE:
        this.#runs(timeNs, args[0]!, args[1]!);
        break;
    }
    if (kind !== Ev.RENAME) this.#lastKind[cpu] = kind;
  }

  #ticks(timeNs: number, cpu: number): void {
    if (this.#tickNs < 0) this.#tickNs = timeNs;
    else {
      const phase = nearest(timeNs - this.#tickNs, k.tickNs);
      this.#tickLeast = Math.min(this.#tickLeast, phase);
      this.#tickMost = Math.max(this.#tickMost, phase);
    }
    if (this.#cpus.current[cpu] !== IDLE_TASK) this.#set(timeNs, cpu, May.NOT);
  }

  /** Was there a tick while the CPU was busy? */
  #idles(timeNs: number, cpu: number): void {
    const since = this.#busySinceNs[cpu]!;
    const least = this.#tickNs + this.#tickLeast - EARLY_NS;
    const most = this.#tickNs + this.#tickMost + LATE_NS;
    const known = this.#tickNs >= 0;
    // The first tick that ends after `since`, and the first that begins after it.
    const mayTick = !known || least + k.tickNs * Math.ceil((since - LAG_NS - most) / k.tickNs) < timeNs;
    const ticks = known && most + k.tickNs * Math.ceil((since - least) / k.tickNs) < timeNs;
    if (ticks) this.#set(timeNs, cpu, May.NOT);
    else if (mayTick) this.#set(timeNs, cpu, this.#tickless[cpu]! | May.NOT);
  }

  #enters(timeNs: number, cpu: number): void {
    const before = this.#tickless[cpu]!;
    this.#set(timeNs, cpu, May.BE);
    if (this.#hasBlocked !== May.BE || before !== May.BE) this.#changedNs = timeNs;
    this.#hasBlocked = May.BE;
    if (before === May.BE) return;
    // A look that has just begun may forget it again.
    const stays = before === May.NOT && timeNs > this.#lookedNs + LAG_NS;
    this.#needsUpdate = stays ? May.BE : this.#needsUpdate | May.BE;
  }

  /** The earliest at which the last tick can have been. */
  #tickBefore(timeNs: number): number {
    const first = this.#tickNs + this.#tickLeast - EARLY_NS;
    return this.#tickNs < 0 ? timeNs - k.tickNs : first + k.tickNs * Math.floor((timeNs - first) / k.tickNs);
  }

  /** The CPU is tickless, or not, or may be. */
  #set(timeNs: number, cpu: number, may: number): void {
    if (this.#tickless[cpu] === may) return;
    this.#tickless[cpu] = may;
    this.#ticklessNs[cpu] = timeNs;
  }

  #kicked(timeNs: number, target: number): void {
    // It was sent by a tick.
    const sinceNs = this.#tickBefore(timeNs);
    // What has changed since then may have been the one or the other.
    const justNow = this.#changedNs > sinceNs;
    const kick: Kick = {
      moment: this.#cpus.open(timeNs),
      target,
      tickless: this.#tickless.map((may, c) => (this.#ticklessNs[c]! > sinceNs ? EITHER : may)),
      recent: Uint8Array.from(this.#cpus.changedNs, (ns) => (ns > sinceNs ? 1 : 0)),
      hasBlocked: justNow ? EITHER : this.#hasBlocked,
      needsUpdate: justNow ? EITHER : this.#needsUpdate,
      updatedNs: this.#updatedNs,
      updateSure: this.#updateSure && !justNow,
    };
    this.#kicks[target] = kick;
    this.#queue.close(kick.moment, timeNs, () => this.#decideTarget(kick));
    // It was tickless, or else it would not have been kicked.
    this.#tickless[target] = May.BE;
  }

  #runs(timeNs: number, cpu: number, flags: number): void {
    const kick = this.#kicks[cpu]!;
    this.#kicks[cpu] = null;
    if (kick !== null) this.#decideFlags(timeNs, kick, flags & (BALANCE | STATS | NEXT));
    if ((flags & STATS) !== 0) {
      this.#hasBlocked = EITHER;
      this.#updatedNs = timeNs;
      this.#updateSure = true;
    }
    if ((flags & NEXT) !== 0) {
      this.#needsUpdate = May.NOT;
      this.#lookedNs = timeNs;
    }
    this.#changedNs = timeNs;
    this.#run = { cpu, flags, untilNs: timeNs + RUN_NS };
  }

  /** A CPU that gets work goes no further, and does not write down that blocked loads are up to date. */
  #mayBreakOff(timeNs: number, { cpu, flags, untilNs }: { cpu: number; flags: number; untilNs: number }): void {
    if (timeNs > untilNs) this.#run = null;
    if (this.#cpus.mostRunning(cpu) === 0) return;
    if ((flags & STATS) !== 0) this.#updateSure = false;
    if ((flags & NEXT) !== 0) this.#needsUpdate |= May.BE;
    this.#changedNs = timeNs;
    this.#run = null;
  }

  #decideTarget(kick: Kick): void {
    const { moment, target } = kick;
    const all = outcomesOf((worlds) => this.#kick(kick, worlds.choose(k.nrCpus + 1, TARGETS)));
    const decision = { timeNs: moment.timeNs, cpu: target, task: -1 };
    const tickless = [...kick.tickless].map((may) => '?x-?'[may]).join('');
    const reason = `CPUs ${moment.describe()}, tickless ${tickless}`;
    const { outcomes, unknown } = all!;
    outcomes.delete(IMPOSSIBLE);
    const got = `CPU ${target}`;
    const among = `nohz_kick${outcomes.size > 1 ? '_among' : ''}`;
    if (outcomes.size > 1) this.#tally.skip('nohz_kick', unknown);
    if (outcomes.size >= k.nrCpus) return;
    const outcome = outcomes.has(got) ? got : [...outcomes].join(' or ');
    this.#tally.compare(among, decision, { outcome, unknown: '' }, got, reason);
  }

  #decideFlags(timeNs: number, kick: Kick, flags: number): void {
    const balance = (flags & BALANCE) !== 0;
    const jiffies = (kick.moment.timeNs - kick.updatedNs) / k.tickNs;
    const all = outcomesOf((worlds) => {
      const blocked = choose(kick.hasBlocked, BLOCKED, worlds);
      const needsUpdate = choose(kick.needsUpdate, NEEDS_UPDATE, worlds);
      // The kick came with a tick, the update began at any time: a jiffy more or less.
      const isSure = kick.updateSure && Math.abs(jiffies - BLOCKED_JIFFIES) > 2;
      const due = isSure ? jiffies > BLOCKED_JIFFIES : worlds.either(BLOCKED);
      return `flags ${this.#flags(kick.target, { balance, blocked, due, needsUpdate })}`;
    });
    const { outcomes, unknown } = all!;
    const decision = { timeNs, cpu: kick.target, task: -1 };
    const decided = outcomes.size === 1 ? { outcome: [...outcomes][0]!, unknown: '' } : { outcome: null, unknown };
    const reason = `has_blocked ${kick.hasBlocked}, needs_update ${kick.needsUpdate}, ${jiffies.toFixed(1)} jiffies after the last update`;
    this.#tally.compare('nohz_flags', decision, decided, `flags ${flags}`, reason);
  }

  /** The flags of a kick for these reasons. */
  #flags(target: number, reasons: Reasons): number {
    k.nohz.idleCpusMask.fill(0);
    for (let c = 0; c < k.nrCpus; c++) this.#put(c, c === target, c === target);
    tick(target === 0 ? 1 : 0, reasons);
    return rq.nohzFlags[target]!;
  }

  /** Lets a busy CPU kick, everything unknown being for the kick of `best` (nrCpus: of nobody). Returns who is kicked. */
  #kick({ moment, tickless, recent }: Kick, best: number): string {
    let kicker = -1;
    k.nohz.idleCpusMask.fill(0);
    for (let c = 0; c < k.nrCpus; c++) {
      const mayIdle = moment.mayIdle(c) || recent[c] !== 0;
      const mayBeBusy = moment.mayBeBusy(c) || recent[c] !== 0;
      const idles = c === best ? mayIdle : !mayBeBusy;
      this.#put(c, idles, c === best ? (tickless[c]! & May.BE) !== 0 : tickless[c] === May.BE);
      if (!idles) kicker = c;
    }
    if (kicker < 0) return IMPOSSIBLE;
    tick(kicker, FOR_BALANCE);
    const kicked = rq.nohzFlags.subarray(0, k.nrCpus).findIndex((flags) => flags !== 0);
    return kicked < 0 ? 'nobody' : `CPU ${kicked}`;
  }

  #put(cpu: number, idles: boolean, tickless: boolean): void {
    rq.curr[cpu] = idles ? cpu : -1;
    rq.nrRunning[cpu] = idles ? 0 : 1;
    rq.ttwuPending[cpu] = 0;
    rq.nohzFlags[cpu] = 0;
    rq.nohzTickStopped[cpu] = 0;
    rq.idleBalance[cpu] = 0;
    if (tickless) k.nohz.idleCpusMask[cpu >>> 5]! |= 1 << (cpu & 31);
  }
}

/** A CPU that has two tasks ticks. */
function tick(kicker: number, { balance, blocked, due, needsUpdate }: Reasons): void {
  const { nohz } = k;
  rq.nrRunning[kicker] = 2;
  nohz.nrCpus = 1;
  k.jiffies = 1000;
  nohz.nextBalance = balance ? k.jiffies : k.jiffies + 1;
  nohz.hasBlocked = blocked;
  nohz.nextBlocked = due ? k.jiffies - 1 : k.jiffies;
  nohz.needsUpdate = needsUpdate;
  k.thisCpu = kicker;
  nohzBalancerKick(kicker);
}

/** Why a CPU may kick another. */
interface Reasons {
  readonly balance: boolean;
  /** Some have blocked load; it is time to update it. */
  readonly blocked: boolean;
  readonly due: boolean;
  readonly needsUpdate: boolean;
}

const FOR_BALANCE: Reasons = { balance: true, blocked: false, due: false, needsUpdate: false };

/** No CPU can have kicked in this state. */
const IMPOSSIBLE = 'impossible';

function choose(may: number, what: string, worlds: Worlds): boolean {
  return may === EITHER ? worlds.either(what) : may === May.BE;
}

/** The distance to the nearest multiple. */
function nearest(ns: number, of: number): number {
  return ns - of * Math.round(ns / of);
}
