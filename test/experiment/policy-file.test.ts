/** Policy files: what is said about one that is wrong, before and while it runs. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { UserError } from '../../src/base/errors.ts';
import { loadMachine } from '../../src/experiment/machine-file.ts';
import { loadPolicy } from '../../src/experiment/policy-file.ts';
import { simulate } from '../../src/experiment/simulate.ts';
import { loadWorkload } from '../../src/experiment/workload-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'steelyard-test-'));
after(() => rmSync(folder, { recursive: true }));

/** A file of five lines before the hook, which is on line 6. */
function withHook(hook: string): string {
  return `import { definePolicy, type Scheduler } from 'steelyard';

export default definePolicy({
  name: 'tried', base: 'linux-6.1',
  hooks: (s: Scheduler) => ({
    ${hook}
  }),
});
`;
}

function load(text: string, changes = ''): ReturnType<typeof loadPolicy> {
  writeFileSync(join(folder, 'tried.ts'), text);
  return loadPolicy(`./tried.ts${changes}`, folder);
}

function run(text: string, changes = ''): ReturnType<typeof simulate> {
  const machine = loadMachine('smp4');
  const workload = loadWorkload('runsleep:n=20', machine.nrCpus);
  return simulate(
    { machine, workload, policy: load(text, changes), seed: 1, durationNs: 20e6, warmupNs: 0 },
    { checkInvariants: true },
  );
}

function error(action: () => unknown, of = ''): UserError {
  try {
    action();
  } catch (error) {
    if (error instanceof UserError) return error;
    throw error;
  }
  throw new Error(`nothing was wrong ${of}`);
}

test('what cannot be a policy file is refused with its place', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['const a: = 1;', /^\.\/tried\.ts:1:10: /],
    [withHook('tick( { }'), /^\.\/tried\.ts:7:3: /],
    ['enum A { B }\nexport default 1;', /^\.\/tried\.ts:1:1: TypeScript enum is not supported \(/],
    ["import { x } from './other.ts';\nexport default x;", /:1:1: a policy file can import from "steelyard" only/],
    [
      "import { simulate } from 'steelyard';\nexport default simulate;",
      /:1:10: a policy file cannot import "simulate"/,
    ],
    ["import * as all from 'steelyard';", /:1:8: import by name/],
    [withHook('async tick() {},'), /:6:\d+: a policy file cannot have async functions/],
    [withHook("tick() { eval('1'); },"), /:6:14: eval is not there/],
    [withHook("tick() { import('fs'); },"), /:6:14: .* "steelyard" only/],
    ['export const a = 1;', /it has no policy/],
    ['let a = 1;\n\nnull.b;\nexport default a;', /^\.\/tried\.ts:3: TypeError/],
    ['for (;;) {}', /^\.\/tried\.ts:1: Error: a loop or recursion without end/],
    ['export default { name: 1 };', /"name" must be/],
    ["export default { name: 'a', base: 'linux-6.11', hooks() {} };", /"base": unknown policy "linux-6\.11"/],
    ["export default { name: 'a', base: './b.ts', hooks() {} };", /"base": unknown policy/],
    ["export default { name: 'a', base: 'linux-6.1', hook() {}, hooks() {} };", /unknown key "hook"/],
    [
      "export default { name: 'a', base: 'linux-6.1', tunables: { hz: { about: '', default: 1 } }, hooks() {} };",
      /tunable "hz": every policy has/,
    ],
    [
      "export default { name: 'a', base: 'linux-6.1', tunables: { q: { about: '', default: 1, min: 2 } }, hooks() {} };",
      /tunable "q": the default must be within 2\.\./,
    ],
  ];
  for (const [text, message] of wrong) {
    const { code, message: said } = error(() => load(text));
    assert.match(said, message, text);
    assert.equal(code, 'policy', text);
  }
  assert.equal(error(() => loadPolicy('./nowhere.ts', folder)).code, 'file');
});

test('tunables of a policy file are read like all others', () => {
  const text = `import { definePolicy } from 'steelyard';
export default definePolicy({
  name: 'tuned', base: 'linux-6.1,nr_migrate=8',
  tunables: {
    depth: { about: 'a number', default: 2, min: 1, max: 9 },
    gate: { about: 'a time', default: 500, unit: 'ns' },
    way: { about: 'a word', default: 'up', values: ['up', 'down'] },
    on: { about: 'a switch', default: true },
  },
  hooks: (s, { depth, gate, way, on }) => {
    s.counter(\`\${depth + 1}_\${gate / 2}_\${way}_\${!on}\`.replace(/^/, 'is_')).value = 1;
    return {};
  },
});`;
  const counted = (changes: string) =>
    run(text, changes)
      .figures.filter(({ name, value }) => name.startsWith('policy.count.') && value === 1)
      .map((f) => f.name);
  assert.deepEqual(counted(''), ['policy.count.is_3_250_up_false']);
  assert.deepEqual(counted(',depth=9,gate=10us,way=down,on=off,newidle=off'), ['policy.count.is_10_5000_down_true']);
  const { parts, tunables } = load(text, ',newidle=off');
  assert.deepEqual([parts.newidle, tunables.nrMigrate], ['off', 8]);
  const refused: readonly (readonly [string, RegExp])[] = [
    ['dept=3', /no part, tunable or feature "dept".*did you mean "depth"/],
    ['depth=10', /"depth" cannot be "10" \(it must be within 1\.\.9\)/],
    ['depth=1.5', /a whole number/],
    ['gate=fast', /a time is a number/],
    ['way=left', /known: up, down/],
    ['on=perhaps', /use on or off/],
  ];
  for (const [change, message] of refused) assert.match(error(() => load(text, `,${change}`)).message, message);
});

