/**
 * What a recording lets one compare exactly, with nothing statistical: the averages of PELT and the virtual times, update
 * by update, against what the simulator's own code makes of the same updates.
 *
 *   const exact = new ExactComparison();
 *   for (const repetition of labRepetitions(bytes, options)) repetition.play(exact);
 *   exact.result   // { pelt_se: { compared: 2170, equal: 2170, unequal: [], notComparable: {...} }, ... }
 *
 * The recording must be of the kernel whose rules are simulated. Each trace played is a world of its own: nothing is
 * carried from one to the next but the counts. Uses the simulator's tables, see `exact-state.ts`.
 */
import { Ev, type EventKind, IDLE_TASK, MigrateCause } from '../../trace/events.ts';
import type { TraceSink, TraceTables } from '../../trace/sink.ts';
import { PeltReplay } from './exact-pelt.ts';
import { entityOf, resetKernel, useEntity, weightOfPrio } from './exact-state.ts';
import { type ExactResult, ExactTally } from './exact-tally.ts';

export type { ExactCount, ExactResult, Inequality } from './exact-tally.ts';

/** Flag of `select`: for a new task. @spec 05 §3 */
const SELECT_FORK = 4;

export class ExactComparison implements TraceSink {
  readonly #tally = new ExactTally();
  #tables!: TraceTables;
  #pelt!: PeltReplay;
  /** By CPU: the task it executes, and the new task for which it is choosing a CPU. */
  #running: number[] = [];
  #placing: number[] = [];
  /** Last priority that was told of a task. */
  #prio: number[] = [];

  get result(): ExactResult {
    return this.#tally.result();
  }

  begin(tables: TraceTables): void {
    const { topology, initialCurrent } = tables;
    const { nrCpus } = topology;
    resetKernel(topology);
    this.#tables = tables;
    this.#running = initialCurrent?.slice() ?? new Array<number>(nrCpus).fill(IDLE_TASK);
    this.#placing = new Array<number>(nrCpus).fill(IDLE_TASK);
    this.#prio = [];
    this.#pelt = new PeltReplay(this.#tally, nrCpus, (task) => this.#nameOf(task));
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (task >= 0) useEntity(entityOf(task));
    const pelt = this.#pelt;
    pelt.before(cpu, kind, args);
    switch (kind) {
      case Ev.PELT_SE:
        return pelt.peltSe(timeNs, cpu, task, args);
      case Ev.PELT_CFS:
        return pelt.peltCfs(timeNs, cpu, args);
      case Ev.PELT_BLOCKED:
        return pelt.peltBlocked(timeNs, cpu, task, args);
      case Ev.SCHED_STAT_RUNTIME:
        return pelt.ran(task, args[1]!);
      case Ev.SCHED_SWITCH:
        this.#running[cpu] = args[0]!;
        if (task >= 0) this.#prio[task] = args[2]!;
        if (args[0]! >= 0) this.#prio[args[0]!] = args[3]!;
        return;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW:
        this.#prio[task] = args[1]!;
        return pelt.awake(cpu, task, args[0]!, kind === Ev.SCHED_WAKEUP_NEW);
      case Ev.SCHED_MIGRATE_TASK:
        return pelt.migrate(cpu, task, args[0]!, args[1]!, args[3] === MigrateCause.WAKEUP);
      case Ev.SELECT:
        this.#placing[cpu] = (args[1]! & SELECT_FORK) !== 0 ? task : IDLE_TASK;
        return;
      case Ev.SELECT_RET:
        return this.#placed(cpu, args[0]!);
      case Ev.SCHED_PROCESS_EXIT:
        return pelt.exit(task);
    }
  }

  /** A CPU has been chosen; new tasks have their parent's weight. */
  #placed(cpu: number, to: number): void {
    const task = this.#placing[cpu]!;
    this.#placing[cpu] = IDLE_TASK;
    if (task === IDLE_TASK) return;
    this.#pelt.forkTo(cpu, task, to, weightOfPrio(this.#prio[this.#running[cpu]!] ?? 120));
  }

  #nameOf(task: number): string {
    const { comm, pid } = this.#tables.tasks[task]!;
    return `${comm}:${pid}`;
  }
}
