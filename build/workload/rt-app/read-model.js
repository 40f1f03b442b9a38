/**
 * From lenient JSON to the model: what rt-app files may say, key by key. @spec 25 §11.2 - §11.5
 *
 * rt-app itself ignores what it does not know. Here an unknown key of a task, phase or event is an error, since it is
 * nearly always a misspelling; an unknown key of `global` is a warning, since real files carry such (`frag`).
 */
import { didYouMean } from "../../base/errors.js";
import { quote } from "../places.js";
import { EVENT_NAMES, parseEvent } from "./events.js";
import { parseLenientJson } from "./lenient-json.js";
import { RT_APP_POLICIES, } from "./model.js";
import { describe, MAX_US, Values } from "./values.js";
const MAX_CPU = 65535;
const MAX_LOOPS = 2 ** 31 - 1;
const MAX_INSTANCES = 1 << 20;
const FTRACE_CATEGORIES = ['main', 'task', 'run', 'loop', 'stats', 'event', 'none'];
const PROPERTY_KEYS = [
    'policy',
    'priority',
    'dl-runtime',
    'dl-period',
    'dl-deadline',
    'cpus',
    'nodes_membind',
    'membind_nodes',
    'util_min',
    'util_max',
    'taskgroup',
];
const TASK_KEYS = ['instance', 'delay', 'loop', 'phases', ...PROPERTY_KEYS];
const PHASE_KEYS = ['loop', ...PROPERTY_KEYS];
/** Old spellings of the deadline keys, at task level. */
const LEGACY_DEADLINE_KEYS = new Map([
    ['runtime', 'dl-runtime'],
    ['period', 'dl-period'],
    ['deadline', 'dl-deadline'],
]);
/** Reads a whole file. Throws `UserError` at the place of the first thing wrong. */
export function readRtAppModel(source, warnings) {
    const root = parseLenientJson(source);
    const v = new Values(source);
    if (root.type !== 'object')
        throw v.error(`an rt-app file is an object { ... }, not ${describe(root)}`, root.at);
    return new ModelReader(v, warnings).read(root);
}
class ModelReader {
    #v;
    #warnings;
    constructor(v, warnings) {
        this.#v = v;
        this.#warnings = warnings;
    }
    read(root) {
        let globalMembers = [];
        let taskMembers;
        const seen = new Set();
        for (const m of root.members) {
            if (!['global', 'tasks', 'resources'].includes(m.key))
                throw this.#v.error(`unknown key ${quote(m.key)}`, m.at, didYouMean(m.key, ['global', 'tasks', 'resources']));
            if (seen.has(m.key))
                throw this.#v.error(`"${m.key}" is given twice`, m.at);
            seen.add(m.key);
            const members = this.#v.object(m);
            if (m.key === 'global')
                globalMembers = members;
            else if (m.key === 'tasks')
                taskMembers = members;
            // "resources" is from before resources were made by being used
        }
        if (taskMembers === undefined)
            throw this.#v.error('there is no "tasks" object', root.at);
        if (taskMembers.length === 0)
            throw this.#v.error('"tasks" is empty', root.at);
        const names = new Set();
        const tasks = taskMembers.map((m) => {
            if (names.has(m.key))
                this.#warn(`a second task ${quote(m.key)}; both are kept`, m.at);
            names.add(m.key);
            return this.#task(m);
        });
        return { global: this.#global(globalMembers), tasks };
    }
    #global(members) {
        const v = this.#v;
        const g = {
            durationS: -1,
            calibration: { cpu: 0 },
            calibrationAt: 0,
            defaultPolicy: 'SCHED_OTHER',
            priorityInheritance: false,
            ftrace: [],
            ioDevice: '/dev/null',
            memBufferSize: 4194304,
        };
        const parsers = {
            duration: (m) => {
                g.durationS = v.int(m, -1, Math.floor(MAX_US / 1_000_000), 'seconds');
                if (g.durationS === 0)
                    throw v.error('a duration of 0 seconds', m.value.at, '-1: until all tasks have ended');
            },
            calibration: (m) => {
                g.calibration = this.#calibration(m);
                g.calibrationAt = m.value.at;
            },
            default_policy: (m) => {
                g.defaultPolicy = v.choice(m, RT_APP_POLICIES);
            },
            pi_enabled: (m) => {
                g.priorityInheritance = v.bool(m);
            },
            ftrace: (m) => {
                g.ftrace = this.#ftrace(m);
            },
            io_device: (m) => {
                g.ioDevice = v.name(m);
            },
            mem_buffer_size: (m) => {
                g.memBufferSize = v.int(m, 1, 2 ** 40, 'bytes');
            },
            lock_pages: (m) => v.bool(m),
            gnuplot: (m) => v.bool(m),
            cumulative_slack: (m) => v.bool(m),
            logdir: (m) => v.string(m),
            log_basename: (m) => v.string(m),
            log_size: (m) => {
                if (m.value?.type === 'string')
                    v.choice(m, ['file', 'disable', 'auto']);
                else
                    v.int(m, 0, MAX_LOOPS, 'megabytes');
            },
        };
        const seen = new Set();
        for (const m of members) {
            const parser = Object.hasOwn(parsers, m.key) ? parsers[m.key] : undefined;
            if (parser === undefined) {
                const hint = didYouMean(m.key, Object.keys(parsers));
                const close = hint.startsWith('did') ? `; ${hint}` : '';
                this.#warn(`unknown global key ${quote(m.key)} is ignored${close}`, m.at);
                continue;
            }
            if (seen.has(m.key))
                this.#warn(`"${m.key}" is given twice; the last one counts`, m.at);
            seen.add(m.key);
            parser(m);
        }
        return g;
    }
    #calibration(m) {
        if (m.value?.type === 'number')
            return { nsPerLoop: this.#v.int(m, 1, 1_000_000_000, 'ns') };
        const text = this.#v.string(m);
        const cpu = /^CPU(\d{1,5})$/i.exec(text);
        if (cpu === null)
            throw this.#v.error(`"calibration" is ${quote(text)}`, m.value.at, 'a CPU like "CPU0", or ns for each loop');
        return { cpu: Number(cpu[1]) };
    }
    #ftrace(m) {
        if (m.value?.type === 'boolean')
            return m.value.value ? FTRACE_CATEGORIES.slice(0, -1) : [];
        const categories = this.#v
            .string(m)
            .split(',')
            .map((c) => c.trim())
            .filter((c) => c !== '');
        for (const c of categories)
            if (!FTRACE_CATEGORIES.includes(c))
                throw this.#v.error(`unknown ftrace category ${quote(c)}`, m.value.at, didYouMean(c, FTRACE_CATEGORIES));
        return categories.filter((c) => c !== 'none');
    }
    #task(m) {
        const v = this.#v;
        const name = m.key;
        if (name === '')
            throw v.error('a task without a name', m.at);
        if (name.includes('%d'))
            throw v.error(`"%d" in the name ${quote(name)} stands for a number`, m.at);
        const members = v.object(m);
        const legacyDeadline = isLegacyDeadline(members);
        let instance = 1;
        let delayUs = 0;
        let loop;
        let phaseMembers;
        let firstEvent;
        const properties = [];
        const events = [];
        for (const member of this.#withoutRepeats(members, TASK_KEYS)) {
            const legacy = legacyDeadline ? LEGACY_DEADLINE_KEYS.get(member.key) : undefined;
            if (member.key === 'instance')
                instance = v.int(member, 0, MAX_INSTANCES, 'instances');
            else if (member.key === 'delay')
                delayUs = v.int(member, 0, MAX_US, 'microseconds');
            else if (member.key === 'loop')
                loop = v.int(member, -1, MAX_LOOPS);
            else if (member.key === 'phases')
                phaseMembers = v.object(member);
            else if (legacy !== undefined)
                properties.push({ ...member, key: legacy });
            else if (PROPERTY_KEYS.includes(member.key))
                properties.push(member);
            else {
                const event = this.#event(member, TASK_KEYS);
                firstEvent ??= event;
                events.push(event);
            }
        }
        if (phaseMembers !== undefined && firstEvent !== undefined)
            throw v.error(`task ${quote(name)} has "phases", so its event beside them would never run`, firstEvent.at, 'move it into a phase');
        if (phaseMembers !== undefined && phaseMembers.length === 0)
            throw v.error(`task ${quote(name)} has no phase in "phases"`, m.at);
        if (phaseMembers === undefined && events.length === 0)
            throw v.error(`task ${quote(name)} has no events`, m.at, `events: ${EVENT_NAMES.join(', ')}`);
        return {
            name,
            at: m.at,
            instance,
            delayUs,
            // With `loop` and without phases the one phase runs that often, once; else for ever by default.
            loop: loop ?? -1,
            phases: phaseMembers?.map((p) => this.#phase(p)) ?? [{ name, at: m.at, loop: 1, events }],
            ...this.#properties(properties),
        };
    }
    #phase(m) {
        let loop = 1;
        const properties = [];
        const events = [];
        for (const member of this.#withoutRepeats(this.#v.object(m), PHASE_KEYS)) {
            if (member.key === 'loop')
                loop = this.#v.int(member, -1, MAX_LOOPS);
            else if (PROPERTY_KEYS.includes(member.key))
                properties.push(member);
            else
                events.push(this.#event(member, PHASE_KEYS));
        }
        return { name: m.key, at: m.at, loop, events, ...this.#properties(properties) };
    }
    #event(m, keys) {
        const event = parseEvent(m, this.#v);
        if (event !== undefined)
            return { ...event, at: m.at };
        throw this.#v.error(`unknown key ${quote(m.key)}`, m.at, didYouMean(m.key, [...keys, ...EVENT_NAMES]));
    }
    /** Of a repeated property the last counts; events are meant to repeat. */
    #withoutRepeats(members, keys) {
        const last = new Map();
        for (const m of members) {
            if (!keys.includes(m.key))
                continue;
            if (last.has(m.key))
                this.#warn(`"${m.key}" is given twice; the last one counts`, m.at);
            last.set(m.key, m);
        }
        return members.filter((m) => !last.has(m.key) || last.get(m.key) === m);
    }
    #properties(members) {
        const v = this.#v;
        const sched = {};
        const out = {};
        for (const m of members) {
            if (m.key === 'policy')
                sched.policy = v.choice(m, RT_APP_POLICIES);
            else if (m.key === 'priority')
                sched.priority = v.int(m, -20, 99);
            else if (m.key === 'dl-runtime')
                sched.dlRuntimeUs = v.int(m, 0, MAX_US, 'microseconds');
            else if (m.key === 'dl-period')
                sched.dlPeriodUs = v.int(m, 0, MAX_US, 'microseconds');
            else if (m.key === 'dl-deadline')
                sched.dlDeadlineUs = v.int(m, 0, MAX_US, 'microseconds');
            else if (m.key === 'cpus') {
                out.cpus = v.intArray(m, MAX_CPU);
                if (out.cpus.length === 0)
                    throw v.error('"cpus" allows no CPU', m.value.at);
            }
            else if (m.key === 'util_min')
                out.utilMin = v.int(m, -1, 1024);
            else if (m.key === 'util_max')
                out.utilMax = v.int(m, -1, 1024);
            else if (m.key === 'taskgroup')
                out.taskgroup = this.#taskgroup(m);
            else
                out.membind = v.intArray(m, 1023);
        }
        if (Object.keys(sched).length > 0)
            out.sched = sched;
        return out;
    }
    #taskgroup(m) {
        const path = this.#v.string(m);
        if (path === '')
            return '';
        const parts = path.split('/');
        if (parts[0] !== '' || parts.slice(1).some((p) => p === '' || p === '.' || p === '..'))
            throw this.#v.error(`"taskgroup" is ${quote(path)}`, m.value.at, 'a path like "/group" or "/group/inner"');
        return path;
    }
    #warn(message, at) {
        this.#warnings.add(message, this.#v.source.place(at));
    }
}
/** Are `runtime`, `period` and `deadline` of this task the old spelling of the deadline keys? @spec 25 §11.5 */
function isLegacyDeadline(members) {
    const policy = members.find((m) => m.key === 'policy');
    return (policy?.value?.type === 'string' &&
        policy.value.value === 'SCHED_DEADLINE' &&
        !members.some((m) => m.key === 'dl-runtime') &&
        members.some((m) => m.key === 'runtime'));
}
