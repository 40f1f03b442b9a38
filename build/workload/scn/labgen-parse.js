/**
 * Specs of the kernel lab's load generator (`kernel-lab/src/labgen.c`, whose opening comment is the syntax).
 *
 * Everything labgen takes is taken, and what it would silently misread (`n=four`, `)3`) is refused. Its own table sizes
 * (64 task lines, 128 actions, 1024 processes) are not.
 */
import { didYouMean } from "../../base/errors.js";
import { quote } from "../places.js";
import { MAX_US, TokenLine } from "./tokens.js";
const LINES = ['duration', 'seed', 'task', 'ctl', 'sample'];
const OPTIONS = ['n', 'nice', 'policy', 'cpus', 'at', 'step', 'jitter', 'cg', 'born'];
const ACTIONS = [
    'hog',
    'run',
    'sleep',
    'period',
    'wake',
    'wait',
    'fork',
    'cpus',
    'nice',
    'yield',
    'exit',
    '(',
    ')x0',
    ')xN',
];
const MAX_TASKS = 1 << 20;
const MAX_TEMPLATES = 10_000;
const MAX_LOOPS = 2 ** 31 - 1;
const MAX_DEPTH = 8;
const MAX_NAME = 31;
/** labgen draws from a range modulo its size; random numbers here are exact up to this one. */
const MAX_RANGE_US = 1 << 26;
/** Is the word one that a line of a spec begins with? For telling a spec from other texts. */
export function isSpecWord(word) {
    return LINES.includes(word);
}
export function parseLabgen(lines, nrCpus, warnings) {
    return new LabgenParser(nrCpus, warnings).parse(lines);
}
class LabgenParser {
    #nrCpus;
    #warnings;
    #durationUs = 1_000_000;
    #seed;
    #sample;
    #tasks = [];
    #ctls = [];
    constructor(nrCpus, warnings) {
        this.#nrCpus = nrCpus;
        this.#warnings = warnings;
    }
    parse(lines) {
        for (const source of lines) {
            const line = new TokenLine(source, this.#nrCpus);
            const word = line.next();
            if (word === undefined)
                continue;
            if (word.text === 'task')
                this.#task(line);
            else if (word.text === 'ctl')
                this.#ctl(line);
            else if (word.text === 'sample')
                this.#sampleLine(line, word);
            else if (word.text === 'duration') {
                this.#durationUs = line.int(line.want('the duration'), 'the duration', 1, MAX_US);
                line.wantEnd();
            }
            else if (word.text === 'seed') {
                this.#seed = line.int(line.want('the seed'), 'the seed', 0, 2 ** 32 - 1);
                line.wantEnd();
            }
            else
                throw line.error(`a line cannot begin with ${quote(word.text)}`, word, didYouMean(word.text, LINES));
        }
        return {
            durationUs: this.#durationUs,
            seed: this.#seed,
            tasks: this.#tasks,
            ctls: this.#ctls,
            sample: this.#sample,
        };
    }
    #task(line) {
        const name = line.want("the task's name");
        this.#checkName(line, name);
        if (this.#tasks.length === MAX_TEMPLATES)
            throw line.error(`more than ${MAX_TEMPLATES} task lines`, name);
        const task = {
            name: name.text,
            place: line.place(name),
            n: 1,
            nice: 0,
            policy: 'other',
            priority: 0,
            cpus: null,
            atUs: 0,
            stepUs: 0,
            jitterUs: 0,
            cgroup: '',
            born: true,
            actions: [],
        };
        let refused;
        for (;;) {
            const option = line.next();
            if (option === undefined)
                throw line.errorAtEnd(`a ":" and the actions of ${quote(name.text)} are missing`, 'like "task a n=2 : hog"');
            if (option.text === ':')
                break;
            if (this.#option(line, option, task) === null)
                refused = option;
        }
        // On a small machine an expression may leave neither CPUs nor tasks, which is nothing to worry about.
        if (refused !== undefined && task.n > 0)
            this.#warnRefused(line, refused, 'cpus='.length);
        task.actions = this.#actions(line);
        if (!task.born && task.jitterUs > 0)
            this.#warnings.add('a jitter does nothing for a task with born=0', task.place);
        this.#tasks.push(task);
    }
    #checkName(line, name) {
        if (name.text === ':')
            throw line.error("the task's name is missing", name);
        if (name.text.length > MAX_NAME)
            throw line.error(`a name of more than ${MAX_NAME} characters`, name);
        if (name.text.includes('%d'))
            throw line.error(`"%d" in the name ${quote(name.text)} stands for a number`, name);
        if (name.text.includes('='))
            throw line.error(`${quote(name.text)} is where the task's name should be`, name);
    }
    /** null: CPUs of which this machine has none. */
    #option(line, token, task) {
        const equals = token.text.indexOf('=');
        if (equals < 0) {
            const hint = ACTIONS.includes(token.text) ? 'a ":" stands before the first action' : 'like "n=4"';
            throw line.error(`${quote(token.text)} is not KEY=VALUE`, token, hint);
        }
        const key = token.text.slice(0, equals);
        const from = equals + 1;
        const value = token.text.slice(from);
        switch (key) {
            case 'n':
                // An expression may come to less than none on a small machine; labgen then starts none.
                task.n = Math.max(0, line.int(token, 'n', -MAX_TASKS, MAX_TASKS, from));
                break;
            case 'nice':
                task.nice = line.int(token, 'nice', -20, 19, from);
                break;
            case 'cpus':
                task.cpus = line.cpuList(token, this.#nrCpus, from);
                if (task.cpus === null)
                    return null;
                break;
            case 'at':
                task.atUs = line.int(token, 'at', 0, MAX_US, from);
                break;
            case 'step':
                task.stepUs = line.int(token, 'step', 0, MAX_US, from);
                break;
            case 'jitter':
                task.jitterUs = line.int(token, 'jitter', 0, MAX_RANGE_US, from);
                break;
            case 'cg':
                if (!/^[^/]+(\/[^/]+)*$/.test(value) || value.split('/').some((p) => p === '.' || p === '..'))
                    throw line.error(`${quote(value)} is not the folder of a control group`, token, 'like "a" or "a/b"', from);
                task.cgroup = value;
                break;
            case 'born':
                if (value !== '0' && value !== 'self')
                    throw line.error(`born is ${quote(value)}`, token, 'born=0, or born=self', from);
                task.born = value === 'self';
                break;
            case 'policy':
                this.#policy(line, token, from, task);
                break;
            default:
                throw line.error(`unknown option ${quote(key)}`, token, didYouMean(key, OPTIONS));
        }
        return undefined;
    }
    #policy(line, token, from, task) {
        const [policy, priority] = token.text.slice(from).split(':', 2);
        const known = ['other', 'batch', 'idle', 'fifo', 'rr'];
        const found = known.find((p) => p === policy);
        if (found === undefined)
            throw line.error(`unknown policy ${quote(policy)}`, token, didYouMean(policy, known), from);
        const rt = found === 'fifo' || found === 'rr';
        if (rt !== (priority !== undefined)) {
            const hint = rt ? `like "${found}:50"` : `"policy=${found}"`;
            throw line.error(rt ? `${found} needs a priority` : `${found} takes no priority`, token, hint, from);
        }
        task.policy = found;
        if (rt)
            task.priority = line.int(token, 'the priority', 1, 99, from + policy.length + 1);
    }
    #actions(line) {
        const actions = [];
        const open = [];
        for (let token = line.next(); token !== undefined; token = line.next()) {
            if (token.text === '(') {
                if (open.length === MAX_DEPTH)
                    throw line.error(`loops are nested deeper than ${MAX_DEPTH}`, token);
                open.push({ token, at: actions.length });
                actions.push({ op: 'loop', count: 0 });
            }
            else if (token.text.startsWith(')')) {
                const begun = open.pop();
                if (begun === undefined)
                    throw line.error('no "(" belongs to this ")"', token);
                if (!/^\)(x\d+)?$/.test(token.text))
                    throw line.error(`${quote(token.text)} does not say how often`, token, '")x3", or ")x0" for ever');
                const count = token.text === ')' ? 0 : line.int(token, 'the number of times', 0, MAX_LOOPS, 2);
                actions[begun.at] = { op: 'loop', count };
                actions.push({ op: 'end' });
            }
            else
                actions.push(this.#action(line, token));
        }
        if (open.length > 0)
            throw line.error('no ")" belongs to this "("', open.at(-1).token);
        return actions;
    }
    #action(line, token) {
        switch (token.text) {
            case 'hog':
            case 'yield':
            case 'exit':
                return { op: token.text };
            case 'run':
            case 'sleep': {
                const value = line.want(`the time of "${token.text}"`);
                const range = line.range(value, `the time of "${token.text}"`);
                if (range.b - range.a > MAX_RANGE_US)
                    throw line.error(`a range wider than ${MAX_RANGE_US} us`, value);
                return { op: token.text, ...range };
            }
            case 'period':
                return { op: 'period', us: line.int(line.want('the period'), 'the period', 1, MAX_US) };
            case 'wake':
            case 'wait': {
                const pipe = line.want(`the pipe of "${token.text}"`);
                if (pipe.text.length > 49)
                    throw line.error('a name of a pipe longer than 49 characters', pipe);
                return { op: token.text, pipe: pipe.text, place: line.place(pipe) };
            }
            case 'fork': {
                const task = line.want('the task to fork');
                const count = line.int(line.want('how many to fork'), 'how many to fork', 0, MAX_TASKS);
                return { op: 'fork', task: task.text, count, place: line.place(task) };
            }
            case 'cpus':
                return { op: 'cpus', cpus: this.#cpus(line, line.want('the list of CPUs')) };
            case 'nice':
                return { op: 'nice', nice: line.int(line.want('the nice value'), 'nice', -20, 19) };
            default:
                throw line.error(`unknown action ${quote(token.text)}`, token, didYouMean(token.text, ACTIONS));
        }
    }
    #ctl(line) {
        const time = line.want('the time');
        const us = line.int(time, 'the time', 0, MAX_US);
        const place = line.place(time);
        const kind = line.want('cpus, nice or mark');
        if (kind.text === 'mark') {
            const text = line.restAfter(kind).trimEnd();
            if (text === '')
                throw line.error('the text of the mark is missing', kind);
            this.#ctls.push({ us, place, what: { op: 'mark', text } });
            return;
        }
        if (kind.text !== 'cpus' && kind.text !== 'nice')
            throw line.error(`ctl cannot do ${quote(kind.text)}`, kind, didYouMean(kind.text, ['cpus', 'nice', 'mark']));
        const task = line.want('the task');
        this.#known(line, task);
        const value = line.want(kind.text === 'cpus' ? 'the list of CPUs' : 'the nice value');
        line.wantEnd();
        const what = kind.text === 'cpus'
            ? { op: 'cpus', task: task.text, cpus: this.#cpus(line, value), list: value.text }
            : { op: 'nice', task: task.text, nice: line.int(value, 'nice', -20, 19) };
        this.#ctls.push({ us, place, what });
    }
    #sampleLine(line, word) {
        const task = line.want('the task');
        this.#known(line, task);
        const count = line.int(line.want('how many tasks'), 'how many tasks', 0, MAX_TASKS);
        const periodUs = line.int(line.want('the period'), 'the period', 1, MAX_US);
        line.wantEnd();
        if (this.#sample !== undefined)
            this.#warnings.add('of several sample lines the last one counts', line.place(word));
        this.#sample = { task: task.text, count, periodUs, place: line.place(task) };
    }
    /** labgen knows a task from its line on. */
    #known(line, task) {
        const names = this.#tasks.map((t) => t.name);
        if (names.includes(task.text))
            return;
        const hint = names.length === 0 ? 'the task lines come first' : didYouMean(task.text, names);
        throw line.error(`no task ${quote(task.text)} above`, task, hint);
    }
    #cpus(line, token) {
        const cpus = line.cpuList(token, this.#nrCpus);
        if (cpus === null)
            this.#warnRefused(line, token, 0);
        return cpus;
    }
    #warnRefused(line, token, offset) {
        this.#warnings.add(`CPUs ${quote(token.text.slice(offset))} are none of this machine's ${this.#nrCpus}, so this changes nothing`, line.place(token, offset));
    }
}
