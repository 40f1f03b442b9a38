/**
 * Numerical programs whose threads wait by spinning: a thread that waits burns its CPU, so one that is not running makes
 * all others waste theirs. @spec 23 §4
 *
 *   lu  a pipeline: iteration i of thread k may begin when iteration i of thread k - 1 is done, and ends when k + 1 has
 *       begun the one before: a thread hands its result over by a flag for one result, as the OpenMP version of NAS lu does
 *   ep  no waiting but for one barrier at the end
 */
import { WorkloadBuilder } from '../build.ts';
import { fork, loop, run, waitChildren, wake } from '../instructions.ts';
import { type Duration, type Instruction, ref, refByIndex } from '../program.ts';
import { count, cpus, defineGenerator, duration } from './params.ts';

const PROCESS = 0;
/** Tokens of a first thread that never ends: more than can be used. */
const ENOUGH = 2 ** 30;
const STAGE_DONE: Instruction = { op: 'unitDone', units: 1, timed: false };

const PARAMS = {
  threads: count('{N}', 'threads (NAS on 64 cores: 60)', { min: 1, max: 100_000 }),
  stage: duration('1ms', 'CPU time of a stage'),
  cpus: cpus('the only CPUs the threads may use'),
};

export const lu = defineGenerator({
  name: 'lu',
  summary: 'a pipeline of threads that wait by spinning (NAS lu)',
  unit: 'stages',
  measures: 'stages done by all threads; the run time is the time to the last exit',
  params: {
    ...PARAMS,
    iterations: count(5000, 'stages of each thread; 0: without end', { max: 1_000_000_000 }),
    ahead: count(1, 'results that may lie between two threads; 0: any number', { max: 1_000_000 }),
  },
  endless: (p) => p.iterations === 0,
  build: (p, { name }) => {
    const b = new WorkloadBuilder(name);
    const thread = addLuThreads(b, p);
    b.main([fork(thread, p.threads), waitChildren], { comm: 'lu', process: PROCESS, cpus: p.cpus ?? null });
    return b.build();
  },
});

interface LuParams {
  readonly threads: number;
  readonly stage: Duration;
  readonly iterations: number;
  readonly ahead: number;
  readonly cpus?: readonly number[] | null;
}

/** The kind of a pipeline's threads, of which `threads` are to be forked. */
export function addLuThreads(b: WorkloadBuilder, p: LuParams, group = -1): number {
  const { threads, iterations, ahead } = p;
  const all = iterations === 0 ? ENOUGH : iterations;
  // Thread k waits for result k, which its predecessor makes; the first has all it needs, and nobody waits for the last.
  const result = b.semaphore('result', all);
  b.semaphores('result', threads);
  const handOver: Instruction[] = [wake(refByIndex(result + 1))];
  const take: Instruction[] = [{ op: 'spinWait', semaphore: refByIndex(result) }];
  if (ahead > 0) {
    // Room k is for results of thread k - 1; the last thread's are always taken at once.
    const room = b.semaphore('room', 0);
    for (let k = 1; k < threads; k++) b.semaphore('room', ahead);
    b.semaphore('room', all);
    take.push(wake(refByIndex(room)));
    handOver.unshift({ op: 'spinWait', semaphore: refByIndex(room + 1) });
  }
  return b.kind({
    name: 'lu',
    comm: 'lu-%d',
    process: PROCESS,
    cpus: p.cpus ?? null,
    group,
    program: loop(iterations, ...take, run(p.stage), ...handOver, STAGE_DONE),
  });
}

export const ep = defineGenerator({
  name: 'ep',
  summary: 'threads that compute and meet once at the end, spinning (NAS ep)',
  unit: 'stages',
  measures: 'stages done by all threads; the run time is the time to the last exit',
  params: { ...PARAMS, iterations: count(5000, 'stages of each thread', { min: 1, max: 1_000_000_000 }) },
  endless: false,
  build: (p, { name }) => {
    const b = new WorkloadBuilder(name);
    const end = ref(b.barrier('end', p.threads));
    const thread = b.kind({
      name: 'ep',
      comm: 'ep-%d',
      process: PROCESS,
      cpus: p.cpus,
      program: [...loop(p.iterations, run(p.stage), STAGE_DONE), { op: 'barrier', barrier: end, spin: true }],
    });
    b.main([fork(thread, p.threads), waitChildren], { comm: 'ep', process: PROCESS, cpus: p.cpus ?? null });
    return b.build();
  },
});
