/** The rules of docs/architecture.md that the compiler does not keep: layers, cycles, names, sizes. */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { entryNames, filesBelow, read, root } from './project.js';

const files = filesBelow('src', '.ts');
/** What is exported to users; what is there for tests has its page elsewhere. */
const entries = entryNames()
  .filter((name) => name !== 'testing')
  .map((name) => {
    if (name === 'index') return 'src/index.ts';
    return existsSync(join(root, 'src/stores', name)) ? `src/stores/${name}/index.ts` : `src/${name}/index.ts`;
  });
const imports = new Map(files.map((file) => [file, importsOf(file)]));

/** What the files of each layer may import, besides the layer itself. The first pattern that fits names the layer. */
const LAYERS: [layer: RegExp, allowed: RegExp][] = [
  [/^src\/core\//, /^$/],
  [/^src\/errors\.ts$/, /^$/],
  [/^src\/options\.ts$/, /^src\/errors\.ts$/],
  [/^src\/flow\//, /^(src\/(core\/.*|errors\.ts|options\.ts)|rxjs)$/],
  [/^src\/delivery\//, /^(src\/(core\/.*|flow\/.*|errors\.ts|options\.ts)|rxjs)$/],
  [/^src\/index\.ts$/, /^src\/(flow\/.*|delivery\/.*|errors\.ts)$/],
  [/^src\/queue\//, /^(src\/(core\/.*|flow\/.*|delivery\/.*|errors\.ts|options\.ts)|rxjs)$/],
  [
    /^src\/stores\/memory\//,
    /^(src\/(core\/.*|delivery\/lease\.ts|queue\/(store|errors)\.ts|errors\.ts|options\.ts)|rxjs)$/,
  ],
  [
    /^src\/stores\/sqlite\//,
    /^(src\/(core\/.*|delivery\/lease\.ts|queue\/(store|errors)\.ts|errors\.ts|options\.ts)|rxjs|node:\w+)$/,
  ],
  [/^src\/monitor\//, /^(src\/(core\/.*|flow\/.*|(errors|options)\.ts)|rxjs|hdr-histogram-js\/.*)$/],
  [/^src\/http\//, /^(src\/(core\/.*|flow\/.*|(errors|options)\.ts)|rxjs|structured-headers)$/],
  [/^src\/node\//, /^(src\/(core\/.*|flow\/.*|(index|errors|options)\.ts)|rxjs|node:\w+)$/],
  [/^src\/terminal\//, /^(src\/(monitor\/.*|flow\/.*|(errors|options)\.ts)|rxjs|node:\w+|string-width)$/],
  [/^src\/threads\//, /^(src\/(flow\/.*|(index|errors|options)\.ts)|node:\w+)$/],
  [/^src\/prometheus\//, /^(src\/(monitor\/(figures|snapshot)\.ts|(index|errors|options)\.ts)|rxjs|prom-client)$/],
  [
    /^src\/opentelemetry\//,
    /^(src\/(flow\/.*|monitor\/(figures|snapshot)\.ts|(index|errors|options)\.ts)|rxjs|@opentelemetry\/api)$/,
  ],
  [
    /^src\/testing\//,
    /^(src\/(flow\/.*|delivery\/.*|queue\/.*|(index|errors|options)\.ts)|rxjs|rxjs\/testing|fast-check)$/,
  ],
];

/** Where an export of another name than its file lives, and its test and its page. */
const BACKOFF = {
  file: 'src/flow/control/backoff.ts',
  test: 'test/flow/control/backoff.test.ts',
  page: 'docs/control/backoff.md',
};
const openTelemetry = (name: string): { file: string; test: string; page: string } => ({
  file: `src/opentelemetry/${name}.ts`,
  test: `test/opentelemetry/${name}.test.ts`,
  page: 'docs/monitor/opentelemetry.md',
});
const REQUEST_REPLY = {
  file: 'src/http/requestReply.ts',
  test: 'test/http/requestReply.test.ts',
  page: 'docs/http/request-reply.md',
};
const ELSEWHERE: Record<string, { file: string; test: string; page: string }> = {
  observeMonitor: openTelemetry('observeMonitor'),
  spanSources: openTelemetry('spanSources'),
  traced: openTelemetry('traced'),
  exponential: BACKOFF,
  decorrelated: BACKOFF,
  fixed: BACKOFF,
  demandOf: { file: 'src/flow/demand.ts', test: 'test/flow/demand.test.ts', page: 'docs/writing-your-own.md' },
  drain: { file: 'src/flow/drain.ts', test: 'test/flow/drain.test.ts', page: 'docs/drain.md' },
  Stage: { file: 'src/flow/stage.ts', test: 'test/flow/stage.test.ts', page: 'docs/writing-your-own.md' },
  createDelivery: {
    file: 'src/delivery/createDelivery.ts',
    test: 'test/delivery/createDelivery.test.ts',
    page: 'docs/delivery/delivery.md',
  },
  mergeDeliveries: {
    file: 'src/delivery/mergeDeliveries.ts',
    test: 'test/delivery/mergeDeliveries.test.ts',
    page: 'docs/delivery/delivery.md',
  },
  refuse: REQUEST_REPLY,
  clientAddress: {
    file: 'src/http/clientAddress.ts',
    test: 'test/http/clientAddress.test.ts',
    page: 'docs/http/admission.md',
  },
  frame: { file: 'src/terminal/frame.ts', test: 'test/terminal/frame.test.ts', page: 'docs/monitor/terminal.md' },
  memoryStore: {
    file: 'src/stores/memory/memoryStore.ts',
    test: 'test/stores/memory/memoryStore.test.ts',
    page: 'docs/stores/memory.md',
  },
  sqliteStore: {
    file: 'src/stores/sqlite/sqliteStore.ts',
    test: 'test/stores/sqlite/sqliteStore.test.ts',
    page: 'docs/stores/sqlite.md',
  },
  processedOnce: {
    file: 'src/stores/sqlite/processedOnce.ts',
    test: 'test/stores/sqlite/processedOnce.test.ts',
    page: 'docs/guides/idempotent-handlers.md',
  },
  Sink: { file: 'src/flow/sinks/sink.ts', test: 'test/flow/sinks/sink.test.ts', page: 'docs/writing-your-own.md' },
};
/** Which folder of docs/ has the page of what needs Node. */
const NODE_PAGES: Record<string, string> = {
  fromReadable: 'sources',
  toReadable: 'sinks',
  writeTo: 'sinks',
  threads: 'workers',
  prometheus: 'monitor',
  terminal: 'monitor',
};

describe('layers', () => {
  test('each file imports what its layer may', () => {
    const wrong = files.flatMap((file) => {
      const rule = LAYERS.find(([layer]) => layer.test(file));
      if (rule === undefined) return `${file} is in no layer: add one to LAYERS, and to docs/architecture.md`;
      const [layer, allowed] = rule;
      return imports
        .get(file)!
        .filter((imported) => !layer.test(imported) && !allowed.test(imported))
        .map((imported) => `${file} imports ${imported}`);
    });
    expect(wrong).toEqual([]);
  });

  test('no cycles', () => {
    const left = new Map(imports);
    for (let found = true; found;) {
      found = false;
      for (const [file, imported] of left) {
        if (imported.some((other) => left.has(other))) continue;
        found = left.delete(file); // it imports nothing that is left
      }
    }
    expect([...left.keys()]).toEqual([]);
  });

  test.each(['destination', 'isStopped'])("only src/flow/demand.ts touches RxJS's `%s`", (name) => {
    expect(files.filter((file) => names(file).has(name))).toEqual(['src/flow/demand.ts']);
  });

  test('only src/flow/demand.ts knows the symbol of the demand', () => {
    expect(files.filter((file) => read(file).includes("'sluice.demand'"))).toEqual(['src/flow/demand.ts']);
  });
});

describe.each(entries)('%s', (entry) => {
  test.each(exportsOf(entry))('$name has a file, a test and a page', ({ name, file }) => {
    const expected = ELSEWHERE[name] ?? placesOf(name, file);
    expect(file).toBe(expected.file);
    expect([expected.test, expected.page].filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});

describe('files', () => {
  test('a source file has at most 300 lines', () => {
    expect(files.filter((file) => read(file).trimEnd().split('\n').length > 300)).toEqual([]);
  });

  test('each test is where the file is that it tests: rateLimit.test.ts, or rateLimit.rates.test.ts', () => {
    const tests = filesBelow('test', '.test.ts').filter(
      (file) => !/^test\/(control|docs|package|rxjs|types)\/|^test\/(stores\/laws\.test\.ts|[^/]+)$/.test(file),
    );
    const source = (file: string): string => file.replace(/^test/, 'src').replace(/(\.\w+)?\.test\.ts$/, '.ts');
    expect(tests.filter((file) => !files.includes(source(file)))).toEqual([]);
  });

  test('the top level has what a visitor looks for, and nothing else', () => {
    const allowed =
      /^(\..+|src|bench|test|docs|(README|CHANGELOG|CONTRIBUTING)\.md|LICENSE|(package|package-lock|tsconfig)\.json)$/;
    const built = ['dist', 'node_modules', 'coverage'];
    expect(readdirSync(root).filter((name) => !allowed.test(name) && !built.includes(name))).toEqual([]);
  });
});

/** What `file` imports: paths of the project, and names of packages. Types count too. */
function importsOf(file: string): string[] {
  return ts
    .preProcessFile(read(file))
    .importedFiles.map(({ fileName }) =>
      fileName.startsWith('.') ? posix.join(dirname(file), fileName).replace(/\.js$/, '.ts') : fileName,
    );
}

/** Every identifier of `file`, and every string that may be one. */
function names(file: string): Set<string> {
  const found = new Set<string>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) || ts.isStringLiteralLike(node)) found.add(node.text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2022));
  return found;
}

/** The functions and classes that `entry` exports, errors aside, and the files that declare them. */
function exportsOf(entry: string): { name: string; file: string }[] {
  const program = ts.createProgram([join(root, entry)], {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    noLib: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const module = checker.getSymbolAtLocation(program.getSourceFile(join(root, entry))!)!;
  return checker
    .getExportsOfModule(module)
    .filter((symbol) => !symbol.declarations!.some(ts.isTypeOnlyExportDeclaration))
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol))
    .filter((symbol) => symbol.flags & ts.SymbolFlags.Value)
    .map(({ name, declarations }) => ({
      name,
      file: posix.relative(posix.normalize(root), declarations![0]!.getSourceFile().fileName),
    }))
    .filter(({ file }) => file !== 'src/errors.ts' && file !== 'src/queue/errors.ts');
}

/** Where the file, test and page of `name` are to be, by the folder it is in: rateLimit ↔ rate-limit.md. */
function placesOf(name: string, file: string): { file: string; test: string; page: string } {
  const folder = dirname(file);
  const pages = NODE_PAGES[name] ?? folder.split('/').at(-1)!;
  return {
    file: `${folder}/${name}.ts`,
    test: `${folder.replace(/^src/, 'test')}/${name}.test.ts`,
    page: `docs/${pages}/${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}.md`,
  };
}
