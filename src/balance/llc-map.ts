/** Last-level caches as mechanisms that keep something for each see them: numbered, and in the order to visit them. */
import type { Topology } from '../machine/topology.ts';

export type LlcScope = 'llc' | 'node' | 'machine';

export class LlcMap {
  /** LLC of each CPU: 0, 1, ... in order of their lowest CPU. */
  readonly of: Int32Array;
  /** CPUs of each LLC, ascending. */
  readonly cpus: readonly (readonly number[])[];
  readonly #orders: readonly Int32Array[];

  /** `llcId` names the LLC of each CPU by any number, as the domains have it. */
  constructor(topology: Topology, llcId: Int32Array, scope: LlcScope) {
    const numbers = new Map<number, number>();
    const cpus: number[][] = [];
    this.of = Int32Array.from(llcId, (id, cpu) => {
      if (!numbers.has(id)) cpus[numbers.size] = [];
      if (!numbers.has(id)) numbers.set(id, numbers.size);
      const llc = numbers.get(id)!;
      cpus[llc]!.push(cpu);
      return llc;
    });
    this.cpus = cpus;
    this.#orders = cpus.map((_, llc) => orderFrom(topology, cpus, llc, scope));
  }

  /** The LLCs within scope of the CPU: its own, those of its node, then of nodes by distance; each cyclically upward. */
  order(cpu: number): Int32Array {
    return this.#orders[this.of[cpu]!]!;
  }
}

function orderFrom(topology: Topology, cpus: readonly (readonly number[])[], own: number, scope: LlcScope): Int32Array {
  if (scope === 'llc') return Int32Array.of(own);
  const n = cpus.length;
  const distance = (llc: number) => nodeDistance(topology, cpus[own]![0]!, cpus[llc]![0]!);
  const cyclic = Array.from({ length: n }, (_, i) => (own + i) % n);
  const near = cyclic.filter((llc) => scope === 'machine' || sameNode(topology, cpus[own]![0]!, cpus[llc]![0]!));
  const [first, ...others] = near;
  others.sort((a, b) => distance(a) - distance(b) || ((a - own + n) % n) - ((b - own + n) % n));
  return Int32Array.of(first!, ...others);
}

function sameNode(topology: Topology, a: number, b: number): boolean {
  return topology.node[a] === topology.node[b];
}

function nodeDistance(topology: Topology, a: number, b: number): number {
  const row = topology.nodes.findIndex(({ node }) => node === topology.node[a]);
  const column = topology.nodes.findIndex(({ node }) => node === topology.node[b]);
  return topology.distance[row]?.[column] ?? 0;
}
