/**
 * Several terminals, each with an autogroup of its own: a group of the weight of one task of nice 0, however many tasks are
 * in it. In one terminal runs a parallel program (`make` or `lu`), in each of the others one process that only computes
 * (R). A task of the parallel program weighs little beside R, which is what hides idle CPUs from a balancer that compares
 * average loads. @spec 23 §2.1
 *
 *   main ─┬─ R in /tty2, /tty3, ...     from the beginning to the end
 *         └─ load in /tty1              begins `lead` later; when it is done the workload ends
 */
import { WorkloadBuilder } from '../build.ts';
import { fork, sleep, waitChildren } from '../instructions.ts';
import { fixed } from '../program.ts';
import { addMake, MAKE_PARAMS, makeTasks } from './kbuild.ts';
import { choice, count, defineGenerator, duration, time } from './params.ts';
import { addLuThreads } from './spin-barrier.ts';

export const sessions = defineGenerator({
  name: 'sessions',
  summary: 'make or lu in one terminal, single tasks in others, an autogroup each',
  unit: 'units',
  measures: 'objects or stages done; the run time is that of make or lu',
  params: {
    load: choice(['make', 'lu'], 'make', 'the parallel program'),
    singles: count(2, 'terminals with one task that only computes', { max: 10_000 }),
    lead: time('500ms', 'these have run so long when the parallel program begins'),
    ...MAKE_PARAMS,
    threads: count('{N}', 'threads of lu', { min: 1, max: 100_000 }),
    stage: duration('1ms', 'CPU time of a stage of lu'),
    iterations: count(5000, 'stages of each thread of lu', { min: 1, max: 1_000_000_000 }),
  },
  endless: false,
  build: (p, { name }) => {
    const b = new WorkloadBuilder(name);
    const ownGroup = (i: number) => b.group({ path: `/tty${i + 1}` });
    const group = ownGroup(0);
    const load = p.load === 'make' ? addMake(b, p, group) : addLuThreads(b, { ...p, ahead: 1 }, group);
    const shell = b.kind({
      name: '',
      comm: 'sh',
      group,
      program: [fork(load, p.load === 'make' ? 1 : p.threads), waitChildren, { op: 'stop' }],
    });
    const singles = Array.from({ length: p.singles }, (_, i) =>
      b.kind({ name: 'R', comm: 'R', group: ownGroup(i + 1), program: [{ op: 'hog' }] }),
    );
    b.main([...singles.map((kind) => fork(kind, 1)), sleep(fixed(p.lead ?? 0)), fork(shell, 1), waitChildren]);
    b.maxTasks = 8 + p.singles + (p.load === 'make' ? makeTasks(p) : p.threads);
    return b.build();
  },
});
