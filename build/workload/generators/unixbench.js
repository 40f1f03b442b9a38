/**
 * The parts of unixbench that are about scheduling. @spec 25 §7
 *
 *   context1  pairs that pass a number to and fro through two pipes
 *   shell     scripts: pipelines of short commands, several scripts at a time; sensitive to newidle balancing
 *   spawn     fork, exit
 *   execl     exec again and again
 */
import { WorkloadBuilder } from "../build.js";
import { fork, loop, run, unitBeginNow, unitDone, wait, waitChildren, wakeSync } from "../instructions.js";
import { refByIndex } from "../program.js";
import { count, defineGenerator, duration } from "./params.js";
const copies = (def) => count(def, 'copies at a time', { min: 1, max: 100_000 });
const loops = count(0, 'units of each copy; 0: without end', { max: 1_000_000_000 });
export const context1 = defineGenerator({
    name: 'context1',
    summary: 'pairs that wake each other by turns (unixbench)',
    unit: 'round trips',
    measures: 'round trips, two wakeups each; latency: of a round trip',
    params: { copies: copies('1'), loops, work: duration('500ns', 'CPU time of reading and writing, of each side') },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const there = refByIndex(b.semaphores('there', p.copies));
        const back = refByIndex(b.semaphores('back', p.copies));
        const one = b.kind({
            name: 'context1',
            program: loop(p.loops, unitBeginNow, run(p.work), wakeSync(there), wait(back), unitDone),
        });
        const other = b.kind({
            name: 'context1-child',
            comm: 'context1',
            program: loop(p.loops, wait(there), run(p.work), wakeSync(back)),
        });
        b.main([fork(one, p.copies), fork(other, p.copies), waitChildren]);
        return b.build();
    },
});
export const shell = defineGenerator({
    name: 'shell',
    summary: 'scripts made of pipelines of short commands (unixbench shell1, shell8)',
    unit: 'rounds',
    measures: 'rounds of all scripts of a copy; latency: of a round',
    params: {
        copies: copies('1'),
        scripts: count(8, 'scripts at a time in each copy: 1 is shell1, 8 is shell8', { min: 1, max: 10_000 }),
        pipelines: count(3, 'pipelines of a script, one after the other', { min: 1, max: 1000 }),
        commands: count(3, 'commands of a pipeline', { min: 1, max: 1000 }),
        work: duration('500us..2ms', 'CPU time of a command'),
        loops,
    },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const command = b.kind({ name: 'command', comm: 'sh', program: [{ op: 'exec', comm: 'sort' }, run(p.work)] });
        const script = b.kind({
            name: 'script',
            comm: 'looper',
            program: [{ op: 'exec', comm: 'sh' }, ...loop(p.pipelines, fork(command, p.commands), waitChildren)],
        });
        const looper = b.kind({
            name: 'looper',
            program: loop(p.loops, unitBeginNow, fork(script, p.scripts), waitChildren, unitDone),
        });
        b.main([fork(looper, p.copies), waitChildren]);
        b.maxTasks = 1 + p.copies * (1 + p.scripts * (1 + p.commands));
        return b.build();
    },
});
export const spawn = defineGenerator({
    name: 'spawn',
    summary: 'tasks that fork a child and wait for it (unixbench)',
    unit: 'forks',
    measures: 'children forked and gone; latency: from the fork to the return of wait',
    params: { copies: copies('1'), loops, work: duration('30us', 'CPU time of a child') },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const child = b.kind({ name: 'child', comm: 'spawn', program: [run(p.work)] });
        const parent = b.kind({
            name: 'spawn',
            program: loop(p.loops, unitBeginNow, fork(child, 1), waitChildren, unitDone),
        });
        b.main([fork(parent, p.copies), waitChildren]);
        b.maxTasks = 1 + 2 * p.copies;
        return b.build();
    },
});
export const execl = defineGenerator({
    name: 'execl',
    summary: 'tasks that exec again and again (unixbench)',
    unit: 'execs',
    measures: 'execs; latency: of one, with the start of the program',
    params: { copies: copies('1'), loops, work: duration('200us', 'CPU time of starting the program') },
    endless: (p) => p.loops === 0,
    build: (p, { name }) => {
        const b = new WorkloadBuilder(name);
        const exec = { op: 'exec', comm: 'execl' };
        const task = b.kind({ name: 'execl', program: loop(p.loops, unitBeginNow, exec, run(p.work), unitDone) });
        b.main([fork(task, p.copies), waitChildren]);
        return b.build();
    },
});
