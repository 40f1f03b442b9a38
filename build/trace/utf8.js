/**
 * UTF-8 for names and markers. The isomorphic rooms have neither Node nor DOM types, so no TextDecoder; and names in traces
 * are what a program called itself, so invalid bytes are expected: each becomes U+FFFD.
 */
export function decodeUtf8(bytes, from = 0, to = bytes.length) {
    let text = '';
    for (let i = from; i < to;) {
        const first = bytes[i];
        if (first < 0x80) {
            text += String.fromCharCode(first);
            i++;
            continue;
        }
        const extra = first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : 0;
        let code = first & (0x3f >> extra);
        let n = 0;
        while (n < extra && i + n + 1 < to && (bytes[i + n + 1] & 0xc0) === 0x80)
            code = (code << 6) | (bytes[i + ++n] & 0x3f);
        const valid = extra > 0 && n === extra && code >= SHORTEST[extra] && code < 0x110000 && (code & ~0x7ff) !== 0xd800;
        text += valid ? String.fromCodePoint(code) : '\ufffd';
        i += valid ? n + 1 : 1;
    }
    return text;
}
/** The lowest code that takes so many continuation bytes. */
const SHORTEST = [0, 0x80, 0x800, 0x10000];
/** Lone surrogates become U+FFFD. */
export function encodeUtf8(text) {
    const out = new Uint8Array(text.length * 3);
    let n = 0;
    for (let i = 0; i < text.length; i++) {
        let code = text.codePointAt(i);
        if (code > 0xffff)
            i++;
        if ((code & ~0x7ff) === 0xd800)
            code = 0xfffd;
        if (code < 0x80)
            out[n++] = code;
        else if (code < 0x800) {
            out[n++] = 0xc0 | (code >> 6);
            out[n++] = 0x80 | (code & 0x3f);
        }
        else {
            if (code < 0x10000)
                out[n++] = 0xe0 | (code >> 12);
            else {
                out[n++] = 0xf0 | (code >> 18);
                out[n++] = 0x80 | ((code >> 12) & 0x3f);
            }
            out[n++] = 0x80 | ((code >> 6) & 0x3f);
            out[n++] = 0x80 | (code & 0x3f);
        }
    }
    return out.subarray(0, n);
}
/** The longest beginning of `text` whose UTF-8 has at most `limit` bytes; characters are not cut. */
export function truncateUtf8(text, limit) {
    if (text.length * 3 <= limit)
        return text;
    let bytes = 0;
    let length = 0;
    for (const character of text) {
        const code = character.codePointAt(0);
        bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        if (bytes > limit)
            break;
        length += character.length;
    }
    return text.slice(0, length);
}
