/**
 * A query of a database with one worker a CPU. Workers compute and sleep by turns (they wait for pages, or for each
 * other), have equal parts of the data, and meet at the end of every phase: one that is late delays all. On each CPU a
 * kernel thread runs now and then for less than a millisecond, and pushes a worker aside. @spec 23 §2.3
 *
 * Times of workers, and how often the kernel threads run, are not published. [our choice]
 */
import { WorkloadBuilder } from '../build.ts';
import { fork, loop, run, sleep, waitChildren } from '../instructions.ts';
import { ref, type TaskKind } from '../program.ts';
import { count, defineGenerator, duration } from './params.ts';

export const dbquery = defineGenerator({
  name: 'dbquery',
  summary: 'database workers that sleep and wake often, and short kernel threads between them',
  unit: 'phases',
  measures: 'phases done by all workers; the run time is that of the query',
  params: {
    workers: count('{N}', 'workers, which meet at the end of each phase', { min: 1, max: 100_000 }),
    phases: count(100, 'phases', { min: 1, max: 1_000_000 }),
    rounds: count(20, 'times that a worker computes and sleeps in a phase', { min: 1, max: 1_000_000 }),
    run: duration('800us..1200us', 'CPU time between two sleeps'),
    sleep: duration('100us..300us', 'a sleep'),
    transients: count('{N}', 'kernel threads, one a CPU from CPU 0', { max: 10_000 }),
    transient: duration('500us', 'CPU time of a kernel thread when it runs'),
    rest: duration('exp(50ms)', 'time between two runs of a kernel thread'),
  },
  endless: false,
  build: (p, { name, nrCpus }) => {
    const b = new WorkloadBuilder(name);
    const end = ref(b.barrier('end of phase', p.workers));
    const worker = b.kind({
      name: 'worker',
      comm: 'worker-%d',
      process: 0,
      program: loop(
        p.phases,
        ...loop(p.rounds, run(p.run), sleep(p.sleep)),
        { op: 'barrier', barrier: end, spin: false },
        { op: 'unitDone', units: 1, timed: false },
      ),
    });
    const transients = Array.from({ length: Math.min(p.transients, nrCpus) }, (_, cpu) => {
      const kthread: Partial<TaskKind> = { kthread: true, cpus: [cpu] };
      return b.kind({
        name: '',
        comm: `kworker/${cpu}:1`,
        ...kthread,
        program: loop(0, { op: 'sleep', time: p.rest, state: 'I' }, run(p.transient)),
      });
    });
    const query = b.kind({ name: '', comm: 'query', program: [fork(worker, p.workers), waitChildren, { op: 'stop' }] });
    b.main([...transients.map((kind) => fork(kind, 1)), fork(query, 1), waitChildren]);
    return b.build();
  },
});
