/**
 * Cold caches: a task that comes to a CPU finds there less of what it works with than it left where it ran last, and has to
 * wait while that is fetched, line by line, before it goes on. @spec 24 §5
 *
 *   where it ran last     lines to fetch                                     a line from
 *   this core             what others drove out of the L2 meanwhile         the LLC
 *   another core          its working set, as far as the L2 holds it         the LLC
 *   another LLC           its working set, as far as the LLC holds it        memory
 *   another node          〃                                                 the other node's memory
 *
 * A line takes the latency divided by the misses under way at a time. Others drive out 1 - exp(-bytes / L2) of a working
 * set in the L2, where a task counts with what it can have touched in the time it ran, and at most its working set.
 *
 * Left out: what is still warm on a CPU the task ran on before the last, and the LLC's displacement.
 */
import { exp } from '../engine/math.ts';
import { k } from './kernel.ts';
import * as loop from './loop.ts';
import * as progress from './progress.ts';
import { Distance, distance } from './shared-lines.ts';

const LINE_BYTES = 64;

function workingSet(task: number): number {
  const own = k.programs.workload.kinds[progress.kind[task]!]!.workingSetBytes;
  return own > 0 ? own : k.costs.workingSetBytes;
}

/** The CPU switches from `prev` to `next`. */
export function switchCaches(cpu: number, prev: number, next: number): void {
  const first = 2 * k.nrCpus;
  const core = k.topology.core[cpu]!;
  if (prev >= first && progress.kind[prev]! >= 0) {
    const reached =
      LINE_BYTES * Math.floor((k.now - loop.switchedAt[cpu]!) / Math.max(1, k.costs.latLlcNs / k.costs.mlp));
    loop.touched[core]! += Math.min(workingSet(prev), reached);
    progress.ranOn[prev] = cpu;
    progress.leftTouched[prev] = loop.touched[core]!;
  }
  loop.switchedAt[cpu] = k.now;
  if (next >= first && progress.ranOn[next]! >= 0) {
    progress.refillNs[next] = Math.max(progress.refillNs[next]!, refillNs(next, progress.ranOn[next]!, cpu));
  }
}

/** The speed of a task that waits for memory part of its time and has it on another node. @spec 24 §5 */
export function memorySpeed(cpu: number, task: number, speed: number): number {
  const share = k.programs.workload.kinds[progress.kind[task]!]!.memoryBound ?? 0;
  const node = k.topology.node[cpu]!;
  if (progress.homeNode[task]! < 0) progress.homeNode[task] = node;
  if (share === 0 || progress.homeNode[task] === node) return speed;
  const { latRemNs, latMemNs } = k.costs;
  return Math.max(1, Math.floor(speed / (1 + share * (latRemNs / latMemNs - 1))));
}

function refillNs(task: number, from: number, to: number): number {
  const { costs } = k;
  const set = workingSet(task);
  const inL2 = Math.min(set, costs.l2Bytes);
  switch (distance(from, to)) {
    case Distance.SELF:
    case Distance.SMT: {
      const others = loop.touched[k.topology.core[to]!]! - progress.leftTouched[task]!;
      if (others <= 0 || inL2 === 0) return 0;
      return fetchNs(inL2 * (1 - exp(-others / costs.l2Bytes)), costs.latLlcNs);
    }
    case Distance.LLC:
      return fetchNs(inL2, costs.latLlcNs);
    case Distance.NODE:
      return fetchNs(Math.min(set, costs.llcBytes), costs.latMemNs);
    default:
      return fetchNs(Math.min(set, costs.llcBytes), costs.latRemNs);
  }
}

function fetchNs(bytes: number, latencyNs: number): number {
  return Math.floor(((bytes / LINE_BYTES) * latencyNs) / k.costs.mlp);
}
