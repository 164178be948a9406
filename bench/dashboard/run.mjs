/**
 * Draws docs/assets/monitor/grafana.svg from the dashboard's own JSON: `node bench/dashboard/run.mjs [seconds]`, after `npm run build`. A
 * pipeline runs, a Prometheus (in the PATH) scrapes it each second, and is asked the queries of each panel.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { draw } from './draw.mjs';

const seconds = Number(process.argv[2] ?? 120);
const file = (path) => new URL(`../../${path}`, import.meta.url);
const dashboard = JSON.parse(readFileSync(file('docs/monitor/grafana.json'), 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'sluice-dashboard-'));

const freePort = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  return port;
};

const pipeline = spawn(process.execPath, [new URL('pipeline.mjs', import.meta.url).pathname, String(seconds)]);
pipeline.stderr.pipe(process.stderr);
const port = Number(String((await once(pipeline.stdout, 'data'))[0]));
const config = `global: { scrape_interval: 1s }
scrape_configs: [{ job_name: orders, static_configs: [{ targets: ['127.0.0.1:${port}'], labels: { instance: orders-1 } }] }]`;
writeFileSync(join(folder, 'prometheus.yml'), config);
const address = `127.0.0.1:${await freePort()}`;
const prometheus = spawn('prometheus', [
  `--config.file=${join(folder, 'prometheus.yml')}`,
  `--storage.tsdb.path=${join(folder, 'data')}`,
  `--web.listen-address=${address}`,
  '--log.level=error',
]);
prometheus.stderr.pipe(process.stderr);

const ask = async (path, query) => {
  const response = await fetch(`http://${address}/api/v1/${path}?${new URLSearchParams(query)}`);
  const { status, data, error } = await response.json();
  if (status !== 'success') throw new Error(`${query.query}: ${error}`);
  return data;
};

try {
  await sleep(seconds * 1_000);
  const end = Date.now() / 1_000;
  const start = end - seconds + 12; // rates need some scrapes to begin with
  const stages = (await ask('query', { query: 'sluice_stage_in_total' })).result.map(({ metric }) => metric.stage);
  const series = async ({ expr, instant, legendFormat }, stage) => {
    const query = expr
      .replaceAll('$__rate_interval', '10s')
      .replaceAll('$job', '.*')
      .replaceAll('$stage', stage ?? '.*');
    const { result } = instant
      ? await ask('query', { query, time: start + (end - start) * 0.7 }) // in the third quarter
      : await ask('query_range', { query, start, end, step: (end - start) / 100 });
    return result.map(({ metric, value, values }) => ({
      metric,
      name: legendFormat.replace(/{{(\w+)}}/g, (_, label) => metric[label]),
      values: (values ?? [value]).map(([time, number]) => [(time - start) / (end - start), Number(number)]),
    }));
  };
  const panels = [];
  for (const panel of dashboard.panels) {
    for (const stage of panel.repeat === undefined ? [undefined] : [...new Set(stages)]) {
      const data = [];
      for (const target of panel.targets) data.push(await series(target, stage));
      panels.push({ panel, stage, data });
    }
  }
  writeFileSync(file('docs/assets/monitor/grafana.svg'), draw(dashboard.title, panels, end - start));
} finally {
  for (const child of [pipeline, prometheus]) child.kill();
  await Promise.all([pipeline, prometheus].map((child) => child.exitCode ?? once(child, 'exit')));
  rmSync(folder, { recursive: true, force: true });
}
