import { stripVTControlCharacters } from 'node:util';
import fc from 'fast-check';
import { map, timer } from 'rxjs';
import stringWidth from 'string-width';
import { describe, expect, test } from 'vitest';
import { boundedBuffer, OptionError, pool, shed } from 'sluice';
import { createMonitor, type Snapshot, type StageSnapshot } from 'sluice/monitor';
import { frame } from 'sluice/terminal';
import { VirtualTime } from 'sluice/testing';

/** Of a pipeline that sheds, for its pool is too small. */
function overloaded(): Snapshot {
  const time = new VirtualTime();
  const { scheduler } = time;
  const monitor = createMonitor({ scheduler });
  const subscription = timer(0, 5, scheduler)
    .pipe(
      shed({ name: 'admission', capacity: 20, priority: (n: number) => n % 3, maxAge: 300, monitor, scheduler }),
      boundedBuffer({ name: 'buffer', capacity: 10, monitor, scheduler }),
      pool((n: number) => timer(40, scheduler).pipe(map(() => n)), {
        name: 'work',
        concurrency: 3,
        monitor,
        scheduler,
      }),
    )
    .subscribe();
  time.advanceBy(5_000);
  const snapshot = monitor.snapshot();
  subscription.unsubscribe();
  return snapshot;
}

/** Any that other code may send: also numbers and names that no stage has. */
const anyStage: fc.Arbitrary<StageSnapshot> = fc.record({
  stage: fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('\x1b[2J', '👨‍👩‍👧‍👦', '漢字かな'),
  ),
  active: fc.boolean(),
  feeds: fc.constant(undefined),
  fedBy: fc.constant(undefined),
  in: fc.double(),
  out: fc.double(),
  dropped: fc.double(),
  reasons: fc.dictionary(fc.constantFrom('expired', 'overflow', 'evicted'), fc.double()),
  held: fc.double(),
  capacity: fc.option(fc.double(), { nil: undefined }),
  requested: fc.double(),
  inRate: fc.double(),
  outRate: fc.double(),
  perSecond: fc.record({ busy: fc.double(), blocked: fc.double(), starved: fc.double() }),
  total: fc.record({ busy: fc.double(), blocked: fc.double(), starved: fc.double() }),
  limits: fc.record({ itself: fc.double(), before: fc.double(), after: fc.double() }),
  waitsFor: fc.option(fc.string({ unit: 'binary' }), { nil: undefined }),
  wait: fc.option(
    fc.record({
      count: fc.nat(),
      mean: fc.double(),
      p50: fc.double(),
      p90: fc.double(),
      p99: fc.double(),
      max: fc.double(),
    }),
    { nil: undefined },
  ),
  service: fc.constant(undefined),
  pool: fc.option(
    fc.record({ running: fc.double(), waiting: fc.double(), concurrency: fc.double(), utilisation: fc.double() }),
    { nil: undefined },
  ),
});
const anySnapshot: fc.Arbitrary<Snapshot> = fc.record({
  at: fc.double(),
  window: fc.double(),
  loopBusy: fc.double(),
  stages: fc.array(anyStage, { maxLength: 12 }),
});
const anyStalls = fc.array(fc.record({ at: fc.double(), sentence: fc.string({ unit: 'binary' }) }), { maxLength: 4 });
const sizes = { width: fc.integer({ min: 1, max: 160 }), height: fc.integer({ min: 1, max: 30 }) };

