/**
 * The shell parts of a scenario, as far as they say something about the scheduler: `%pre` makes control groups and sets
 * features, `%cmd` runs a benchmark that there is a generator for. Nothing is executed; a line not understood is a warning.
 *
 *   mkdir -p /cg/a /cg/b; echo 300 > /cg/b/cpu.weight
 *   echo NO_NI_RANDOM > /sys/kernel/debug/sched/features
 */
import { expandLine } from "../expression.js";
import { quote } from "../places.js";
import { errorAt, placeAt } from "./sections.js";
/** Where the lab mounts the control groups. */
const CGROUP_ROOT = '/cg';
const FEATURES = '/sys/kernel/debug/sched/features';
const MAX_GROUPS = 10_000;
/** The simple commands of shell lines: split at `;` and `&&`, comments and redirections of errors taken out. */
export function splitCommands(lines, nrCpus) {
    const commands = [];
    for (const line of lines) {
        const { text } = expandLine(line.text, nrCpus, true, (e, column) => {
            throw errorAt(line, column - 1, e.what, e.hint, e.code);
        });
        let words = [];
        let output;
        let index = -1;
        const finish = () => {
            if (words.length > 0)
                commands.push({ words, output, line, index });
            words = [];
            output = undefined;
            index = -1;
        };
        let redirect = false;
        for (const m of text.matchAll(SHELL_WORD)) {
            const [word] = m;
            if (word.startsWith('#'))
                break;
            if (word === ';' || word === '&&' || word === '||')
                finish();
            else if (/^2>>?/.test(word))
                redirect = false;
            else if (word === '>' || word === '>>')
                redirect = true;
            else {
                const plain = word.replace(/^(["'])(.*)\1$/, '$2');
                if (redirect)
                    output = plain;
                else
                    words.push(plain);
                redirect = false;
                if (index < 0)
                    index = Math.min(m.index, line.text.length);
            }
        }
        finish();
    }
    return commands;
}
/** Quoted texts, separators, `2>/dev/null`, redirections and plain words. */
const SHELL_WORD = /"[^"]*"|'[^']*'|;|&&|\|\||#.*|2>>?\s*[^\s;&|]+|>>?|[^\s;&|>"']+|[&|"']/g;
export function readPreparation(commands, warnings) {
    const groups = new Map();
    const features = [];
    for (const command of commands) {
        const { words, output } = command;
        const value = words.slice(1).join(' ').trim();
        if (words[0] === 'mkdir' && makeGroups(words.slice(1), groups))
            continue;
        if (words[0] === 'echo' && output === FEATURES && /^\w+$/.test(value)) {
            features.push(value);
            continue;
        }
        if (words[0] === 'echo' && output?.startsWith(`${CGROUP_ROOT}/`) && setGroup(output, value, groups, command))
            continue;
        warnings.add(`${quote(words.join(' '))} means nothing to a simulation`, placeAt(command.line, command.index));
    }
    return { groups, features };
}
function makeGroups(args, groups) {
    const paths = args.filter((a) => !a.startsWith('-'));
    if (paths.length === 0 || paths.some((p) => groupPath(p) === undefined))
        return false;
    for (const p of paths) {
        const path = groupPath(p);
        if (!groups.has(path) && groups.size < MAX_GROUPS)
            groups.set(path, {});
    }
    return true;
}
/** `/cg/a/b` is the group `/a/b`. */
function groupPath(path) {
    const m = /^\/cg((?:\/[^/]+)+)\/?$/.exec(path);
    return m === null || m[1].split('/').some((p) => p === '.' || p === '..') ? undefined : m[1];
}
function setGroup(file, value, groups, command) {
    const slash = file.lastIndexOf('/');
    const path = groupPath(file.slice(0, slash));
    if (path === undefined)
        return false;
    const settings = settingsOf(file.slice(slash + 1), value, command);
    if (settings === undefined)
        return false;
    if (groups.has(path) || groups.size < MAX_GROUPS)
        groups.set(path, { ...groups.get(path), ...settings });
    return true;
}
function settingsOf(file, value, command) {
    const int = (text, min, max) => {
        const n = /^\d{1,15}$/.test(text ?? '') ? Number(text) : -1;
        if (n < min || n > max)
            throw errorAt(command.line, command.index, `${file} is ${quote(value)}, not a number within ${min}..${max}`);
        return n;
    };
    if (file === 'cpu.weight')
        return { weight: int(value, 1, 10_000) };
    if (file === 'cpu.idle')
        return { idle: int(value, 0, 1) === 1 };
    if (file === 'cpu.max.burst')
        return { burstNs: int(value, 0, 1_000_000_000) * 1000 };
    if (file !== 'cpu.max')
        return undefined;
    const [quota, period] = value.split(/\s+/);
    return {
        quotaNs: quota === 'max' ? null : int(quota, 1000, 1_000_000_000) * 1000,
        ...(period === undefined ? {} : { periodNs: int(period, 1000, 1_000_000) * 1000 }),
    };
}
