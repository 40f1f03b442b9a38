/**
 * Scenarios of the kernel lab as workloads: `.scn` files, plain specs of its load generator, and the files of a record
 * (`spec` or `cmd`, `pre`, `env`), which are a scenario taken apart.
 */
import { UserError } from '../../base/errors.ts';
import { generate } from '../generators/generate.ts';
import { quote, WarningList } from '../places.ts';
import type { Instruction, Workload } from '../program.ts';
import type { WorkloadReading } from '../reading.ts';
import { generatorOf } from './commands.ts';
import { compileLabgen } from './labgen-compile.ts';
import { parseLabgen } from './labgen-parse.ts';
import { errorAt, placeAt, readSections, type ScenarioParts, type ScenarioSource } from './sections.ts';
import { readPreparation, splitCommands } from './shell.ts';

interface ScenarioOptions {
  readonly name: string;
  readonly nrCpus: number;
}

/** Reads a scenario, from one text or several. Throws `UserError` at the place of the first thing wrong. */
export function readScenario(sources: readonly ScenarioSource[], options: ScenarioOptions): WorkloadReading {
  const { name, nrCpus } = options;
  const warnings = new WarningList();
  const parts = readSections(sources);
  const preparation = readPreparation(splitCommands(parts.pre, nrCpus), warnings);
  const commands = splitCommands(parts.cmd, nrCpus);
  const common = { features: preparation.features, repetitions: parts.repetitions ?? 1 };
  if (commands.length > 0) {
    const first = commands[0]!;
    if (commands.length > 1) throw errorAt(commands[1]!.line, commands[1]!.index, 'only one command can be simulated');
    const spec = generatorOf(first);
    let workload: WorkloadReading['workload'];
    try {
      workload = generate(spec, nrCpus);
    } catch (e) {
      throw e instanceof UserError ? new UserError(e.code, e.what, placeAt(first.line, first.index), e.hint) : e;
    }
    warnOfSpec(parts, warnings);
    const marked = { ...withMarks(workload), name };
    return { ...common, workload: marked, warnings: warnings.all, seed0: parts.seed0 ?? 1, samples: [] };
  }
  const spec = parseLabgen(parts.spec, nrCpus, warnings);
  if (spec.tasks.length === 0)
    throw new UserError('workload', 'there is no task line', { file: sources[0]?.file }, 'like "task hog n=4 : hog"');
  const { workload, samples } = compileLabgen(spec, name, preparation.groups, warnings);
  // The lab gives its own seed to labgen; a seed line is for those who start labgen themselves.
  return { ...common, workload, warnings: warnings.all, seed0: parts.seed0 ?? spec.seed ?? 1, samples };
}

/** The lab marks in the trace where a command begins and ends. */
function withMarks(workload: Workload): Workload {
  const [main, ...others] = workload.kinds;
  const body = main!.program.filter((instruction) => instruction.op !== 'exit');
  const program: Instruction[] = [
    { op: 'mark', text: 'lab cmd start' },
    ...body,
    { op: 'mark', text: 'lab cmd end' },
    { op: 'exit' },
  ];
  return { ...workload, kinds: [{ ...main!, program }, ...others] };
}

/** A command is run instead of the spec, not besides it. */
function warnOfSpec(parts: ScenarioParts, warnings: WarningList): void {
  const line = parts.spec.find((l) => l.text.replace(/#.*/, '').trim() !== '');
  if (line !== undefined) warnings.add(`${quote(line.text.trim())} is not used, there is a command`, placeAt(line, 0));
}
