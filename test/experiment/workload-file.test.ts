import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-'));
after(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

function refused(spec: string, what: RegExp, code: string): void {
  assert.throws(
    () => loadWorkload(spec, 4),
    (e) => {
      assert.ok(e instanceof UserError, String(e));
      assert.match(e.message, what);
      assert.equal(e.code, code);
      return true;
    },
  );
}

test('a workload is a generator string, a scenario, a spec or an rt-app file', () => {
  assert.equal(loadWorkload('hogs:n=3', 4).workload.maxTasks, 4);
  const scn = loadWorkload(file('two.scn', '%% REPS=3\ntask a n={N} : hog\n'), 4);
  assert.deepEqual([scn.workload.name, scn.workload.maxTasks, scn.repetitions], ['two', 5, 3]);
  assert.equal(loadWorkload(file('spec', 'task a : hog'), 4).workload.maxTasks, 2);
  assert.equal(loadWorkload(file('a.json', '{"tasks": {"a": {"run": 1}}}'), 4).workload.name, 'a');
});

test('the folder of a record is its spec with what was prepared, or its command', () => {
  file('pre', 'mkdir /cg/a; echo 7 > /cg/a/cpu.weight');
  file('env', 'REPS=5\nREPS=2\n');
  file('spec', 'task a cg=a : hog');
  const spec = loadWorkload(folder, 4);
  assert.deepEqual([spec.workload.groups[0]?.weight, spec.repetitions], [7, 2]);
  const cmd = loadWorkload(file('cmd', 'hackbench -g 2 -f 2\n'), 4);
  assert.equal(cmd.workload.maxTasks, 9);
  assert.equal(loadWorkload(folder, 4).workload.maxTasks, 9);
});

test('errors name the file', () => {
  const bad = file('bad.scn', 'task a : hogg');
  refused(bad, new RegExp(`${bad}:1:10: unknown action`), 'workload');
  const json = file('bad.json', '{"tasks": {"a": {"rum": 1}}}');
  refused(json, new RegExp(`${json}:1:18: unknown key "rum" \\(did you mean "run"`), 'workload');
});

test('what is not there is said so, with the generator that may have been meant', () => {
  refused('hackbnch:groups=2', /no such file, and no generator of that name \(did you mean "hackbench"/, 'file');
  refused(join(folder, 'nothing.scn'), /generators: hogs, /, 'file');
  refused(join(folder, 'spec', 'inner'), /no such file|cannot be read/, 'file');
  refused(tmpdir(), /neither a "spec" nor a "cmd"/, 'file');
});

test('what cannot be a workload is refused without being read to its end', () => {
  refused('/dev/zero', /are no workload/, 'limit');
});
