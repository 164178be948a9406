/** The figures of a monitor for Prometheus. Needs the package `prom-client`. */
export { prometheus, type PrometheusOptions } from './prometheus.js';
