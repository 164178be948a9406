/** docs/examples/graceful: a real process under load is told to stop by a real signal, and each order that it accepted is accounted for. */
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { DrainReceipt } from 'sluice';
import { root } from '../package/project.js';

interface Message {
  readonly address?: { readonly port: number };
  readonly stopping?: true;
  readonly receipt?: Omit<DrainReceipt, 'stages'>;
  readonly back?: readonly string[];
}

class Service {
  private readonly messages: Message[] = [];
  private told = (): void => undefined;
  readonly exited: Promise<unknown[]>;

  constructor(
    private readonly process: ChildProcess,
    private readonly log: string,
  ) {
    process.on('message', (message) => {
      this.messages.push(message as Message);
      this.told();
    });
    this.exited = once(process, 'exit');
  }

  /** The first message that has `key`, once there is one. */
  async message<K extends keyof Message>(key: K): Promise<Required<Message>[K]> {
    for (;;) {
      const found = this.messages.find((message) => key in message);
      if (found !== undefined) return found[key] as Required<Message>[K];
      await new Promise<void>((resolve) => (this.told = resolve));
    }
  }

  stop(): void {
    this.process.kill('SIGTERM');
  }

  get done(): string[] {
    return readFileSync(this.log, { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1);
  }
}

function start(within: number): Service {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-'));
  const log = join(folder, 'done.log');
  const child = fork(join(root, 'docs/examples/graceful/service.mjs'), [log, String(within)]);
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true });
  });
  return new Service(child, log);
}

/** Clients that post orders, one after the other, until they are refused for good. */
class Load {
  readonly accepted: string[] = [];
  readonly statuses = new Map<number | 'none', number>();
  private readonly agent = new Agent({ keepAlive: true });
  private readonly clients: Promise<void>[];
  private next = 0;
  private enough = { count: Infinity, reached: (): void => undefined };

  constructor(
    private readonly port: number,
    clients: number,
  ) {
    this.clients = Array.from({ length: clients }, () => this.client());
  }

  accepts(count: number): Promise<void> {
    return new Promise((reached) => (this.enough = { count, reached }));
  }

  async over(): Promise<void> {
    await Promise.all(this.clients);
    this.agent.destroy();
  }

  private async client(): Promise<void> {
    for (;;) {
      const order = `order ${this.next++}`;
      const status = await this.post(order);
      this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1);
      if (status === 202 && this.accepted.push(order) === this.enough.count) this.enough.reached();
      if (status === 'none' || status === 503) return;
    }
  }

  private post(order: string): Promise<number | 'none'> {
    return new Promise((resolve) => {
      const post = request({ agent: this.agent, port: this.port, host: '127.0.0.1', method: 'POST' }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode!));
      });
      post.on('error', () => resolve('none')).end(order);
    });
  }
}

test('docs/drain.md shows the very code', () => {
  expect(readFileSync(join(root, 'docs/drain.md'), 'utf8')).toContain(
    readFileSync(join(root, 'docs/examples/graceful/service.mjs'), 'utf8'),
  );
});

const SLOW = { timeout: 60_000 };

test('SIGTERM under load: what was accepted is done, and the exit code is 0', SLOW, async () => {
  const service = start(60_000);
  const load = new Load((await service.message('address')).port, 20);
  await load.accepts(150);
  service.stop();
  const receipt = await service.message('receipt');
  await load.over();
  expect(await service.exited).toEqual([0, null]);
  expect(service.done.sort()).toEqual(load.accepted.sort());
  expect(receipt).toMatchObject({ released: 0, dropped: 0, abandoned: 0, ended: 'complete' });
  expect(receipt.done).toBeGreaterThan(0);
  expect(await service.message('back')).toEqual([]);
});

test('when the time is up, what was accepted is done or handed back', SLOW, async () => {
  const service = start(0);
  const load = new Load((await service.message('address')).port, 20);
  await load.accepts(150);
  service.stop();
  const [receipt, back] = [await service.message('receipt'), await service.message('back')];
  await load.over();
  expect(await service.exited).toEqual([0, null]);
  expect([...service.done, ...back].sort()).toEqual(load.accepted.sort());
  expect(receipt).toMatchObject({ dropped: 0, ended: 'time' });
  expect(receipt.released + receipt.abandoned).toBe(back.length);
  expect(receipt.abandoned).toBeGreaterThan(0);
});

test('a second SIGTERM cuts it short', SLOW, async () => {
  const service = start(60_000);
  const load = new Load((await service.message('address')).port, 50);
  await load.accepts(300);
  service.stop();
  await service.message('stopping');
  service.stop();
  const [receipt, back] = [await service.message('receipt'), await service.message('back')];
  await load.over();
  expect(await service.exited).toEqual([0, null]);
  expect([...service.done, ...back].sort()).toEqual(load.accepted.sort());
  expect(receipt.released + receipt.abandoned).toBe(back.length);
});

test('an order that breaks off in the middle does no harm', SLOW, async () => {
  const service = start(60_000);
  const { port } = await service.message('address');
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  socket.write('POST / HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\norder');
  await once(socket, 'data'); // the service reads the body
  service.stop();
  expect(await service.message('receipt')).toMatchObject({ done: 0, ended: 'complete' });
  expect(await service.exited).toEqual([0, null]);
});

test('SIGTERM when idle ends at once', SLOW, async () => {
  const service = start(2 ** 31);
  await service.message('address');
  service.stop();
  expect(await service.message('receipt')).toEqual({
    ...{ done: 0, released: 0, dropped: 0, abandoned: 0 },
    ended: 'complete',
  });
  expect(await service.exited).toEqual([0, null]);
});
