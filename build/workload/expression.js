/**
 * `{N*3/2}`: figures worked out from the number of CPUs.
 *
 *   sum     = product (("+" | "-") product)*
 *   product = factor (("*" | "//" | "/") factor)*
 *   factor  = number | N | ("+" | "-") factor | "(" sum ")"
 *
 * As in the kernel lab: `/` divides exactly, the result is cut towards zero at the very end; `//` rounds down.
 */
import { UserError } from "../base/errors.js";
import { quote } from "./places.js";
const MAX_EXPRESSION = 200;
/** The value of an expression without its braces. Throws `UserError` without a place. */
export function evaluateExpression(text, nrCpus) {
    if (text.length > MAX_EXPRESSION)
        throw new UserError('limit', `an expression of ${text.length} characters is too long`);
    const value = Math.trunc(new Expression(text, nrCpus).value());
    if (!Number.isSafeInteger(value))
        throw new UserError('workload', `{${text}} is ${value}, which is not a number to use`);
    return value === 0 ? 0 : value;
}
class Expression {
    #text;
    #nrCpus;
    #at = 0;
    constructor(text, nrCpus) {
        this.#text = text;
        this.#nrCpus = nrCpus;
    }
    value() {
        const value = this.#sum();
        if (this.#peek() !== '')
            throw this.#error(`"${this.#peek()}" is not expected there`);
        return value;
    }
    #sum() {
        let value = this.#product();
        for (;;) {
            if (this.#take('+'))
                value += this.#product();
            else if (this.#take('-'))
                value -= this.#product();
            else
                return value;
        }
    }
    #product() {
        let value = this.#factor();
        for (;;) {
            if (this.#take('*'))
                value *= this.#factor();
            else if (this.#take('//'))
                value = Math.floor(value / this.#divisor());
            else if (this.#take('/'))
                value /= this.#divisor();
            else
                return value;
        }
    }
    #divisor() {
        const divisor = this.#factor();
        if (divisor === 0)
            throw this.#error('it divides by zero');
        return divisor;
    }
    #factor() {
        if (this.#take('-'))
            return -this.#factor();
        if (this.#take('+'))
            return this.#factor();
        if (this.#take('N'))
            return this.#nrCpus;
        if (this.#take('(')) {
            const value = this.#sum();
            if (!this.#take(')'))
                throw this.#error('a ")" is missing');
            return value;
        }
        this.#peek();
        const digits = /^\d+/.exec(this.#text.slice(this.#at))?.[0];
        if (digits === undefined) {
            const c = this.#peek();
            throw this.#error(c === '' ? 'a figure is missing at its end' : `"${c}" is not expected there`);
        }
        this.#at += digits.length;
        return Number(digits);
    }
    /** The next character that is not a space. */
    #peek() {
        while (this.#text[this.#at] === ' ')
            this.#at++;
        return this.#text[this.#at] ?? '';
    }
    #take(word) {
        this.#peek();
        if (!this.#text.startsWith(word, this.#at))
            return false;
        this.#at += word.length;
        return true;
    }
    #error(why) {
        return new UserError('workload', `cannot work out ${quote(`{${this.#text}}`)}: ${why}`, {}, 'figures, N (the number of CPUs), + - * / and brackets');
    }
}
/**
 * Works out the expressions of one line. What is in braces and does not look like an expression is an error, or is left
 * as it is with `lenient` (a shell has braces of its own).
 */
export function expandLine(text, nrCpus, lenient, fail) {
    if (!text.includes('{'))
        return { text, column: (index) => index + 1 };
    let out = '';
    const columns = [];
    let from = 0;
    const copy = (until) => {
        for (let i = from; i < until; i++)
            columns.push(i + 1);
        out += text.slice(from, until);
    };
    for (const m of text.matchAll(/\{([^{}]*)\}/g)) {
        const inner = m[1];
        if (lenient && !/^[N0-9+\-*/ ()]+$/.test(inner))
            continue;
        copy(m.index);
        from = m.index + m[0].length;
        let value;
        try {
            value = String(evaluateExpression(inner, nrCpus));
        }
        catch (e) {
            if (e instanceof UserError)
                fail(e, m.index + 1);
            throw e;
        }
        for (let i = 0; i < value.length; i++)
            columns.push(m.index + 1);
        out += value;
    }
    copy(text.length);
    columns.push(text.length + 1);
    return { text: out, column: (index) => columns[Math.min(index, columns.length - 1)] };
}
