/**
 * Pipes of a spec: names that may hold %i (the task's index) or %p (half of it), so that one name is a pipe for each task
 * or pair. Two names are the same pipe when they come out the same: `a%i` of task 3 and `a3` of anybody.
 *
 * Programs are shared by all tasks of a kind and name objects as base + index, so the pipes of one pattern lie side by
 * side in the table, as many as the highest index needs.
 */
import { UserError } from "../../base/errors.js";
import { quote } from "../places.js";
const MAX_PIPES = 1 << 20;
export class Pipes {
    /** First pipe of each pattern, by the name with its placeholder taken out. */
    #blocks = new Map();
    /** Pipes whose name has no placeholder. */
    #plain = new Map();
    /**
     * @param highest the highest index a task of each template can have, or -1
     * @param make makes a pipe of that name and says its index
     */
    constructor(spec, highest, make) {
        const sizes = new Map();
        spec.tasks.forEach((task, t) => {
            for (const a of task.actions) {
                if (a.op !== 'wake' && a.op !== 'wait')
                    continue;
                const pattern = patternOf(a.pipe);
                if (pattern === 'mixed')
                    throw new UserError('workload', `the pipe ${quote(a.pipe)} has more than one %i or %p`, a.place);
                if (pattern !== undefined)
                    sizes.set(pattern.key, Math.max(sizes.get(pattern.key) ?? 1, (Math.max(0, highest[t]) >> pattern.shift) + 1));
            }
        });
        const ids = new Map();
        let total = 0;
        for (const [key, size] of sizes) {
            if ((total += size) > MAX_PIPES)
                throw new UserError('limit', `more than ${MAX_PIPES} pipes`);
            const [before, after] = key.split('\n');
            for (let i = 0; i < size; i++) {
                const name = `${before}${i}${after}`;
                const id = make(name);
                if (i === 0)
                    this.#blocks.set(key, id);
                if (ids.has(name))
                    throw new UserError('workload', `two patterns of pipe names both make ${quote(name)}`, {}, 'rename one of them');
                ids.set(name, id);
            }
        }
        for (const task of spec.tasks)
            for (const a of task.actions) {
                if ((a.op !== 'wake' && a.op !== 'wait') || patternOf(a.pipe) !== undefined)
                    continue;
                if (!this.#plain.has(a.pipe))
                    this.#plain.set(a.pipe, ids.get(a.pipe) ?? make(a.pipe));
            }
    }
    ref(name) {
        const pattern = patternOf(name);
        if (pattern === undefined || pattern === 'mixed')
            return { base: this.#plain.get(name), stride: 0, shift: 0 };
        return { base: this.#blocks.get(pattern.key), stride: 1, shift: pattern.shift };
    }
}
function patternOf(name) {
    const parts = name.split(/(%[ip])/);
    if (parts.length === 1)
        return undefined;
    if (parts.length > 3)
        return 'mixed';
    return { key: `${parts[0]}\n${parts[2]}`, shift: parts[1] === '%p' ? 1 : 0 };
}
