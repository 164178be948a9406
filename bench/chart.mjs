// Charts as SVG, and tables as Markdown, for the pages that benchmarks write.
import { mkdirSync, writeFileSync } from 'node:fs';
import * as vega from 'vega';
import { compile } from 'vega-lite';

const assets = new URL('../docs/assets/', import.meta.url);
export const GREY = '#8b949e'; // readable on white and on black
export const COLOURS = ['#2f81f7', '#d29922', '#db6d28', '#a371f7', '#3fb950', '#f85149', '#39c5cf'];

/** @param {string} name a path in docs/assets @param {any} spec */
export async function chart(name, spec) {
  const config = {
    background: 'transparent',
    axis: {
      labelColor: GREY,
      titleColor: GREY,
      gridColor: GREY,
      gridOpacity: 0.25,
      domainColor: GREY,
      tickColor: GREY,
    },
    title: { color: GREY },
    view: { stroke: null },
  };
  const { spec: compiled } = compile({ $schema: 'https://vega.github.io/schema/vega-lite/v5.json', config, ...spec });
  const svg = await new vega.View(vega.parse(compiled), { renderer: 'none' }).toSVG();
  const file = new URL(`${name}.svg`, assets);
  mkdirSync(new URL('.', file), { recursive: true });
  writeFileSync(file, svg);
}

/** @param {string[]} head @param {string[][]} rows */
export const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/** @param {boolean} met */
export const verdict = (met) => (met ? 'met' : '**missed**');
