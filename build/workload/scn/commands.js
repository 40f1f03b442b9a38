/**
 * Benchmarks as they are called on a command line, as generator strings: `hackbench -p -g 1 -l 100` and
 * `perf bench sched messaging`, `perf bench sched pipe`.
 */
import { didYouMean } from "../../base/errors.js";
import { quote } from "../places.js";
import { errorAt } from "./sections.js";
const HACKBENCH = {
    '-p': { means: 'chan=pipe' },
    '--pipe': { means: 'chan=pipe' },
    '-s': { param: 'size' },
    '--datasize': { param: 'size' },
    '-l': { param: 'loops' },
    '--loops': { param: 'loops' },
    '-g': { param: 'groups' },
    '--groups': { param: 'groups' },
    '-f': { param: 'fds' },
    '--fds': { param: 'fds' },
    '-T': { means: 'mode=thread' },
    '--threads': { means: 'mode=thread' },
    '-P': { means: 'mode=process' },
    '--process': { means: 'mode=process' },
    '-F': { means: 'fifo=yes' },
    '--fifo': { means: 'fifo=yes' },
};
const PERF_MESSAGING = {
    '-p': { means: 'chan=pipe' },
    '--pipe': { means: 'chan=pipe' },
    '-t': { means: 'mode=thread' },
    '--thread': { means: 'mode=thread' },
    '-l': { param: 'loops' },
    '--nr_loops': { param: 'loops' },
    '-g': { param: 'groups' },
    '--group': { param: 'groups' },
};
const PERF_PIPE = {
    '-T': { means: 'mode=thread' },
    '--threaded': { means: 'mode=thread' },
    '-l': { param: 'loops' },
    '--loop': { param: 'loops' },
};
/** What a benchmark does when not told; where that is not the generator's own default. */
const PROGRAMS = [
    ['hackbench', 'hackbench', HACKBENCH, ''],
    ['perf bench sched messaging', 'hackbench', PERF_MESSAGING, ''],
    ['perf bench sched pipe', 'pipe', PERF_PIPE, 'loops=1000000'],
];
/** The generator string of a command. Throws `UserError` for a command there is no generator for. */
export function generatorOf(command) {
    const words = command.words.map((w, i) => (i === 0 ? w.slice(w.lastIndexOf('/') + 1) : w));
    for (const [program, generator, options, defaults] of PROGRAMS) {
        const names = program.split(' ');
        if (!names.every((name, i) => words[i] === name))
            continue;
        const values = new Map();
        const set = (assignment) => {
            const [key, value] = assignment.split('=', 2);
            values.set(key, value);
        };
        if (defaults !== '')
            set(defaults);
        readOptions(words.slice(names.length), options, set, (what, hint) => fail(command, what, hint));
        const texts = [...values].map(([key, value]) => `${key}=${value}`);
        return texts.length === 0 ? generator : `${generator}:${texts.join(',')}`;
    }
    const known = PROGRAMS.map(([program]) => program);
    throw fail(command, `no generator for the command ${quote(command.words.join(' '))}`, `known: ${known.join(', ')}`);
}
/** Options as getopt takes them: `-l 100`, `-l100`, `-pTl 100`, `--loops=100`, `--loops 100`. */
function readOptions(words, options, set, error) {
    for (let i = 0; i < words.length; i++) {
        const word = words[i];
        const value = (inWord, option) => {
            const text = inWord ?? words[++i];
            if (text === undefined || !/^\d{1,12}$/.test(text))
                throw error(`option ${quote(option)} wants a number${text === undefined ? '' : `, not ${quote(text)}`}`, '');
            return text;
        };
        const find = (name) => {
            const option = Object.hasOwn(options, name) ? options[name] : undefined;
            if (option === undefined)
                throw error(`unknown option ${quote(name)}`, didYouMean(name, Object.keys(options)));
            return option;
        };
        if (word.startsWith('--')) {
            const [name, inWord] = word.split('=', 2);
            const option = find(name);
            if (option.param !== undefined)
                set(`${option.param}=${value(inWord, name)}`);
            else
                set(option.means);
        }
        else if (/^-./.test(word)) {
            for (let at = 1; at < word.length; at++) {
                const option = find(`-${word[at]}`);
                if (option.param === undefined)
                    set(option.means);
                else {
                    const rest = word.slice(at + 1);
                    set(`${option.param}=${value(rest === '' ? undefined : rest, `-${word[at]}`)}`);
                    break;
                }
            }
        }
        else
            throw error(`${quote(word)} is not an option`, '');
    }
}
function fail(command, what, hint = '') {
    return errorAt(command.line, command.index, what, hint);
}
