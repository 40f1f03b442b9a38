/**
 * hackbench, `perf bench sched messaging`: groups of senders and receivers that pass small messages. @spec 25 §1
 *
 *   main: for each group forks F receivers, then F senders; reads N "ready" bytes; writes one byte that everybody polls
 *         for, so that all are woken at once, newest first (as recorded); waits for all
 *   sender, L times: one message to each of the group's F channels, in order
 *   receiver: takes F * L messages from its own channel
 *
 * A pipe holds 16 pages, and small messages share a page as far as they fit in whole. A unix stream socket charges its
 * send buffer (212992 bytes) with the message and 320 bytes more, rounded up to a power of two, plus 256. Senders that wait
 * for a full pipe are woken one at a time, whenever a page has been emptied; those of a socket all, when a quarter is left.
 */
import { UserError } from '../../base/errors.ts';
import { WorkloadBuilder } from '../build.ts';
import { fork, loop, wait, waitChildren, wakeSync } from '../instructions.ts';
import { type Instruction, ref, refByIndex } from '../program.ts';
import { choice, count, defineGenerator, duration, flag } from './params.ts';

const PIPE_PAGES = 16;
const PAGE = 4096;
const SOCKET_BUFFER = 212_992;
const MAX_TASKS = 1_000_000;
const MAX_INSTRUCTIONS = 4_000_000;

export const hackbench = defineGenerator({
  name: 'hackbench',
  summary: 'groups of senders and receivers that pass small messages',
  unit: 'messages',
  measures: 'messages received; the run time is the time to the last exit',
  params: {
    groups: count(10, 'groups', { min: 1, max: 10_000 }),
    fds: count(20, 'senders and as many receivers of a group', { min: 1, max: 10_000 }),
    loops: count(100, 'messages each sender sends to each receiver; 0: without end', { max: 1_000_000_000 }),
    size: count(100, 'bytes of a message', { min: 1, max: 1 << 20 }),
    chan: choice(['socket', 'pipe'], 'socket', 'what messages go through'),
    mode: choice(['process', 'thread'], 'process', 'what tasks are'),
    cap_msgs: count(0, 'messages a channel holds; 0: what the kernel makes of their size'),
    write_ns: duration('1700ns', 'CPU time of writing a message', 'ns'),
    read_ns: duration('1100ns', 'CPU time of reading a message', 'ns'),
    fifo: flag(false, 'all tasks are SCHED_FIFO'),
  },
  endless: (p) => p.loops === 0,
  build: (p, { name }) => {
    const total = 2 * p.groups * p.fds;
    if (total > MAX_TASKS) throw new UserError('limit', `${name}: ${total} tasks are more than ${MAX_TASKS}`);
    if (p.groups * p.fds > MAX_INSTRUCTIONS) throw new UserError('limit', `${name}: too many channels`);
    const b = new WorkloadBuilder(name);
    const ready = b.semaphore('ready');
    const go = b.semaphore('go', 0, true);
    const capacity = p.cap_msgs > 0 ? p.cap_msgs : p.chan === 'pipe' ? pipeMessages(p.size) : socketMessages(p.size);
    const room =
      p.chan === 'pipe'
        ? { page: Math.min(capacity, Math.max(1, Math.floor(PAGE / p.size))) }
        : { wakeAllAt: Math.floor(capacity / 4) };
    const start: Instruction[] = [wakeSync(ref(ready)), wait(ref(go))];
    const common = {
      comm: 'hackbench',
      process: p.mode === 'thread' ? 0 : -1,
      policy: p.fifo ? ('fifo' as const) : ('other' as const),
      priority: p.fifo ? 1 : 0,
    };
    const forks: Instruction[] = [];
    for (let g = 0; g < p.groups; g++) {
      const first = b.channels(`group${g}`, p.fds, capacity, true, room);
      const receiver = b.kind({
        ...common,
        name: 'receiver',
        program: [
          ...start,
          ...loop(p.loops, ...loop(p.fds, { op: 'receive', channel: refByIndex(first), work: p.read_ns }), {
            op: 'unitDone',
            units: p.fds,
            timed: false,
          }),
        ],
      });
      const sends = Array.from(
        { length: p.fds },
        (_, i): Instruction => ({ op: 'send', channel: ref(first + i), work: p.write_ns }),
      );
      const sender = b.kind({ ...common, name: 'sender', program: [...start, ...loop(p.loops, ...sends)] });
      forks.push(fork(receiver, p.fds), fork(sender, p.fds));
    }
    b.main([...forks, ...loop(total, wait(ref(ready))), wakeSync(ref(go), total), waitChildren], common);
    return b.build();
  },
});

/** Messages that fit in a pipe. */
export function pipeMessages(size: number): number {
  if (size > PAGE) return Math.max(1, Math.floor(PIPE_PAGES / Math.ceil(size / PAGE)));
  return PIPE_PAGES * Math.floor(PAGE / size);
}

/** Messages that fit in the send buffer of a unix stream socket. */
export function socketMessages(size: number): number {
  let data = 512;
  while (data < size + 320) data *= 2;
  return Math.max(1, Math.floor(SOCKET_BUFFER / (data + 256)));
}
