/** The dashboard asks for what is exported, and for nothing else. */
import { Registry } from 'prom-client';
import { createMonitor } from 'sluice/monitor';
import { prometheus } from 'sluice/prometheus';
import { describe, expect, test } from 'vitest';
import { read } from '../package/project.js';

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly refId: string; readonly expr: string; readonly legendFormat: string }[];
}
interface Dashboard {
  readonly title: string;
  readonly panels: readonly Panel[];
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly query: string | { readonly query: string } }[];
  };
}

const dashboard = JSON.parse(read('docs/monitor/grafana.json')) as Dashboard;
const registry = new Registry();
prometheus(createMonitor(), { registry });
/** Labels by metric; `job` and `instance` are Prometheus' own. */
const exported = new Map(
  registry
    .getMetricsAsArray()
    .map((metric) => [metric.name, ['job', 'instance', ...(metric as unknown as { labelNames: string[] }).labelNames]]),
);

/** What a query has in it of ours. */
interface Query {
  readonly metrics: { readonly name: string; readonly labels: readonly string[] }[];
  /** The labels that its series have, where it groups by some. */
  grouping: readonly string[] | undefined;
}

/** Reads the part of PromQL that the dashboard uses; throws at anything else. */
function parse(text: string): Query {
  const found: Query = { metrics: [], grouping: undefined };
  const tokens = text.match(/"[^"]*"|=~|[\w$:.]+|\S/g) ?? [];
  const next = (expected?: string): string => {
    const token = tokens.shift() ?? 'the end';
    if (expected !== undefined && token !== expected) throw new Error(`${text}: ${token} in the place of ${expected}`);
    return token;
  };
  const list = (end: string, item: () => string): string[] => {
    const items: string[] = [];
    while (tokens[0] !== end) {
      items.push(item());
      if (tokens[0] !== end) next(',');
    }
    next(end);
    return items;
  };
  const selector = (): void => {
    const name = next();
    const labels: string[] = [];
    if (tokens[0] === '{') {
      next('{');
      labels.push(
        ...list('}', () => {
          const label = next();
          if (!['=', '=~'].includes(next()) || !/^".*"$/.test(next()))
            throw new Error(`${text}: wrong matcher of ${label}`);
          return label;
        }),
      );
    }
    found.metrics.push({ name, labels });
  };
  const term = (): void => {
    if (['sum', 'max', 'avg'].includes(tokens[0]!)) {
      next();
      next('by');
      next('(');
      found.grouping = list(')', next);
      next('(');
      expression();
      next(')');
    } else if (tokens[0] === 'rate') {
      next();
      next('(');
      selector();
      next('[');
      next('$__rate_interval');
      next(']');
      next(')');
    } else selector();
  };
  const expression = (): void => {
    term();
    if (['<', '>'].includes(tokens[0]!)) {
      next();
      if (!/^(\d+|Inf)$/.test(next())) throw new Error(`${text}: no number`);
    }
  };
  expression();
  if (tokens.length > 0) throw new Error(`${text}: ${tokens.join(' ')} at its end`);
  return found;
}

const queries = dashboard.panels.flatMap(({ title, targets }) =>
  targets.map(({ refId, expr, legendFormat }) => ({ place: `${title}, ${refId}`, expr, legendFormat })),
);

describe('each query', () => {
  test.each(queries)('$place', ({ expr, legendFormat }) => {
    const { metrics, grouping } = parse(expr);
    for (const { name, labels } of metrics) {
      expect([...exported.keys()]).toContain(name);
      for (const label of [...labels, ...(grouping ?? [])])
        expect(exported.get(name), `${name}: ${label}`).toContain(label);
      expect(expr.includes(`rate(${name}`), `${name}: the rate of what only rises`).toBe(name.endsWith('_total'));
      const { type } = registry.getSingleMetric(name) as unknown as { type: string };
      if (type === 'summary' || name.endsWith('_ratio')) expect(expr, 'can not be added up').toMatch(/^max by/);
    }
    for (const [, label] of legendFormat.matchAll(/{{(\w+)}}/g)) expect(grouping).toContain(label);
  });

  test('would be found if it were wrong', () => {
    for (const wrong of ['sum by (stage (a)', 'rate(a)', 'a{b="c"', 'a{b~"c"}', 'sum by (a) (b) c', 'a > b']) {
      expect(() => parse(wrong), wrong).toThrow();
    }
  });
});

test('each metric is on it, but for a few that are for queries of one’s own', () => {
  const asked = new Set(queries.flatMap(({ expr }) => parse(expr).metrics.map(({ name }) => name)));
  expect([...exported.keys()].filter((name) => !asked.has(name))).toEqual([
    'sluice_stage_in_total',
    'sluice_stage_requested',
    'sluice_stage_active',
    'sluice_pool_waiting',
    'sluice_pool_utilization_ratio',
  ]);
});

test('its variables ask for what is exported', () => {
  const asked = dashboard.templating.list.flatMap(({ query }) => (typeof query === 'object' ? [query.query] : []));
  expect(asked).toHaveLength(2);
  for (const query of asked) {
    const [, selector = '', label = ''] = /^label_values\((.*), (\w+)\)$/.exec(query) ?? [];
    for (const { name } of parse(selector).metrics) expect(exported.get(name)).toContain(label);
  }
  const names = dashboard.templating.list.map(({ name }) => `$${name}`);
  for (const { expr } of queries) {
    for (const [variable] of expr.matchAll(/\$[a-z]\w*/g)) expect(names).toContain(variable);
  }
});

test('its panels have a title, a description, and a place of their own', () => {
  const { panels } = dashboard;
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const taken = new Set<string>();
  for (const { title, description, gridPos } of panels) {
    expect(title).not.toBe('');
    expect(description).toMatch(/\.$/);
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(taken.has(`${x},${y}`), `${title} lies on another`).toBe(false);
        taken.add(`${x},${y}`);
      }
    }
  }
});
