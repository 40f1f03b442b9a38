/**
 * Benchmarks as they are called on a command line, as generator strings: `hackbench -p -g 1 -l 100` and
 * `perf bench sched messaging`, `perf bench sched pipe`.
 */
import { didYouMean, type UserError } from '../../base/errors.ts';
import { quote } from '../places.ts';
import { errorAt } from './sections.ts';
import type { Command } from './shell.ts';

interface Option {
  /** Parameter of the generator that the option's value is. */
  readonly param?: string;
  /** `key=value` that the option alone means. */
  readonly means?: string;
}

type Options = Readonly<Record<string, Option>>;

const HACKBENCH: Options = {
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

const PERF_MESSAGING: Options = {
  '-p': { means: 'chan=pipe' },
  '--pipe': { means: 'chan=pipe' },
  '-t': { means: 'mode=thread' },
  '--thread': { means: 'mode=thread' },
  '-l': { param: 'loops' },
  '--nr_loops': { param: 'loops' },
  '-g': { param: 'groups' },
  '--group': { param: 'groups' },
};

const PERF_PIPE: Options = {
  '-T': { means: 'mode=thread' },
  '--threaded': { means: 'mode=thread' },
  '-l': { param: 'loops' },
  '--loop': { param: 'loops' },
};

/** What a benchmark does when not told; where that is not the generator's own default. */
const PROGRAMS: readonly (readonly [words: string, generator: string, options: Options, defaults: string])[] = [
  ['hackbench', 'hackbench', HACKBENCH, ''],
  ['perf bench sched messaging', 'hackbench', PERF_MESSAGING, ''],
  ['perf bench sched pipe', 'pipe', PERF_PIPE, 'loops=1000000'],
];

/** The generator string of a command. Throws `UserError` for a command there is no generator for. */
export function generatorOf(command: Command): string {
  const words = command.words.map((w, i) => (i === 0 ? w.slice(w.lastIndexOf('/') + 1) : w));
  for (const [program, generator, options, defaults] of PROGRAMS) {
    const names = program.split(' ');
    if (!names.every((name, i) => words[i] === name)) continue;
    const values = new Map<string, string>();
    const set = (assignment: string) => {
      const [key, value] = assignment.split('=', 2) as [string, string];
      values.set(key, value);
    };
    if (defaults !== '') set(defaults);
    readOptions(words.slice(names.length), options, set, (what, hint) => fail(command, what, hint));
    const texts = [...values].map(([key, value]) => `${key}=${value}`);
    return texts.length === 0 ? generator : `${generator}:${texts.join(',')}`;
  }
  const known = PROGRAMS.map(([program]) => program);
  throw fail(command, `no generator for the command ${quote(command.words.join(' '))}`, `known: ${known.join(', ')}`);
}

/** Options as getopt takes them: `-l 100`, `-l100`, `-pTl 100`, `--loops=100`, `--loops 100`. */
function readOptions(
  words: readonly string[],
  options: Options,
  set: (assignment: string) => void,
  error: (what: string, hint: string) => UserError,
): void {
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    const value = (inWord: string | undefined, option: string): string => {
      const text = inWord ?? words[++i];
      if (text === undefined || !/^\d{1,12}$/.test(text))
        throw error(`option ${quote(option)} wants a number${text === undefined ? '' : `, not ${quote(text)}`}`, '');
      return text;
    };
    const find = (name: string): Option => {
      const option = Object.hasOwn(options, name) ? options[name] : undefined;
      if (option === undefined) throw error(`unknown option ${quote(name)}`, didYouMean(name, Object.keys(options)));
      return option;
    };
    if (word.startsWith('--')) {
      const [name, inWord] = word.split('=', 2) as [string, string | undefined];
      const option = find(name);
      if (option.param !== undefined) set(`${option.param}=${value(inWord, name)}`);
      else set(option.means!);
    } else if (/^-./.test(word)) {
      for (let at = 1; at < word.length; at++) {
        const option = find(`-${word[at]}`);
        if (option.param === undefined) set(option.means!);
        else {
          const rest = word.slice(at + 1);
          set(`${option.param}=${value(rest === '' ? undefined : rest, `-${word[at]}`)}`);
          break;
        }
      }
    } else throw error(`${quote(word)} is not an option`, '');
  }
}

function fail(command: Command, what: string, hint = ''): UserError {
  return errorAt(command.line, command.index, what, hint);
}
