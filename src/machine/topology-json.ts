/**
 * The `topology.json` of a recording of the kernel lab: what sysfs said of each CPU (and what debugfs said of its domains,
 * which is not read here), one object a CPU:
 *
 *   { "cpus": [ { "cpu", "node", "package", "die", "smt": [cpu..], "caches": [ { "level", "type", "size": "32K",
 *                 "cpus": [cpu..] } ], "llc"?, "cluster"?: [cpu..], "capacity"?, "priority"?, "online"? } ],
 *     "nodes": [ { "node", "cpus": [cpu..], "distance": [to nodes[0]..] } ],
 *     "perf_domains"?: [ { "cpus": [cpu..], "states": [ { "frequency_khz", "power" }, .. by rising frequency ] } ] }
 */
import { UserError } from '../base/errors.ts';
import { formatJsonPath, type JsonPath, parseJson, placeInJson } from './json-place.ts';
import { assembleMachine, DisjointSets, MAX_NODES } from './machine-parts.ts';
import { parseSize } from './size.ts';
import { type Cache, MAX_CPUS, type NumaNode, type PerfDomain, type Topology } from './topology.ts';

const MAX_STATES = 1024;
const CACHE_TYPES = ['Data', 'Instruction', 'Unified'] as const;

/** Throws `UserError` with line and column. */
export function topologyFromJson(text: string, name: string): Topology {
  const read = new Reader(text);
  const root = read.object(parseJson(text), []);
  const list = read.array(root['cpus'], ['cpus'], MAX_CPUS);
  if (list.length === 0) read.fail(['cpus'], 'a machine without CPUs');
  // The numbers first: sets of CPUs may name only CPUs that are there.
  const numbers = list.map((value, i) => {
    const at = ['cpus', i, 'cpu'];
    return read.integer(read.object(value, ['cpus', i])['cpu'], at, 0, MAX_CPUS - 1);
  });
  const known = new Set(numbers);
  if (known.size < numbers.length) read.fail(['cpus'], 'two CPUs of one number');
  const nrCpus = Math.max(...numbers) + 1;

  const cores = new DisjointSets();
  const clusters = new DisjointSets();
  const caches = new Map<string, Cache>();
  const packages = new Map<number, number[]>();
  const dies = new Map<string, number[]>();
  const nodeCpus = new Map<number, number[]>();
  const capacity = new Map<number, number>();
  const priority = new Map<number, number>();
  const online: number[] = [];

  list.forEach((value, i) => {
    const at = ['cpus', i];
    const cpu = numbers[i]!;
    const o = read.object(value, at);
    const optional = (key: string, low: number, high: number, otherwise: number) =>
      o[key] === undefined ? otherwise : read.integer(o[key], [...at, key], low, high);
    const set = (key: string) => {
      const cpus = o[key] === undefined ? [cpu] : read.cpus(o[key], [...at, key], known);
      if (!cpus.includes(cpu)) read.fail([...at, key], `CPU ${cpu} is not in its own set`);
      return cpus;
    };
    cores.add(set('smt'));
    if (o['cluster'] !== undefined) clusters.add(set('cluster'));
    const pkg = optional('package', -1, 0x7fff_ffff, 0);
    const die = optional('die', -1, 0x7fff_ffff, 0);
    push(packages, pkg, cpu);
    push(dies, `${pkg} ${die}`, cpu);
    push(nodeCpus, optional('node', 0, MAX_NODES - 1, 0), cpu);
    if (o['capacity'] !== undefined) capacity.set(cpu, optional('capacity', 1, 1024, 1024));
    if (o['priority'] !== undefined) priority.set(cpu, optional('priority', -0x8000_0000, 0x7fff_ffff, 0));
    if (o['online'] !== false) online.push(cpu);
    for (const cache of readCaches(read, o['caches'] ?? [], [...at, 'caches'], known)) {
      caches.set(`${cache.level} ${cache.type} ${cache.cpus.join()}`, cache);
    }
  });

  const rows = root['nodes'] === undefined ? [] : read.array(root['nodes'], ['nodes'], MAX_NODES);
  const listed = rows.map((value, i) => {
    const at = ['nodes', i, 'node'];
    return read.integer(read.object(value, ['nodes', i])['node'], at, 0, MAX_NODES - 1);
  });
  const index = new Map(listed.map((node, i) => [node, i]));
  for (const node of nodeCpus.keys()) {
    if (rows.length > 0 && !index.has(node)) read.fail(['nodes'], `no node ${node}, on which there are CPUs`);
  }
  const distance = rows.map((value, i) => {
    const at = ['nodes', i, 'distance'];
    const row = read.array(read.object(value, ['nodes', i])['distance'], at, MAX_NODES);
    if (row.length !== rows.length) read.fail(at, `${row.length} distances for ${rows.length} nodes`);
    return row.map((d, j) => read.integer(d, [...at, j], 1, 255));
  });
  const nodes = (rows.length > 0 ? listed : [...nodeCpus.keys()]).map(
    (node): NumaNode => ({ node, cpus: nodeCpus.get(node) ?? [] }),
  );
  return assembleMachine({
    name,
    nrCpus,
    online,
    cores: cores.parts,
    clusters: clusters.parts,
    dies: [...dies.values()].map((cpus, id) => ({ id, cpus })),
    packages: [...packages].map(([id, cpus]) => ({ id, cpus })),
    caches: [...caches.values()],
    nodes,
    distance: (a, b) => distance[index.get(a) ?? -1]?.[index.get(b) ?? -1],
    capacity,
    priority,
    perfDomains: readPerfDomains(read, root['perf_domains'] ?? [], known),
  });
}

