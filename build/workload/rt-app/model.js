/**
 * What an rt-app file says, in its own terms and units (microseconds), before it is made into a workload. @spec 25 §11
 *
 * `at` fields are offsets into the text, for messages.
 */
export const RT_APP_POLICIES = [
    'SCHED_OTHER',
    'SCHED_BATCH',
    'SCHED_IDLE',
    'SCHED_RR',
    'SCHED_FIFO',
    'SCHED_DEADLINE',
];
