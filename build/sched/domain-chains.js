/**
 * The chains of domains before groups exist and before redundant domains are removed: for every CPU one domain a level,
 * with the values it is born with.
 *
 *   span   = mask of the level AND the CPU map (online, not isolated), widened where a child reaches beyond it
 *   w      = weight of the level's mask, unavailable CPUs included
 *   min_interval, max_interval, busy_factor = w ms, 2w ms, 16
 *   imbalance_pct    = 110 where threads share a core, else 117
 *   cache_nice_tries = 0 sharing a core, 1 sharing a cache, 2 across nodes, else 1
 *
 * A chain ends with the first domain that spans the whole map. @spec 04 §1, §2, §6, §7
 */
import { UserError } from "../base/errors.js";
import { formatCpuList, maskAnd, maskOr, maskWeight } from "../machine/cpumask.js";
import { Level, SD } from "./domains.js";
const NO_GROUPS = [];
const BORN_WITH = SD.BALANCE_NEWIDLE | SD.BALANCE_EXEC | SD.BALANCE_FORK | SD.WAKE_AFFINE | SD.PREFER_SIBLING;
/** Domains of all CPUs of `map`, linked into chains. */
export function buildChains(t, map, levels, spans, options) {
    const table = levels.map(() => new Array(t.nrCpus).fill(undefined));
    const asymFlags = asymmetryOf(t, map);
    const rows = levels.map((level) => ({
        level,
        spans: level.masks.map((mask) => spans.ofMask(maskAnd(mask, map.mask))),
        weights: level.masks.map(maskWeight),
    }));
    for (const cpu of map.cpus) {
        let child;
        for (let row = 0; row < rows.length; row++) {
            const { level, spans: spanOfMask, weights } = rows[row];
            const index = level.maskOfCpu[cpu];
            const span = widened(spanOfMask[index], child, spans);
            const asym = asymFlags(span);
            const draft = {
                cpu,
                row,
                level,
                span,
                maskWeight: weights[index],
                flags: bornFlags(level, row, options) | asym,
                imbNumaNr: 0,
                parent: undefined,
                child,
                ring: NO_GROUPS,
                ringStart: 0,
            };
            // Spreading over siblings of unequal capacity would fight with misfit balancing.
            if (asym !== 0 && child !== undefined)
                child.flags &= ~SD.PREFER_SIBLING;
            if (child !== undefined)
                child.parent = draft;
            table[row][cpu] = draft;
            child = draft;
            if (span === map)
                break;
        }
    }
    table.forEach((drafts, row) => {
        if ((levels[row].flags & SD.OVERLAP) === 0)
            checkDisjoint(t, drafts);
    });
    for (const cpu of map.cpus)
        setImbNumaNr(table[0][cpu]);
    return table;
}
export function imbalancePct(flags) {
    return flags & SD.SHARE_CPUCAPACITY ? 110 : 117;
}
export function cacheNiceTries(flags) {
    if (flags & SD.SHARE_CPUCAPACITY)
        return 0;
    if (flags & SD.SHARE_PKG_RESOURCES)
        return 1;
    return flags & SD.NUMA ? 2 : 1;
}
/** @spec 04 §2 */
function bornFlags(level, row, options) {
    let flags = BORN_WITH | level.flags;
    if (flags & SD.NUMA) {
        flags &= ~SD.PREFER_SIBLING;
        // Memory so far away is not worth following at fork, exec or wakeup.
        if (level.distance > options.nodeReclaimDistance)
            flags &= ~(SD.BALANCE_EXEC | SD.BALANCE_FORK | SD.WAKE_AFFINE);
    }
    if (options.relaxDomainLevel >= 0 && row >= options.relaxDomainLevel) {
        flags &= ~(SD.BALANCE_WAKE | SD.BALANCE_NEWIDLE);
    }
    return flags;
}
/** A parent is made to span its child. @spec 04 §1 */
function widened(span, child, spans) {
    if (child === undefined || child.span === span)
        return span;
    const mask = maskOr(span.mask, child.span.mask);
    return maskWeight(mask) === span.weight ? span : spans.ofMask(mask);
}
/** The flags of a span by how many of the map's capacity values it holds. @spec 04 §6 */
function asymmetryOf(t, map) {
    const valuesIn = (span) => {
        const values = new Set();
        for (const cpu of span.cpus)
            values.add(t.capacity[cpu]);
        return values.size;
    };
    const inMap = valuesIn(map);
    if (inMap < 2)
        return () => 0;
    const known = new Map();
    return (span) => {
        let flags = known.get(span);
        if (flags === undefined) {
            const inSpan = valuesIn(span);
            flags = inSpan < 2 ? 0 : SD.ASYM_CPUCAPACITY;
            if (inSpan >= 2 && inSpan === inMap)
                flags |= SD.ASYM_CPUCAPACITY_FULL;
            known.set(span, flags);
        }
        return flags;
    };
}
/** Two CPUs of a level that is not NUMA have the same span or none in common. @spec 04 §1 */
function checkDisjoint(t, drafts) {
    const checked = new Set();
    for (const draft of drafts) {
        if (draft === undefined || checked.has(draft.span))
            continue;
        checked.add(draft.span);
        for (const cpu of draft.span.cpus) {
            const other = drafts[cpu];
            if (other === undefined || other.span === draft.span)
                continue;
            const list = (span) => formatCpuList([...span.cpus]);
            throw new UserError('machine', `machine "${t.name}": the ${draft.level.name} masks of CPUs ${draft.cpu} and ${cpu} overlap in part ` +
                `(${list(draft.span)} and ${list(other.span)})`, {}, draft.level.level === Level.NODE
                ? 'no two nodes may be as near to each other as a node is to itself'
                : 'cores, clusters, caches and nodes must lie within each other');
        }
    }
}
/** How many tasks more than another node a node may have before fork and exec leave it. @spec 04 §7 */
function setImbNumaNr(lowest) {
    let imb = 0;
    let spanOfOne = 1;
    for (let sd = lowest; sd !== undefined; sd = sd.parent) {
        const child = sd.child;
        const topsCache = child !== undefined && !(sd.flags & SD.SHARE_PKG_RESOURCES) && child.flags & SD.SHARE_PKG_RESOURCES;
        if (topsCache) {
            const llcs = Math.floor(sd.span.weight / child.span.weight);
            imb = Math.max(1, llcs === 1 ? sd.span.weight >> 3 : llcs);
            sd.imbNumaNr = imb;
            let numa = sd.parent;
            while (numa !== undefined && !(numa.flags & SD.NUMA))
                numa = numa.parent;
            spanOfOne = (numa ?? sd).span.weight;
        }
        else {
            sd.imbNumaNr = imb * Math.max(1, Math.floor(sd.span.weight / spanOfOne));
        }
    }
}
