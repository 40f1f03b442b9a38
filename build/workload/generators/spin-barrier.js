/**
 * Numerical programs whose threads wait by spinning: a thread that waits burns its CPU, so one that is not running makes
 * all others waste theirs. @spec 23 §4
 *
 *   lu  a pipeline: iteration i of thread k may begin when iteration i of thread k - 1 is done
 *   ep  no waiting but for one barrier at the end
 */
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, waitChildren, wake } from "../instructions.js";
import { ref, refByIndex } from "../program.js";
import { count, cpus, defineGenerator, duration } from "./params.js";
const PROCESS = 0;
/** Tokens of a first thread that never ends: more than can be used. */
const ENOUGH = 2 ** 30;
const STAGE_DONE = { op: 'unitDone', units: 1, timed: false };
const params = {
    threads: count('{N}', 'threads (NAS on 64 cores: 60)', { min: 1, max: 100_000 }),
    stage: duration('1ms', 'CPU time of a stage'),
    cpus: cpus('the only CPUs the threads may use'),
};
export const lu = defineGenerator({
    name: 'lu',
    summary: 'a pipeline of threads that wait by spinning (NAS lu)',
    unit: 'stages',
    measures: 'stages done by all threads; the run time is the time to the last exit',
    params: { ...params, iterations: count(5000, 'stages of each thread; 0: without end', { max: 1_000_000_000 }) },
    endless: (p) => p.iterations === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        // Thread k waits for entry k, which its predecessor fills; nobody waits for the last.
        const first = b.semaphore('stage', p.iterations === 0 ? ENOUGH : p.iterations);
        b.semaphores('stage', p.threads);
        const thread = b.kind({
            name: 'lu',
            comm: 'lu-%d',
            process: PROCESS,
            cpus: p.cpus,
            program: loop(p.iterations, { op: 'spinWait', semaphore: refByIndex(first) }, run(p.stage), wake(refByIndex(first + 1)), STAGE_DONE),
        });
        b.main([fork(thread, p.threads), waitChildren], { comm: 'lu', process: PROCESS });
        return b.build();
    },
});
export const ep = defineGenerator({
    name: 'ep',
    summary: 'threads that compute and meet once at the end, spinning (NAS ep)',
    unit: 'stages',
    measures: 'stages done by all threads; the run time is the time to the last exit',
    params: { ...params, iterations: count(5000, 'stages of each thread', { min: 1, max: 1_000_000_000 }) },
    endless: false,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const end = ref(b.barrier('end', p.threads));
        const thread = b.kind({
            name: 'ep',
            comm: 'ep-%d',
            process: PROCESS,
            cpus: p.cpus,
            program: [...loop(p.iterations, run(p.stage), STAGE_DONE), { op: 'barrier', barrier: end, spin: true }],
        });
        b.main([fork(thread, p.threads), waitChildren], { comm: 'ep', process: PROCESS });
        return b.build();
    },
});
