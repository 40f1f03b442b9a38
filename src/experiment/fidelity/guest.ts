/**
 * What the kernel lab's guest adds to a load.
 *
 * Before a repetition it has been idle for some time, so ticks, intervals and clocks stand anywhere when the load begins.
 * And it has threads of its own, which look after memory and grace periods: they wake now and then for a few microseconds,
 * and a CPU that was idle then looks for work of others when they sleep again (newidle balance). How often they wake was
 * counted in the records named in docs/fidelity.md.
 */
import type { Topology } from '../../machine/topology.ts';
import {
  type Duration,
  type Instruction,
  type Ref,
  ref,
  type TaskKind,
  type Workload,
} from '../../workload/program.ts';

/** Marks the moment at which the lab reads /proc/schedstat for the first time. */
export const LOAD_BEGINS = 'lab load';

/** The guest has been idle this long when a repetition begins, ns. */
const IDLE_NS = { kind: 'uniform', minNs: 40_000_000, maxNs: 120_000_000, stepNs: 1 } as const;

/** rcu_preempt wakes so often, every two ticks, while there is work. */
const GRACE_WAKES = 6;

/** What one of these threads does when it wakes, ns of work. */
const NOISE_WORK: Duration = { kind: 'fixed', ns: 8_000 };

/** What init does when a child has died. */
const REAP_WORK: Duration = { kind: 'fixed', ns: 30_000 };

/** The load as the lab starts it; `noise`: with the guest's own threads. */
export function inGuest(workload: Workload, machine: Topology, noise = true): Workload {
  const [main, ...others] = workload.kinds;
  const first = workload.suspensions.length;
  const rcu = ref(first);
  const threads = noise ? guestThreads(machine, { rcu, everywhere: ref(first + 1), init: ref(first + 2) }) : [];
  const firstThread = workload.kinds.length + 1;
  // The threads are not main's children, for which it may wait: one forks them all and is gone.
  const kthreadd: TaskKind = {
    ...kernelThread('kthreadd', null, []),
    program: [...threads.map((_, i): Instruction => ({ op: 'fork', kind: firstThread + i, count: 1 })), { op: 'exit' }],
  };
  // Tasks are born when the load begins and die when it ends: RCU has work then.
  const wakeRcu: Instruction[] = noise ? [{ op: 'resume', suspension: rcu }] : [];
  // So has it when the lab has read a file of /proc to sample a task.
  const isWorkForRcu = (step: Instruction) =>
    step.op === 'run' || (step.op === 'mark' && /^(labgen|lab cmd) end/.test(step.text));
  const body = main!.program
    .filter(({ op }) => op !== 'exit')
    .flatMap((step) => (isWorkForRcu(step) ? [step, ...wakeRcu] : [step]));
  const program: Instruction[] = [
    { op: 'fork', kind: firstThread - 1, count: 1 },
    { op: 'sleep', time: IDLE_NS, state: 'S' },
    { op: 'mark', text: LOAD_BEGINS },
    ...wakeRcu,
    ...body,
    { op: 'stop' },
  ];
  return {
    ...workload,
    kinds: [{ ...main!, program }, ...others, kthreadd, ...threads],
    durationNs: workload.durationNs === null ? null : workload.durationNs + IDLE_NS.maxNs,
    suspensions: [...workload.suspensions, { name: 'rcu', keepsTicks: true }, { name: 'everywhere' }, { name: 'init' }],
    ...(noise ? { orphansResume: first + 2 } : {}),
    maxTasks: workload.maxTasks + 1 + threads.length,
  };
}

interface GuestEvents {
  readonly rcu: Ref;
  /** A worker on each CPU has something to do. */
  readonly everywhere: Ref;
  /** Somebody died whose parent is init. */
  readonly init: Ref;
}

function guestThreads(machine: Topology, { rcu, everywhere, init }: GuestEvents): TaskKind[] {
  const threads = [
    kernelThread('rcu_preempt', null, [
      { op: 'loop', count: 0 },
      { op: 'suspend', suspension: rcu, state: 'I' },
      { op: 'loop', count: GRACE_WAKES },
      { op: 'sleep', time: { kind: 'fixed', ns: 8_000_000 }, state: 'I' },
      { op: 'run', work: NOISE_WORK },
      { op: 'end' },
      { op: 'end' },
    ]),
    kernelThread('kworker/u', null, wakes({ kind: 'exponential', meanNs: 800_000_000 }, 'I')),
    kernelThread('init', null, [
      { op: 'loop', count: 0 },
      { op: 'suspend', suspension: init },
      { op: 'run', work: REAP_WORK },
      { op: 'end' },
    ]),
    kernelThread('kworker/e', null, [
      { op: 'loop', count: 0 },
      { op: 'sleep', time: { kind: 'exponential', meanNs: 5_000_000_000 }, state: 'I' },
      { op: 'run', work: NOISE_WORK },
      { op: 'resume', suspension: everywhere },
      { op: 'end' },
    ]),
  ];
  for (const { node, cpus } of machine.nodes) {
    threads.push(kernelThread(`kcompactd${node}`, cpus, wakes({ kind: 'fixed', ns: 500_000_000 }, 'S')));
  }
  machine.online.forEach((online, cpu) => {
    if (online === 0) return;
    threads.push(kernelThread(`kworker/${cpu}:1`, [cpu], wakes({ kind: 'exponential', meanNs: 5_000_000_000 }, 'I')));
    threads.push(
      kernelThread(
        `kworker/${cpu}:2`,
        [cpu],
        [
          { op: 'loop', count: 0 },
          { op: 'suspend', suspension: everywhere, state: 'I' },
          { op: 'run', work: NOISE_WORK },
          { op: 'end' },
        ],
      ),
    );
  });
  return threads;
}

function wakes(time: Duration, state: 'S' | 'I'): Instruction[] {
  return [{ op: 'loop', count: 0 }, { op: 'sleep', time, state }, { op: 'run', work: NOISE_WORK }, { op: 'end' }];
}

function kernelThread(comm: string, cpus: readonly number[] | null, program: readonly Instruction[]): TaskKind {
  return {
    name: '',
    comm,
    policy: 'other',
    priority: 0,
    nice: 0,
    cpus,
    group: -1,
    workingSetBytes: 0,
    kthread: true,
    process: -1,
    program,
  };
}
