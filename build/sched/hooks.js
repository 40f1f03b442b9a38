/**
 * Where the scheduler asks the balancing policy. The policies themselves are in `src/balance`; this is what they have to
 * answer. All calls are made with the simulated kernel in a consistent state.
 *
 * Work that takes simulated time is done in steps: `...Step` returns whether it is finished, having charged the CPU for
 * what it did so far; the CPU loop lets that time pass and calls again.
 */
/** Result of a step that charged time and wants to be called again. */
export const UNFINISHED = -1000;
/** Wake flags. @spec 05 §1 */
export const Wake = { EXEC: 2, FORK: 4, TTWU: 8, SYNC: 16, MIGRATED: 32 };
/** What a stopper thread is asked to do. @spec 08 §5 */
export const StopWork = { MIGRATE: 0, ACTIVE_BALANCE: 1 };
/** Never balances and never moves anything. */
export class NullHooks {
    selectTaskRqFair(_task, prev) {
        return prev;
    }
    newidleBegin() {
        return false;
    }
    newidleStep() {
        return 0;
    }
    triggerLoadBalance() { }
    softirqStep() {
        return 0;
    }
    idleIterationStep() {
        return 0;
    }
    tickStopped() { }
    nohzCall() { }
    activeBalanceStop() { }
    idleTaskPicked() { }
    updateMisfitStatus() { }
}
