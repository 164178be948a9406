// The third part: the service is killed half-way and started again; what it had accepted is mailed, once the e-mail service can.
// @ts-check
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { post } from './customers.mjs';
import { end, message, start } from './processes.mjs';
import { count, table } from './table.mjs';

/** What the e-mail service can take is 8 / 20 ms = 400 a second. */
const RATE = 300;
/** What the service has taken and the store has no answer for: what can come twice after a kill. */
const IN_FLIGHT = 16;
/** Every so many orders, one has an address that the e-mail service can not reach. */
const UNREACHABLE = 40;

/** Runs the service twice on one database and returns what must hold. @param {number} seconds @returns {Promise<[string, boolean][]>} */
export async function durable(seconds) {
  console.log(
    `\n${RATE} orders a second to a service that keeps them in SQLite, is killed (SIGKILL) half-way and started again:` +
      '\nHTTP → publish, 202 → deliveries → handle(8): retries with backoff → dead letters → redrive',
  );
  const folder = await mkdtemp(join(tmpdir(), 'orders-'));
  const database = join(folder, 'orders.db');
  const mailServer = start('recordingMailServer.mjs');
  const { port: mailPort } = await message(mailServer, 'address');
  let id = 0;
  const order = () => {
    const host = ++id % UNREACHABLE === 0 ? 'unreachable.example' : 'example.org';
    return { id, item: 'book', email: `reader${id}@${host}` };
  };

  /** One life of the service. */
  const live = async () => {
    const service = start('durableService.mjs', database, mailPort);
    const { port } = await message(service, 'address');
    let at = 0;
    /** @type {any} */
    let last;
    service.on('message', (/** @type {any} */ { report }) => {
      if (!report) return;
      last = report;
      if (Date.now() - at < 900) return;
      at = Date.now();
      const { sent, ready, inFlight, delayed, dead } = report;
      const cells = [`sent ${count(sent)}`, `waiting ${count(ready)}`, `in flight ${inFlight}`];
      console.log(`${cells.join('  ')}  wait for a retry ${delayed}  dead letters ${dead}`);
    });
    return { service, port, stats: () => last };
  };

  const first = await live();
  let running = true;
  const half = Math.max(1, seconds / 2) * 1_000;
  const posting = post({ port: first.port, rate: RATE, order, going: () => running });
  await setTimeout(half);
  first.service.kill('SIGKILL');
  running = false;
  const before = await posting;
  console.log(`kill -9: ${count(before.accepted.length)} orders were accepted till then`);

  const second = await live();
  const until = performance.now() + half;
  const after = await post({ port: second.port, rate: RATE, order, going: () => performance.now() < until });
  await settled(second.stats);
  second.service.send('dead letters');
  const letters = await message(second.service, 'letters');
  const [letter] = letters;
  console.log(
    `${count(letters.length)} dead letters, the first: order ${letter?.id}, ${letter?.attempts} attempts, ${letter?.error}`,
  );
  mailServer.send('repair');
  second.service.send('redrive');
  const redriven = await message(second.service, 'redriven');
  console.log(`the e-mail service is repaired: ${count(redriven)} dead letters are redriven`);
  await settled(second.stats);
  second.service.send('finish');
  const final = await message(second.service, 'final');
  mailServer.send('count');
  const mails = await message(mailServer, 'mails');
  await end(second.service, mailServer);
  await rm(folder, { recursive: true });

  const accepted = [...before.accepted, ...after.accepted];
  const sent = new Map(mails.sent);
  const unsent = accepted.filter((order) => !sent.has(order)).length;
  const twice = [...sent.values()].filter((times) => times > 1).length;
  const unanswered = before.unanswered + after.unanswered;
  const known = new Set(accepted);
  const others = [...sent.keys()].filter((order) => !known.has(/** @type {number} */ (order))).length;
  console.log(
    `\n${table([
      ['both lives', 'orders'],
      ['accepted (202)', count(accepted.length)],
      ['  before the kill', count(before.accepted.length)],
      ['  after it', count(after.accepted.length)],
      ['not answered: the service was killed', count(unanswered)],
      ['  of these on disk, and mailed', count(others)],
      ['mailed', count(sent.size)],
      ['  more than once', count(twice)],
      ['  after they had been dead letters', count(redriven)],
      ['accepted and not mailed', count(unsent)],
    ])}`,
  );
  const left = final.ready + final.delayed + final.blocked + final.inFlight + final.dead;
  return [
    ['durable: every order that was accepted was mailed, over both lives', unsent === 0 && accepted.length > 0],
    ['durable: mailed = accepted + unanswered that were on disk', sent.size === accepted.length + others],
    [`durable: none was mailed twice but what was in flight at the kill (${IN_FLIGHT} at most)`, twice <= IN_FLIGHT],
    ['durable: what could not be mailed became a dead letter after 3 attempts, and was redriven', redriven > 0],
    ['durable: nothing is left in the queue, nor among the dead letters', left === 0],
  ];
}

/** Waits until all that is in the queue is done or dead. @param {() => any} stats */
async function settled(stats) {
  for (let quiet = 0; quiet < 3;) {
    await setTimeout(260);
    const { ready, delayed, blocked, inFlight } = stats() ?? { ready: 1 };
    quiet = ready + delayed + blocked + inFlight === 0 ? quiet + 1 : 0;
  }
}
