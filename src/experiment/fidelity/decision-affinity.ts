/**
 * Where each task of a recording may run. No event tells it; the workload does, and the events tell how far its programs
 * are: a task has its name, then its mask, when it sleeps for the first time; the controller writes a marker, changes the
 * masks, and sleeps. In between it may be the one or the other.
 *
 * Tasks of no kind are the lab's own shells, which may run anywhere, and kernel threads, of which one knows nothing.
 */
import { k } from '../../sched/kernel.ts';
import { Ev, type EventKind, TaskState } from '../../trace/events.ts';
import type { TraceTables } from '../../trace/sink.ts';
import type { Instruction, TaskKind, Workload } from '../../workload/program.ts';

/** Numbers of masks (`AffinityPool`), one of which it is; ANYWHERE is all CPUs. */
type Masks = readonly number[];
const ANYWHERE: Masks = [0];

const KERNEL_THREAD =
  /^(kworker\/|ksoftirqd\/|migration\/|cpuhp\/|rcu|kcompactd|kswapd|khugepaged|ksmd|oom_reaper|kthreadd|kdevtmpfs|writeback|jbd2|watchdog)/;
const PER_CPU_THREAD = /^(kworker\/\d|ksoftirqd\/|migration\/|cpuhp\/)/;

export function isPerCpuThread(name: string): boolean {
  return PER_CPU_THREAD.test(name);
}

/** Characters of a kind's name in the names of its tasks. */
const NAME_KEPT = 11;

/** How the masks of a kind of tasks follow from its program. */
interface KindMasks {
  readonly prefix: string;
  /** Set before it first sleeps; after that, before its first fork; after that. */
  readonly first: readonly number[];
  readonly toFork: readonly number[];
  readonly later: readonly number[];
}

interface KnownTask {
  kind: number;
  masks: Masks;
  /** Steps of its program that it has passed. */
  hasSlept: boolean;
  hasForked: boolean;
}

export class Affinities {
  readonly #tables: TraceTables;
  readonly #kinds: readonly KindMasks[];
  /** Marker text of a change, the kind it changes, its new mask. */
  readonly #changes: readonly { readonly text: string; readonly kind: number; readonly mask: number }[];
  readonly #tasks = new Map<number, KnownTask>();
  readonly #names: string[] = [];
  /** A change under way: who makes it. */
  #changing: { readonly by: number; readonly kind: number; readonly mask: number } | null = null;

  constructor(tables: TraceTables, workload: Workload | null) {
    this.#tables = tables;
    this.#kinds = workload === null ? [] : workload.kinds.map(kindMasks);
    this.#changes = workload === null ? [] : changesOf(workload.kinds[0]!.program);
  }

  name(task: number): string {
    return this.#names[task] ?? this.#tables.tasks[task]!.comm;
  }

  /** Null: not known at all. */
  masks(task: number): Masks | null {
    const known = this.#tasks.get(task);
    if (known !== undefined) return known.masks;
    return KERNEL_THREAD.test(this.name(task)) ? null : ANYWHERE;
  }

