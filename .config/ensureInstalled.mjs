/**
 * Installs the dependencies of a package folder if they are missing or not those of its lock file, so that the README's
 * commands work on a fresh clone: `node .config/ensureInstalled.mjs [folder]`. Plain Node: nothing is installed yet.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const folder = resolve(process.argv[2] ?? '.');

/** The packages of a lock file; npm keeps another of what it has installed in node_modules. */
function packages(lockFile) {
  const path = join(folder, lockFile);
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).packages : {};
}

const installed = packages('node_modules/.package-lock.json');
const missing = Object.entries(packages('package-lock.json')).filter(
  // Optional packages are for other platforms; '' is the project itself.
  ([path, { version, optional }]) => path !== '' && !optional && installed[path]?.version !== version,
);

if (missing.length > 0) {
  console.log(`${missing.length} packages are missing in ${folder}: npm ci`);
  const { status } = spawnSync('npm', ['ci', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: 'inherit',
    shell: process.platform === 'win32', // npm is npm.cmd there
  });
  process.exitCode = status ?? 1;
}
