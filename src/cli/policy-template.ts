/** What `steelyard policy new` writes: a policy that works, to be changed, and a test of it. */

export function policyTemplate(name: string): string {
  return `import { definePolicy } from 'steelyard';

/**
 * A CPU that runs out of work, and for which the base policy finds nothing, takes a waiting task from the CPU of its last-level
 * cache with the most. Change it: all hooks and all that \`s\` offers are in docs/policies.md.
 */
export default definePolicy({
  name: '${name}',
  about: 'an idle CPU takes a task from the longest queue of its cache',
  base: 'linux-6.1',
  tunables: {
    minAvgIdle: { about: 'no attempt when the CPU expects to idle less', default: 10_000, unit: 'ns' },
  },
  hooks(s, { minAvgIdle }) {
    const attempts = s.counter('attempts');
    return {
      newidleFailed(cpu) {
        if (s.avgIdleNs(cpu) < minAvgIdle) {
          // For \`steelyard explain\`; what is scanned and refused is recorded by itself.
          s.because('avg_idle', 'below minAvgIdle');
          return;
        }
        attempts.value++;
        let busiest = -1;
        for (const other of s.llcs[s.llcOf(cpu)]!) {
          if (other === cpu) continue;
          s.scan(other);
          if (s.nrFair(other) >= 2 && (busiest < 0 || s.nrFair(other) > s.nrFair(busiest))) busiest = other;
        }
        if (busiest < 0) return;
        s.lock(busiest);
        for (let task = s.firstQueued(busiest); task >= 0; task = s.nextQueued(task)) {
          if (!s.canMove(task, cpu)) continue;
          s.pull(task);
          return;
        }
      },
    };
  },
});
`;
}

export function testTemplate(name: string): string {
  return `// node --import steelyard/register --test ${name}.test.ts
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadMachine, loadPolicy, loadWorkload, simulate } from 'steelyard';

const folder = fileURLToPath(new URL('.', import.meta.url));

function run(seed: number) {
  const machine = loadMachine('smp8');
  const workload = loadWorkload('runsleep:n=20', machine.nrCpus);
  const policy = loadPolicy('./${name}.ts', folder);
  // The scheduler's books are checked after every event.
  return simulate({ machine, workload, policy, seed, durationNs: 100e6, warmupNs: 0 }, { checkInvariants: true });
}

test('it moves tasks, and the scheduler stays in order', () => {
  const moves = run(1).figures.find((figure) => figure.name === 'policy.moves');
  assert.ok(moves !== undefined && moves.value !== null && moves.value > 0);
});

test('the same seed gives the same figures', () => {
  assert.deepEqual(run(7).figures, run(7).figures);
});
`;
}
