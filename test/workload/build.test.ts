import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkloadBuilder } from '../../src/workload/build.ts';
import { stuckLoop } from '../../src/workload/check.ts';
import { fork, loop, run, sleep, waitChildren, wake } from '../../src/workload/instructions.ts';
import { fixed, type Instruction, ref } from '../../src/workload/program.ts';

const work = run(fixed(1000));

test('tasks are counted as often as the loops around their fork repeat it', () => {
  const b = new WorkloadBuilder('w');
  const leaf = b.kind({ name: 'leaf', program: [work] });
  const twig = b.kind({ name: 'twig', program: loop(3, fork(leaf, 2)) });
  b.main([...loop(2, fork(twig, 5)), ...loop(0, fork(leaf, 1), work)]);
  assert.equal(b.build().maxTasks, 1 + 2 * 5 * (1 + 6) + 1);
});

test('a chain of forks of any length is counted without recursion', () => {
  const b = new WorkloadBuilder('w');
  const kinds = Array.from({ length: 50_000 }, (_, i) => b.kind({ name: `k${i}`, program: [work] }));
  for (let i = 0; i + 1 < kinds.length; i++) b.program(kinds[i]!, [fork(kinds[i + 1]!, 1), work]);
  b.main([fork(kinds[0]!, 1)]);
  assert.equal(b.build().maxTasks, 50_001);
});

test('tasks that fork each other in a circle are counted once round', () => {
  const b = new WorkloadBuilder('w');
  const a = b.kind({ name: 'a', program: [] });
  const c = b.kind({ name: 'c', program: [fork(a, 1), work] });
  b.program(a, [fork(c, 1), work]);
  b.main([fork(a, 1)]);
  assert.ok(b.build().maxTasks >= 3);
});

test('more than a million tasks are refused, unless somebody says how many live at a time', () => {
  const many = () => {
    const b = new WorkloadBuilder('w');
    const child = b.kind({ name: 'child', program: [work] });
    b.main(loop(2_000_000, fork(child, 1), waitChildren));
    return b;
  };
  assert.throws(() => many().build(), { name: 'UserError', code: 'limit' });
  const b = many();
  b.maxTasks = 2;
  assert.equal(b.build().maxTasks, 2);
});

test('a loop for ever that takes no time is found, wherever it is', () => {
  const post = wake(ref(0));
  const stuck = (program: Instruction[]) => stuckLoop(program);
  assert.equal(stuck(loop(0, post)), 0);
  assert.equal(stuck([work, ...loop(0, post)]), 1);
  assert.equal(stuck(loop(0, work, ...loop(0, post))), 2);
  assert.equal(stuck(loop(0, ...loop(5, post, sleep(fixed(0))))), 0);
  assert.equal(stuck(loop(0, ...loop(5, work))), -1);
  assert.equal(stuck(loop(5, post)), -1);
  assert.equal(stuck(loop(0, { op: 'wait', semaphore: ref(0) }, post)), -1);
});

test('a task that would hold the clock still for ever is refused by name', () => {
  const b = new WorkloadBuilder('w');
  b.semaphore('s');
  b.main(loop(0, wake(ref(0))), { comm: 'spinner' });
  assert.throws(() => b.build(), /spinner.*repeats for ever what takes no time/);
});
