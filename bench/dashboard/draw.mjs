/** Draws a dashboard of Grafana's format as SVG: what its panels say, plainly, without Grafana. */

const COLUMN = 50;
const ROW = 30;
const COLORS = ['#73bf69', '#f2cc0c', '#5794f2', '#ff9830', '#f2495c', '#b877d9', '#37872d', '#e0b400', '#1f60c4'];
const NAMED = { green: '#73bf69', orange: '#ff9830' };

const escape = (text) => text.replace(/[&<>"]/g, (it) => `&#${it.charCodeAt(0)};`);
const text = (x, y, content, attributes = '') => `<text x="${x}" y="${y}" ${attributes}>${escape(content)}</text>`;

/** A number in a unit of Grafana's. */
function shown(value, unit) {
  if (unit === 'percentunit') return `${Math.round(value * 100)} %`;
  if (unit === 's') return value >= 1 ? `${+value.toPrecision(2)} s` : `${+(value * 1_000).toPrecision(2)} ms`;
  return `${+value.toPrecision(3)}${unit === 'ops' ? '/s' : ''}`;
}

/** @param panels each with its data: a list of series for each of its targets */
export function draw(title, panels, seconds) {
  const repeated = panels.filter(({ panel }) => panel.repeat !== undefined).length;
  let copy = 0;
  let height = 0;
  const drawn = panels.map((it) => {
    const { x, y, w, h } = it.panel.gridPos;
    // Copies share the row, as many as `maxPerRow` allows.
    const width = it.panel.repeat === undefined ? w : 24 / Math.min(repeated, it.panel.maxPerRow);
    const left = it.panel.repeat === undefined ? x : width * copy++;
    const box = { x: left * COLUMN + 4, y: y * ROW + 44, width: width * COLUMN - 8, height: h * ROW - 8 };
    height = Math.max(height, box.y + box.height);
    return (it.panel.type === 'table' ? table : graph)(it, box, seconds);
  });
  const size = `width="${24 * COLUMN}" height="${height + 8}"`;
  return `<svg xmlns="http://www.w3.org/2000/svg" ${size} viewBox="0 0 ${24 * COLUMN} ${height + 8}" font-family="Inter, Helvetica, Arial, sans-serif" font-size="11" fill="#ccccdc">
<rect width="100%" height="100%" fill="#111217"/>
${text(12, 28, title, 'font-size="18" font-weight="500"')}
${drawn.join('\n')}
</svg>
`;
}

function frame({ panel, stage }, { x, y, width, height }) {
  const title = panel.title.replace('$stage', stage ?? '');
  return `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="2" fill="#181b1f" stroke="#2c2f36"/>
${text(x + 10, y + 19, title, 'font-size="13" font-weight="500"')}`;
}

function table(it, box) {
  const { panel, data } = it;
  const columns = panel.targets.map(({ refId }, index) => ({
    name: panel.fieldConfig.overrides
      .find(({ matcher }) => matcher.options === `Value #${refId}`)
      .properties.find(({ id }) => id === 'displayName').value,
    values: new Map(data[index].map(({ metric, values }) => [metric.stage, values[0][1]])),
  }));
  const stages = [...columns[0].values.keys()].sort((a, b) => columns[0].values.get(b) - columns[0].values.get(a));
  const left = (column) => box.x + 100 + (column * (box.width - 110)) / columns.length;
  const bar = (box.width - 110) / columns.length - 12;
  const cells = stages.flatMap((stage, row) => {
    const y = box.y + 74 + row * 32;
    return [
      text(box.x + 12, y, stage),
      ...columns.map(({ values }, column) => {
        const value = values.get(stage) ?? 0;
        return `<rect x="${left(column)}" y="${y - 13}" width="${bar}" height="18" fill="#23262c"/>
<rect x="${left(column)}" y="${y - 13}" width="${bar * Math.min(1, value)}" height="18" fill="${column === 0 ? '#c4162a' : '#3d5a80'}"/>
${text(left(column) + 6, y, shown(value, 'percentunit'))}`;
      }),
    ];
  });
  const heads = columns.map(({ name }, column) => text(left(column), box.y + 46, name, 'fill="#6e9fff"'));
  return [frame(it, box), text(box.x + 12, box.y + 46, 'stage', 'fill="#6e9fff"'), ...heads, ...cells].join('\n');
}

function graph(it, box, seconds) {
  const { panel } = it;
  const { defaults, overrides } = panel.fieldConfig;
  const stacked = defaults.custom.stacking.mode === 'normal';
  const series = it.data.flat();
  const area = { x: box.x + 52, y: box.y + 32, width: box.width - 64, height: box.height - 84 };
  const bases = new Map();
  const points = series.map(({ values }) =>
    values.map(([at, value]) => {
      const base = stacked ? (bases.get(at) ?? 0) : 0;
      bases.set(at, base + value);
      return { at, base, top: base + value };
    }),
  );
  const largest = Math.max(...points.flat().map(({ top }) => top), 1e-9);
  const max = defaults.max ?? largest * 1.05;
  const px = (at) => +(area.x + at * area.width).toFixed(1);
  const py = (value) => +(area.y + area.height * (1 - Math.min(1, value / max))).toFixed(1);

  const grid = [0, 0.5, 1].map((part) => {
    const y = py(max * part);
    return `<path d="M${area.x} ${y}h${area.width}" stroke="#2c2f36"/>${text(area.x - 6, y + 4, shown(max * part, defaults.unit), 'text-anchor="end" fill="#9fa7b3"')}`;
  });
  const times = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    text(px(part), area.y + area.height + 16, `${Math.round(part * seconds)} s`, 'text-anchor="middle" fill="#9fa7b3"'),
  );
  // A stage has one colour, and its bound the same.
  const groups = [...new Set(series.map(({ name }) => name.replace(/ (capacity|concurrency|running)$/, '')))];
  const colorOf = ({ name }) => {
    const fixed = overrides.find(({ matcher }) => matcher.options === name)?.properties[0].value.fixedColor;
    const group = groups.indexOf(name.replace(/ (capacity|concurrency|running)$/, ''));
    return fixed === undefined ? COLORS[group % COLORS.length] : (NAMED[fixed] ?? fixed);
  };
  const isDashed = ({ name }) =>
    overrides.some(({ matcher }) => matcher.id === 'byRegexp' && new RegExp(matcher.options.slice(1, -1)).test(name));

  const lines = series.map((one, index) => {
    const color = colorOf(one);
    const along = points[index].map(({ at, top }) => `${px(at)} ${py(top)}`);
    const back = points[index].map(({ at, base }) => `${px(at)} ${py(base)}`).reverse();
    const dash = isDashed(one) ? ' stroke-dasharray="6 6"' : '';
    const fill = stacked ? `<path d="M${[...along, ...back].join('L')}Z" fill="${color}" fill-opacity="0.6"/>` : '';
    return `${fill}<path d="M${along.join('L')}" fill="none" stroke="${color}" stroke-width="1.3"${dash}/>`;
  });

  let x = box.x + 12;
  let y = box.y + box.height - 26;
  const legend = series.map((one) => {
    const width = one.name.length * 6 + 26;
    if (x + width > box.x + box.width) [x, y] = [box.x + 12, y + 15];
    const at = x;
    x += width;
    return `<rect x="${at}" y="${y - 5}" width="11" height="3" fill="${colorOf(one)}"/>${text(at + 15, y, one.name)}`;
  });
  if (series.length === 0)
    return [
      frame(it, box),
      text(box.x + box.width / 2, box.y + box.height / 2, 'No data', 'text-anchor="middle"'),
    ].join('\n');
  return [frame(it, box), ...grid, ...times, ...lines, ...legend].join('\n');
}
