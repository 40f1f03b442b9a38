/**
 * What looking at other CPUs costs the one that looks: those that share its LLC are cheaper. Whole domains and groups are
 * priced at once, by counting. @spec 24 §7
 */
import { k } from '../sched/kernel.ts';
import { Distance, distance } from '../sched/shared-lines.ts';

/** CPUs of the domain that share the LLC of the executing CPU; which may balance for another and not be in it. */
export function nearCpusOfDomain(sd: number): number {
  const { thisCpu } = k;
  return nearCpus(k.sd.spans(sd, thisCpu), k.sd.spanWeight[sd]!, k.sd.cpu[sd]!);
}

/** ns for looking at the CPUs of a group in search of the idlest. */
export function groupScanNs(group: number): number {
  const { costs, sd, thisCpu } = k;
  if (costs.scanFarNs === 0 && costs.scanLlcNs === 0) return 0;
  const weight = sd.groupWeight[group]!;
  const near = nearCpus(sd.groupHas(group, thisCpu), weight, sd.groupFirst[group]!);
  return near * costs.scanLlcNs + (weight - near) * costs.scanFarNs;
}

/** A set with the executing CPU has its LLC or is part of it; one without it is part of that or has nothing of it. */
function nearCpus(withThisCpu: boolean, weight: number, member: number): number {
  const llc = k.sd.tree.sdLlc[k.thisCpu]!;
  if (withThisCpu) return Math.min(weight, llc < 0 ? 1 : k.sd.spanWeight[llc]!);
  return distance(k.thisCpu, member) <= Distance.LLC ? weight : 0;
}
