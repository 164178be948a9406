/** Which errors say that the other side is overloaded. */
import { WorkerTimeoutError } from '../../errors.js';

/** A timeout, or an HTTP status of 429, 503 or 504, as `status` or `statusCode` of the error or its response. */
export function isOverload(error: unknown): boolean {
  if (error instanceof WorkerTimeoutError) return true;
  const { name, code, status, statusCode, response } = (error ?? {}) as Record<string, unknown>;
  if (name === 'TimeoutError' || code === 'ETIMEDOUT') return true;
  const nested = (response ?? {}) as Record<string, unknown>;
  return [status, statusCode, nested['status'], nested['statusCode']].some((it) =>
    [429, 503, 504].includes(it as number),
  );
}
