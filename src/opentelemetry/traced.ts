/** A span for each call of a pool's worker. */
import {
  context as contexts,
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Context,
  type Link,
  type SpanContext,
  type Tracer,
} from '@opentelemetry/api';
import { Observable, type ObservableInput, type ObservedValueOf } from 'rxjs';
import { sourceOf } from '../flow/operators/poolWorkers.js';
import type { Worker, WorkerContext, WorkerSession, WorkerSource } from '../index.js';
import { check, checkOptions, FUNCTION, type Rule } from '../options.js';
import { CallSpan, SpanSubscriber } from './callSpan.js';
import { iteratedIn } from './iteratedIn.js';

/** Options of `traced`. */
export interface TracedOptions<T> {
  /** Starts the spans. Default: the tracer `sluice` of the global provider. */
  tracer?: Tracer | undefined;
  /** Where a value came from, for its span to be linked to: `spanSources().of`, or what reads a message's headers. Default: nowhere. */
  source?: ((value: T) => Context | SpanContext | undefined) | undefined;
}

/**
 * Wraps the worker of a pool so that each call, each attempt of it, is a span: `process send` for a pool named `send`.
 *
 * Use it to see in a trace what became of a request's value after the request was answered. Not for the queue and the waits: these are
 * figures, see `observeMonitor`.
 *
 * The span is linked to the one its value came from, not its child: that is over, most often, when the call begins. It is active while
 * the worker runs, and what reads its iterator: spans that are begun there are its children. It ends with the call, by a result, an error
 * (noted), a timeout (noted as an error) or an abort. What the worker returns is passed on as it is; demand reaches it as before.
 *
 * ```ts
 * import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base';
 * import { lastValueFrom } from 'rxjs';
 * import { pool, pull } from 'sluice';
 * import { traced } from 'sluice/opentelemetry';
 *
 * const exporter = new InMemorySpanExporter(); // in your code another
 * const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] });
 *
 * const send = traced(async (id: number) => `sent ${id}`, { tracer: provider.getTracer('mails') });
 * await lastValueFrom(pull([7]).pipe(pool(send, { concurrency: 8, name: 'send' })));
 *
 * for (const { name, attributes } of exporter.getFinishedSpans()) console.log(name, attributes);
 * // => process send { 'sluice.stage': 'send', 'sluice.index': 0, 'sluice.attempt': 1 }
 * ```
 *
 * @param worker a function as `pool` takes it, or `workers(…)` or `threads(…)`
 * @returns what `pool` takes as its worker
 * @throws OptionError at the call when an option is wrong
 */
export function traced<T, R>(worker: WorkerSource<T, R>, options?: TracedOptions<NoInfer<T>>): WorkerSource<T, R>;
export function traced<T, O extends ObservableInput<unknown>>(
  worker: Worker<T, O>,
  options?: TracedOptions<NoInfer<T>>,
): WorkerSource<T, ObservedValueOf<O>>;
export function traced<T, R>(
  worker: Worker<T, ObservableInput<R>> | WorkerSource<T, R>,
  options: TracedOptions<T> = {},
): WorkerSource<T, R> {
  check('worker', WORKER, worker, 'traced');
  checkOptions('traced', options, { tracer: TRACER, source: FUNCTION });
  const { tracer = trace.getTracer('sluice'), source } = options;
  return {
    max: (worker as Partial<WorkerSource<T, R>>).max,
    open: (concurrency, scheduler, stage = 'pool') => {
      const session: WorkerSession<T, R> =
        typeof worker === 'function' ? { run: worker } : worker.open(concurrency, scheduler, stage);
      return {
        run: (value, call) => {
          const origin = source?.(value);
          return runIn(startSpan(tracer, stage, call, origin), stage, call, () => session.run(value, call));
        },
        resize: (to) => session.resize?.(to),
        close: () => session.close?.(),
      };
    },
  };
}

const WORKER: Rule = [
  'a function, workers({ create, run, … }) or threads(…)',
  (worker: WorkerSource<unknown, unknown> | null) => typeof worker === 'function' || typeof worker?.open === 'function',
];
const TRACER: Rule = ['a Tracer of OpenTelemetry', (tracer: Tracer | null) => typeof tracer?.startSpan === 'function'];

/**
 * The context of a new span. What is active where a pool happens to start a call, another value's request, say, has nothing to do with this
 * value: it is not the parent. Baggage of the value's own context goes on.
 */
function startSpan(
  tracer: Tracer,
  stage: string,
  { index, attempt }: WorkerContext,
  origin: Context | SpanContext | undefined,
): Context {
  const base = origin !== undefined && 'getValue' in origin ? trace.deleteSpan(origin) : ROOT_CONTEXT;
  const attributes = { 'sluice.stage': stage, 'sluice.index': index, 'sluice.attempt': attempt };
  const span = tracer.startSpan(
    `process ${stage}`,
    { kind: SpanKind.CONSUMER, root: true, attributes, links: linksTo(origin) },
    base,
  );
  return trace.setSpan(base, span);
}

function linksTo(origin: Context | SpanContext | undefined): Link[] {
  const from = origin !== undefined && 'getValue' in origin ? trace.getSpanContext(origin) : origin;
  return from !== undefined && isSpanContextValid(from) ? [{ context: from }] : [];
}

function runIn<R>(
  active: Context,
  stage: string,
  workerContext: WorkerContext,
  run: () => ObservableInput<R>,
): ObservableInput<R> {
  const call = new CallSpan(trace.getSpan(active)!, workerContext);
  let results: Observable<R>;
  try {
    const result = contexts.with(active, run);
    if (result instanceof Promise) {
      result.then(
        () => call.end(),
        (error: unknown) => call.fail(error),
      );
      return result as Promise<R>;
    }
    results = sourceOf<R>(stage, iteratedIn(active, result));
  } catch (error) {
    call.fail(error);
    throw error;
  }
  return new Observable((subscriber) =>
    contexts.with(active, () => void results.subscribe(new SpanSubscriber(subscriber, call))),
  );
}
