/**
 * `npm run study`            lists the studies
 * `npm run study NAME`       runs one, prints its rows and writes them into its README
 * `npm run study NAME -- --json`       prints `{ "rows": [ ... ] }` and writes nothing
 * `npm run study NAME -- --threads N`  worker threads; default: as many as the machine runs at once
 *
 * What a study is made of is in `study.ts`.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import {
  type Job,
  type JobResult,
  loadMachine,
  loadScenario,
  loadWorkload,
  parsePolicy,
  parseTime,
  runJobs,
  UserError,
} from 'steelyard';
import { rowsTable, withRows } from './rows.ts';
import { PolicyRuns, resultKey, type Study, StudyResults, type StudyRun } from './study.ts';

const ROOT = fileURLToPath(new URL('.', import.meta.url));

try {
  await main();
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`study: ${error.message}\n`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, threads: { type: 'string' } },
  });
  const [name, ...more] = positionals;
  if (more.length > 0) throw new UserError('usage', `one study at a time, not also "${more.join(' ')}"`);
  if (name === undefined) {
    for (const study of listStudies()) process.stdout.write(`${study.padEnd(24)} ${questionOf(study)}\n`);
    return;
  }
  const threads = values.threads === undefined ? undefined : Number(values.threads);
  if (threads !== undefined && !(Number.isInteger(threads) && threads > 0)) {
    throw new UserError('usage', `--threads cannot be "${values.threads}"`, {}, 'a whole number of at least 1');
  }
  const study = await loadStudy(name);
  const rows = study.rows(await perform(name, study, threads));
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ rows }, null, 1)}\n`);
    return;
  }
  const table = rowsTable(study.columns, rows);
  process.stdout.write(table);
  const readme = join(ROOT, name, 'README.md');
  writeFileSync(readme, withRows(readFileSync(readme, 'utf8'), table, readme));
}

function listStudies(): string[] {
  return readdirSync(ROOT, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && existsSync(join(ROOT, entry.name, 'study.ts')))
    .map((entry) => entry.name)
    .sort();
}

/** The title of the study's README. */
function questionOf(study: string): string {
  return /^# (.*)$/m.exec(readFileSync(join(ROOT, study, 'README.md'), 'utf8'))?.[1] ?? '';
}

async function loadStudy(name: string): Promise<Study> {
  const studies = listStudies();
  if (!studies.includes(name)) {
    throw new UserError('usage', `there is no study "${name}"`, {}, `known: ${studies.join(', ')}`);
  }
  return ((await import(pathToFileURL(join(ROOT, name, 'study.ts')).href)) as { readonly study: Study }).study;
}

async function perform(name: string, study: Study, threads: number | undefined): Promise<StudyResults> {
  const jobs: Job[] = [];
  const keys: string[] = [];
  for (const run of study.runs) {
    for (const [policy, job] of jobsOf(join(ROOT, name), run)) {
      keys.push(resultKey(run.name, policy));
      jobs.push(job);
    }
  }
  const started = performance.now();
  const flat = await runJobs(jobs, {
    ...(threads === undefined ? {} : { threads }),
    onProgress: (_, done) => {
      if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${jobs.length} runs\r`);
    },
  });
  process.stderr.write(`${jobs.length} runs, ${Math.round((performance.now() - started) / 1000)} s\n`);
  const byKey = new Map<string, JobResult[]>();
  flat.forEach((result, i) => {
    byKey.set(keys[i]!, [...(byKey.get(keys[i]!) ?? []), result]);
  });
  return new StudyResults(new Map([...byKey].map(([key, runs]) => [key, new PolicyRuns(key, runs)])));
}

/** The runs of an entry, with the policies they are under. */
function jobsOf(folder: string, run: StudyRun): [policy: string, job: Job][] {
  const scenario = loadScenario(join(folder, run.scenario));
  const machine = loadMachine(run.machine ?? scenario.machine);
  const workload = loadWorkload(run.workload ?? scenario.workload, machine.nrCpus, {
    capacities: [...machine.capacity],
  });
  const durationNs = run.duration === undefined ? scenario.durationNs : timeOf(run, run.duration);
  const warmupNs = run.warmup === undefined ? scenario.warmupNs : timeOf(run, run.warmup);
  const seed = run.seed ?? scenario.seed ?? 1;
  const runs = run.runs ?? scenario.runs ?? 1;
  return (run.policies ?? scenario.policies).flatMap((text) =>
    Array.from({ length: runs }, (_, i): [string, Job] => {
      const plan = { machine, workload, policy: parsePolicy(text), seed: seed + i, durationNs, warmupNs };
      return [text, { plan }];
    }),
  );
}

function timeOf(run: StudyRun, text: string): number {
  const ns = parseTime(text);
  if (ns === undefined || ns < 0) throw new UserError('usage', `run "${run.name}": "${text}" is not a time`);
  return ns;
}
