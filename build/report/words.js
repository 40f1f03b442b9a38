/** Small things that make counts and lists read well. */
/** `1 CPU`, `2 CPUs`, `1 class`, `2 classes`. */
export function plural(n, noun) {
    if (n === 1)
        return `${n} ${noun}`;
    return `${n} ${noun}${noun.endsWith('s') ? 'es' : 's'}`;
}
/** As many of the items as the width takes, with the last one kept: `0 | 1 | … | 63`. */
export function fitList(items, separator, width) {
    const full = items.join(separator);
    if (full.length <= width || items.length < 4)
        return full;
    const last = items[items.length - 1];
    const end = `…${separator}${last}`;
    let out = '';
    for (const item of items.slice(0, -2)) {
        const longer = `${out}${item}${separator}`;
        // At least one item is shown however narrow it is.
        if (out !== '' && longer.length + end.length > width)
            break;
        out = longer;
    }
    return out + end;
}
