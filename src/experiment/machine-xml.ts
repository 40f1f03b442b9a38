/**
 * hwloc XML read into the few elements a topology is made of. Strict (an unclosed tag is an error at its place), in one
 * pass, with bounds on everything; entities other than XML's own five are errors, so there is nothing to expand.
 */
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes';
import { UserError } from '../base/errors.ts';
import { type HwlocElement, topologyFromHwloc } from '../machine/hwloc.ts';
import type { Topology } from '../machine/topology.ts';

/** What is kept; I/O devices and pages are most of some files. */
const WANTED = new Set([
  'topology',
  'object',
  'info',
  'distances2',
  'indexes',
  'u64values',
  'distances',
  'latency',
  'cpukind',
]);
const ATTRIBUTES = new Set(
  (
    'version type os_index cpuset complete_cpuset online_cpuset subtype depth cache_size cache_type name value kind ' +
    'nbobjs latency_base'
  ).split(' '),
);
const INFOS = new Set(['Type', 'CoreType', 'LinuxCapacity']);

const MAX_DEPTH = 256;
const MAX_ELEMENTS = 500_000;
/** Characters parsed at a time: an error near the beginning is found without looking at the rest. */
const CHUNK = 1 << 16;

interface Open extends HwlocElement {
  readonly children: Open[];
  text: string;
}

/** Throws `UserError` with line and column, not naming a file. */
export function topologyFromXml(bytes: Uint8Array, name: string): Topology {
  return topologyFromHwloc(parseElements(bytes), name);
}

function parseElements(bytes: Uint8Array): HwlocElement {
  const parser = new SaxesParser({ xmlns: false });
  const place = () => ({ line: parser.line, column: parser.column + 1 });
  const stack: (Open | undefined)[] = [];
  let root: Open | undefined;
  let count = 0;
  // Where the tag began that is being read.
  let line = 1;
  let column = 1;

  parser.on('error', (e) => {
    throw new UserError('format', `this is no good XML: ${e.message.replace(/^\d+:\d+: /, '')}`, place());
  });
  parser.on('opentagstart', () => ({ line, column } = { line: parser.line, column: parser.column }));
  parser.on('opentag', (tag) => {
    if (++count > MAX_ELEMENTS) throw new UserError('limit', `more than ${MAX_ELEMENTS} elements`, place());
    if (stack.length >= MAX_DEPTH) throw new UserError('limit', `elements nested deeper than ${MAX_DEPTH}`, place());
    const parent = stack[stack.length - 1];
    const isWanted = stack.length === 0 || (parent !== undefined && isPart(tag));
    const element = isWanted ? elementOf(tag, line, Math.max(1, column - tag.name.length - 1)) : undefined;
    if (element !== undefined && parent !== undefined) parent.children.push(element);
    root ??= element;
    stack.push(element);
    if (stack.length === 1 && tag.name !== 'topology')
      throw new UserError('format', `<${tag.name}> is not an hwloc <topology>`, place());
  });
  parser.on('text', (text) => {
    const element = stack[stack.length - 1];
    if (element?.name === 'indexes' || element?.name === 'u64values') element.text += text;
  });
  parser.on('closetag', () => {
    stack.pop();
  });

  const decoder = new TextDecoder('utf-8', { fatal: true });
  for (let at = 0; at < bytes.length; at += CHUNK) {
    parser.write(decode(decoder, bytes.subarray(at, at + CHUNK), at));
  }
  parser.close();
  if (root === undefined) throw new UserError('format', 'this is no good XML: it has no elements', place());
  return root;
}

function decode(decoder: InstanceType<typeof TextDecoder>, bytes: Uint8Array, offset: number): string {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch {
    throw new UserError('format', 'this is no text in UTF-8', { offset });
  }
}

function isPart(tag: SaxesTagNS | { name: string; attributes: unknown }): boolean {
  if (!WANTED.has(tag.name)) return false;
  return tag.name !== 'info' || INFOS.has(attribute(tag.attributes, 'name') ?? '');
}

function attribute(attributes: unknown, name: string): string | undefined {
  const value = (attributes as Record<string, string | SaxesAttributeNS>)[name];
  return typeof value === 'string' ? value : undefined;
}

function elementOf(tag: { name: string; attributes: unknown }, line: number, column: number): Open {
  const attributes: Record<string, string> = {};
  for (const key of Object.keys(tag.attributes as object)) {
    const value = attribute(tag.attributes, key);
    if (value !== undefined && ATTRIBUTES.has(key)) attributes[key] = value;
  }
  return { name: tag.name, attributes, children: [], text: '', line, column };
}
