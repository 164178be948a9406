/** A script in which the clock jumps: what is due when is for the store to say, but nothing may be lost, or held up. */
import type { Message, StoreGroup } from '../queue/store.js';
import { claim } from './lawTrial.js';
import { messageOf, outcomeOf } from './storeMessages.js';
import { patient, type StoreSetting, type StoreSubject } from './storeSubject.js';

export type JumpStep = readonly [
  kind: 'put' | 'take' | 'ack' | 'nack' | 'release' | 'advance' | 'jump',
  amount: number,
];

export async function jumping(
  setting: StoreSetting,
  script: readonly JumpStep[],
  subject: StoreSubject,
): Promise<void> {
  if (setting.jump === undefined) return;
  const { tick = 1_000, features } = subject;
  const topic = setting.stores[0]!.topic(setting.topic, { order: 'none', capacity: Infinity, dedupeWindow: 0 });
  const group = topic.group('group', { visibilityTimeout: 4.5 * tick, retention: Infinity });
  /** Until when what is not acked waits. */
  const left = new Map<string, number>();
  const given: Message[] = [];
  let nr = 0;
  for (const [kind, amount] of script) {
    const message = given[amount % (given.length || 1)];
    if (kind === 'advance') await setting.advance((amount % 6) * tick);
    else if (kind === 'jump') setting.jump((amount - 16) * tick);
    else if (kind === 'put') {
      const now = setting.now();
      const delay = amount % 3 === 0 ? Math.min((0.5 + (amount % 9)) * tick, features.delay) : 0;
      const put = messageOf(`message ${nr++}`, now, { notBefore: delay > 0 ? now + delay : 0 });
      await patient(topic.put([put], false), 'put', subject);
      left.set(put.body as string, put.notBefore);
    } else if (kind === 'take') {
      given.push(...(await takeWhatIsThere(group, subject, 1 + (amount % 3), left)));
    } else if (message !== undefined) {
      const delay = kind === 'nack' ? Math.min((0.5 + (amount % 4)) * tick, features.delay) : 0;
      const [answer] = await patient(group.settle([outcomeOf(message, kind, delay)]), 'settle', subject);
      if (kind === 'ack' && answer === 'settled') left.delete(message.body as string);
    }
  }
  const due = setting.now();
  await takeAll(group, subject, left); // the clock is looked at
  await setting.advance(5 * tick);
  await takeAll(group, subject, left);
  const late = [...left].filter(([, notBefore]) => notBefore <= due);
  claim(late.length === 0, `a jump of the clock held up, or lost, ${late.join()}`);
  await setting.advance(Math.max(0, ...[...left.values()].map((time) => time - setting.now())) + tick);
  await takeAll(group, subject, left);
  claim(left.size === 0, `${[...left.keys()].join()} never came`);
}

async function takeAll(group: StoreGroup, subject: StoreSubject, left: Map<string, number>): Promise<void> {
  for (;;) {
    const messages = await takeWhatIsThere(group, subject, 9, left);
    if (messages.length === 0) return;
    await patient(group.settle(messages.map((message) => outcomeOf(message, 'ack', 0))), 'settle', subject);
    for (const { body } of messages) left.delete(body as string);
  }
}

async function takeWhatIsThere(
  group: StoreGroup,
  subject: StoreSubject,
  want: number,
  left: ReadonlyMap<string, number>,
): Promise<readonly Message[]> {
  const control = new AbortController();
  const taken = group.take(want, control.signal);
  await group.count?.();
  control.abort();
  const messages = await patient(taken, 'take', subject);
  for (const { body } of messages) claim(left.has(body as string), `${body as string} came again after its ack`);
  return messages;
}
