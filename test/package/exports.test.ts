/** What the types of each entry say can be imported is there at run time. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { entryNames, root } from './project.js';

const require = createRequire(import.meta.url);
const formats = entryNames().flatMap((entry): [code: string, types: string][] => [
  [`${entry}.js`, `${entry}.d.ts`],
  [`${entry}.cjs`, `${entry}.d.cts`],
]);

/** What may be imported as a value: classes, functions, constants. */
function valuesOf(types: string): string[] {
  const options = { module: ts.ModuleKind.NodeNext, moduleResolution: ts.ModuleResolutionKind.NodeNext };
  const program = ts.createProgram([types], options);
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(types)!)!;
  const isValue = (symbol: ts.Symbol): boolean => {
    const typeOnly = symbol.declarations?.some((it) => ts.isExportSpecifier(it) && it.isTypeOnly) === true;
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    return !typeOnly && (target.flags & ts.SymbolFlags.Value) !== 0;
  };
  return checker
    .getExportsOfModule(module)
    .filter(isValue)
    .map(({ name }) => name);
}

test.each(formats)('%s has what its types promise', async (code, types) => {
  const codePath = join(root, 'dist', code);
  const typesPath = join(root, 'dist', types);
  expect(existsSync(typesPath)).toBe(true);
  const module = (codePath.endsWith('.cjs') ? require(codePath) : await import(codePath)) as object;
  expect(valuesOf(typesPath).sort()).toEqual(Object.keys(module).sort());
});