  /** Tasks that the controller is about to change one by one, by its marker, in that order; empty if it is no such marker. */
  changedBy(text: string): number[] {
    const name = /^labgen ctl (?:cpus|nice) (\S+)/.exec(text)?.[1];
    if (name === undefined) return [];
    const kind = this.#kinds.findIndex(({ prefix }) => prefix === `${name.slice(0, NAME_KEPT)}-`);
    const tasks = [...this.#tasks].filter(([, known]) => known.kind === kind && kind >= 0).map(([task]) => task);
    return tasks.sort((a, b) => this.#tables.tasks[a]!.pid - this.#tables.tasks[b]!.pid);
  }

  /** `current` is the task that runs on the CPU of the event. */
  event(kind: EventKind, task: number, current: number, args: Float64Array): void {
    switch (kind) {
      case Ev.RENAME:
        this.#rename(task, this.#tables.strings[args[0]!]!);
        return;
      case Ev.SCHED_PROCESS_FORK:
        this.#fork(task, args[0]!);
        return;
      case Ev.SCHED_SWITCH:
        if (task >= 0 && (args[1]! & TaskState.INTERRUPTIBLE) !== 0) this.#sleep(task);
        return;
      case Ev.PRINT:
        this.#mark(this.#tables.strings[args[0]!]!.trim(), current);
        return;
    }
  }

  #rename(task: number, name: string): void {
    this.#names[task] = name;
    const kind = this.#kinds.findIndex(({ prefix }) => prefix !== '' && isInstance(name, prefix));
    if (kind < 0) return;
    const masks = union(this.masks(task) ?? ANYWHERE, this.#kinds[kind]!.first);
    this.#tasks.set(task, { kind, masks, hasSlept: false, hasForked: false });
  }

  #fork(parent: number, child: number): void {
    const known = this.#tasks.get(parent);
    if (known !== undefined && !known.hasForked) {
      const { first, toFork, later } = this.#kinds[known.kind]!;
      const last = toFork.at(-1) ?? (known.hasSlept ? undefined : first.at(-1));
      known.masks = union(last === undefined ? known.masks : [last], later);
      known.hasForked = true;
    }
    const masks = this.masks(parent) ?? ANYWHERE;
    this.#tasks.set(child, { kind: -1, masks, hasSlept: true, hasForked: true });
  }

  #sleep(task: number): void {
    const known = this.#tasks.get(task);
    if (known !== undefined && known.kind >= 0 && !known.hasSlept) {
      const { first, toFork, later } = this.#kinds[known.kind]!;
      known.hasSlept = true;
      const masks = first.length === 0 ? known.masks : [first.at(-1)!];
      known.masks = union(masks, known.hasForked ? later : [...toFork, ...later]);
    }
    if (this.#changing?.by !== task) return;
    const { kind, mask } = this.#changing;
    for (const other of this.#tasks.values()) if (other.kind === kind) other.masks = [mask];
    this.#changing = null;
  }

  #mark(text: string, by: number): void {
    const change = this.#changes.find((c) => c.text === text);
    if (change === undefined) return;
    this.#changing = { by, ...change };
    for (const other of this.#tasks.values()) {
      if (other.kind === change.kind) other.masks = union(other.masks, [change.mask]);
    }
  }
}

function isInstance(name: string, prefix: string): boolean {
  return name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length));
}

function union(a: Masks, b: Masks): Masks {
  return [...new Set([...a, ...b])];
}

function kindMasks({ program }: TaskKind): KindMasks {
  const rename = program.find(({ op }) => op === 'rename');
  const prefix = rename?.op === 'rename' && rename.comm.endsWith('%d') ? rename.comm.slice(0, -2) : '';
  const slept = program.findIndex(({ op }) => op === 'sleepUntil' || op === 'begin');
  const forked = program.findIndex(({ op }) => op === 'fork');
  const at = (from: number, to: number) => program.slice(from, to).flatMap((step) => ownMask(step));
  const first = slept < 0 ? program.length : slept;
  const fork = forked < 0 ? program.length : Math.max(first, forked);
  return { prefix, first: at(0, first), toFork: at(first, fork), later: at(fork, program.length) };
}

function ownMask(step: Instruction): number[] {
  return step.op === 'setAffinity' && step.of === 'self' ? [maskOf(step.cpus)] : [];
}

function maskOf(cpus: readonly number[] | null): number {
  return cpus === null ? 0 : k.affinity.of(cpus);
}

function changesOf(program: readonly Instruction[]): { text: string; kind: number; mask: number }[] {
  return program.flatMap((step, i) => {
    const mark = program[i - 1];
    if (step.op !== 'setAffinity' || step.of === 'self' || mark?.op !== 'mark') return [];
    return [{ text: mark.text.trim(), kind: step.of, mask: maskOf(step.cpus) }];
  });
}
