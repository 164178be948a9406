/** What a store must do in single situations. */
import type { Message, Store, StoreGroup, StoreTopic, TopicTerms } from '../queue/store.js';
import { claim, shown } from './lawTrial.js';
import { messageOf, outcomeOf } from './storeMessages.js';
import { patient, type StoreSetting, type StoreSubject } from './storeSubject.js';

const NEVER_AGAIN = 'it was put, and never came';

/** A topic with one group, and what the examples ask of them. */
class Place {
  readonly topic: StoreTopic;
  readonly group: StoreGroup;
  readonly tick: number;

  constructor(
    private readonly setting: StoreSetting,
    private readonly subject: StoreSubject,
    terms: Partial<TopicTerms> = {},
    name: string = '',
    groupName: string = 'group',
  ) {
    this.tick = subject.tick ?? 1_000;
    const store = setting.stores[0]!;
    this.topic = store.topic(setting.topic + name, { order: 'none', capacity: Infinity, dedupeWindow: 0, ...terms });
    this.group = this.topic.group(groupName, { visibilityTimeout: 4.5 * this.tick, retention: Infinity });
  }

  async put(...bodies: (string | Uint8Array)[]): Promise<void> {
    const messages = bodies.map((body) => messageOf(body, this.setting.now()));
    await this.in(this.topic.put(messages, false), 'put');
  }

  /** Takes, where something must be there. */
  async take(want: number): Promise<readonly Message[]> {
    return this.in(this.group.take(want, new AbortController().signal), NEVER_AGAIN);
  }

  async ack(messages: readonly Message[]): Promise<void> {
    await this.in(this.group.settle(messages.map((message) => outcomeOf(message, 'ack', 0))), 'settle');
  }

  in<T>(promise: Promise<T>, what: string): Promise<T> {
    return patient(promise, what, this.subject);
  }
}

/** Somebody who waits is woken by a put, by the end of a delay, of a retry and of a lease, and by an ack of the one before. */
export async function wakes(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const place = new Place(setting, subject);
  const wait = (): Promise<readonly Message[]> => place.group.take(1, new AbortController().signal);
  const came = async (waiting: Promise<readonly Message[]>, after: string): Promise<Message> => {
    const messages = await place.in(waiting, `who waits is not woken by ${after}`);
    claim(messages.length === 1, `${messages.length} messages came after ${after}`);
    return messages[0]!;
  };
  let waiting = wait();
  await place.put('one');
  const first = await came(waiting, 'a put');
  waiting = wait();
  await setting.advance(5 * place.tick);
  const second = await came(waiting, 'the end of a lease');
  claim(second.id === first.id && second.attempt === 2, 'another message came at the end of a lease');
  if (subject.features.delay > 0) {
    await place.in(
      place.group.settle([outcomeOf(second, 'nack', Math.min(subject.features.delay, place.tick))]),
      'nack',
    );
    waiting = wait();
    await setting.advance(2 * place.tick);
    await place.ack([await came(waiting, 'the end of a retry')]);
    const later = messageOf('later', setting.now(), { notBefore: setting.now() + place.tick });
    waiting = wait();
    await place.in(place.topic.put([later], false), 'put');
    await setting.advance(2 * place.tick);
    await place.ack([await came(waiting, 'the end of a delay')]);
  }
}

/** Of what is released, and taken in the same turn, the old place counts: outcomes come first. Where messages come as put that shows. */
export async function settlesFirst(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  if (subject.fifo !== true) return;
  const place = new Place(setting, subject);
  await place.put('one', 'two');
  const [one] = await place.take(1);
  const released = place.group.settle([outcomeOf(one!, 'release', 0)]);
  const [next] = await place.take(1);
  claim(next?.body === 'one', 'what was taken after an outcome was given out before it');
  await place.in(released, 'release');
}

/** Where only one may be out, the ack of it wakes those who wait for the next. */
export async function wakesNext(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const place = new Place(setting, subject, { order: 'queue' });
  await place.put('one', 'two');
  const one = await place.take(9);
  const waiting = place.group.take(9, new AbortController().signal);
  await place.group.count?.();
  await place.ack(one);
  const two = await place.in(waiting, 'the ack of the one before does not wake who waits');
  claim(shown([...one, ...two].map(({ body }) => body)) === '["one","two"]', `${one.length}, then ${two.length} came`);
}

/** Of those who wait, the first gets what comes first. */
export async function inLine(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const place = new Place(setting, subject);
  const waiting = [1, 2, 3].map(() => place.group.take(1, new AbortController().signal));
  await place.group.count?.();
  for (const [i, one] of waiting.entries()) {
    await place.put(`message ${i}`);
    const [message] = await place.in(one, 'the one that waits for longest gets nothing');
    claim(message?.body === `message ${i}`, `${i} got ${shown(message?.body)}`);
  }
}

export async function wakesForRoom(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const place = new Place(setting, subject, { capacity: 2 });
  await place.put('one', 'two');
  for (const kind of ['ack', 'dead'] as const) {
    const room = place.topic.room!(new AbortController().signal);
    const [message] = await place.take(1);
    await place.in(place.group.settle([outcomeOf(message!, kind, 0)]), 'settle');
    await place.in(room, `${kind} does not wake who waits for room`);
    await place.put('another');
  }
}

