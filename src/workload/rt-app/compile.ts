/**
 * From an rt-app model to a workload. @spec 25 §11
 *
 *   main (comm "rt-app"): forks every instance in file order, waits for all of them
 *   thread: rename, affinity, policy, group -> delay -> begin -> loop { phase, phase, ... }
 *
 * A unit of work is one pass through a phase. Its latency runs from the wakeup after the phase's leading sleeps (or after
 * the previous pass's last) to its last event that is not a sleep: what rt-app logs as the time between wake and timer.
 *
 * Left out: rt-app's log lines, utilisation clamps and memory nodes. Of its trace markers only those of `main` and
 * `task` are written.
 */
import type { UserError } from '../../base/errors.ts';
import { WorkloadBuilder } from '../build.ts';
import { stuckLoop } from '../check.ts';
import { fork, loop, unitBegin, unitDone, waitChildren } from '../instructions.ts';
import { type PlacedText, quote, type WarningList } from '../places.ts';
import { fixed, type Instruction, type SchedPolicy, type Workload } from '../program.ts';
import { EventCompiler } from './compile-events.ts';
import type { RtAppEvent, RtAppModel, RtAppOptions, RtAppPhase, RtAppPolicy, RtAppSched, RtAppTask } from './model.ts';

/** Priority of SCHED_RR and SCHED_FIFO where none is given. @spec 25 §11.5 */
const DEFAULT_RT_PRIORITY = 10;
const MAX_GROUPS = 32;
/** How many instances may be started of a task that an endless loop forks, for what belongs to each instance. */
const ENDLESS_FORKS = 1 << 16;

const POLICIES: Record<RtAppPolicy, SchedPolicy> = {
  SCHED_OTHER: 'other',
  SCHED_BATCH: 'batch',
  SCHED_IDLE: 'idle',
  SCHED_RR: 'rr',
  SCHED_FIFO: 'fifo',
  SCHED_DEADLINE: 'deadline',
};

/** Where an event makes its thread wait for a time or for somebody. */
const WAITING: ReadonlySet<RtAppEvent['type']> = new Set([
  'sleep',
  'timer',
  'suspend',
  'wait',
  'sync',
  'sem_wait',
  'barrier',
]);

export function compileRtApp(
  model: RtAppModel,
  source: PlacedText,
  options: RtAppOptions,
  warnings: WarningList,
): Workload {
  return new Compiler(model, source, options, warnings).compile();
}

class Compiler {
  readonly #model: RtAppModel;
  readonly #source: PlacedText;
  readonly #options: RtAppOptions;
  readonly #warnings: WarningList;
  readonly #builder: WorkloadBuilder;
  readonly #events: EventCompiler;
  readonly #groups = new Map<string, number>();
  #groupsNamed = 0;

  constructor(model: RtAppModel, source: PlacedText, options: RtAppOptions, warnings: WarningList) {
    this.#model = model;
    this.#source = source;
    this.#options = options;
    this.#warnings = warnings;
    this.#builder = new WorkloadBuilder(options.name);
    this.#events = new EventCompiler(model, source, this.#builder, options);
  }

