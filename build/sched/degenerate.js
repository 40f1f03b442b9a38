import { SD } from "./domains.js";
/** Flags that mean nothing with fewer than two groups: all but WAKE_AFFINE. @spec 04 §2 */
const NEEDS_GROUPS = Object.values(SD).reduce((mask, flag) => mask | flag, 0) & ~SD.WAKE_AFFINE;
/** One CPU's chain without its redundant domains; the new lowest domain. */
export function degenerateChain(lowest) {
    let sd = lowest;
    while (sd.parent !== undefined) {
        const parent = sd.parent;
        if (!isParentDegenerate(sd, parent)) {
            sd = parent;
            continue;
        }
        sd.parent = parent.parent;
        if (parent.parent !== undefined)
            parent.parent.child = sd;
        sd.flags |= parent.flags & SD.PREFER_SIBLING;
    }
    if (!isDegenerate(lowest))
        return lowest;
    // Only once: the domain above is wider, or it would have been removed as a parent.
    const next = lowest.parent;
    if (next !== undefined) {
        next.child = undefined;
        forgetChildOfLocalGroup(next);
    }
    return next;
}
function isDegenerate(sd) {
    if (sd.span.weight === 1)
        return true;
    const balances = (sd.flags & NEEDS_GROUPS) !== 0 && sd.ring.length > 1;
    return !balances && !(sd.flags & SD.WAKE_AFFINE);
}
function isParentDegenerate(sd, parent) {
    if (isDegenerate(parent))
        return true;
    if (sd.span !== parent.span)
        return false;
    const flags = parent.ring.length === 1 ? parent.flags & ~NEEDS_GROUPS : parent.flags;
    return (flags & ~sd.flags) === 0;
}
/**
 * The local group loses the flags it had from its child domain. The other groups of the ring keep theirs, unless their
 * own CPUs do the same: groups below NUMA are shared, those of a NUMA ring are this CPU's alone.
 */
function forgetChildOfLocalGroup(sd) {
    const local = sd.ring[sd.ringStart];
    if (local.flags === 0)
        return;
    if (!(sd.flags & SD.OVERLAP)) {
        local.flags = 0;
        return;
    }
    const copy = { ...local, flags: 0 };
    sd.ring = sd.ring.with(sd.ringStart, copy);
}
