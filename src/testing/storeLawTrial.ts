/** How a law of stores is tried: by random scripts of steps, by random interleavings, or by examples. */
import type * as FastCheck from 'fast-check';
import { OptionError } from '../errors.js';
import type { StoreFeatures } from '../queue/store.js';
import { loadFastCheck } from './fastCheck.js';
import type { LawParameters } from './lawTrial.js';
import { StoreRun, type StoreRunOptions } from './storeRun.js';
import { doStep, drain, type StoreStepKind } from './storeSteps.js';
import type { StoreSetting, StoreSubject } from './storeSubject.js';

/** A law of stores. */
export interface StoreLaw {
  readonly name: string;
  /** The point of docs/semantics.md that it holds, or `port` for what src/queue/store.ts says. */
  readonly semantics: string;
  /** Whether it is about a store that has these. */
  applies(features: StoreFeatures): boolean;
  /**
   * Rejects when `subject` breaks the law: how, the seed, the path and the smallest script that was found.
   *
   * @throws OptionError when the law does not apply to the subject
   * @throws MissingPackageError when `fast-check` is not installed, or can not be loaded because this is not Node
   */
  check(subject: StoreSubject, parameters?: LawParameters): Promise<void>;
}

/** To what stores a law applies. */
export type Applies = (features: StoreFeatures) => boolean;

/** A law about a property of random inputs. */
export function property<I>(
  name: string,
  semantics: string,
  applies: Applies,
  inputs: (fc: typeof FastCheck) => FastCheck.Arbitrary<I>,
  holds: (setting: StoreSetting, input: I, subject: StoreSubject) => Promise<void>,
  { alone = false, most = Infinity }: { readonly alone?: boolean; readonly most?: number } = {},
): StoreLaw {
  const check = async (subject: StoreSubject, { runs = 1_000, seed, path }: LawParameters = {}): Promise<void> => {
    if (!applies(subject.features)) {
      throw new OptionError('subject', subject, `\`${subject.name}\` does not declare what the law "${name}" is about`);
    }
    const fc = loadFastCheck('storeLaws');
    const whole = fc.asyncProperty(inputs(fc), async (input) => {
      const setting = await subject.open(alone);
      try {
        await holds(setting, input, subject);
      } finally {
        await setting.close();
      }
    });
    const from = { ...(seed !== undefined && { seed }), ...(path !== undefined && { path }) };
    await fc.assert(whole, { numRuns: Math.min(runs, most), includeErrorInReport: true, ...from });
  };
  return { name, semantics, applies, check };
}

/** A law about random scripts of these kinds of steps, at whose end all that is left must come. */
export function scripted(
  name: string,
  semantics: string,
  applies: Applies,
  options: StoreRunOptions,
  kinds: readonly StoreStepKind[],
): StoreLaw {
  const inputs = (fc: typeof FastCheck): FastCheck.Arbitrary<[StoreStepKind, number, number][]> =>
    fc.array(fc.tuple(fc.constantFrom(...kinds), fc.nat(255), fc.nat(255)), { maxLength: 40, size: 'max' });
  const holds = async (
    setting: StoreSetting,
    script: [StoreStepKind, number, number][],
    subject: StoreSubject,
  ): Promise<void> => {
    const run = new StoreRun(subject, setting, options);
    for (const step of script) await doStep(run, step);
    await drain(run);
  };
  return property(name, semantics, applies, inputs, holds, { alone: options.alone ?? false });
}

/** A law about one example. */
export function example(
  name: string,
  semantics: string,
  applies: Applies,
  holds: (setting: StoreSetting, subject: StoreSubject) => Promise<void>,
): StoreLaw {
  const inputs = (fc: typeof FastCheck): FastCheck.Arbitrary<undefined> => fc.constant(undefined);
  return property(name, semantics, applies, inputs, (setting, _, subject) => holds(setting, subject), { most: 1 });
}
