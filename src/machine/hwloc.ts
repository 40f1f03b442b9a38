/**
 * The machine in the element tree of an hwloc XML file, versions 1, 2 and 3.
 *
 *   <topology version="2.0">
 *     <object type="Machine" complete_cpuset="0x000000ff">
 *       <object type="Package" os_index="0" cpuset="0x000000ff">
 *         <object type="NUMANode" .../>                       beside what it serves (2, 3) or around it (1)
 *         <object type="L3Cache" cache_size="6291456"> ... <object type="Core"> <object type="PU" os_index="0"/>
 *     <distances2 type="NUMANode" ...>, <distances ...>       between nodes (2 and 3; 1)
 *     <cpukind cpuset="0x0f"> <info name="CoreType" value="IntelAtom"/>
 *
 * What is in an object are the PUs below it; only memory beside CPUs has to be believed its `cpuset`. PUs of the complete
 * set that are not in the tree are offline CPUs (or ones the reader was not allowed to use, which looks the same).
 */
import { UserError } from '../base/errors.ts';
import { parseCpuMap } from './cpu-map-text.ts';
import { readCpuKinds, readDistances } from './hwloc-extras.ts';
import { assembleMachine, MAX_NODES, type Part } from './machine-parts.ts';
import { type Cache, MAX_CPUS, type NumaNode, type Topology } from './topology.ts';

/** An element of the file; everything that reads XML can make these. */
export interface HwlocElement {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly HwlocElement[];
  readonly text: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/** Objects deeper than this are no machine's; hwloc knows some twenty levels. */
const MAX_DEPTH = 128;

const CACHE_TYPES = ['Unified', 'Data', 'Instruction'] as const;

/** Throws `UserError` with line and column. */
export function topologyFromHwloc(root: HwlocElement, name: string): Topology {
  if (root.name !== 'topology') fail(root, `<${root.name}> is not an hwloc <topology>`);
  const version = Number.parseInt(root.attributes['version'] ?? '1', 10);
  if (!(version >= 1 && version <= 3))
    fail(root, `hwloc XML version "${root.attributes['version']}"`, '1, 2 and 3 are known');
  const machine = root.children.find((e) => e.name === 'object');
  if (machine === undefined) return fail(root, 'no objects, so no machine');

  const found = new Gathering();
  found.visit(machine, 0, []);
  const { pus } = found;
  if (pus.size === 0) fail(machine, 'a machine without CPUs', 'it has no object of type PU');
  const inTree = [...pus.keys()];
  const complete = cpuSet(machine, 'complete_cpuset') ?? inTree;
  const online = cpuSet(machine, 'online_cpuset');
  const nrCpus = Math.max(...inTree, ...complete) + 1;

  const nodes = found.nodes();
  const distance = readDistances(
    root,
    nodes.map((n) => n.node),
  );
  const kinds = readCpuKinds(root, nrCpus);
  return assembleMachine({
    name,
    nrCpus,
    online: online === undefined ? inTree : inTree.filter((cpu) => online.includes(cpu)),
    cores: found.cores,
    clusters: found.clusters,
    areClustersBelowLlc: kinds.capacity.size > 0,
    dies: found.dies,
    packages: found.packages,
    caches: found.caches,
    nodes,
    distance: (a, b) => distance.get(a)?.get(b),
    capacity: kinds.capacity,
    hybrid: kinds.isHybrid,
  });
}

/** The objects of the tree, each with the PUs below it. */
class Gathering {
  readonly pus = new Map<number, HwlocElement>();
  readonly cores: Part[] = [];
  readonly clusters: Part[] = [];
  readonly dies: Part[] = [];
  readonly packages: Part[] = [];
  readonly caches: Cache[] = [];
  readonly #memory: { element: HwlocElement; node: number; below: number[]; beside: number[] }[] = [];

