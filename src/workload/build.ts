/**
 * Building a workload piece by piece: names become table indices, and the whole is checked once at the end.
 *
 *   const w = new WorkloadBuilder('pairs');
 *   const token = w.semaphore('token');
 *   const worker = w.kind({ name: 'worker', program: loop(0, run(fixed(1000)), wait(ref(token))) });
 *   w.main([fork(worker, 4), ...loop(0, wake(ref(token)), sleep(fixed(5000)))]);
 *   return w.build();
 */
import { checkWorkload, MAX_TABLE } from './check.ts';
import type { ChannelSpec, GroupSpec, Instruction, TaskKind, Workload } from './program.ts';

export { MAX_LOOP_DEPTH } from './check.ts';

type KindInput = Partial<TaskKind> & Pick<TaskKind, 'name' | 'program'>;

export class WorkloadBuilder {
  readonly #name: string;
  #kinds: TaskKind[] = [];
  #semaphores: { name: string; initial: number; newestFirst?: boolean }[] = [];
  #channels: ChannelSpec[] = [];
  #mutexes: { name: string; priorityInheritance: boolean }[] = [];
  #conditions: { name: string }[] = [];
  #barriers: { name: string; parties: number }[] = [];
  #suspensions: { name: string }[] = [];
  #timers: { name: string }[] = [];
  #groups: GroupSpec[] = [];
  durationNs: number | null = null;
  endNs: number | null = null;
  warmupNs = 0;
  seeding: Workload['seeding'] = 'streams';
  unit = 'loops';
  /** Said by whoever knows better than the count of forks in the programs (tasks that come and go); 0: that count. */
  maxTasks = 0;

  constructor(name: string) {
    this.#name = name;
    this.#kinds.push(kindDefaults({ name: '', comm: 'main', program: [] }));
  }

  /** Adds a kind and says its index; its program may be given later with `program`. */
  kind(input: KindInput): number {
    this.#kinds.push(kindDefaults(input));
    return this.#kinds.length - 1;
  }

  /** Replaces the program of a kind. */
  program(kind: number, program: readonly Instruction[]): void {
    this.#kinds[kind] = { ...this.#kinds[kind]!, program };
  }

  /** Says how many bytes a kind touches again and again. */
  workingSet(kind: number, bytes: number): void {
    this.#kinds[kind] = { ...this.#kinds[kind]!, workingSetBytes: bytes };
  }

  /** Sets the main task: its program and whatever else of it is not the default. */
  main(program: readonly Instruction[], input: Partial<TaskKind> = {}): void {
    this.#kinds[0] = kindDefaults({ name: '', comm: 'main', ...input, program });
  }

  semaphore(name: string, initial = 0, newestFirst = false): number {
    return this.#semaphores.push(newestFirst ? { name, initial, newestFirst } : { name, initial }) - 1;
  }

  /** A semaphore for each of `count` instances or pairs; the first one's index. */
  semaphores(name: string, count: number): number {
    const first = this.#semaphores.length;
    const semaphore = { name, initial: 0 };
    for (let i = 0; i < count; i++) this.#semaphores.push(semaphore);
    return first;
  }

  channel(name: string, capacity: number, sync = true): number {
    return this.channels(name, 1, capacity, sync);
  }

  /** A channel for each of `count` instances; the first one's index. */
  channels(
    name: string,
    count: number,
    capacity: number,
    sync = true,
    room: Pick<ChannelSpec, 'page' | 'wakeAllAt'> = {},
  ): number {
    const first = this.#channels.length;
    const channel = { name, capacity, sync, ...room };
    for (let i = 0; i < count; i++) this.#channels.push(channel);
    return first;
  }

  mutex(name: string, priorityInheritance = false): number {
    return this.#mutexes.push({ name, priorityInheritance }) - 1;
  }

  condition(name: string): number {
    return this.#conditions.push({ name }) - 1;
  }

  barrier(name: string, parties: number): number {
    return this.#barriers.push({ name, parties }) - 1;
  }

  suspension(name: string): number {
    return this.#suspensions.push({ name }) - 1;
  }

  timer(name: string): number {
    return this.timers(name, 1);
  }

  /** A timer for each of `count` instances; the first one's index. */
  timers(name: string, count: number): number {
    const first = this.#timers.length;
    const timer = { name };
    for (let i = 0; i < count; i++) this.#timers.push(timer);
    return first;
  }

  group(input: Partial<GroupSpec> & Pick<GroupSpec, 'path'>): number {
    return (
      this.#groups.push({
        parent: -1,
        weight: 100,
        idle: false,
        quotaNs: null,
        periodNs: 100_000_000,
        burstNs: 0,
        ...input,
      }) - 1
    );
  }

  build(): Workload {
    const workload: Workload = {
      name: this.#name,
      kinds: this.#kinds,
      semaphores: this.#semaphores,
      channels: this.#channels,
      mutexes: this.#mutexes,
      conditions: this.#conditions,
      barriers: this.#barriers,
      suspensions: this.#suspensions,
      timers: this.#timers,
      groups: this.#groups,
      durationNs: this.durationNs,
      endNs: this.endNs,
      warmupNs: this.warmupNs,
      seeding: this.seeding,
      maxTasks: this.maxTasks > 0 ? this.maxTasks : countTasks(this.#kinds),
      unit: this.unit,
    };
    checkWorkload(workload);
    return workload;
  }
}

function kindDefaults(input: KindInput): TaskKind {
  return {
    comm: input.name === '' ? 'task' : input.name,
    policy: 'other',
    priority: 0,
    nice: 0,
    cpus: null,
    group: -1,
    workingSetBytes: 0,
    kthread: false,
    process: -1,
    ...input,
  };
}

/** Tasks started by fork instructions, each counted as often as its loops repeat it, endless ones once. */
function countTasks(kinds: readonly TaskKind[]): number {
  const forks = kinds.map((kind) => forksOf(kind.program).filter((f) => kinds[f.kind] !== undefined));
  const total = new Float64Array(kinds.length);
  const entered = new Uint8Array(kinds.length);
  // A stack of our own, not the language's: a file may make a chain of forks as long as it likes.
  const stack = [0];
  while (stack.length > 0) {
    const kind = stack.at(-1)!;
    if (entered[kind] === 0) {
      entered[kind] = 1;
      for (const f of forks[kind]!) if (entered[f.kind] === 0) stack.push(f.kind);
      continue;
    }
    stack.pop();
    if (total[kind]! > 0) continue;
    let n = 1;
    for (const f of forks[kind]!) n += f.count * Math.max(1, total[f.kind]!);
    total[kind] = Math.min(n, 2 * MAX_TABLE);
  }
  return total[0]!;
}

/** The fork instructions of a program with their counts, multiplied by the loops around them. */
function forksOf(program: readonly Instruction[]): { kind: number; count: number }[] {
  const forks: { kind: number; count: number }[] = [];
  const times = [1];
  for (const i of program) {
    if (i.op === 'loop') times.push(times.at(-1)! * Math.max(1, i.count));
    else if (i.op === 'end' && times.length > 1) times.pop();
    else if (i.op === 'fork') forks.push({ kind: i.kind, count: i.count * times.at(-1)! });
  }
  return forks;
}
