/** One run of a law: a script of steps, done to an operator between a manual source and a manual consumer. */
import { Observable, type OperatorFunction, type SchedulerLike, type Subscriber } from 'rxjs';
import type { Drop, DropReason, MonitoredStage, StageMonitor } from '../index.js';
import { ManualConsumer, ManualSource } from './manual.js';
import { VirtualTime } from './virtualTime.js';

/** What an operator under test is made with. */
export interface LawSetup {
  readonly scheduler: SchedulerLike;
  readonly monitor: StageMonitor;
  readonly onDrop: (drop: Drop) => void;
  /** Work for an operator that has workers: gives `value` back and completes when the script says so. */
  readonly work: (value: number) => Observable<number>;
}

/** An operator as the laws see it. Values are the integers from 0, each once. */
export interface LawSubject {
  readonly name: string;
  /** Makes the operator; its output says which input values it stands for. */
  readonly create: (setup: LawSetup) => OperatorFunction<number, number | readonly number[]>;
  /** Values held at most. */
  readonly bound: number;
  /** Reasons for which values may be dropped, other than `cancelled`. Default: `['overflow']`, for the one that ends the stream. */
  readonly drops?: readonly DropReason[];
  /** Whether arrival order is kept, or only among values of one key. Default: true. */
  readonly ordered?: boolean | ((value: number) => unknown);
  /**
   * Values that may stay in until others come or the source ends: 1 for an operator that compares each value with the next, 9 for
   * batches of ten. An integer of at least 0, less than `bound`. Default: 0.
   */
  readonly holdsBack?: number;
  /** Calls of `work` that may run at once. Default: `Infinity`. */
  readonly concurrency?: number;
}

/** The kinds of steps, by what they do. */
export type StepKind =
  'send' | 'sendOnDemand' | 'request' | 'finish' | 'advance' | 'complete' | 'error' | 'unsubscribe';
export const STEPS: readonly StepKind[] = [
  'send',
  'sendOnDemand',
  'request',
  'finish',
  'advance',
  'complete',
  'error',
  'unsubscribe',
];
export type Step = readonly [kind: StepKind, amount: number];

/** The error that the step `error` sends. */
export const SOURCE_ERROR: Error = new Error('the source failed');

interface LawRunOptions {
  /** In the place of a new operator. */
  readonly operator?: OperatorFunction<number, number | readonly number[]>;
  /** In the place of work that the script finishes. */
  readonly work?: (value: number) => Observable<number>;
  readonly onValue?: (run: LawRun) => void;
  /** Called inside each callback: a value that comes out, a drop, the begin and the end of work. */
  readonly onCallback?: (run: LawRun) => void;
}

export class LawRun {
  readonly source: ManualSource<number> = new ManualSource();
  readonly time: VirtualTime = new VirtualTime();
  readonly drops: Drop[] = [];
  readonly working: { readonly value: number; readonly subscriber: Subscriber<number> }[] = [];
  readonly consumer: ManualConsumer<number | readonly number[]>;
  stage: MonitoredStage | undefined;
  /** Values that were sent, in order. */
  readonly sent: number[] = [];
  peak = 0;
  /** The first ledger that did not add up, seen from inside a callback. */
  wrongLedger: string | undefined;
  sourceEnd: 'complete' | 'error' | undefined;
  unsubscribed = false;
  private next = 0;

  constructor(
    readonly subject: LawSubject,
    private readonly options: LawRunOptions = {},
  ) {
    const operator = options.operator ?? subject.create(this.setup());
    this.consumer = new ManualConsumer(this.source.pipe(operator), () => {
      this.checkLedger();
      this.called();
      options.onValue?.(this);
    });
  }

  setup(): LawSetup {
    return {
      scheduler: this.time.scheduler,
      monitor: { add: (stage) => void (this.stage = stage) },
      onDrop: (drop) => {
        this.drops.push(drop);
        if (drop.reason !== 'cancelled') this.checkLedger(1);
        this.called();
      },
      work: (value) =>
        this.options.work?.(value) ??
        new Observable<number>((subscriber) => {
          const call = { value, subscriber };
          this.working.push(call);
          subscriber.add(() => {
            this.working.splice(this.working.indexOf(call), 1);
            this.called();
          });
          this.checkLedger();
          this.called();
        }),
    };
  }

  /** The input values behind what the consumer got, in order. */
  get delivered(): number[] {
    return this.consumer.values.flat();
  }

  do([kind, amount]: Step): void {
    if (kind === 'request') this.consumer.request(amount + 1);
    else if (kind === 'finish') this.finish(amount);
    else if (kind === 'advance') this.time.advanceBy(amount * 10);
    else if (kind === 'unsubscribe') this.unsubscribe();
    else if (kind === 'send') for (let i = 0; i <= amount; i++) this.send();
    else if (kind === 'sendOnDemand') for (let i = 0; i <= amount && this.source.requested > 0; i++) this.send();
    else this.endSource(kind);
    this.look();
  }

  send(): void {
    if (this.source.open === 0) return;
    this.sent.push(this.next);
    this.source.send(this.next++);
  }

  /** Sends the next value as soon as it is asked for. */
  sendWhenAsked(): void {
    this.sent.push(this.next);
    this.source.sendOnDemand(this.next++);
  }

  finish(which: number): void {
    if (this.working.length === 0) return;
    const { value, subscriber } = this.working[which % this.working.length]!;
    subscriber.next(value);
    subscriber.complete();
  }

  endSource(how: 'complete' | 'error'): void {
    if (this.source.open > 0) this.sourceEnd ??= how;
    if (how === 'complete') this.source.complete();
    else this.source.error(SOURCE_ERROR);
  }

  unsubscribe(): void {
    this.unsubscribed = true;
    this.consumer.unsubscribe();
  }

  /** Ends the source if it has not ended, asks for everything and finishes all work, until the stream ends. */
  drain(): void {
    this.endSource('complete');
    for (let turn = 0; this.consumer.end === undefined && !this.unsubscribed; turn++) {
      if (turn > 10 * (this.sent.length + 10)) throw new Error('The stream does not end: it hangs');
      this.consumer.request(1);
      this.finish(0);
      this.time.advanceBy(1);
      this.look();
    }
  }

  /** Moves the clock until nothing waits for it, by `most` milliseconds at most. */
  letTimePass(most: number): void {
    for (let ms = 0; ms < most && this.time.pending > 0; ms++) this.time.advanceBy(1);
  }

  look(): void {
    if (this.stage !== undefined) this.peak = Math.max(this.peak, this.stage.held);
  }

  private called(): void {
    this.look();
    this.options.onCallback?.(this);
  }

  /** @param arriving values that may be on their way in just now; not called while it gives up what it holds, one by one */
  private checkLedger(arriving: number = 0): void {
    if (this.stage === undefined) return;
    const { ledger, held } = this.stage;
    const wrong = ledger.held < held || ledger.held > held + arriving;
    if (wrong) this.wrongLedger ??= `the ledger says ${ledger.held} are held, ${held} are`;
  }
}