test('a hook that goes wrong ends the run with its name, time, CPU and task, and the line', () => {
  const wrong: readonly (readonly [string, RegExp])[] = [
    ['tick(cpu) { for (;;) {} },', /^\.\/tried\.ts:6: hook "tick" at 4000000 ns, CPU 0: it does not come to an end/],
    ['tick(cpu) { for (;;) try { for (;;); } catch {} },', /does not come to an end/],
    ['tick(cpu) { do if (cpu > 9) break; while (true) },', /does not come to an end/],
    ['*newidle(cpu) { for (;;) yield; },', /hook "newidle" at \d+ ns, CPU \d: it does not come to an end/],
    ['tick(cpu) { const f = (n: number): number => f(n) + 1; f(1); },', /:6: .* it threw RangeError/],
    [
      'selectCpu(task) { return 99; },',
      /hook "selectCpu" at 0 ns, CPU 0, task \d+ "[\w-]+-0": it chose CPU 99: there is no such CPU/,
    ],
    ["selectCpu(task) { return 'a' as never; },", /neither the number of a CPU nor undefined/],
    ['selectCpu(task) {\n return s.nothing(); },', /^\.\/tried\.ts:7: hook "selectCpu" .* it threw TypeError/],
    [
      'tick(cpu) { const t = s.current(cpu); if (t >= 0) s.pull(t); },',
      /:6: hook "tick" .* pull\(\d+ "[\w-]+"\) to CPU \d: it is running/,
    ],
    ['tick(cpu) { s.push(-1, 0); },', /push\(-1\) to CPU 0: there is no such task/],
    ['tick(cpu) { try { s.pull(-1); } catch {} },', /pull\(-1\) to CPU 0: there is no such task/],
    [
      'tick(cpu) { for (let t = s.firstQueued(cpu); t >= 0; t = s.nextQueued(t)) if (!s.isRunning(t)) s.push(t, 44); },',
      /CPU 44: there is no such CPU/,
    ],
    ['enqueue(cpu, task) { s.push(task, 1); },', /hook "enqueue" .* push: not in this hook/],
    ['tick() { Date.now(); },', /Date is not there for policy files: s.nowNs/],
    ['tick() { new Date(); },', /Date is not there for policy files/],
    ['tick() { return Math.random() > 0; },', /Math.random is not there .* s.random/],
    ['tick() { return 3 as never; },', /it returned 3, which is not true, false or undefined/],
    ['tick() { s.random(0); },', /random\(0\): it must be within/],
    ['tick() { s.perCpu(); s.allocateLines(1); },', /only before the hooks are returned/],
    ['tick() { throw 7; },', /it threw 7$/],
    ['tock() {},', /hook "hooks" at 0 ns: there is no hook "tock"; known: selectCpu, /],
    ['newidle: 4 as never,', /the hook "newidle" is no function/],
    ['newidle(cpu) { for (let c = 0; c < s.nrCpus; c++) s.kick(c); },', /they keep each other busy/],
  ];
  for (const [hook, message] of wrong) {
    const { code, message: said } = error(() => run(withHook(hook)), hook);
    assert.match(said, message, hook);
    assert.equal(code, 'hook', hook);
  }
});

test('statements without braces keep their meaning', () => {
  const text = `
let n = 0;
for (let i = 0; i < 3; i++) if (i === 1) n += 1; else n += 10;
for (const x of [1, 2]) for (const y in { a: 1 }) n += x;
do n++; while (n < 30);
while (n < 40) n += ((a: number) => a)(1);
label: for (;;) { for (;;) break label; }
const f = (x: number) => ({ x }).x, g = (x: number) => (y: number) => x + y;
class A { m() { return f(1); } static s = g(1)(2); get p() { return 1; } }
function* gen() { yield 1; }
export const named = 1;
export function other() { return [...gen()].length; }
if (n !== 40 || f(2) !== 2 || A.s !== 3 || new A().m() + new A().p !== 2 || other() + named !== 2) throw new Error(String(n));
export default { name: 'odd', base: 'linux-6.1', hooks: () => ({}) };`;
  assert.equal(load(text).file!.name, 'odd');
});

test('each run has the file afresh', () => {
  const text = `import { definePolicy } from 'steelyard';
let runs = 0;
export default definePolicy({ name: 'a', base: 'linux-6.1', hooks(s) {
  runs++;
  const moves = s.counter('runs');
  return { tick() { moves.value = runs; } };
} });`;
  const count = () => run(text).figures.find(({ name }) => name === 'policy.count.runs')!.value;
  assert.deepEqual([count(), count()], [1, 1]);
});
