/**
 * schbench: message threads that wake workers, and workers that do what a web server does. @spec 25 §3
 *
 * New:  worker: hand itself to its message thread and wake it; wait; sleep (the network); take the lock of the CPU it is
 *       on; compute; release. The lock punishes moving a worker while it holds it.
 *       With `rps` the message threads wake workers at a fixed rate instead of on request.
 * Old:  the message thread wakes all its workers, each of them thinks, and when all have, it sleeps a while.
 *
 * `schbench:m=4,t=256,think=1us..2us,sleep=0,lock=no,pin=yes` is the storm of wakeups of spec 22 §4.
 */
import { UserError } from "../../base/errors.js";
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, sleep, unitBegin, unitDone, wait, waitChildren, wake } from "../instructions.js";
import { fixed, ref } from "../program.js";
import { autoCount, count, defineGenerator, duration, flag, time } from "./params.js";
/** Three matrices, each a third of this. */
const FOOTPRINT = 256 << 10;
/** CPU time of a message thread for waking one worker. [our choice] */
const POST_NS = 1000;
const PROCESS = 0;
const MAX_TASKS = 1_000_000;
const threads = {
    m: count(1, 'message threads', { min: 1, max: 10_000 }),
    t: autoCount('workers of each message thread; auto: CPUs / m'),
};
export const schbench = defineGenerator({
    name: 'schbench',
    summary: 'message threads waking workers, as in a web server (new)',
    unit: 'requests',
    measures: 'requests done; latency: of a request, from the wakeup to having computed',
    params: {
        ...threads,
        think: duration('17ms', 'CPU time of a request'),
        sleep: duration('100us', 'sleep within a request, before computing; 0: none'),
        lock: flag(true, 'compute with the lock of the CPU held'),
        rps: count(0, 'requests per second of all message threads; 0: as fast as workers ask'),
        pin: flag(false, 'message threads on the first CPUs, one each, workers on the others'),
        loops: count(0, 'requests of each worker; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0 || p.rps > 0,
    build: (p, { name, nrCpus }) => {
        const b = new WorkloadBuilder(name);
        const workers = workersOf(name, p.m, p.t, nrCpus);
        if (p.pin && nrCpus < 2)
            throw new UserError('workload', `${name}: pin needs two CPUs or more`);
        const messengerCpus = Math.min(p.m, nrCpus - 1);
        const workerCpus = p.pin ? range(messengerCpus, nrCpus) : null;
        const compute = p.lock ? [{ op: 'lockCpu' }, run(p.think), { op: 'unlockCpu' }] : [run(p.think)];
        const network = p.sleep.kind === 'fixed' && p.sleep.ns === 0 ? [] : [sleep(p.sleep)];
        const forks = [];
        for (let m = 0; m < p.m; m++) {
            const inbox = ref(b.semaphore(`inbox${m}`));
            const go = ref(b.semaphore(`go${m}`));
            const request = [wait(go), unitBegin, ...network, ...compute, unitDone];
            const worker = b.kind({
                name: 'worker',
                comm: 'schbench',
                process: PROCESS,
                cpus: workerCpus,
                workingSetBytes: FOOTPRINT,
                program: loop(p.loops, ...(p.rps > 0 ? [] : [wake(inbox)]), ...request),
            });
            const post = [run(fixed(POST_NS)), wake(go)];
            const messenger = b.kind({
                name: 'messenger',
                comm: 'schbench-msg',
                process: PROCESS,
                cpus: p.pin ? [m % messengerCpus] : null,
                program: p.rps > 0
                    ? [{ op: 'begin' }, ...loop(0, ...post, { op: 'period', ns: Math.max(1, Math.round((1e9 * p.m) / p.rps)) })]
                    : loop(p.loops * workers, wait(inbox), ...post),
            });
            forks.push(fork(messenger, 1), fork(worker, workers));
        }
        b.main([...forks, waitChildren], { comm: 'schbench', process: PROCESS });
        return b.build();
    },
});
export const schbenchOld = defineGenerator({
    name: 'schbench-old',
    summary: 'message threads waking all their workers at once (old)',
    unit: 'requests',
    measures: 'thinks done; latency: from the wakeup to having thought',
    params: {
        ...threads,
        think: duration('30ms', 'CPU time of a think'),
        sleep: time('30ms', 'sleep of the message thread between rounds'),
        loops: count(0, 'rounds; 0: without end', { max: 1_000_000_000 }),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name, nrCpus }) => {
        const b = new WorkloadBuilder(name);
        const workers = workersOf(name, p.m, p.t, nrCpus);
        const forks = [];
        for (let m = 0; m < p.m; m++) {
            const done = ref(b.semaphore(`done${m}`));
            const go = ref(b.semaphore(`go${m}`));
            const worker = b.kind({
                name: 'worker',
                comm: 'schbench',
                process: PROCESS,
                program: loop(p.loops, wait(go), unitBegin, run(p.think), unitDone, wake(done)),
            });
            const round = [run(fixed(POST_NS)), wake(go)];
            const messenger = b.kind({
                name: 'messenger',
                comm: 'schbench-msg',
                process: PROCESS,
                program: loop(p.loops, ...loop(workers, ...round), ...loop(workers, wait(done)), sleep(fixed(p.sleep ?? 0))),
            });
            forks.push(fork(messenger, 1), fork(worker, workers));
        }
        b.main([...forks, waitChildren], { comm: 'schbench', process: PROCESS });
        return b.build();
    },
});
function workersOf(name, m, t, nrCpus) {
    const workers = t > 0 ? t : Math.max(1, Math.ceil(nrCpus / m));
    if (m * (workers + 1) > MAX_TASKS)
        throw new UserError('limit', `${name}: more than ${MAX_TASKS} tasks`);
    return workers;
}
function range(from, to) {
    return Array.from({ length: to - from }, (_, i) => from + i);
}
