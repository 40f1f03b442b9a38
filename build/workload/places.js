/**
 * Where in a text something is, and what a reader has to say that is not an error.
 *
 * Readers keep offsets (one number); lines and columns, which people want, are worked out only when something is said.
 */
import { UserError } from "../base/errors.js";
/** More warnings than this about one input help nobody. */
const MAX_WARNINGS = 100;
export class WarningList {
    #list = [];
    #dropped = 0;
    add(message, place = {}) {
        if (this.#list.length === MAX_WARNINGS)
            this.#dropped++;
        else
            this.#list.push({ message, file: place.file, line: place.line, column: place.column });
    }
    get all() {
        return this.#dropped === 0 ? this.#list : [...this.#list, { message: `and ${this.#dropped} warnings more` }];
    }
}
/** A text that knows its lines. */
export class PlacedText {
    text;
    file;
    #lineStarts;
    constructor(text, file) {
        this.text = text;
        this.file = file;
    }
    place(offset) {
        const starts = (this.#lineStarts ??= lineStartsOf(this.text));
        let low = 0;
        let high = starts.length;
        while (high - low > 1) {
            const middle = (low + high) >> 1;
            if (starts[middle] <= offset)
                low = middle;
            else
                high = middle;
        }
        return { file: this.file, line: low + 1, column: offset - starts[low] + 1 };
    }
    error(code, what, offset, hint = '') {
        return new UserError(code, what, this.place(offset), hint);
    }
}
function lineStartsOf(text) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1))
        starts.push(at + 1);
    return starts;
}
/** A piece of somebody's input, fit to be quoted in a message: one line, not long. */
export function quote(text) {
    const line = text.slice(0, 80).replace(/\p{Cc}+/gu, ' ');
    return `"${line.length > 40 ? `${line.slice(0, 37)}...` : line}"`;
}
