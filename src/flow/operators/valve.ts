/** Stops a stream for a while and lets it go on, without loss and without subscribing anew. */
import { Observable, type MonoTypeOperatorFunction, type Subscriber } from 'rxjs';
import { SourceError } from '../../errors.js';
import { BOOLEAN, check, OBSERVABLE, POSITIVE } from '../../options.js';
import type { Activity } from '../stageOptions.js';
import { follow } from '../follow.js';
import { BufferStage, checkBuffer, type BoundedBufferOptions } from './boundedBuffer.js';

/** Options of `valve`: those of `boundedBuffer`, for what comes while it is closed. */
export interface ValveOptions<T> extends Omit<BoundedBufferOptions<T>, 'capacity'> {
  /**
   * How much is held at most: values, or units of `cost`. An integer of at least 1, or `Infinity`. Default: 1, which is enough for sources
   * that respect demand.
   */
  capacity?: number | undefined;
}

/**
 * Lets values pass while the last value of `open$` was true, and holds them back while it was false, or there was none yet.
 *
 * Use it to pause for a lost connection, a deployment, a maintenance window, a button. While it is closed it asks the source for nothing, so
 * a source that respects demand stops; what a hot source sends meanwhile is held up to `capacity`, and more is for `overflow`. To stop for
 * good there is `takeUntil`; to drop what comes while it is closed, `filter` with `withLatestFrom`.
 *
 * States: *closed*, at first → *open*, by true → closed, by false. Where `open$` completes while open, it stays open; an `open$` that
 * completes while closed ends the stream with a `SourceError`, for nothing could open it any more, and one that fails ends it with its error.
 * Each subscription subscribes to `open$` before it does to the source; late ones want a `BehaviorSubject`.
 *
 * Order: as they come. Loss: none, unless `overflow`, `maxAge` or `deadline` name one. Completion and errors of the source are passed on
 * after what is held, which waits for the opening. Unsubscribing, or an end of `open$` that ends the stream, drops what is held as `cancelled`.
 *
 * ```ts
 * import { BehaviorSubject } from 'rxjs';
 * import { pull, valve } from 'sluice';
 *
 * const open$ = new BehaviorSubject(true);
 * pull(['a', 'b', 'c', 'd'])
 *   .pipe(valve(open$))
 *   .subscribe((value) => {
 *     console.log(value);
 *     if (value === 'b') open$.next(false);
 *   });
 * console.log('closed');
 * open$.next(true);
 * // => a
 * // => b
 * // => closed
 * // => c
 * // => d
 * ```
 *
 * @param open$ whether values pass: true or false, in place of what it said before
 * @returns an operator; each subscription has a valve of its own, and follows `open$` by itself
 * @throws OptionError at the call when an argument is wrong, and in the stream when `open$` emits anything but true or false
 * @throws OverflowError in the stream when the source ignores demand and `overflow` is `'error'`
 * @throws ReturnError in the stream when `cost` returns anything but a number of at least 0, or `deadline` no number
 * @throws SourceError in the stream when `open$` completes while the valve is closed
 */
export function valve<T>(open$: Observable<boolean>, options: ValveOptions<T> = {}): MonoTypeOperatorFunction<T> {
  check('open$', OBSERVABLE, open$, 'valve');
  checkBuffer('valve', options, POSITIVE);
  const named = { ...options, name: options.name ?? 'valve', capacity: options.capacity ?? 1 };
  return (source) =>
    new Observable((subscriber) => {
      const stage = new ValveStage(subscriber, open$, named);
      if (!stage.closed) source.subscribe(stage); // `open$` may have failed already
    });
}

/** A buffer that asks for nothing and gives nothing while it is closed. */
class ValveStage<T> extends BufferStage<T> {
  private isOpen = false;

  constructor(
    out: Subscriber<T>,
    open$: Observable<boolean>,
    options: BoundedBufferOptions<T> & { readonly name: string },
  ) {
    super(out, options);
    const { name } = this;
    out.add(
      follow(open$, {
        stage: name,
        option: 'open$',
        rule: BOOLEAN,
        apply: (open) => this.turn(open),
        fail: (error) => this.fail(error),
        complete: () => {
          if (this.isOpen) return;
          this.fail(
            new SourceError(`\`${name}\`: \`open$\` completed while it was false: nothing would pass any more`),
          );
        },
      }),
    );
  }

  /** What was asked for while it was open has room: it is held. */
  override get requested(): number {
    return this.isOpen ? super.requested : 0;
  }

  override get activity(): Activity {
    return this.isOpen ? super.activity : 'busy';
  }

  get waitsFor(): string {
    return '`open$` to be true';
  }

  protected override get roomAhead(): boolean {
    return this.isOpen && super.roomAhead;
  }

  protected override get clearAhead(): boolean {
    return this.isOpen && super.clearAhead;
  }

  private turn(open: boolean): void {
    this.isOpen = open;
    if (open) this.run();
    else this.noteRoom();
  }
}
