/**
 * Seeded random numbers: splitmix64, many independent streams side by side in one flat table.
 *
 * A stream is named by its purpose (what draws from it) and an index, never by order of creation, so that a consumer that
 * draws more or less does not shift anybody else's numbers. The generator is the one the kernel lab's load generator
 * uses, and a stream may be given a raw state to follow it draw by draw.
 *
 * 64-bit arithmetic is done on two 32-bit halves.
 */
export class RandomStreams {
    #hi;
    #lo;
    /** The two halves of the latest draw. */
    #drawnHi = 0;
    #drawnLo = 0;
    constructor(count) {
        this.#hi = new Uint32Array(count);
        this.#lo = new Uint32Array(count);
    }
    get length() {
        return this.#hi.length;
    }
    grow(count) {
        if (count <= this.#hi.length)
            return;
        const capacity = Math.max(count, this.#hi.length * 2);
        const hi = new Uint32Array(capacity);
        hi.set(this.#hi);
        this.#hi = hi;
        const lo = new Uint32Array(capacity);
        lo.set(this.#lo);
        this.#lo = lo;
    }
    /** Starts stream `i` for a purpose. */
    seed(i, seed, purpose, index) {
        // FNV-1a over what names the stream, in two lanes; splitmix64 mixes the rest.
        let a = 0x811c9dc5;
        let b = 0x01000193 ^ index;
        const absorb = (byte) => {
            a = Math.imul(a ^ byte, 0x01000193);
            b = Math.imul(b ^ byte, 0x85ebca6b) ^ (a >>> 13);
        };
        for (let j = 0; j < purpose.length; j++)
            absorb(purpose.charCodeAt(j));
        const seedHi = Math.floor(seed / 4294967296);
        for (const word of [seed >>> 0, seedHi >>> 0, index >>> 0]) {
            for (let shift = 0; shift < 32; shift += 8)
                absorb((word >>> shift) & 0xff);
        }
        this.#hi[i] = a;
        this.#lo[i] = b;
        this.#next(i);
        this.#hi[i] = this.#drawnHi;
        this.#lo[i] = this.#drawnLo;
    }
    /** Starts stream `i` at a given 64-bit state, as an unsigned integer below 2^53. */
    setState(i, state) {
        this.#hi[i] = Math.floor(state / 4294967296);
        this.#lo[i] = state >>> 0;
    }
    /** A uniform integer in 0..n-1, n up to 2^21: the 64-bit draw modulo n (as labgen does; the bias is below 2^-43). */
    below(i, n) {
        this.#next(i);
        // Modulo by multiplication: the remainder of a double division is slow.
        const high = remainder(this.#drawnHi, n);
        return remainder(high * remainder(4294967296, n) + remainder(this.#drawnLo, n), n);
    }
    /** A uniform number in [0, 1) of 53 bits. */
    unit(i) {
        this.#next(i);
        return (this.#drawnHi * 2097152 + (this.#drawnLo >>> 11)) / 9007199254740992;
    }
    /** 32 uniform bits. */
    bits32(i) {
        this.#next(i);
        return this.#drawnHi;
    }
    #next(i) {
        // state += 0x9e3779b97f4a7c15
        const sum = this.#lo[i] + 0x7f4a7c15;
        let l = sum >>> 0;
        let h = (this.#hi[i] + 0x9e3779b9 + (sum > 0xffffffff ? 1 : 0)) >>> 0;
        this.#lo[i] = l;
        this.#hi[i] = h;
        // z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9
        l = l ^ ((l >>> 30) | (h << 2));
        h = h ^ (h >>> 30);
        h = mulHigh(l, 0x1ce4e5b9) + Math.imul(h, 0x1ce4e5b9) + Math.imul(l, 0xbf58476d);
        l = Math.imul(l, 0x1ce4e5b9);
        // z = (z ^ z >> 27) * 0x94d049bb133111eb
        l = l ^ ((l >>> 27) | (h << 5));
        h = h ^ (h >>> 27);
        h = mulHigh(l, 0x133111eb) + Math.imul(h, 0x133111eb) + Math.imul(l, 0x94d049bb);
        l = Math.imul(l, 0x133111eb);
        // z ^ z >> 31
        this.#drawnLo = (l ^ ((l >>> 31) | (h << 1))) >>> 0;
        this.#drawnHi = (h ^ (h >>> 31)) >>> 0;
    }
}
/** a mod n for whole numbers a < 2^53, n > 0. */
function remainder(a, n) {
    const r = a - Math.floor(a / n) * n;
    return r < 0 ? r + n : r >= n ? r - n : r;
}
/** High 32 bits (as a signed number) of the product of two 32-bit integers taken as unsigned. */
function mulHigh(a, b) {
    const al = a & 0xffff;
    const ah = a >>> 16;
    const bl = b & 0xffff;
    const bh = b >>> 16;
    const mid = (ah * bl + ((al * bl) >>> 16)) >>> 0;
    const mid2 = (al * bh + (mid & 0xffff)) >>> 0;
    return (ah * bh + (mid >>> 16) + (mid2 >>> 16)) | 0;
}
