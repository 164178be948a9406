/** Puts messages. */
import type { NewMessage, Order, PutAnswer, TopicTerms } from '../../queue/store.js';
import type { SqliteValue } from './driver.js';
import { idOf } from './taken.js';
import { append, lineOf } from './lines.js';
import { SCHEDULED } from './schema.js';
import { AT_ONCE } from './statements.js';
import { isPlain, stored, storedOrNull } from './text.js';
import type { Transaction } from './transaction.js';

export interface TopicRow {
  readonly id: number;
  readonly terms: TopicTerms;
}

/** About how many rows it takes to put them: a large one counts as several. */
export function weightOf(messages: readonly NewMessage[]): number {
  return messages.reduce((sum, { body }) => sum + 1 + body.length / 4_096, 0);
}

export function put(tx: Transaction, topic: TopicRow, messages: readonly NewMessage[], whole: boolean): PutAnswer[] {
  const fresh: NewMessage[] = [];
  const first = tx.upcoming;
  const answers = plan(tx, topic, messages, first, fresh);
  if (whole && answers.includes('full')) return messages.map(() => 'full');
  if (fresh.length === 0) return answers;
  const groups = tx.groupsOf(topic.id);
  tx.allocate(fresh.length * Math.max(1, groups.length));
  groups.forEach(({ id }, index) => putIn(tx, topic, id, fresh, first, index * fresh.length));
  remember(tx, topic, fresh, first);
  return answers;
}

/** Which are duplicates, which are put, with numbers from `first` on, and for which there is no room. */
function plan(
  tx: Transaction,
  { id, terms }: TopicRow,
  messages: readonly NewMessage[],
  first: number,
  fresh: NewMessage[],
): PutAnswer[] {
  const room = terms.capacity === Infinity ? Infinity : terms.capacity - tx.mostOf(id);
  let names: Map<string, number> | undefined;
  return messages.map((message) => {
    const { dedupeId } = message;
    if (dedupeId !== undefined) {
      const before = remembered(tx, id, terms.dedupeWindow, dedupeId) ?? names?.get(dedupeId);
      if (before !== undefined) return { id: idOf(tx.file, before), duplicate: true };
    }
    if (fresh.length >= room) return 'full';
    const number = first + fresh.push(message) - 1;
    if (dedupeId !== undefined) (names ??= new Map<string, number>()).set(dedupeId, number);
    return { id: idOf(tx.file, number), duplicate: false };
  });
}

function putIn(
  tx: Transaction,
  { id: topic, terms }: TopicRow,
  group: number,
  messages: readonly NewMessage[],
  number: number,
  shift: number,
): void {
  const first = number + shift;
  let from = 0; // those before it are added
  messages.forEach((message, index) => {
    const usual = isUsual(message);
    if (usual && index + 1 < from + AT_ONCE) return;
    if (usual) addUsual(tx, group, messages.slice(from, index + 1), shift, first + from);
    else for (; from <= index; from++) addOne(tx, group, messages[from]!, shift, first + from);
    from = index + 1;
  });
  for (; from < messages.length; from++) addOne(tx, group, messages[from]!, shift, first + from);
  messages.forEach((message, index) => place(tx, terms.order, group, message, first + index));
  tx.addLive(topic, group, messages.length);
  tx.stirred.add(group);
}

function isUsual({ deadline, headers, body }: NewMessage): boolean {
  return deadline === undefined && headers === undefined && (typeof body !== 'string' || isPlain(body));
}

/** Adds `AT_ONCE` messages. */
function addUsual(tx: Transaction, group: number, messages: readonly NewMessage[], shift: number, first: number): void {
  const values: SqliteValue[] = [];
  for (const { priority, publishedAt, key, body } of messages) {
    values.push(0 - priority, publishedAt, storedOrNull(key), body);
  }
  tx.sql.addUsual.run({ id: first, grp: group, shift }, ...values);
}

function addOne(tx: Transaction, group: number, message: NewMessage, shift: number, id: number): void {
  const { body, priority, publishedAt, deadline = null, headers } = message;
  const key = storedOrNull(message.key);
  const wide = typeof body === 'string' && !isPlain(body);
  const written = headers === undefined ? null : JSON.stringify(headers);
  const kept = wide ? stored(body) : body;
  tx.sql.addMessage.run(id, group, shift, 0 - priority, publishedAt, deadline, key, written, wide ? 1 : null, kept);
}

function place(tx: Transaction, order: Order, group: number, message: NewMessage, id: number): void {
  const { priority, notBefore, key } = message;
  if (notBefore > tx.now) tx.sql.addTimed.run(group, id, SCHEDULED, notBefore, tx.now, 0);
  else append(tx, group, lineOf(order, storedOrNull(key)), { id, rank: 0 - priority });
}

/** The number of the message that had the id. A clock that was set back must not have it remembered for longer than the window. */
function remembered(tx: Transaction, topic: number, window: number, dedupeId: string): number | undefined {
  const name = stored(dedupeId);
  const known = tx.sql.remembered.get(topic, name, tx.now);
  if (known !== undefined && known.until > tx.now + window) {
    tx.sql.remember.run(topic, name, known.number, tx.now + window);
  }
  return known?.number;
}

function remember(tx: Transaction, topic: TopicRow, messages: readonly NewMessage[], first: number): void {
  let count = 0;
  messages.forEach(({ dedupeId }, index) => {
    if (dedupeId === undefined) return;
    tx.sql.remember.run(topic.id, stored(dedupeId), first + index, tx.now + topic.terms.dedupeWindow);
    count++;
  });
  // Of those whose window is over more go than come.
  if (count > 0) tx.sql.forget.run(tx.now, 2 * count + 10);
}
