// The crash proof: processes that publish to and consume from one SQLite file are killed with SIGKILL at random instants, and at the end
// nothing that was acknowledged is missing. `node bench/crash/run.mjs --kills 500 [--seed 1] [--durability normal] [--json]`
// @ts-check
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { verify } from './verify.mjs';

const { values: options } = parseArgs({
  options: {
    kills: { type: 'string', default: '500' },
    seed: { type: 'string', default: String(Date.now() % 1e9) },
    durability: { type: 'string', default: 'full' },
    json: { type: 'boolean' },
  },
});
const KILLS = Number(options.kills);
const PUBLISHERS = 2;
const CONSUMERS = 2;
const KEYS = 8;
/** Milliseconds between two kills, at most. */
const PAUSE = 600;

let seed = Number(options.seed);
/** Mulberry32: the same seed, the same choices; what the processes do meanwhile differs. */
const random = () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const folder = mkdtempSync(join(tmpdir(), 'sluice-crash-'));
const database = join(folder, 'orders.db');
const logOf = (/** @type {string} */ name) => join(folder, `${name}.log`);

/** When which life was killed. @type {Map<string, bigint>} */
const kills = new Map();
const killed = { publisher: 0, consumer: 0, checkpointer: 0 };
let lives = 0;
let stopping = false;
/** What the consumers last said of the queue. @type {any} */
let stats;

/** A process that is started again when it was killed. */
class Role {
  /** @param {keyof typeof killed} kind @param {(life: string) => (string | number)[]} args */
  constructor(kind, args) {
    this.kind = kind;
    this.args = args;
    this.start();
  }

  start() {
    this.life = String(lives++);
    const script = fileURLToPath(new URL(`${this.kind}.mjs`, import.meta.url));
    this.child = fork(script, this.args(this.life).map(String), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (message) => (stats = this.kind === 'consumer' ? message : stats));
    this.exited = once(this.child, 'exit');
    const { life } = this;
    this.child.on('exit', (code, signal) => {
      if (signal !== 'SIGKILL' && !stopping) {
        console.error(`${this.kind} ${life} ended by itself: ${code ?? signal}`);
        process.exitCode = 1;
      }
    });
  }

  async kill() {
    const { child, exited } = this;
    child?.kill('SIGKILL');
    await exited;
    kills.set(this.life ?? '', process.hrtime.bigint()); // after the end: what it wrote was written before
    killed[this.kind]++;
    this.start();
  }

  async stop() {
    this.child?.send('stop');
    await this.exited;
  }
}

const publishers = Array.from(
  { length: PUBLISHERS },
  (_, i) => new Role('publisher', () => [database, logOf(`publisher${i}`), i * KEYS, KEYS, options.durability]),
);
const consumers = Array.from(
  { length: CONSUMERS },
  (_, i) => new Role('consumer', (life) => [database, logOf(`consumer${i}`), life, options.durability]),
);
const started = Date.now();
await setTimeout(500);
const checkpointer = new Role('checkpointer', () => [database]);

for (let i = 0; i < KILLS; i++) {
  await setTimeout(random() * PAUSE);
  const roles = [...publishers, ...consumers, ...consumers, checkpointer];
  await roles[Math.floor(random() * roles.length)]?.kill();
  if (!options.json && (i + 1) % 50 === 0) console.log(`${i + 1} kills`);
}

stopping = true;
await Promise.all(publishers.map((publisher) => publisher.stop()));
stats = undefined;
while (stats === undefined || stats.ready + stats.delayed + stats.blocked + stats.inFlight > 0) await setTimeout(50);
await Promise.all(consumers.map((consumer) => consumer.stop()));
checkpointer.child?.kill('SIGKILL');
await checkpointer.exited;

const integrity = () => {
  const sql = 'PRAGMA integrity_check';
  try {
    return new (createRequire(import.meta.url)('better-sqlite3'))(database).pragma('integrity_check', { simple: true });
  } catch {
    const { DatabaseSync } = /** @type {any} */ (process).getBuiltinModule('node:sqlite');
    return new DatabaseSync(database).prepare(sql).get().integrity_check;
  }
};
const { wrong, ...figures } = verify({
  publishers: publishers.map((_, i) => logOf(`publisher${i}`)),
  consumers: consumers.map((_, i) => logOf(`consumer${i}`)),
  kills,
});
const integrityOf = integrity();
if (integrityOf !== 'ok') wrong.push(`the database is damaged: ${integrityOf}`);
if (stats.dead > 0) wrong.push(`${stats.dead} messages are dead letters`);
const report = {
  kills: KILLS,
  killed,
  seconds: Math.round((Date.now() - started) / 1_000),
  ...figures,
  database: `${(statSync(database).size / 1e6).toFixed(1)} MB, integrity ${integrityOf}`,
  wrong,
};
console.log(options.json ? JSON.stringify(report) : report);
if (wrong.length > 0) process.exitCode = 1;
else rmSync(folder, { recursive: true });
