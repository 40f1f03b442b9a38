/** What hwloc's files say beside the tree of objects: distances between nodes, and kinds of CPUs. */
import { parseCpuMap } from './cpu-map-text.ts';
import type { HwlocElement } from './hwloc.ts';
import { MAX_NODES } from './machine-parts.ts';
import { MAX_CPUS } from './topology.ts';

/** Distances by node numbers, from and to; empty where the file has none that can be used. */
export type NodeDistances = ReadonlyMap<number, ReadonlyMap<number, number>>;

/** A matrix means latency; the other meaning is bandwidth, where more is nearer. */
const MEANS_LATENCY = 4;

/** `nodes` are the numbers of all nodes in the order of the tree, which is that of the values in version 1. */
export function readDistances(root: HwlocElement, nodes: readonly number[]): NodeDistances {
  for (const element of root.children) {
    if (element.name !== 'distances2' || element.attributes['type'] !== 'NUMANode') continue;
    if ((Number(element.attributes['kind'] ?? MEANS_LATENCY) & MEANS_LATENCY) === 0) continue;
    const matrix = matrixOf(numbersIn(element, 'indexes'), numbersIn(element, 'u64values'));
    if (matrix !== undefined) return matrix;
  }
  const old = findDistances(root, nodes.length, 0);
  if (old === undefined) return new Map();
  const base = Number(old.attributes['latency_base'] ?? 10);
  const values = old.children
    .filter((e) => e.name === 'latency')
    .map((e) => Math.round(Number(e.attributes['value']) * base));
  return matrixOf(nodes, values) ?? new Map();
}

/** Version 1 puts `<distances>` into the object that all the others are in. */
function findDistances(element: HwlocElement, nrNodes: number, depth: number): HwlocElement | undefined {
  if (nrNodes === 0 || depth > 8) return undefined;
  for (const child of element.children) {
    if (child.name === 'distances' && Number(child.attributes['nbobjs']) === nrNodes) return child;
    const below = child.name === 'object' ? findDistances(child, nrNodes, depth + 1) : undefined;
    if (below !== undefined) return below;
  }
  return undefined;
}

/** All numbers in the text of the children of this name; long lists are cut into several elements. */
function numbersIn(element: HwlocElement, name: string): number[] {
  return element.children
    .filter((e) => e.name === name)
    .flatMap((e) => e.text.split(/\s+/).filter((word) => word !== ''))
    .slice(0, MAX_NODES * MAX_NODES)
    .map(Number);
}

/**
 * Values that are not what firmware gives (10 for the own node, up to 254) were measured in some other unit; they are
 * scaled so that the nearest is 10.
 */
function matrixOf(nodes: readonly number[], values: readonly number[]): NodeDistances | undefined {
  const n = nodes.length;
  if (n === 0 || values.length !== n * n || !values.every((v) => v > 0 && Number.isFinite(v))) return undefined;
  const isFirmware = values.every((v) => Number.isInteger(v) && v >= 10 && v <= 254);
  let least = Number.POSITIVE_INFINITY;
  for (const v of values) least = Math.min(least, v);
  const scaled = (v: number) => (isFirmware ? v : Math.min(254, Math.round((v / least) * 10)));
  return new Map(nodes.map((from, i) => [from, new Map(nodes.map((to, j) => [to, scaled(values[i * n + j]!)]))]));
}

export interface CpuKinds {
  readonly isHybrid: boolean;
  /** `cpu_capacity`, where the machine told. */
  readonly capacity: ReadonlyMap<number, number>;
}

export function readCpuKinds(root: HwlocElement, nrCpus: number): CpuKinds {
  const coreTypes = new Set<string>();
  const capacity = new Map<number, number>();
  for (const element of root.children) {
    if (element.name !== 'cpukind') continue;
    const infos = element.children.filter((e) => e.name === 'info');
    const info = (name: string) => infos.find((e) => e.attributes['name'] === name)?.attributes['value'];
    coreTypes.add(info('CoreType') ?? '');
    const value = Number(info('LinuxCapacity'));
    if (!(Number.isInteger(value) && value >= 1 && value <= 1024)) continue;
    for (const cpu of parseCpuMap(element.attributes['cpuset'] ?? '', MAX_CPUS)?.cpus ?? []) {
      if (cpu < nrCpus) capacity.set(cpu, value);
    }
  }
  return { isHybrid: coreTypes.has('IntelAtom') && coreTypes.has('IntelCore'), capacity };
}
