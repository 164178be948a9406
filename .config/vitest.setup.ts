/** After each test nothing may be left over: no timer, no listener, no handle. */
import { beforeEach, onTestFinished } from 'vitest';
import { leakCheck } from '../src/testing/leakCheck.js';

beforeEach(({ signal }) => {
  // vitest listens to its own signal while the test runs: that listener goes past the check.
  signal.addEventListener = EventTarget.prototype.addEventListener.bind(signal);
  const leaks = leakCheck();
  // Callbacks run last in, first out: this one after whatever the test itself tidies up.
  onTestFinished(() => leaks.check());
});
