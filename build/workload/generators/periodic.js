/**
 * Periodic tasks: each runs a little, then sleeps to its next period. With `policy=fifo` interference of real-time tasks;
 * `periodic:n=1,run=5us,period=1ms,policy=fifo,priority=95` is cyclictest. @spec 25 §8
 */
import { UserError } from "../../base/errors.js";
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, unitBegin, unitDone } from "../instructions.js";
import { choice, count, cpus, defineGenerator, duration, nice, time } from "./params.js";
export const periodic = defineGenerator({
    name: 'periodic',
    summary: 'periodic tasks, real-time ones too',
    unit: 'activations',
    measures: 'activations done; latency: response time, from waking up to having run',
    params: {
        n: count('{N}', 'tasks', { min: 1 }),
        run: duration('2ms', 'CPU time of an activation'),
        period: time('10ms', 'the period'),
        jitter: time('auto', 'tasks begin at random within this time; auto: the period', { words: ['auto'] }),
        loops: count(0, 'activations of each task; 0: without end'),
        policy: choice(['other', 'batch', 'idle', 'fifo', 'rr'], 'other', 'scheduling policy'),
        priority: count(50, 'priority, for fifo and rr', { min: 1, max: 99 }),
        nice: nice(),
        cpus: cpus('the only CPUs the tasks may use'),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const rt = p.policy === 'fifo' || p.policy === 'rr';
        const periodNs = p.period ?? 0;
        if (periodNs === 0)
            throw new UserError('workload', `${name}: a period of 0`);
        const task = b.kind({
            name: 'periodic',
            comm: 'periodic-%d',
            policy: p.policy,
            priority: rt ? p.priority : 0,
            nice: p.nice,
            cpus: p.cpus,
            program: [
                { op: 'sleepUntil', atNs: 0, stepNs: 0, jitterNs: p.jitter ?? periodNs },
                { op: 'begin' },
                ...loop(p.loops, unitBegin, run(p.run), unitDone, { op: 'period', ns: periodNs }),
            ],
        });
        b.main([{ op: 'epoch', delayNs: 0 }, fork(task, p.n)]);
        return b.build();
    },
});
