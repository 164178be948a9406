/** A message of one group, and what is handed out of it. */
import type { Keyed, KeyLine } from '../../core/keyTurns.js';
import type { Headers, Message, NewMessage } from '../../queue/store.js';

/**
 * *Waits* for its turn; was *given* out; is in *retry*: comes again after a while, and those of its key wait; is *scheduled*: has yet to come,
 * and nobody waits for it; is *gone*.
 */
export type State = 'waits' | 'given' | 'retry' | 'scheduled' | 'gone';

/** It is in one place at a time, so one set of links does. Once the message is gone, it is used again for another. */
export class Stored implements Keyed<Stored> {
  state: State = 'gone';
  /** No two messages of a topic have the same; the copies for its groups do. */
  nr = 0;
  turn = 0;
  attempts = 0;
  body: string | Uint8Array = '';
  publishedAt = 0;
  rest: Rest = NOTHING;
  /** The last lease, until it is settled or somebody else has the message. */
  lease: Given | undefined = undefined;
  older: Stored | undefined = undefined;
  newer: Stored | undefined = undefined;
  expires = 0;
  place = 0;
  late = false;
  keyLine: KeyLine<Stored> | undefined = undefined;

  get priority(): number {
    return this.rest.priority;
  }
}

/** What most messages have none of: those share one. An object of its own for each costs more, where many wait, than all the rest. */
type Rest = Pick<NewMessage, 'key' | 'headers' | 'priority' | 'deadline'>;

const NOTHING: Rest = { key: undefined, headers: undefined, priority: 0, deadline: undefined };

function restOf({ key, headers, priority, deadline }: NewMessage): Rest {
  if (key === undefined && headers === undefined && priority === 0 && deadline === undefined) return NOTHING;
  return { key, headers: headers && Object.freeze({ ...headers }), priority, deadline };
}

/** Those to use again: where many messages wait for long, new objects cost more (promoted, then collected) than all the rest. */
export class Spares {
  private spare: Stored | undefined;

  /** One that is `message`. */
  fill(message: NewMessage, nr: number): Stored {
    const stored = this.spare ?? new Stored();
    this.spare = stored.older;
    stored.older = undefined;
    stored.nr = stored.turn = nr;
    stored.attempts = 0;
    stored.body = copied(message.body);
    stored.publishedAt = message.publishedAt;
    stored.rest = restOf(message);
    return stored;
  }

  /** `stored` is in no place any more. */
  add(stored: Stored): void {
    stored.state = 'gone';
    stored.body = ''; // what left must not be kept alive
    stored.rest = NOTHING;
    stored.lease = stored.keyLine = undefined;
    stored.older = this.spare;
    this.spare = stored;
  }

  /** Nothing is kept. */
  clear(): void {
    this.spare = undefined;
  }
}

/** Who gave a message out. */
export interface Giver {
  idOf(nr: number): string;
}

/** What is given out: a lease of its own. */
export class Given implements Message {
  readonly body: string | Uint8Array;
  readonly attempt: number;
  readonly publishedAt: number;
  private readonly rest: Rest;
  private readonly nr: number;

  constructor(
    readonly stored: Stored,
    readonly giver: Giver,
  ) {
    this.body = copied(stored.body);
    this.attempt = stored.attempts;
    this.publishedAt = stored.publishedAt;
    this.rest = stored.rest;
    this.nr = stored.nr;
  }

  get key(): string | undefined {
    return this.rest.key;
  }

  get headers(): Headers | undefined {
    return this.rest.headers;
  }

  get priority(): number {
    return this.rest.priority;
  }

  get deadline(): number | undefined {
    return this.rest.deadline;
  }

  /** Made when it is looked at: as text it costs more than the rest of the message. */
  get id(): string {
    return this.giver.idOf(this.nr);
  }
}

/** What `message` is, where `giver` gave it out. */
export function givenBy(giver: Giver, message: Message): Stored | undefined {
  return message instanceof Given && message.giver === giver ? message.stored : undefined;
}

/** Bytes are copied, as they would be by a store elsewhere. */
export function copied(body: string | Uint8Array): string | Uint8Array {
  return typeof body === 'string' ? body : new Uint8Array(body);
}
