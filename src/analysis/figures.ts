/**
 * The figures of a run: a sink that any trace, simulated or recorded, is played into, and the flat list of numbers that
 * comes out. What each number is, and when it is null, is in `figure-catalogue.ts` (and docs/figures.md).
 *
 *   events ──► FiguresSink ─┬─► RunTracker ─┬─► WastedTime       who waited while a CPU was idle; idle, busy, balancing time
 *                           │               └─► WorkloadFigures  latencies, throughput, CPU time and its evenness, by kind
 *                           └─► DecisionFigures                  switches, migrations, balance passes
 *
 * Nothing is stored of the trace, nothing is allocated for an event, and an event costs the same on two CPUs and on a
 * thousand.
 */
import { DISTANCE_NAMES } from '../machine/topology.ts';
import { EVENTS } from '../trace/event-specs.ts';
import { Ev, type EventKind } from '../trace/events.ts';
import type { TraceSink, TraceTables, TraceTask } from '../trace/sink.ts';
import { CONFIRM_NS, type ConfirmedViolation, type ConfirmNs } from './confirmed-violations.ts';
import { DecisionFigures } from './decision-figures.ts';
import { type Figure, FigureList } from './figure-catalogue.ts';
import { EPISODE_BOUNDS_NS, type IdleEpisode } from './idle-episodes.ts';
import { RunTracker } from './run-tracker.ts';
import { Kinds } from './task-columns.ts';
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
  /** Violations that long are listed in `violations`. Default: 100 ms. */
  readonly listViolationsNs?: ConfirmNs;
}

const STATE_MASK = 255;
const EPISODE_NAMES = ['below_1us', '1us', '10us', '100us', '1ms', '10ms', '100ms', '1s', '10s'];
const LIMIT_NAMES = ['1ms', '10ms', '100ms'];

export class FiguresSink implements TraceSink {
  readonly #options: FiguresOptions;
  readonly #seen = new Uint8Array(EVENTS.length);
  readonly #kinds: Kinds;
  readonly #workload: WorkloadFigures;
  #wasted!: WastedTime;
  #decisions!: DecisionFigures;
  #run!: RunTracker;
  #nrCounted = 0;
  #fromNs = 0;
  #nowNs = 0;
  #inWindow = false;
  #ended = false;
  #lost = 0;
  /** The machine has an energy model. */
  #hasModel = false;

  constructor(options: FiguresOptions = {}) {
    this.#options = options;
    this.#kinds = new Kinds(options.kinds);
    this.#workload = new WorkloadFigures(this.#kinds);
  }

  begin(tables: TraceTables, startNs: number): void {
    const { fromNs = startNs, excludedCpus = [], observed = [], listViolationsNs = CONFIRM_NS[2] } = this.#options;
    const { kindOf = (task: TraceTask) => task.kind } = this.#options;
    this.#hasModel = tables.topology.perfDomains.length > 0;
    const counted = tables.topology.online.slice();
    for (const cpu of excludedCpus) counted[cpu] = 0;
    this.#nrCounted = counted.reduce((n, is) => n + is, 0);
    this.#nowNs = startNs;
    this.#fromNs = Math.max(startNs, fromNs);
    this.#inWindow = this.#fromNs === startNs;
    this.#decisions = new DecisionFigures(tables.topology);
    this.#wasted = new WastedTime(tables.topology, counted, startNs, listViolationsNs);
    this.#run = new RunTracker(tables, startNs, this.#fromNs, this.#kinds, kindOf, this.#wasted, this.#workload);
    for (const kind of observed) this.#seen[kind] = 1;
  }

