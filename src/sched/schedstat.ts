/** /proc/schedstat of the simulated machine, from the counters it keeps. @spec 09 §1 */
import { type CpuStat, type DomainStat, domainStat, type Schedstat } from '../trace/schedstat.ts';
import * as counters from './counters.ts';
import { DOMAIN_COUNTERS, IMBALANCE_COUNTERS } from './domain-state.ts';
import { k } from './kernel.ts';
import { namesFor } from './kernel-names.ts';

/** Version 17 came with 6.14, and names domains. */
const NAMES = namesFor('6.14');

/**
 * A snapshot at this moment of the simulation, in the layout of the policy's version. What the kernel counts in 32 bits
 * wraps; without schedstats it counts times only, and says 0 for the rest.
 */
export function takeSchedstat(): Schedstat {
  const cpus: CpuStat[] = [];
  const { schedstats } = k.config.environment;
  const counted = (n: number) => (schedstats ? n >>> 0 : 0);
  for (let cpu = 0; cpu < k.nrCpus; cpu++) {
    if (k.cpuActive[cpu] === 0) continue;
    cpus.push({
      cpu,
      yldCount: counted(counters.yld[cpu]!),
      schedCount: counted(counters.sched[cpu]!),
      schedGoidle: counted(counters.goidle[cpu]!),
      ttwuCount: counted(counters.ttwu[cpu]!),
      ttwuLocal: counted(counters.ttwuLocal[cpu]!),
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
    const numbers = numbersOf(sd.counters, d, DOMAIN_COUNTERS);
    if (k.config.environment.schedstatVersion < 17) stats.push(domainStat(15, domain.name, domain.span, numbers));
    else stats.push(domainStat(17, NAMES.domain(domain.name), domain.span, withImbalances(d, numbers)));
  }
  return stats;
}

function numbersOf(columns: Float64Array, domain: number, width: number): Uint32Array {
  if (!k.config.environment.schedstats) return new Uint32Array(width);
  return Uint32Array.from(columns.subarray(domain * width, (domain + 1) * width));
}

/** The numbers as version 17 orders them: busy, idle, newly idle, and each imbalance by what was to be moved. @spec 22 §8 */
function withImbalances(d: number, numbers: Uint32Array): Uint32Array {
  const types = numbersOf(k.sd.imbalances, d, IMBALANCE_COUNTERS);
  const blocks = [1, 0, 2].flatMap((idle) => [
    ...numbers.subarray(8 * idle, 8 * idle + 3),
    ...types.subarray(4 * idle, 4 * idle + 4),
    ...numbers.subarray(8 * idle + 4, 8 * idle + 8),
  ]);
  return Uint32Array.from([...blocks, ...numbers.subarray(24)]);
}
