/** Steps of a run that look at what a group has, and see to its dead letters. */
import { claim } from './lawTrial.js';
import type { Entry } from './storeModel.js';
import type { Side, StoreRun } from './storeRun.js';

export async function countAll(run: StoreRun, side: Side, a: number): Promise<void> {
  const member = side.members[a % side.members.length]!;
  if (member.count === undefined) return;
  const { oldest, ...counts } = await run.patient(member.count(), 'count');
  const { ready, delayed, blocked, inFlight, dead } = counts;
  const expected = side.model.count();
  same('the counts', { ready, delayed, blocked, inFlight, dead }, expected);
  const { entries } = side.model;
  const first = entries.reduce<Entry | undefined>((a, b) => (a === undefined || b.seq < a.seq ? b : a), undefined);
  const earliest = entries.length === 0 ? undefined : Math.min(...entries.map(({ put }) => put.publishedAt));
  claim([earliest, first?.put.publishedAt].includes(oldest), `the oldest is said to be of ${oldest}`);
}

export async function browse(run: StoreRun, side: Side, a: number): Promise<void> {
  const member = side.members[a % side.members.length]!;
  if (member.browse === undefined) return;
  const { dead } = side.model;
  const after = a % 2 === 0 ? undefined : dead[(a >> 1) % (dead.length || 1)];
  const limit = 1 + (a % 5);
  const letters = await run.patient(member.browse(after?.id, limit), 'browse');
  const from = after === undefined ? 0 : dead.indexOf(after) + 1;
  const expected = dead.slice(from, from + limit);
  const facts = letters.map(({ id, body, attempts, reason, error }) => [id, body, attempts, reason, error]);
  const should = expected.map(({ id, put, attempts, reason, error }) => [id, put.body, attempts, reason, error]);
  same('the dead letters', facts, should);
  for (const [i, { diedAt }] of letters.entries()) {
    claim(Math.abs(diedAt - expected[i]!.due) < run.tick / 2, `it died at ${diedAt}, not ${expected[i]!.due}`);
  }
}

export async function redrive(run: StoreRun, side: Side, a: number, b: number): Promise<void> {
  const member = side.members[a % side.members.length]!;
  if (member.redrive === undefined) return;
  const { model } = side;
  const known = model.dead.filter((_, i) => (a >> i) % 2 === 0);
  const few = b % 2 === 0 ? known : model.dead.slice(0, b % 5);
  const room = Math.max(0, run.capacity - model.entries.length);
  const which = b % 2 === 0 ? [...few.map(({ id }) => id!), 'no such id'] : b % 5;
  const count = await run.patient(member.redrive(which), 'redrive');
  claim(count === Math.min(few.length, room), `${count} were redriven, not ${Math.min(few.length, room)}`);
  for (const entry of few.slice(0, count)) model.redrive(entry, run.seq++);
}

export async function purge(run: StoreRun, side: Side, a: number, b: number): Promise<void> {
  const member = side.members[a % side.members.length]!;
  if (member.purge === undefined) return;
  const { model } = side;
  const gone = b % 4 === 0 ? model.dead : model.dead.filter((_, i) => (a >> i) % 2 === 0);
  const count = await run.patient(member.purge(b % 4 === 0 ? 'all' : gone.map(({ id }) => id!)), 'purge');
  claim(count === gone.length, `${count} were purged, not ${gone.length}`);
  model.dead = model.dead.filter((entry) => !gone.includes(entry));
}

function same(what: string, actual: unknown, expected: unknown): void {
  const [is, should] = [JSON.stringify(actual), JSON.stringify(expected)];
  claim(is === should, `${what}: ${is}, and not ${should}`);
}
