import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { EventQueue, MAX_SLOTS } from '../../src/engine/event-queue.ts';

/** Takes everything out: `slot@time` in order. */
function drain(queue: EventQueue): string[] {
  const taken: string[] = [];
  while (queue.size > 0) {
    const time = queue.nextTime();
    taken.push(`${queue.pop()}@${time}`);
  }
  return taken;
}

describe('event queue', () => {
  test('hands out events by time', () => {
    const queue = new EventQueue(8);
    queue.schedule(3, 30);
    queue.schedule(1, 10);
    queue.schedule(2, 20);
    assert.deepEqual(drain(queue), ['1@10', '2@20', '3@30']);
  });

  test('at one time the lower slot comes first, whatever was scheduled first', () => {
    const slots = [5, 0, 7, 3, 6, 1, 4, 2];
    for (let turn = 0; turn < slots.length; turn++) {
      const queue = new EventQueue(8);
      for (const slot of [...slots.slice(turn), ...slots.slice(0, turn)]) queue.schedule(slot, 100);
      assert.deepEqual(drain(queue), ['0@100', '1@100', '2@100', '3@100', '4@100', '5@100', '6@100', '7@100']);
    }
  });

  test('scheduling a pending slot moves it, earlier or later', () => {
    const queue = new EventQueue(4);
    for (let slot = 0; slot < 4; slot++) queue.schedule(slot, 100 + slot);
    queue.schedule(3, 1);
    queue.schedule(0, 200);
    assert.equal(queue.size, 4);
    assert.deepEqual(drain(queue), ['3@1', '1@101', '2@102', '0@200']);
  });

  test('a cancelled slot is not pending, and can be scheduled again', () => {
    const queue = new EventQueue(4);
    queue.schedule(1, 10);
    queue.schedule(2, 20);
    queue.cancel(1);
    assert.equal(queue.isPending(1), false);
    assert.equal(queue.timeOf(1), Number.POSITIVE_INFINITY);
    queue.cancel(1);
    queue.schedule(1, 30);
    assert.equal(queue.timeOf(1), 30);
    assert.deepEqual(drain(queue), ['2@20', '1@30']);
  });

  test('an empty queue has no next event', () => {
    const queue = new EventQueue(1);
    assert.equal(queue.nextTime(), Number.POSITIVE_INFINITY);
    assert.equal(queue.pop(), -1);
  });

  test('grows in slots without losing what is pending', () => {
    const queue = new EventQueue(2);
    queue.schedule(1, 5);
    queue.grow(1000);
    queue.schedule(999, 4);
    assert.deepEqual(drain(queue), ['999@4', '1@5']);
    assert.throws(() => queue.grow(MAX_SLOTS + 1), RangeError);
    assert.throws(() => new EventQueue(MAX_SLOTS + 1), RangeError);
  });

  test('events far away, beyond the exact keys, come in order of time and slot too', () => {
    const queue = new EventQueue(16);
    const hour = 3_600_000_000_000;
    queue.schedule(9, 24 * hour);
    queue.schedule(2, 24 * hour);
    queue.schedule(4, 24 * hour + 1);
    queue.schedule(1, 24 * hour + 2);
    queue.schedule(5, 24 * hour - 1);
    queue.schedule(0, 100 * hour);
    queue.schedule(3, 7);
    assert.deepEqual(drain(queue), [
      '3@7',
      `5@${24 * hour - 1}`,
      `2@${24 * hour}`,
      `9@${24 * hour}`,
      `4@${24 * hour + 1}`,
      `1@${24 * hour + 2}`,
      `0@${100 * hour}`,
    ]);
  });

  test('does what a sorted list would do, whatever is asked of it', () => {
    const slots = 24;
    // Steps ahead: mostly small, so that times collide; some beyond what the keys hold exactly.
    const ahead = fc.oneof(
      { weight: 6, arbitrary: fc.nat(5) },
      { weight: 2, arbitrary: fc.nat(10_000_000_000) },
      { weight: 1, arbitrary: fc.nat(10 ** 15) },
    );
    const slot = fc.nat(slots - 1);
    const action = fc.oneof(
      { weight: 4, arbitrary: fc.record({ what: fc.constant('schedule' as const), slot, ahead }) },
      { weight: 1, arbitrary: fc.record({ what: fc.constant('cancel' as const), slot, ahead: fc.constant(0) }) },
      { weight: 3, arbitrary: fc.record({ what: fc.constant('pop' as const), slot, ahead: fc.constant(0) }) },
    );
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const queue = new EventQueue(slots);
        const model = new Map<number, number>();
        let now = 0;
        for (const { what, slot, ahead } of actions) {
          if (what === 'schedule') {
            queue.schedule(slot, now + ahead);
            model.set(slot, now + ahead);
          } else if (what === 'cancel') {
            queue.cancel(slot);
            model.delete(slot);
          } else {
            const first = [...model].sort(([a, s], [b, t]) => s - t || a - b)[0];
            assert.equal(queue.nextTime(), first?.[1] ?? Number.POSITIVE_INFINITY);
            // As the simulation does: it looks at the time, then takes the event.
            assert.equal(queue.pop(), first?.[0] ?? -1);
            if (first !== undefined) {
              model.delete(first[0]);
              now = first[1];
            }
          }
          assert.equal(queue.size, model.size);
          for (let s = 0; s < slots; s++) assert.equal(queue.timeOf(s), model.get(s) ?? Number.POSITIVE_INFINITY);
        }
      }),
      { numRuns: 300 },
    );
  });
});
