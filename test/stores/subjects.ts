/** The stores that are put under the laws. */
import type { SchedulerLike } from 'rxjs';
import { memoryStore } from '../../src/stores/memory/index.js';
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
