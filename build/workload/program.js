/**
 * What tasks do: a workload is a set of task kinds, each with a program of instructions, and the things they share.
 *
 * A workload knows nothing of a scheduler. The simulated scheduler runs the programs (`sched/vm.ts`); readers (rt-app,
 * kernel-lab scenarios) and generators (hackbench, schbench, ...) only build this structure, with the functions of
 * `build.ts`, which check it.
 *
 * Tasks come into being as on a real system: the workload's `main` task runs first, on the CPU where it happens to be,
 * and forks the others, which are then placed by the scheduler under study. Times are integer nanoseconds.
 */
export function fixed(ns) {
    return { kind: 'fixed', ns };
}
/** Uniform over whole microseconds, both ends included. */
export function uniformUs(minUs, maxUs) {
    if (minUs === maxUs)
        return fixed(minUs * 1000);
    return { kind: 'uniform', minNs: minUs * 1000, maxNs: maxUs * 1000, stepNs: 1000 };
}
/** The one object `id` for every instance. */
export function ref(id) {
    return { base: id, stride: 0, shift: 0 };
}
/** An object of its own for each instance: base, base + 1, ... */
export function refByIndex(base) {
    return { base, stride: 1, shift: 0 };
}
/** An object for each pair of instances. */
export function refByPair(base) {
    return { base, stride: 1, shift: 1 };
}
