/** The servers of Node, by what they have in common: neither they nor their types are needed. */
import { PROBLEM_JSON } from './problem.js';

/** What `admission` needs of a request on Node: that of node:http, Express and Fastify has it. */
export interface NodeRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly socket: { readonly remoteAddress?: string | undefined };
}

/** What has an end. */
export interface Closable {
  readonly destroyed?: boolean;
  once(event: 'close', listener: () => void): unknown;
}

/** A response of Node, as far as its end goes. */
export interface ResponseLike extends Closable {
  readonly headersSent: boolean;
  readonly req?: { readonly socket?: Closable | null | undefined } | undefined;
}

/** What it needs of a response on Node. */
export interface NodeResponse extends ResponseLike {
  statusCode: number;
  getHeader(name: string): number | string | string[] | undefined;
  setHeader(name: string, value: string): unknown;
  end(body: string): unknown;
}

/** What it needs of a reply of Fastify. */
export interface FastifyReplyLike {
  readonly raw: ResponseLike;
  code(status: number): unknown;
  getHeader(name: string): number | string | string[] | undefined;
  header(name: string, value: string): unknown;
  send(body: string): unknown;
}

/** What there is to do to one request, whatever the server. */
export interface Desk {
  /** True when somebody else has answered it, as a time limit for all requests does. */
  readonly isAnswered: boolean;
  /** Sets a header, besides what it says already. */
  tell(name: string, value: string): void;
  /** Answers instead of the handler. */
  refuse(status: number, body: string): void;
  /** Gives the request to the handler, or an error to whoever handles errors. */
  next(error?: unknown): void;
  /** Calls back when the request has been answered, or its caller has gone; may do so twice. */
  onClose(listener: () => void): void;
}

/** A request of node:http, or of Express. A class: an object with functions of its own costs each request more than the limiter does. */
export class NodeDesk implements Desk {
  constructor(
    private readonly response: NodeResponse,
    private readonly handler: ((error?: unknown) => void) | undefined,
  ) {}

  get isAnswered(): boolean {
    return this.response.headersSent;
  }

  tell(name: string, value: string): void {
    const { response } = this;
    response.setHeader(name, joined(response.getHeader(name), value));
  }

  refuse(status: number, body: string): void {
    const { response } = this;
    response.statusCode = status;
    response.setHeader('Content-Type', PROBLEM_JSON);
    response.end(body);
  }

  next(...errors: [error?: unknown]): void {
    (this.handler ?? letIn)(...errors);
  }

  onClose(listener: () => void): void {
    onClose(this.response, listener);
  }
}

export class FastifyDesk implements Desk {
  constructor(
    private readonly reply: FastifyReplyLike,
    private readonly done: (error?: Error) => void,
  ) {}

  get isAnswered(): boolean {
    return this.reply.raw.headersSent;
  }

  tell(name: string, value: string): void {
    const { reply } = this;
    reply.header(name, joined(reply.getHeader(name), value));
  }

  refuse(status: number, body: string): void {
    const { reply } = this;
    reply.code(status);
    reply.header('Content-Type', PROBLEM_JSON);
    reply.send(body);
  }

  next(...errors: [error?: unknown]): void {
    this.done(...(errors as [error?: Error]));
  }

  onClose(listener: () => void): void {
    onClose(this.reply.raw, listener);
  }
}

/**
 * One that has closed already says so no more. One that was pipelined behind another never does when the connection ends before its turn: its
 * socket does.
 */
function onClose(response: ResponseLike, listener: () => void): void {
  const socket = response.req?.socket;
  if (response.destroyed === true || socket?.destroyed === true) return listener();
  const open = openOn(socket);
  open?.add(listener);
  response.once('close', () => {
    open?.delete(listener);
    listener();
  });
}

/** Who is to be told when `socket` closes. One listener for all: Node warns of more than ten. Stand-ins for sockets have none. */
function openOn(socket: Closable | null | undefined): Set<() => void> | undefined {
  if (typeof socket?.once !== 'function') return undefined;
  let open = sockets.get(socket);
  if (open === undefined) {
    const listeners = (open = new Set());
    sockets.set(socket, listeners);
    socket.once('close', () => listeners.forEach((listener) => listener()));
  }
  return open;
}

const sockets = new WeakMap<Closable, Set<() => void>>();

/** Several limits may be told in one header. */
function joined(present: number | string | string[] | undefined, value: string): string {
  return present === undefined ? value : `${present.toString()}, ${value}`;
}

/** Where there is no `next`: lets in by what is returned. */
function letIn(...errors: unknown[]): void {
  if (errors.length > 0) throw errors[0];
}
