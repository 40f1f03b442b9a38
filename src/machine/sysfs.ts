/**
 * The machine a kernel shows in /sys, live or gathered from another machine:
 *
 *   sys/devices/system/cpu/{possible,present,online}
 *     cpuN/topology/{core_cpus | thread_siblings, cluster_cpus, die_cpus, die_id, physical_package_id}
 *     cpuN/cache/indexM/{level,type,size,shared_cpu_map}        cpuN/cpu_capacity, cpuN/acpi_cppc/highest_perf
 *   sys/devices/system/node/nodeN/{cpumap,distance}
 *   sys/devices/{cpu_core,cpu_atom}/cpus                        both: hybrid
 *
 * Sets are taken from maps (`core_cpus`), else from lists (`core_cpus_list`): where a gathered tree was edited by hand, as
 * some of hwloc's own are, it is the maps that were kept right. Older kernels have fewer files; what is not there is
 * not known, and only what is there and makes no sense is an error.
 */
import { UserError } from '../base/errors.ts';
import { parseCpuMap } from './cpu-map-text.ts';
import { parseCpuList } from './cpumask.ts';
import { assembleMachine, DisjointSets, MAX_NODES } from './machine-parts.ts';
import { parseSize } from './size.ts';
import { type Cache, MAX_CPUS, type NumaNode, type Topology } from './topology.ts';

/** Access to the root of a machine's files; paths are relative to it (`sys/devices/...`) and have no `..`. */
export interface RootReader {
  /** The text of a file, undefined if it is not there or may not be read. */
  readonly read: (path: string) => string | undefined;
  /** Names in a folder in any order; none if it is not there. */
  readonly list: (path: string) => readonly string[];
}

const CPU = 'sys/devices/system/cpu';
const NODE = 'sys/devices/system/node';
const CACHE_TYPES = ['Data', 'Instruction', 'Unified'] as const;
/** More caches of one CPU than any has. */
const MAX_INDICES = 16;

/** Throws `UserError` that names the file within the root, but no place. */
export function topologyFromSysfs(root: RootReader, name: string): Topology {
  const files = new Files(root);
  const dirs = numbered(root.list(CPU), 'cpu').filter((cpu) => cpu < MAX_CPUS);
  const present = files.set(`${CPU}/present`) ?? dirs;
  // Firmware that foresees thousands of CPUs would make a machine of empty sockets.
  const possible = files.list(`${CPU}/possible`, 1 << 20) ?? present;
  const cpus = possible.length <= MAX_CPUS && (possible.at(-1) ?? 0) < MAX_CPUS ? possible : present;
  const nrCpus = Math.max(-1, ...cpus, ...present, ...dirs) + 1;
  if (nrCpus === 0) throw new UserError('format', `no CPUs: ${CPU} has none`);
  const listed =
    files.set(`${CPU}/online`) ?? dirs.filter((cpu) => root.read(`${CPU}/cpu${cpu}/online`)?.trim() !== '0');
  const online = listed.filter((cpu) => cpu < nrCpus);

  const cores = new DisjointSets();
  const clusters = new DisjointSets();
  const dies = new DisjointSets();
  const packages = new Map<number, number[]>();
  const caches = new Map<string, Cache>();
  const capacity = new Map<number, number>();
  const isHybrid = ['cpu_core', 'cpu_atom'].every((kind) => (files.set(`sys/devices/${kind}/cpus`) ?? []).length > 0);
  // Only x86 prefers CPUs by this number, and only with ITMT, which hybrid machines have. @spec 06 §5.5
  const hasItmt = isHybrid || root.read('proc/sys/kernel/sched_itmt_enabled')?.trim() === '1';
  const priority = new Map<number, number>();

  for (const cpu of online) {
    const dir = `${CPU}/cpu${cpu}`;
    const topology = `${dir}/topology`;
    const shares = (...names: string[]) => files.setWith(cpu, nrCpus, ...names.map((n) => `${topology}/${n}`));
    cores.add(shares('core_cpus', 'thread_siblings') ?? [cpu]);
    const cluster = shares('cluster_cpus');
    if (cluster !== undefined) clusters.add(cluster);
    // Where the firmware tells no die, its number is -1 and every CPU has its own set.
    if ((files.integer(`${topology}/die_id`, -1, 0x7fff_ffff) ?? 0) >= 0) {
      const die = shares('die_cpus');
      if (die !== undefined) dies.add(die);
    }
    const pkg = files.integer(`${topology}/physical_package_id`, -1, 0x7fff_ffff) ?? 0;
    const together = packages.get(pkg) ?? [];
    packages.set(pkg, together);
    together.push(cpu);
    for (const cache of cachesOf(root, files, cpu, nrCpus)) {
      const key = `${cache.level} ${cache.type} ${cache.cpus[0]} ${cache.cpus.length}`;
      if (!caches.has(key)) caches.set(key, cache);
    }
    const able = files.integer(`${dir}/cpu_capacity`, 1, 1024);
    if (able !== undefined) capacity.set(cpu, able);
    const preference = hasItmt ? files.integer(`${dir}/acpi_cppc/highest_perf`, 0, 0xffff) : undefined;
    if (preference !== undefined) priority.set(cpu, preference);
  }

  const nodes = readNodes(root, files, nrCpus);
  const distance = readDistance(files, nodes);
  return assembleMachine({
    name,
    nrCpus,
    online,
    cores: cores.parts,
    clusters: clusters.parts,
    // Of the kernel's architectures those with clusters of their own making also tell capacities; x86 tells none.
    areClustersBelowLlc: capacity.size > 0,
    dies: dies.parts,
    packages: [...packages].map(([id, members]) => ({ id, cpus: members })),
    caches: [...caches.values()],
    nodes,
    distance: (a, b) => distance.get(a)?.get(b),
    capacity,
    priority,
    hybrid: isHybrid,
  });
}

