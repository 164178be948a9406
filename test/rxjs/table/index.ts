/** Every use that is measured. */
import { buffers } from './buffers.js';
import { creating } from './creating.js';
import { deprecated } from './deprecated.js';
import { flattening } from './flattening.js';
import { joining } from './joining.js';
import type { Row } from './row.js';
import { sharing } from './sharing.js';
import { timing } from './timing.js';
import { values } from './values.js';

export const rows: readonly Row[] = [
  ...values,
  ...buffers,
  ...joining,
  ...flattening,
  ...timing,
  ...sharing,
  ...creating,
  ...deprecated,
];
