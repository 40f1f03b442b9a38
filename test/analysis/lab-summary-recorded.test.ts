/** The lab's own summaries of its records, made again from the traces. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { type LabFigures, LabRepetitionSink, type LabTasks } from '../../src/analysis/lab-repetition.ts';
import { labSchedstat, overRepetitions } from '../../src/analysis/lab-summary.ts';
import { labRepetitions } from '../../src/trace/lab-text-reader.ts';
import { parseSchedstat } from '../../src/trace/schedstat.ts';
import { zstdDecompress } from '../../src/trace/zstd.ts';
import { needsShared } from '../support/shared.ts';
import { type LabRecord, labRecord, labRecordPaths } from '../trace/lab-records.ts';

const decoder = new TextDecoder();

/** Pid and kind of the tasks of a repetition: `@ task=hog-0 pid=145 ...` is a hog. */
async function tasksOf(folder: string, comm: string): Promise<LabTasks> {
  const file = `${folder}/tasks.txt.zst`;
  if (!existsSync(file)) return { byComm: comm };
  const text = decoder.decode(await zstdDecompress(readFileSync(file)));
  const tasks = [...text.matchAll(/@ task=(\S+) pid=(\d+)/g)];
  return { byPid: new Map(tasks.map(([, name, pid]) => [Number(pid), name!.replace(/-\d+$/, '')])) };
}

async function summaryOf(record: LabRecord): Promise<LabFigures[]> {
  const json = (file: string) => JSON.parse(readFileSync(`${record.folder}/${file}`, 'utf8'));
  const { comm } = json('run.json') as { comm?: string };
  const { cpus } = json('topology.json') as { cpus: { domains: { name: string }[] }[] };
  const repetitions = labRepetitions(await record.text(), { topology: record.topology, source: record.kernel });
  const each: LabFigures[] = [];
  for (const [i, repetition] of repetitions.entries()) {
    const folder = `${record.folder}/r${i + 1}`;
    const sink = new LabRepetitionSink(await tasksOf(folder, comm ?? 'hackbench'));
    repetition.play(sink);
    const figures = sink.figures();
    if (figures === null) continue;
    const snapshot = (n: number) => parseSchedstat(readFileSync(`${folder}/schedstat${n}`, 'utf8'));
    const schedstat = labSchedstat(snapshot(0), snapshot(1), (cpu, d) => cpus[cpu]?.domains[d]?.name);
    const output = existsSync(`${folder}/cmd.out`) ? readFileSync(`${folder}/cmd.out`, 'utf8') : '';
    const time = /Time: ([0-9.]+)/.exec(output);
    each.push({ ...figures, schedstat, ...(time === null ? {} : { hackbench_s: Number(time[1]) }) });
  }
  return each;
}

const paths = labRecordPaths();

test('there are records to compare with', needsShared, () => {
  assert.ok(paths.length >= 50, `${paths.length} records`);
});

for (const path of paths) {
  test(`${path}: every figure is that of summary.json`, async () => {
    const record = labRecord(path);
    const expected = JSON.parse(readFileSync(`${record.folder}/summary.json`, 'utf8'));
    const each = await summaryOf(record);
    assert.equal(each.length, expected.repetitions);
    assert.equal(readdirSync(record.folder).filter((name) => /^r\d+$/.test(name)).length, expected.repetitions);
    assert.deepEqual(JSON.parse(JSON.stringify(each)), expected.each);
    assert.deepEqual(overRepetitions(each), expected.over_repetitions);
  });
}
