/** The figures of a monitor for OpenTelemetry. */
import {
  metrics,
  type Attributes,
  type BatchObservableResult,
  type Meter,
  type MetricOptions,
  type Observable as Instrument,
} from '@opentelemetry/api';
import { Subscription } from 'rxjs';
import { FIGURES, samplesOf, type Figure, type Sample, type SnapshotSource } from '../monitor/figures.js';
import { check, checkOptions, expected, OBJECT, type Rule } from '../options.js';

/** Options of `observeMonitor`. */
export interface ObserveMonitorOptions {
  /** Makes the instruments. Default: the meter `sluice` of the global provider. */
  meter?: Meter | undefined;
  /** Attributes of all that this monitor gives; several monitors of one meter have different ones. Default: none. */
  attributes?: Attributes | undefined;
}

/**
 * Gives the figures of `monitor` to OpenTelemetry's metrics, by observable instruments: they are read when the SDK collects, all from one
 * snapshot, and cost nothing in between.
 *
 * Use it where the process pushes its metrics (OTLP), or OpenTelemetry's SDK is there anyway. Where Prometheus scrapes and prom-client is
 * there, that is `prometheus` of `sluice/prometheus`. Call it after the SDK has started: a meter of before does nothing.
 *
 * ```ts
 * import { MeterProvider, MetricReader } from '@opentelemetry/sdk-metrics';
 * import { lastValueFrom } from 'rxjs';
 * import { boundedBuffer, pull } from 'sluice';
 * import { createMonitor } from 'sluice/monitor';
 * import { observeMonitor } from 'sluice/opentelemetry';
 *
 * class Reader extends MetricReader { // in your code an exporter
 *   protected override onShutdown = async () => {};
 *   protected override onForceFlush = async () => {};
 * }
 * const reader = new Reader();
 * const provider = new MeterProvider({ readers: [reader] });
 *
 * const monitor = createMonitor();
 * observeMonitor(monitor, { meter: provider.getMeter('mails') });
 * await lastValueFrom(pull(['ada', 'grace']).pipe(boundedBuffer({ capacity: 8, name: 'inbox', monitor })));
 *
 * const { resourceMetrics } = await reader.collect();
 * for (const { descriptor, dataPoints } of resourceMetrics.scopeMetrics[0]!.metrics) {
 *   if (descriptor.name === 'sluice.stage.out') console.log(dataPoints[0]!.attributes, dataPoints[0]!.value);
 * }
 * // => { 'sluice.stage': 'inbox' } 2
 * ```
 *
 * @param monitor `createMonitor()` of `sluice/monitor`
 * @returns unsubscribing ends it
 * @throws OptionError at the call when an option is wrong, or the meter has a monitor with the same attributes (the same monitor twice, for one)
 */
export function observeMonitor(monitor: SnapshotSource, options: ObserveMonitorOptions = {}): Subscription {
  check('monitor', MONITOR, monitor, 'observeMonitor');
  checkOptions('observeMonitor', options, { meter: METER, attributes: OBJECT });
  const { meter = metrics.getMeter('sluice'), attributes = {} } = options;
  const release = claim(meter, attributes);
  const instruments = FIGURES.map((figure) => [figure, instrumentOf(meter, figure)] as const);
  const observed = instruments.map(([, instrument]) => instrument);
  const observe = (result: BatchObservableResult): void => {
    const snapshot = monitor.snapshot();
    for (const [figure, instrument] of instruments) {
      for (const sample of samplesOf(figure, snapshot)) {
        // A sum with what has no bound is of no use to a backend, and some formats have no infinity.
        if (!Number.isFinite(sample.value)) continue;
        result.observe(instrument, sample.value, { ...attributes, ...attributesOf(figure, sample) });
      }
    }
  };
  meter.addBatchObservableCallback(observe, observed);
  return new Subscription(() => {
    meter.removeBatchObservableCallback(observe, observed);
    release();
  });
}

const MONITOR: Rule = [
  'a monitor, with a method `snapshot`',
  (monitor: SnapshotSource | null) => typeof monitor?.snapshot === 'function',
];
const METER: Rule = [
  'a Meter of OpenTelemetry',
  (meter: Meter | null) => typeof meter?.addBatchObservableCallback === 'function',
];

const CLAIMED = new WeakMap<Meter, Set<string>>();

/** Two that observe the same series would each undo what the other said. */
function claim(meter: Meter, attributes: Attributes): () => void {
  const claimed = CLAIMED.get(meter) ?? new Set();
  CLAIMED.set(meter, claimed);
  const key = JSON.stringify(Object.entries(attributes).sort());
  if (claimed.has(key)) {
    expected('attributes', 'other than those of a monitor that the meter has', attributes, 'observeMonitor');
  }
  claimed.add(key);
  return () => claimed.delete(key);
}

function instrumentOf(meter: Meter, { name, unit, kind, description }: Figure): Instrument {
  const options: MetricOptions = { unit, description };
  if (kind === 'counter') return meter.createObservableCounter(`sluice.${name}`, options);
  if (kind === 'amount') return meter.createObservableUpDownCounter(`sluice.${name}`, options);
  return meter.createObservableGauge(`sluice.${name}`, options);
}

const PARTS = {
  reason: 'sluice.drop.reason',
  state: 'sluice.state',
  limit: 'sluice.limit',
  quantile: 'sluice.quantile',
};

function attributesOf({ by }: Figure, { stage, part }: Sample): Attributes {
  return {
    ...(stage !== undefined && { 'sluice.stage': stage }),
    ...(by !== undefined && part !== undefined && { [PARTS[by]]: part }),
  };
}
