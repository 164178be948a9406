import { SourceError } from '../../errors.js';
import { reportUnhandled } from '../unhandled.js';

/** Lets an input go; what that throws is reported, for there is no stream left to carry it. */
export function letGo(input: { return?(): unknown }): void {
  const report = (cause: unknown): void =>
    reportUnhandled(new SourceError('The source threw while it was let go', cause));
  try {
    const closing = input.return?.();
    Promise.resolve(closing).catch(report); // thenables too
  } catch (error) {
    report(error);
  }
}
