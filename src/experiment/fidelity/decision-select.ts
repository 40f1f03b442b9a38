/**
 * Where a waking task was put: `select` to `select_ret`, decided again by `selectTaskRqFair`.  @spec 05 §3-4
 *
 *   told by the probe        previous CPU, wake flags, recently used CPU
 *   rebuilt from the trace   who wakes; which CPUs idle, and how much runs on the waker's (`decision-cpus.ts`); how often
 *                            waker and wakee have changed partners (`decision-wakees.ts`); where the task may run
 *   not known                the loads that two busy CPUs are compared by; how far an LLC is searched (its utilisation
 *                            decides); whether it is thought to have idle cores; whether a per-CPU kernel thread wakes
 *                            from an interrupt
 *
 * What is not known is tried both ways. What the decisions before have shown of the LLC (how far it was searched, idle
 * cores) holds until something changes it. A decision counts as decidable if only one CPU is left; where some are left,
 * but not all that the task may use, it is a `select_among` decision: the CPU must be one of them.
 */
import { Idle } from '../../balance/env.ts';
import { IdlestSearch } from '../../balance/find-idlest.ts';
import { IdleSearch, updateIdleCore } from '../../balance/select-idle-sibling.ts';
import { selectTaskRqFair } from '../../balance/select-task-rq.ts';
import { sharesCache } from '../../balance/wake-affine.ts';
import * as avg from '../../sched/averages.ts';
import { AVG_SE } from '../../sched/averages.ts';
import * as se from '../../sched/entity.ts';
import { Wake } from '../../sched/hooks.ts';
import { k } from '../../sched/kernel.ts';
import * as rq from '../../sched/rq.ts';
import * as tasks from '../../sched/tasks.ts';
import { State } from '../../sched/tasks.ts';
import { Ev, type EventKind, IDLE_TASK } from '../../trace/events.ts';
import { type Affinities, isPerCpuThread } from './decision-affinity.ts';
import type { CpuStates, DecisionQueue, Moment } from './decision-cpus.ts';
import { Cores, LlcKnowledge } from './decision-llc.ts';
import type { DecisionTally } from './decision-tally.ts';
import type { Wakees } from './decision-wakees.ts';
import { outcomesOf, type Worlds } from './decision-worlds.ts';
import { entityOf, useEntity } from './exact-state.ts';

const BUSY_LOAD = 1 << 20;
/** It does not matter how far the LLC is searched. */
const ANY_PART = -1;
const CHANGING = 'a CPU goes idle or gets work at this moment';
const LOADS = 'which of two busy CPUs has less load';
const DEPTH = 'how far the LLC is searched';
const CORES = 'whether the LLC is thought to have idle cores';
const WIDE = 'how often waker and wakee have changed partners';
const AFFINITY = 'where the task may run';
const INTERRUPT = 'whether a kernel thread wakes from an interrupt';
const NR = 'how much runs on the CPU of the waker';

/** A wakeup or a CPU that goes idle, until it has been dealt with. */
interface UnderWay {
  readonly moment: Moment;
  /** What may become of the marks of idle cores through it, and of which LLCs. */
  readonly marks: number;
  readonly llcs: readonly number[];
}

/** A wakeup, from `select` to `select_ret`. */
interface Wakeup extends UnderWay {
  readonly task: number;
  readonly cpu: number;
  readonly prev: number;
  readonly flags: number;
  readonly recent: number;
  /** Row of the waking task. */
  readonly waker: number;
  readonly wide: boolean | null;
  readonly masks: readonly number[] | null;
  readonly perCpuThread: boolean;
  readonly exiting: boolean;
  /** By LLC as it was then: passes that had set the depth, whether one was at it. */
  readonly setBy: readonly number[];
  readonly setting: boolean[];
  chosen: number;
}

/** What may make a difference to a wakeup. */
interface Search {
  /** LLCs that may be searched, and the depths from which on a search may find another CPU: parts of the possible depths. */
  readonly llcs: readonly { readonly llc: number; readonly starts: readonly number[] }[];
  /** Whether it matters that a CPU idles, by CPU. */
  readonly matters: Uint8Array;
  /** What the mark of idle cores may be, by LLC. */
  readonly cores: readonly number[];
}

/** A possible state: which part of the depths, by LLC; which LLCs have idle cores after the wakeup. */
interface World {
  readonly parts: readonly number[];
  readonly cores: readonly number[];
}

