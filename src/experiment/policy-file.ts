/**
 * Policies that may be files: `./my-balancer.ts,density=4,newidle=off` is a policy file with tunables of its own and changes
 * of the base policy it names; everything else is a preset as `parsePolicy` takes it.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { changePolicy, type Policy, type PolicyFile, parsePolicy, takesSetting } from '../balance/policy.ts';
import type { PolicyDefinition, Tunable, TunableValue } from '../balance/user/define-policy.ts';
import { UserError } from '../base/errors.ts';
import { evaluatePolicy } from './policy-module.ts';
import { compilePolicy } from './policy-source.ts';

/** Largest policy file we take, bytes. */
const MAX_BYTES = 1 << 20;

/**
 * Parses a policy; a file is read from `folder` (default: the current one). The whole file goes into the policy, so that runs
 * in other threads, or later, are of the same bytes. Throws `UserError`.
 */
export function loadPolicy(text: string, folder = '.'): Policy {
  const [path = '', ...changes] = text.split(',').map((part) => part.trim());
  if (!isPolicyFile(path)) return parsePolicy(text);
  const bytes = readBytes(path, resolve(folder, path));
  const code = compilePolicy(bytes.toString('utf8'), path);
  const { definition } = evaluatePolicy({ path, code, values: {} });
  const base = checkDefinition(definition, path);
  const tunables = definition.tunables ?? {};
  const file: PolicyFile = {
    path,
    name: definition.name,
    about: definition.about ?? '',
    code,
    sha256: createHash('sha256').update(bytes).digest('hex'),
    tunables,
    values: Object.fromEntries(Object.entries(tunables).map(([name, { default: value }]) => [name, value])),
  };
  const policy: Policy = { ...base, name: text, file };
  return changes.filter((change) => change !== '').reduce(changePolicy, policy);
}

/** Is the policy of this name a file? */
function isPolicyFile(name: string): boolean {
  return /\.[mc]?[jt]s$/.test(name);
}

function readBytes(path: string, at: string): Buffer {
  const stat = existsSync(at) ? statSync(at) : undefined;
  if (stat === undefined) {
    throw new UserError('file', 'no such policy file', { file: path }, '`steelyard policy new NAME` writes an example');
  }
  if (!stat.isFile()) throw new UserError('file', 'this is not a file', { file: path });
  if (stat.size > MAX_BYTES)
    throw new UserError('limit', `${stat.size} bytes are too many for a policy`, { file: path });
  try {
    return readFileSync(at);
  } catch (error) {
    throw new UserError('file', `cannot read: ${(error as NodeJS.ErrnoException).code}`, { file: path });
  }
}

/** The base policy, if all that the definition says makes sense. */
function checkDefinition(definition: PolicyDefinition, file: string): Policy {
  const refuse = (what: string, hint = ''): never => {
    throw new UserError('policy', what, { file }, hint);
  };
  const { name, about, base, tunables = {}, hooks } = definition;
  if (typeof name !== 'string' || !/^[\w-]+$/.test(name)) refuse('"name" must be letters, digits, - and _');
  if (about !== undefined && typeof about !== 'string') refuse('"about" must be a text');
  if (typeof base !== 'string') refuse('"base" must be a policy', "such as base: 'linux-6.1'");
  if (typeof hooks !== 'function') refuse('"hooks" must be a function that returns the hooks');
  for (const key of Object.keys(definition)) {
    if (!['name', 'about', 'base', 'tunables', 'hooks'].includes(key)) {
      refuse(`unknown key "${key}"`, 'known: name, about, base, tunables, hooks');
    }
  }
  if (typeof tunables !== 'object' || tunables === null) refuse('"tunables" must be an object');
  for (const [own, tunable] of Object.entries(tunables)) {
    const wrong = wrongTunable(own, tunable);
    if (wrong !== '') refuse(`tunable "${own}": ${wrong}`);
  }
  try {
    return parsePolicy(base);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(error.code, `"base": ${error.what}`, { file }, error.hint);
  }
}

function wrongTunable(name: string, tunable: Tunable): string {
  if (!/^[a-zA-Z][\w.]*$/.test(name)) return 'a name has letters, digits, _ and .';
  if (takesSetting(name)) return 'every policy has a part, tunable or feature of this name';
  if (typeof tunable !== 'object' || tunable === null) return 'it must be an object with "about" and "default"';
  if (typeof tunable.about !== 'string') return '"about" must say what it is';
  for (const key of Object.keys(tunable)) {
    if (!['about', 'default', 'values', 'unit', 'min', 'max'].includes(key)) return `unknown key "${key}"`;
  }
  const value: TunableValue = tunable.default;
  if (typeof value === 'boolean') return '';
  if (typeof value === 'string') {
    const values = 'values' in tunable ? tunable.values : undefined;
    return Array.isArray(values) && values.includes(value)
      ? ''
      : '"values" must list the words it can be, the default among them';
  }
  const { unit, min = 0, max = Number.MAX_SAFE_INTEGER } = tunable as Extract<Tunable, { default: number }>;
  if (unit !== undefined && unit !== 'ns') return '"unit" can only be "ns"';
  const numbers = [value, min, max];
  if (!numbers.every(Number.isSafeInteger)) return '"default", "min" and "max" must be whole numbers';
  return value >= min && value <= max ? '' : `the default must be within ${min}..${max}`;
}
