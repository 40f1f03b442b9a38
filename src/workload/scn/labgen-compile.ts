/**
 * From a labgen spec to a workload that begins, runs and ends as labgen does.
 *
 *   controller (main, FIFO 99, comm "labgen"):
 *     epoch = now + 20 ms; fork all born tasks; sleep until the epoch; mark "labgen start";
 *     ctl lines and samples at their times; sleep until epoch + duration; mark "labgen end";
 *     30 ms later: kill what is left, mark "labgen gone"
 *   task: rename to NAME-INDEX; join group, affinity, policy, nice; sleep until its start; begin; actions;
 *     at epoch + duration it ends
 *
 * A unit of work is one pass through a loop, as in labgen's own figure `loops`. Markers are written without labgen's
 * newline, as traces show them.
 */
import { didYouMean, UserError } from '../../base/errors.ts';
import { WorkloadBuilder } from '../build.ts';
import { stuckLoop } from '../check.ts';
import { quote, type WarningList } from '../places.ts';
import { fixed, type Instruction, type Ref, uniformUs, type Workload } from '../program.ts';
import type { Sample } from '../reading.ts';
import type { LabgenAction, LabgenSpec, LabgenTask } from './labgen-model.ts';
import { Pipes } from './pipes.ts';
import type { GroupSettings } from './shell.ts';

/** From the controller's first act to time zero. */
const EPOCH_NS = 20_000_000;
/** From the end to the killing of those who still wait for somebody. */
const GONE_NS = 30_000_000;
/** What the controller needs to read one task's figures when nothing else runs, as seen in `smp4-one`. */
const SAMPLE_READ_NS = 100_000;
const MAX_SAMPLES = 100_000;
/** Processes labgen has room for; how many can come of an endless loop that forks. */
const ENDLESS_FORKS = 1024;
/** labgen's name format keeps this much of a name. */
const NAME_KEPT = 11;

interface CompiledLabgen {
  readonly workload: Workload;
  readonly samples: readonly Sample[];
}

export function compileLabgen(
  spec: LabgenSpec,
  name: string,
  groups: ReadonlyMap<string, GroupSettings>,
  warnings: WarningList,
): CompiledLabgen {
  return new LabgenCompiler(spec, name, groups, warnings).compile();
}

class LabgenCompiler {
  readonly #spec: LabgenSpec;
  readonly #builder: WorkloadBuilder;
  readonly #groups: ReadonlyMap<string, GroupSettings>;
  readonly #groupIds = new Map<string, number>();
  readonly #warnings: WarningList;
  readonly #pipes: Pipes;

  constructor(spec: LabgenSpec, name: string, groups: ReadonlyMap<string, GroupSettings>, warnings: WarningList) {
    this.#spec = spec;
    this.#groups = groups;
    this.#warnings = warnings;
    const builder = new WorkloadBuilder(name);
    this.#builder = builder;
    this.#pipes = new Pipes(spec, this.#highestIndices(), (pipe) => builder.semaphore(pipe));
  }

  compile(): CompiledLabgen {
    const { tasks, durationUs } = this.#spec;
    const b = this.#builder;
    for (const path of this.#groups.keys()) this.#group(path);
    // labgen's tasks are born as they are forked and make themselves what their line says.
    for (const t of tasks) b.kind({ name: t.name, comm: 'labgen', inherits: true, program: [] });
    tasks.forEach((t, i) => {
      b.program(i + 1, this.#program(t));
    });
    if (tasks.reduce((n, t) => n + (t.born ? t.n : 0), 0) === 0) this.#warnings.add('no task is started');
    b.main(this.#controller(), { comm: 'labgen', policy: 'fifo', priority: 99, resetOnFork: true });
    b.seeding = 'labgen';
    b.endNs = durationUs * 1000;
    b.unit = 'loops';
    if (tasks.some(forksForEver)) b.maxTasks = 1 + tasks.reduce((n, t) => n + t.n, 0) + ENDLESS_FORKS;
    return { workload: b.build(), samples: this.#samples() };
  }

  /** The highest index that a task of each template can have, and whether every fork names one that is there. */
  #highestIndices(): number[] {
    const { tasks } = this.#spec;
    const highest = tasks.map((t) => t.n - 1);
    for (const t of tasks)
      for (const a of t.actions) {
        if (a.op !== 'fork') continue;
        const kind = this.#kind(a.task);
        if (kind < 0) {
          const names = tasks.map((known) => known.name);
          throw new UserError('workload', `no task ${quote(a.task)} to fork`, a.place, didYouMean(a.task, names));
        }
        highest[kind - 1] = Math.max(highest[kind - 1]!, a.count - 1);
      }
    return highest;
  }

  /** Kind of the first task line of that name, as labgen looks names up; or -1. */
  #kind(name: string): number {
    const at = this.#spec.tasks.findIndex((t) => t.name === name);
    return at < 0 ? -1 : at + 1;
  }

  #controller(): Instruction[] {
    const { tasks, durationUs } = this.#spec;
    const out: Instruction[] = [{ op: 'epoch', delayNs: EPOCH_NS }];
    tasks.forEach((t, i) => {
      if (t.born && t.n > 0) out.push({ op: 'fork', kind: i + 1, count: t.n, firstIndex: 0 });
    });
    out.push(sleepUntil(0), mark('labgen start'));
    this.#timeline(out);
    out.push(sleepUntil(durationUs * 1000), mark('labgen end'));
    out.push(sleepUntil(durationUs * 1000 + GONE_NS), mark('labgen gone'), { op: 'stop' });
    return out;
  }

  /** ctl lines in file order and samples, by time; a ctl line that comes too late waits for nobody. */
  #timeline(out: Instruction[]): void {
    const { ctls, sample, durationUs } = this.#spec;
    const perSample = sample === undefined ? 0 : Math.min(sample.count, this.#instancesOf(sample.task));
    let next = sample === undefined ? durationUs : sample.periodUs;
    let samples = 0;
    for (let c = 0; ; ) {
      const ctlUs = c < ctls.length ? ctls[c]!.us : durationUs;
      if (Math.min(ctlUs, next) >= durationUs) {
        if (c < ctls.length) this.#warnings.add('this ctl line and those after it come after the end', ctls[c]!.place);
        return;
      }
      if (c < ctls.length && ctlUs <= next) {
        out.push(sleepUntil(ctlUs * 1000), ...this.#ctl(c));
        c++;
        continue;
      }
      if (++samples > MAX_SAMPLES) throw new UserError('limit', `more than ${MAX_SAMPLES} samples`, sample!.place);
      out.push(sleepUntil(next * 1000));
      if (perSample > 0) out.push({ op: 'system', work: fixed(perSample * SAMPLE_READ_NS) });
      next += sample!.periodUs;
    }
  }

  #ctl(c: number): Instruction[] {
    const { what } = this.#spec.ctls[c]!;
    if (what.op === 'mark') return [mark(what.text)];
    const of = this.#kind(what.task);
    if (what.op === 'nice')
      return [mark(`labgen ctl nice ${what.task} ${what.nice}`), { op: 'setNice', of, nice: what.nice }];
    const out = [mark(`labgen ctl cpus ${what.task} ${what.list}`)];
    if (what.cpus !== null) out.push({ op: 'setAffinity', of, cpus: what.cpus });
    return out;
  }

  #instancesOf(name: string): number {
    return this.#spec.tasks[this.#kind(name) - 1]!.n;
  }

