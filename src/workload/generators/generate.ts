/**
 * The generators, and the strings that name them: `hackbench:groups=2,loops=1000`.
 */
import { didYouMean, UserError } from '../../base/errors.ts';
import { quote } from '../places.ts';
import type { Workload } from '../program.ts';
import { dbquery } from './dbquery.ts';
import { forkburst } from './forkburst.ts';
import { hackbench } from './hackbench.ts';
import { hogs } from './hogs.ts';
import { kbuild } from './kbuild.ts';
import { netperf } from './netperf.ts';
import { oltp, oracle } from './oltp.ts';
import type { Generator } from './params.ts';
import { periodic } from './periodic.ts';
import { pipe } from './pipe.ts';
import { rpc } from './rpc.ts';
import { runsleep } from './runsleep.ts';
import { schbench, schbenchOld } from './schbench.ts';
import { sessions } from './sessions.ts';
import { ep, lu } from './spin-barrier.ts';
import { tbench } from './tbench.ts';
import { context1, execl, shell, spawn } from './unixbench.ts';

const GENERATORS: readonly Generator[] = [
  hogs,
  runsleep,
  periodic,
  forkburst,
  hackbench,
  pipe,
  schbench,
  schbenchOld,
  tbench,
  netperf,
  rpc,
  oltp,
  oracle,
  kbuild,
  context1,
  shell,
  spawn,
  execl,
  lu,
  ep,
  sessions,
  dbquery,
];

const MAX_SPEC = 4096;

/** What a help text says about a generator. */
export interface GeneratorHelp {
  readonly name: string;
  readonly summary: string;
  readonly unit: string;
  readonly measures: string;
  readonly params: readonly {
    readonly name: string;
    readonly default: string;
    readonly values: string;
    readonly doc: string;
  }[];
}

export function listGenerators(): readonly GeneratorHelp[] {
  return GENERATORS.map(({ name, summary, unit, measures, params }) => ({
    name,
    summary,
    unit,
    measures,
    params: Object.entries(params).map(([key, p]) => ({ name: key, default: p.default, values: p.values, doc: p.doc })),
  }));
}

/** Is the text before a first colon the name of a generator? */
export function isGeneratorSpec(spec: string): boolean {
  const name = nameOf(spec);
  return GENERATORS.some((g) => g.name === name);
}

/**
 * The workload of a generator string `name` or `name:key=value,key=value` on a machine of so many CPUs. Values may hold
 * commas in brackets: `lognormal(60us,0.8)`.
 */
export function generate(spec: string, nrCpus: number): Workload {
  if (spec.length > MAX_SPEC) throw new UserError('limit', `a workload of ${spec.length} characters is too long`);
  const name = nameOf(spec);
  const generator = GENERATORS.find((g) => g.name === name);
  if (generator === undefined) {
    const names = GENERATORS.map((g) => g.name);
    throw new UserError('workload', `unknown workload ${quote(name)}`, {}, didYouMean(name, names));
  }
  const texts = new Map<string, string>();
  const rest = spec
    .trim()
    .slice(name.length + 1)
    .trim();
  for (const part of rest === '' ? [] : rest.split(/,(?![^()]*\))/)) {
    const equals = part.indexOf('=');
    if (equals < 0) throw new UserError('workload', `${name}: ${quote(part)} is not key=value`);
    const key = part.slice(0, equals).trim().toLowerCase();
    if (texts.has(key)) throw new UserError('workload', `${name}: ${quote(key)} is given twice`);
    texts.set(key, part.slice(equals + 1).trim());
  }
  return { ...generator.make(texts, nrCpus), name: spec };
}

function nameOf(spec: string): string {
  const colon = spec.indexOf(':');
  return (colon < 0 ? spec : spec.slice(0, colon)).trim();
}
