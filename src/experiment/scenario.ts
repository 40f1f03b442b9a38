/**
 * Scenario files: a machine, a workload, and the policies to try, in YAML.
 *
 *   name: wakeups on a small server
 *   machine: epyc-7763                # preset, synthetic string or file
 *   workload: schbench:workers=32     # generator string or file
 *   policies: [linux-6.1, "linux-6.1,newidle=off"]
 *   duration: 1s
 *   warmup: 100ms
 *   seed: 1
 *   runs: 10
 *
 * Paths are relative to the scenario file.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { isMap, isScalar, LineCounter, parseDocument } from 'yaml';
import { z } from 'zod';
import { parseTime } from '../balance/settings.ts';
import { didYouMean, type Place, UserError } from '../base/errors.ts';

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** As `loadMachine` and `loadWorkload` take them. */
  readonly machine: string;
  readonly workload: string;
  /** The first is the baseline. */
  readonly policies: readonly string[];
  /** Null: the workload's own, or its end. */
  readonly durationNs: number | null;
  readonly warmupNs: number;
  readonly seed: number | null;
  readonly runs: number | null;
}

/** Largest scenario file we take, bytes. */
const MAX_BYTES = 1 << 20;
export const MAX_SEED = 2 ** 32 - 1;
export const MAX_RUNS = 10_000;

const time = z.union([z.string(), z.number()]).transform((value, context) => {
  const ns = typeof value === 'string' ? parseTime(value) : undefined;
  if (ns !== undefined && ns >= 0) return ns;
  context.addIssue({ code: 'custom', message: 'a time is a number with its unit: 500us, 100ms, 2s' });
  return z.NEVER;
});

const schema = z.strictObject({
  name: z.string().optional(),
  about: z.string().default(''),
  machine: z.string(),
  workload: z.string(),
  policy: z.string().optional(),
  policies: z.array(z.string()).min(1).optional(),
  duration: time.optional(),
  warmup: time.optional(),
  seed: z.number().int().min(0).max(MAX_SEED).optional(),
  runs: z.number().int().min(1).max(MAX_RUNS).optional(),
});

/** Reads a scenario file. Throws `UserError` with line and column. */
export function loadScenario(path: string): Scenario {
  const stat = existsSync(path) ? statSync(path) : undefined;
  if (stat === undefined) {
    const hint = 'give a scenario file, or --machine and --workload';
    throw new UserError('file', 'no such scenario', { file: path }, hint);
  }
  if (!stat.isFile()) throw new UserError('file', 'this is not a file', { file: path }, 'a scenario is a YAML file');
  if (stat.size > MAX_BYTES) {
    throw new UserError(
      'limit',
      `${stat.size} bytes are too many for a scenario`,
      { file: path },
      'is it another kind of file?',
    );
  }
  return parseScenario(readFileSync(path, 'utf8'), path);
}

/** Reads the text of a scenario file; `file` is where it is from. */
export function parseScenario(text: string, file: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const wrong = document.errors[0];
  if (wrong !== undefined) throw new UserError('format', wrong.message, placeAt(wrong.pos[0]));
  if (!isMap(document.contents)) {
    throw new UserError('format', 'a scenario is a map of keys and values', { file }, 'it begins like `machine: smp4`');
  }
  const read = schema.safeParse(toPlain(document, file));
  if (!read.success) throw issueError(read.error.issues[0]!, document.contents, placeAt, file);
  const { data } = read;
  if (data.policy !== undefined && data.policies !== undefined) {
    throw new UserError('format', 'both "policy" and "policies" are given', { file }, 'keep one of them');
  }
  const relative = (spec: string) => {
    const path = resolve(dirname(file), spec);
    return existsSync(path) ? path : spec;
  };
  return {
    name: data.name ?? basename(file).replace(/\.ya?ml$/, ''),
    about: data.about,
    machine: relative(data.machine),
    workload: relative(data.workload),
    policies: data.policies ?? [data.policy ?? 'linux-6.1'],
    durationNs: data.duration ?? null,
    warmupNs: data.warmup ?? 0,
    seed: data.seed ?? null,
    runs: data.runs ?? null,
  };
}

/** The document as plain values; aliases that blow up are refused by the reader. */
function toPlain(document: ReturnType<typeof parseDocument>, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new UserError('format', error instanceof Error ? error.message : String(error), { file });
  }
}

type Issue = z.core.$ZodIssue;

function issueError(issue: Issue, map: unknown, placeAt: (offset: number) => Place, file: string): UserError {
  if (issue.code === 'unrecognized_keys') {
    const key = issue.keys[0]!;
    const hint = didYouMean(key, Object.keys(schema.shape));
    return new UserError('format', `unknown key "${key}"`, keyPlace(map, key, placeAt) ?? { file }, hint);
  }
  const key = String(issue.path[0] ?? '');
  const place = keyPlace(map, key, placeAt);
  if (place === undefined) {
    return new UserError('format', `"${key}" is missing`, { file }, `a scenario needs "machine" and "workload"`);
  }
  return new UserError('format', `"${issue.path.join('.')}": ${issue.message}`, place);
}

function keyPlace(map: unknown, key: string, placeAt: (offset: number) => Place): Place | undefined {
  if (!isMap(map)) return undefined;
  const pair = map.items.find((item) => isScalar(item.key) && item.key.value === key);
  if (pair === undefined || !isScalar(pair.key)) return undefined;
  return pair.key.range == null ? undefined : placeAt(pair.key.range[0]);
}
