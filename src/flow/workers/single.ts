import { Observable } from 'rxjs';
import { demandOf } from '../demand.js';

/** The result of a promise, given when it is asked for: RxJS's `from` would give it at once, room or not. */
export function single<R>(promise: PromiseLike<R>): Observable<R> {
  return new Observable((subscriber) => {
    const demand = demandOf(subscriber);
    promise.then(
      (result) => {
        const give = (): void => {
          if (subscriber.closed || demand.requested <= 0) return;
          subscriber.next(result);
          subscriber.complete();
        };
        give();
        if (!subscriber.closed) subscriber.add(demand.onRequest(give));
      },
      (error: unknown) => subscriber.error(error),
    );
  });
}
