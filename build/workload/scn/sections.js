/**
 * The parts of a scenario file: `%%` lines set variables (`%% REPS=5`), the lines `%pre`, `%post`, `%cmd` and `%spec`
 * begin a part, everything before the first of them is the spec of the load generator. A plain spec has no such lines.
 */
import { didYouMean, UserError } from "../../base/errors.js";
import { quote } from "../places.js";
/** Variables of the lab's guest; only REPS and SEED0 mean anything to a simulation. */
const VARIABLES = ['REPS', 'SEED0', 'EVENTS', 'KPROBES', 'BUF', 'DAT', 'CLOCK', 'KARGS'];
const PARTS = ['spec', 'cmd', 'pre', 'post'];
const MAX_REPETITIONS = 100_000;
const MAX_SCENARIO_LENGTH = 1 << 22;
const MAX_LINE = 1 << 16;
export function readSections(sources) {
    const parts = { spec: [], cmd: [], pre: [], post: [] };
    const variables = new Map();
    for (const { text, file, part } of sources) {
        if (text.length > MAX_SCENARIO_LENGTH)
            throw new UserError('limit', `${text.length} characters are more than ${MAX_SCENARIO_LENGTH}`, { file });
        let current = part;
        const lines = text.split('\n');
        for (const [i, raw] of lines.entries()) {
            const line = { text: raw.endsWith('\r') ? raw.slice(0, -1) : raw, file, line: i + 1 };
            if (line.text.length > MAX_LINE)
                throw errorAt(line, 0, 'this line is too long', '', 'limit');
            const name = line.text.startsWith('%') ? line.text.slice(1).trim() : '';
            if (current === 'env') {
                if (line.text.trim() !== '')
                    setVariable(line, 0, variables);
            }
            else if (line.text.startsWith('%%'))
                setVariable(line, 2, variables);
            else if (isPart(name))
                current = name;
            else
                parts[current].push(line);
        }
    }
    return { ...parts, repetitions: variables.get('REPS'), seed0: variables.get('SEED0') };
}
function isPart(name) {
    return PARTS.includes(name);
}
function setVariable(line, from, variables) {
    const assignment = line.text.slice(from);
    const at = from + assignment.length - assignment.trimStart().length;
    const m = /^\s*(\w+)=(.*?)\s*$/.exec(assignment);
    if (m === null)
        throw errorAt(line, at, `${quote(assignment.trim())} sets nothing`, 'NAME=VALUE, for example REPS=5');
    const [, name, value] = m;
    if (!VARIABLES.includes(name))
        throw errorAt(line, at, `unknown variable ${quote(name)}`, didYouMean(name, VARIABLES));
    if (name !== 'REPS' && name !== 'SEED0')
        return;
    const number = /^\d{1,9}$/.test(value) ? Number(value) : -1;
    const [min, max] = name === 'REPS' ? [1, MAX_REPETITIONS] : [0, 999_999_999];
    if (number < min || number > max)
        throw errorAt(line, at, `${name} is ${quote(value)}, not a number within ${min}..${max}`);
    variables.set(name, number);
}
export function placeAt(line, index) {
    return { file: line.file, line: line.line, column: index + 1 };
}
export function errorAt(line, index, what, hint = '', code = 'workload') {
    return new UserError(code, what, placeAt(line, index), hint);
}
