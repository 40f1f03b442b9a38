export function tee(...sinks) {
    if (sinks.length === 1)
        return sinks[0];
    return {
        begin(tables, startNs) {
            for (const sink of sinks)
                sink.begin?.(tables, startNs);
        },
        event(kind, timeNs, cpu, task, args) {
            for (let i = 0; i < sinks.length; i++)
                sinks[i].event(kind, timeNs, cpu, task, args);
        },
        end(endNs) {
            for (const sink of sinks)
                sink.end?.(endNs);
        },
    };
}
