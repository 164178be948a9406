/** Operators that give one source to several subscribers, through a Subject. */
import { connect, connectable, defer, share, shareReplay, type Observable } from 'rxjs';
import type { Probe } from '../run.js';
import { boundary, piped, type Row } from './row.js';

export const perConsumer = '`broadcast(source, …)`, or the stage that limits before it, as in `pool(…), share()`';
export const cut = {
  note: 'Its Subject ends the chain along which demand is found: the source reads as if nobody limited.',
};

/** Connected as soon as it is subscribed. */
const connected = ({ source }: Probe): Observable<unknown> =>
  defer(() => {
    const shared = connectable(source());
    queueMicrotask(() => shared.connect());
    return shared;
  });

export const sharing: readonly Row[] = [
  boundary('connect(shared => shared)', piped(connect((shared) => shared)), perConsumer, cut),
  boundary('connectable(pull(…))', connected, perConsumer, cut),
  boundary('share()', piped(share()), perConsumer, cut),
  boundary('shareReplay()', piped(shareReplay()), perConsumer, {
    note: `${cut.note} Without a \`bufferSize\` it keeps every value.`,
  }),
  boundary('shareReplay(1)', piped(shareReplay(1)), perConsumer, cut),
];
