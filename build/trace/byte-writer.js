/**
 * Text as bytes: a buffer that is handed on whenever it is nearly full, and numbers written into it digit by digit. The
 * receiver keeps what it gets; a new buffer is taken each time.
 */
const SIZE = 1 << 16;
/** A line may take so many bytes without asking. */
const RESERVE = 4096;
const ZERO = 48;
const SPACE = 32;
const MINUS = 45;
/** 2^64 = 18446744073 * 10^9 + 709551616, both exact in a number. */
const TWO_64_HIGH = 18446744073;
const TWO_64_LOW = 709551616;
export class ByteWriter {
    #write;
    #bytes = new Uint8Array(SIZE);
    #at = 0;
    constructor(write) {
        this.#write = write;
    }
    /** Makes room for a line. */
    startLine() {
        if (this.#at > SIZE - RESERVE)
            this.flush();
    }
    flush() {
        if (this.#at === 0)
            return;
        this.#write(this.#bytes.subarray(0, this.#at));
        this.#bytes = new Uint8Array(SIZE);
        this.#at = 0;
    }
    byte(code) {
        this.#bytes[this.#at++] = code;
    }
    bytes(source) {
        const { length } = source;
        if (length > 64) {
            this.#long(source);
            return;
        }
        const bytes = this.#bytes;
        let at = this.#at;
        for (let i = 0; i < length; i++)
            bytes[at++] = source[i];
        this.#at = at;
    }
    #long(source) {
        if (this.#at + source.length > SIZE - RESERVE)
            this.flush();
        if (source.length > SIZE - RESERVE) {
            this.#write(source.slice());
            return;
        }
        this.#bytes.set(source, this.#at);
        this.#at += source.length;
    }
    /** Padded on the left with spaces to `width`. */
    right(source, width) {
        for (let i = source.length; i < width; i++)
            this.byte(SPACE);
        this.bytes(source);
    }
    spaces(count) {
        for (let i = 0; i < count; i++)
            this.byte(SPACE);
    }
    /** A whole number below 2^53 with at least `width` digits; how many it has. */
    count(value, width = 1) {
        const bytes = this.#bytes;
        const from = this.#at;
        let at = from;
        // digits from the last to the first, then turned round
        let rest = value;
        while (rest > 0x7fffffff) {
            const tenth = Math.floor(rest / 10);
            bytes[at++] = ZERO + (rest - tenth * 10);
            rest = tenth;
        }
        for (let small = rest | 0; small > 0;) {
            const tenth = (small / 10) | 0;
            bytes[at++] = ZERO + (small - tenth * 10);
            small = tenth;
        }
        while (at - from < width)
            bytes[at++] = ZERO;
        this.#at = at;
        for (let i = from, j = at - 1; i < j; i++, j--) {
            const byte = bytes[i];
            bytes[i] = bytes[j];
            bytes[j] = byte;
        }
        return at - from;
    }
    /** A count, padded on the left with spaces. */
    countRight(value, width) {
        let limit = 10;
        let digits = 1;
        for (; value >= limit; limit *= 10)
            digits++;
        this.spaces(width - digits);
        this.count(value);
    }
    /** A count, padded on the right with spaces. */
    countLeft(value, width) {
        this.spaces(width - this.count(value));
    }
    signed(value) {
        if (value < 0) {
            this.byte(MINUS);
            this.count(-value);
        }
        else
            this.count(value);
    }
    /** A number of 64 bits without sign; a negative one is its two's complement. */
    unsigned64(value) {
        if (value >= 0) {
            this.count(value);
            return;
        }
        const high = Math.floor(-value / 1e9);
        const low = TWO_64_LOW - (-value - high * 1e9);
        this.count(TWO_64_HIGH - high - (low < 0 ? 1 : 0));
        this.count(low < 0 ? low + 1e9 : low, 9);
    }
    /** `0x` and 64 bits in hexadecimal; a negative number is its two's complement. */
    hex64(value) {
        const high = Math.floor(value / 2 ** 32);
        this.hexWords(value - high * 2 ** 32, high);
    }
    /** `0x` and two words of 32 bits in hexadecimal. */
    hexWords(low, high) {
        this.byte(ZERO);
        this.byte(120);
        let started = false;
        for (let shift = 28; shift >= 0; shift -= 4)
            started = this.#digit((high >>> shift) & 15, started);
        for (let shift = 28; shift > 0; shift -= 4)
            started = this.#digit((low >>> shift) & 15, started);
        this.#digit(low & 15, true);
    }
    #digit(digit, started) {
        if (digit === 0 && !started)
            return false;
        this.byte(digit < 10 ? ZERO + digit : 87 + digit);
        return true;
    }
}
/** What was handed on in pieces, as one. */
export function concatenate(chunks) {
    const whole = new Uint8Array(chunks.reduce((n, chunk) => n + chunk.length, 0));
    let at = 0;
    for (const chunk of chunks) {
        whole.set(chunk, at);
        at += chunk.length;
    }
    return whole;
}
