/** Watches stages at work: what goes through them, where their time goes, and what limits the pipeline. */
import { checkOptions, DURATION, SCHEDULER, type Rule } from '../options.js';
import { Monitor, type MonitorOptions } from './monitor.js';

/**
 * Watches every stage that has it as its `monitor`: counts, drops, waits, and where the time goes; and says which stage limits the pipeline.
 *
 * Use one for each pipeline, or for each process, in production too: what it costs a value is a few nanoseconds, for it looks at the stages
 * some hundred times a second and measures some values and calls of many. Each stage needs a name of its own in it; a name that is subscribed
 * again after it ended goes on counting where it was. While nothing is held and nothing comes it has no timer, and it keeps no process alive.
 *
 * ```ts
 * import { pull, pool } from 'sluice';
 * import { createMonitor } from 'sluice/monitor';
 *
 * const monitor = createMonitor();
 * pull(['ann', 'bob', 'cid'])
 *   .pipe(pool(async (name) => `mail to ${name}`, { name: 'email', concurrency: 2, monitor }))
 *   .subscribe({
 *     complete: () => {
 *       const [email] = monitor.snapshot().stages;
 *       console.log(email?.stage, email?.in, email?.out, email?.dropped, email?.held);
 *     },
 *   });
 * // => email 3 3 0 0
 * ```
 *
 * @returns a monitor, for the option `monitor` of stages
 * @throws OptionError at the call when an option is wrong; in the stream that is subscribed when a stage of that name is at work already
 */
export function createMonitor(options: MonitorOptions = {}): Monitor {
  checkOptions('createMonitor', options, {
    window: WINDOW,
    every: DURATION,
    stallAfter: STALL_AFTER,
    scheduler: SCHEDULER,
  });
  return new Monitor(options);
}

const WINDOW: Rule = [
  'a number of at least 100 (milliseconds)',
  (value: unknown) => Number.isFinite(value) && (value as number) >= 100,
];
const STALL_AFTER: Rule = ['a number above 0 (milliseconds), or Infinity', (value: unknown) => (value as number) > 0];
