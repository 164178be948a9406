/** The span of one call. */
import { SpanStatusCode, type Span } from '@opentelemetry/api';
import { Subscriber } from 'rxjs';
import type { Settling } from '../flow/operators/poolCall.js';
import { WorkerTimeoutError, type WorkerContext } from '../index.js';
import { shown } from '../options.js';

/** *open*, until the call ends, fails or is aborted: whatever comes after that is not its outcome. */
export class CallSpan {
  private open = true;
  private readonly signal: AbortSignal | undefined;
  private readonly onAbort = (): void => {
    const reason: unknown = this.signal?.reason;
    if (reason instanceof WorkerTimeoutError) return this.fail(reason);
    this.span.setAttribute('sluice.drop.reason', 'cancelled');
    this.end();
  };

  /** @param call its signal is aborted whenever what the worker returned is unsubscribed before its end */
  constructor(
    private readonly span: Span,
    call: WorkerContext,
  ) {
    if (!span.isRecording()) return; // a signal for nothing
    this.signal = call.signal;
    this.signal.addEventListener('abort', this.onAbort);
  }

  end(): void {
    if (!this.open) return;
    this.open = false;
    this.signal?.removeEventListener('abort', this.onAbort);
    this.span.end();
  }

  fail(error: unknown): void {
    if (!this.open) return;
    const { code, name, message } = Object(error) as { code?: unknown; name?: unknown; message?: unknown };
    const type = [code, name].find((it) => typeof it === 'string' && it !== '');
    // What was thrown may be anything, an object that can not be made a string too.
    const text = [message, error].find((it) => typeof it === 'string') ?? shown(error);
    this.span.setAttribute('error.type', (type as string | undefined) ?? '_OTHER');
    this.span.recordException(error instanceof Error ? error : text);
    this.span.setStatus({ code: SpanStatusCode.ERROR, message: text });
    this.end();
  }
}

/** Passes on what a call gives, its demand the one that is there, and ends the span with it. */
export class SpanSubscriber<R> extends Subscriber<R> {
  /** What `workers` asks a pool for, where it is one: a promise's result is taken whether there is demand or not. */
  readonly settle: Settling<R>['settle'] | undefined;

  constructor(
    out: Subscriber<R>,
    private readonly call: CallSpan,
  ) {
    super(out);
    const { settle } = out as Partial<Settling<R>>;
    this.settle =
      settle &&
      ((result) => {
        call.end();
        settle.call(out, result);
      });
  }

  protected override _error(error: unknown): void {
    this.call.fail(error);
    super._error(error);
  }

  protected override _complete(): void {
    this.call.end();
    super._complete();
  }
}
