/** Flow control at the edge: which requests a server lets in, and how a client heeds what servers say. No Node API, no framework. */
import type { Admission as AnyAdmission } from './admission.js';
import type { Exchange as AnyExchange } from './exchange.js';

export { admission, type AdmissionOptions, type Visit } from './admission.js';
export type { FastifyReplyLike, NodeRequest, NodeResponse } from './desk.js';
export { clientAddress, type ClientAddressOptions, type HeadersLike } from './clientAddress.js';
export { politeFetch, type PoliteFetchOptions } from './politeFetch.js';
export { refuse, requestReply, type RequestReply, type RequestReplyOptions } from './requestReply.js';

// Types without their classes, which only functions of ours make.
/** What `admission` returns. */
export type Admission<R> = AnyAdmission<R>;
/** A request on its way through the pipeline of `requestReply`, and the one who waits for its reply. */
export type Exchange<T> = AnyExchange<T>;
