import { expandLine } from "../expression.js";
import { quote } from "../places.js";
import { errorAt, placeAt } from "./sections.js";
/** The largest number of microseconds a spec may say: as nanoseconds it is still exact. */
export const MAX_US = 9_007_199_254_740;
export class TokenLine {
    #line;
    #expanded;
    #tokens;
    #at = 0;
    constructor(line, nrCpus) {
        this.#line = line;
        const comment = line.text.indexOf('#');
        this.#expanded = expandLine(comment < 0 ? line.text : line.text.slice(0, comment), nrCpus, false, (e, column) => {
            throw errorAt(line, column - 1, e.what, e.hint, e.code);
        });
        this.#tokens = [...this.#expanded.text.matchAll(/[^ \t]+/g)].map((m) => ({ text: m[0], index: m.index }));
    }
    next() {
        return this.#tokens[this.#at++];
    }
    /** The next word, which must be there. */
    want(what) {
        const token = this.next();
        if (token === undefined)
            throw this.errorAtEnd(`${what} is missing at the end of the line`);
        return token;
    }
    /** What follows the word given and the one space after it, to the end of the line. */
    restAfter(token) {
        this.#at = this.#tokens.length;
        return this.#expanded.text.slice(token.index + token.text.length + 1);
    }
    wantEnd() {
        const token = this.next();
        if (token !== undefined)
            throw this.error(`${quote(token.text)} is too much`, token);
    }
    int(token, what, min, max, offset = 0) {
        const text = token.text.slice(offset);
        const value = /^[-+]?\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
        if (Number.isNaN(value))
            throw this.error(`${what} should be a whole number, not ${quote(text)}`, token, '', offset);
        if (value < min || value > max)
            throw this.error(`${what} is ${value}, not within ${min}..${max}`, token, '', offset);
        return value;
    }
    /** `A` or `A..B`, in microseconds; a range that is empty counts as A. */
    range(token, what) {
        const m = /^(\d{1,16})(?:\.\.(\d{1,16}))?$/.exec(token.text);
        if (m === null)
            throw this.error(`${what} should be microseconds, A or A..B, not ${quote(token.text)}`, token);
        const a = Number(m[1]);
        const b = Math.max(a, Number(m[2] ?? a));
        if (b > MAX_US)
            throw this.error(`${what} of ${b} us is more than 104 days`, token);
        return { a, b };
    }
    /**
     * A CPU list as labgen reads it: `0-3,8,10-14/2`. CPUs that are not there are left out; null if none remains, which the
     * kernel refuses and labgen does not mind.
     */
    cpuList(token, nrCpus, offset = 0) {
        const cpus = new Set();
        for (const part of token.text.slice(offset).split(',')) {
            const m = /^(-?\d{1,9})(?:-(-?\d{1,9})(?:\/(\d{1,9}))?)?$/.exec(part);
            if (m === null)
                throw this.error(`${quote(token.text.slice(offset))} is not a list of CPUs`, token, 'like 0-3,8', offset);
            const first = Number(m[1]);
            const last = Math.min(Number(m[2] ?? first), nrCpus - 1);
            const step = Number(m[3] ?? 1);
            if (step < 1)
                throw this.error('a step of 0 in a list of CPUs', token, '', offset);
            for (let cpu = first; cpu <= last; cpu += step)
                if (cpu >= 0)
                    cpus.add(cpu);
        }
        return cpus.size === 0 ? null : [...cpus].sort((x, y) => x - y);
    }
    place(token, offset = 0) {
        return placeAt(this.#line, this.#expanded.column(token.index + offset) - 1);
    }
    error(what, token, hint = '', offset = 0) {
        return errorAt(this.#line, this.#expanded.column(token.index + offset) - 1, what, hint);
    }
    errorAtEnd(what, hint = '') {
        const end = this.#expanded.text.trimEnd().length;
        return errorAt(this.#line, this.#expanded.column(end) - 1, what, hint);
    }
}
