/**
 * tbench: dbench's load replayed over loopback TCP. Each client has a server of its own and does one operation at a time;
 * at most one of the two is ever runnable. @spec 25 §2
 *
 * Most operations are small, some carry a large payload: here every tenth is, rather than each with a chance of 10 %.
 */
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, unitBeginNow, unitDone, wait, waitChildren, wakeSync } from "../instructions.js";
import { refByIndex } from "../program.js";
import { count, defineGenerator, time } from "./params.js";
export const tbench = defineGenerator({
    name: 'tbench',
    summary: 'file server clients over loopback, one operation at a time',
    unit: 'operations',
    measures: 'operations done (tbench itself reports MB/s); latency: of an operation',
    params: {
        clients: count('{N}', 'clients, each with a server', { min: 1, max: 100_000 }),
        client: time('6us', 'CPU time of the client for a small operation'),
        server: time('8us', 'CPU time of the server for a small operation'),
        large: count(10, 'every so many operations one is large; 0: none', { max: 1_000_000 }),
        factor: count(5, 'how many times as long a large operation takes', { min: 1, max: 10_000 }),
        loops: count(0, 'operations of each client; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const request = refByIndex(b.semaphores('request', p.clients));
        const reply = refByIndex(b.semaphores('reply', p.clients));
        const program = (smallNs, operation) => {
            const small = operation({ kind: 'fixed', ns: smallNs });
            const large = operation({ kind: 'fixed', ns: smallNs * p.factor });
            if (p.large === 0)
                return loop(p.loops, ...small);
            const block = [...(p.large > 1 ? loop(p.large - 1, ...small) : []), ...large];
            if (p.loops === 0)
                return loop(0, ...block);
            const blocks = Math.floor(p.loops / p.large);
            const rest = p.loops % p.large;
            return [...(blocks > 0 ? loop(blocks, ...block) : []), ...(rest > 0 ? loop(rest, ...small) : [])];
        };
        const client = b.kind({
            name: 'tbench',
            program: program(p.client ?? 0, (work) => [unitBeginNow, run(work), wakeSync(request), wait(reply), unitDone]),
        });
        const server = b.kind({
            name: 'tbench_srv',
            program: program(p.server ?? 0, (work) => [wait(request), run(work), wakeSync(reply)]),
        });
        b.main([fork(server, p.clients), fork(client, p.clients), waitChildren]);
        return b.build();
    },
});
