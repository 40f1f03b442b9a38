/**
 * Taking a member's value as what it should be, or saying at its place what it is instead.
 */
import { didYouMean } from "../../base/errors.js";
import { quote } from "../places.js";
/** Microseconds that nanoseconds of a double can count. */
export const MAX_US = 9_007_199_254_740;
export class Values {
    source;
    constructor(source) {
        this.source = source;
    }
    error(what, at, hint = '') {
        return this.source.error('workload', what, at, hint);
    }
    int(m, min, max, unit = '') {
        const node = m.value;
        if (node?.type !== 'number' || !Number.isInteger(node.value))
            throw this.#wrong(m, `a whole number${unit === '' ? '' : ` of ${unit}`}`);
        if (node.value < min || node.value > max)
            throw this.error(`${quote(m.key)} is ${node.value}, not within ${min}..${max}`, node.at);
        return node.value;
    }
    bool(m) {
        if (m.value?.type !== 'boolean')
            throw this.#wrong(m, 'true or false');
        return m.value.value;
    }
    string(m) {
        if (m.value?.type !== 'string')
            throw this.#wrong(m, 'a text');
        return m.value.value;
    }
    /** A text that names something, so not the empty one. */
    name(m) {
        const text = this.string(m);
        if (text === '')
            throw this.error(`${quote(m.key)} is empty and should be a name`, m.value.at);
        return text;
    }
    choice(m, choices) {
        const text = this.string(m);
        const found = choices.find((c) => c === text);
        if (found === undefined)
            throw this.error(`${quote(m.key)} is ${quote(text)}`, m.value.at, didYouMean(text, choices));
        return found;
    }
    intArray(m, max) {
        if (m.value?.type !== 'array')
            throw this.#wrong(m, 'a list of numbers, like [0, 1]');
        return m.value.items.map((item) => {
            if (item.type !== 'number' || !Number.isInteger(item.value) || item.value < 0 || item.value > max)
                throw this.error(`${quote(m.key)} wants numbers within 0..${max}, not ${describe(item)}`, item.at);
            return item.value;
        });
    }
    object(m) {
        if (m.value?.type !== 'object')
            throw this.#wrong(m, 'an object { ... }');
        return m.value.members;
    }
    #wrong(m, wanted) {
        return this.error(`${quote(m.key)} should be ${wanted}, not ${describe(m.value)}`, m.value?.at ?? m.at);
    }
}
export function describe(node) {
    if (node === undefined)
        return 'without a value';
    if (node.type === 'string')
        return quote(node.value);
    if (node.type === 'number' || node.type === 'boolean')
        return String(node.value);
    if (node.type === 'null')
        return 'null';
    return node.type === 'array' ? 'a list' : 'an object';
}
