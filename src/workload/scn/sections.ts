/**
 * The parts of a scenario file: `%%` lines set variables (`%% REPS=5`), the lines `%pre`, `%post`, `%cmd` and `%spec`
 * begin a part, everything before the first of them is the spec of the load generator. A plain spec has no such lines.
 */
import { didYouMean, type Place, UserError, type UserErrorCode } from '../../base/errors.ts';
import { quote } from '../places.ts';

export interface SourceLine {
  readonly text: string;
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
}

/** Variables of the lab's guest; only REPS and SEED0 mean anything to a simulation. */
const VARIABLES = ['REPS', 'SEED0', 'EVENTS', 'KPROBES', 'BUF', 'DAT', 'CLOCK', 'KARGS'];
const PARTS = ['spec', 'cmd', 'pre', 'post'] as const;
const MAX_REPETITIONS = 100_000;

export interface ScenarioParts {
  readonly spec: readonly SourceLine[];
  readonly cmd: readonly SourceLine[];
  readonly pre: readonly SourceLine[];
  readonly repetitions: number | undefined;
  readonly seed0: number | undefined;
}

/** The texts a scenario is made of: one scenario file, or the files of a record. */
export interface ScenarioSource {
  readonly text: string;
  readonly file?: string | undefined;
  /** What the text is until one of its lines says otherwise; `env`: variables without `%%`. */
  readonly part: 'spec' | 'cmd' | 'pre' | 'env';
}

const MAX_SCENARIO_LENGTH = 1 << 22;
const MAX_LINE = 1 << 16;

export function readSections(sources: readonly ScenarioSource[]): ScenarioParts {
  const parts: Record<(typeof PARTS)[number], SourceLine[]> = { spec: [], cmd: [], pre: [], post: [] };
  const variables = new Map<string, number>();
  for (const { text, file, part } of sources) {
    if (text.length > MAX_SCENARIO_LENGTH)
      throw new UserError('limit', `${text.length} characters are more than ${MAX_SCENARIO_LENGTH}`, { file });
    let current: ScenarioSource['part'] | 'post' = part;
    const lines = text.split('\n');
    for (const [i, raw] of lines.entries()) {
      const line: SourceLine = { text: raw.endsWith('\r') ? raw.slice(0, -1) : raw, file, line: i + 1 };
      if (line.text.length > MAX_LINE) throw errorAt(line, 0, 'this line is too long', '', 'limit');
      const name = line.text.startsWith('%') ? line.text.slice(1).trim() : '';
      if (current === 'env') {
        if (line.text.trim() !== '') setVariable(line, 0, variables);
      } else if (line.text.startsWith('%%')) setVariable(line, 2, variables);
      else if (isPart(name)) current = name;
      else parts[current].push(line);
    }
  }
  return { ...parts, repetitions: variables.get('REPS'), seed0: variables.get('SEED0') };
}

function isPart(name: string): name is (typeof PARTS)[number] {
  return (PARTS as readonly string[]).includes(name);
}

function setVariable(line: SourceLine, from: number, variables: Map<string, number>): void {
  const assignment = line.text.slice(from);
  const at = from + assignment.length - assignment.trimStart().length;
  const m = /^\s*(\w+)=(.*?)\s*$/.exec(assignment);
  if (m === null) throw errorAt(line, at, `${quote(assignment.trim())} sets nothing`, 'NAME=VALUE, for example REPS=5');
  const [, name, value] = m as unknown as [string, string, string];
  if (!VARIABLES.includes(name))
    throw errorAt(line, at, `unknown variable ${quote(name)}`, didYouMean(name, VARIABLES));
  if (name !== 'REPS' && name !== 'SEED0') return;
  const number = /^\d{1,9}$/.test(value) ? Number(value) : -1;
  const [min, max] = name === 'REPS' ? [1, MAX_REPETITIONS] : [0, 999_999_999];
  if (number < min || number > max)
    throw errorAt(line, at, `${name} is ${quote(value)}, not a number within ${min}..${max}`);
  variables.set(name, number);
}

export function placeAt(line: SourceLine, index: number): Place {
  return { file: line.file, line: line.line, column: index + 1 };
}

export function errorAt(line: SourceLine, index: number, what: string, hint = '', code: UserErrorCode = 'workload') {
  return new UserError(code, what, placeAt(line, index), hint);
}
