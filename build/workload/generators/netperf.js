/**
 * netperf TCP_RR or UDP_RR: pairs of a client and a server, one request at a time. @spec 25 §8
 */
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, unitBeginNow, unitDone, wait, waitChildren, wakeSync } from "../instructions.js";
import { refByIndex } from "../program.js";
import { count, defineGenerator, duration } from "./params.js";
export const netperf = defineGenerator({
    name: 'netperf',
    summary: 'pairs of client and server, one request at a time',
    unit: 'transactions',
    measures: 'requests answered; latency: from sending a request to having its answer',
    params: {
        pairs: count('{N}', 'pairs', { min: 1, max: 100_000 }),
        client: duration('5us..10us', 'CPU time of the client for a request'),
        server: duration('5us..10us', 'CPU time of the server for a request'),
        loops: count(0, 'requests of each pair; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const request = refByIndex(b.semaphores('request', p.pairs));
        const answer = refByIndex(b.semaphores('answer', p.pairs));
        const client = b.kind({
            name: 'netperf',
            program: loop(p.loops, unitBeginNow, run(p.client), wakeSync(request), wait(answer), unitDone),
        });
        const server = b.kind({
            name: 'netserver',
            program: loop(p.loops, wait(request), run(p.server), wakeSync(answer)),
        });
        b.main([fork(server, p.pairs), fork(client, p.pairs), waitChildren]);
        return b.build();
    },
});
