/**
 * Scenarios of the kernel lab as workloads: `.scn` files, plain specs of its load generator, and the files of a record
 * (`spec` or `cmd`, `pre`, `env`), which are a scenario taken apart.
 */
import { UserError } from "../../base/errors.js";
import { generate } from "../generators/generate.js";
import { quote, WarningList } from "../places.js";
import { generatorOf } from "./commands.js";
import { compileLabgen } from "./labgen-compile.js";
import { parseLabgen } from "./labgen-parse.js";
import { errorAt, placeAt, readSections } from "./sections.js";
import { readPreparation, splitCommands } from "./shell.js";
/** Reads a scenario, from one text or several. Throws `UserError` at the place of the first thing wrong. */
export function readScenario(sources, options) {
    const { name, nrCpus } = options;
    const warnings = new WarningList();
    const parts = readSections(sources);
    const preparation = readPreparation(splitCommands(parts.pre, nrCpus), warnings);
    const commands = splitCommands(parts.cmd, nrCpus);
    const common = { features: preparation.features, repetitions: parts.repetitions ?? 1 };
    if (commands.length > 0) {
        const first = commands[0];
        if (commands.length > 1)
            throw errorAt(commands[1].line, commands[1].index, 'only one command can be simulated');
        const spec = generatorOf(first);
        let workload;
        try {
            workload = generate(spec, nrCpus);
        }
        catch (e) {
            throw e instanceof UserError ? new UserError(e.code, e.what, placeAt(first.line, first.index), e.hint) : e;
        }
        warnOfSpec(parts, warnings);
        return { ...common, workload: { ...workload, name }, warnings: warnings.all, seed0: parts.seed0 ?? 1, samples: [] };
    }
    const spec = parseLabgen(parts.spec, nrCpus, warnings);
    if (spec.tasks.length === 0)
        throw new UserError('workload', 'there is no task line', { file: sources[0]?.file }, 'like "task hog n=4 : hog"');
    const { workload, samples } = compileLabgen(spec, name, preparation.groups, warnings);
    // The lab gives its own seed to labgen; a seed line is for those who start labgen themselves.
    return { ...common, workload, warnings: warnings.all, seed0: parts.seed0 ?? spec.seed ?? 1, samples };
}
/** A command is run instead of the spec, not besides it. */
function warnOfSpec(parts, warnings) {
    const line = parts.spec.find((l) => l.text.replace(/#.*/, '').trim() !== '');
    if (line !== undefined)
        warnings.add(`${quote(line.text.trim())} is not used, there is a command`, placeAt(line, 0));
}
