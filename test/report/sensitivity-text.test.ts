import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FigureSensitivity, VerdictChange } from '../../src/analysis/sensitivity.ts';
import { policyLabels } from '../../src/report/policy-labels.ts';
import { sensitivityText } from '../../src/report/sensitivity-text.ts';

const LONG = ['linux-6.1,costs=milan,tick_phase=skewed', 'linux-6.1,costs=milan,tick_phase=skewed,newidle=off'];

test('policies with long names go by letters, in the order in which they are compared', () => {
  const { of, legend } = policyLabels(LONG, LONG[0]!);
  assert.deepEqual(LONG.map(of), ['A', 'B']);
  assert.equal(legend, `A  ${LONG[0]} (baseline)\nB  ${LONG[1]}\n\n`);
});

test('short names stay, and so does the name of a single policy', () => {
  const short = ['linux-6.1', 'linux-6.1,newidle=off'];
  assert.deepEqual(short.map(policyLabels(short, 'linux-6.1').of), short);
  assert.equal(policyLabels(short, 'linux-6.1').legend, '');
  assert.equal(policyLabels([LONG[0]!], LONG[0]!).of(LONG[0]!), LONG[0]);
});

test('the costs that a verdict does not survive are below each other where they are many', () => {
  const parameters = ['line_smt', 'line_llc', 'line_node', 'line_numa', 'ipi_send', 'ipi_deliver', 'tick', 'pick'];
  const changes = parameters.map((parameter): VerdictChange => {
    return { parameter, factor: 2, outcome: 'lost', percent: 1, low: -1, high: 3 };
  });
  const figure: FigureSensitivity = {
    name: 'makespan_ms.all',
    policy: LONG[1]!,
    sign: 1,
    percent: 4,
    low: 2.1,
    high: 6,
    survives: 8,
    variations: 16,
    changes,
  };
  const variations = parameters.flatMap((parameter) => [0.5, 2].map((factor) => ({ parameter, factor, policies: [] })));
  const text = sensitivityText({ variations, figures: [figure] }, false, policyLabels(LONG, LONG[0]!).of);
  assert.deepEqual(text.split('\n').slice(2, 5), [
    'figure           policy  difference [95 %]    survives',
    'makespan_ms.all  B       +4.0 % [+2.1, +6.0]  8 of 16   lost: line_smt x2, line_llc x2, line_node x2, line_numa x2,',
    '                                                              ipi_send x2, ipi_deliver x2, tick x2, pick x2',
  ]);
});
