/**
 * Tasks that run and sleep by turns for random times: bursts short enough that newly idle CPUs look for work all the
 * time. The load of the benchmarks.
 */
import { WorkloadBuilder } from "../build.js";
import { typicalMaxNs } from "../duration.js";
import { fork, loop, run, sleep, unitBegin, unitDone } from "../instructions.js";
import { count, cpus, defineGenerator, duration, nice, time } from "./params.js";
export const runsleep = defineGenerator({
    name: 'runsleep',
    summary: 'tasks that run and sleep by turns, for random times',
    unit: 'bursts',
    measures: 'bursts of running done; latency: from waking up to the end of the burst',
    params: {
        n: count('{N*3/2}', 'tasks', { min: 1 }),
        run: duration('1ms..8ms', 'CPU time of a burst'),
        sleep: duration('1ms..8ms', 'sleep between bursts'),
        offset: time('auto', 'tasks begin at random within this time; auto: the longest burst and sleep', {
            words: ['auto'],
        }),
        loops: count(0, 'bursts of each task; 0: without end'),
        nice: nice(),
        cpus: cpus('the only CPUs the tasks may use'),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const offsetNs = p.offset ?? wholeUs(typicalMaxNs(p.run) + typicalMaxNs(p.sleep));
        const task = b.kind({
            name: 'runsleep',
            comm: 'runsleep-%d',
            nice: p.nice,
            cpus: p.cpus,
            program: [
                { op: 'sleepUntil', atNs: 0, stepNs: 0, jitterNs: offsetNs },
                ...loop(p.loops, unitBegin, run(p.run), unitDone, sleep(p.sleep)),
            ],
        });
        b.main([{ op: 'epoch', delayNs: 0 }, fork(task, p.n)]);
        return b.build();
    },
});
/** Offsets are drawn in whole microseconds. */
function wholeUs(ns) {
    return Math.ceil(ns / 1000) * 1000;
}
