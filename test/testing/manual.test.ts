import { retry } from 'rxjs';
import { describe, expect, test } from 'vitest';
import { boundedBuffer } from '../../src/index.js';
import { ManualConsumer, ManualSource } from '../../src/testing/index.js';

describe('ManualSource', () => {
  test('with several subscribers, a value on demand waits until each of them asks for it', () => {
    const source = new ManualSource<number>();
    const [first, last] = [new ManualConsumer(source), new ManualConsumer(source)];
    last.request(2);
    source.sendOnDemand(1);
    expect([source.requested, source.unsent, first.values, last.values]).toEqual([0, 1, [], []]);
    first.request(1);
    expect([source.requested, source.unsent, first.values, last.values]).toEqual([0, 0, [1], [1]]);
    first.unsubscribe();
    expect(source.requested).toBe(1);
  });

  test('what waits for a subscriber that is gone is sent to those that ask', () => {
    const source = new ManualSource<number>();
    const [slow, ready] = [new ManualConsumer(source), new ManualConsumer(source)];
    ready.request(1);
    source.sendOnDemand(1);
    slow.unsubscribe();
    expect([source.unsent, ready.values]).toEqual([0, [1]]);
  });

  test('nothing unsent goes to one of several that are ended', () => {
    const source = new ManualSource<number>();
    const [slow, ready] = [new ManualConsumer(source), new ManualConsumer(source)];
    ready.request(1);
    source.sendOnDemand(1);
    source.complete();
    expect([slow.end, ready.end, ready.values, source.unsent]).toEqual(['complete', 'complete', [], 1]);
  });

  test('one that subscribes again while the others end gets what waits', () => {
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 1 }), retry(1)));
    source.sendOnDemand(1);
    source.sendOnDemand(2);
    source.error(new Error('first'));
    consumer.request(2);
    expect([consumer.values, source.unsent, source.subscriptions]).toEqual([[1, 2], 0, 2]);
  });

  test('ends at once, and keeps what is unsent for the next subscriber', () => {
    const source = new ManualSource<number>();
    const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 1 })));
    source.sendOnDemand(1);
    source.sendOnDemand(2);
    source.complete();
    consumer.request(9);
    expect([consumer.values, consumer.end, source.unsent]).toEqual([[1], 'complete', 1]);
    const next = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 1 })));
    next.request(1);
    expect([next.values, source.unsent]).toEqual([[2], 0]);
  });
});
