/** How the tables of this folder are written down. */
import type { OperatorFunction } from 'rxjs';
import type { Class, Use } from '../measure.js';
import type { Apply, Item } from '../run.js';

/** One way to use one export of RxJS, and what is expected of it. */
export interface Row extends Use {
  /** The export: the first word of `how`. */
  readonly name: string;
  /** The use, as one would write it. */
  readonly how: string;
  readonly class: Class;
  /** What to know about it. */
  readonly note?: string | undefined;
  /** What to use in its place. */
  readonly instead?: string | undefined;
  /** How many values it keeps, by its nature. */
  readonly keeps?: number | undefined;
  /** It keeps something of every value. */
  readonly grows?: boolean | undefined;
}

type More = Pick<Row, 'note' | 'drops' | 'keeps' | 'grows' | 'creates'>;

function row(kind: Class, how: string, apply: Apply, instead: string | undefined, more: More): Row {
  return { name: /^\w+/.exec(how)![0], how, class: kind, apply, instead, ...more };
}

export const transparent = (how: string, apply: Apply, more: More = {}): Row =>
  row('transparent', how, apply, undefined, more);

export const multiplies = (how: string, apply: Apply, instead: string, more: More = {}): Row =>
  row('multiplies', how, apply, instead, more);

export const boundary = (how: string, apply: Apply, instead: string, more: More = {}): Row =>
  row('boundary', how, apply, instead, more);

export const ignoresDemand = (how: string, apply: Apply, instead: string, more: More = {}): Row =>
  row('ignores demand', how, apply, instead, { ...more, creates: true });

/** An operator behind a synchronous source. */
export const piped =
  (operator: OperatorFunction<Item, unknown>): Apply =>
  ({ source }) =>
    source().pipe(operator);
