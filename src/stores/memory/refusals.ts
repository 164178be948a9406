import { OptionError } from '../../errors.js';
import { StoreError } from '../../queue/errors.js';
import type { Message } from '../../queue/store.js';

export function closed(): StoreError {
  return new StoreError('memory', 'closed', 'it is closed');
}

export function foreign(message: Message): OptionError {
  return new OptionError('message', message, 'Expected `message` to be one that this group gave out, got another');
}
