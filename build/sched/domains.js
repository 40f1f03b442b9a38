/** Domain flags, by the kernel's bit numbers. @spec 04 §2 */
export const SD = {
    BALANCE_NEWIDLE: 1 << 0,
    BALANCE_EXEC: 1 << 1,
    BALANCE_FORK: 1 << 2,
    BALANCE_WAKE: 1 << 3,
    WAKE_AFFINE: 1 << 4,
    ASYM_CPUCAPACITY: 1 << 5,
    ASYM_CPUCAPACITY_FULL: 1 << 6,
    SHARE_CPUCAPACITY: 1 << 7,
    SHARE_PKG_RESOURCES: 1 << 8,
    SERIALIZE: 1 << 9,
    ASYM_PACKING: 1 << 10,
    PREFER_SIBLING: 1 << 11,
    OVERLAP: 1 << 12,
    NUMA: 1 << 13,
};
/** Names of the flags in bit order, as debugfs prints them. @spec 09 §4 */
export const SD_FLAG_NAMES = Object.keys(SD).map((name) => `SD_${name}`);
/** Indices in the kernel's topology table; NUMA levels follow from here on. @spec 04 §1 */
export const Level = { SMT: 0, CLS: 1, MC: 2, DIE: 3, NODE: 4, NUMA: 5 };