describe('any snapshot', { timeout: 60_000 }, () => {
  test('no line is wider than the width, and there are no more than the height', () => {
    fc.assert(
      fc.property(
        anySnapshot,
        anyStalls,
        sizes.width,
        sizes.height,
        fc.boolean(),
        (snapshot, stalls, width, height, colour) => {
          const lines = frame(snapshot, { width, height, colour, stalls }).split('\n');
          for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(width);
          expect(lines.length).toBeLessThanOrEqual(height);
        },
      ),
      { numRuns: 300 },
    );
  });

  test('nothing in it moves the cursor, or turns the direction of writing; without colours there is no escape sequence', () => {
    fc.assert(
      fc.property(anySnapshot, anyStalls, sizes.width, fc.boolean(), (snapshot, stalls, width, colour) => {
        const text = frame(snapshot, { width, colour, stalls });
        const styles = /\x1b\[(1|2|22|31|32|33|39)m/g;
        expect(colour ? text.replace(styles, '') : text).not.toMatch(
          /(?!\n)\p{Cc}|[\u202a-\u202e\u2066-\u2069\u2028\u2029]|\p{Cs}/u,
        );
      }),
      { numRuns: 300 },
    );
  });

  test('colours change nothing but colours', () => {
    fc.assert(
      fc.property(anySnapshot, sizes.width, sizes.height, (snapshot, width, height) => {
        const coloured = frame(snapshot, { width, height, colour: true });
        expect(stripVTControlCharacters(coloured)).toBe(frame(snapshot, { width, height }));
      }),
      { numRuns: 100 },
    );
  });
});

test.each([140, 79, 40])('an overloaded pipeline in %i columns', (width) => {
  const stalls = [{ at: 2_000, sentence: '`work` has stood still for 1 s' }];
  expect(`\n${frame(overloaded(), { width, stalls })}\n`).toMatchSnapshot();
});

test('which columns go first as it becomes narrower', () => {
  const snapshot = overloaded();
  const heads = ['calls p50', 'waits p50', 'running', 'out/s', 'dropped', 'in/s', 'held/capacity', 'time'];
  const shown = (width: number): string[] => {
    const [head = ''] = frame(snapshot, { width }).split('\n');
    return heads.filter((name) => head.includes(name));
  };
  for (let width = 140; width >= 10; width--)
    expect(shown(width)).toEqual(heads.slice(heads.length - shown(width).length));
  expect(shown(140)).toEqual(heads);
  expect(shown(10)).toEqual([]);
});

test('of more stages than lines: the one that limits, and those at work', () => {
  const { stages, ...rest } = overloaded();
  const [first] = stages;
  const idle = { ...first!, active: false, limits: { itself: 0, before: 0, after: 0 } };
  const many = Array.from({ length: 20 }, (_, i) => ({ ...idle, stage: `ended ${i}` }));
  const lines = frame({ ...rest, stages: [...many, ...stages] }, { width: 140, height: 8 }).split('\n');
  expect(lines.map((line) => line.trim().split(/ {2}/)[0])).toEqual([
    'stage',
    'ended 0',
    'ended 1',
    'admission',
    'buffer',
    '› work',
    'and 18 more',
    expect.stringContaining('`work` limits'),
  ]);
});

test('control characters in names are written out', () => {
  const { stages, ...rest } = overloaded();
  const text = frame(
    { ...rest, stages: stages.map((stage) => ({ ...stage, stage: `a\n\x1b[2J\u202e` })) },
    { width: 120 },
  );
  expect(text).toContain('a\\n\\x1b[2J\\u{202e}');
});

test('a snapshot that went through JSON is drawn as it was', () => {
  const snapshot = overloaded();
  expect(frame(JSON.parse(JSON.stringify(snapshot)) as Snapshot, { width: 140 })).toBe(frame(snapshot, { width: 140 }));
});

test.each([
  { busy: 0, blocked: -5e-324, starved: 1e-323 },
  { busy: 1e308, blocked: -1e308, starved: 1 },
  { busy: NaN, blocked: Infinity, starved: 0 },
])('a bar is ten columns wide, whatever another process sent: %o', (perSecond) => {
  const { stages, ...rest } = overloaded();
  expect(frame({ ...rest, stages: [{ ...stages[0]!, perSecond }] }, { width: 30 })).toMatch(/admission {2}[█▒·]{10}$/m);
});

test('no stages', () => {
  expect(frame(createMonitor().snapshot())).toMatch(/^nothing limits: no stage is at work\n/);
});

test('wrong options', () => {
  const snapshot = overloaded();
  const wrong: object[] = [{ width: 0 }, { height: 0.5 }, { colour: 1 }, { stalls: 'x' }, { widht: 80 }];
  for (const options of wrong) expect(() => frame(snapshot, options)).toThrow(OptionError);
  expect(() => frame(undefined as never)).toThrow(OptionError);
});
