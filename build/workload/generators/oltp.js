/**
 * Databases. @spec 25 §5
 *
 * `oltp` is sysbench's read-write transaction against a server with a thread for each connection: begin, 14 reads, 4
 * writes, commit, one statement at a time. One statement in twenty waits for a lock: here the first write of each
 * transaction. A commit waits for the log, which one writer flushes for all that wait.
 *
 * `oracle` is a server process for each user, that runs and waits for short I/O by turns, and three background writers;
 * a user keeps about 0.8 CPUs busy.
 */
import { WorkloadBuilder } from "../build.js";
import { fork, ioSleep, loop, run, sleep, unitBeginNow, unitDone, wait, waitChildren, wakeSync, } from "../instructions.js";
import { fixed, ref, refByIndex } from "../program.js";
import { count, defineGenerator, duration } from "./params.js";
/** CPU time of begin and of commit, apart from the log. [our choice] */
const BEGIN_NS = 10_000;
/** A background writer: its rest, its work and its write. [our choice] */
const WRITER_REST = { kind: 'exponential', meanNs: 3_000_000 };
const WRITER_RUN = fixed(300_000);
export const oltp = defineGenerator({
    name: 'oltp',
    summary: 'a database with a thread for each connection (sysbench read-write)',
    unit: 'transactions',
    measures: 'transactions of 20 statements; latency: of a transaction, as the client sees it',
    params: {
        users: count('{N}', 'connections, each a client and a server thread', { min: 1, max: 100_000 }),
        query: duration('lognormal(60us,0.8)', 'CPU time of the server for a statement'),
        client: duration('20us', 'CPU time of the client for a statement'),
        reads: count(14, 'reads of a transaction', { max: 10_000 }),
        writes: count(4, 'writes of a transaction', { max: 10_000 }),
        lock: duration('exp(100us)', 'wait for a lock, once a transaction; 0: none'),
        flush: duration('exp(200us)', 'flushing the log (NVRAM: exp(20us)); 0: none'),
        loops: count(0, 'transactions of each connection; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0 || !isNone(p.flush),
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const request = refByIndex(b.semaphores('request', p.users));
        const answer = refByIndex(b.semaphores('answer', p.users));
        const log = ref(b.mutex('log'));
        const toFlush = ref(b.condition('to flush'));
        const flushed = ref(b.condition('flushed'));
        const statement = (...work) => [wait(request), ...work, wakeSync(answer)];
        const commit = isNone(p.flush)
            ? []
            : [
                { op: 'lock', mutex: log },
                { op: 'signal', condition: toFlush },
                { op: 'condWait', condition: flushed, mutex: log },
                { op: 'unlock', mutex: log },
            ];
        const firstWrite = [...(isNone(p.lock) ? [] : [sleep(p.lock)]), run(p.query)];
        const transaction = [
            ...statement(run(fixed(BEGIN_NS))),
            ...(p.reads > 0 ? loop(p.reads, ...statement(run(p.query))) : []),
            ...(p.writes > 0 ? statement(...firstWrite) : []),
            ...(p.writes > 1 ? loop(p.writes - 1, ...statement(run(p.query))) : []),
            ...statement(run(fixed(BEGIN_NS)), ...commit),
        ];
        const server = b.kind({ name: 'server', comm: 'connection', process: 0, program: loop(p.loops, ...transaction) });
        const client = b.kind({
            name: 'client',
            comm: 'sysbench',
            process: 1,
            program: loop(p.loops, unitBeginNow, ...loop(p.reads + p.writes + 2, run(p.client), wakeSync(request), wait(answer)), unitDone),
        });
        const forks = [fork(server, p.users), fork(client, p.users)];
        if (!isNone(p.flush)) {
            // Who comes during a flush is let go at its end: nobody can come between that and the next wait, the mutex is held.
            const writer = b.kind({
                name: 'log writer',
                comm: 'log_writer',
                process: 0,
                program: [
                    { op: 'lock', mutex: log },
                    ...loop(0, { op: 'condWait', condition: toFlush, mutex: log }, { op: 'unlock', mutex: log }, ioSleep(p.flush), { op: 'lock', mutex: log }, { op: 'broadcast', condition: flushed }),
                ],
            });
            forks.unshift(fork(writer, 1));
        }
        b.main([...forks, waitChildren]);
        return b.build();
    },
});
export const oracle = defineGenerator({
    name: 'oracle',
    summary: 'a database with a process for each user and short I/O waits',
    unit: 'transactions',
    measures: 'transactions done; latency: of a transaction',
    params: {
        users: count('{N}', 'users, each a server process', { min: 1, max: 100_000 }),
        run: duration('lognormal(150us,0.8)', 'CPU time between two waits'),
        waits: count(8, 'waits of a transaction', { min: 1, max: 10_000 }),
        io: duration('20us..60us', 'a wait for I/O'),
        writers: count(3, 'background writers', { max: 10_000 }),
        loops: count(0, 'transactions of each user; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0 || p.writers > 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const server = b.kind({
            name: 'server',
            comm: 'oracle',
            program: loop(p.loops, unitBeginNow, ...loop(p.waits, run(p.run), ioSleep(p.io)), run(p.run), unitDone),
        });
        const writer = b.kind({
            name: 'writer',
            comm: 'ora_dbw',
            program: loop(0, sleep(WRITER_REST), run(WRITER_RUN), ioSleep(p.io)),
        });
        b.main([...(p.writers > 0 ? [fork(writer, p.writers)] : []), fork(server, p.users), waitChildren]);
        return b.build();
    },
});
function isNone(d) {
    return d.kind === 'fixed' && d.ns === 0;
}
