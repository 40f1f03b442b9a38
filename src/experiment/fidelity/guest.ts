/**
 * A load as the kernel lab's guest runs it, with what the guest adds to it.
 *
 *   shell   idle ── reads /proc/schedstat ── fork ─── waits for the load ──────────────── fork ── reads it again
 *   load                                      └─ exec ── sets itself up ── does its program ──┘
 *
 * Before a repetition the guest has been idle for some time, so ticks, intervals and clocks stand anywhere when it begins.
 * What a program does in the kernel takes so many instructions, as seen in the records named in docs/fidelity.md.
 */
import type { Topology } from '../../machine/topology.ts';
import { fixed, type Instruction, ref, type TaskKind, type Workload } from '../../workload/program.ts';
import { guestThreads, kernelThread } from './guest-threads.ts';

/** Marks the moment at which the lab reads /proc/schedstat for the first time. */
export const LOAD_BEGINS = 'lab load';

/** Marks the beginning of the repetition in the trace. */
export const REPETITION_BEGINS = 'lab rep';

/** The guest has been idle this long when a repetition begins, ns: no load is left of what its threads began with. */
const IDLE_NS = { kind: 'uniform', minNs: 400_000_000, maxNs: 480_000_000, stepNs: 1 } as const;

/** A child has its memory mapped before it does what its program says. */
const CHILD_START_NS = 80_000;

/** A child of the shell until it looks for a CPU to execute another program on, and then until that runs. */
const SHELL_CHILD_NS = 150_000;
const EXEC_NS = 235_000;

/** A program that prints a file of /proc, after that. */
const PRINT_NS = 300_000;

/** The load generator, from its beginning to its first fork; and from its end to its exit. */
const SET_UP_NS = 2_700_000;
const WIND_UP_NS = 430_000;

/** Of that, clearing the memory for samples, where some are taken: the generator's policy is what the load has by then. */
const SAMPLE_MEMORY_NS = 8_200_000;

/** A fork maps that memory for the child too: so much longer it takes than one without. */
const COPY_MEMORY_NS = 254_000;

/** Where and how one repetition's load began; null: not known. */
export interface LoadStart {
  readonly cpu: number | null;
  /** From its beginning to its first fork. */
  readonly setUpNs: number | null;
}

/**
 * The load as the lab starts it, with the guest's own threads. `samplesWakeRcu`: the kernel has work for RCU when a file of
 * /proc has been read; 6.1 has, 6.12 has not.
 */
export function inGuest(
  workload: Workload,
  machine: Topology,
  start: LoadStart | null = null,
  samplesWakeRcu = true,
): Workload {
  const [main, ...others] = workload.kinds;
  const first = workload.suspensions.length;
  const rcu = ref(first);
  const softirqThreads = first + 3;
  const threads = guestThreads(machine, { rcu, everywhere: ref(first + 1), init: ref(first + 2), softirqThreads });
  // The load's kinds keep their numbers; the shell takes the place of its main task, which comes after them.
  const load = workload.kinds.length;
  const [printer, kthreadd, firstThread] = [load + 1, load + 2, load + 3];
  // Tasks are born when the load begins and die when it ends: RCU has work then. So may it when the lab has read a file of
  // /proc to sample a task.
  const wakeRcu: Instruction = { op: 'resume', suspension: rcu };
  const isWorkForRcu = (step: Instruction) =>
    step.op === 'fork' ||
    (step.op === 'system' && samplesWakeRcu) ||
    (step.op === 'mark' && /^(labgen|lab cmd) end/.test(step.text));
  const withRcu = (program: readonly Instruction[]) =>
    program.flatMap((step, i) => (isWorkForRcu(step) && program[i + 1]?.op !== 'fork' ? [step, wakeRcu] : [step]));
  const samples = main!.program.some(({ op }) => op === 'system');
  const loadProgram = (program: readonly Instruction[]) =>
    samples ? withRcu(program).flatMap(copyingMemory) : withRcu(program);
  const born = (kind: TaskKind): TaskKind => ({
    ...kind,
    program: [system(CHILD_START_NS), ...loadProgram(kind.program)],
  });
  const print: Instruction[] = [{ op: 'fork', kind: printer, count: 1 }, { op: 'waitChildren' }];
  const shell: TaskKind = {
    ...task('init'),
    program: [
      { op: 'fork', kind: kthreadd, count: 1 },
      { op: 'sleep', time: IDLE_NS, state: 'S' },
      { op: 'mark', text: LOAD_BEGINS },
      // The uptime.
      ...print,
      { op: 'mark', text: REPETITION_BEGINS },
      { op: 'fork', kind: load, count: 1 },
      { op: 'waitChildren' },
      ...print,
      { op: 'stop' },
    ],
  };
  const setUpNs = start?.setUpNs ?? SET_UP_NS;
  const memoryNs = samples ? Math.min(SAMPLE_MEMORY_NS, setUpNs) : 0;
  // Up to its first fork was there; the copy belongs to that.
  const clearingNs = samples ? Math.max(0, memoryNs - COPY_MEMORY_NS) : 0;
  const begun: TaskKind = {
    ...main!,
    policy: 'other',
    priority: 0,
    cpus: start?.cpu == null ? main!.cpus : [start.cpu],
    program: [
      ...execution(main!.comm),
      ...(start?.cpu == null ? [] : [{ op: 'setAffinity', of: 'self', cpus: main!.cpus } as const]),
      system(setUpNs - memoryNs),
      ...(main!.policy === 'other'
        ? []
        : [{ op: 'setPolicy', policy: main!.policy, priority: main!.priority } as const]),
      system(clearingNs),
      ...loadProgram(main!.program.filter(({ op }) => op !== 'exit' && op !== 'stop')),
      system(WIND_UP_NS),
    ],
  };
  return {
    ...workload,
    kinds: [
      shell,
      ...others.map(born),
      begun,
      { ...task('cat'), program: [...execution('cat'), system(PRINT_NS)] },
      // The threads are not the shell's children, for which it waits: one forks them all and is gone.
      {
        ...kernelThread('kthreadd', null, []),
        program: threads.map((_, i): Instruction => ({ op: 'fork', kind: firstThread + i, count: 1 })),
      },
      ...threads,
    ],
    durationNs: workload.durationNs === null ? null : workload.durationNs + IDLE_NS.maxNs + 100_000_000,
    suspensions: [
      ...workload.suspensions,
      { name: 'rcu', keepsTicks: true },
      { name: 'everywhere' },
      { name: 'init' },
      ...Array.from({ length: machine.nrCpus }, (_, cpu) => ({ name: `ksoftirqd/${cpu}` })),
    ],
    orphansResume: first + 2,
    softirqThreads,
    maxTasks: workload.maxTasks + 4 + threads.length,
  };
}

/** Each fork, by itself, after the memory is copied. */
function copyingMemory(step: Instruction): Instruction[] {
  if (step.op !== 'fork') return [step];
  const { firstIndex } = step;
  return Array.from({ length: step.count }, (_, i) => [
    system(COPY_MEMORY_NS),
    { ...step, count: 1, ...(firstIndex === undefined ? {} : { firstIndex: firstIndex + i }) },
  ]).flat();
}

function system(ns: number): Instruction {
  return { op: 'system', work: fixed(ns) };
}

/** What a child of the shell does until its own program runs. */
function execution(comm: string): Instruction[] {
  return [system(SHELL_CHILD_NS), { op: 'exec', comm }, system(EXEC_NS)];
}

function task(comm: string): TaskKind {
  return { ...kernelThread(comm, null, []), kthread: false };
}
