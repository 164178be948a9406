/** bench/crash in short: real processes on one SQLite file are killed at random, and nothing that was acknowledged is missing. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { root } from './project.js';

test.each(['full', 'normal'])(
  'what was acknowledged survives SIGKILL, durability %s',
  { timeout: 240_000 },
  async (durability) => {
    const args = [join(root, 'bench/crash/run.mjs'), '--kills', '20', '--durability', durability, '--json'];
    // A run that finds something ends with code 1, and says what.
    const { stdout } = await promisify(execFile)(process.execPath, args).catch(
      (error: unknown) => error as { stdout: string },
    );
    const report = JSON.parse(stdout) as { acknowledged: number; missing: number; wrong: string[] };
    expect(report.wrong).toEqual([]);
    expect(report.missing).toBe(0);
    expect(report.acknowledged).toBeGreaterThan(100);
  },
);
