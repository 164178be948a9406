/** The stores that are put under the laws. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SchedulerLike } from 'rxjs';
import type { Store } from '../../src/queue/store.js';
import { memoryStore } from '../../src/stores/memory/index.js';
import { sqliteStore, type SqliteStoreOptions } from '../../src/stores/sqlite/index.js';
import { VirtualTime, type StoreSetting, type StoreSubject } from '../../src/testing/index.js';

/** Virtual time whose clock can be set. */
export class JumpingTime {
  private readonly time = new VirtualTime();
  private offset = 1_700_000_000_000;
  readonly scheduler: SchedulerLike = {
    now: () => this.time.now + this.offset,
    schedule: (...args: Parameters<SchedulerLike['schedule']>) => this.time.scheduler.schedule(...args),
  };

  get now(): number {
    return this.scheduler.now();
  }

  advanceBy(ms: number): void {
    this.time.advanceBy(ms);
  }

  jump(ms: number): void {
    this.offset += ms;
  }
}

export const memory: StoreSubject = {
  name: 'memory',
  features: memoryStore().features,
  fifo: true,
  open: () => memorySetting(),
};

export function memorySetting(): StoreSetting {
  const time = new JumpingTime();
  const store = memoryStore({ scheduler: time.scheduler });
  return {
    stores: [store],
    topic: 'topic',
    now: () => time.now,
    advance: (ms) => time.advanceBy(ms),
    jump: (ms) => time.jump(ms),
    close: () => store.close(),
  };
}

/** Runs share two stores on one file, each with topics of its own: opening a file takes longer than a run. */
export function sqliteSubject(
  name: string,
  options: Partial<SqliteStoreOptions> = {},
): StoreSubject & { end(): Promise<void> } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-laws-'));
  const features = { ...memory.features, durable: true, outbox: true };
  let files = 0;
  let topics = 0;
  const ended: (() => Promise<void>)[] = [];
  const openFile = (): { time: JumpingTime; stores: Store[]; more: () => Store[] } => {
    const time = new JumpingTime();
    const path = join(folder, `${files++}.db`);
    const stores: Store[] = [];
    const more = (): Store[] => {
      const two = [0, 1].map(() => sqliteStore({ path, durability: 'normal', scheduler: time.scheduler, ...options }));
      stores.push(...two);
      return two;
    };
    const end = async (): Promise<void> => {
      for (const store of stores) await store.close();
    };
    ended.push(end);
    more();
    return { time, stores, more };
  };
  const shared = openFile();
  const open = (alone: boolean): StoreSetting => {
    const file = alone ? openFile() : shared;
    const { time, stores, more } = file;
    return {
      stores: stores.slice(),
      topic: `topic ${topics++}`,
      now: () => time.now,
      advance: (ms) => time.advanceBy(ms),
      jump: (ms) => time.jump(ms),
      reopen: () => more(),
      close: async () => {
        if (alone) await ended.pop()!();
      },
    };
  };
  const end = async (): Promise<void> => {
    for (const one of ended) await one();
    rmSync(folder, { recursive: true });
  };
  return { name, features, fifo: true, open, end };
}