function cachesOf(root: RootReader, files: Files, cpu: number, nrCpus: number): Cache[] {
  const folder = `${CPU}/cpu${cpu}/cache`;
  const indices = numbered(root.list(folder), 'index').filter((index) => index < MAX_INDICES);
  return indices.flatMap((index): Cache[] => {
    const dir = `${folder}/index${index}`;
    const level = files.integer(`${dir}/level`, 1, 9);
    const cpus = files.setWith(cpu, nrCpus, `${dir}/shared_cpu_map`, `${dir}/shared_cpu`);
    if (level === undefined || cpus === undefined) return [];
    const type = CACHE_TYPES.find((t) => t === files.word(`${dir}/type`)) ?? 'Unified';
    return [{ level, type, sizeBytes: parseSize(files.word(`${dir}/size`) ?? '') ?? 0, cpus }];
  });
}

function readNodes(root: RootReader, files: Files, nrCpus: number): NumaNode[] {
  const numbers = numbered(root.list(NODE), 'node');
  if (numbers.length > MAX_NODES) throw new UserError('limit', `${NODE}: more than ${MAX_NODES} nodes`);
  return numbers.map((node) => {
    const cpus = files.set(`${NODE}/node${node}/cpumap`) ?? files.set(`${NODE}/node${node}/cpulist`) ?? [];
    return { node, cpus: cpus.filter((cpu) => cpu < nrCpus) };
  });
}

/** Rows are to the nodes that are online, ascending: those that have a folder. */
function readDistance(files: Files, nodes: readonly NumaNode[]): Map<number, Map<number, number>> {
  const rows = new Map<number, Map<number, number>>();
  for (const { node } of nodes) {
    const path = `${NODE}/node${node}/distance`;
    const text = files.word(path);
    if (text === undefined || text === '') continue;
    const row = text.split(/\s+/).map(Number);
    if (row.length !== nodes.length || !row.every((d) => Number.isInteger(d) && d >= 1 && d <= 255))
      throw new UserError('format', `${path}: "${cut(text)}" are not the distances to ${nodes.length} nodes`);
    rows.set(node, new Map(row.map((d, i) => [nodes[i]!.node, d])));
  }
  return rows;
}

/** Reads what is in the files; what is not there is undefined, and what is no number or set an error. */
class Files {
  readonly #root: RootReader;

  constructor(root: RootReader) {
    this.#root = root;
  }

  /** Without the line's end, and without the zeros that some tar files of /sys are padded with. */
  word(path: string): string | undefined {
    return this.#root
      .read(path)
      ?.replace(/[\0\s]+$/, '')
      .trimStart();
  }

  integer(path: string, low: number, high: number): number | undefined {
    const text = this.word(path);
    if (text === undefined || text === '') return undefined;
    const value = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= low && value <= high) return value;
    throw new UserError('format', `${path}: "${cut(text)}" is no number within ${low}..${high}`);
  }

  list(path: string, limit: number): readonly number[] | undefined {
    const text = this.word(path);
    if (text === undefined) return undefined;
    const cpus = text.length < 65_536 ? parseCpuList(text, limit) : undefined;
    if (cpus !== undefined) return cpus;
    throw new UserError('format', `${path}: "${cut(text)}" is no list of CPUs below ${limit}`);
  }

  /** A set in either form, told apart by the name: maps are called so, or have a twin called list. */
  set(path: string): readonly number[] | undefined {
    if (!/(?:map|cpus|siblings|shared_cpu)$/.test(path) || path.endsWith('/cpus')) return this.list(path, MAX_CPUS);
    const text = this.word(path);
    if (text === undefined) return undefined;
    const map = parseCpuMap(text, MAX_CPUS);
    if (map !== undefined && map.endlessFrom === undefined) return map.cpus;
    throw new UserError('format', `${path}: "${cut(text)}" is no map of CPUs below ${MAX_CPUS}`);
  }

  /** The first of these sets there is, as map or list; it must have `cpu` in it. */
  setWith(cpu: number, nrCpus: number, ...paths: readonly string[]): readonly number[] | undefined {
    for (const path of paths) {
      const found = this.set(path) ?? this.list(`${path.replace(/_map$/, '')}_list`, MAX_CPUS);
      if (found === undefined) continue;
      if (!found.includes(cpu)) throw new UserError('format', `${path}: CPU ${cpu} is not in its own set`);
      return found.filter((c) => c < nrCpus);
    }
    return undefined;
  }
}

/** The numbers of `cpu0`, `cpu1`, ... ascending. */
function numbered(names: readonly string[], stem: string): number[] {
  const numbers = names.filter((name) => name.startsWith(stem) && /^\d{1,7}$/.test(name.slice(stem.length)));
  return numbers.map((name) => Number(name.slice(stem.length))).sort((a, b) => a - b);
}

function cut(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}...` : text;
}
