/** After each test nothing may be left over: no timer, no listener, no handle. */
import { beforeEach, onTestFinished } from 'vitest';
import { leakCheck } from '../src/testing/leakCheck.js';

/** Node's own: the check wraps the global one. */
const immediate = setImmediate;

beforeEach(({ signal }) => {
  // vitest listens to its own signal while the test runs: that listener goes past the check.
  signal.addEventListener = EventTarget.prototype.addEventListener.bind(signal);
  const leaks = leakCheck();
  // Callbacks run last in, first out: this one after whatever the test itself tidies up.
  onTestFinished(async () => {
    // What ends with the turn of the event loop is not left over: the memory store waits for one now and then.
    for (let turn = 0; turn < 3; turn++) await new Promise<void>((resolve) => void immediate(resolve));
    await leaks.check();
  });
});
