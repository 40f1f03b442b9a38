/**
 * Machines that are the same all over: packages of nodes of last-level caches of cores of threads, numbered the way
 * firmware numbers them. What differs between the CPUs (capacity, preference) is laid over it.
 */
import { assembleMachine, type MachineParts, type Part } from './machine-parts.ts';
import type { Cache, Topology } from './topology.ts';

export interface RegularMachine {
  readonly name: string;
  /** Default 1, as are all counts below but `coresPerLlc`. */
  readonly packages?: number;
  readonly nodesPerPackage?: number;
  readonly llcsPerNode?: number;
  readonly coresPerLlc: number;
  readonly threads?: number;
  /** Cores that share an L2. */
  readonly coresPerL2?: number;
  /** The threads of a core are neighbours in number (0,1), or all first threads come before all second ones (0,n). */
  readonly siblings?: 'adjacent' | 'apart';
  /** The level that is the LLC; 2 for machines without an L3. Default 3. */
  readonly llcLevel?: 2 | 3;
  /** Bytes of one cache of level 1 (data and instructions each), 2 and 3. Default 0: not known. */
  readonly cacheBytes?: readonly [l1: number, l2: number, l3: number];
  /** Distances between nodes by their index. */
  readonly distance?: readonly (readonly number[])[];
}

/** A machine of `packages * nodesPerPackage * llcsPerNode * coresPerLlc * threads` CPUs. */
export function regularMachine(m: RegularMachine, more: Partial<MachineParts> = {}): Topology {
  const { name, packages = 1, nodesPerPackage = 1, llcsPerNode = 1, threads = 1, coresPerL2 = 1, llcLevel = 3 } = m;
  const nrLlcs = packages * nodesPerPackage * llcsPerNode;
  const nrCores = nrLlcs * m.coresPerLlc;
  const nrCpus = nrCores * threads;
  const [l1Bytes, l2Bytes, l3Bytes] = m.cacheBytes ?? [0, 0, 0];
  const cpusOf = (firstCore: number, cores: number): number[] => {
    const cpus: number[] = [];
    for (let core = firstCore; core < firstCore + cores; core++) {
      for (let t = 0; t < threads; t++) cpus.push(m.siblings === 'apart' ? core + t * nrCores : core * threads + t);
    }
    return cpus.sort((a, b) => a - b);
  };
  /** `count` alike parts that divide the cores evenly. */
  const parts = (count: number): Part[] =>
    Array.from({ length: count }, (_, id) => ({ id, cpus: cpusOf(id * (nrCores / count), nrCores / count) }));
  const caches = (count: number, level: number, type: Cache['type'], sizeBytes: number): Cache[] =>
    parts(count).map(({ cpus }) => ({ level, type, sizeBytes, cpus }));

  const llc = caches(nrLlcs, llcLevel, 'Unified', llcLevel === 2 ? l2Bytes : l3Bytes);
  const { distance } = m;
  return assembleMachine({
    name,
    nrCpus,
    cores: parts(nrCores),
    packages: parts(packages),
    caches: [
      ...caches(nrCores, 1, 'Data', l1Bytes),
      ...caches(nrCores, 1, 'Instruction', l1Bytes),
      ...(llcLevel === 3 ? caches(nrCores / coresPerL2, 2, 'Unified', l2Bytes) : []),
      ...llc,
    ],
    nodes: parts(packages * nodesPerPackage).map(({ id, cpus }) => ({ node: id, cpus })),
    distance: (from, to) => distance?.[from]?.[to],
    ...more,
  });
}
