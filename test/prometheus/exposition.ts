/** Reads the text format of Prometheus, for tests: families with their series. */

/** One metric. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  /** By labels, in the order of their names: `stage="a",state="busy"`. */
  readonly series: ReadonlyMap<string, number>;
}

/** The families of a text, in its order; throws at a line that is neither, at one that is there twice, and at a series of another family. */
export function parse(text: string): Family[] {
  const found: (Family & { readonly series: Map<string, number> })[] = [];
  for (const line of text.split('\n').filter((line) => line !== '' && line !== '# EOF')) {
    const [, kind, name = '', rest = ''] = /^(?:# (HELP|TYPE) )?([a-zA-Z_:][\w:]*)(.*)$/.exec(line) ?? [];
    const family = found.at(-1);
    if (kind === 'HELP') {
      if (found.some((other) => other.name === name)) throw new Error(`twice: ${name}`);
      found.push({ name, help: rest.trim(), type: '', series: new Map() });
    } else if (family === undefined || (family.name !== name && `${family.name}_total` !== name)) {
      throw new Error(`out of place: ${line}`);
    } else if (kind === 'TYPE') {
      Object.assign(family, { type: rest.trim() });
    } else {
      const [, labels = '', value] = /^(?:\{(.*)\})? (\S+)$/.exec(rest) ?? [];
      if (value === undefined) throw new Error(`no series: ${line}`);
      const key = [...labels.matchAll(/[a-zA-Z_]\w*="(?:[^"\\]|\\.)*"/g)].map(([label]) => label).sort();
      if (family.series.has(key.join())) throw new Error(`twice: ${line}`);
      family.series.set(key.join(), value === '+Inf' ? Infinity : Number(value));
    }
  }
  return found;
}
