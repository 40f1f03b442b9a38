/**
 * Random rt-app models, and their printing as the lenient JSON people write: comments, commas after the last member,
 * keys alone, event keys with something after their prefix.
 */
import fc from 'fast-check';
import {
  RT_APP_POLICIES,
  type RtAppEventBody,
  type RtAppGlobal,
  type RtAppPhase,
  type RtAppProperties,
  type RtAppTask,
} from '../../src/workload/rt-app/model.ts';

/** The model without the offsets that say where things are in a text. */
type Placeless<T> = T extends readonly (infer E)[]
  ? readonly Placeless<E>[]
  : T extends object
    ? { [K in keyof T as K extends 'at' | 'calibrationAt' ? never : K]: Placeless<T[K]> }
    : T;

export type PlainPhase = Placeless<RtAppPhase>;
export type PlainTask = Placeless<RtAppTask>;
export interface PlainModel {
  readonly global: Placeless<RtAppGlobal>;
  readonly tasks: readonly PlainTask[];
}

const us = fc.integer({ min: 0, max: 1_000_000 });
const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_. /"\\é-]{0,8}$/);
const bytes = fc.integer({ min: 0, max: 1 << 24 });

const event: fc.Arbitrary<RtAppEventBody> = fc.oneof(
  fc.record({ type: fc.constantFrom('run', 'runtime', 'sleep'), us }),
  fc.record({
    type: fc.constant('timer'),
    ref: name,
    periodUs: us,
    mode: fc.constantFrom('relative', 'absolute'),
  }),
  fc.record({ type: fc.constantFrom('lock', 'unlock'), mutex: name }),
  fc.record({ type: fc.constantFrom('wait', 'sync'), condition: name, mutex: name }),
  fc.record({ type: fc.constantFrom('signal', 'broad'), condition: name }),
  fc.record({ type: fc.constant('barrier'), barrier: name }),
  fc.record({ type: fc.constant('suspend'), name }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('resume'), name }),
  fc.record({ type: fc.constantFrom('sem_post', 'sem_wait'), semaphore: name }),
  fc.record({ type: fc.constantFrom('mem', 'iorun'), bytes }),
  fc.record({
    type: fc.constant('memrun'),
    access: fc.constantFrom('read', 'write', 'chase'),
    size: fc.integer({ min: 1, max: 1 << 24 }),
    count: fc.nat(1000),
    stride: fc.constantFrom(64, 128),
    pattern: fc.constantFrom('random', 'sequential'),
    ref: fc.constantFrom('', 'r'),
  }),
  fc.record({ type: fc.constant('yield') }),
  fc.record({ type: fc.constant('fork'), task: name }),
) as fc.Arbitrary<RtAppEventBody>;

const properties: fc.Arbitrary<RtAppProperties> = fc.record(
  {
    sched: fc
      .record(
        {
          policy: fc.constantFrom(...RT_APP_POLICIES),
          priority: fc.integer({ min: -20, max: 99 }),
          dlRuntimeUs: us,
          dlPeriodUs: us,
          dlDeadlineUs: us,
        },
        { requiredKeys: [] },
      )
      .filter((s) => Object.keys(s).length > 0),
    cpus: fc.array(fc.nat(7), { minLength: 1, maxLength: 4 }),
    membind: fc.array(fc.nat(3), { maxLength: 2 }),
    utilMin: fc.integer({ min: -1, max: 1024 }),
    utilMax: fc.integer({ min: -1, max: 1024 }),
    taskgroup: fc.constantFrom('', '/g', '/g/h'),
  },
  { requiredKeys: [] },
);

const phase = fc
  .tuple(
    fc.record({
      name,
      loop: fc.integer({ min: -1, max: 1000 }),
      events: fc.array(event, { maxLength: 6 }),
    }),
    properties,
  )
  .map(([a, b]): PlainPhase => ({ ...a, ...b }) as PlainPhase);

const head = fc.tuple(
  fc.record({ name, instance: fc.nat(5), delayUs: us, loop: fc.integer({ min: -1, max: 1000 }) }),
  properties,
);

const phased = fc
  .tuple(head, fc.array(phase, { minLength: 1, maxLength: 4 }))
  .map(([[a, b], phases]): PlainTask => ({ ...a, ...b, phases }) as PlainTask);

const flat = fc
  .tuple(head, fc.array(event, { minLength: 1, maxLength: 6 }))
  .map(([[a, b], events]): PlainTask => ({ ...a, ...b, phases: [{ name: a.name, loop: 1, events }] }) as PlainTask)
  // "runtime" beside SCHED_DEADLINE without dl-runtime is the old spelling of that.
  .filter((t) => !(t.sched?.policy === 'SCHED_DEADLINE' && t.sched.dlRuntimeUs === undefined));

export interface WrittenTask {
  readonly task: PlainTask;
  readonly hasPhases: boolean;
}

export const writtenTask: fc.Arbitrary<WrittenTask> = fc.oneof(
  phased.map((task) => ({ task, hasPhases: true })),
  flat.map((task) => ({ task, hasPhases: false })),
);

export const plainGlobal: fc.Arbitrary<PlainModel['global']> = fc.record({
  durationS: fc.oneof(fc.constant(-1), fc.integer({ min: 1, max: 100_000 })),
  calibration: fc.oneof(fc.record({ cpu: fc.nat(7) }), fc.record({ nsPerLoop: fc.integer({ min: 1, max: 1000 }) })),
  defaultPolicy: fc.constantFrom(...RT_APP_POLICIES),
  priorityInheritance: fc.boolean(),
  ftrace: fc.subarray(['main', 'task', 'run', 'loop', 'stats', 'event']),
  ioDevice: fc.constantFrom('/dev/null', '/dev/sda'),
  memBufferSize: fc.integer({ min: 1, max: 1 << 24 }),
});

