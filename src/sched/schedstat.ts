/** /proc/schedstat of the simulated machine, from the counters it keeps. @spec 09 §1 */
import { type CpuStat, type DomainStat, domainStat, type Schedstat } from '../trace/schedstat.ts';
import * as counters from './counters.ts';
import { DOMAIN_COUNTERS, IMBALANCE_COUNTERS } from './domain-state.ts';
import { k } from './kernel.ts';
import { namesFor } from './kernel-names.ts';

/** Version 17 came with 6.14, and names domains. */
const NAMES = namesFor('6.14');

/** A snapshot at this moment of the simulation, in the layout of the policy's version. What the kernel counts in 32 bits wraps. */
export function takeSchedstat(): Schedstat {
  const cpus: CpuStat[] = [];
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    if (k.cpuActive[cpu] === 0) continue;
    cpus.push({
      cpu,
      yldCount: counters.yld[cpu]! >>> 0,
      schedCount: counters.sched[cpu]! >>> 0,
      schedGoidle: counters.goidle[cpu]! >>> 0,
      ttwuCount: counters.ttwu[cpu]! >>> 0,
      ttwuLocal: counters.ttwuLocal[cpu]! >>> 0,
      rqCpuTime: counters.rqCpuTime[cpu]!,
      runDelay: counters.runDelay[cpu]!,
      pcount: counters.pcount[cpu]!,
      domains: domainsOf(cpu),
    });
  }
  return { version: k.config.environment.schedstatVersion, timestamp: k.jiffies, nrCpuIds: k.nrCpus, cpus };
}

function domainsOf(cpu: number): DomainStat[] {
  const { sd } = k;
  const stats: DomainStat[] = [];
  for (let d = sd.lowest[cpu]!; d >= 0; d = sd.parent[d]!) {
    const domain = sd.tree.domains[d]!;
    const numbers = Uint32Array.from(sd.counters.subarray(d * DOMAIN_COUNTERS, (d + 1) * DOMAIN_COUNTERS));
    if (k.config.environment.schedstatVersion < 17) stats.push(domainStat(15, domain.name, domain.span, numbers));
    else stats.push(domainStat(17, NAMES.domain(domain.name), domain.span, withImbalances(d, numbers)));
  }
  return stats;
}

/** The numbers as version 17 orders them: busy, idle, newly idle, and each imbalance by what was to be moved. @spec 22 §8 */
function withImbalances(d: number, numbers: Uint32Array): Uint32Array {
  const types = Uint32Array.from(k.sd.imbalances.subarray(d * IMBALANCE_COUNTERS, (d + 1) * IMBALANCE_COUNTERS));
  const blocks = [1, 0, 2].flatMap((idle) => [
    ...numbers.subarray(8 * idle, 8 * idle + 3),
    ...types.subarray(4 * idle, 4 * idle + 4),
    ...numbers.subarray(8 * idle + 4, 8 * idle + 8),
  ]);
  return Uint32Array.from([...blocks, ...numbers.subarray(24)]);
}
