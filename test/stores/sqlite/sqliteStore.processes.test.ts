/** Several processes on one file. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { bundle, folder, FOREVER, message, open, outcome, queueOf } from './helpers.js';

interface Setting {
  readonly path: string;
  /** A process that runs `script`, in which there are `group`, `topic`, `message`, `outcome`, `FOREVER`. */
  readonly start: (script: string) => ChildProcess;
}

function setUp(): Setting {
  const dir = folder();
  const path = join(dir, 'a.db');
  const entry = bundle(dir);
  let count = 0;
  return {
    path,
    start: (script) => {
      const file = join(dir, `${count++}.mjs`);
      writeFileSync(
        file,
        `import { sqliteStore } from ${JSON.stringify(entry)};
        const store = sqliteStore({ path: ${JSON.stringify(path)} });
        const topic = store.topic('queue', { order: 'none', capacity: Infinity, dedupeWindow: 1 });
        const group = topic.group('', { visibilityTimeout: 300, retention: Infinity });
        const FOREVER = new AbortController().signal;
        const none = { key: undefined, headers: undefined, deadline: undefined, dedupeId: undefined };
        const message = (body) => ({ body, ...none, priority: 0, publishedAt: 1, notBefore: 0 });
        const outcome = (message) => ({ message, kind: 'ack', delay: 0, reason: undefined, error: undefined });
        ${script}`,
      );
      const child = fork(file, { execArgv: [], stdio: 'inherit' });
      onTestFinished(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      });
      return child;
    },
  };
}

test('compete: each message is handled by one of them', async () => {
  const { path, start } = setUp();
  const { topic } = queueOf(open({ path }));
  await topic.put(
    Array.from({ length: 600 }, (_, index) => message(String(index))),
    false,
  );
  const consumer = `
    const handled = [];
    const stop = new AbortController();
    process.on('message', () => stop.abort());
    process.send('ready');
    for (;;) {
      const taken = await group.take(7, stop.signal);
      if (taken.length === 0) break;
      await group.settle(taken.map(outcome));
      handled.push(...taken.map(({ body }) => body));
      process.send(taken.length);
    }
    process.send(handled, () => process.disconnect());
    await store.close();`;
  const children = [start(consumer), start(consumer)];
  let left = 600;
  const handled: string[] = [];
  await Promise.all(
    children.map(async (child) => {
      child.on('message', (sent: 'ready' | number | string[]) => {
        if (Array.isArray(sent)) handled.push(...sent);
        else if (typeof sent === 'number' && (left -= sent) === 0) for (const each of children) each.send('stop');
      });
      await once(child, 'exit');
    }),
  );
  expect(handled.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 600 }, (_, index) => index));
});

test('wake each other, and end by themselves when nobody waits', async () => {
  const { path, start } = setUp();
  const { topic, group } = queueOf(open({ path }));
  const child = start(`
    process.send('waits');
    const [ping] = await group.take(1, FOREVER);
    await group.settle([outcome(ping)]);
    await topic.put([message('pong')], false);
    process.disconnect(); // the store is not closed`);
  await once(child, 'message');
  await topic.put([message('ping')], false);
  const exit = once(child, 'exit');
  let taken = await group.take(1, FOREVER);
  // This process may have been the faster one: then it hands it over.
  while (taken[0]!.body === 'ping') {
    await group.settle([outcome(taken[0]!, 'nack', 200)]);
    taken = await group.take(1, FOREVER);
  }
  expect(taken[0]!.body).toBe('pong');
  expect(await exit).toEqual([0, null]);
});

test('what a process held that was killed comes again when its lease is over', async () => {
  const { path, start } = setUp();
  const { topic, group } = queueOf(open({ path }));
  await topic.put([message('a')], false);
  const child = start(`
    await group.take(1, FOREVER);
    process.send('taken');
    setInterval(() => {}, 1_000);`);
  await once(child, 'message');
  child.kill('SIGKILL');
  const [again] = await group.take(1, FOREVER);
  expect(again).toMatchObject({ body: 'a', attempt: 2 });
});

test('what was acknowledged before a process was killed is there', async () => {
  const { path, start } = setUp();
  const child = start(`
    for (let nr = 0; ; nr++) {
      await topic.put([message(String(nr))], false);
      process.send(nr);
    }`);
  let acknowledged = -1;
  child.on('message', (nr: number) => {
    acknowledged = nr;
    if (nr === 50) child.kill('SIGKILL');
  });
  await once(child, 'exit');
  const { group } = queueOf(open({ path }));
  const there = await group.take(10_000, FOREVER);
  expect(acknowledged).toBeGreaterThanOrEqual(50);
  expect(there.length).toBeGreaterThan(acknowledged);
  expect(there.map(({ body }) => Number(body))).toEqual(there.map((_, index) => index));
});

test('those that open a new file at once do not get into the way of each other', async () => {
  const { path, start } = setUp();
  const children = Array.from({ length: 3 }, () => start(`await store.close(); process.disconnect();`));
  const codes = await Promise.all(children.map((child) => once(child, 'exit')));
  expect(codes).toEqual([
    [0, null],
    [0, null],
    [0, null],
  ]);
  expect(await queueOf(open({ path })).group.count!()).toMatchObject({ oldest: undefined });
});