export class SelectDecisions {
  readonly #tally: DecisionTally;
  readonly #cpus: CpuStates;
  readonly #queue: DecisionQueue;
  readonly #affinities: Affinities;
  readonly #wakees: Wakees;
  readonly #idle: IdleSearch;
  readonly #idlest = new IdlestSearch();
  readonly #open: (Wakeup | null)[];
  readonly #exiting = new Set<number>();
  /** By shared object of an LLC. */
  readonly #llcs: LlcKnowledge[] = [];
  readonly #underWay: UnderWay[] = [];
  /** By executing CPU: LLC whose depth the pass under way is setting, or -1. */
  readonly #setting: Int32Array;

  constructor(tally: DecisionTally, cpus: CpuStates, queue: DecisionQueue, affinities: Affinities, wakees: Wakees) {
    this.#tally = tally;
    this.#cpus = cpus;
    this.#queue = queue;
    this.#affinities = affinities;
    this.#wakees = wakees;
    this.#idle = new IdleSearch(k.nrCpus);
    this.#open = new Array<Wakeup | null>(k.nrCpus).fill(null);
    this.#setting = new Int32Array(k.nrCpus).fill(-1);
    for (let i = 0; i < k.sd.nrIdleScan.length; i++) this.#llcs.push(new LlcKnowledge());
  }

