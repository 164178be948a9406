/** What `call` promises. Some stores throw at the call: that is as if the promise was rejected. */
export function asked<R>(call: () => Promise<R>): Promise<R> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error);
  }
}
