/**
 * The outside of Zstandard: enough of the format (RFC 8878) to pack bytes into a valid frame without a compressor, and to
 * see whether frames are whole before a decompressor is let at them.
 *
 *   frame    28 b5 2f fd │ descriptor │ window │ dictionary? │ size? │ blocks... │ checksum?
 *   block    3 bytes: last (1 bit), type (2 bits), size (21 bits) │ content
 *              raw: `size` bytes as they are; RLE: one byte, `size` times; compressed: `size` bytes of something
 *   skippable   5? 2a 4d 18 │ 4 bytes: size │ content
 *
 * What is written has a window of 128 KiB, no size and no checksum, and raw blocks, except where a block is one byte over
 * and over: it is larger than its content by some 3 bytes in 128 KiB.
 */
import { UserError } from "../base/errors.js";
import { concatenate } from "./byte-writer.js";
const MAGIC = 0xfd2fb528;
const SKIPPABLE = 0x184d2a50;
const MAX_BLOCK = 128 * 1024;
/** Window descriptor of 2^(10 + 7) bytes. */
const WINDOW_128K = 7 << 3;
const RAW = 0;
const RLE = 1;
const COMPRESSED = 2;
/** Packs what it is given into one frame, which it hands on in pieces. */
export class ZstdFrameWriter {
    #write;
    /** Block that is being filled, after room for the headers of frame and block. */
    #block = new Uint8Array(3 + MAX_BLOCK);
    #filled = 0;
    constructor(write) {
        this.#write = write;
        this.#write(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, WINDOW_128K));
    }
    push(bytes) {
        for (let at = 0; at < bytes.length;) {
            if (this.#filled === MAX_BLOCK)
                this.#flush(false);
            const n = Math.min(bytes.length - at, MAX_BLOCK - this.#filled);
            this.#block.set(bytes.subarray(at, at + n), 3 + this.#filled);
            this.#filled += n;
            at += n;
        }
    }
    end() {
        this.#flush(true);
    }
    #flush(last) {
        const size = this.#filled;
        const content = this.#block.subarray(3, 3 + size);
        const same = size > 1 && content.every((byte) => byte === content[0]);
        const header = (last ? 1 : 0) | ((same ? RLE : RAW) << 1) | (size << 3);
        this.#block[0] = header & 0xff;
        this.#block[1] = (header >>> 8) & 0xff;
        this.#block[2] = header >>> 16;
        this.#write(this.#block.subarray(0, 3 + (same ? 1 : size)));
        // the receiver keeps what it was handed
        this.#block = new Uint8Array(3 + MAX_BLOCK);
        this.#filled = 0;
    }
}
/** The bytes in one frame. */
export function zstdFrame(bytes) {
    const chunks = [];
    const writer = new ZstdFrameWriter((chunk) => chunks.push(chunk));
    writer.push(bytes);
    writer.end();
    return concatenate(chunks);
}
export function isZstd(bytes) {
    return bytes.length >= 4 && word(bytes, 0) === MAGIC;
}
/** Walks over all frames. Throws `UserError` where they are cut off, or are no frames. */
export function outlineZstd(bytes) {
    let frames = 0;
    let contentLimit = 0;
    let at = 0;
    const need = (end, what) => {
        if (end > bytes.length) {
            throw new UserError('format', `the zstd file is cut off in ${what}`, { offset: bytes.length });
        }
    };
    while (at < bytes.length) {
        need(at + 4, 'a frame');
        const magic = word(bytes, at);
        if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE) {
            need(at + 8, 'a skippable frame');
            at += 8 + word(bytes, at + 4);
            need(at, 'a skippable frame');
            continue;
        }
        if (magic !== MAGIC)
            throw new UserError('format', 'this is no zstd frame', { offset: at });
        need(at + 6, 'the header of a frame');
        const descriptor = bytes[at + 4];
        const single = (descriptor & 0x20) !== 0;
        const sizeBytes = [single ? 1 : 0, 2, 4, 8][descriptor >>> 6];
        at += 5 + (single ? 0 : 1) + [0, 1, 2, 4][descriptor & 3] + sizeBytes;
        for (let last = false; !last;) {
            need(at + 3, 'the header of a block');
            const header = bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16);
            const type = (header >>> 1) & 3;
            const size = header >>> 3;
            if (type > COMPRESSED)
                throw new UserError('format', 'unknown type of zstd block', { offset: at });
            last = (header & 1) !== 0;
            contentLimit += type === COMPRESSED ? MAX_BLOCK : size;
            at += 3 + (type === RLE ? 1 : size);
            need(at, 'a block');
        }
        if ((descriptor & 4) !== 0)
            at += 4;
        need(at, 'a checksum');
        frames++;
    }
    return { frames, contentLimit };
}
function word(bytes, at) {
    return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
