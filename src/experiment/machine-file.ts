import { readFileSync } from 'node:fs';
import { buildTopology, type Topology } from '../machine/topology.ts';

export function listMachines(): readonly { readonly name: string; readonly about: string }[] {
  return [];
}
export function loadMachine(spec: string): Topology {
  if (spec.endsWith('.json')) {
    const { cpus } = JSON.parse(readFileSync(spec, 'utf8'));
    return buildTopology({
      name: spec,
      cpus: cpus.map((c: any) => ({ core: c.smt[0], llc: c.llc, node: c.node, package: c.package })),
    });
  }
  if (spec === 'epyc')
    return buildTopology({
      name: 'epyc',
      cpus: Array.from({ length: 256 }, (_, i) => {
        const core = i % 128;
        return { core, llc: core >> 3, node: core >> 6, package: core >> 6 };
      }),
    });
  return buildTopology({ name: spec, cpus: Array.from({ length: Number(spec.slice(5)) }, () => ({ llc: 0 })) });
}
