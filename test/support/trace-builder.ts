/**
 * Traces written down the way one reads them:
 *
 *   trace(4).at(10).onCpu(0).switch('idle', 'A').at(12).wakeup('B', 1).onCpu(1).at(14).switch('idle', 'B').end(100)
 *
 * Times are microseconds. Tasks are made by being named; their kind is the name without what follows a dash or the digits
 * at its end (`hog-1` and `hog2` are hogs), unless `task` said otherwise before.
 */
import { buildTopology, type Topology } from '../../src/machine/topology.ts';
import { EVENTS, MAX_EVENT_ARGS } from '../../src/trace/event-specs.ts';
import {
  Ev,
  type EventKind,
  IDLE_TASK,
  levelName,
  MIGRATE_CAUSES,
  type MigrateCauseName,
} from '../../src/trace/events.ts';
import type { TraceSink, TraceTables, TraceTask } from '../../src/trace/sink.ts';

/** A machine of CPUs alike: `threads` a core, `llcs` caches, `nodes` nodes, each of neighbouring CPUs. */
export function machine(nrCpus: number, { threads = 1, llcs = 1, nodes = 1 } = {}): Topology {
  const nrCores = Math.ceil(nrCpus / threads);
  const cpus = Array.from({ length: nrCpus }, (_, cpu) => {
    const core = Math.floor(cpu / threads);
    return { core, llc: Math.floor((core * llcs) / nrCores), node: Math.floor((core * nodes) / nrCores) };
  });
  return buildTopology({ name: `m${nrCpus}`, cpus });
}

export interface PlainEvent {
  readonly kind: EventKind;
  readonly timeNs: number;
  readonly cpu: number;
  readonly task: number;
  readonly args: readonly number[];
}

/** How a task is left: runnable, asleep, dead. */
type State = 'R' | 'S' | 'X';
const STATES: Readonly<Record<State, number>> = { R: 0, S: 1, X: 16 };
const LEVELS = new Map(Array.from({ length: 6 }, (_, level) => [levelName(level), level]));
const IDLE_TYPES = ['idle', 'busy', 'newidle'];

export class TraceBuilder {
  readonly tables: TraceTables;
  readonly events: PlainEvent[] = [];
  readonly startNs = 0;
  endNs = 0;
  readonly #tasks: TraceTask[] = [];
  readonly #strings: string[] = [];
  readonly #masks: number[][] = [];
  readonly #initial: number[];
  readonly #ids = new Map<string, number>();
  readonly #prio = new Map<string, number>();
  #timeNs = 0;
  #cpu = 0;

  constructor(topology: Topology) {
    this.#initial = new Array<number>(topology.nrCpus).fill(IDLE_TASK);
    this.tables = {
      topology,
      source: 'test',
      hz: 250,
      tasks: this.#tasks,
      strings: this.#strings,
      masks: this.#masks,
      initialCurrent: this.#initial,
    };
  }

  /** Declares a task that is not a fair one of the workload, named after its kind. */
  task(name: string, { kind = kindOf(name), prio = 120, kthread = false } = {}): this {
    this.#ids.set(name, this.#tasks.push({ pid: 100 + this.#tasks.length, comm: name, kind, kthread }) - 1);
    this.#prio.set(name, prio);
    return this;
  }

  /** The task is current on the CPU when the trace begins. */
  running(name: string, cpu: number): this {
    this.#initial[cpu] = this.id(name);
    return this;
  }

  at(us: number): this {
    this.#timeNs = Math.round(us * 1000);
    return this;
  }

  after(us: number): this {
    this.#timeNs += Math.round(us * 1000);
    return this;
  }

  onCpu(cpu: number): this {
    this.#cpu = cpu;
    return this;
  }

