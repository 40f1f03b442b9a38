/**
 * The figures of a run: a sink that any trace, simulated or recorded, is played into, and the flat list of numbers that
 * comes out. What each number is, and when it is null, is in `figure-catalogue.ts` (and docs/figures.md).
 *
 *   events ──► FiguresSink ──┬─► WastedTime       who waited while a CPU was idle; idle, busy and balancing time
 *    (who runs, who waits)   ├─► WorkloadFigures  latencies, throughput, CPU time and its evenness, by kind
 *                            └─► DecisionFigures  switches, migrations, balance passes
 *
 * Nothing is stored of the trace, nothing is allocated for an event, and an event costs the same on two CPUs and on a
 * thousand.
 *
 * Dirty data: a switch away from a task that was not current (events were lost) is believed; the task that was current is
 * taken to sleep. It counts as a lost event. The end of a balance pass that is missing is supplied by the next switch of the CPU.
 * Kernel threads named after a CPU (`kworker/3:1`) are taken to be bound to it; recordings do not tell affinities.
 */

import { DISTANCE_NAMES } from '../machine/topology.ts';
import { EVENTS, Ev, type EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables, TraceTask } from '../trace/sink.ts';
import { ANYWHERE } from './affinity-classes.ts';
import { CONFIRM_NS, type ConfirmedViolation, type ConfirmNs } from './confirmed-violations.ts';
import { DecisionFigures } from './decision-figures.ts';
import { type Figure, FigureList } from './figure-catalogue.ts';
import { EPISODE_BOUNDS_NS } from './idle-episodes.ts';
import { Kinds, NO_TIME, TaskAt, TaskColumns } from './task-columns.ts';
import { NR_DISTANCES } from './wasted-cpus.ts';
import { WastedTime } from './wasted-time.ts';
import { WorkloadFigures } from './workload-figures.ts';

export interface FiguresOptions {
  /** The window begins here, in the trace's time: what is before is a warm-up. Default: the start of the trace. */
  readonly fromNs?: number;
  /** The kind of a task, '' for those not of the workload; asked again when a task is renamed. Default: its own. */
  readonly kindOf?: (task: TraceTask) => string;
  /** Only these kinds are the workload. */
  readonly kinds?: readonly string[];
  /**
   * What was recorded, if it is known (a simulation knows): what did not occur is then 0, not unknown. Default: the kinds
   * of events that occur.
   */
  readonly observed?: readonly EventKind[];
  /** CPUs that have no part in balancing (isolated): never idle in the sense of wasted time. */
  readonly excludedCpus?: readonly number[];
  /** Violations that long are listed in `violations`. */
  readonly listViolationsNs?: ConfirmNs;
}

const STATE_MASK = 255;
const MAX_RT_PRIO = 100;
const EPISODE_NAMES = ['below_1us', '1us', '10us', '100us', '1ms', '10ms', '100ms', '1s', '10s'];
const LIMIT_NAMES = ['1ms', '10ms', '100ms'];
/** A kernel thread of one CPU: `kworker/3:1`, `ksoftirqd/3`, but not `kworker/u8:1`. */
const BOUND_KTHREAD = /\/(\d+)(?::|$)/;

export class FiguresSink implements TraceSink {
  readonly #options: FiguresOptions;
  readonly #seen = new Uint8Array(EVENTS.length);
  readonly #tasks = new TaskColumns();
  readonly #kinds: Kinds;
  readonly #workload: WorkloadFigures;
  #tables!: TraceTables;
  #wasted!: WastedTime;
  #decisions!: DecisionFigures;
  /** By CPU. */
  #current!: Int32Array;
  #inNewidle!: Uint8Array;
  #inPass!: Uint8Array;
  /** Set of CPUs of each mask of the tables, as far as needed. */
  readonly #setOfMask: number[] = [];
  #nrCounted = 0;
  #startNs = 0;
  #fromNs = 0;
  #nowNs = 0;
  #inWindow = false;
  #ended = false;
  #lost = 0;

  constructor(options: FiguresOptions = {}) {
    this.#options = options;
    this.#kinds = new Kinds(options.kinds);
    this.#workload = new WorkloadFigures(this.#kinds);
  }

