/**
 * Decompresses Zstandard with zstddec, behind a check that the frames are whole: the library's own handling of broken input
 * is to go round and round, or to believe a size.
 */
import { ZSTDDecoder } from 'zstddec/stream';
import { UserError } from "../base/errors.js";
import { outlineZstd } from "./zstd-frame.js";
/** More than this is not decompressed unless the caller says so. */
const DEFAULT_LIMIT = 2 ** 31;
/** Pieces without content in a row that a sound file does not make, but a broken one does for ever. */
const MAX_EMPTY = 100;
/** The content of all frames of `bytes`; throws `UserError` if there is anything wrong with it. */
export async function zstdDecompress(bytes, limit = DEFAULT_LIMIT) {
    const decompress = await zstdDecompressor();
    return decompress(bytes, limit);
}
/** Waits for the decompressor once, for those who cannot wait each time. */
export async function zstdDecompressor() {
    const decoder = new ZSTDDecoder();
    await decoder.init();
    return (bytes, limit = DEFAULT_LIMIT) => decompress(decoder, bytes, limit);
}
function decompress(decoder, bytes, limit) {
    const { contentLimit, frames } = outlineZstd(bytes);
    if (frames === 0)
        throw new UserError('format', 'the zstd file has no frame', { offset: 0 });
    // grown as needed: what compressed blocks make of themselves is not known before
    let out = new Uint8Array(Math.min(contentLimit, Math.max(1 << 16, bytes.length * 8)));
    let length = 0;
    let empty = 0;
    try {
        for (const chunk of decoder.decodeStreaming([bytes])) {
            empty = chunk.length === 0 ? empty + 1 : 0;
            if (empty > MAX_EMPTY)
                throw broken(length);
            const needed = length + chunk.length;
            if (needed > limit)
                throw new UserError('limit', `the zstd file has more than ${limit} bytes of content`);
            if (needed > contentLimit)
                throw broken(length);
            if (needed > out.length) {
                const larger = new Uint8Array(Math.min(contentLimit, needed * 2));
                larger.set(out.subarray(0, length));
                out = larger;
            }
            out.set(chunk, length);
            length = needed;
        }
    }
    catch (error) {
        throw error instanceof UserError ? error : broken(length);
    }
    return out.subarray(0, length);
}
function broken(length) {
    return new UserError('format', `the zstd file is damaged: decompression fails after ${length} bytes of content`);
}
