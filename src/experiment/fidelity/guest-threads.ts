/**
 * The guest's own threads: they look after memory and grace periods, wake now and then for a few microseconds, and a CPU
 * that was idle then looks for work of others when they sleep again (newidle balance). How often they wake was counted in
 * the records named in docs/fidelity.md. Each CPU's ksoftirqd runs what softirqs are left to it.
 */
import type { Topology } from '../../machine/topology.ts';
import { type Duration, type Instruction, type Ref, ref, type TaskKind } from '../../workload/program.ts';

/** rcu_preempt wakes so often, every two ticks, while there is work. */
const GRACE_WAKES = 3;

/** What one of these threads does when it wakes, ns of work. */
const NOISE_WORK: Duration = { kind: 'fixed', ns: 8_000 };

/** What init does when a child has died. */
const REAP_WORK: Duration = { kind: 'fixed', ns: 30_000 };

export interface GuestEvents {
  readonly rcu: Ref;
  /** A worker on each CPU has something to do. */
  readonly everywhere: Ref;
  /** Somebody died whose parent is init. */
  readonly init: Ref;
  /** The suspension of CPU 0's ksoftirqd; those of other CPUs follow. */
  readonly softirqThreads: number;
}

export function guestThreads(machine: Topology, { rcu, everywhere, init, softirqThreads }: GuestEvents): TaskKind[] {
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
    threads.push(
      kernelThread(
        `ksoftirqd/${cpu}`,
        [cpu],
        [
          { op: 'loop', count: 0 },
          { op: 'suspend', suspension: ref(softirqThreads + cpu) },
          { op: 'softirq' },
          { op: 'end' },
        ],
      ),
    );
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

export function kernelThread(comm: string, cpus: readonly number[] | null, program: readonly Instruction[]): TaskKind {
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
