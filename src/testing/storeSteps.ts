/** The steps of which scripts are made, done to a store and to the model of it side by side. */
import { browse, countAll, purge, redrive } from './storeLetters.js';
import { askForRoom, putSome } from './storePuts.js';
import type { StoreRun } from './storeRun.js';
import { ack, extend, settle, take } from './storeTakes.js';

/** The kinds of steps, by what they do. */
export type StoreStepKind =
  | 'put'
  | 'putWhole'
  | 'take'
  | 'ack'
  | 'nack'
  | 'release'
  | 'dead'
  | 'stale'
  | 'extend'
  | 'advance'
  | 'count'
  | 'browse'
  | 'redrive'
  | 'purge'
  | 'room'
  | 'crash'
  | 'reopen';
export type StoreStep = readonly [kind: StoreStepKind, a: number, b: number];

export async function doStep(run: StoreRun, [kind, a, b]: StoreStep): Promise<void> {
  const side = run.sides[b % run.sides.length]!;
  for (const { model } of run.sides) model.pass(run.now);
  switch (kind) {
    case 'put':
    case 'putWhole':
      return putSome(run, a, b, kind === 'putWhole');
    case 'take':
      return take(run, side, 1 + (a % 4), a >> 2);
    case 'ack':
    case 'nack':
    case 'release':
    case 'dead':
      return settle(run, side, kind, a, b);
    case 'stale':
      return settle(run, side, (['ack', 'nack', 'release', 'dead'] as const)[b % 4]!, a, b, true);
    case 'extend':
      return extend(run, side, a);
    case 'advance':
      return run.advance(1 + (a % 5));
    case 'count':
      return countAll(run, side, a);
    case 'browse':
      return browse(run, side, a);
    case 'redrive':
      return redrive(run, side, a, b);
    case 'purge':
      return purge(run, side, a, b);
    case 'room':
      return askForRoom(run, a);
    case 'crash':
      return run.reopen(false);
    case 'reopen':
      return run.reopen(true);
  }
}

/** Takes and acks all that is there, and that comes while time passes: nothing that was accepted may be missing. */
export async function drain(run: StoreRun): Promise<void> {
  for (const side of run.sides) {
    for (let turn = 0; ; turn++) {
      side.model.pass(run.now);
      if (side.model.entries.length === 0) break;
      const { available } = side.model;
      if (available.length === 0) {
        const due = Math.min(...side.model.entries.filter(({ state }) => state !== 'waits').map((one) => one.due));
        await run.advance(Math.ceil((due - run.now) / run.tick));
        continue;
      }
      await take(run, side, 1 + (turn % 7), turn);
      for (const { entry } of side.given.slice()) if (entry.state === 'held') await ack(run, side, entry);
    }
    await take(run, side, 9, 0);
    await countAll(run, side, 0);
  }
}
