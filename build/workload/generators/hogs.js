/**
 * Tasks that never sleep: what load balancing is about at its plainest.
 */
import { WorkloadBuilder } from "../build.js";
import { fork } from "../instructions.js";
import { count, cpus, defineGenerator, nice, time } from "./params.js";
export const hogs = defineGenerator({
    name: 'hogs',
    summary: 'tasks that never sleep',
    unit: 'hogs',
    measures: 'no throughput: look at CPU shares, waiting and waste',
    params: {
        n: count('{N*2}', 'tasks', { min: 1 }),
        nice: nice(),
        cpus: cpus('the only CPUs the tasks may use'),
        at: time('0', 'when they begin'),
        jitter: time('0', 'each begins up to this much later, at random'),
    },
    endless: true,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const hog = b.kind({
            name: 'hog',
            comm: 'hog-%d',
            nice: p.nice,
            cpus: p.cpus,
            program: [{ op: 'sleepUntil', atNs: p.at ?? 0, stepNs: 0, jitterNs: p.jitter ?? 0 }, { op: 'hog' }],
        });
        b.main([{ op: 'epoch', delayNs: 0 }, fork(hog, p.n)]);
        return b.build();
    },
});
