/**
 * A cursor over the bytes of one line of text. Every method either takes what it is for and moves on, or sets `failed` and
 * takes nothing more from the line; so a parser checks once, at the end of the line. Nothing is allocated.
 */
const SPACE = 32;
const MINUS = 45;
/** 2^64 in two parts that are exact in a number: 18446744073 * 10^9 + 709551616. */
const TWO_64_HIGH = 18446744073;
const TWO_64_LOW = 709551616;
/** A name of a task has at most 15 bytes. */
export const MAX_COMM = 15;
export class TextScanner {
    bytes;
    at = 0;
    end = 0;
    failed = false;
    /** Of the last `hex`. */
    low = 0;
    high = 0;
    /** Of the last `time`. */
    timeNs = 0;
    constructor(bytes) {
        this.bytes = bytes;
    }
    line(from, to) {
        this.at = from;
        this.end = to;
        this.failed = false;
    }
    skipSpaces() {
        const { bytes, end } = this;
        let at = this.at;
        while (at < end && bytes[at] === SPACE)
            at++;
        this.at = at;
    }
    /** Moves to the next space. */
    skipWord() {
        const { bytes, end } = this;
        let at = this.at;
        while (at < end && bytes[at] !== SPACE)
            at++;
        this.at = at;
    }
    /** Takes the byte. */
    byte(code) {
        if (this.at < this.end && this.bytes[this.at] === code)
            this.at++;
        else
            this.failed = true;
    }
    /** Whether `word` comes here; the cursor stays. */
    looksAt(word, at = this.at) {
        const { bytes } = this;
        if (at + word.length > this.end)
            return false;
        for (let i = 0; i < word.length; i++)
            if (bytes[at + i] !== word[i])
                return false;
        return true;
    }
    /** A decimal number without sign, at most 15 digits. */
    count() {
        const { bytes, end } = this;
        const from = this.at;
        let at = from;
        let value = 0;
        for (let digit; at < end && (digit = bytes[at] - 48) >= 0 && digit <= 9; at++)
            value = value * 10 + digit;
        if (at === from || at - from > 15)
            this.failed = true;
        this.at = at;
        return value;
    }
    /**
     * A decimal number of 64 bits, signed or not: from 2^63 on it is the negative number of the same bits, so that what is
     * small in size is exact.
     */
    decimal() {
        const { bytes, end } = this;
        const negative = this.at < end && bytes[this.at] === MINUS;
        const from = negative ? this.at + 1 : this.at;
        let at = from;
        let value = 0;
        for (let digit; at < end && (digit = bytes[at] - 48) >= 0 && digit <= 9; at++)
            value = value * 10 + digit;
        const digits = at - from;
        if (digits === 0 || digits > 20)
            this.failed = true;
        if (digits === 20)
            value = this.#wrapped(from);
        else if (value >= 2 ** 63)
            value -= 2 ** 64;
        this.at = at;
        return negative && value !== 0 ? -value : value;
    }
    /** Twenty digits from `from`, minus 2^64. */
    #wrapped(from) {
        const { bytes } = this;
        let high = 0;
        let low = 0;
        for (let i = 0; i < 11; i++)
            high = high * 10 + bytes[from + i] - 48;
        for (let i = 11; i < 20; i++)
            low = low * 10 + bytes[from + i] - 48;
        const value = (high - TWO_64_HIGH) * 1e9 + (low - TWO_64_LOW);
        if (value >= 0)
            this.failed = true;
        return value;
    }
    /** A hexadecimal number of 64 bits with or without 0x, into `low` and `high`; signed as in `decimal`. */
    hex() {
        const { bytes, end } = this;
        let at = this.at;
        if (at + 2 < end && bytes[at] === 48 && bytes[at + 1] === 120)
            at += 2;
        const from = at;
        let low = 0;
        let high = 0;
        for (; at < end; at++) {
            const digit = hexDigit(bytes[at]);
            if (digit < 0)
                break;
            high = (high << 4) | (low >>> 28);
            low = (low << 4) | digit;
        }
        if (at === from || at - from > 16)
            this.failed = true;
        this.at = at;
        this.low = low >>> 0;
        this.high = high >>> 0;
        return high * 2 ** 32 + this.low;
    }
    /**
     * Where a bare name ends that begins here, and that `next` and a number follow. It has 15 bytes at most, any of them; of
     * the places where it could end, the last is taken.
     */
    bareEnd(next) {
        for (let at = Math.min(this.at + MAX_COMM, this.end); at >= this.at; at--) {
            if (!this.looksAt(next, at))
                continue;
            const code = this.bytes[at + next.length];
            if (code === MINUS || isDigit(code))
                return at;
        }
        this.failed = true;
        return this.end;
    }
    /** Seconds, a dot and up to nine decimals, into `timeNs`. */
    time() {
        const seconds = this.count();
        this.byte(46);
        const from = this.at;
        let fraction = this.count();
        const digits = this.at - from;
        if (digits > 9 || seconds > 1e10)
            this.failed = true;
        for (let i = digits; i < 9; i++)
            fraction *= 10;
        this.timeNs = seconds * 1e9 + fraction;
    }
}
export function isDigit(code) {
    return code >= 48 && code <= 57;
}
/** 0..15, or -1; lower case, as the kernel prints. */
function hexDigit(code) {
    if (code >= 48 && code <= 57)
        return code - 48;
    if (code >= 97 && code <= 102)
        return code - 87;
    return -1;
}
