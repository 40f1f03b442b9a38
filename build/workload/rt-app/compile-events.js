import { quote } from "../places.js";
import { fixed, ref, refByIndex } from "../program.js";
const MEM_BYTES_PER_NS = 10;
const LATENCIES = [
    [32 << 10, 1],
    [1 << 20, 4],
    [32 << 20, 20],
    [Number.POSITIVE_INFINITY, 110],
];
const ACCESSES_IN_FLIGHT = 4;
const IO_CALL_NS = 1000;
const IO_DEVICE_NS = 100_000;
const IO_DEVICE_NS_PER_BYTE = 2;
/** Instances of a forked task that can have a timer of their own. */
const MAX_FORKED = 1 << 16;
const MAX_TIMERS = 1 << 20;
/** Names of one kind of resource, made at first use. */
class Names {
    #ids = new Map();
    #make;
    constructor(make) {
        this.#make = make;
    }
    ref(name) {
        let id = this.#ids.get(name);
        if (id === undefined) {
            id = this.#make(name);
            this.#ids.set(name, id);
        }
        return ref(id);
    }
}
export class EventCompiler {
    #model;
    #source;
    #builder;
    #options;
    #mutexes;
    #conditions;
    #semaphores;
    #suspensions;
    #timers;
    #barriers;
    /** Timers of each instance's own, by task and name. */
    #ownTimers = new Map();
    #forked;
    #memruns = new Map();
    #nrTimers = 0;
    constructor(model, source, builder, options) {
        this.#model = model;
        this.#source = source;
        this.#builder = builder;
        this.#options = options;
        this.#mutexes = new Names((name) => builder.mutex(name, model.global.priorityInheritance));
        this.#conditions = new Names((name) => builder.condition(name));
        this.#semaphores = new Names((name) => builder.semaphore(name));
        this.#suspensions = new Names((name) => builder.suspension(name));
        this.#timers = new Names((name) => builder.timer(name));
        const parties = barrierParties(model);
        this.#barriers = new Names((name) => builder.barrier(name, parties.get(name)));
        this.#forked = forkTargets(model);
        this.#checkCalibration();
    }
    /** `held`: the mutexes the task holds here, kept up to date. */
    compile(e, task, held) {
        switch (e.type) {
            case 'run':
                return this.#busy(this.#workNs(e.us));
            case 'runtime':
                return e.us === 0 ? [] : [{ op: 'runtime', ns: e.us * 1000 }];
            case 'sleep':
                return e.us === 0 ? [] : [{ op: 'sleep', time: fixed(e.us * 1000), state: 'S' }];
            case 'timer':
                return [{ op: 'timer', timer: this.#timer(e.ref, task, e.at), periodNs: e.periodUs * 1000, mode: e.mode }];
            case 'lock':
                held.add(e.mutex);
                return [{ op: 'lock', mutex: this.#mutexes.ref(e.mutex) }];
            case 'unlock':
                held.delete(e.mutex);
                return [{ op: 'unlock', mutex: this.#mutexes.ref(e.mutex) }];
            case 'wait':
                return [this.#condWait(e.condition, e.mutex)];
            case 'sync':
                return this.#sync(e.condition, e.mutex, held);
            case 'signal':
                return [{ op: 'signal', condition: this.#conditions.ref(e.condition) }];
            case 'broad':
                return [{ op: 'broadcast', condition: this.#conditions.ref(e.condition) }];
            case 'barrier':
                if (task.instance === 0 || this.#forked.has(task.name))
                    throw this.#error(`a barrier in ${quote(task.name)}, which is forked: nobody knows how many come`, e.at);
                return [{ op: 'barrier', barrier: this.#barriers.ref(e.barrier), spin: false }];
            case 'suspend': {
                const own = e.name === undefined || this.#options.suspend === 'own_name';
                return [{ op: 'suspend', suspension: this.#suspensions.ref(own ? task.name : e.name) }];
            }
            case 'resume':
                return [{ op: 'resume', suspension: this.#suspensions.ref(e.name) }];
            case 'sem_post':
                return [{ op: 'wake', semaphore: this.#semaphores.ref(e.semaphore), count: 1, sync: false }];
            case 'sem_wait':
                return [{ op: 'wait', semaphore: this.#semaphores.ref(e.semaphore) }];
            case 'mem':
                return this.#busy(Math.ceil(e.bytes / MEM_BYTES_PER_NS));
            case 'memrun':
                return this.#busy(this.#memrunNs(e));
            case 'iorun':
                return this.#io(e.bytes);
            case 'yield':
                return [{ op: 'yield' }];
            case 'fork': {
                const kind = this.#model.tasks.findIndex((t) => t.name === e.task);
                if (kind < 0)
                    throw this.#error(`there is no task ${quote(e.task)} to fork`, e.at);
                return [{ op: 'fork', kind: kind + 1, count: 1 }];
            }
        }
    }
    #busy(ns) {
        return ns === 0 ? [] : [{ op: 'run', work: fixed(ns) }];
    }
    /** `run` of t us: whole loops of the calibrated length; or t us on the CPU it was calibrated on. @spec 25 §11.3 */
    #workNs(us) {
        const c = this.#model.global.calibration;
        if ('nsPerLoop' in c)
            return Math.floor((us * 1000) / c.nsPerLoop) * c.nsPerLoop;
        return Math.round(us * 1000 * ((this.#options.capacities?.[c.cpu] ?? 1024) / 1024));
    }
    #checkCalibration() {
        const c = this.#model.global.calibration;
        if ('cpu' in c && c.cpu >= this.#options.nrCpus)
            throw this.#error(`"calibration" is on CPU ${c.cpu}, this machine has 0..${this.#options.nrCpus - 1}`, this.#model.global.calibrationAt);
    }
    #condWait(condition, mutex) {
        return { op: 'condWait', condition: this.#conditions.ref(condition), mutex: this.#mutexes.ref(mutex) };
    }
    /** lock, signal, wait, unlock; where the file has locked the mutex itself (video-short does), without that. */
    #sync(condition, mutex, held) {
        const inner = [
            { op: 'signal', condition: this.#conditions.ref(condition) },
            this.#condWait(condition, mutex),
        ];
        if (held.has(mutex))
            return inner;
        const m = this.#mutexes.ref(mutex);
        return [{ op: 'lock', mutex: m }, ...inner, { op: 'unlock', mutex: m }];
    }
    /** A name that begins with "unique" is a timer of each instance's own. */
    #timer(name, task, at) {
        if (!name.startsWith('unique'))
            return this.#timers.ref(name);
        let own = this.#ownTimers.get(task);
        if (own === undefined)
            this.#ownTimers.set(task, (own = new Map()));
        let timer = own.get(name);
        if (timer === undefined) {
            const count = Math.max(1, task.instance + (this.#forked.has(task.name) ? MAX_FORKED : 0));
            if ((this.#nrTimers += count) > MAX_TIMERS)
                throw this.#source.error('limit', `more than ${MAX_TIMERS} timers`, at);
            timer = refByIndex(this.#builder.timers(`${task.name}/${name}`, count));
            own.set(name, timer);
        }
        return timer;
    }
    #memrunNs(e) {
        if (e.ref !== '') {
            const first = this.#memruns.get(e.ref) ?? e;
            this.#memruns.set(e.ref, first);
            if (first.access !== e.access ||
                first.size !== e.size ||
                first.count !== e.count ||
                first.stride !== e.stride ||
                first.pattern !== e.pattern)
                throw this.#error(`memrun ${quote(e.ref)} has other parameters elsewhere in the file`, e.at);
        }
        const latency = LATENCIES.find(([bytes]) => e.size <= bytes)[1];
        const dependent = e.access === 'chase' && e.pattern === 'random';
        return Math.ceil((e.count * latency) / (dependent ? 1 : ACCESSES_IN_FLIGHT));
    }
    #io(bytes) {
        const out = this.#busy(Math.ceil(bytes / MEM_BYTES_PER_NS) + IO_CALL_NS);
        if (this.#model.global.ioDevice !== '/dev/null')
            out.push({ op: 'sleep', time: fixed(IO_DEVICE_NS + bytes * IO_DEVICE_NS_PER_BYTE), state: 'D', io: true });
        return out;
    }
    #error(what, at) {
        return this.#source.error('workload', what, at);
    }
}
/** How many threads use each barrier: every instance of a task that names it, once. */
function barrierParties(model) {
    const parties = new Map();
    for (const task of model.tasks) {
        const names = new Set();
        for (const phase of task.phases)
            for (const e of phase.events)
                if (e.type === 'barrier')
                    names.add(e.barrier);
        for (const name of names)
            parties.set(name, (parties.get(name) ?? 0) + Math.max(1, task.instance));
    }
    return parties;
}
function forkTargets(model) {
    const names = new Set();
    for (const task of model.tasks)
        for (const phase of task.phases)
            for (const e of phase.events)
                if (e.type === 'fork')
                    names.add(e.task);
    return names;
}
