/**
 * `make -j` of a kernel: many short processes, forked in sequence, each placed anew by fork and exec. @spec 25 §6
 *
 *   make: for each object takes a job slot and forks a shell
 *   shell: exec, runs gcc, then objtool, fixdep and mv, one after the other; gives its slot back
 *   gcc: exec, runs cc1 (most of the time; it first reads its files), then as
 *   at the end one serial link
 *
 * The median of cc1 makes 2800 objects cost 1270 CPU seconds, as measured on 16 threads; 250 ms make it 1130, as measured
 * on 8 CPUs. Frequencies and hyper-threads' sharing are not in these figures.
 */
import { WorkloadBuilder } from '../build.ts';
import { fork, ioSleep, loop, run, unitBeginNow, unitDone, wait, waitChildren, wake } from '../instructions.ts';
import { type Duration, fixed, type Instruction, ref } from '../program.ts';
import { count, defineGenerator, duration } from './params.ts';

/** CPU time of make itself for one object. [our choice] */
const MAKE_NS = 300_000;

export const MAKE_PARAMS = {
  objects: count(2800, 'objects', { min: 1 }),
  jobs: count('{N}', 'jobs at a time (-j)', { min: 1, max: 100_000 }),
  short: duration('exp(2ms)', 'CPU time of sh, gcc, objtool, fixdep and mv, each'),
  cc: duration('lognormal(284ms,0.9)', 'CPU time of cc1'),
  as: duration('15ms', 'CPU time of as'),
  io: duration('1ms..5ms', 'a wait for the disk'),
  io_waits: count(4, 'waits of each cc1', { max: 1000 }),
  link: duration('6s..10s', 'CPU time of the link at the end; 0: none'),
};

export const kbuild = defineGenerator({
  name: 'kbuild',
  summary: 'compiling a kernel with make -j',
  unit: 'objects',
  measures: 'objects compiled; latency: of one object; the run time is the time of the build',
  params: MAKE_PARAMS,
  endless: false,
  build: (p, { name }) => {
    const b = new WorkloadBuilder(name);
    b.main([fork(addMake(b, p), 1), waitChildren]);
    b.maxTasks = 8 + makeTasks(p);
    return b.build();
  },
});

export interface MakeParams {
  readonly objects: number;
  readonly jobs: number;
  readonly short: Duration;
  readonly cc: Duration;
  readonly as: Duration;
  readonly io: Duration;
  readonly io_waits: number;
  readonly link: Duration;
}

/** The kind of make, to be forked once. */
export function addMake(b: WorkloadBuilder, p: MakeParams, group = -1): number {
  const slots = b.semaphore('job slots', p.jobs);
  const program = (comm: string, ...work: Instruction[]) =>
    b.kind({ name: comm, comm: 'make', group, program: [{ op: 'exec', comm }, ...work] });
  const child = (kind: number) => [fork(kind, 1), waitChildren];
  const cc1 = program('cc1', ...(p.io_waits > 0 ? loop(p.io_waits, ioSleep(p.io)) : []), run(p.cc));
  const as = program('as', run(p.as));
  const gcc = program('gcc', run(p.short), ...child(cc1), ...child(as));
  const helpers = ['objtool', 'fixdep', 'mv'].map((comm) => program(comm, run(p.short)));
  const sh = program(
    'sh',
    unitBeginNow,
    run(p.short),
    ...child(gcc),
    ...helpers.flatMap(child),
    unitDone,
    wake(ref(slots)),
  );
  const noLink = p.link.kind === 'fixed' && p.link.ns === 0;
  const ld = program('ld', run(p.link));
  return b.kind({
    name: 'make',
    group,
    program: [
      ...loop(p.objects, wait(ref(slots)), run(fixed(MAKE_NS)), fork(sh, 1)),
      waitChildren,
      ...(noLink ? [] : child(ld)),
    ],
  });
}

/** Tasks alive at one time: a shell, gcc and cc1 for each slot, and shells that have given theirs back and are about to exit. */
export function makeTasks({ jobs }: MakeParams): number {
  return 5 * jobs;
}
