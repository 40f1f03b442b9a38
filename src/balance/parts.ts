/**
 * The parts of a policy: which mechanism makes which decision of the scheduler. Each part has a closed list of values; the
 * first is mainline's.
 */

export interface PartSpec {
  readonly values: readonly string[];
  readonly about: string;
}

/** Parts by name. */
export const PARTS = {
  fair: { values: ['cfs', 'eevdf'], about: 'who runs next on a CPU, and for how long' },
  wakeup: { values: ['mainline', 'stay'], about: 'where a woken task goes; stay: where it ran last' },
  fork: { values: ['mainline', 'stay'], about: 'where a new task goes; stay: its parent’s CPU' },
  exec: { values: ['mainline', 'stay'], about: 'where a task goes when it executes a new program' },
  newidle: {
    values: ['full', 'pull_one', 'steal', 'off_below_numa', 'off'],
    about:
      'what a CPU does when it runs out of work: search its domains; take one pushable task, then search NUMA domains; steal',
  },
  steal: { values: ['off', 'on'], about: 'after that it takes a waiting task of an overloaded CPU of its LLC' },
  shared_runq: { values: ['off', 'on'], about: 'before that it takes the head of a list of waiting tasks of its LLC' },
  push: { values: ['off', 'on'], about: 'a busy CPU gives tasks that wait to idle CPUs' },
  periodic: { values: ['on', 'off'], about: 'balance at the tick, every interval of each domain' },
  serialize: {
    values: ['visit', 'due'],
    about: 'when the lock of NUMA domains, balanced one at a time, is tried: at each visit, or when they are due',
  },
  nohz: { values: ['on', 'off'], about: 'idle CPUs without a tick are balanced by one that a busy CPU kicks' },
  active: {
    values: ['stopper', 'callback', 'off'],
    about: 'a running task may be moved by the stopper thread of its CPU, or when it is next switched out',
  },
} as const satisfies Record<string, PartSpec>;

export type PartName = keyof typeof PARTS;
export type Parts = { readonly [N in PartName]: (typeof PARTS)[N]['values'][number] };

export const MAINLINE_PARTS: Parts = {
  fair: 'cfs',
  wakeup: 'mainline',
  fork: 'mainline',
  exec: 'mainline',
  newidle: 'full',
  steal: 'off',
  shared_runq: 'off',
  push: 'off',
  periodic: 'on',
  serialize: 'visit',
  nohz: 'on',
  active: 'stopper',
};
