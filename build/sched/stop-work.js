/** Works waiting for the stopper threads. @spec 08 §5 */
/** Works queued on each CPU's stopper, first to be done first. */
export class Stoppers {
    queues;
    constructor(nrCpus) {
        this.queues = Array.from({ length: nrCpus }, () => []);
    }
}