/** The energy model. @spec 05 §8 */
function readPerfDomains(read: Reader, value: unknown, known: ReadonlySet<number>): PerfDomain[] {
  const seen = new Set<number>();
  return read.array(value, ['perf_domains'], MAX_CPUS).map((entry, i) => {
    const at = ['perf_domains', i];
    const o = read.object(entry, at);
    const cpus = read.cpus(o['cpus'], [...at, 'cpus'], known);
    if (cpus.length === 0) read.fail([...at, 'cpus'], 'a performance domain without CPUs');
    cpus.forEach((cpu) => {
      if (seen.has(cpu)) read.fail([...at, 'cpus'], `CPU ${cpu} is in a performance domain already`);
      seen.add(cpu);
    });
    let last = 0;
    const states = read.array(o['states'], [...at, 'states'], MAX_STATES).map((state, j) => {
      const here = [...at, 'states', j];
      const { frequency_khz, power } = read.object(state, here);
      const frequencyKhz = read.integer(frequency_khz, [...here, 'frequency_khz'], 1, 1_000_000_000);
      if (frequencyKhz <= last) read.fail([...here, 'frequency_khz'], 'the frequencies do not rise');
      last = frequencyKhz;
      return { frequencyKhz, power: read.positive(power, [...here, 'power']) };
    });
    if (states.length === 0) read.fail([...at, 'states'], 'a performance domain without states');
    return { cpus, states };
  });
}

function readCaches(read: Reader, value: unknown, at: JsonPath, known: ReadonlySet<number>): Cache[] {
  return read.array(value, at, 64).map((entry, i) => {
    const here = [...at, i];
    const o = read.object(entry, here);
    const type = CACHE_TYPES.find((t) => t === o['type']);
    if (type === undefined) return read.fail([...here, 'type'], `expected one of ${CACHE_TYPES.join(', ')}`);
    return {
      level: read.integer(o['level'], [...here, 'level'], 1, 9),
      type,
      sizeBytes: typeof o['size'] === 'string' ? (parseSize(o['size']) ?? 0) : 0,
      cpus: read.cpus(o['cpus'], [...here, 'cpus'], known),
    };
  });
}

/** Takes values apart; whatever is not as it should be is an error at its place in the text. */
class Reader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  fail(path: JsonPath, what: string): never {
    const where = formatJsonPath(path);
    throw new UserError('format', where === '' ? what : `${where}: ${what}`, placeInJson(this.#text, path));
  }

  object(value: unknown, path: JsonPath): Record<string, unknown> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    return this.fail(path, 'expected an object');
  }

  array(value: unknown, path: JsonPath, limit: number): readonly unknown[] {
    if (!Array.isArray(value)) return this.fail(path, 'expected a list');
    if (value.length > limit) return this.fail(path, `${value.length} entries, more than ${limit}`);
    return value;
  }

  integer(value: unknown, path: JsonPath, low: number, high: number): number {
    if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
    return this.fail(path, `expected an integer within ${low}..${high}`);
  }

  positive(value: unknown, path: JsonPath): number {
    if (typeof value === 'number' && value > 0 && value <= 1e12) return value;
    return this.fail(path, 'expected a number above 0');
  }

  cpus(value: unknown, path: JsonPath, known: ReadonlySet<number>): number[] {
    const cpus = this.array(value, path, MAX_CPUS).map((cpu, i) => {
      const number = this.integer(cpu, [...path, i], 0, MAX_CPUS - 1);
      return known.has(number) ? number : this.fail([...path, i], `no CPU ${number} on this machine`);
    });
    return cpus.sort((a, b) => a - b);
  }
}

function push<K>(map: Map<K, number[]>, key: K, cpu: number): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [cpu]);
  else list.push(cpu);
}