  /** Visits an object and what is in it; its PUs, ascending, are appended to `around`. */
  visit(element: HwlocElement, depth: number, around: number[]): void {
    if (depth > MAX_DEPTH) fail(element, `objects nested deeper than ${MAX_DEPTH}`);
    if (element.attributes['type'] === 'PU') {
      const cpu = osIndex(element, MAX_CPUS);
      if (this.pus.has(cpu)) fail(element, `a second PU ${cpu}`);
      this.pus.set(cpu, element);
      around.push(cpu);
      return;
    }
    const below: number[] = [];
    for (const child of element.children) if (child.name === 'object') this.visit(child, depth + 1, below);
    below.sort((a, b) => a - b);
    this.#note(element, below, around);
    for (const cpu of below) around.push(cpu);
  }

  #note(element: HwlocElement, cpus: number[], around: number[]): void {
    const type = element.attributes['type'] ?? '';
    if (type === 'NUMANode') {
      this.#memory.push({ element, node: osIndex(element, 0x7fff_ffff), below: cpus, beside: around });
      if (this.#memory.length > MAX_NODES) fail(element, `more than ${MAX_NODES} NUMA nodes`);
    }
    if (cpus.length === 0) return;
    const part = { id: Number.parseInt(element.attributes['os_index'] ?? '', 10), cpus };
    if (type === 'Core') this.cores.push(part);
    else if (type === 'Die') this.dies.push(part);
    else if (type === 'Package' || type === 'Socket') {
      this.packages.push({ cpus, id: Number.isInteger(part.id) ? part.id | 0 : this.packages.length });
    } else if (type === 'Group' && subtypeOf(element) === 'Cluster') this.clusters.push(part);
    else if (/^(?:L[1-5]i?)?Cache$/.test(type)) this.caches.push(cacheOf(element, type, cpus));
  }

  nodes(): NumaNode[] {
    const numbers = new Set<number>();
    return this.#memory.map(({ element, node, below, beside }) => {
      if (numbers.has(node)) fail(element, `a second NUMA node ${node}`);
      numbers.add(node);
      if (below.length > 0) return { node, cpus: below };
      const cpus = cpuSet(element, 'cpuset') ?? beside;
      return { node, cpus: cpus.filter((cpu) => this.pus.has(cpu)) };
    });
  }
}

function cacheOf(element: HwlocElement, type: string, cpus: readonly number[]): Cache {
  const level = Number(/\d/.exec(type)?.[0] ?? element.attributes['depth']);
  if (!(level >= 1 && level <= 9)) fail(element, `a cache of level "${element.attributes['depth'] ?? ''}"`);
  const kind = type.includes('i') ? 'Instruction' : CACHE_TYPES[Number(element.attributes['cache_type'] ?? 0)];
  const size = Number(element.attributes['cache_size'] ?? 0);
  return {
    level,
    type: kind ?? 'Unified',
    sizeBytes: Number.isSafeInteger(size) && size > 0 ? size : 0,
    cpus,
  };
}

function subtypeOf(element: HwlocElement): string | undefined {
  const info = element.children.find((e) => e.name === 'info' && e.attributes['name'] === 'Type');
  return element.attributes['subtype'] ?? info?.attributes['value'];
}

function osIndex(element: HwlocElement, limit: number): number {
  const text = element.attributes['os_index'] ?? '';
  const number = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (number < 0) fail(element, `${element.attributes['type']} without a number`, 'os_index is missing or none');
  if (number >= limit) fail(element, `${element.attributes['type']} ${number}: numbers must be below ${limit}`);
  return number;
}

/** The members of a cpuset; a set without an end says nothing and is taken for none. */
function cpuSet(element: HwlocElement, attribute: string): readonly number[] | undefined {
  const text = element.attributes[attribute];
  if (text === undefined) return undefined;
  const map = parseCpuMap(text, MAX_CPUS);
  if (map !== undefined) return map.endlessFrom === undefined ? map.cpus : undefined;
  const shown = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  return fail(element, `${attribute} "${shown}" is no set of CPUs below ${MAX_CPUS}`);
}

function fail(element: HwlocElement, what: string, hint = ''): never {
  throw new UserError('format', what, { line: element.line, column: element.column }, hint);
}
