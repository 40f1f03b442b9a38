/**
 * A simulation: a machine, a workload and a balancing policy, run for a while.
 *
 *   next event (queue) or next tick (cursor), whichever is earlier; at one instant the queue comes first
 */
import { assert, UserError } from "../base/errors.js";
import { RECORDINGS, Recorder } from "../trace/recorder.js";
import { activateTask } from "./activate.js";
import { enableBandwidth } from "./bandwidth.js";
import { dispatch, runCpu, tickInterrupt } from "./cpu-loop.js";
import * as se from "./entity.js";
import { announceAffinity, createTask } from "./fork.js";
import { checkInvariants } from "./invariants.js";
import { initKernel, k, updateJiffies } from "./kernel.js";
import { postInitEntityUtilAvg } from "./load-avg.js";
import * as loop from "./loop.js";
import { firstActiveCpu } from "./predicates.js";
import { Programs } from "./programs.js";
import * as progress from "./progress.js";
import { setNeedResched } from "./signals.js";
import { TaskGroups } from "./task-groups.js";
import { reset as resetTimers } from "./task-timers.js";
import * as tasks from "./tasks.js";
import { Class, Policy, State } from "./tasks.js";
import { startTick } from "./tick.js";
import { checkWorkloadFits } from "./workload-check.js";
export class Simulation {
    #end;
    #check;
    /** Events and ticks handled. */
    events = 0;
    ticks = 0;
    reason = null;
    /** Boots the machine. A thread simulates one machine at a time: an earlier simulation can not go on after this. */
    constructor(options) {
        const { topology, workload, config } = options;
        checkWorkloadFits(workload, topology);
        const recorder = new Recorder(topology, options.source, config.tunables.hz, options.sink ?? null, options.record ?? RECORDINGS.figures);
        initKernel(topology, options.domains, config, recorder, new TaskGroups(workload.groups));
        resetTimers(topology.nrCpus);
        enableBandwidth();
        k.programs = new Programs(workload);
        k.hooks = options.hooks;
        const limit = options.durationNs === undefined ? workload.durationNs : options.durationNs;
        this.#end = limit ?? Number.POSITIVE_INFINITY;
        this.#check = options.checkInvariants ?? false;
        k.simulation = this;
        boot();
    }
    /** Runs until simulated time `until` (default: to the end). True when the simulation is over. */
    run(until = Number.POSITIVE_INFINITY) {
        assert(k.simulation === this, 'another simulation has been started in this thread');
        const { queue, ticks, programs } = k;
        const end = this.#end;
        const stop = Math.min(until, end);
        while (this.reason === null) {
            ticks.find();
            const tickTime = ticks.time;
            const eventTime = queue.nextTime();
            const time = eventTime <= tickTime ? eventTime : tickTime;
            if (time > stop || time === Number.POSITIVE_INFINITY) {
                if (time === Number.POSITIVE_INFINITY && end === Number.POSITIVE_INFINITY)
                    this.#finish('deadlock', k.now);
                else if (stop === end)
                    this.#finish('duration', end);
                return this.reason !== null;
            }
            k.now = time;
            if (time >= k.nextJiffyAt)
                updateJiffies();
            if (eventTime <= tickTime) {
                this.events++;
                dispatch(queue.pop());
            }
            else {
                this.ticks++;
                const { cpu } = ticks;
                ticks.taken();
                tickInterrupt(cpu);
            }
            if (this.#check)
                this.#checkBooks();
            if (programs.alive === 0)
                this.#finish('finished', k.now);
            else if (programs.stopped)
                this.#finish('stopped', k.now);
        }
        return true;
    }
    /** Simulated time, ns. */
    get now() {
        return k.now;
    }
    #finish(reason, at) {
        this.reason = reason;
        k.now = at;
        k.recorder.end(at);
    }
    #checkBooks() {
        const wrong = checkInvariants();
        assert(wrong === null, `${wrong} (event ${this.events + this.ticks}, ${k.now} ns, seed ${k.config.seed})`);
    }
    /** Throws the error that a simulation which can never end deserves. */
    failOnDeadlock() {
        if (this.reason !== 'deadlock')
            return;
        const waiting = [];
        for (let task = 2 * k.nrCpus; task < k.nrTasks && waiting.length < 5; task++) {
            if (tasks.alive[task] !== 0)
                waiting.push(`${k.programs.kindName(task)}-${progress.index[task]}`);
        }
        const more = k.programs.alive > waiting.length ? ', ...' : '';
        throw new UserError('workload', `workload "${k.programs.workload.name}" is stuck at ${k.now} ns: every task waits for another (${waiting.join(', ')}${more})`, {}, 'give it a duration, or something that wakes them');
    }
}
/** Idle CPUs, sleeping stoppers, and the main task on its CPU. */
function boot() {
    const { nrCpus } = k;
    for (let cpu = 0; cpu < nrCpus; cpu++) {
        makeIdleTask(cpu);
        makeStopper(cpu);
    }
    k.recorder.begin(0);
    const { bootCpu } = k.config.environment;
    const first = k.cpuActive[bootCpu] === 1 ? bootCpu : firstActiveCpu();
    k.thisCpu = first;
    for (let cpu = 0; cpu < nrCpus; cpu++) {
        if (k.cpuActive[cpu] === 0)
            continue;
        startTick(cpu);
        // The machine has been idle for a while.
        if (cpu !== first)
            loop.gotIdleTick[cpu] = 1;
    }
    const main = createTask(0, -1, -1);
    announceAffinity(main);
    tasks.state[main] = State.RUNNING;
    tasks.recentUsedCpu[main] = first;
    postInitEntityUtilAvg(main);
    activateTask(first, main, 0);
    setNeedResched(first);
    for (let cpu = 0; cpu < nrCpus; cpu++)
        if (k.cpuActive[cpu] !== 0)
            runCpu(cpu);
}
function makeIdleTask(cpu) {
    tasks.alive[cpu] = 1;
    tasks.schedClass[cpu] = Class.IDLE;
    tasks.prio[cpu] = 120;
    tasks.cpu[cpu] = cpu;
    tasks.onCpu[cpu] = 1;
    tasks.nrAllowed[cpu] = 1;
    tasks.allowed[cpu] = k.affinity.of([cpu]);
    se.cfsRq[cpu] = cpu;
}
function makeStopper(cpu) {
    const stopper = k.nrCpus + cpu;
    tasks.alive[stopper] = 1;
    tasks.state[stopper] = State.INTERRUPTIBLE;
    tasks.schedClass[stopper] = Class.STOP;
    tasks.policy[stopper] = Policy.FIFO;
    tasks.prio[stopper] = -1;
    tasks.cpu[stopper] = cpu;
    tasks.wakeCpu[stopper] = cpu;
    tasks.allowed[stopper] = tasks.allowed[cpu];
    tasks.nrAllowed[stopper] = 1;
    tasks.perCpuKthread[stopper] = 1;
    se.cfsRq[stopper] = cpu;
    tasks.traceId[stopper] = k.recorder.addTask({ pid: 15 + 7 * cpu, comm: `migration/${cpu}`, kind: '', kthread: true });
}
