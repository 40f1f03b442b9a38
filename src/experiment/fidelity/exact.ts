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
import { k } from '../../sched/kernel.ts';
import { Ev, type EventKind, IDLE_TASK, MigrateCause, TaskState } from '../../trace/events.ts';
import type { TraceSink, TraceTables } from '../../trace/sink.ts';
import { EevdfReplay } from './exact-eevdf.ts';
import { PeltReplay } from './exact-pelt.ts';
import { entityOf, resetKernel, useEntity, weightOfPrio } from './exact-state.ts';
import { type ExactResult, ExactTally } from './exact-tally.ts';
import { VruntimeReplay } from './exact-vruntime.ts';

export type { ExactCount, ExactResult } from './exact-tally.ts';

/** Flag of `select`: for a new task. @spec 05 §3 */
const SELECT_FORK = 4;

export class ExactComparison implements TraceSink {
  readonly #tally = new ExactTally();
  readonly #groups: boolean;
  readonly #preset: string;
  #tables!: TraceTables;
  #pelt!: PeltReplay;
  #vruntime!: VruntimeReplay | EevdfReplay;
  /** By CPU: the task it executes, and the new task for which it is choosing a CPU. */
  #running: number[] = [];
  #placing: number[] = [];
  /** Last priority that was told of a task. */
  #prio: number[] = [];

  /** `groups`: the load has control groups; nothing in a trace tells which task is in which. `preset`: the kernel's. */
  constructor(options: { readonly groups?: boolean; readonly preset?: string } = {}) {
    this.#groups = options.groups ?? false;
    this.#preset = options.preset ?? 'linux-6.1';
  }

  get result(): ExactResult {
    return this.#tally.result();
  }

  begin(tables: TraceTables): void {
    const { nrCpus } = tables.topology;
    this.#tables = tables;
    this.#running = tables.initialCurrent?.slice() ?? new Array<number>(nrCpus).fill(IDLE_TASK);
    this.#placing = new Array<number>(nrCpus).fill(IDLE_TASK);
    this.#prio = [];
    this.#forget();
  }

  event(kind: EventKind, timeNs: number, cpu: number, task: number, args: Float64Array): void {
    if (task >= 0) useEntity(entityOf(task));
    const pelt = this.#pelt;
    const vruntime = this.#vruntime;
    pelt.before(cpu, kind, task, args);
    if (vruntime instanceof EevdfReplay) vruntime.before(cpu, kind, task);
    switch (kind) {
      case Ev.PELT_SE:
        vruntime.peltSe(timeNs, task, args);
        pelt.peltSe(timeNs, cpu, task, args, this.#running[args[1]!] === task);
        return;
      case Ev.PELT_CFS:
        vruntime.peltCfs(timeNs, cpu, args);
        pelt.peltCfs(timeNs, cpu, args);
        return;
      case Ev.PELT_BLOCKED:
        vruntime.peltBlocked(timeNs, task, args);
        pelt.peltBlocked(timeNs, cpu, task, args);
        return;
      case Ev.SCHED_STAT_RUNTIME:
        pelt.ran(task, args[1]!);
        vruntime.ran(timeNs, task, args[0]!, args[1]!);
        return;
      case Ev.SCHED_SWITCH:
        this.#switch(cpu, task, args);
        return;
      case Ev.SCHED_WAKEUP:
      case Ev.SCHED_WAKEUP_NEW: {
        const isNew = kind === Ev.SCHED_WAKEUP_NEW;
        this.#tellPrio(task, args[1]!);
        pelt.awake(cpu, task, args[0]!, isNew);
        vruntime.awake(task, args[0]!, isNew);
        return;
      }
      case Ev.SCHED_MIGRATE_TASK: {
        const waking = args[3] === MigrateCause.WAKEUP;
        this.#tellPrio(task, args[2]!);
        pelt.migrate(cpu, task, args[0]!, args[1]!, waking);
        vruntime.migrate(cpu, task, args[0]!, args[1]!, waking);
        return;
      }
      case Ev.SELECT:
        this.#placing[cpu] = (args[1]! & SELECT_FORK) !== 0 ? task : IDLE_TASK;
        return;
      case Ev.SELECT_RET:
        this.#placed(cpu, args[0]!);
        return;
      case Ev.NEWIDLE:
        vruntime.newidle(cpu);
        return;
      case Ev.SCHED_PROCESS_FORK:
        useEntity(entityOf(args[0]!));
        vruntime.fork(cpu, task, args[0]!);
        return;
      case Ev.SCHED_PROCESS_EXIT:
        pelt.exit(task);
        vruntime.exit(task);
        return;
      case Ev.LOST_EVENTS:
        this.#forget();
        return;
    }
  }

  end(): void {
    this.#vruntime.end();
  }

  /** Nothing is known of any average or virtual time. */
  #forget(): void {
    const { topology } = this.#tables;
    const nameOf = (task: number) => {
      const { comm, pid } = this.#tables.tasks[task]!;
      return `${comm}:${pid}`;
    };
    resetKernel(topology, this.#preset);
    useEntity(entityOf(Math.max(...this.#running)));
    this.#pelt = new PeltReplay(this.#tally, topology.nrCpus, nameOf);
    this.#vruntime = k.eevdf
      ? new EevdfReplay(this.#tally, topology.nrCpus, this.#running, nameOf)
      : new VruntimeReplay(this.#tally, topology.nrCpus, this.#running, this.#groups, nameOf);
    this.#prio.forEach((prio, task) => {
      useEntity(entityOf(task));
      this.#vruntime.prio(task, prio);
    });
  }

  #switch(cpu: number, prev: number, args: Float64Array): void {
    const next = args[0]!;
    this.#running[cpu] = next;
    if (prev >= 0) this.#tellPrio(prev, args[2]!);
    if (next >= 0) {
      useEntity(entityOf(next));
      this.#tellPrio(next, args[3]!);
    }
    const state = args[1]!;
    if (prev >= 0 && state !== TaskState.RUNNING && state !== TaskState.PREEMPTED) this.#pelt.sleeps(prev);
    this.#vruntime.switch(cpu, prev, next, state);
  }

  #tellPrio(task: number, prio: number): void {
    this.#prio[task] = prio;
    this.#vruntime.prio(task, prio);
  }

  /** A CPU has been chosen; new tasks have their parent's weight. */
  #placed(cpu: number, to: number): void {
    const task = this.#placing[cpu]!;
    this.#placing[cpu] = IDLE_TASK;
    if (task === IDLE_TASK) return;
    this.#pelt.forkTo(cpu, task, to, weightOfPrio(this.#prio[this.#running[cpu]!] ?? 120));
  }
}
