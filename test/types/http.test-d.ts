/** What the compiler infers for sluice/http, and that servers take it. Checked by `npm run typecheck`; nothing here runs. */
import { createServer, type IncomingMessage } from 'node:http';
import express, { type Request as ExpressRequest } from 'express';
import fastify, { type FastifyRequest } from 'fastify';
import { Hono } from 'hono';
import { pool, rateLimit, shed, tokenBucket, type Limiter } from 'sluice';
import { admission, politeFetch, refuse, requestReply, type RequestReply, type Visit } from 'sluice/http';
import { expectTypeOf } from 'vitest';

const limiter: Limiter = tokenBucket({ rate: 1 });

// One admission fits each server of Node, without the server's types, and its options may look at the server's requests.
const admit = admission({ limiter, trustProxy: 1 });
createServer((request, response) => expectTypeOf(admit.node(request, response)).toEqualTypeOf<boolean>());
express().use(admit.node);
fastify().addHook('onRequest', admit.fastify);
express().use(admission<ExpressRequest>({ limiter, key: ({ path }) => path }).node);
fastify().addHook('onRequest', admission<FastifyRequest>({ limiter, cost: ({ url }) => url.length }).fastify);

// @ts-expect-error a promise is a new key each time
admission({ limiter, key: async () => 'ada' });
// @ts-expect-error an object too
admission({ limiter, key: () => ({ user: 'ada' }) });

// What has Fetch.
const byKey = admission({ limiter, key: (request: Request) => request.headers.get('authorization') });
expectTypeOf(byKey.fetch(new Request('https://shop.example'))).toEqualTypeOf<Response | undefined>();
expectTypeOf(byKey.fetch(new Request('https://shop.example'), () => new Response())).toEqualTypeOf<Promise<Response>>();
new Hono().use(async (context, next) => byKey.fetch(context.req.raw) ?? next());
// @ts-expect-error a request of Fetch has no socket: there has to be a key
void admit.fetch(new Request('https://shop.example'));

// A pipeline of exchanges: each stage knows what the one before made, and the reply is what comes out.
const order = requestReply<{ id: number }, string>((orders) =>
  orders.pipe(
    shed({ capacity: 1, priority: ({ value }) => value.id, onDrop: refuse }),
    pool((exchange) => exchange.run(async ({ id }) => id.toFixed()), { concurrency: 1 }),
    rateLimit({ rate: 1, excess: 'drop', onDrop: refuse }),
    pool((exchange, { signal }) => exchange.run((text) => (signal.aborted ? '' : text.trim())), { concurrency: 1 }),
  ),
);
expectTypeOf(order).toEqualTypeOf<RequestReply<{ id: number }, string>>();
expectTypeOf(order({ id: 1 })).toEqualTypeOf<Promise<string>>();
// @ts-expect-error what goes in is an order
void order('one');
// @ts-expect-error what comes out is not what was promised
requestReply<string, number>((names) => names);

// Turns for requests of any server, or of one.
const anybody = requestReply<Visit<unknown>, unknown>((visits) => visits);
admission({ turns: anybody });
admission<Request>({ turns: anybody });
admission<IncomingMessage>({
  turns: requestReply<Visit<IncomingMessage>, unknown>((visits) =>
    visits.pipe(shed({ capacity: 1, priority: ({ value }) => value.request.url!.length })),
  ),
});

expectTypeOf(politeFetch()).toEqualTypeOf<typeof fetch>();
// @ts-expect-error an unknown option
politeFetch({ retries: 3 });
