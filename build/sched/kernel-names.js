/**
 * Names of domains and flags as a given kernel release prints them. The tree is built the same; the words changed:
 * DIE became PKG in 6.7, SD_SHARE_PKG_RESOURCES became SD_SHARE_LLC in 6.9. @spec 22 §1
 */
import { UserError } from "../base/errors.js";
import { SD, SD_FLAG_NAMES } from "./domains.js";
/** Names of a release such as `6.1` or `6.12.90-amd64`; only the first two numbers count. */
export function namesFor(release) {
    const m = /^v?(\d+)\.(\d+)/.exec(release);
    if (m === null)
        throw new UserError('usage', `"${release}" is not a kernel release`, {}, 'such as 6.1 or 6.12');
    const version = Number(m[1]) * 1000 + Number(m[2]);
    const die = version >= 6007 ? 'PKG' : 'DIE';
    const shareCache = version >= 6009 ? 'SD_SHARE_LLC' : 'SD_SHARE_PKG_RESOURCES';
    return {
        domain: (name) => (name === 'DIE' ? die : name),
        flags: (flags) => SD_FLAG_NAMES.flatMap((name, bit) => {
            if ((flags & (1 << bit)) === 0)
                return [];
            return [1 << bit === SD.SHARE_PKG_RESOURCES ? shareCache : name];
        }),
    };
}
