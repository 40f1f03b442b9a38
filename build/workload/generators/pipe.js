/**
 * `perf bench sched pipe`: two tasks pass one token to and fro through two pipes. A test of wakeup placement and of
 * leaving idle. @spec 25 §4
 */
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, unitBeginNow, unitDone, wait, waitChildren, wakeSync } from "../instructions.js";
import { ref } from "../program.js";
import { choice, count, cpus, defineGenerator, duration } from "./params.js";
export const pipe = defineGenerator({
    name: 'pipe',
    summary: 'two tasks that wake each other by turns',
    unit: 'round trips',
    measures: 'round trips, two wakeups each; latency: of a round trip',
    params: {
        loops: count(100_000, 'round trips; 0: without end', { max: 1_000_000_000 }),
        mode: choice(['process', 'thread'], 'process', 'what tasks are'),
        work: duration('500ns', 'CPU time of reading and writing, of each side'),
        cpus: cpus('the only CPUs the tasks may use'),
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const there = ref(b.semaphore('there'));
        const back = ref(b.semaphore('back'));
        const common = { comm: 'sched-pipe', process: p.mode === 'thread' ? 0 : -1, cpus: p.cpus };
        const ping = b.kind({
            ...common,
            name: 'ping',
            program: loop(p.loops, unitBeginNow, run(p.work), wakeSync(there), wait(back), unitDone),
        });
        const pong = b.kind({ ...common, name: 'pong', program: loop(p.loops, wait(there), run(p.work), wakeSync(back)) });
        b.main([fork(ping, 1), fork(pong, 1), waitChildren], { comm: 'sched-pipe', process: common.process });
        return b.build();
    },
});
