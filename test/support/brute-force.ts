/** Slow and plain answers to hold fast ones against. */

/** Size of a maximum matching; `edges[i]` are the partners that i may have. Augmenting paths from one after the other. */
export function maximumMatching(edges: readonly (readonly number[])[]): number {
  const partner = new Map<number, number>();
  const augment = (i: number, seen: Set<number>): boolean => {
    for (const to of edges[i]!) {
      if (seen.has(to)) continue;
      seen.add(to);
      const other = partner.get(to);
      if (other === undefined || augment(other, seen)) {
        partner.set(to, i);
        return true;
      }
    }
    return false;
  };
  return edges.reduce((n, _, i) => n + (augment(i, new Set()) ? 1 : 0), 0);
}
