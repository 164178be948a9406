/** The line of those who publish to one topic: what comes in one turn is put at once, and what comes while a put is under way with the next. */
import { LinkedQueue } from '../core/linkedQueue.js';
import { asked } from './asked.js';
import { QueueFullError, StoreError } from './errors.js';
import { offAbort, onAbort } from './onAbort.js';
import { Many, One, Several, type Place } from './publishPlace.js';
import type { NewMessage, PutAnswer, StoreTopic } from './store.js';

/** Messages in one put at most: a store is to get round to other things too. */
const MOST = 1_024;

/**
 * States: *idle* (the line is empty) → *gathering* (until the turn ends) → *putting* → *idle*, or *putting* again; or *waiting* (the first in
 * line found no room) → *putting*.
 */
export class Publisher {
  private readonly line = new LinkedQueue<Place>();
  private size = 0;
  private impatient = 0;
  private state: 'idle' | 'gathering' | 'putting' | 'waiting' = 'idle';
  /** How many messages the next put tries: few where there was no room, for those are encoded and sent in vain. */
  private tries = MOST;
  private batch: Place[] = [];
  /** Ends the wait for room. */
  private wait: AbortController | undefined;

  constructor(
    private readonly topic: StoreTopic,
    private readonly name: string,
    private readonly capacity: number,
  ) {}

  /** Messages that wait for room. */
  get waiting(): number {
    return this.state === 'waiting' ? this.size : 0;
  }

  full(): QueueFullError {
    return new QueueFullError(this.name, this.capacity);
  }

  add(place: Place): void {
    const { signal } = place;
    if (signal?.aborted === true) return place.refuse(signal.reason);
    // Those who wait have found no room: there is none for it either.
    if (!place.patient && this.waiting > 0) return place.refuse(this.full());
    place.state = 'in line';
    this.line.push(place);
    this.size += place.left;
    if (!place.patient) this.impatient++;
    if (signal !== undefined) onAbort(signal, (place.onAbort = () => this.onAbort(place)));
    if (this.state !== 'idle') return;
    this.state = 'gathering';
    queueMicrotask(this.put);
  }

  /** Takes `place` out, unless it is being put, or was. */
  withdraw(place: Place): boolean {
    if (place.state !== 'in line') return false;
    this.leave(place);
    if (this.size === 0) this.wait?.abort();
    return true;
  }

  private onAbort(place: Place): void {
    if (this.withdraw(place)) place.refuse(place.signal!.reason);
  }

  private leave(place: Place): void {
    place.state = 'left';
    this.line.remove(place);
    this.size -= place.left;
    if (!place.patient) this.impatient--;
    if (place.onAbort !== undefined) offAbort(place.signal!, place.onAbort);
  }

  private readonly put = (): void => {
    const first = this.line.oldest;
    if (first === undefined) {
      this.state = 'idle';
      return;
    }
    this.state = 'putting';
    const whole = first instanceof Several;
    const messages = whole ? this.only(first) : this.gather(first);
    asked(() => this.topic.put(messages, whole)).then(this.onAnswers, this.onFailure);
  };

  private only(several: Several): readonly NewMessage[] {
    several.state = 'being put';
    several.tries = several.left;
    this.batch = [several];
    return several.messages;
  }

  private gather(first: Place): NewMessage[] {
    const messages: NewMessage[] = [];
    const batch: Place[] = (this.batch = []);
    let place: Place | undefined = first;
    for (; messages.length < this.tries && (place instanceof One || place instanceof Many); place = place.newer) {
      place.state = 'being put';
      place.tries = Math.min(place.left, this.tries - messages.length);
      place.addTo(messages);
      batch.push(place);
    }
    return messages;
  }

  private readonly onAnswers = (answers: readonly PutAnswer[]): void => {
    const { batch } = this;
    let accepted = 0;
    let from = 0;
    for (const place of batch) {
      const { tries } = place;
      const count = place.accept(answers, from);
      from += tries;
      accepted += count;
      this.size -= count;
      if (place.left === 0) this.leave(place);
      else this.onLeft(place, count < tries);
    }
    const found = accepted === from;
    this.tries = found ? Math.min(MOST, 2 * this.tries) : Math.max(1, 2 * accepted);
    if (found || this.line.oldest?.state !== 'being put') this.put();
    else this.waitForRoom();
  };

  /** Some of its messages were not put: there was no room, or they were more than one put takes. */
  private onLeft(place: Place, full: boolean): void {
    if (place.signal?.aborted === true) {
      this.leave(place);
      place.refuse(place.signal.reason);
    } else if (full && !place.patient) {
      this.leave(place);
      place.refuse(this.full());
    }
  }

  private readonly onFailure = (error: unknown): void => {
    const closed = error instanceof StoreError && error.trouble === 'closed';
    const { batch } = this;
    for (const place of closed ? this.all() : batch) {
      this.leave(place);
      place.refuse(error);
    }
    this.put();
  };

  private waitForRoom(): void {
    for (const place of this.batch) if (place.state === 'being put') place.state = 'in line';
    if (this.impatient > 0) for (const place of this.all()) this.onLeft(place, true);
    this.state = 'waiting';
    const wait = (this.wait = new AbortController());
    asked(() => this.topic.room!(wait.signal)).then(this.put, this.onNoRoom);
  }

  private readonly onNoRoom = (error: unknown): void => {
    this.batch = this.all();
    this.onFailure(error);
  };

  private all(): Place[] {
    const all: Place[] = [];
    for (let place = this.line.oldest; place !== undefined; place = place.newer) all.push(place);
    return all;
  }
}
