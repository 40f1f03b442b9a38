/**
 * Building a workload piece by piece: names become table indices, and the whole is checked once at the end.
 *
 *   const w = new WorkloadBuilder('pairs');
 *   const token = w.semaphore('token');
 *   const worker = w.kind({ name: 'worker', program: [loop(0), run, wait(ref(token)), end] });
 *   w.main([fork(worker, 4)]);
 *   return w.build();
 */
import { UserError } from '../base/errors.ts';
import type { Duration, GroupSpec, Instruction, Ref, TaskKind, Workload } from './program.ts';

/** Loops of a program may be nested this deep. */
export const MAX_LOOP_DEPTH = 8;
/** The longest time an instruction may name: 104 days, what an exact nanosecond clock can count. */
export const MAX_NS = Number.MAX_SAFE_INTEGER;
const MAX_TABLE = 1 << 20;

type KindInput = Partial<TaskKind> & Pick<TaskKind, 'name' | 'program'>;

export class WorkloadBuilder {
  readonly #name: string;
  #kinds: TaskKind[] = [];
  #semaphores: { name: string; initial: number; newestFirst?: boolean }[] = [];
  #channels: { name: string; capacity: number; sync: boolean }[] = [];
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
  channels(name: string, count: number, capacity: number, sync = true): number {
    const first = this.#channels.length;
    const channel = { name, capacity, sync };
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

/** Throws `UserError` (code `workload`) for a structure that the simulator could not run. */
export function checkWorkload(w: Workload): void {
  if (w.maxTasks > MAX_TABLE) throw new UserError('limit', `workload "${w.name}" starts more than ${MAX_TABLE} tasks`);
  w.kinds.forEach((kind, k) => {
    const fail = (what: string): never => {
      throw new UserError('workload', `workload "${w.name}", task "${kind.name || kind.comm}": ${what}`);
    };
    if (kind.nice < -20 || kind.nice > 19 || !Number.isInteger(kind.nice))
      fail(`nice ${kind.nice} is not within -20..19`);
    const rt = kind.policy === 'fifo' || kind.policy === 'rr';
    if (rt && !(kind.priority >= 1 && kind.priority <= 99))
      fail(`${kind.policy} priority ${kind.priority} is not within 1..99`);
    if (kind.cpus !== null) checkCpus(kind.cpus, fail);
    if (kind.group >= w.groups.length) fail(`control group ${kind.group} does not exist`);
    checkProgram(w, kind.program, fail);
    if (k === 0 && kind.program.length === 0) fail('the main task has no program');
  });
  for (const g of w.groups) {
    const fail = (what: string): never => {
      throw new UserError('workload', `workload "${w.name}", control group ${g.path}: ${what}`);
    };
    if (!Number.isInteger(g.weight) || g.weight < 1 || g.weight > 10000)
      fail(`weight ${g.weight} is not within 1..10000`);
    if (g.quotaNs !== null && g.quotaNs < 1_000_000) fail(`quota ${g.quotaNs} ns is below 1 ms`);
    if (g.periodNs < 1_000_000 || g.periodNs > 1_000_000_000) fail(`period ${g.periodNs} ns is not within 1 ms..1 s`);
  }
}

function checkProgram(w: Workload, program: readonly Instruction[], fail: (what: string) => never): void {
  let depth = 0;
  const ns = (value: number, what: string) => {
    if (!Number.isInteger(value) || value < 0 || value > MAX_NS)
      fail(`${what} of ${value} ns is not a time from 0 to 104 days`);
  };
  const duration = (d: Duration, what: string) => {
    if (d.kind === 'fixed') ns(d.ns, what);
    else if (d.kind === 'uniform') {
      ns(d.minNs, what);
      ns(d.maxNs, what);
      if (d.maxNs < d.minNs) fail(`${what} from ${d.minNs} to ${d.maxNs} ns is empty`);
    } else if (d.kind === 'exponential') ns(d.meanNs, what);
    else ns(d.medianNs, what);
  };
  const within = (r: Ref, table: readonly unknown[], what: string) => {
    if (r.base < 0 || r.base >= table.length) fail(`${what} ${r.base} does not exist`);
  };
  for (const [at, i] of program.entries()) {
    switch (i.op) {
      case 'run':
        duration(i.work, 'run');
        break;
      case 'runtime':
        ns(i.ns, 'runtime');
        break;
      case 'sleep':
        duration(i.time, 'sleep');
        break;
      case 'sleepUntil':
        ns(i.atNs, 'start');
        ns(i.stepNs, 'step');
        ns(i.jitterNs, 'jitter');
        break;
      case 'epoch':
        ns(i.delayNs, 'epoch');
        break;
      case 'period':
        if (i.ns < 1) fail('a period of 0');
        ns(i.ns, 'period');
        break;
      case 'timer':
        ns(i.periodNs, 'timer period');
        within(i.timer, w.timers, 'timer');
        break;
      case 'wake':
        if (i.count < 1) fail(`wake count ${i.count} is not at least 1`);
        within(i.semaphore, w.semaphores, 'semaphore');
        break;
      case 'wait':
      case 'spinWait':
        within(i.semaphore, w.semaphores, 'semaphore');
        break;
      case 'send':
      case 'receive':
        duration(i.work, i.op);
        within(i.channel, w.channels, 'channel');
        break;
      case 'lock':
      case 'unlock':
        within(i.mutex, w.mutexes, 'mutex');
        break;
      case 'condWait':
        within(i.condition, w.conditions, 'condition');
        within(i.mutex, w.mutexes, 'mutex');
        break;
      case 'signal':
      case 'broadcast':
        within(i.condition, w.conditions, 'condition');
        break;
      case 'barrier':
        within(i.barrier, w.barriers, 'barrier');
        break;
      case 'suspend':
      case 'resume':
        within(i.suspension, w.suspensions, 'suspension');
        break;
      case 'fork':
        if (i.kind < 1 || i.kind >= w.kinds.length) fail(`forks kind ${i.kind}, which does not exist`);
        if (!Number.isInteger(i.count) || i.count < 0 || i.count > MAX_TABLE) fail(`forks ${i.count} tasks at once`);
        if (i.firstIndex !== undefined && !(Number.isInteger(i.firstIndex) && i.firstIndex >= 0))
          fail(`forks tasks from index ${i.firstIndex}`);
        break;
      case 'setAffinity':
        if (i.cpus !== null) checkCpus(i.cpus, fail);
        break;
      case 'setPolicy': {
        const rt = i.policy === 'fifo' || i.policy === 'rr';
        if (rt && !(i.priority >= 1 && i.priority <= 99)) fail(`priority ${i.priority} is not within 1..99`);
        if (i.sliceNs !== undefined) ns(i.sliceNs, 'slice');
        break;
      }
      case 'setNice':
        if (i.nice < -20 || i.nice > 19) fail(`nice ${i.nice} is not within -20..19`);
        break;
      case 'setGroup':
        if (i.group >= w.groups.length) fail(`control group ${i.group} does not exist`);
        break;
      case 'loop':
        if (++depth > MAX_LOOP_DEPTH) fail(`loops are nested deeper than ${MAX_LOOP_DEPTH}`);
        if (!Number.isInteger(i.count) || i.count < 0) fail(`a loop of ${i.count} times`);
        break;
      case 'end':
        if (--depth < 0) fail(`instruction ${at + 1} ends a loop that was never begun`);
        break;
      default:
        break;
    }
  }
  if (depth !== 0) fail('a loop is not ended');
  if (stuckLoop(program) >= 0) fail('repeats for ever what takes no time (add a run or a sleep to the loop)');
}

function checkCpus(cpus: readonly number[], fail: (what: string) => never): void {
  if (cpus.length === 0) fail('is allowed on no CPU');
  for (const cpu of cpus) if (!Number.isInteger(cpu) || cpu < 0) fail(`CPU ${cpu} is not a CPU number`);
}

/**
 * The first loop for ever of a program that can take no time in a pass, or -1: such a loop would hold the simulated clock
 * still. (It still can if what it waits for is always there already: the interpreter has a limit for that.)
 */
export function stuckLoop(program: readonly Instruction[]): number {
  // Endless loops that are open, each with whether its pass may take time; a finite loop belongs to the one around it.
  const open: { at: number; endless: boolean; takesTime: boolean }[] = [];
  for (const [at, i] of program.entries()) {
    if (i.op === 'loop') open.push({ at, endless: i.count === 0, takesTime: false });
    else if (i.op === 'end') {
      const ended = open.pop();
      if (ended === undefined) return -1;
      if (ended.endless && !ended.takesTime) return ended.at;
      if (ended.takesTime && open.length > 0) open.at(-1)!.takesTime = true;
    } else if (open.length > 0 && mayTakeTime(i)) open.at(-1)!.takesTime = true;
  }
  return -1;
}

function mayTakeTime(i: Instruction): boolean {
  switch (i.op) {
    case 'run':
      return !isZero(i.work);
    case 'sleep':
      return !isZero(i.time);
    case 'runtime':
      return i.ns > 0;
    case 'timer':
      return i.periodNs > 0;
    case 'hog':
    case 'period':
    case 'wait':
    case 'spinWait':
    case 'send':
    case 'receive':
    case 'condWait':
    case 'barrier':
    case 'suspend':
    case 'waitChildren':
    case 'stop':
    case 'exit':
      return true;
    default:
      return false;
  }
}

function isZero(d: Duration): boolean {
  return d.kind === 'fixed' && d.ns === 0;
}
