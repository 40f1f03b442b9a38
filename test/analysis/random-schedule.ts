/**
 * Random traces that a kernel could have left: tasks are born, wake, are picked, preempted, moved, bound, and end, on CPUs
 * that run balance passes. Several things may happen at one instant.
 */
import fc from 'fast-check';
import { machine, type TraceBuilder, trace } from '../support/trace-builder.ts';

const ACTIONS = [
  'wake',
  'wake',
  'wake',
  'pick',
  'pick',
  'pick',
  'sleep',
  'sleep',
  'migrate',
  'bind',
  'softirq',
  'newidle',
  'work',
  'exit',
] as const;

interface Step {
  readonly action: (typeof ACTIONS)[number];
  readonly gapUs: number;
  readonly cpu: number;
  readonly task: number;
  readonly cpus: readonly number[];
  readonly n: number;
}

const NAMES = ['A1', 'A2', 'A3', 'B1', 'B2', 'rt1', 'kworker/1:0', 'late1', 'late2'];
const CAUSES = ['other', 'wakeup', 'MC/newidle', 'MC/idle', 'NUMA/busy', 'active'];

export const randomSchedule: fc.Arbitrary<TraceBuilder> = fc
  .record({
    shape: fc.constantFrom([2, 1, 1], [4, 1, 1], [4, 2, 1], [8, 2, 2], [6, 1, 3]),
    steps: fc.array(
      fc.record({
        action: fc.constantFrom(...ACTIONS),
        gapUs: fc.oneof(fc.constant(0), fc.nat(30), fc.integer({ min: 100, max: 3000 }), fc.nat(200_000)),
        cpu: fc.nat(7),
        task: fc.nat(NAMES.length - 1),
        cpus: fc.uniqueArray(fc.nat(7), { minLength: 1, maxLength: 4 }),
        n: fc.nat(1000),
      }),
      { maxLength: 200, size: 'max' },
    ),
  })
  .map(({ shape: [nrCpus, threads, nodes], steps }) => {
    const t = trace(machine(nrCpus!, { threads: threads!, llcs: nodes!, nodes: nodes! }));
    t.task('rt1', { prio: 50 }).task('kworker/1:0', { kind: '', kthread: true });
    const world = new World(t, nrCpus!);
    for (const step of steps) world.do(step);
    return t.after(5).end();
  });

/** What the random scheduler knows. */
class World {
  readonly t: TraceBuilder;
  readonly current: (string | null)[];
  readonly queues: string[][];
  readonly pass: (string | null)[];
  readonly at = new Map<string, 'unborn' | 'off' | 'queued' | 'running' | 'dead'>();
  readonly allowed = new Map<string, readonly number[]>();

  constructor(t: TraceBuilder, nrCpus: number) {
    this.t = t;
    this.current = new Array<null>(nrCpus).fill(null);
    this.pass = new Array<null>(nrCpus).fill(null);
    this.queues = Array.from({ length: nrCpus }, () => []);
    for (const name of NAMES) this.at.set(name, name.startsWith('late') ? 'unborn' : 'off');
    this.at.set('A1', 'running');
    this.current[0] = 'A1';
    t.running('A1', 0);
  }

  do({ action, gapUs, cpu: any, task, cpus, n }: Step): void {
    const { t, current } = this;
    const cpu = any % current.length;
    const name = NAMES[task]!;
    const at = this.at.get(name)!;
    t.after(gapUs).onCpu(cpu);
    switch (action) {
      case 'wake':
        this.#wake(name, at, cpu);
        break;
      case 'pick':
        if (this.pass[cpu] === null) this.#pick(cpu, 'R');
        break;
      case 'sleep':
        if (this.pass[cpu] === null && current[cpu] !== null) this.#pick(cpu, 'S');
        break;
      case 'migrate': {
        const from = this.queues.findIndex((queue) => queue.includes(name));
        if (from < 0 || from === cpu || !this.#mayRun(name, cpu)) return;
        t.migrate(name, from, cpu, CAUSES[n % CAUSES.length]!);
        this.queues[from]!.splice(this.queues[from]!.indexOf(name), 1);
        this.queues[cpu]!.push(name);
        break;
      }
      case 'bind': {
        const inMachine = cpus.filter((c) => c < current.length).toSorted((a, b) => a - b);
        if (inMachine.length === 0 || at === 'unborn' || at === 'dead' || name.startsWith('kworker')) return;
        this.allowed.set(name, inMachine);
        t.affinity(name, inMachine);
        break;
      }
      case 'softirq':
        if (this.pass[cpu] === null) {
          this.pass[cpu] = n % 2 === 0 ? 'MC/idle' : 'SMT/busy';
          t.lbEnter(this.pass[cpu]);
        } else if (this.pass[cpu] !== 'newidle') {
          t.lbLeave(this.pass[cpu]!, n % 3);
          this.pass[cpu] = null;
        }
        break;
      case 'newidle':
        if (this.pass[cpu] === null && current[cpu] !== null) {
          this.pass[cpu] = 'newidle';
          t.newidle();
        } else if (this.pass[cpu] === 'newidle') {
          this.pass[cpu] = null;
          t.newidleRet((n % 3) - 1);
        }
        break;
      case 'work':
        if (current[cpu] !== null) t.work(current[cpu], n % 5, n % 4 === 0 ? -1 : n);
        break;
      case 'exit':
        if (current[cpu] === null || this.pass[cpu] !== null) return;
        t.exit(current[cpu]).after(1);
        this.#pick(cpu, 'X');
        break;
    }
  }

  #mayRun(name: string, cpu: number): boolean {
    if (name.startsWith('kworker')) return cpu === 1;
    return this.allowed.get(name)?.includes(cpu) ?? true;
  }

  #wake(name: string, at: string, cpu: number): void {
    if ((at !== 'off' && at !== 'unborn') || !this.#mayRun(name, cpu)) return;
    if (at === 'unborn') this.t.fork('A1', name).wakeupNew(name, cpu);
    else this.t.wakeup(name, cpu);
    this.at.set(name, 'queued');
    this.queues[cpu]!.push(name);
  }

  /** The current task leaves in the given state, and the first of the queue comes. */
  #pick(cpu: number, state: 'R' | 'S' | 'X'): void {
    const prev = this.current[cpu]!;
    const next = this.queues[cpu]!.shift() ?? null;
    if (prev === null && next === null) return;
    if (prev !== null && next === null && state === 'R') return;
    this.t.switch(prev ?? 'idle', next ?? 'idle', state);
    if (prev !== null) {
      this.at.set(prev, state === 'R' ? 'queued' : state === 'S' ? 'off' : 'dead');
      if (state === 'R') this.queues[cpu]!.push(prev);
    }
    if (next !== null) this.at.set(next, 'running');
    this.current[cpu] = next;
  }
}
