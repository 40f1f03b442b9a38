/**
 * A machine and its scheduling domains as JSON for other programs.
 *
 * The shape is stable: fields are added, never renamed or given another meaning, without a new `version`. CPU sets are
 * lists as the kernel prints them (`0-3,8`), units are in the names, absent things are null. Domains, groups, rings and
 * nothing else are numbered from 0 and referred to by number; a ring is a list of groups, shared by all domains that link
 * the same groups in the same order.
 */
import { formatCpuList, maskCpus } from "../machine/cpumask.js";
import { namesFor } from "../sched/kernel-names.js";
export function machineJson(t, tree, options = {}) {
    const { release = '6.1' } = options;
    const names = namesFor(release);
    const orNull = (id) => (id < 0 ? null : id);
    // Spans and rings are shared by many domains; each is written out once.
    const lists = new Map();
    const listOf = (cpus) => {
        let list = lists.get(cpus);
        if (list === undefined)
            lists.set(cpus, (list = formatCpuList([...cpus])));
        return list;
    };
    const rings = new Map();
    for (const sd of tree.domains)
        if (!rings.has(sd.ring))
            rings.set(sd.ring, rings.size);
    const cpus = Array.from({ length: t.nrCpus }, (_, cpu) => cpu);
    return {
        format: 'steelyard-machine',
        version: 1,
        name: t.name,
        release,
        nr_cpus: t.nrCpus,
        online: formatCpuList(cpus.filter((cpu) => t.online[cpu] !== 0)),
        map: formatCpuList(maskCpus(tree.map)),
        hybrid: t.hybrid,
        smt_present: tree.smtPresent,
        asym_cpucapacity: tree.asymCpucapacity,
        max_cpu_capacity: tree.maxCpuCapacity,
        numa_topology: tree.topologyType,
        max_numa_distance: tree.maxNumaDistance,
        nodes: t.nodes.map((n) => ({ node: n.node, cpus: formatCpuList(n.cpus) })),
        node_distance: t.distance.map((row) => [...row]),
        caches: t.caches.map((cache) => ({
            level: cache.level,
            type: cache.type,
            size_bytes: cache.sizeBytes > 0 ? cache.sizeBytes : null,
            cpus: formatCpuList(cache.cpus),
        })),
        perf_domains: t.perfDomains.map((pd) => ({
            cpus: formatCpuList(pd.cpus),
            states: pd.states.map((s) => ({ frequency_khz: s.frequencyKhz, power: s.power })),
        })),
        cpus: cpus.map((cpu) => ({
            cpu,
            online: t.online[cpu] !== 0,
            core: t.core[cpu],
            cluster: t.cluster[cpu],
            llc: t.llc[cpu],
            die: t.die[cpu],
            package: t.package[cpu],
            node: t.node[cpu],
            capacity: t.capacity[cpu],
            priority: t.priority[cpu],
            domains: [...tree.ofCpu[cpu]],
            sd_llc: orNull(tree.sdLlc[cpu]),
            sd_llc_size: tree.llcSize[cpu],
            sd_llc_id: tree.llcId[cpu],
            sd_numa: orNull(tree.sdNuma[cpu]),
            sd_asym_packing: orNull(tree.sdAsymPacking[cpu]),
            sd_asym_cpucapacity: orNull(tree.sdAsymCpucapacity[cpu]),
        })),
        domains: tree.domains.map((sd) => ({
            cpu: sd.cpu,
            name: names.domain(sd.name),
            level: sd.level,
            flags: names.flags(sd.flags),
            span: listOf(sd.cpus),
            span_weight: sd.spanWeight,
            parent: orNull(sd.parent),
            child: orNull(sd.child),
            min_interval_ms: sd.minInterval,
            max_interval_ms: sd.maxInterval,
            busy_factor: sd.busyFactor,
            imbalance_pct: sd.imbalancePct,
            cache_nice_tries: sd.cacheNiceTries,
            imb_numa_nr: sd.imbNumaNr,
            ring: rings.get(sd.ring),
            local_group: sd.ring[sd.ringStart],
        })),
        rings: [...rings.keys()].map((ring) => [...ring]),
        groups: tree.groups.map((group) => {
            const sgc = tree.capacities[group.sgc];
            return {
                cpus: listOf(group.cpus),
                weight: group.cpus.length,
                balance_cpus: formatCpuList(maskCpus(group.balanceMask)),
                balance_cpu: group.balanceCpu,
                flags: names.flags(group.flags),
                sgc: group.sgc,
                capacity: sgc.capacity,
                min_capacity: sgc.minCapacity,
                max_capacity: sgc.maxCapacity,
                asym_prefer_cpu: group.asymPreferCpu,
            };
        }),
    };
}
