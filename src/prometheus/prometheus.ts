/** The figures of a monitor for Prometheus, through the registry of `prom-client` that an application has anyway. */
import { register, type Registry } from 'prom-client';
import { Subscription } from 'rxjs';
import type { SnapshotSource } from '../monitor/figures.js';
import { check, checkOptions, type Rule } from '../options.js';
import { familiesOf, type AnyRegistry } from './families.js';

/** Options of `prometheus`. */
export interface PrometheusOptions {
  /** Where the metrics are registered. Default: the default registry of prom-client, `register`. */
  registry?: AnyRegistry | undefined;
  /** What the names begin with. Default: `'sluice_'`. */
  prefix?: string | undefined;
  /**
   * Labels of all series of this monitor. Several monitors in one registry have the same names of labels, and other values. Default: none.
   */
  labels?: Readonly<Record<string, string>> | undefined;
}

/**
 * Registers the figures of `monitor` as metrics: throughput, drops by reason, what is held, where the time goes, waits and service times,
 * pools, the event loop.
 *
 * Use it where Prometheus, or what reads its format, scrapes the process. Not where figures are pushed: that is `observeMonitor` of
 * `sluice/opentelemetry`. It costs nothing between two scrapes, and a scrape reads one snapshot: its figures fit each other.
 *
 * ```ts
 * import { register } from 'prom-client';
 * import { lastValueFrom } from 'rxjs';
 * import { boundedBuffer, pull } from 'sluice';
 * import { createMonitor } from 'sluice/monitor';
 * import { prometheus } from 'sluice/prometheus';
 *
 * const monitor = createMonitor();
 * const metrics = prometheus(monitor, { labels: { pipeline: 'mails' } });
 *
 * await lastValueFrom(pull(['ada', 'grace']).pipe(boundedBuffer({ capacity: 8, name: 'inbox', monitor })));
 *
 * const text = await register.metrics(); // what `GET /metrics` answers
 * console.log(text.split('\n').find((line) => line.startsWith('sluice_stage_out_total')));
 * // => sluice_stage_out_total{stage="inbox",pipeline="mails"} 2
 * metrics.unsubscribe();
 * ```
 *
 * @param monitor `createMonitor()` of `sluice/monitor`
 * @returns unsubscribing takes the monitor out, and the metrics when no monitor is left
 * @throws OptionError at the call when an option is wrong, the registry has a metric of such a name that is not sluice's, or a monitor with
 * the same labels (the same monitor twice, for one)
 */
export function prometheus(monitor: SnapshotSource, options: PrometheusOptions = {}): Subscription {
  check('monitor', MONITOR, monitor, 'prometheus');
  checkOptions('prometheus', options, { registry: REGISTRY, prefix: PREFIX, labels: LABELS });
  const { registry = register, prefix = 'sluice_', labels = {} } = options;
  const families = familiesOf(registry, prefix, Object.keys(labels).sort());
  const source = families.add({ monitor, labels: { ...labels } });
  return new Subscription(() => families.remove(source));
}

const MONITOR: Rule = [
  'a monitor, with a method `snapshot`',
  (monitor: SnapshotSource | null) => typeof monitor?.snapshot === 'function',
];
const REGISTRY: Rule = [
  'a Registry of prom-client',
  (registry: Registry | null) => typeof registry?.registerMetric === 'function',
];
const PREFIX: Rule = [
  'letters, digits, `_` and `:`, no digit first',
  (prefix: unknown) => typeof prefix === 'string' && /^([a-z_:][\w:]*)?$/i.test(prefix),
];
/** Names that Prometheus, or a metric itself, uses. */
const TAKEN = /^(__.*|le|stage|reason|state|limit|quantile)$/;
const LABELS: Rule = [
  'an object of strings, by names of letters, digits and `_`, other than `stage`, `reason`, `state`, `limit`, `quantile` and `le`',
  (labels: unknown) =>
    typeof labels === 'object' &&
    labels !== null &&
    Object.entries(labels).every(
      ([name, value]) => /^[a-z_]\w*$/i.test(name) && !TAKEN.test(name) && typeof value === 'string',
    ),
];
