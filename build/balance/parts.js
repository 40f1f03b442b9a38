/**
 * The parts of a policy: which mechanism makes which decision of the scheduler. Each part has a closed list of values; the
 * first is mainline's.
 */
/** Parts by name. */
export const PARTS = {
    wakeup: { values: ['mainline', 'stay'], about: 'where a woken task goes; stay: where it ran last' },
    fork: { values: ['mainline', 'stay'], about: 'where a new task goes; stay: its parent’s CPU' },
    exec: { values: ['mainline', 'stay'], about: 'where a task goes when it executes a new program' },
    newidle: { values: ['full', 'off'], about: 'what a CPU does when it runs out of work; full: search its domains' },
    periodic: { values: ['on', 'off'], about: 'balance at the tick, every interval of each domain' },
    nohz: { values: ['on', 'off'], about: 'idle CPUs without a tick are balanced by one that a busy CPU kicks' },
    active: { values: ['stopper', 'off'], about: 'a running task may be moved by the stopper thread of its CPU' },
};
export const MAINLINE_PARTS = {
    wakeup: 'mainline',
    fork: 'mainline',
    exec: 'mainline',
    newidle: 'full',
    periodic: 'on',
    nohz: 'on',
    active: 'stopper',
};
