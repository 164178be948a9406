/** The servers of Node, each behind the same admission, and a client that sends what it is told. */
import { once } from 'node:events';
import { createServer, request, type IncomingHttpHeaders, type OutgoingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { serve } from '@hono/node-server';
import express from 'express';
import fastify from 'fastify';
import { Hono } from 'hono';
import { admission, clientAddress, type AdmissionOptions, type NodeRequest } from '../../src/http/index.js';

/** What every server is tested with. */
export type Options = Omit<AdmissionOptions<unknown>, 'key'>;
export type Handler = () => string | Promise<string>;

export interface Running {
  readonly port: number;
  close(): Promise<void>;
}

/** Runs each server with `handler`; an error of the handler is answered 500. */
export const servers: Record<string, (options: Options, handler: Handler) => Promise<Running>> = {
  'node:http': (options, handler) => {
    const admit = admission(options as AdmissionOptions<NodeRequest>);
    return listening(
      createServer((request, response) => {
        const answer = (): void => {
          void Promise.resolve(handler()).then((body) => response.end(body));
        };
        admit.node(request, response, (error) => {
          if (error === undefined) return answer();
          response.statusCode = 500;
          response.end();
        });
      }),
    );
  },
  Express: (options, handler) => {
    const app = express();
    app.set('env', 'test'); // it reports errors otherwise
    app.use(admission(options as AdmissionOptions<NodeRequest>).node);
    app.use((_request, response, next) => void Promise.resolve(handler()).then((body) => response.send(body), next));
    return listening(createServer(app as never));
  },
  Fastify: async (options, handler) => {
    const app = fastify();
    app.addHook('onRequest', admission(options as AdmissionOptions<NodeRequest>).fastify);
    app.get('/', handler);
    await app.listen({ port: 0, host: '127.0.0.1' });
    return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
  },
  Hono: async (options, handler) => {
    interface Env {
      Bindings: { incoming: { socket: { remoteAddress?: string } } };
    }
    const remotes = new WeakMap<Request, string | undefined>();
    const { trustProxy, proxyHeader } = options;
    const admit = admission<Request>({
      ...options,
      key: (request) => clientAddress(remotes.get(request), request.headers, { trustProxy, proxyHeader }),
    });
    const app = new Hono<Env>();
    app.use((context, next) => {
      remotes.set(context.req.raw, context.env.incoming.socket.remoteAddress);
      return admit.fetch(context.req.raw, async () => {
        await next();
        return context.res;
      });
    });
    app.get('/', async (context) => context.text(await handler()));
    app.onError((error) => ('getResponse' in error ? error.getResponse() : new Response('', { status: 500 })));
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
    if (!server.listening) await once(server, 'listening');
    return running(server);
  },
};

/** Starts `server` on a port of its own. */
export async function listening(server: Server, host = '127.0.0.1'): Promise<Running> {
  server.listen(0, host);
  await once(server, 'listening');
  return running(server);
}

function running(server: Server): Running {
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request over a connection of its own. */
export async function get(
  port: number,
  headers: OutgoingHttpHeaders = {},
  options: { host?: string; path?: string; method?: string; signal?: AbortSignal } = {},
): Promise<Reply> {
  const sent = request({ host: '127.0.0.1', port, agent: false, headers, ...options }).end();
  const [response] = (await once(sent, 'response')) as [import('node:http').IncomingMessage];
  const closed = once(sent, 'close');
  const body = await text(response);
  await closed;
  return { status: response.statusCode!, headers: response.headers, body };
}

/** `fetch` over a connection of its own: the global one keeps connections and timers. */
export const overHttp: typeof fetch = (input, init) =>
  new Promise((resolve, reject) => {
    const sent = request(input as string, { agent: false, method: init?.method }, (response) => {
      const headers = Object.entries(response.headers) as [string, string][];
      const body = Readable.toWeb(response) as ReadableStream;
      resolve(new Response(body, { status: response.statusCode!, headers }));
    });
    sent.on('error', reject).end(init?.body);
  });
