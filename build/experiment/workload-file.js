/**
 * A workload by what a user calls it: a generator string (`hackbench:groups=2`), a file, or the folder of a record of the
 * kernel lab, whose load is in several files.
 */
import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { suggest, UserError } from "../base/errors.js";
import { generate, isGeneratorSpec, listGenerators } from "../workload/generators/generate.js";
import { MAX_WORKLOAD_LENGTH, readWorkload } from "../workload/read.js";
import { readScenario } from "../workload/scn/read-scn.js";
/** The parts of a record that make its load; a command stands instead of a spec. */
const RECORD_FILES = ['env', 'pre', 'spec', 'cmd'];
/** A character takes at most so many bytes. */
const MAX_BYTES = 3 * MAX_WORKLOAD_LENGTH;
/**
 * Loads the workload `spec` names, for a machine of so many CPUs. Names of generators come first; a file of such a name is
 * reached as `./hogs`. Throws `UserError`.
 */
export function loadWorkload(spec, nrCpus, options = {}) {
    if (isGeneratorSpec(spec))
        return { workload: generate(spec, nrCpus), warnings: [], features: [], repetitions: 1, seed0: 1, samples: [] };
    const stat = statOf(spec);
    if (stat === undefined)
        throw missing(spec);
    if (stat.isDirectory())
        return loadRecord(spec, nrCpus);
    const name = basename(spec).replace(/\.(scn|json)$/, '');
    // The cmd of a record is a shell command, which nothing in it says.
    if (basename(spec) === 'cmd')
        return readScenario([{ text: readText(spec), file: spec, part: 'cmd' }], { name, nrCpus });
    return readWorkload(readText(spec), { name, nrCpus, file: spec, ...options });
}
function loadRecord(folder, nrCpus) {
    const sources = RECORD_FILES.filter((part) => existsSync(join(folder, part))).map((part) => {
        const file = join(folder, part);
        return { text: readText(file), file, part };
    });
    if (!sources.some((s) => s.part === 'spec' || s.part === 'cmd'))
        throw new UserError('file', 'this folder has neither a "spec" nor a "cmd"', { file: folder });
    return readScenario(sources, { name: basename(folder), nrCpus });
}
/** All of a file, or of a pipe or device as far as there is a limit to what is taken. */
function readText(file) {
    const chunks = [];
    let total = 0;
    try {
        const fd = openSync(file, 'r');
        try {
            for (;;) {
                const chunk = Buffer.allocUnsafe(1 << 20);
                const read = readSync(fd, chunk);
                if (read === 0)
                    break;
                chunks.push(chunk.subarray(0, read));
                total += read;
                if (total > MAX_BYTES)
                    throw new UserError('limit', `more than ${MAX_BYTES} bytes are no workload`, { file });
            }
        }
        finally {
            closeSync(fd);
        }
    }
    catch (e) {
        throw e instanceof UserError ? e : new UserError('file', `cannot be read: ${messageOf(e)}`, { file });
    }
    return Buffer.concat(chunks, total).toString('utf8');
}
function statOf(path) {
    try {
        return statSync(path, { throwIfNoEntry: false });
    }
    catch (e) {
        throw new UserError('file', `cannot be read: ${messageOf(e)}`, { file: path });
    }
}
function messageOf(e) {
    return e instanceof Error ? e.message : String(e);
}
function missing(spec) {
    const names = listGenerators().map((g) => g.name);
    const close = suggest(spec.split(':', 1)[0], names);
    return new UserError('file', 'no such file, and no generator of that name', { file: spec }, close === undefined ? `generators: ${names.join(', ')}` : `did you mean "${close}"?`);
}
