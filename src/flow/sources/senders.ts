/** Callers of a queue's `send` that wait for room: first come, first served. */
export class Senders<T> {
  /** One that gives up leaves from the middle. */
  private readonly waiting = new Set<Sender<T>>();

  get size(): number {
    return this.waiting.size;
  }

  /** Resolves when the value is taken by `admit`, and rejects when it is refused, or the signal aborts. */
  wait(value: T, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (answer: () => void): void => {
        this.waiting.delete(sender);
        signal?.removeEventListener('abort', abort);
        answer();
      };
      const sender: Sender<T> = {
        value,
        accept: () => settle(resolve),
        refuse: (error) => settle(() => reject(error)),
      };
      const abort = (): void => sender.refuse(signal?.reason as Error);
      signal?.addEventListener('abort', abort);
      this.waiting.add(sender);
    });
  }

  /** The first in line. */
  get first(): Sender<T> | undefined {
    for (const sender of this.waiting) return sender;
    return undefined;
  }

  refuse(error: Error): void {
    for (const sender of this.waiting) sender.refuse(error);
  }
}

interface Sender<T> {
  readonly value: T;
  /** Ends the wait: the value is in the queue. */
  readonly accept: () => void;
  /** Ends the wait: the value is not taken. */
  readonly refuse: (error: Error) => void;
}