  /** After `CpuStates` has seen the event. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    switch (kind) {
      case Ev.SELECT:
        if ((args[1]! & Wake.TTWU) !== 0) this.#begin(timeNs, cpu, task, args);
        return;
      case Ev.SCHED_PROCESS_EXIT:
        this.#exiting.add(task);
        return;
      case Ev.SCHED_SWITCH:
        if (args[0] === IDLE_TASK && k.smtPresent) this.#idles(this.#cpus.sinceNs, timeNs, cpu);
        return;
      case Ev.LB_ENTER:
        this.#passBegins(cpu, args[0]!, args[1]!, args[2]!);
        return;
      case Ev.LB_BUSIEST:
      case Ev.LB_LEAVE:
        this.#passHasLooked(cpu, kind === Ev.LB_BUSIEST);
        return;
    }
  }

  /** Before `CpuStates` sees it. */
  selectRet(timeNs: number, cpu: number, chosen: number): void {
    const wakeup = this.#open[cpu];
    if (wakeup == null) return;
    this.#open[cpu] = null;
    wakeup.chosen = chosen;
    this.#llcs.forEach(({ setting }, i) => {
      if (setting > 0) wakeup.setting[i] = true;
    });
    this.#queue.close(wakeup.moment, timeNs, () => this.#decide(wakeup));
  }

  #begin(timeNs: number, cpu: number, task: number, args: Float64Array): void {
    const running = this.#cpus.current[cpu]!;
    const waker = running === IDLE_TASK ? cpu : entityOf(running);
    const wakee = entityOf(task);
    useEntity(Math.max(waker, wakee));
    const jiffy = Math.floor(timeNs / k.tickNs);
    this.#wakees.wakes(waker, wakee, jiffy);
    const wakeup: Wakeup = {
      moment: this.#cpus.open(timeNs),
      task,
      cpu,
      prev: args[0]!,
      flags: args[1]!,
      recent: args[2]!,
      waker,
      wide: this.#wakees.wide(waker, wakee, cpu),
      masks: this.#affinities.masks(task),
      perCpuThread: running !== IDLE_TASK && isPerCpuThread(this.#affinities.name(running)),
      exiting: this.#exiting.has(running),
      setBy: this.#llcs.map((llc) => llc.setBy),
      setting: this.#llcs.map((llc) => llc.setting > 0),
      marks: Cores.NONE,
      llcs: this.#llcsOf(cpu, args[0]!),
      chosen: -1,
    };
    this.#open[cpu] = wakeup;
    if (k.smtPresent) this.#underWay.push(wakeup);
  }

  #decide(wakeup: Wakeup): void {
    const { moment, cpu, task, chosen } = wakeup;
    const decision = { timeNs: moment.timeNs, cpu, task };
    const search = this.#search(wakeup);
    // What each world that agrees says of the LLCs.
    const agreeing: World[] = [];
    const got = String(chosen);
    const all = outcomesOf((worlds) => {
      const parts = this.#prepare(wakeup, search, worlds);
      const cpuOf = selectTaskRqFair(this.#idle, this.#idlest, entityOf(task), wakeup.prev, wakeup.flags, cpu);
      if (cpuOf === chosen) agreeing.push({ parts, cores: k.smtPresent ? [...k.sd.hasIdleCores] : [] });
      return String(cpuOf);
    });
    const reason = this.#reason(wakeup);
    if (k.smtPresent) this.#forget(wakeup);
    if (all === null) {
      this.#tally.skip('select', 'too much is not known');
      for (const llc of wakeup.llcs) this.#llcs[llc]!.coresFrom(wakeup.moment.endNs, Cores.EITHER);
      return;
    }
    const { outcomes, unknown } = all;
    if (outcomes.size === 1) {
      this.#tally.compare('select', decision, { outcome: [...outcomes][0]!, unknown: '' }, got, reason);
    } else {
      this.#tally.skip('select', unknown);
      if (outcomes.size < this.#nrAllowed(wakeup)) {
        const among = [...outcomes].sort((a, b) => Number(a) - Number(b)).join(' or ');
        const outcome = outcomes.has(got) ? got : among;
        this.#tally.compare('select_among', decision, { outcome, unknown: '' }, got, reason);
      }
    }
    this.#learn(wakeup, search, agreeing);
  }

  #nrAllowed({ masks }: Wakeup): number {
    return masks === null ? 0 : Math.min(...masks.map((mask) => k.affinity.weight(mask)));
  }

  /** Puts the tables into one of the possible states. Returns how far each LLC is searched in it. */
  #prepare(wakeup: Wakeup, search: Search, worlds: Worlds): number[] {
    const { moment, cpu, prev, flags } = wakeup;
    const { llcId } = k.sd.tree;
    for (let c = 0; c < k.nrCpus; c++) {
      if (llcId[c] !== llcId[cpu] && llcId[c] !== llcId[prev]) continue;
      const mayIdle = moment.mayIdle(c);
      const idles = mayIdle && !(moment.mayBeBusy(c) && search.matters[c] !== 0 && worlds.either(CHANGING));
      rq.curr[c] = c === cpu ? wakeup.waker : idles ? c : -1;
      rq.nrRunning[c] = idles ? 0 : 1;
      rq.ttwuPending[c] = 0;
      avg.loadAvg[c] = 0;
      rq.cpuCapacity[c] = rq.cpuCapacityOrig[c]!;
      if (c === cpu && !idles && (wakeup.perCpuThread || (flags & Wake.SYNC) !== 0)) {
        const least = Math.max(1, moment.least[c]!);
        rq.nrRunning[c] = least + worlds.choose(Math.max(1, Math.min(moment.most[c]!, least + 2) - least + 1), NR);
      }
    }
    this.#prepareTasks(wakeup, worlds);
    if (cpu !== prev) avg.loadAvg[worlds.either(LOADS) ? cpu : prev] = BUSY_LOAD;
    k.thisCpu = cpu;
    k.inInterrupt = wakeup.perCpuThread && cpu === prev && worlds.either(INTERRUPT);
    return this.#prepareLlcs(search, worlds);
  }

  #prepareTasks(wakeup: Wakeup, worlds: Worlds): void {
    const { waker, wide, masks, cpu, prev, recent, perCpuThread, exiting } = wakeup;
    const wakee = entityOf(wakeup.task);
    const isWide = wide ?? (cpu !== prev && worlds.either(WIDE));
    const factor = k.sd.tree.llcSize[cpu]!;
    tasks.wakeeFlips[waker] = isWide ? factor * factor : 0;
    tasks.wakeeFlips[wakee] = isWide ? factor : 0;
    tasks.wakeeFlipDecay[waker] = 0;
    tasks.lastWakee[waker] = wakee;
    k.jiffies = 0;
    tasks.recentUsedCpu[wakee] = recent;
    tasks.state[waker] = exiting ? State.DEAD : State.RUNNING;
    tasks.perCpuKthread[waker] = perCpuThread ? 1 : 0;
    se.cfsRq[wakee] = prev;
    se.cfsRq[waker] = cpu;
    avg.loadAvg[AVG_SE + wakee] = 0;
    avg.loadAvg[AVG_SE + waker] = 0;
    if (masks === null) tasks.allowed[wakee] = worlds.either(AFFINITY) ? k.affinity.of([prev]) : 0;
    else tasks.allowed[wakee] = masks[masks.length > 1 ? worlds.choose(masks.length, AFFINITY) : 0]!;
  }

  /** One part of how far each LLC may be searched. */
  #prepareLlcs(search: Search, worlds: Worlds): number[] {
    const { sd } = k;
    const parts = new Array<number>(sd.nrIdleScan.length).fill(ANY_PART);
    for (const { llc, starts } of search.llcs) {
      if (starts.length > 1) parts[llc] = worlds.choose(starts.length, DEPTH);
      sd.nrIdleScan[llc] = starts[Math.max(0, parts[llc]!)]!;
      const cores = search.cores[llc]!;
      sd.hasIdleCores[llc] = cores === Cores.EITHER ? worlds.choose(2, CORES) : cores - 1;
    }
    return parts;
  }

  /** What of the LLCs makes a difference to a wakeup. */
  #search(wakeup: Wakeup): Search {
    const { cpu, prev, recent, moment } = wakeup;
    const matters = new Uint8Array(k.nrCpus);
    for (const c of [cpu, prev, recent]) if (c >= 0) matters[c] = 1;
    if (k.smtPresent) for (const c of k.siblings[prev]!) matters[c] = 1;
    const breaks = new Map<number, Set<number>>();
    const cores = new Array<number>(this.#llcs.length).fill(Cores.NONE);
    for (const llc of wakeup.llcs) {
      breaks.set(llc, new Set([this.#depth(wakeup, llc).least]));
      if (k.smtPresent) cores[llc] = this.#coresIn(wakeup, llc);
    }
    const prevIdles = moment.mayIdle(prev) && !moment.mayBeBusy(prev);
    for (const target of cpu === prev ? [cpu] : [cpu, prev]) {
      const llc = this.#sharedOf(target);
      if (llc < 0 || (moment.mayIdle(target) && !moment.mayBeBusy(target))) continue;
      if (prevIdles && sharesCache(prev, target)) continue;
      const mayFindCores = (cores[llc]! & Cores.SOME) !== 0;
      this.#searchFrom(wakeup, target, mayFindCores, matters, breaks.get(llc)!);
    }
    const llcs = [...breaks].map(([llc, starts]) => {
      const { least, most } = this.#depth(wakeup, llc);
      return { llc, starts: [...starts].filter((at) => at >= least && at <= most).sort((x, y) => x - y) };
    });
    return { llcs, matters, cores };
  }

  /** Which CPUs a search from `target` may ask about, and the depths from which on it finds more. */
  #searchFrom(
    { moment, masks }: Wakeup,
    target: number,
    wholeCores: boolean,
    matters: Uint8Array,
    breaks: Set<number>,
  ): void {
    const { sd } = k;
    const domain = sd.tree.sdLlc[target]!;
    const weight = sd.spanWeight[domain]!;
    const mask = masks?.length === 1 ? masks[0]! : -1;
    const span = [...sd.lists.subarray(sd.spanBase[domain]!, sd.spanBase[domain]! + weight)];
    const first = span.findIndex((c) => c > target);
    let at = 0;
    if (wholeCores) breaks.add(1);
    for (const c of first < 0 ? span : [...span.slice(first), ...span.slice(0, first)]) {
      if (mask >= 0 && !k.affinity.has(mask, c) && !wholeCores) continue;
      if (mask < 0 || k.affinity.has(mask, c)) at++;
      if (mask < 0 || moment.mayIdle(c)) breaks.add(at);
      if (!moment.mayIdle(c)) continue;
      matters[c] = 1;
      if (!moment.mayBeBusy(c) && mask >= 0 && !wholeCores) return;
    }
  }

  /** Bounds of how far an LLC was searched at the time. */
  #depth(wakeup: Wakeup, llc: number): { least: number; most: number } {
    const { setBy, depthLeast: least, depthMost: most } = this.#llcs[llc]!;
    return wakeup.setting[llc]! || setBy !== wakeup.setBy[llc]
      ? { least: 0, most: Number.POSITIVE_INFINITY }
      : { least, most };
  }

  #sharedOf(cpu: number): number {
    const domain = k.sd.tree.sdLlc[cpu]!;
    return domain < 0 ? -1 : k.sd.shared[domain]!;
  }

  /** What the worlds that agree with the kernel have in common. */
  #learn(wakeup: Wakeup, search: Search, agreeing: readonly World[]): void {
    if (agreeing.length === 0) return;
    for (const { llc, starts } of search.llcs) {
      const state = this.#llcs[llc]!;
      const parts = agreeing.map((world) => world.parts[llc]!);
      if (!parts.includes(ANY_PART) && !wakeup.setting[llc]! && state.setBy === wakeup.setBy[llc]) {
        const next = starts[Math.max(...parts) + 1] ?? Number.POSITIVE_INFINITY;
        state.depthWithin(starts[Math.min(...parts)]!, next - 1);
      }
      if (!k.smtPresent) continue;
      const possible = agreeing.reduce((set, { cores }) => set | (cores[llc] === 0 ? Cores.NONE : Cores.SOME), 0);
      this.#mark(wakeup, llc, possible);
    }
  }

  /** The idle task has been picked. */
  #idles(sinceNs: number, timeNs: number, cpu: number): void {
    const llcs = this.#llcsOf(cpu, cpu);
    const [llc] = llcs;
    if (llc === undefined) return;
    const idle = { moment: this.#cpus.open(sinceNs), marks: Cores.SOME, llcs };
    this.#underWay.push(idle);
    this.#queue.close(idle.moment, timeNs, () => {
      const { moment } = idle;
      const all = outcomesOf((worlds) => {
        for (const sibling of k.siblings[cpu]!) {
          const idles = moment.mayIdle(sibling) && !(moment.mayBeBusy(sibling) && worlds.either(CHANGING));
          rq.curr[sibling] = idles ? sibling : -1;
          rq.nrRunning[sibling] = idles ? 0 : 1;
          rq.ttwuPending[sibling] = 0;
        }
        const cores = this.#coresIn(idle, llc);
        k.sd.hasIdleCores[llc] = cores === Cores.EITHER ? worlds.choose(2, CORES) : cores - 1;
        updateIdleCore(cpu);
        return String(k.sd.hasIdleCores[llc]);
      });
      this.#forget(idle);
      const marks = [...all!.outcomes].reduce((set, has) => set | (has === '0' ? Cores.NONE : Cores.SOME), 0);
      this.#mark(idle, llc, marks);
    });
  }

  /** What the mark of an LLC may have been at the time, whatever else was under way. */
  #coresIn({ moment }: UnderWay, llc: number): number {
    let cores = this.#llcs[llc]!.coresSince(moment.timeNs);
    for (const other of this.#underWay) {
      if (other.moment !== moment && other.llcs.includes(llc) && other.moment.timeNs <= moment.endNs)
        cores |= other.marks;
    }
    return cores;
  }

  /** This is what has become of the mark, if nothing else was under way. */
  #mark({ moment }: UnderWay, llc: number, cores: number): void {
    const state = this.#llcs[llc]!;
    const meanwhile = state.changedAfter(moment.timeNs) ? state.coresSince(moment.endNs) : 0;
    state.coresFrom(moment.endNs, cores | meanwhile);
  }

  #forget(done: UnderWay): void {
    this.#underWay.splice(this.#underWay.indexOf(done), 1);
  }

  /** LLCs of two CPUs. */
  #llcsOf(a: number, b: number): number[] {
    return [...new Set([this.#sharedOf(a), this.#sharedOf(b)])].filter((llc) => llc >= 0);
  }

  #passBegins(cpu: number, target: number, level: number, idle: number): void {
    const { sd } = k;
    let domain = sd.lowest[target]!;
    while (domain >= 0 && sd.level[domain] !== level) domain = sd.parent[domain]!;
    if (idle === Idle.NEWLY_IDLE || domain < 0 || sd.spanWeight[domain] !== sd.tree.llcSize[target]) return;
    const llc = this.#sharedOf(target);
    if (llc < 0) return;
    this.#setting[cpu] = llc;
    this.#llcs[llc]!.setting++;
  }

  #passHasLooked(cpu: number, hasSet: boolean): void {
    const llc = this.#setting[cpu]!;
    if (llc < 0) return;
    this.#setting[cpu] = -1;
    const state = this.#llcs[llc]!;
    state.setting--;
    if (hasSet) state.depthSet();
  }

  #reason({ moment, cpu, prev, recent, flags, wide }: Wakeup): string {
    return `on CPU ${cpu} from ${prev}, recent ${recent}, flags ${flags}, CPUs ${moment.describe()}, nr ${moment.least[cpu]}..${moment.most[cpu]}, wide pair ${wide ?? 'unknown'}`;
  }
}
