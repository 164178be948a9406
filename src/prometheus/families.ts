/** The metrics of one registry, with those who give their values. */
import { Gauge, type GaugeConfiguration, type OpenMetricsContentType, type Registry } from 'prom-client';
import type { Snapshot } from '../monitor/snapshot.js';
import { FIGURES, samplesOf, type Figure, type SnapshotSource } from '../monitor/figures.js';
import { expected } from '../options.js';

export type AnyRegistry = Registry | Registry<OpenMetricsContentType>;

/** A monitor, and what tells its series from those of others. */
export interface Source {
  readonly monitor: SnapshotSource;
  readonly labels: Readonly<Record<string, string>>;
}

/** By their first metric, for a registry may be cleared behind our back: what counts is what it has. */
const KNOWN = new WeakMap<object, Families>();

/** The families that `registry` has by that prefix, or new ones. */
export function familiesOf(registry: AnyRegistry, prefix: string, labelNames: readonly string[]): Families {
  const names = FIGURES.map((figure) => prefix + nameOf(figure));
  const known = KNOWN.get(registry.getSingleMetric(names[0]!) ?? {});
  if (known !== undefined) {
    if (known.labelNames.join() === labelNames.join()) return known;
    const those = known.labelNames.length === 0 ? 'none' : `\`${known.labelNames.join('`, `')}\``;
    expected(
      'labels',
      `of the names that the other monitors of the registry have, ${those}`,
      labelNames.join(', '),
      'prometheus',
    );
  }
  const taken = names.find((name) => registry.getSingleMetric(name) !== undefined);
  if (taken !== undefined) {
    expected('prefix', `one by which the registry has no metric: it has \`${taken}\``, prefix, 'prometheus');
  }
  return new Families(registry, prefix, labelNames);
}

class Families {
  private readonly sources = new Set<Source>();
  private readonly metrics: readonly Gauge[];
  /** What one scrape reads. */
  private taken: readonly { readonly labels: Source['labels']; readonly snapshot: Snapshot }[] | undefined;

  constructor(
    private readonly registry: AnyRegistry,
    private readonly prefix: string,
    readonly labelNames: readonly string[],
  ) {
    this.metrics = FIGURES.map((figure) => this.register(figure));
    KNOWN.set(this.metrics[0]!, this);
  }

  add(source: Source): Source {
    const key = (labels: Source['labels']): string => JSON.stringify(this.labelNames.map((name) => labels[name]));
    if ([...this.sources].some(({ labels }) => key(labels) === key(source.labels))) {
      expected(
        'labels',
        'other than those of a monitor that the registry has',
        JSON.stringify(source.labels),
        'prometheus',
      );
    }
    this.sources.add(source);
    return source;
  }

  /** The last one takes the metrics along, unless the registry has been cleared since and has others by these names. */
  remove(source: Source): void {
    this.sources.delete(source);
    if (this.sources.size > 0) return;
    for (const [index, figure] of FIGURES.entries()) {
      const name = this.prefix + nameOf(figure);
      if (this.registry.getSingleMetric(name) === this.metrics[index]) this.registry.removeSingleMetric(name);
    }
  }

  /**
   * Counters of prom-client only add to what they have, and its summaries measure by themselves. These figures come ready: a gauge takes them,
   * and says what they are.
   */
  private register(figure: Figure): Gauge {
    const { labelNames } = this;
    const values = (): readonly [Record<string, string>, number][] => this.read(figure);
    const configuration: GaugeConfiguration<string> = {
      name: this.prefix + nameOf(figure),
      help: figure.description,
      labelNames: ['stage', ...(figure.by === undefined ? [] : [figure.by]), ...labelNames],
      aggregator: figure.kind === 'level' || figure.kind === 'quantiles' ? 'max' : 'sum', // over the processes of a cluster
      registers: [this.registry],
      collect() {
        this.reset(); // a stage or a monitor may be gone
        for (const [labels, value] of values()) this.set(labels, value);
      },
    };
    return Object.assign(new Gauge(configuration), { type: TYPES[figure.kind] });
  }

  private read(figure: Figure): [Record<string, string>, number][] {
    return this.snapshots().flatMap(({ labels, snapshot }) =>
      samplesOf(figure, snapshot).map(({ stage, part, value }): [Record<string, string>, number] => [
        { ...(stage !== undefined && { stage }), ...(part !== undefined && { [figure.by!]: part }), ...labels },
        value,
      ]),
    );
  }

  /** The same for all metrics of a scrape: a registry collects them in one go. */
  private snapshots(): NonNullable<Families['taken']> {
    if (this.taken === undefined) {
      this.taken = [...this.sources].map(({ labels, monitor }) => ({ labels, snapshot: monitor.snapshot() }));
      queueMicrotask(() => (this.taken = undefined));
    }
    return this.taken;
  }
}

const TYPES = { counter: 'counter', amount: 'gauge', level: 'gauge', quantiles: 'summary' };

/** As OpenTelemetry's names become those of Prometheus: the unit, and `total` for what only rises, at the end. */
function nameOf({ name, unit, kind }: Figure): string {
  const units = { s: '_seconds', 1: '_ratio' } as Record<string, string | undefined>;
  return name.replaceAll('.', '_') + (units[unit] ?? '') + (kind === 'counter' ? '_total' : '');
}
