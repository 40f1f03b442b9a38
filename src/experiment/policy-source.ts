/**
 * A policy file as a function body that a run can evaluate, line for line the file: types erased, imports and exports turned into
 * variables, and a step counted in every loop round and call, so that a hook that never ends is noticed at the same step
 * wherever it runs.
 *
 *   import { definePolicy } from 'steelyard';      const {definePolicy} = $steelyard;
 *   export default definePolicy({ ... });          $exports.default = definePolicy({ ... });
 *   while (x) y();                                 while (x) {$step();y();}
 *
 * What cannot be turned, or would make runs differ, is an error with its place. This is no sandbox.
 */
import { createRequire } from 'node:module';
import type * as Swc from '@swc/wasm-typescript';
import type * as Acorn from 'acorn';
import { type Place, UserError } from '../base/errors.ts';

/** Loaded when a policy file is: the eraser of types is a few MB. */
const require = createRequire(import.meta.url);

type Node = Acorn.AnyNode;

/** Text to insert, or to put in place of what is between two offsets. */
interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** Turns the text of a policy file into JavaScript. Throws `UserError` (code `policy`) with line and column. */
export function compilePolicy(text: string, file: string): string {
  const js = /\.[mc]?ts$/.test(file) ? eraseTypes(text, file) : text;
  const edits: Edit[] = [];
  const visit = (node: Node): void => {
    edit(node, js, file, edits);
    for (const child of childrenOf(node)) visit(child);
  };
  visit(parse(js, file));
  return `'use strict';${apply(js, edits)}`;
}

function eraseTypes(text: string, file: string): string {
  const { transformSync } = require('@swc/wasm-typescript') as typeof Swc;
  try {
    return transformSync(text, { mode: 'strip-only', filename: file }).code;
  } catch (error) {
    const { message, startLine, startColumn } = error as { message?: string; startLine?: number; startColumn?: number };
    if (message === undefined) throw error;
    const place = startLine === undefined ? { file } : { file, line: startLine, column: (startColumn ?? 0) + 1 };
    const hint = /strip-only/.test(message)
      ? 'a policy file may use types that can be erased, nothing that has to be compiled'
      : '';
    throw new UserError('policy', message.replace(' in strip-only mode', ''), place, hint);
  }
}

function parse(js: string, file: string): Acorn.Program {
  const { parse } = require('acorn') as typeof Acorn;
  try {
    return parse(js, { ecmaVersion: 2022, sourceType: 'module', locations: true });
  } catch (error) {
    const { message, loc } = error as { message: string; loc?: Acorn.Position };
    if (loc === undefined) throw error;
    const what = message.replace(/ \(\d+:\d+\)$/, '');
    throw new UserError('policy', what, { file, line: loc.line, column: loc.column + 1 });
  }
}

function childrenOf(node: Node): Node[] {
  return Object.values(node)
    .flat()
    .filter((value): value is Node => typeof value === 'object' && value !== null && typeof value.type === 'string');
}

/** What is to be changed at this node. */
function edit(node: Node, js: string, file: string, edits: Edit[]): void {
  const insert = (at: number, text: string) => edits.push({ from: at, to: at, text });
  switch (node.type) {
    case 'ForStatement':
    case 'ForInStatement':
    case 'ForOfStatement':
    case 'WhileStatement':
    case 'DoWhileStatement':
      if (node.body.type === 'BlockStatement') insert(node.body.start + 1, '$step();');
      else {
        insert(node.body.start, '{$step();');
        insert(node.body.end, '}');
      }
      break;
    case 'FunctionDeclaration':
    case 'FunctionExpression':
    case 'ArrowFunctionExpression':
      if (node.async) throw wrong(node, file, 'a policy file cannot have async functions', 'hooks answer at once');
      if (node.body.type === 'BlockStatement') insert(node.body.start + 1, '$step();');
      else {
        insert(node.body.start, '($step(),');
        insert(node.body.end, ')');
      }
      break;
    case 'ImportDeclaration':
      edits.push({ from: node.start, to: node.end, text: importText(node, js, file) });
      break;
    case 'ExportDefaultDeclaration':
      edits.push({ from: node.start, to: node.declaration.start, text: '$exports.default=' });
      if (node.declaration.type !== 'FunctionDeclaration' && node.declaration.type !== 'ClassDeclaration') break;
      insert(node.declaration.end, ';');
      break;
    case 'ExportNamedDeclaration':
      if (node.declaration == null) {
        throw wrong(
          node,
          file,
          'a policy file exports its policy by default',
          'write `export default definePolicy({ ... })`',
        );
      }
      edits.push({ from: node.start, to: node.declaration.start, text: '' });
      break;
    case 'ExportAllDeclaration':
    case 'ImportExpression':
      throw onlySteelyard(node, file);
    case 'MetaProperty':
      if (node.meta.name === 'import') throw wrong(node, file, 'import.meta is not there for policy files');
      break;
    case 'AwaitExpression':
      throw wrong(node, file, 'a policy file cannot wait for anything', 'hooks answer at once');
    case 'Identifier':
      if (node.name === 'eval') throw wrong(node, file, 'eval is not there for policy files');
      break;
    default:
  }
}

function importText(node: Acorn.ImportDeclaration, js: string, file: string): string {
  if (node.source.value !== 'steelyard') throw onlySteelyard(node, file);
  const names = node.specifiers.map((specifier) => {
    if (specifier.type !== 'ImportSpecifier' || specifier.imported.type !== 'Identifier') {
      throw wrong(
        specifier,
        file,
        'import by name from "steelyard"',
        "such as `import { definePolicy } from 'steelyard'`",
      );
    }
    const { imported, local } = specifier;
    if (imported.name !== 'definePolicy') {
      const hint = 'types are imported with `import type` or `type NAME`; all else is asked of the `s` that hooks get';
      throw wrong(specifier, file, `a policy file cannot import "${imported.name}"`, hint);
    }
    return `${imported.name}:${local.name}`;
  });
  // As many lines as before.
  const lines = js.slice(node.start, node.end).replace(/[^\n]/g, '');
  return `const{${names.join()}}=$steelyard;${lines}`;
}

function onlySteelyard(node: Node, file: string): UserError {
  const hint = 'a policy is one file; types may be imported from anywhere with `import type`';
  return wrong(node, file, 'a policy file can import from "steelyard" only', hint);
}

function wrong(node: Node, file: string, what: string, hint = ''): UserError {
  const { start } = node.loc!;
  const place: Place = { file, line: start.line, column: start.column + 1 };
  return new UserError('policy', what, place, hint);
}

/** Edits do not overlap; those at one offset are in the order of the nodes around it, outer first, ends inner first. */
function apply(js: string, edits: readonly Edit[]): string {
  const closing = (text: string) => text === ')' || text === '}';
  const order = edits.map((e, i) => ({ ...e, i }));
  order.sort(
    (a, b) =>
      a.from - b.from || Number(closing(b.text)) - Number(closing(a.text)) || (closing(a.text) ? b.i - a.i : a.i - b.i),
  );
  let out = '';
  let at = 0;
  for (const { from, to, text } of order) {
    out += js.slice(at, from) + text;
    at = to;
  }
  return out + js.slice(at);
}