  /** Long because it is the dispatch: every kind of event that matters to some figure. */
  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (timeNs !== this.#nowNs) this.#advance(timeNs);
    const run = this.#run;
    const decisions = this.#decisions;
    this.#seen[kind] = 1;
    switch (kind) {
      case Ev.SCHED_SWITCH: {
        const prevRunnable = (args[1]! & STATE_MASK) === 0;
        decisions.switched(task >= 0, prevRunnable);
        run.switch(cpu, task, args[0]!, prevRunnable, args[2]!, args[3]!);
        break;
      }
      case Ev.SCHED_WAKEUP_NEW:
        run.born(task);
        run.wake(task, args[0]!, args[1]!);
        break;
      case Ev.SCHED_WAKEUP:
        run.wake(task, args[0]!, args[1]!);
        break;
      case Ev.SCHED_MIGRATE_TASK: {
        run.migrate(task, args[1]!);
        const taskKind = run.tasks.kind[task]!;
        if (taskKind >= 0) decisions.migrated(taskKind, args[0]!, args[1]!, args[3]!, args[4]!);
        break;
      }
      case Ev.SCHED_PROCESS_FORK:
        run.born(args[0]!);
        break;
      case Ev.SCHED_PROCESS_EXIT:
        run.exit(task);
        break;
      case Ev.LB_ENTER:
        run.setInPass(cpu, true);
        decisions.entered(args[1]!, args[2]!);
        break;
      case Ev.LB_LEAVE:
        run.setInPass(cpu, false);
        decisions.left(args[1]!, args[2]!, args[3]!);
        break;
      case Ev.NEWIDLE:
        run.setInNewidle(cpu, true);
        decisions.newidleCalls++;
        break;
      case Ev.NEWIDLE_RET:
        run.setInNewidle(cpu, false);
        decisions.newidlePulled += Math.max(0, args[0]!);
        break;
      case Ev.ILB_KICKED:
        decisions.nohzKicks++;
        break;
      case Ev.NOHZ_IDLE_BALANCE:
        decisions.nohzBalances++;
        break;
      case Ev.ACTIVE_BALANCE:
        decisions.activeBalances++;
        break;
      case Ev.RENAME:
        if (this.#options.kindOf !== undefined) run.rename(task, args[0]!);
        break;
      case Ev.AFFINITY:
        run.bind(task, args[0]!);
        break;
      case Ev.WORK: {
        run.know(task);
        const taskKind = run.tasks.kind[task]!;
        if (taskKind >= 0) this.#workload.worked(taskKind, args[0]!, args[1]!, this.#inWindow);
        break;
      }
      case Ev.LOST_EVENTS:
        this.#lost += Math.max(1, args[0]!);
        break;
    }
  }

  end(endNs: number): void {
    if (this.#ended) return;
    this.#advance(Math.max(endNs, this.#nowNs));
    this.#ended = true;
    this.#run.end();
  }

  /** V now: CPUs wasted at this moment of the trace. */
  get wastedCpus(): number {
    return this.#wasted.wastedCpus;
  }

  /** Violations as long as `listViolationsNs`, a thousand at most. Complete after `end`. */
  get violations(): readonly ConfirmedViolation[] {
    return this.#wasted.violations.list;
  }

  /** Episodes of idle CPUs as long as `listViolationsNs`, ten thousand at most. Complete after `end`. */
  get idleEpisodes(): readonly IdleEpisode[] {
    return this.#wasted.episodes.list;
  }

  /** All figures, in the order of the catalogue. The trace must have ended. */
  figures(): Figure[] {
    const list = new FigureList();
    const window = { fromNs: this.#inWindow ? this.#fromNs : this.#nowNs, toNs: this.#nowNs };
    const seconds = (window.toNs - window.fromNs) / 1e9;
    const saw = (...kinds: EventKind[]) => this.#inWindow && kinds.some((kind) => this.#seen[kind] === 1);
    const switches = saw(Ev.SCHED_SWITCH);
    const waits = switches && saw(Ev.SCHED_WAKEUP, Ev.SCHED_WAKEUP_NEW);
    const passes = saw(Ev.LB_ENTER, Ev.LB_LEAVE);
    const d = this.#decisions;
    list.add('window_ms', (window.toNs - window.fromNs) / 1e6);
    this.#workload.list(list, this.#run.tasks, window, this.#nrCounted, { switches, waits });
    d.listSwitches(list, seconds, switches);
    d.listMigrations(list, seconds, this.#kinds, saw(Ev.SCHED_MIGRATE_TASK));
    this.#listWasted(list, waits);
    list.add('busy_ms', switches ? this.#wasted.runningNs / 1e6 : null);
    list.add('idle_ms', switches ? this.#wasted.idleNs / 1e6 : null);
    if (this.#hasModel) list.add('energy', switches ? this.#wasted.energyNs / 1e9 : null);
    list.add('balancing_ms', passes || saw(Ev.NEWIDLE) ? this.#wasted.balancingNs / 1e6 : null);
    d.listPasses(list, passes);
    list.add('newidle_calls', saw(Ev.NEWIDLE) ? d.newidleCalls : null);
    list.add('newidle_pulled', saw(Ev.NEWIDLE_RET) ? d.newidlePulled : null);
    list.add('nohz_kicks', saw(Ev.ILB_KICKED) ? d.nohzKicks : null);
    list.add('nohz_balances', saw(Ev.NOHZ_IDLE_BALANCE) ? d.nohzBalances : null);
    list.add('active_balances', saw(Ev.ACTIVE_BALANCE) ? d.activeBalances : null);
    list.add('lost_events', this.#lost + this.#run.nrCorrected);
    return list.figures;
  }

  #listWasted(list: FigureList, observed: boolean): void {
    const known = (value: number) => (observed ? value : null);
    const { runningNs, episodes, violations } = this.#wasted;
    const total = this.#wasted.wastedNs(NR_DISTANCES - 1);
    list.add('wasted_cpu_ms', known(total / 1e6));
    for (let distance = 0; distance < NR_DISTANCES; distance++) {
      const nearer = distance === 0 ? 0 : this.#wasted.wastedNs(distance - 1);
      const needed = this.#wasted.wastedNs(distance) - nearer;
      list.add('wasted_cpu_ms.{distance}', known(needed / 1e6), DISTANCE_NAMES[distance]!);
    }
    list.add('wasted_ratio', known(total / (total + runningNs)));
    list.add('wasted_episodes', known(episodes.counts.reduce((a, b) => a + b, 0)));
    for (let i = 0; i <= EPISODE_BOUNDS_NS.length; i++) {
      list.add('wasted_episodes.{length}', known(episodes.counts[i]!), EPISODE_NAMES[i]!);
    }
    for (let i = 0; i < CONFIRM_NS.length; i++) {
      list.add('violations.{limit}', known(violations.counts[i]!), LIMIT_NAMES[i]!);
    }
  }

  #advance(nowNs: number): void {
    if (!this.#inWindow && nowNs >= this.#fromNs) this.#beginWindow();
    this.#run.advance(nowNs);
    this.#nowNs = nowNs;
  }

  #beginWindow(): void {
    this.#run.advance(this.#fromNs);
    this.#run.restart();
    this.#workload.restart();
    this.#decisions.restart();
    this.#lost = 0;
    this.#inWindow = true;
  }
}
