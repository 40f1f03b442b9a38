/**
 * rt-app events: a key is an event by its **prefix**, so "run0", "sleep_a" and "timer1" are events, and the order of
 * the tests matters: runtime before run, memrun before mem. @spec 25 §11.1, §11.6
 */
import { didYouMean } from "../../base/errors.js";
import { quote } from "../places.js";
import { MAX_US } from "./values.js";
const MAX_BYTES = 2 ** 40;
const MAX_ACCESSES = 2 ** 40;
const MEMRUN_TYPES = ['read', 'write', 'chase'];
/** In the order of the tests. */
const PARSERS = [
    ['lock', (m, v) => ({ type: 'lock', mutex: v.name(m) })],
    ['unlock', (m, v) => ({ type: 'unlock', mutex: v.name(m) })],
    ['wait', (m, v) => conditionEvent('wait', m, v)],
    ['signal', (m, v) => ({ type: 'signal', condition: v.name(m) })],
    ['broad', (m, v) => ({ type: 'broad', condition: v.name(m) })],
    ['sync', (m, v) => conditionEvent('sync', m, v)],
    ['barrier', (m, v) => ({ type: 'barrier', barrier: v.name(m) })],
    ['sleep', (m, v) => ({ type: 'sleep', us: v.int(m, 0, MAX_US, 'microseconds') })],
    ['runtime', (m, v) => ({ type: 'runtime', us: v.int(m, 0, MAX_US, 'microseconds') })],
    ['run', (m, v) => ({ type: 'run', us: v.int(m, 0, MAX_US, 'microseconds') })],
    ['timer', timerEvent],
    ['suspend', suspendEvent],
    ['resume', (m, v) => ({ type: 'resume', name: v.name(m) })],
    ['sem_post', (m, v) => ({ type: 'sem_post', semaphore: v.name(m) })],
    ['sem_wait', (m, v) => ({ type: 'sem_wait', semaphore: v.name(m) })],
    ['memrun', memrunEvent],
    ['mem', (m, v) => ({ type: 'mem', bytes: v.int(m, 0, MAX_BYTES, 'bytes') })],
    ['iorun', (m, v) => ({ type: 'iorun', bytes: v.int(m, 0, MAX_BYTES, 'bytes') })],
    ['yield', yieldEvent],
    ['fork', (m, v) => ({ type: 'fork', task: v.name(m) })],
];
export const EVENT_NAMES = PARSERS.map(([name]) => name);
/** The event a member is, or undefined if its key is none. */
export function parseEvent(m, v) {
    return PARSERS.find(([prefix]) => m.key.startsWith(prefix))?.[1](m, v);
}
function timerEvent(m, v) {
    const fields = fieldsOf(m, v, ['ref', 'period', 'mode']);
    const mode = fields.get('mode');
    const period = fields.get('period');
    return {
        type: 'timer',
        ref: v.name(required(m, v, fields, 'ref')),
        periodUs: period === undefined ? 0 : v.int(period, 0, MAX_US, 'microseconds'),
        mode: mode === undefined ? 'relative' : v.choice(mode, ['relative', 'absolute']),
    };
}
function conditionEvent(type, m, v) {
    const fields = fieldsOf(m, v, ['ref', 'mutex']);
    return {
        type,
        condition: v.name(required(m, v, fields, 'ref')),
        mutex: v.name(required(m, v, fields, 'mutex')),
    };
}
/** `"suspend",` alone and an empty name are both the task's own name. */
function suspendEvent(m, v) {
    const name = m.value === undefined ? '' : v.string(m);
    return name === '' ? { type: 'suspend' } : { type: 'suspend', name };
}
function yieldEvent(m, v) {
    if (m.value !== undefined)
        v.string(m);
    return { type: 'yield' };
}
function memrunEvent(m, v) {
    const fields = fieldsOf(m, v, ['type', 'size', 'count', 'stride', 'pattern', 'ref']);
    const type = fields.get('type');
    const stride = fields.get('stride');
    const pattern = fields.get('pattern');
    const ref = fields.get('ref');
    return {
        type: 'memrun',
        access: type === undefined ? 'read' : v.choice(type, MEMRUN_TYPES),
        size: v.int(required(m, v, fields, 'size'), 1, MAX_BYTES, 'bytes'),
        count: v.int(required(m, v, fields, 'count'), 0, MAX_ACCESSES, 'accesses'),
        stride: stride === undefined ? 64 : v.int(stride, 1, MAX_BYTES, 'bytes'),
        pattern: pattern === undefined ? 'sequential' : v.choice(pattern, ['random', 'sequential']),
        ref: ref === undefined ? '' : v.string(ref),
    };
}
/** The members of an event's object by key; an unknown or repeated key is an error. */
function fieldsOf(m, v, known) {
    const fields = new Map();
    for (const field of v.object(m)) {
        if (!known.includes(field.key))
            throw v.error(`unknown key ${quote(field.key)} in ${quote(m.key)}`, field.at, didYouMean(field.key, known));
        if (fields.has(field.key))
            throw v.error(`${quote(field.key)} is given twice`, field.at);
        fields.set(field.key, field);
    }
    return fields;
}
function required(m, v, fields, key) {
    const field = fields.get(key);
    if (field === undefined)
        throw v.error(`${quote(m.key)} has no "${key}"`, m.at);
    return field;
}
