import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from '../package/project.js';

test(
  'the orders example, in short: its ledgers add up, and it says so by its exit code',
  { timeout: 120_000 },
  async () => {
    const main = join(root, 'docs/examples/orders/main.mjs');
    const { stdout } = await promisify(execFile)(process.execPath, [main, '--seconds', '1', '--mb', '5']);
    expect(stdout.match(/^✓ .*$/gm)).toHaveLength(15);
    expect(stdout).not.toContain('✗');
  },
);