  switch(prev: string, next: string, state: State = 'S'): this {
    const shown = prev === 'idle' ? 0 : STATES[state];
    const [from, to] = [this.id(prev), this.id(next)];
    return this.event(Ev.SCHED_SWITCH, from, [to, shown, this.#prioOf(prev), this.#prioOf(next)]);
  }

  wakeup(name: string, cpu = this.#cpu): this {
    return this.event(Ev.SCHED_WAKEUP, this.id(name), [cpu, this.#prioOf(name)]);
  }

  wakeupNew(name: string, cpu = this.#cpu): this {
    return this.event(Ev.SCHED_WAKEUP_NEW, this.id(name), [cpu, this.#prioOf(name)]);
  }

  fork(parent: string, child: string): this {
    return this.event(Ev.SCHED_PROCESS_FORK, this.id(parent), [this.id(child)]);
  }

  exit(name: string): this {
    return this.event(Ev.SCHED_PROCESS_EXIT, this.id(name), [this.#prioOf(name)]);
  }

  /** `cause` may have a level: `MC/newidle`. */
  migrate(name: string, from: number, to: number, cause = 'other'): this {
    const [level, bare] = cause.includes('/') ? cause.split('/') : ['', cause];
    const code = MIGRATE_CAUSES.indexOf(bare as MigrateCauseName);
    return this.event(Ev.SCHED_MIGRATE_TASK, this.id(name), [
      from,
      to,
      this.#prioOf(name),
      code,
      LEVELS.get(level!) ?? -1,
    ]);
  }

  affinity(name: string, cpus: readonly number[]): this {
    return this.event(Ev.AFFINITY, this.id(name), [this.#masks.push([...cpus]) - 1]);
  }

  work(name: string, units: number, latencyUs = -1): this {
    return this.event(Ev.WORK, this.id(name), [units, latencyUs < 0 ? -1 : latencyUs * 1000]);
  }

  rename(name: string, comm: string): this {
    return this.event(Ev.RENAME, this.id(name), [this.#strings.push(comm) - 1]);
  }

  /** A balance pass for `dst`, such as `MC/newidle`, on the present CPU. */
  lbEnter(pass: string, dst = this.#cpu): this {
    const [level, idle] = pass.split('/');
    return this.event(Ev.LB_ENTER, -1, [dst, LEVELS.get(level!)!, IDLE_TYPES.indexOf(idle!), 0, 8, 0, 0, 0, 0]);
  }

  lbLeave(pass: string, moved = 0, dst = this.#cpu): this {
    const [level, idle] = pass.split('/');
    const head = [dst, LEVELS.get(level!)!, IDLE_TYPES.indexOf(idle!), moved];
    return this.event(Ev.LB_LEAVE, -1, [...head, 0, 0, 0, 0, 0, 8, 0, -1]);
  }

  newidle(): this {
    return this.event(Ev.NEWIDLE, -1, [this.#cpu, 0, 0, 0, 0, 0, 0, 0]);
  }

  newidleRet(pulled: number): this {
    return this.event(Ev.NEWIDLE_RET, -1, [pulled]);
  }

  print(text: string): this {
    return this.event(Ev.PRINT, -1, [this.#strings.push(text) - 1]);
  }

  event(kind: EventKind, task: number, args: readonly number[]): this {
    if (args.length !== EVENTS[kind]!.args.length) throw new Error(`${EVENTS[kind]!.name} takes other arguments`);
    this.events.push({ kind, timeNs: this.#timeNs, cpu: this.#cpu, task, args });
    return this;
  }

  /** The observation ends; without a time, now. */
  end(us = this.#timeNs / 1000): this {
    this.endNs = Math.round(us * 1000);
    return this;
  }

  /** Trace id of a task, made if it is new. */
  id(name: string): number {
    if (name === 'idle') return IDLE_TASK;
    if (!this.#ids.has(name)) this.task(name);
    return this.#ids.get(name)!;
  }

  play<S extends TraceSink>(sink: S): S {
    const args = new Float64Array(MAX_EVENT_ARGS);
    sink.begin?.(this.tables, this.startNs);
    for (const e of this.events) {
      args.fill(Number.NaN);
      args.set(e.args);
      sink.event(e.kind, e.timeNs, e.cpu, e.task, args);
    }
    sink.end?.(Math.max(this.endNs, this.events.at(-1)?.timeNs ?? 0));
    return sink;
  }

  #prioOf(name: string): number {
    return this.#prio.get(name) ?? 120;
  }
}

function kindOf(name: string): string {
  return name.replace(/-.*$|\d+$/, '');
}

/** A trace of a machine with so many CPUs that share everything, or of a given machine. */
export function trace(on: number | Topology): TraceBuilder {
  return new TraceBuilder(typeof on === 'number' ? machine(on) : on);
}
