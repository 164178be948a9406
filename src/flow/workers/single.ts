import { Observable } from 'rxjs';
import { demandOf } from '../demand.js';

/** The result of a promise, given when it is asked for: RxJS's `from` would give it at once, room or not. */
export function single<R>(promise: PromiseLike<R>): Observable<R> {
  return new Observable((subscriber) => {
    const demand = demandOf(subscriber);
    promise.then(
      (result) => {
        let given = false;
        const give = (): void => {
          if (given || subscriber.closed || demand.requested <= 0) return;
          given = true; // to take it may be to ask for more
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
