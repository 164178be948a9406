/** The figures of a monitor, and the calls of pools, for OpenTelemetry. Needs the package `@opentelemetry/api`. */
export { observeMonitor, type ObserveMonitorOptions } from './observeMonitor.js';
export { spanSources, type SpanSources } from './spanSources.js';
export { traced, type TracedOptions } from './traced.js';