/** Numbers that choose among ways of writing; used over and over. */
export type Whims = readonly number[];

/** Prints a model; the whims choose spaces, comments, commas, suffixes of event keys, and the order of properties. */
export function printRtApp(global: PlainModel['global'], tasks: readonly WrittenTask[], whims: Whims): string {
  let at = 0;
  const whim = (n: number) => whims[at++ % whims.length]! % n;
  const space = () => ['', ' ', '\n\t', ' /* a "comment", { */ ', ' // to the end } \n', '\r\n  '][whim(6)]!;
  const object = (members: readonly (string | readonly [string, string])[]): string => {
    const written = members.map((m) =>
      typeof m === 'string' ? JSON.stringify(m) : `${JSON.stringify(m[0])}${space()}:${space()}${m[1]}`,
    );
    const comma = written.length > 0 && whim(3) === 0 ? ',' : '';
    return `{${space()}${written.join(`${space()},${space()}`)}${comma}${space()}}`;
  };
  const text = (value: unknown) => JSON.stringify(value);
  const eventKey = (type: string) => type + ['', '0', '_x'][whim(3)]!;
  const eventText = (e: Placeless<RtAppEventBody>): string | readonly [string, string] => {
    const key = eventKey(e.type);
    switch (e.type) {
      case 'run':
      case 'runtime':
      case 'sleep':
        return [key, text(e.us)];
      case 'timer': {
        const mode: [string, string][] = e.mode === 'relative' && whim(2) === 0 ? [] : [['mode', text(e.mode)]];
        return [key, object([['ref', text(e.ref)], ...mode, ['period', text(e.periodUs)]])];
      }
      case 'lock':
      case 'unlock':
        return [key, text(e.mutex)];
      case 'wait':
      case 'sync':
        return [
          key,
          object([
            ['ref', text(e.condition)],
            ['mutex', text(e.mutex)],
          ]),
        ];
      case 'signal':
      case 'broad':
        return [key, text(e.condition)];
      case 'barrier':
        return [key, text(e.barrier)];
      case 'suspend':
        return e.name !== undefined ? [key, text(e.name)] : whim(2) === 0 ? key : [key, '""'];
      case 'resume':
        return [key, text(e.name)];
      case 'sem_post':
      case 'sem_wait':
        return [key, text(e.semaphore)];
      case 'mem':
      case 'iorun':
        return [key, text(e.bytes)];
      case 'memrun':
        return [
          key,
          object([
            ['type', text(e.access)],
            ['size', text(e.size)],
            ['count', text(e.count)],
            ...(e.stride === 64 && whim(2) === 0 ? [] : [['stride', text(e.stride)] as const]),
            ['pattern', text(e.pattern)],
            ...(e.ref === '' && whim(2) === 0 ? [] : [['ref', text(e.ref)] as const]),
          ]),
        ];
      case 'yield':
        return whim(2) === 0 ? key : [key, '""'];
      case 'fork':
        return [key, text(e.task)];
    }
  };
  const events = (list: readonly Placeless<RtAppEventBody>[]) => list.map(eventText);
  const propertiesOf = (p: Placeless<RtAppProperties>) => {
    const out: [string, string][] = [];
    const add = (key: string, value: unknown) => {
      if (value !== undefined) out.push([key, text(value)]);
    };
    add('policy', p.sched?.policy);
    add('priority', p.sched?.priority);
    add('dl-runtime', p.sched?.dlRuntimeUs);
    add('dl-period', p.sched?.dlPeriodUs);
    add('dl-deadline', p.sched?.dlDeadlineUs);
    add('cpus', p.cpus);
    add(whim(2) === 0 ? 'nodes_membind' : 'membind_nodes', p.membind);
    add('util_min', p.utilMin);
    add('util_max', p.utilMax);
    add('taskgroup', p.taskgroup);
    return out;
  };
  const withLoop = (loop: number, otherwise: number, members: readonly (string | readonly [string, string])[]) => {
    if (loop === otherwise && whim(2) === 0) return members;
    const index = whim(members.length + 1);
    return [...members.slice(0, index), ['loop', text(loop)] as const, ...members.slice(index)];
  };
  const phaseText = (p: PlainPhase): [string, string] => [
    p.name,
    object(withLoop(p.loop, 1, [...propertiesOf(p), ...events(p.events)])),
  ];
  const taskText = ({ task: t, hasPhases }: WrittenTask): [string, string] => {
    const members: (string | readonly [string, string])[] = [...propertiesOf(t)];
    if (t.instance !== 1 || whim(2) === 0) members.push(['instance', text(t.instance)]);
    if (t.delayUs !== 0 || whim(2) === 0) members.push(['delay', text(t.delayUs)]);
    if (hasPhases) members.push(['phases', object(t.phases.map(phaseText))]);
    else members.push(...events(t.phases[0]!.events));
    return [t.name, object(withLoop(t.loop, -1, members))];
  };
  const c = global.calibration;
  const globalText = object([
    ['duration', text(global.durationS)],
    ['calibration', 'cpu' in c ? text(`CPU${c.cpu}`) : text(c.nsPerLoop)],
    ['default_policy', text(global.defaultPolicy)],
    ['pi_enabled', text(global.priorityInheritance)],
    ['ftrace', text(global.ftrace.join(','))],
    ['io_device', text(global.ioDevice)],
    ['mem_buffer_size', text(global.memBufferSize)],
    ['lock_pages', 'false'],
    ['logdir', '"./"'],
    ['gnuplot', 'true'],
  ]);
  const top: [string, string][] = [
    ['tasks', object(tasks.map(taskText))],
    ['global', globalText],
  ];
  if (whim(2) === 0) top.reverse();
  return space() + object(top) + space();
}
