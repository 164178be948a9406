import { INVALID_SPAN_CONTEXT, trace } from '@opentelemetry/api';
import { register } from 'prom-client';
import { lastValueFrom } from 'rxjs';
import { boundedBuffer, pool, pull } from 'sluice';
import { createMonitor } from 'sluice/monitor';
import { observeMonitor, traced } from 'sluice/opentelemetry';
import { prometheus } from 'sluice/prometheus';

const monitor = createMonitor();
prometheus(monitor);

// A meter and a tracer of the application's own kind, for the SDK is not what is tested here.
const names = new Map();
const instrument = (name) => ({ name });
let callback;
const meter = {
  createObservableCounter: instrument,
  createObservableUpDownCounter: instrument,
  createObservableGauge: instrument,
  addBatchObservableCallback: (observe) => (callback = observe),
  removeBatchObservableCallback: () => undefined,
};
observeMonitor(monitor, { meter });
const spans = [];
const tracer = { startSpan: (name) => (spans.push(name), trace.wrapSpanContext(INVALID_SPAN_CONTEXT)) };

const work = traced(async (value) => value, { tracer });
const done = pull([1, 2, 3]).pipe(
  boundedBuffer({ capacity: 8, name: 'inbox', monitor }),
  pool(work, { concurrency: 1, name: 'send', monitor }),
);
await lastValueFrom(done);

const text = await register.metrics();
console.log(text.split('\n').find((line) => line.startsWith('sluice_stage_in_total{stage="inbox"')));
callback({ observe: ({ name }, value) => names.has(name) || names.set(name, value) });
console.log('sluice.stage.in', names.get('sluice.stage.in'));
console.log(spans[0]);
