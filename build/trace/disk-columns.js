/**
 * Rows of a trace as bytes, by column, for the file form in `disk.ts`.
 *
 *   f64  time of the first row
 *   n ×  u8      kind
 *   n ×  u8      CPU, low byte; then, on machines of more than 256 CPUs, n × u8 high byte
 *   n ×  number  time, less that of the row before
 *   n ×  number  task
 *   for each kind that there is, ascending, and each of its arguments:
 *        u8      how: 0 as numbers, 1 as numbers less the one before, 2 as f64
 *        the argument of all rows of that kind
 *
 *   number       s = sign, v = magnitude, 7 bits to a byte, the lowest first:
 *                │ more │ v5 .. v0 │ s │  │ more │ v12 .. v6 │  ...        exact to 2^53, 1 byte below 64
 *
 * Everything is little-endian. Arguments of one kind resemble each other from row to row, which is what makes the columns
 * small; f64 is for what is no whole number.
 */
import { UserError } from "../base/errors.js";
const AS_NUMBERS = 0;
const AS_DIFFERENCES = 1;
const AS_FLOATS = 2;
/** Rows take no more than this: no number takes more than eight bytes. */
export function maxEncodedBytes(rows, args) {
    return 8 + rows * (3 + 2 * 8) + 256 * 256 + args * 8;
}
export function emptyRows(capacity) {
    return {
        length: 0,
        time: new Float64Array(capacity),
        kind: new Uint8Array(capacity),
        cpu: new Uint16Array(capacity),
        task: new Int32Array(capacity),
        args: new Float64Array(4 * capacity),
    };
}
/** Where the arguments of each row begin, and the rows of each kind in their order. */
function layOut(rows, arity) {
    const firstArg = new Uint32Array(rows.length);
    const byKind = Array.from(arity, () => []);
    let next = 0;
    for (let row = 0; row < rows.length; row++) {
        const kind = rows.kind[row];
        firstArg[row] = next;
        byKind[kind].push(row);
        next += arity[kind];
    }
    return { firstArg, byKind, nrArgs: next };
}
/** The bytes of the rows; `arity` is the number of arguments by kind. */
export function encodeRows(rows, arity, wideCpus) {
    const { length, time, kind, cpu, task, args } = rows;
    const { firstArg, byKind, nrArgs } = layOut(rows, arity);
    const out = new NumberWriter(maxEncodedBytes(length, nrArgs));
    out.float(time[0] ?? 0);
    out.raw(kind.subarray(0, length));
    for (let row = 0; row < length; row++)
        out.byte(cpu[row] & 0xff);
    if (wideCpus)
        for (let row = 0; row < length; row++)
            out.byte(cpu[row] >>> 8);
    for (let row = 0; row < length; row++)
        out.number(row === 0 ? 0 : time[row] - time[row - 1]);
    for (let row = 0; row < length; row++)
        out.number(task[row]);
    const column = new Float64Array(length);
    byKind.forEach((rowsOfKind, k) => {
        for (let i = 0; rowsOfKind.length > 0 && i < arity[k]; i++) {
            for (let j = 0; j < rowsOfKind.length; j++)
                column[j] = args[firstArg[rowsOfKind[j]] + i];
            out.column(column.subarray(0, rowsOfKind.length));
        }
    });
    return out.bytes();
}
/** Puts the rows that `encodeRows` made `bytes` of into `rows`. Throws `UserError` if it cannot have. */
export function decodeRows(bytes, length, arity, wideCpus, rows) {
    const input = new NumberReader(bytes);
    rows.length = length;
    const base = input.float();
    rows.kind.set(input.raw(length));
    const low = input.raw(length);
    const high = wideCpus ? input.raw(length) : null;
    for (let row = 0; row < length; row++)
        rows.cpu[row] = low[row] | (high === null ? 0 : high[row] << 8);
    let timeNs = base;
    for (let row = 0; row < length; row++) {
        const gap = input.number();
        if (gap < 0)
            throw damaged('time goes back');
        timeNs += gap;
        rows.time[row] = timeNs;
    }
    for (let row = 0; row < length; row++)
        rows.task[row] = input.number();
    for (let row = 0; row < length; row++) {
        if (rows.kind[row] >= arity.length)
            throw damaged('an event is of an unknown kind');
    }
    const { firstArg, byKind, nrArgs } = layOut(rows, arity);
    if (rows.args.length < nrArgs)
        rows.args = new Float64Array(nrArgs);
    const column = new Float64Array(length);
    byKind.forEach((rowsOfKind, k) => {
        for (let i = 0; rowsOfKind.length > 0 && i < arity[k]; i++) {
            input.column(column.subarray(0, rowsOfKind.length));
            for (let j = 0; j < rowsOfKind.length; j++)
                rows.args[firstArg[rowsOfKind[j]] + i] = column[j];
        }
    });
    input.end();
}
class NumberWriter {
    #bytes;
    #view;
    #at = 0;
    constructor(capacity) {
        this.#bytes = new Uint8Array(capacity);
        this.#view = new DataView(this.#bytes.buffer);
    }
    bytes() {
        return this.#bytes.subarray(0, this.#at);
    }
    byte(value) {
        this.#bytes[this.#at++] = value;
    }
    raw(bytes) {
        this.#bytes.set(bytes, this.#at);
        this.#at += bytes.length;
    }
    float(value) {
        this.#view.setFloat64(this.#at, value, true);
        this.#at += 8;
    }
    number(value) {
        const bytes = this.#bytes;
        let at = this.#at;
        const sign = value < 0 ? 1 : 0;
        let rest = Math.abs(value);
        if (rest < 64)
            bytes[at++] = sign | (rest << 1);
        else {
            const high = Math.floor(rest / 64);
            bytes[at++] = 128 | sign | ((rest - high * 64) << 1);
            rest = high;
            while (rest > 0x7fffffff) {
                const next = Math.floor(rest / 128);
                bytes[at++] = 128 | (rest - next * 128);
                rest = next;
            }
            let small = rest | 0;
            while (small > 127) {
                bytes[at++] = 128 | (small & 127);
                small >>>= 7;
            }
            bytes[at++] = small;
        }
        this.#at = at;
    }
    /** In the way that takes the fewest bytes. */
    column(values) {
        let plain = 0;
        let differences = 0;
        let before = 0;
        for (let i = 0; i < values.length; i++) {
            const value = values[i];
            plain += numberBytes(value);
            differences += numberBytes(value - before);
            before = value;
        }
        if (plain === Number.POSITIVE_INFINITY) {
            this.byte(AS_FLOATS);
            for (let i = 0; i < values.length; i++)
                this.float(values[i]);
            return;
        }
        const direct = plain <= differences;
        this.byte(direct ? AS_NUMBERS : AS_DIFFERENCES);
        before = 0;
        for (let i = 0; i < values.length; i++) {
            const value = values[i];
            this.number(direct ? value : value - before);
            before = value;
        }
    }
}
/** Bytes that `number` takes; infinitely many for what it cannot write. */
function numberBytes(value) {
    if (!Number.isSafeInteger(value) || Object.is(value, -0))
        return Number.POSITIVE_INFINITY;
    let rest = Math.abs(value);
    let bytes = 1;
    for (let limit = 64; rest >= limit; limit = 128) {
        rest = Math.floor(rest / limit);
        bytes++;
    }
    return bytes;
}
class NumberReader {
    #bytes;
    #view;
    #at = 0;
    constructor(bytes) {
        this.#bytes = bytes;
        this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    raw(length) {
        this.#need(length);
        this.#at += length;
        return this.#bytes.subarray(this.#at - length, this.#at);
    }
    float() {
        this.#need(8);
        this.#at += 8;
        return this.#view.getFloat64(this.#at - 8, true);
    }
    number() {
        const bytes = this.#bytes;
        const first = this.#byte();
        let value = (first >>> 1) & 63;
        if (first >= 128) {
            let scale = 64;
            let byte = 128;
            while (byte >= 128 && scale < 2 ** 53) {
                byte = bytes[this.#at] ?? 0;
                this.#at++;
                value += (byte & 127) * scale;
                scale *= 128;
            }
            if (byte >= 128 || value > Number.MAX_SAFE_INTEGER)
                throw damaged('a number is too large');
            this.#need(0);
        }
        return (first & 1) !== 0 ? -value : value;
    }
    column(values) {
        const how = this.#byte();
        if (how > AS_FLOATS)
            throw damaged('a column is written in an unknown way');
        let before = 0;
        for (let i = 0; i < values.length; i++) {
            before = how === AS_FLOATS ? this.float() : how === AS_NUMBERS ? this.number() : before + this.number();
            values[i] = before;
        }
    }
    /** All bytes have been used. */
    end() {
        if (this.#at !== this.#bytes.length)
            throw damaged('there is more than the rows');
    }
    #byte() {
        this.#need(1);
        return this.#bytes[this.#at++];
    }
    #need(length) {
        if (this.#at + length > this.#bytes.length)
            throw damaged('rows are cut off');
    }
}
function damaged(what) {
    return new UserError('format', `the trace file is damaged: ${what}`);
}
