/**
 * Random policy files on random machines and workloads: as long as they ask only for what may be done, the scheduler's books
 * agree after every event, no task gets lost, and the same seed does the same again.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parsePolicy, policyHooks } from '../../src/balance/policy.ts';
import { definePolicy, type PolicyDefinition } from '../../src/balance/user/define-policy.ts';
import { type PolicyModule, UserBalance } from '../../src/balance/user/user-balance.ts';
import { UserError } from '../../src/base/errors.ts';
import { k } from '../../src/sched/kernel.ts';
import { Ev, type EventKind } from '../../src/trace/events.ts';
import { RECORDINGS } from '../../src/trace/recorder.ts';
import { type Simulated, simulate } from '../support/simulate.ts';
import { anyMachine, anyPolicy, anyWorkload } from '../support/simulation-arbitrary.ts';

const EVENTS_KEPT = [Ev.SCHED_SWITCH, Ev.SCHED_MIGRATE_TASK];

interface Habits {
  /** How often of 100 a hook does something. */
  readonly select: number;
  readonly pull: number;
  readonly push: number;
  readonly kick: number;
  readonly answer: number;
  readonly inSteps: boolean;
}

const anyHabits: fc.Arbitrary<Habits> = fc.record({
  select: fc.constantFrom(0, 30, 100),
  pull: fc.constantFrom(0, 50, 100),
  push: fc.constantFrom(0, 20, 60),
  kick: fc.constantFrom(0, 5),
  answer: fc.constantFrom(0, 50),
  inSteps: fc.boolean(),
});

/** Does at random whatever it may. */
function randomPolicy({ select, pull, push, kick, answer, inSteps }: Habits): PolicyDefinition {
  return definePolicy({
    name: 'random',
    base: 'linux-6.1',
    hooks(s) {
      const often = (percent: number) => s.random(100) < percent;
      const seen = s.perTask(0);
      const queued = s.cpuSet(s.random(7));
      const moveAll = (from: number, to: number) => {
        if (often(50)) s.lock(from);
        for (let task = s.firstQueued(from); task >= 0; ) {
          const next = s.nextQueued(task);
          if (s.canMove(task, to) && often(70)) s.push(task, to);
          task = next;
        }
      };
      const search = (cpu: number) => {
        if (!often(pull)) return often(answer);
        const from = s.random(s.nrCpus);
        s.fact('from', from);
        if (often(30)) s.because('random_skip', 'as chance has it');
        s.scan(from);
        for (let task = s.firstQueued(from); task >= 0; task = s.nextQueued(task)) {
          if (!s.canMove(task, cpu)) continue;
          s.pull(task);
          return true;
        }
        return often(answer);
      };
      const busy = (cpu: number) => {
        const to = s.random(s.nrCpus);
        if (often(push)) moveAll(cpu, to);
        const current = s.current(cpu);
        if (often(push) && current >= 0 && s.classOf(current) === 'fair' && s.isQueued(current)) {
          if (to !== cpu && s.isAllowed(current, to)) s.pushRunning(current, to);
        }
        if (often(kick) && s.isOnline(to)) s.kick(to);
        if (often(kick)) s.reschedule(cpu);
      };
      function* steps(cpu: number) {
        for (let i = s.random(3); i > 0; i--) {
          s.scan(s.random(s.nrCpus));
          yield;
        }
        return search(cpu);
      }
      return {
        selectCpu(task) {
          seen.set(task, seen.get(task) + 1);
          const cpu = s.random(s.nrCpus);
          return often(select) && s.isAllowed(task, cpu) ? cpu : undefined;
        },
        tick(cpu) {
          busy(cpu);
          return often(answer);
        },
        newidle: inSteps ? steps : search,
        newidleFailed: inSteps ? search : steps,
        enqueue: (cpu) => {
          queued.add(cpu);
          if (often(5)) s.because('none', 'it came');
        },
        dequeue: (cpu, task) => {
          if (seen.get(task) % 2 === 0) queued.delete(cpu);
        },
        putPrev: () => s.requestCallback(),
        idleEnter: (cpu) => {
          if (queued.has(cpu)) s.requestCallback();
        },
        balanceCallback: busy,
      };
    },
  }) as PolicyDefinition;
}

function run(
  habits: Habits,
  options: Omit<Parameters<typeof simulate>[0], 'hooks'>,
  decisions: readonly EventKind[] = [],
): Simulated | null {
  const module: PolicyModule = {
    definition: randomPolicy(habits),
    tunables: {},
    file: 'random.ts',
    meter: { left: 0 },
    lineOf: () => undefined,
  };
  const { nrCpus } = options.machine as { readonly nrCpus: number };
  const hooks = new UserBalance(policyHooks(parsePolicy(options.policy!), nrCpus), module, nrCpus);
  try {
    return simulate({ ...options, hooks, record: [...EVENTS_KEPT, ...decisions], untilMs: 25 });
  } catch (error) {
    // The machine has none of the CPUs that a task is bound to.
    if (error instanceof UserError && error.code === 'workload') return null;
    throw error;
  }
}

test('a policy file that does what may be done keeps every invariant', () => {
  let simulated = 0;
  let moved = 0;
  fc.assert(
    fc.property(
      anyHabits,
      anyMachine,
      anyWorkload,
      anyPolicy,
      fc.nat({ max: 1000 }),
      (habits, machine, workload, policy, seed) => {
        const s = run(habits, { machine, workload, policy, seed });
        if (s === null) return;
        simulated++;
        for (const { args } of s.of(Ev.SCHED_MIGRATE_TASK)) assert.equal(k.cpuActive[args['dest_cpu']!], 1);
        moved += s.migrations().filter((line) => line.endsWith(' policy')).length;
        if (simulated % 10 === 0) {
          assert.deepEqual(run(habits, { machine, workload, policy, seed })!.events, s.events, 'the same again');
          const recorded = run(habits, { machine, workload, policy, seed }, RECORDINGS.decisions)!;
          const kept = recorded.events.filter(({ kind }) => EVENTS_KEPT.includes(kind as never));
          assert.deepEqual(kept, s.events, 'recording its decisions changes nothing');
        }
      },
    ),
    { numRuns: 300 },
  );
  // Random cases differ a lot; this is to notice a test that tries nothing.
  assert.ok(simulated > 100 && moved > 50, `${simulated} simulated, ${moved} moved`);
});
