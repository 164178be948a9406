/** The messages of a queue that are not delivered any more. */
import type { SchedulerLike } from 'rxjs';
import { tokenBucket, RATE } from '../flow/limiters/tokenBucket.js';
import { checkOptions, COUNT, expected, POSITIVE, SIGNAL, STRING, type Rule } from '../options.js';
import type { Codec } from './codec.js';
import type { Features } from './features.js';
import type { Headers, StoreDeadLetter, StoreGroup } from './store.js';

/** A message that is not delivered any more. */
export interface DeadLetter<T> {
  readonly id: string;
  /** What was published; undefined where the codec can not decode `body`. */
  readonly value: T | undefined;
  /** The value as the store has it. */
  readonly body: string | Uint8Array;
  readonly key: string | undefined;
  readonly headers: Headers;
  readonly priority: number;
  /** How often it was delivered. */
  readonly attempts: number;
  /**
   * Why it died: `attempts` (delivered `maxAttempts` times, and not done), `expired` (its deadline had passed), `undecodable`, or what
   * `deadLetter` was told.
   */
  readonly reason: string;
  /** What was thrown, as text. */
  readonly error: string | undefined;
  /** When it was published, in milliseconds since 1970. */
  readonly publishedAt: number;
  /** When it died, in milliseconds since 1970. */
  readonly diedAt: number;
}

/** Which dead letters `browse` is to give. */
export interface BrowseOptions {
  /** So many at most. An integer of at least 1, or `Infinity`. Default: `Infinity`. */
  readonly limit?: number | undefined;
  /** The id of the last one that is known already. Default: from the oldest on. */
  readonly after?: string | undefined;
}

/** What is to be delivered again. */
export interface RedriveOptions {
  /** Those of these ids. Default: all that there are when it begins, the oldest first. */
  readonly ids?: readonly string[] | undefined;
  /** So many at most. An integer of at least 1. Default: no limit. */
  readonly limit?: number | undefined;
  /** So many in a second at most, for what they need is busy, or was broken. Above 0. Default: as fast as the store can. */
  readonly rate?: number | undefined;
  /** Stops: the promise rejects with its reason. What was redriven by then stays so. */
  readonly signal?: AbortSignal | undefined;
}

/** What is to be deleted. */
export interface PurgeOptions {
  /** Those of these ids; not `undefined`. Left out: all. */
  readonly ids?: readonly string[];
}

const IDS: Rule = [
  'an array of ids, which are strings',
  (ids: unknown) => Array.isArray(ids) && ids.every((id) => typeof id === 'string'),
];

/** Dead letters that are read at once. */
const PAGE = 100;
/** Dead letters that are redriven in one call of the store at most. */
const MOST = 1_000;

/**
 * The dead letters of a queue, kept with why they died: `orders.deadLetters`.
 *
 * ```ts
 * import { memoryStore } from 'sluice/memory';
 * import { queue } from 'sluice/queue';
 *
 * const orders = queue<string>(memoryStore(), 'orders');
 * await orders.publish('a');
 * const subscription = orders.deliveries().subscribe((delivery) => delivery.deadLetter('no such product'));
 * while ((await orders.stats()).dead === 0);
 * for await (const { value, reason } of orders.deadLetters.browse()) console.log(value, reason); // => a no such product
 * subscription.unsubscribe();
 * console.log(await orders.deadLetters.redrive()); // => 1
 * console.log((await orders.stats()).ready); // => 1
 * ```
 */
export class DeadLetters<T> {
  constructor(
    private readonly group: StoreGroup,
    private readonly features: Features,
    private readonly codec: Codec<T>,
    private readonly scheduler: SchedulerLike,
  ) {}

  /**
   * Gives them one by one, the oldest first, as they are asked for; what has been given may be redriven or purged meanwhile. Where others do so at
   * the same time, some may come twice.
   *
   * @throws OptionError when the first is asked for, and an option is wrong, or the store keeps no dead letters
   */
  async *browse(options: BrowseOptions = {}): AsyncGenerator<DeadLetter<T>, void, undefined> {
    checkOptions('browse', options, { limit: POSITIVE, after: STRING });
    const { limit = Infinity, after } = options;
    let left = limit;
    let page = await this.page(after, left);
    while (page.length > 0) {
      left -= page.length;
      // Before one of this page is given: the next goes on after the last of it, which may be gone soon.
      const next = page.length === PAGE ? await this.page(page.at(-1)!.id, left) : [];
      for (const letter of page) yield { ...letter, headers: letter.headers ?? {}, value: this.decode(letter) };
      page = next;
    }
  }

  /**
   * Publishes them anew, with no attempts: they are delivered after what waits already. It waits for no room: those for which there is none in the
   * queue's capacity stay dead letters.
   *
   * @returns how many were published
   * @throws the signal's reason by rejection, when it aborts: what was redriven until then stays so
   * @throws OptionError by rejection, when an option is wrong, or the store keeps no dead letters
   */
  async redrive(options: RedriveOptions = {}): Promise<number> {
    checkOptions('redrive', options, { ids: IDS, limit: COUNT, rate: RATE, signal: SIGNAL });
    const { ids, limit = Infinity, rate, signal } = options;
    const { group, scheduler } = this;
    if (group.redrive === undefined) return this.refuse('redrive');
    signal?.throwIfAborted();
    // What dies again meanwhile is not meant.
    const there = ids?.length ?? (await group.count?.())?.dead ?? Infinity;
    const all = Math.min(there, limit);
    const bucket = rate === undefined ? undefined : tokenBucket({ rate, scheduler });
    const step = Math.min(MOST, Math.floor(bucket?.burst ?? MOST));
    let asked = 0;
    let redriven = 0;
    while (asked < all) {
      signal?.throwIfAborted();
      const count = Math.min(step, all - asked);
      await bucket?.take(count, { signal });
      const done = await group.redrive(ids?.slice(asked, asked + count) ?? count);
      asked += count;
      redriven += done;
      if (ids === undefined && done < count) break;
    }
    return redriven;
  }

  /**
   * Deletes them for good.
   *
   * @returns how many that were
   * @throws OptionError by rejection, when an option is wrong, or the store keeps no dead letters
   */
  async purge(options: PurgeOptions = {}): Promise<number> {
    checkOptions('purge', options, { ids: IDS });
    // All, for good, is not to be what a filter says that found nothing.
    if ('ids' in options && options.ids === undefined) {
      expected('ids', 'an array of ids, or left out for all', options.ids, 'purge');
    }
    if (this.group.purge === undefined) return this.refuse('purge');
    return this.group.purge(options.ids ?? 'all');
  }

  private async page(after: string | undefined, left: number): Promise<readonly StoreDeadLetter[]> {
    if (this.group.browse === undefined) return this.refuse('browse');
    return left === 0 ? [] : this.group.browse(after, Math.min(PAGE, left));
  }

  private decode({ body }: StoreDeadLetter): T | undefined {
    try {
      return this.codec.decode(body);
    } catch {
      return undefined;
    }
  }

  private refuse(method: string): never {
    return this.features.refuse(method, undefined, 'deadLetters');
  }
}