  compile(): Workload {
    const { tasks, global } = this.#model;
    if (!tasks.some((t) => t.instance > 0))
      throw this.#error('no task has an instance, so nothing would run', tasks[0]!.at);
    this.#warnOnce();
    const b = this.#builder;
    b.durationNs = global.durationS < 0 ? null : global.durationS * 1_000_000_000;
    b.unit = 'loops';
    const kinds = tasks.map((t) => b.kind({ name: t.name, comm: 'rt-app', process: 0, program: [] }));
    tasks.forEach((task, i) => {
      b.program(kinds[i]!, this.#program(task));
      b.workingSet(kinds[i]!, this.#workingSet(task));
    });
    const marks = global.ftrace.includes('main');
    b.main(
      [
        ...(marks ? [mark('rtapp_main: event=start')] : []),
        ...tasks.flatMap((t, i) => (t.instance > 0 ? [fork(kinds[i]!, t.instance)] : [])),
        waitChildren,
        ...(marks ? [mark('rtapp_main: event=end')] : []),
      ],
      { comm: 'rt-app', process: 0 },
    );
    if (tasks.some(forksForEver)) b.maxTasks = 1 + tasks.reduce((n, t) => n + t.instance, 0) + ENDLESS_FORKS;
    return b.build();
  }

  #warnOnce(): void {
    const { global } = this.#model;
    const silent = global.ftrace.filter((c) => c !== 'main' && c !== 'task');
    if (silent.length > 0) this.#warnings.add(`no trace markers are written for ${silent.join(', ')}`);
  }

  #program(task: RtAppTask): Instruction[] {
    const policy = task.sched?.policy ?? this.#model.global.defaultPolicy;
    const cpus = this.#cpus(task.cpus, task.at);
    const marks = this.#model.global.ftrace.includes('task');
    const start: Instruction[] = [{ op: 'rename', comm: `${task.name}-%d` }];
    if (cpus !== null) start.push({ op: 'setAffinity', of: 'self', cpus });
    start.push(...this.#sched(task.sched ?? {}, policy, task.at, true));
    start.push(...clamps(task));
    if (task.taskgroup !== undefined) start.push(this.#group(task.taskgroup, policy, task.at));
    if (task.delayUs > 0) start.push({ op: 'sleep', time: fixed(task.delayUs * 1000), state: 'S' });
    start.push({ op: 'begin' });
    if (marks) start.push(mark('rtapp_task: event=start'));
    const phases = task.loop === 0 ? [] : this.#phases(task, cpus, policy);
    const program = [
      ...start,
      ...(phases.length === 0 ? [] : loop(Math.max(0, task.loop), ...phases)),
      ...(marks ? [mark('rtapp_task: event=end')] : []),
    ];
    if (stuckLoop(program) >= 0)
      throw this.#error(
        `task ${quote(task.name)} repeats for ever what takes no time`,
        task.at,
        'add a run or a sleep',
      );
    return program;
  }

  /** One pass through all phases. */
  #phases(task: RtAppTask, taskCpus: readonly number[] | null, taskPolicy: RtAppPolicy): Instruction[] {
    const phases = task.phases.filter((p) => p.loop !== 0);
    const affinities = phases.map((p) => (p.cpus === undefined ? taskCpus : this.#cpus(p.cpus, p.at)));
    const held = new Set<string>();
    const out: Instruction[] = [];
    let policy = taskPolicy;
    phases.forEach((phase, i) => {
      // What stands when the phase begins: the phase before it, and for the first also the last one's.
      const before = i > 0 ? [affinities[i - 1]!] : task.loop === 1 ? [taskCpus] : [taskCpus, affinities.at(-1)!];
      if (before.some((b) => b !== affinities[i])) out.push({ op: 'setAffinity', of: 'self', cpus: affinities[i]! });
      if (phase.sched !== undefined) {
        policy = phase.sched.policy ?? policy;
        out.push(...this.#sched(phase.sched, policy, phase.at, false));
      }
      out.push(...clamps(phase));
      if (phase.taskgroup !== undefined) out.push(this.#group(phase.taskgroup, policy, phase.at));
      out.push(...loop(Math.max(0, phase.loop), ...this.#pass(phase, task, held)));
    });
    return out;
  }

  /** One pass through a phase, with the marks of its unit of work. */
  #pass(phase: RtAppPhase, task: RtAppTask, held: Set<string>): Instruction[] {
    const events = phase.events;
    let lead = 0;
    for (let i = 0; i < events.length && isPause(events[i]!); i++) if (WAITING.has(events[i]!.type)) lead = i + 1;
    let tail = events.length;
    while (tail > 0 && WAITING.has(events[tail - 1]!.type)) tail--;
    const out: Instruction[] = [];
    events.forEach((event, i) => {
      if (i === lead && lead < tail) out.push(unitBegin);
      if (i === tail && lead < tail) out.push(unitDone);
      out.push(...this.#events.compile(event, task, held));
    });
    if (lead >= tail) out.push({ op: 'unitDone', units: 1, timed: false });
    else if (tail === events.length) out.push(unitDone);
    return out;
  }

  /** @spec 25 §11.5 */
  #sched(sched: RtAppSched, policy: RtAppPolicy, at: number, atStart: boolean): Instruction[] {
    const rt = policy === 'SCHED_RR' || policy === 'SCHED_FIFO';
    const priority = sched.priority ?? (rt ? DEFAULT_RT_PRIORITY : 0);
    if (rt && priority < 1) throw this.#error(`priority ${priority} of ${policy} is not within 1..99`, at);
    if (!rt && priority > 19) throw this.#error(`priority ${priority} is a nice value for ${policy}, -20..19`, at);
    const slice = policy === 'SCHED_OTHER' && sched.dlRuntimeUs !== undefined ? sched.dlRuntimeUs * 1000 : undefined;
    const out: Instruction[] = [];
    // Threads are born with policy other and nice 0.
    if (!atStart || policy !== 'SCHED_OTHER' || slice !== undefined)
      out.push({
        op: 'setPolicy',
        policy: POLICIES[policy],
        priority: rt ? priority : 0,
        ...(slice === undefined ? {} : { sliceNs: slice }),
      });
    if (!rt && policy !== 'SCHED_DEADLINE' && !(atStart && priority === 0))
      out.push({ op: 'setNice', of: 'self', nice: priority });
    return out;
  }

  /** The CPUs of a list that exist; null for none given. */
  #cpus(cpus: readonly number[] | undefined, at: number): readonly number[] | null {
    if (cpus === undefined) return null;
    const n = this.#options.nrCpus;
    const present = [...new Set(cpus)].filter((c) => c < n).sort((a, b) => a - b);
    if (present.length === 0) throw this.#error(`"cpus" allows no CPU of this machine, which has 0..${n - 1}`, at);
    const absent = cpus.find((c) => c >= n);
    if (absent !== undefined) this.#warn(`CPU ${absent} in "cpus" does not exist on this machine of ${n} CPUs`, at);
    return present;
  }

  #group(path: string, policy: RtAppPolicy, at: number): Instruction {
    if (path === '') return { op: 'setGroup', group: -1 };
    if (policy === 'SCHED_RR' || policy === 'SCHED_FIFO' || policy === 'SCHED_DEADLINE')
      throw this.#error(`"taskgroup" is not for ${policy}`, at);
    if (!this.#groups.has(path) && ++this.#groupsNamed > MAX_GROUPS)
      throw this.#error(`more than ${MAX_GROUPS} different task groups`, at);
    let parent = -1;
    for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
      const prefix = end < 0 ? path : path.slice(0, end);
      let group = this.#groups.get(prefix);
      if (group === undefined) {
        group = this.#builder.group({ path: prefix, parent });
        this.#groups.set(prefix, group);
      }
      parent = group;
      if (end < 0) return { op: 'setGroup', group };
    }
  }

  /** What the task's memory events touch again and again: its buffer, as far as they reach. */
  #workingSet(task: RtAppTask): number {
    let bytes = 0;
    for (const phase of task.phases)
      for (const e of phase.events) {
        if (e.type === 'mem') bytes = Math.max(bytes, Math.min(e.bytes, this.#model.global.memBufferSize));
        else if (e.type === 'memrun') bytes = Math.max(bytes, e.size);
      }
    return bytes;
  }

  #error(what: string, at: number, hint = ''): UserError {
    return this.#source.error('workload', what, at, hint);
  }

  #warn(message: string, at: number): void {
    this.#warnings.add(message, this.#source.place(at));
  }
}

function mark(text: string): Instruction {
  return { op: 'mark', text };
}

/** An event before the first work of a pass: a wait, or the locking around it. */
function isPause(event: RtAppEvent): boolean {
  return WAITING.has(event.type) || event.type === 'lock' || event.type === 'unlock';
}

function forksForEver(task: RtAppTask): boolean {
  return task.phases.some((p) => (task.loop < 0 || p.loop < 0) && p.events.some((e) => e.type === 'fork'));
}

/** @spec 25 §11.5 */
function clamps({ utilMin = -1, utilMax = -1 }: Pick<RtAppPhase, 'utilMin' | 'utilMax'>): Instruction[] {
  return utilMin < 0 && utilMax < 0 ? [] : [{ op: 'setClamps', min: utilMin, max: utilMax }];
}
