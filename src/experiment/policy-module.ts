/**
 * Evaluates a policy file for one run. Each run gets the file afresh, so that nothing it keeps gets from one to the next.
 * Clocks, the machine's random numbers and everything that answers later are not there: a run would differ from the next.
 */
import { compileFunction } from 'node:vm';
import type { PolicyFile } from '../balance/policy.ts';
import { definePolicy, type PolicyDefinition } from '../balance/user/define-policy.ts';
import { type PolicyModule, STEPS_PER_CALL } from '../balance/user/user-balance.ts';
import { UserError } from '../base/errors.ts';

/** What a policy file does not have, and what to use instead. */
const ABSENT: Readonly<Record<string, string>> = {
  Date: 's.nowNs is the simulated time',
  performance: 's.nowNs is the simulated time',
  crypto: 's.random(n) draws from the seed of the run',
  process: '',
  require: '',
  module: '',
  exports: '',
  globalThis: '',
  global: '',
  Buffer: '',
  Function: '',
  WebAssembly: '',
  fetch: '',
  setTimeout: 'hooks answer at once',
  setInterval: 'hooks answer at once',
  setImmediate: 'hooks answer at once',
  queueMicrotask: 'hooks answer at once',
};

/** Evaluates it. Throws `UserError` (code `policy`) if that throws or it exports no policy. */
export function evaluatePolicy({ path, code, values }: Pick<PolicyFile, 'path' | 'code' | 'values'>): PolicyModule {
  const meter = { left: STEPS_PER_CALL };
  const step = () => {
    if (--meter.left < 0) throw new Error('a loop or recursion without end');
  };
  const lineOf = (error: unknown) => lineIn(error, path);
  const globals: Record<string, unknown> = {
    $step: step,
    $steelyard: { definePolicy },
    $exports: {},
    Math: seededMath(),
    console: stderrConsole(),
  };
  for (const [name, instead] of Object.entries(ABSENT)) globals[name] = absent(name, instead);
  const exports = globals['$exports'] as { default?: unknown };
  try {
    compileFunction(code, Object.keys(globals), { filename: path })(...Object.values(globals));
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new UserError('policy', what, { file: path, line: lineOf(error) }, '', { cause: error });
  }
  if (typeof exports.default !== 'object' || exports.default === null) {
    throw new UserError('policy', 'it has no policy', { file: path }, 'write `export default definePolicy({ ... })`');
  }
  return { definition: exports.default as PolicyDefinition, tunables: values, file: path, meter, lineOf };
}

/** The innermost line of the file in the stack of an error. */
function lineIn(error: unknown, path: string): number | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  // Not in the message, which may name the file too.
  for (const line of stack.split('\n').filter((line) => /^\s+at /.test(line))) {
    const at = line.lastIndexOf(`${path}:`);
    const found = at < 0 ? null : /^(\d+):\d+\)?$/.exec(line.slice(at + path.length + 1));
    if (found !== null) return Number(found[1]);
  }
  return undefined;
}

function seededMath(): Math {
  const random = () => {
    throw new Error('Math.random is not there for policy files: s.random(n) draws from the seed of the run');
  };
  return Object.freeze(Object.create(Math, { random: { value: random } }));
}

/** Standard output belongs to the results. */
function stderrConsole(): object {
  const print = (...values: unknown[]) => console.error(...values);
  return { log: print, info: print, debug: print, warn: print, error: print };
}

function absent(name: string, instead: string): unknown {
  const complain = () => {
    throw new Error(`${name} is not there for policy files${instead === '' ? '' : `: ${instead}`}`);
  };
  // It can be called, with `new` too.
  return new Proxy(class {}, { get: complain, set: complain, apply: complain, construct: complain, has: complain });
}
