/** A clock and timers that move only when the test moves them. */
import { VirtualTimeScheduler, type SchedulerLike } from 'rxjs';
import { check } from '../options.js';

/**
 * Virtual time for the `scheduler` option, moved by hand. For marble tests use RxJS's `TestScheduler`, which fits as well.
 *
 * ```ts
 * import { boundedBuffer } from 'sluice';
 * import { ManualConsumer, ManualSource, VirtualTime } from 'sluice/testing';
 *
 * const time = new VirtualTime();
 * const source = new ManualSource<string>();
 * const fresh = source.pipe(boundedBuffer({ capacity: 9, maxAge: 100, scheduler: time.scheduler }));
 * const consumer = new ManualConsumer(fresh);
 * source.send('old');
 * time.advanceBy(101);
 * source.send('new');
 * consumer.request(2);
 * console.log(consumer.values); // => [ 'new' ]
 * ```
 */
export class VirtualTime {
  private readonly virtual = new VirtualTimeScheduler();

  /** What to pass as `scheduler`. */
  get scheduler(): SchedulerLike {
    return this.virtual;
  }

  /** Milliseconds since the start. */
  get now(): number {
    return this.virtual.frame;
  }

  /** Actions that wait for their time. */
  get pending(): number {
    return this.virtual.actions.filter((action) => !action.closed).length;
  }

  /**
   * Moves the clock on by `ms`, and does what is due on the way.
   *
   * @throws OptionError when `ms` is not a number of at least 0
   */
  advanceBy(ms: number): void {
    check(
      'ms',
      ['a number of milliseconds of at least 0', (value: unknown) => typeof value === 'number' && value >= 0],
      ms,
      'advanceBy',
    );
    const end = this.now + ms;
    this.virtual.maxFrames = end;
    this.virtual.flush();
    this.virtual.frame = end;
  }
}