  #program(t: LabgenTask): Instruction[] {
    const out: Instruction[] = [{ op: 'rename', comm: `${t.name.slice(0, NAME_KEPT)}-%d` }];
    if (t.cgroup !== '') out.push({ op: 'setGroup', group: this.#joinedGroup(t) });
    if (t.cpus !== null) out.push({ op: 'setAffinity', of: 'self', cpus: t.cpus });
    if (t.policy !== 'other') out.push({ op: 'setPolicy', policy: t.policy, priority: t.priority });
    if (t.nice !== 0) out.push({ op: 'setNice', of: 'self', nice: t.nice });
    if (t.born)
      out.push({ op: 'sleepUntil', atNs: t.atUs * 1000, stepNs: t.stepUs * 1000, jitterNs: t.jitterUs * 1000 });
    out.push({ op: 'begin' });
    for (const a of t.actions) out.push(...this.#action(a));
    if (stuckLoop(out) >= 0)
      throw new UserError(
        'workload',
        `task ${quote(t.name)} repeats for ever what takes no time`,
        t.place,
        'add a run',
      );
    return out;
  }

  #action(a: LabgenAction): Instruction[] {
    switch (a.op) {
      case 'run':
        // It ends with a look at how long it was.
        return a.b === 0 ? [] : [{ op: 'run', work: uniformUs(a.a, a.b) }, { op: 'cpuClock' }];
      case 'sleep':
        return [{ op: 'sleep', time: uniformUs(a.a, a.b), state: 'S' }];
      case 'period':
        return [{ op: 'period', ns: a.us * 1000 }];
      case 'wake':
        return [{ op: 'wake', semaphore: this.#pipe(a.pipe), count: 1, sync: true }];
      case 'wait':
        return [{ op: 'wait', semaphore: this.#pipe(a.pipe) }];
      case 'fork':
        return a.count === 0 ? [] : [{ op: 'fork', kind: this.#kind(a.task), count: a.count, firstIndex: 0 }];
      case 'cpus':
        return a.cpus === null ? [] : [{ op: 'setAffinity', of: 'self', cpus: a.cpus }];
      case 'nice':
        return [{ op: 'setNice', of: 'self', nice: a.nice }];
      case 'end':
        return [{ op: 'unitDone', units: 1, timed: false }, { op: 'end' }];
      default:
        return [a];
    }
  }

  #pipe(name: string): Ref {
    return this.#pipes.ref(name);
  }

  #joinedGroup(t: LabgenTask): number {
    const path = `/${t.cgroup}`;
    if (!this.#groups.has(path))
      this.#warnings.add(`nothing makes the control group ${quote(t.cgroup)}; it gets weight 100`, t.place);
    return this.#group(path);
  }

  #group(path: string): number {
    const known = this.#groupIds.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const parent = slash > 0 ? this.#group(path.slice(0, slash)) : -1;
    const id = this.#builder.group({ path, parent, ...this.#groups.get(path) });
    this.#groupIds.set(path, id);
    return id;
  }

  #samples(): Sample[] {
    const { sample } = this.#spec;
    if (sample === undefined) return [];
    return [
      { task: sample.task, kind: this.#kind(sample.task), count: sample.count, periodNs: sample.periodUs * 1000 },
    ];
  }
}

function sleepUntil(atNs: number): Instruction {
  return { op: 'sleepUntil', atNs, stepNs: 0, jitterNs: 0 };
}

function mark(text: string): Instruction {
  return { op: 'mark', text };
}

function forksForEver(t: LabgenTask): boolean {
  const endless: boolean[] = [];
  for (const a of t.actions) {
    if (a.op === 'loop') endless.push(a.count === 0);
    else if (a.op === 'end') endless.pop();
    else if (a.op === 'fork' && endless.includes(true)) return true;
  }
  return false;
}
