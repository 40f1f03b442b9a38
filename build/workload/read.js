/**
 * Reading a workload whatever it is written in: an rt-app file, a scenario of the kernel lab, a spec of its load generator.
 */
import { UserError } from "../base/errors.js";
import { readRtApp } from "./rt-app/read-rt-app.js";
import { isSpecWord } from "./scn/labgen-parse.js";
import { readScenario } from "./scn/read-scn.js";
/** Texts longer than this are no workload: half a million task lines would fit. */
export const MAX_WORKLOAD_LENGTH = 1 << 24;
/** The workload of a text. Throws `UserError` (`format` if it is none at all). */
export function readWorkload(text, options) {
    const file = options.file ?? options.name;
    if (text.length > MAX_WORKLOAD_LENGTH)
        throw new UserError('limit', `${text.length} characters are too many for a workload`, { file });
    const head = headOf(text);
    if (head.startsWith('{') || head.startsWith('['))
        return readRtApp(text, options, file);
    if (head.includes('\u0000'))
        throw new UserError('format', 'this is not a text', { file });
    if (isScenario(head))
        return readScenario([{ text, file, part: 'spec' }], options);
    throw new UserError('format', 'this is neither an rt-app file nor a scenario', { file }, 'rt-app files begin with "{", scenarios with lines like "duration 1000000" and "task hog n=4 : hog"');
}
/** The beginning of what matters: behind a byte order mark, white space and JSON's comments. */
function headOf(text) {
    let at = text.charCodeAt(0) === 0xfeff ? 1 : 0;
    for (;;) {
        while (at < text.length && text.charCodeAt(at) <= 0x20)
            at++;
        const end = text.startsWith('/*', at)
            ? text.indexOf('*/', at + 2)
            : text.startsWith('//', at)
                ? text.indexOf('\n', at)
                : -1;
        if (end < 0)
            return text.slice(at, at + 1_000_000);
        at = end + (text[end] === '*' ? 2 : 1);
    }
}
/** Is the first line that is not a comment one of a scenario? */
function isScenario(head) {
    for (let at = 0; at < head.length;) {
        const newline = head.indexOf('\n', at);
        const end = newline < 0 ? head.length : newline;
        const line = head.slice(at, Math.min(end, at + 200)).trim();
        at = end + 1;
        if (line === '' || line.startsWith('#'))
            continue;
        return line.startsWith('%') || isSpecWord(/^\w*/.exec(line)[0]) || looksLikeSpec(line);
    }
    return false;
}
/** A first word that was meant to be one of a spec's: a plain word with something after it. */
function looksLikeSpec(line) {
    return /^[a-z]{2,12}\s+\S/i.test(line) && /\s:\s|^\w+\s+\d+$/.test(line);
}
