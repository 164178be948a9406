/** Steps of a run that take messages, and settle them. */
import type { Message, StoreGroup, StoreOutcome } from '../queue/store.js';
import { claim, shown } from './lawTrial.js';
import { outcomeOf } from './storeMessages.js';
import type { Entry } from './storeModel.js';
import type { Side, StoreRun } from './storeRun.js';

export async function take(run: StoreRun, side: Side, want: number, which: number): Promise<void> {
  const member = side.members[which % side.members.length]!;
  const control = new AbortController();
  const taken = member.take(want, control.signal);
  const { available } = side.model;
  if (available.length === 0) {
    await member.count?.(); // it has had its time to give out what it should not
    control.abort();
  }
  const messages = await run.patient(taken, `take, with ${available.length} messages there`);
  claim(messages.length <= want, `${messages.length} messages came, ${want} were wanted`);
  claim(available.length === 0 || messages.length > 0, 'nothing came, though there was something');
  for (const message of messages) receive(run, side, message, member);
}

function receive(run: StoreRun, side: Side, message: Message, member: StoreGroup): void {
  const { model } = side;
  const all = [...model.entries, ...model.dead, ...side.given.map(({ entry }) => entry)];
  const entry = all.find(({ put }) => put.body === message.body);
  claim(entry !== undefined, `${shown(message.body)} came, which this group has not`);
  const { available } = model;
  const { put, attempts, state } = entry!;
  claim(available.includes(entry!), `${shown(put.body)} came, which is ${state}, or waits for another`);
  entry!.id ??= message.id;
  claim(message.id === entry!.id, `${shown(put.body)} came with the id ${message.id}, not ${entry!.id}`);
  claim(message.attempt === attempts + 1, `attempt ${message.attempt} came after ${attempts}`);
  for (const fact of ['key', 'priority', 'publishedAt', 'deadline'] as const) {
    claim(message[fact] === put[fact], `${fact} ${shown(put[fact])} came as ${shown(message[fact])}`);
  }
  claim(shown(message.headers) === shown(put.headers), `headers came as ${shown(message.headers)}`);
  const higher = available.find((other) => other.put.priority > put.priority);
  claim(higher === undefined, `${shown(put.body)} came before ${shown(higher?.put.body)} of a higher priority`);
  const equals = run.subject.fifo === true ? available.filter((other) => other.put.priority === put.priority) : [];
  const before = equals.find((other) => other.seq < entry!.seq);
  claim(before === undefined, `${shown(put.body)} came before ${shown(before?.put.body)}`);
  model.give(entry!, message, run.now);
  side.given.push({ entry: entry!, message, member });
}

/** Settles some that are out; with `stale` any that was ever given out. */
export async function settle(
  run: StoreRun,
  side: Side,
  kind: StoreOutcome['kind'],
  a: number,
  b: number,
  stale = false,
): Promise<void> {
  const open = stale ? side.given : side.given.filter(({ entry, message }) => entry.lease === message);
  if (open.length === 0) return;
  const first = open[a % open.length]!;
  const delay = kind === 'nack' && b % 3 > 0 ? Math.min((0.5 + (b % 4)) * run.tick, run.subject.features.delay) : 0;
  const chosen = [first, ...open.filter((one) => one.member === first.member && one !== first).slice(0, b % 3)];
  if (a % 4 === 3) chosen.push(first); // twice
  const outcomes = chosen.map(({ message }) => outcomeOf(message, kind, delay));
  const answers = await run.patient(first.member.settle(outcomes), 'settle');
  claim(answers.length === chosen.length, `settle answered ${answers.length} times for ${chosen.length} outcomes`);
  for (const [i, { entry, message }] of chosen.entries()) {
    const answer = answers[i];
    if (entry.lease !== message)
      claim(answer === 'lease-lost', `a lease that is over settled ${shown(entry.put.body)}`);
    else if (entry.state === 'held') claim(answer === 'settled', `${kind} of ${shown(entry.put.body)}: ${answer}`);
    if (answer !== 'settled') continue;
    entry.reason = outcomes[i]!.reason;
    entry.error = outcomes[i]!.error;
    side.model.settle(entry, kind, delay, run.now);
  }
}

export async function ack(run: StoreRun, side: Side, entry: Entry): Promise<void> {
  const { message, member } = side.given.find((one) => one.message === entry.lease)!;
  const [answer] = await run.patient(member.settle([outcomeOf(message, 'ack', 0)]), 'settle');
  claim(answer === 'settled', `the ack of ${shown(entry.put.body)}: ${answer}`);
  side.model.settle(entry, 'ack', 0, run.now);
}

export async function extend(run: StoreRun, side: Side, a: number): Promise<void> {
  if (side.given.length === 0) return;
  const { entry, message, member } = side.given[a % side.given.length]!;
  if (member.extend === undefined) return;
  const [answer] = await run.patient(member.extend([message]), 'extend');
  const lost = entry.lease !== message || (entry.state !== 'held' && side.model.isOut(entry));
  if (lost) claim(answer === 'lease-lost', `a lease that is over was extended: ${shown(entry.put.body)}`);
  else if (entry.state === 'held') claim(answer === 'settled', `extending ${shown(entry.put.body)}: ${answer}`);
  if (answer !== 'settled') return;
  entry.state = 'held';
  entry.due = run.now + side.model.visibility;
}
