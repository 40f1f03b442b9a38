/**
 * What things cost on a machine, in ns: the numbers a simulation charges to the CPU that does the work. @spec 24
 *
 * `none` is all zero and is for comparing decisions with a kernel's; the others are real machines, for comparing
 * mechanisms. Each number's source is in spec 24; where that gives a range, the default here is its middle.
 */
import { didYouMean, UserError } from "../base/errors.js";
const NONE = {
    name: 'none',
    lineSmtNs: 0,
    lineLlcNs: 0,
    lineNodeNs: 0,
    lineNumaNs: 0,
    pickNs: 0,
    switchSameMmNs: 0,
    switchOtherMmNs: 0,
    switchIdleNs: 0,
    wakeupNs: 0,
    scanLlcNs: 0,
    scanFarNs: 0,
    ipiSendNs: 0,
    ipiDeliverNs: 0,
    pollWakeNs: 0,
    irqNs: 0,
    tickNs: 0,
    softirqNs: 0,
    statLlcNs: 0,
    statFarNs: 0,
    statGroupNs: 0,
    statDomainNs: 0,
    blockedNs: 0,
    detachNs: 0,
    attachNs: 0,
    forkNs: 0,
    exitNs: 0,
    syscallNs: 0,
    idlePolls: false,
    idleStates: [],
    smtShare: 1024,
    refillLlcNs: 0,
    refillNodeNs: 0,
    refillNumaNs: 0,
    l2Bytes: 0,
};
/** What the server profiles have in common. */
const SERVER = {
    ...NONE,
    name: 'server',
    lineSmtNs: 8,
    lineLlcNs: 48,
    lineNodeNs: 107,
    lineNumaNs: 118,
    pickNs: 400,
    switchSameMmNs: 500,
    switchOtherMmNs: 1100,
    switchIdleNs: 200,
    wakeupNs: 500,
    scanLlcNs: 40,
    scanFarNs: 110,
    ipiSendNs: 600,
    ipiDeliverNs: 800,
    pollWakeNs: 150,
    irqNs: 300,
    tickNs: 1500,
    softirqNs: 300,
    statLlcNs: 250,
    statFarNs: 600,
    statGroupNs: 100,
    statDomainNs: 500,
    blockedNs: 1000,
    detachNs: 400,
    attachNs: 500,
    forkNs: 50_000,
    exitNs: 30_000,
    syscallNs: 200,
    idlePolls: true,
    idleStates: [
        { exitNs: 1000, residencyNs: 1000 },
        { exitNs: 3000, residencyNs: 20_000 },
        { exitNs: 130_000, residencyNs: 600_000 },
    ],
    smtShare: 640,
    refillLlcNs: 5,
    refillNodeNs: 25,
    refillNumaNs: 35,
    l2Bytes: 1 << 20,
};
const PROFILES = [
    NONE,
    { ...SERVER, name: 'bdw18', lineLlcNs: 44, lineNumaNs: 118, l2Bytes: 256 << 10 },
    { ...SERVER, name: 'icx', lineLlcNs: 51, lineNumaNs: 108, l2Bytes: 1280 << 10 },
    { ...SERVER, name: 'milan', lineSmtNs: 10, lineLlcNs: 23, lineNodeNs: 107, lineNumaNs: 197, l2Bytes: 512 << 10 },
    {
        ...SERVER,
        name: 'spr',
        lineLlcNs: 55,
        lineNumaNs: 130,
        l2Bytes: 2 << 20,
        idleStates: [
            { exitNs: 1000, residencyNs: 1000 },
            { exitNs: 2000, residencyNs: 4000 },
            { exitNs: 290_000, residencyNs: 800_000 },
        ],
    },
    {
        ...SERVER,
        name: 'guest4',
        ipiSendNs: 2300,
        ipiDeliverNs: 1200,
        idlePolls: false,
        idleStates: [{ exitNs: 8000, residencyNs: 0 }],
        smtShare: 1024,
    },
];
export function listCostProfiles() {
    return PROFILES;
}
export function costProfile(name) {
    const found = PROFILES.find((p) => p.name === name);
    if (found !== undefined)
        return found;
    const names = PROFILES.map((p) => p.name);
    throw new UserError('policy', `unknown cost profile "${name}"`, {}, didYouMean(name, names));
}
