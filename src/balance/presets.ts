/**
 * Policies by the version of the kernel that has them. Each is one before it and what it changes, in the words of a
 * policy: what is not listed is as it was. @spec 22 §1
 */

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
    name: 'linux-6.6',
    about: 'Linux 6.6: EEVDF without delayed dequeue, newidle balance not randomised',
    from: 'linux-6.1',
    changes: [
      'fair=eevdf',
      'base_slice=750us',
      'NO_DELAY_DEQUEUE',
      'NO_DELAY_ZERO',
      'NO_PREEMPT_SHORT',
      'NO_NI_RANDOM',
    ],
  },
  {
    name: 'linux-6.12',
    about: 'Linux 6.12.90: EEVDF with delayed dequeue, randomised newidle balance (Debian 12 backports)',
    from: 'linux-6.6',
    changes: ['base_slice=700us', 'DELAY_DEQUEUE', 'DELAY_ZERO', 'PREEMPT_SHORT', 'NI_RANDOM', 'schedstat_version=16'],
  },
];