export async function large(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const place = new Place(setting, subject);
  const bytes = Math.min(10_000_000, subject.features.maxBytes);
  const bodies = ['ö'.repeat(bytes / 2), Uint8Array.from({ length: bytes }, (_, i) => i * 7)];
  await place.put(...bodies);
  for (const body of bodies) {
    const [message] = await place.take(1);
    claim(same(message!.body, body), `a body of ${bytes} bytes came back as another`);
    await place.ack([message!]);
  }
}

/** What comes back is what was put, whatever happened to that since. */
export async function bodies(
  setting: StoreSetting,
  put: readonly (string | Uint8Array)[],
  subject: StoreSubject,
): Promise<void> {
  const place = new Place(setting, subject, { order: 'queue' });
  const given = put.map((body) => (typeof body === 'string' ? body : Uint8Array.from(body)));
  await place.put(...given);
  for (const body of given) if (typeof body !== 'string') body.fill(0);
  for (const body of put) {
    const [message] = await place.take(1);
    claim(same(message!.body, body), `${shown(body)} came back as ${shown(message!.body)}`);
    await place.ack([message!]);
  }
}

/** Names of topics and groups, keys, ids and headers may be any text; those that differ are others. */
export async function names(
  setting: StoreSetting,
  texts: readonly [string, string],
  subject: StoreSubject,
): Promise<void> {
  const dedupe = { dedupeWindow: subject.features.dedupe ? 60_000 : 0 };
  const places = texts.map((text) => new Place(setting, subject, dedupe, text, text === '' ? 'group' : text));
  for (const [i, text] of texts.entries()) {
    const facts = { key: text, headers: { [text]: text }, dedupeId: subject.features.dedupe ? text : undefined };
    await places[i]!.in(places[i]!.topic.put([messageOf(text, setting.now(), facts)], false), 'put');
  }
  for (const [i, text] of texts.entries()) {
    const messages = await places[i]!.take(9);
    const facts = messages.map(({ body, key, headers }) => [body, key, Object.entries(headers ?? {})]);
    const should = JSON.stringify([[text, text, [[text, text]]]]);
    claim(JSON.stringify(facts) === should, `${should} came back as ${JSON.stringify(facts)}`);
    await places[i]!.ack(messages);
  }
}

/** A topic is opened again by the terms that it has; not by another order. */
export function terms(setting: StoreSetting): Promise<void> {
  const store = setting.stores[0]!;
  const [first, second] = store.features.order;
  const open = (order: TopicTerms['order'], capacity: number): unknown =>
    store.topic(setting.topic, { order, capacity, dedupeWindow: 0 });
  open(first!, 5);
  open(first!, 6);
  if (second === undefined) return Promise.resolve();
  const code = codeOf(() => open(second, 5));
  claim(code === 'SLUICE_OPTION', `a topic with another order was opened: ${code}`);
  return Promise.resolve();
}

/** What another group, or another topic, gave out is refused, and nothing of that call is done. */
export async function foreign(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const [one, other] = [new Place(setting, subject), new Place(setting, subject, {}, ' other')];
  await one.put('one');
  await other.put('other');
  const [mine, its] = [await one.take(1), await other.take(1)];
  const both = [...mine, ...its].map((message) => outcomeOf(message, 'ack', 0));
  const code = await one.group.settle(both).then(
    () => 'nothing',
    (error: unknown) => (error as { code?: string }).code,
  );
  claim(code === 'SLUICE_OPTION', `a message of another topic was settled: ${code}`);
  const answers = await one.in(one.group.settle(both.slice(0, 1)), 'settle');
  claim(answers[0] === 'settled', 'a call that was refused settled something');
}

/** A closed store frees who waits and refuses what is asked later; closing it again is nothing. */
export async function closes(setting: StoreSetting, subject: StoreSubject): Promise<void> {
  const { topic, group, ...place } = new Place(setting, subject, { capacity: 1 });
  const store: Store = setting.stores[0]!;
  const waiting = group.take(1, new AbortController().signal);
  await patient(Promise.all([store.close(), store.close()]), 'close', subject);
  claim(
    (await patient(waiting, 'take, while the store is closed', subject)).length === 0,
    'a closed store gave something',
  );
  const asked: (() => Promise<unknown>)[] = [
    () => topic.put([messageOf('late', setting.now() + place.tick)], false),
    () => group.take(1, new AbortController().signal),
    () => group.settle([]),
    () => Promise.resolve(store.topic(`${setting.topic} late`, { order: 'none', capacity: 1, dedupeWindow: 0 })),
  ];
  for (const ask of asked) {
    const error: unknown = await Promise.resolve()
      .then(ask)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    const { code, trouble } = (error ?? {}) as { code?: string; trouble?: string };
    claim(code === 'SLUICE_STORE' && trouble === 'closed', `a closed store answers ${String(error)} to ${String(ask)}`);
  }
}

function same(came: string | Uint8Array, put: string | Uint8Array): boolean {
  if (typeof came === 'string' || typeof put === 'string') return came === put;
  return came.length === put.length && came.every((byte, i) => byte === put[i]);
}

function codeOf(call: () => unknown): string | undefined {
  try {
    call();
    return 'nothing was thrown';
  } catch (error) {
    return (error as { code?: string }).code;
  }
}
