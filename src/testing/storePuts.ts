/** Steps of a run that put messages. */
import type { NewMessage, PutAnswer } from '../queue/store.js';
import { claim, shown } from './lawTrial.js';
import { DEDUPE, type StoreRun } from './storeRun.js';

export async function putSome(run: StoreRun, a: number, b: number, whole: boolean): Promise<void> {
  const count = 1 + (a % 4);
  const messages = Array.from({ length: count }, (_, i) => newMessage(run, a + 7 * i, b + 5 * i, run.seq + i));
  const topic = run.topics[b % run.topics.length]!;
  const answers = await run.patient(topic.put(messages, whole), 'put');
  claim(answers.length === count, `put answered ${answers.length} times for ${count} messages`);
  const unknown = messages.filter(({ dedupeId }) => known(run, dedupeId) === undefined);
  const refused = whole && unknown.length - repeated(unknown) > run.room;
  for (const [i, message] of messages.entries()) accept(run, message, answers[i]!, refused);
}

function accept(run: StoreRun, message: NewMessage, answer: PutAnswer, refused: boolean): void {
  const seq = run.seq++;
  const full = refused || run.room <= 0;
  const earlier = known(run, message.dedupeId);
  if (answer === 'full') return claim(full, `${shown(message.body)} was not put, with room for ${run.room}`);
  if (earlier !== undefined) {
    return claim(answer.duplicate && answer.id === earlier, `a duplicate of ${earlier} became ${shown(answer)}`);
  }
  claim(!full, `${shown(message.body)} was put where there was no room for it`);
  claim(!answer.duplicate, `${shown(message.body)} was taken for a duplicate`);
  claim(!run.ids.has(answer.id), `the id ${answer.id} was given out twice`);
  run.ids.add(answer.id);
  const { dedupeId } = message;
  if (dedupeId !== undefined) {
    run.remembered.set(dedupeId, { id: answer.id, until: run.now + DEDUPE * run.tick });
  }
  for (const { model } of run.sides) model.add(message, answer.id, seq, run.now);
}

function known(run: StoreRun, dedupeId: string | undefined): string | undefined {
  const known = dedupeId === undefined ? undefined : run.remembered.get(dedupeId);
  return known !== undefined && known.until > run.now ? known.id : undefined;
}

function newMessage(run: StoreRun, a: number, b: number, seq: number): NewMessage {
  const { priorities = false, delays = false, dedupe = false } = run.options;
  const { priority: range, delay } = run.subject.features;
  const wanted = [0, 0, 1, 2][(b >> 2) & 3]!;
  const later = delays && (b >> 4) % 3 === 2 ? (0.5 + ((b >> 6) & 3)) * run.tick : 0;
  return {
    body: `message ${seq}`,
    key: run.order === 'none' ? undefined : [undefined, 'a', 'b', 'c'][b & 3],
    headers: a % 5 === 0 ? { trace: String(seq) } : undefined,
    priority: priorities && range !== false ? Math.min(range[1], range[0] > 0 ? range[0] + wanted : wanted) : 0,
    publishedAt: run.now,
    notBefore: later > 0 && later <= delay ? run.now + later : 0,
    deadline: a % 7 === 0 ? run.now + run.tick : undefined,
    dedupeId: dedupe && a % 2 === 0 ? `d${(a >> 1) % 3}` : undefined,
  };
}

export async function askForRoom(run: StoreRun, a: number): Promise<void> {
  const topic = run.topics[a % run.topics.length]!;
  const control = new AbortController();
  const asked = topic.room?.(control.signal);
  if (run.room <= 0) control.abort();
  await run.patient(asked ?? Promise.resolve(), 'room, while there is some');
}

/** How many have the `dedupeId` of one before. */
function repeated(messages: readonly NewMessage[]): number {
  const ids = messages.flatMap(({ dedupeId }) => dedupeId ?? []);
  return ids.length - new Set(ids).size;
}
