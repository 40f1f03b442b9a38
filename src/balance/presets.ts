/**
 * Policies by the version of the kernel that has them. Each is one before it and what it changes, in the words of a
 * policy: what is not listed is as it was. @spec 22 §1
 */
import { kernelRelease } from '../trace/text-layout.ts';

export interface Preset {
  readonly name: string;
  readonly about: string;
  /** The preset it differs from; null for the one that all others come from, which is as the defaults are. */
  readonly from: string | null;
  /** What is different: `name=value`, `FEATURE`, `NO_FEATURE`. */
  readonly changes: readonly string[];
}

export const PRESETS: readonly Preset[] = [
  {
    name: 'linux-6.1',
    about: 'Linux 6.1.192: CFS, with randomised newidle balance (Debian 12)',
    from: null,
    changes: [],
  },
  {
    name: 'linux-5.15',
    about:
      'Linux 5.15: no newidle balance when idling less than the migration cost; wakeups search as SIS_PROP lets them',
    from: 'linux-6.1',
    changes: ['newidle.gate=migration_cost', 'NO_NI_RANDOM', 'SIS_PROP', 'NO_SIS_UTIL'],
  },
  {
    name: 'linux-5.16',
    about: 'Linux 5.16: the gate of newidle balance is what the lowest domain costs',
    from: 'linux-5.15',
    changes: ['newidle.gate=domain_cost'],
  },
  {
    name: 'linux-6.6',
    about: 'Linux 6.6: EEVDF without delayed dequeue, siblings compared by cores, newidle balance not randomised',
    from: 'linux-6.1',
    changes: [
      'fair=eevdf',
      'base_slice=750us',
      'NO_DELAY_DEQUEUE',
      'NO_DELAY_ZERO',
      'NO_PREEMPT_SHORT',
      'sibling_imbalance=cores',
      'NO_NI_RANDOM',
    ],
  },
  {
    name: 'linux-6.12',
    about:
      'Linux 6.12.90: EEVDF with delayed dequeue, a fair server instead of the throttle of real-time tasks, randomised newidle balance (Debian 12 backports)',
    from: 'linux-6.6',
    changes: [
      'base_slice=700us',
      'DELAY_DEQUEUE',
      'DELAY_ZERO',
      'PREEMPT_SHORT',
      'rt_runtime=-1',
      'server.runtime=50ms',
      'NI_RANDOM',
      'schedstat_version=16',
    ],
  },
  {
    name: 'linux-6.17',
    about:
      'Linux 6.17: a failed newidle balance makes the next less likely; the shortest slice of a queue bounds protection',
    from: 'linux-6.12',
    changes: ['slice_protection=shortest', 'NO_NI_RANDOM', 'newidle.cost_bump=on', 'schedstat_version=17'],
  },
  {
    name: 'linux-6.19',
    about:
      'Linux 6.19: newidle balance is tried at random instead; domains balanced one at a time are locked only when due',
    from: 'linux-6.17',
    changes: ['newidle.cost_bump=off', 'NI_RANDOM', 'serialize=due'],
  },
  {
    name: 'linux-7.0',
    about: 'Linux 7.0 in newidle balance: CPUs that seldom try may always (NI_RATE)',
    from: 'linux-6.19',
    changes: ['NI_RATE'],
  },
];

/** The preset named after the kernel of a version line, such as `Linux version 6.12.90+deb12.1-amd64 (...)`. */
export function presetOfKernel(kernel: string): string | undefined {
  const release = kernelRelease(kernel);
  if (release === null) return undefined;
  return PRESETS.find(({ name }) => name === `linux-${release[0]}.${release[1]}`)?.name;
}
