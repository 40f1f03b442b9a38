/**
 * Requests that fan out: a front end calls k back ends and needs the slowest of them. @spec 25 §8
 *
 * Each front end is a closed loop with back ends of its own: think, parse, wake all k, wait for all k, merge.
 */
import { UserError } from "../../base/errors.js";
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, sleep, unitBegin, unitDone, wait, waitChildren, wakeSync } from "../instructions.js";
import { ref, refByIndex } from "../program.js";
import { count, defineGenerator, duration } from "./params.js";
const MAX_LEAVES = 500_000;
export const rpc = defineGenerator({
    name: 'rpc',
    summary: 'requests that fan out to many servers and wait for the slowest',
    unit: 'requests',
    measures: 'requests answered; latency: from the arrival of a request to its answer',
    params: {
        fronts: count('{(N+3)/4}', 'front ends, one request at a time each', { min: 1, max: 100_000 }),
        fanout: count(8, 'servers a request calls', { min: 1, max: 10_000 }),
        parse: duration('50us', 'CPU time of the front end before it calls'),
        leaf: duration('lognormal(100us,1)', 'CPU time of a server for its call'),
        merge: duration('20us', 'CPU time of the front end after the last answer'),
        think: duration('exp(1ms)', 'time until the next request arrives at a front end'),
        loops: count(0, 'requests of each front end; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        if (p.fronts * p.fanout > MAX_LEAVES)
            throw new UserError('limit', `${name}: ${p.fronts * p.fanout} servers are more than ${MAX_LEAVES}`);
        const b = new WorkloadBuilder(name);
        const forks = [];
        for (let f = 0; f < p.fronts; f++) {
            const calls = b.semaphores(`call${f}`, p.fanout);
            const answers = ref(b.semaphore(`answer${f}`));
            const leaf = b.kind({
                name: 'leaf',
                comm: 'leaf',
                program: loop(p.loops, wait(refByIndex(calls)), run(p.leaf), wakeSync(answers)),
            });
            const call = Array.from({ length: p.fanout }, (_, i) => wakeSync(ref(calls + i)));
            const front = b.kind({
                name: 'front',
                comm: 'front',
                program: loop(p.loops, sleep(p.think), unitBegin, run(p.parse), ...call, ...loop(p.fanout, wait(answers)), run(p.merge), unitDone),
            });
            forks.push(fork(leaf, p.fanout), fork(front, 1));
        }
        b.main([...forks, waitChildren]);
        return b.build();
    },
});
