/** The project on disk, for the tests of the package itself. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A new folder outside of the project. */
export function temporaryFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'sluice-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Packs what `npm run build` made, and returns the tarball's path. */
export function pack(folder: string): string {
  // Without the scripts: `prepack` would build again, under the feet of the other tests.
  const packed = npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
  const [tarball] = Object.values(JSON.parse(packed) as Record<string, { filename: string }>);
  return join(folder, tarball!.filename);
}

/** Runs npm in `folder` and returns what it prints. */
export function npm(args: readonly string[], folder: string): string {
  // npm is npm.cmd on Windows, which only a shell can start.
  return execFileSync('npm', args, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' });
}

/** The paths below `folder` that end in `extension`, relative to the project, with `/`. */
export function filesBelow(folder: string, extension: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(extension))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length).replaceAll('\\', '/'))
    .sort();
}

/** A file's text; `path` is relative to the project. */
export function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** What the package exports, by the names of the built files: `index`, `node` … */
export function entryNames(): string[] {
  const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> };
  return Object.keys(exports)
    .filter((path) => path !== './package.json')
    .map((path) => (path === '.' ? 'index' : path.slice('./'.length)));
}