  begin(tables: TraceTables, startNs: number): void {
    const { topology } = tables;
    const counted = topology.online.slice();
    for (const cpu of this.#options.excludedCpus ?? []) counted[cpu] = 0;
    this.#nrCounted = counted.reduce((n, is) => n + is, 0);
    this.#tables = tables;
    this.#startNs = startNs;
    this.#nowNs = startNs;
    this.#fromNs = Math.max(startNs, this.#options.fromNs ?? startNs);
    this.#inWindow = this.#fromNs === startNs;
    this.#wasted = new WastedTime(topology, counted, startNs, this.#options.listViolationsNs ?? CONFIRM_NS[2]);
    this.#decisions = new DecisionFigures(topology);
    this.#current = new Int32Array(topology.nrCpus).fill(-1);
    this.#inNewidle = new Uint8Array(topology.nrCpus);
    this.#inPass = new Uint8Array(topology.nrCpus);
    tables.initialCurrent?.forEach((task, cpu) => {
      if (task < 0) return;
      this.#know(task);
      this.#current[cpu] = task;
      this.#run(task, cpu);
      this.#updateCpu(cpu);
    });
    for (const kind of this.#options.observed ?? []) this.#seen[kind] = 1;
  }

  /** Long because it is the dispatch: every kind of event that matters to some figure. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (timeNs !== this.#nowNs) this.#advance(timeNs);
    this.#seen[kind] = 1;
    switch (kind) {
      case Ev.SCHED_SWITCH:
        this.#switch(cpu, task, args[0]!, args[1]! & STATE_MASK, args[2]!, args[3]!);
        break;
      case Ev.SCHED_WAKEUP_NEW:
        this.#born(task);
        this.#wake(task, args[0]!, args[1]!);
        break;
      case Ev.SCHED_WAKEUP:
        this.#wake(task, args[0]!, args[1]!);
        break;
      case Ev.SCHED_MIGRATE_TASK:
        this.#migrate(task, args);
        break;
      case Ev.SCHED_PROCESS_FORK:
        this.#born(args[0]!);
        break;
      case Ev.SCHED_PROCESS_EXIT:
        this.#know(task);
        this.#tasks.exitNs[task] = timeNs;
        break;
      case Ev.LB_ENTER:
        this.#inPass[cpu] = 1;
        this.#updateCpu(cpu);
        this.#decisions.entered(args[1]!, args[2]!);
        break;
      case Ev.LB_LEAVE:
        this.#inPass[cpu] = 0;
        this.#updateCpu(cpu);
        this.#decisions.left(args[1]!, args[2]!, args[3]!);
        break;
      case Ev.NEWIDLE:
        this.#pauseRun(cpu);
        this.#inNewidle[cpu] = 1;
        this.#updateCpu(cpu);
        this.#decisions.newidleCalls++;
        break;
      case Ev.NEWIDLE_RET:
        this.#resumeRun(cpu);
        this.#updateCpu(cpu);
        this.#decisions.newidlePulled += Math.max(0, args[0]!);
        break;
      case Ev.ILB_KICKED:
        this.#decisions.nohzKicks++;
        break;
      case Ev.NOHZ_IDLE_BALANCE:
        this.#decisions.nohzBalances++;
        break;
      case Ev.ACTIVE_BALANCE:
        this.#decisions.activeBalances++;
        break;
      case Ev.RENAME:
        this.#rename(task, args[0]!);
        break;
      case Ev.AFFINITY:
        this.#bind(task, args[0]!);
        break;
      case Ev.WORK:
        this.#know(task);
        if (this.#tasks.kind[task]! >= 0) {
          this.#workload.worked(this.#tasks.kind[task]!, args[0]!, args[1]!, this.#inWindow);
        }
        break;
      case Ev.LOST_EVENTS:
        this.#lost += Math.max(1, args[0]!);
        break;
    }
  }

  end(endNs: number): void {
    if (this.#ended) return;
    this.#advance(Math.max(endNs, this.#nowNs));
    this.#ended = true;
    const { at } = this.#tasks;
    for (let task = 0; task < this.#tasks.length; task++) {
      if (at[task] === TaskAt.QUEUED) this.#unqueue(task);
      else if (at[task] === TaskAt.RUNNING && this.#inNewidle[this.#tasks.cpu[task]!] === 0) this.#countRun(task);
    }
    this.#wasted.end();
  }

  /** V now: CPUs wasted at this moment of the trace. */
  get wastedCpus(): number {
    return this.#wasted.wastedCpus;
  }

  /** Violations as long as `listViolationsNs`, a thousand at most. Complete after `end`. */
  get violations(): readonly ConfirmedViolation[] {
    return this.#wasted.violations.list;
  }

  /** All figures, in the order of the catalogue. The trace must have ended. */
  figures(): Figure[] {
    const list = new FigureList();
    const fromNs = this.#inWindow ? this.#fromNs : this.#nowNs;
    const window = { fromNs, toNs: this.#nowNs };
    const seconds = (window.toNs - window.fromNs) / 1e9;
    const saw = (...kinds: EventKind[]) => this.#inWindow && kinds.some((kind) => this.#seen[kind] === 1);
    const switches = saw(Ev.SCHED_SWITCH);
    const waits = switches && saw(Ev.SCHED_WAKEUP, Ev.SCHED_WAKEUP_NEW);
    const passes = saw(Ev.LB_ENTER, Ev.LB_LEAVE);
    const d = this.#decisions;
    list.add('window_ms', (window.toNs - window.fromNs) / 1e6);
    this.#workload.list(list, this.#tasks, window, this.#nrCounted, { switches, waits });
    d.listSwitches(list, seconds, switches);
    d.listMigrations(list, seconds, this.#kinds, saw(Ev.SCHED_MIGRATE_TASK));
    this.#listWasted(list, waits);
    list.add('busy_ms', switches ? this.#wasted.runningNs / 1e6 : null);
    list.add('idle_ms', switches ? this.#wasted.idleNs / 1e6 : null);
    list.add('balancing_ms', passes || saw(Ev.NEWIDLE) ? this.#wasted.balancingNs / 1e6 : null);
    d.listPasses(list, passes);
    list.add('newidle_calls', saw(Ev.NEWIDLE) ? d.newidleCalls : null);
    list.add('newidle_pulled', saw(Ev.NEWIDLE_RET) ? d.newidlePulled : null);
    list.add('nohz_kicks', saw(Ev.ILB_KICKED) ? d.nohzKicks : null);
    list.add('nohz_balances', saw(Ev.NOHZ_IDLE_BALANCE) ? d.nohzBalances : null);
    list.add('active_balances', saw(Ev.ACTIVE_BALANCE) ? d.activeBalances : null);
    list.add('lost_events', this.#lost);
    return list.figures;
  }

  #listWasted(list: FigureList, observed: boolean): void {
    const known = (value: number) => (observed ? value : null);
    const { wastedNs, runningNs, episodes, violations } = this.#wasted;
    const total = wastedNs[NR_DISTANCES - 1]!;
    list.add('wasted_cpu_ms', known(total / 1e6));
    for (let distance = 0; distance < NR_DISTANCES; distance++) {
      const nearer = distance === 0 ? 0 : wastedNs[distance - 1]!;
      list.add('wasted_cpu_ms.{distance}', known((wastedNs[distance]! - nearer) / 1e6), DISTANCE_NAMES[distance]!);
    }
    list.add('wasted_ratio', known(total / (total + runningNs)));
    list.add('wasted_episodes', known(episodes.counts.reduce((a, b) => a + b, 0)));
    for (let i = 0; i <= EPISODE_BOUNDS_NS.length; i++) {
      list.add('wasted_episodes.{length}', known(episodes.counts[i]!), EPISODE_NAMES[i]!);
    }
    for (let i = 0; i < CONFIRM_NS.length; i++)
      list.add('violations.{limit}', known(violations.counts[i]!), LIMIT_NAMES[i]!);
  }

  #advance(nowNs: number): void {
    if (!this.#inWindow && nowNs >= this.#fromNs) this.#beginWindow();
    this.#wasted.advance(nowNs);
    this.#nowNs = nowNs;
  }

  #beginWindow(): void {
    this.#wasted.advance(this.#fromNs);
    this.#wasted.restart();
    this.#workload.restart();
    this.#decisions.restart();
    this.#tasks.cpuNs.fill(0);
    for (const task of this.#current) if (task >= 0) this.#tasks.runSinceNs[task] = this.#fromNs;
    this.#lost = 0;
    this.#inWindow = true;
  }

  #switch(cpu: number, prev: number, next: number, state: number, prevPrio: number, nextPrio: number): void {
    const decisions = this.#decisions;
    if (this.#inNewidle[cpu] === 1) this.#resumeRun(cpu);
    if (this.#current[cpu] !== prev) this.#correctCurrent(cpu, prev);
    this.#inPass[cpu] = 0;
    decisions.switches++;
    if (prev >= 0) {
      this.#setPrio(prev, prevPrio);
      this.#countRun(prev);
      if (state === 0) {
        decisions.involuntary++;
        this.#queue(prev, cpu);
      } else {
        decisions.voluntary++;
        this.#tasks.at[prev] = TaskAt.OFF;
      }
    }
    if (next >= 0) {
      this.#know(next);
      this.#setPrio(next, nextPrio);
      this.#switchIn(next, cpu);
    }
    this.#current[cpu] = next;
    this.#updateCpu(cpu);
  }

  #switchIn(task: number, cpu: number): void {
    const tasks = this.#tasks;
    if (tasks.at[task] === TaskAt.RUNNING) this.#stopElsewhere(task, cpu);
    this.#run(task, cpu);
    const woken = tasks.wokenNs[task]!;
    if (woken === NO_TIME) return;
    tasks.wokenNs[task] = NO_TIME;
    if (this.#inWindow && tasks.kind[task]! >= 0) this.#workload.woke(tasks.kind[task]!, this.#nowNs - woken);
  }

  /** Events were lost: `prev` has been running on the CPU. */
  #correctCurrent(cpu: number, prev: number): void {
    this.#lost++;
    const current = this.#current[cpu]!;
    if (current >= 0) {
      this.#countRun(current);
      this.#tasks.at[current] = TaskAt.OFF;
    }
    if (prev < 0) return;
    this.#know(prev);
    if (this.#tasks.at[prev] === TaskAt.RUNNING) this.#stopElsewhere(prev, cpu);
    this.#run(prev, cpu);
    this.#tasks.wokenNs[prev] = NO_TIME;
  }

  /** Events were lost: the task left the CPU that it was known to run on. */
  #stopElsewhere(task: number, cpu: number): void {
    const elsewhere = this.#tasks.cpu[task]!;
    this.#countRun(task);
    if (elsewhere === cpu || this.#current[elsewhere] !== task) return;
    this.#lost++;
    this.#current[elsewhere] = -1;
    this.#updateCpu(elsewhere);
  }

  #wake(task: number, cpu: number, prio: number): void {
    this.#know(task);
    const tasks = this.#tasks;
    if (tasks.at[task] === TaskAt.RUNNING) return;
    if (tasks.at[task] === TaskAt.QUEUED) {
      // it had been switched out as runnable while its wakeup was on the way
      if (tasks.cpu[task] === cpu) return;
      this.#unqueue(task);
    } else {
      tasks.wokenNs[task] = this.#nowNs;
    }
    this.#setPrio(task, prio);
    this.#queue(task, cpu);
  }

  #migrate(task: number, args: Float64Array): void {
    this.#know(task);
    const tasks = this.#tasks;
    const to = args[1]!;
    if (tasks.kind[task]! >= 0) this.#decisions.migrated(tasks.kind[task]!, args[0]!, to, args[3]!, args[4]!);
    if (tasks.at[task] === TaskAt.QUEUED) {
      this.#unqueue(task);
      this.#queue(task, to);
    } else if (tasks.at[task] === TaskAt.OFF) {
      tasks.cpu[task] = to;
    }
  }

  #bind(task: number, mask: number): void {
    this.#know(task);
    const set = (this.#setOfMask[mask] ??= this.#wasted.affinity.register(this.#tables.masks[mask]!));
    const queued = this.#tasks.at[task] === TaskAt.QUEUED;
    if (queued) this.#unqueue(task);
    this.#tasks.affinity[task] = set;
    if (queued) this.#queue(task, this.#tasks.cpu[task]!);
  }

  #rename(task: number, comm: number): void {
    const { kindOf } = this.#options;
    if (kindOf === undefined) return;
    this.#know(task);
    this.#tasks.kind[task] = this.#kinds.id(
      kindOf({ ...this.#tables.tasks[task]!, comm: this.#tables.strings[comm]! }),
    );
  }

  /** The task begins to wait on the CPU. */
  #queue(task: number, cpu: number): void {
    const tasks = this.#tasks;
    tasks.at[task] = TaskAt.QUEUED;
    tasks.cpu[task] = cpu;
    if (tasks.isRt[task] === 1 || cpu >= this.#current.length) return;
    tasks.waits[task] = 1;
    tasks.waitSinceNs[task] = this.#nowNs;
    this.#wasted.beginWait(cpu, tasks.affinity[task]!);
  }

  #unqueue(task: number): void {
    const tasks = this.#tasks;
    if (tasks.waits[task] === 0) return;
    tasks.waits[task] = 0;
    this.#wasted.endWait(task, tasks.cpu[task]!, tasks.affinity[task]!, tasks.waitSinceNs[task]!);
  }

  #run(task: number, cpu: number): void {
    const tasks = this.#tasks;
    if (tasks.at[task] === TaskAt.QUEUED) this.#unqueue(task);
    tasks.at[task] = TaskAt.RUNNING;
    tasks.cpu[task] = cpu;
    tasks.runSinceNs[task] = this.#nowNs;
  }

  #countRun(task: number): void {
    const tasks = this.#tasks;
    tasks.cpuNs[task]! += this.#nowNs - tasks.runSinceNs[task]!;
    tasks.runSinceNs[task] = this.#nowNs;
  }

  /** Newidle balancing begins; the task that still is current has gone to sleep. */
  #pauseRun(cpu: number): void {
    const task = this.#current[cpu]!;
    if (task >= 0 && this.#inNewidle[cpu] === 0) this.#countRun(task);
  }

  #resumeRun(cpu: number): void {
    const task = this.#current[cpu]!;
    if (task >= 0 && this.#inNewidle[cpu] === 1) this.#tasks.runSinceNs[task] = this.#nowNs;
    this.#inNewidle[cpu] = 0;
  }

  #updateCpu(cpu: number): void {
    this.#wasted.setCpu(cpu, this.#current[cpu]! >= 0, this.#inPass[cpu] === 1 || this.#inNewidle[cpu] === 1);
  }

  #setPrio(task: number, prio: number): void {
    if (prio >= 0) this.#tasks.isRt[task] = prio < MAX_RT_PRIO ? 1 : 0;
  }

  #born(task: number): void {
    if (this.#isKnown(task)) return;
    this.#know(task);
    this.#tasks.bornNs[task] = this.#nowNs;
  }

  #isKnown(task: number): boolean {
    return task < this.#tasks.length && this.#tasks.bornNs[task] !== NO_TIME;
  }

  /** Fills in the columns of a task that is mentioned for the first time. Unless it is seen to be born, it is as old as the trace. */
  #know(task: number): void {
    if (this.#isKnown(task)) return;
    const tasks = this.#tasks;
    while (tasks.length <= task) tasks.add();
    const entry = this.#tables.tasks[task]!;
    tasks.bornNs[task] = this.#startNs;
    tasks.kind[task] = this.#kinds.id(this.#options.kindOf?.(entry) ?? entry.kind);
    tasks.affinity[task] = entry.kthread ? this.#affinityOfKthread(entry.comm) : ANYWHERE;
  }

  #affinityOfKthread(comm: string): number {
    const m = BOUND_KTHREAD.exec(comm);
    return m === null || Number(m[1]) >= this.#current.length
      ? ANYWHERE
      : this.#wasted.affinity.register([Number(m[1])]);
  }
}
