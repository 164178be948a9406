import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeDeliveries, OptionError, type Delivery, type Outcome, type Settling } from '../../src/index.js';
import { leaseOf } from '../../src/delivery/delivery.js';
import { rig } from '../queue/rig.js';
import { Messages, settled } from './messages.js';

const runs = Number(process.env['SLUICE_RUNS'] ?? 1_000);

describe('the first outcome wins', () => {
  const call = fc.constantFrom<(delivery: Delivery<number>) => Settling>(
    (delivery) => delivery.ack(),
    (delivery) => delivery.nack({ delay: 7 }),
    (delivery) => delivery.release(),
    (delivery) => delivery.deadLetter('bad'),
  );
  test('in any order, by whichever of those that share the message', async () => {
    const property = fc.asyncProperty(fc.array(fc.tuple(call, fc.nat(2)), { minLength: 1 }), async (script) => {
      const messages = new Messages();
      const one = messages.make(1);
      const same = [one, one.map((n) => n + 1), one.map((n) => n + 2).map((n) => n + 3)];
      const answers = script.map(([settle, which]) => settle(same[which]!));
      expect(answers.slice(1)).toEqual(answers.slice(1).map(() => false));
      expect(await answers[0]).toBe('settled');
      expect(messages.outcomes.get('1')).toHaveLength(1);
      expect(same.map((delivery) => delivery.settled)).toEqual([true, true, true]);
    });
    await fc.assert(property, { numRuns: runs });
  });

  test('what is settled while it is being settled comes too late', async () => {
    const answers: Settling[] = [];
    const one: Delivery<number> = new Messages(() => void answers.push(one.release())).make(1);
    expect(await one.ack()).toBe('settled');
    expect(answers).toEqual([false]);
  });

  test('a lost lease is an answer, not an error', async () => {
    expect(await new Messages(() => Promise.resolve('lease-lost')).make(1).ack()).toBe('lease-lost');
  });
});

describe('what a delivery tells', () => {
  test('of its message', () => {
    const { signal } = new AbortController();
    const info = { id: 'a', key: 'k', attempt: 3, publishedAt: 5, headers: { h: 'v' }, priority: 2, deadline: 9 };
    const delivery = new Messages().make('value', { ...info, signal });
    const { id, key, attempt, publishedAt, headers, priority, deadline } = delivery;
    expect({ id, key, attempt, publishedAt, headers, priority, deadline }).toEqual(info);
    expect([delivery.value, delivery.signal, delivery.settled]).toEqual(['value', signal, false]);
  });

  test('parts of a message have ids of their own, but those of a broadcast', () => {
    const messages = new Messages();
    const parts = messages.make('ab', { id: 'm' }).split('ab');
    expect(parts.map(({ id, ids }) => [id, ids])).toEqual([
      ['m#0', ['m#0']],
      ['m#1', ['m#1']],
    ]);
    expect(parts[1]!.split('xy').map(({ ids }) => ids)).toEqual([['m#1#0'], ['m#1#1']]);
    const shared = messages.make('c', { id: 'n' })['sluice.share'](2) as Delivery<string>[];
    expect(shared.map(({ id, ids }) => [id, ids])).toEqual(new Array(2).fill(['n', ['n']]));
  });

  test('and the ids of all messages in it', () => {
    const messages = new Messages();
    const [a, b, c] = ['a', 'b', 'c'].map((id) => messages.make(id, { id }));
    const batch = mergeDeliveries([mergeDeliveries([a!, b!]), ...c!.split('xy')]).map(() => 'mapped');
    expect([a!.map(() => 1).ids, batch.ids]).toEqual([['a'], ['a', 'b', 'c#0', 'c#1']]);
    expect(batch.split('xy')[1]!.ids).toEqual(['a#1', 'b#1', 'c#0#1', 'c#1#1']);
  });

  test('and its parts tell the same otherwise', () => {
    const { signal } = new AbortController();
    const [part] = new Messages().make('ab', { id: 'm', key: 'k', attempt: 2, signal }).split('ab');
    expect([part!.value, part!.id, part!.key, part!.attempt, part!.signal]).toEqual(['a', 'm#0', 'k', 2, signal]);
  });
});

describe('wrong input', () => {
  test.each<[string, unknown]>([
    ['delay', { delay: -1 }],
    ['delay', { delay: NaN }],
    ['delay', { delay: Infinity }],
    ['delay', { delay: '5' }],
    ['reason', { reason: 5 }],
    ['dealy', { dealy: 5 }],
  ])('of nack: %s in %o', (option, options) => {
    const messages = new Messages();
    const delivery = messages.make(1);
    expect(() => delivery.nack(options as never)).toThrow(OptionError);
    expect(() => delivery.nack(options as never)).toThrow(`\`${option}\``);
    expect([delivery.settled, messages.of(1)]).toEqual([false, undefined]);
  });

  test('of map and split', () => {
    const messages = new Messages();
    const one = messages.make(1);
    const wrong = [() => one.map(undefined as never), () => one.split(5 as never), () => one.split(null as never)];
    for (const call of wrong) expect(call).toThrow(OptionError);
    expect([one.settled, messages.of(1)]).toEqual([false, undefined]);
  });

  test('of deadLetter', () => {
    const delivery = new Messages().make(1);
    expect(() => delivery.deadLetter(undefined as never)).toThrow('Expected `reason` to be a string');
    expect(delivery.settled).toBe(false);
  });

  test('a function of map that throws leaves it open', () => {
    const delivery = new Messages().make(1);
    const wrong = (): never => {
      throw new Error('wrong');
    };
    expect(() => delivery.map(wrong)).toThrow('wrong');
    expect(delivery.settled).toBe(false);
  });
});

describe('a store that fails', () => {
  const failing = (): Messages => new Messages(() => Promise.reject(new Error('disk')));

  test('rejects what the caller waits for', async () => {
    await expect(failing().make(1).ack()).rejects.toThrow('disk');
    const [a, b] = failing().make('x').split('ab');
    expect(await a!.ack()).toBe('settled');
    await expect(b!.ack()).rejects.toThrow('disk');
    await expect(mergeDeliveries([failing().make(1), new Messages().make(2)]).ack()).rejects.toThrow('disk');
  });

  test('is no unhandled rejection where nobody waits', async () => {
    // vitest fails a run with an unhandled rejection.
    const unhandled: unknown[] = [];
    const listener = (error: unknown): void => void unhandled.push(error);
    process.on('unhandledRejection', listener);
    void failing().make(1).ack();
    void failing().make(1).nack();
    failing().make(1)['sluice.dropped']('overflow');
    failing().make(1)['sluice.dropped']('expired');
    failing().make(1).split([]);
    for (const part of failing().make(1).split('ab')) void part.release();
    void mergeDeliveries([failing().make(1), failing().make(2)]).ack();
    await settled();
    process.off('unhandledRejection', listener);
    expect(unhandled).toEqual([]);
  });
});

describe('split', () => {
  test('the message is settled when all parts are', async () => {
    const messages = new Messages();
    const one = messages.make('abc');
    const parts = one.split(one.value);
    expect([one.settled, one.ack()]).toEqual([true, false]);
    expect(await parts[0]!.ack()).toBe('settled');
    expect(await parts[2]!.nack({ delay: 3 })).toBe('settled');
    expect(messages.of('abc')).toBeUndefined();
    expect(parts.map((part) => part.settled)).toEqual([true, false, true]);
    await parts[1]!.release();
    expect(messages.of('abc')).toBe('nack 3');
  });

  test('of no parts acks', () => {
    const messages = new Messages();
    expect(messages.make('x').split([])).toEqual([]);
    expect(messages.of('x')).toBe('ack');
  });

  test('of one that is settled gives parts that are', () => {
    const messages = new Messages();
    const one = messages.make('x');
    void one.release();
    const parts = one.split('ab');
    expect(parts.map((part) => [part.value, part.settled, part.ack()])).toEqual([
      ['a', true, false],
      ['b', true, false],
    ]);
    expect(messages.of('x')).toBe('release');
  });

  test('of values whose iterator throws leaves it open', () => {
    const one = new Messages().make('x');
    function* wrong(): Generator<string> {
      yield 'a';
      throw new Error('wrong');
    }
    expect(() => one.split(wrong())).toThrow('wrong');
    expect(one.settled).toBe(false);
  });
});

describe('who works on it', () => {
  test('a message is kept while one of its parts is, and forgotten when none of those left is', () => {
    const one = new Messages().make('x');
    const lease = leaseOf(one);
    const [a, b, c] = one.split('abc');
    expect(lease.kept).toBe(false);
    leaseOf(a!).keep();
    leaseOf(a!).keep();
    leaseOf(b!).keep();
    void a!.ack();
    expect(lease.kept).toBe(true);
    void b!.ack();
    expect(lease.kept).toBe(false);
    leaseOf(c!).keep();
    expect(lease.kept).toBe(true);
    leaseOf(c!).letGo();
    expect(lease.kept).toBe(false);
  });

  test('a part that is split itself', () => {
    const one = new Messages().make('x');
    const lease = leaseOf(one);
    const [a] = one.split('ab');
    leaseOf(a!).keep();
    const [aa, ab] = a!.split('cd');
    leaseOf(aa!).keep();
    leaseOf(a!).letGo();
    expect(lease.kept).toBe(true);
    void aa!.ack();
    expect(lease.kept).toBe(false);
    leaseOf(ab!).keep();
    expect(lease.kept).toBe(true);
    void ab!.ack();
    expect(lease.kept).toBe(false);
  });

  test('one of several that are merged', () => {
    const messages = new Messages();
    const [part, other] = messages.make('x').split('ab');
    const y = messages.make('y');
    const both = mergeDeliveries([part!, y]);
    leaseOf(both).keep();
    expect([leaseOf(y).kept, leaseOf(part!).kept]).toEqual([true, true]);
    void both.ack();
    void other!.ack();
    expect(messages.all).toEqual(['ack', 'ack']);
  });

  test('one that is settled is kept no more, whoever says so: its message is others’', () => {
    const one = new Messages().make('x');
    const lease = leaseOf(one);
    const [a, b] = one.split('ab');
    leaseOf(b!).keep();
    leaseOf(a!).keep();
    void a!.split('c')[0]!.ack();
    leaseOf(a!).letGo();
    expect([leaseOf(a!).kept, lease.kept]).toEqual([false, true]);
    leaseOf(b!).letGo();
    leaseOf(a!).keep();
    expect([leaseOf(a!).kept, lease.kept]).toEqual([false, false]);
  });

  test('of what is merged only those are kept that are settled with it', () => {
    const messages = new Messages();
    const [x, y] = [messages.make('x'), messages.make('y')];
    const [part] = x.split('a');
    leaseOf(mergeDeliveries([x, y])).keep();
    expect([leaseOf(x).kept, leaseOf(part!).kept, leaseOf(y).kept]).toEqual([false, false, true]);
  });

  test('at random: one is kept exactly while somebody works on it, or on what was made of it and is not settled', () => {
    const which = fc.nat(99);
    const step = fc.oneof(
      fc.record({ do: fc.constantFrom('keep', 'letGo', 'settle', 'drop', 'map'), which }),
      fc.record({ do: fc.constant('split'), which, into: fc.nat(3) }),
      fc.record({ do: fc.constant('merge'), which, with: fc.array(which, { maxLength: 2 }) }),
    );
    const property = fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const messages = new Messages();
      const all = [0, 1].map((value): Made => ({ delivery: messages.make(value), known: new Known() }));
      const working: Made[] = [];
      const make = (delivery: Delivery<unknown>, known: Known): void => void all.push({ delivery, known });
      for (const { do: what, which, ...more } of steps) {
        const made = all[which % all.length]!;
        const { delivery, known } = made;
        if (what === 'keep') {
          leaseOf(delivery).keep();
          known.workers++;
          working.push(made);
        } else if (what === 'letGo') {
          const [done] = working.splice(which % Math.max(1, working.length), 1);
          if (done === undefined) continue;
          leaseOf(done.delivery).letGo();
          done.known.workers--;
        } else if (what === 'settle') {
          void delivery.ack();
          if (known.state === 'open') known.end();
        } else if (what === 'drop') {
          delivery['sluice.dropped']('cancelled');
          if (known.state === 'open') known.end();
        } else if (what === 'map') {
          const other = delivery.map(() => 0);
          make(other, known);
        } else if ('into' in more) {
          const parts = delivery.split(new Array(more.into).fill(0));
          const knownParts = known.state === 'open' ? known.split(parts.length) : parts.map(() => known);
          parts.forEach((part, i) => make(part, knownParts[i]!));
        } else if ('with' in more) {
          const others = [made, ...more.with.map((n) => all[n % all.length]!)];
          make(mergeDeliveries(others.map((each) => each.delivery)), Known.merge(others.map((each) => each.known)));
        }
        expect(all.map((each) => leaseOf(each.delivery).kept)).toEqual(all.map((each) => each.known.kept));
      }
    });
    fc.assert(property, { numRuns: runs });
  });
});

interface Made {
  readonly delivery: Delivery<unknown>;
  readonly known: Known;
}

/** What is to be true of a delivery, and of those that it was mapped to. */
class Known {
  state: 'open' | 'shared' | 'over' = 'open';
  workers = 0;
  private readonly derived: Known[] = [];

  constructor(private readonly onEnd: () => void = () => undefined) {}

  static merge(all: readonly Known[]): Known {
    const own = [...new Set(all)].filter(({ state }) => state === 'open');
    const merged = new Known(() => own.forEach((each) => each.end()));
    for (const each of own) {
      each.state = 'shared';
      each.derived.push(merged);
    }
    return merged;
  }

  get kept(): boolean {
    return this.state !== 'over' && (this.workers > 0 || this.derived.some(({ kept }) => kept));
  }

  split(count: number): readonly Known[] {
    this.state = 'shared';
    let left = count;
    if (left === 0) this.end();
    for (let i = 0; i < count; i++) this.derived.push(new Known(() => --left === 0 && this.end()));
    return this.derived;
  }

  end(): void {
    this.state = 'over';
    this.onEnd();
  }
}

/** What a message is made into: a leaf is settled; `map` and `merge` have one child, `split` some. */
type Tree =
  { readonly leaf: Outcome } | { readonly map: Tree } | { readonly merge: Tree } | { readonly split: readonly Tree[] };

const leaf = fc.oneof(
  fc.constant<Outcome>({ kind: 'ack' }),
  fc.constant<Outcome>({ kind: 'release' }),
  fc.nat(9).map((delay): Outcome => ({ kind: 'nack', delay })),
  fc.constant<Outcome>({ kind: 'dead', reason: 'bad' }),
);
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({ leaf }),
    fc.record({ map: tie('tree') }),
    fc.record({ merge: tie('tree') }),
    fc.record({ split: fc.array(tie('tree'), { maxLength: 4 }) }),
  ),
}));

const rank = (outcome: Outcome): number => ['ack', 'dead', 'release', 'nack'].indexOf(outcome.kind);

function recomputed(node: Tree): Outcome {
  if ('leaf' in node) return node.leaf;
  if ('map' in node) return recomputed(node.map);
  if ('merge' in node) return recomputed(node.merge);
  const outcomes = node.split.map(recomputed);
  const best = outcomes.reduce<Outcome>((a, b) => (rank(b) > rank(a) ? b : a), { kind: 'ack' });
  const delay = Math.max(...outcomes.map((outcome) => (outcome.kind === 'nack' ? (outcome.delay ?? 0) : 0)));
  return best.kind === 'nack' ? { kind: 'nack', delay } : best;
}

/** Builds the tree; returns what settles its leaves. */
function grow(node: Tree, delivery: Delivery<number>): (() => Settling)[] {
  if ('leaf' in node) {
    const { leaf: outcome } = node;
    if (outcome.kind === 'nack') return [() => delivery.nack({ delay: outcome.delay })];
    if (outcome.kind === 'dead') return [() => delivery.deadLetter(outcome.reason)];
    return [() => (outcome.kind === 'ack' ? delivery.ack() : delivery.release())];
  }
  if ('map' in node)
    return grow(
      node.map,
      delivery.map((n) => n),
    );
  if ('merge' in node)
    return grow(
      node.merge,
      mergeDeliveries([delivery]).map(([n]) => n),
    );
  return delivery.split(node.split.map((_, i) => i)).flatMap((part, i) => grow(node.split[i]!, part));
}

test('an ack tree settles its message once, with what a plain recomputation says, when its last leaf is settled', async () => {
  const property = fc.asyncProperty(tree, fc.infiniteStream(fc.nat()), async (node, order) => {
    const messages = new Messages();
    const leaves = grow(node, messages.make(1));
    while (leaves.length > 0) {
      expect(messages.of(1)).toBeUndefined();
      const [settle] = leaves.splice(order.next().value % leaves.length, 1);
      expect(await settle!()).toBe('settled');
      expect(settle!()).toBe(false);
    }
    await Promise.resolve();
    const { kind, ...facts } = messages.outcomes.get('1')![0]!;
    expect({ kind, ...facts }).toEqual({ ...recomputed(node), ...(kind === 'dead' && { error: undefined }) });
    expect(messages.outcomes.get('1')).toHaveLength(1);
  });
  await fc.assert(property, { numRuns: runs });
});

test('as JSON it is the message, without what stands behind it', async () => {
  const { orders, consumer } = rig<{ n: number }>();
  await orders.publish({ n: 1 }, { key: 'k', headers: { a: 'b' } });
  const c = consumer();
  c.request(1);
  await settled();
  const [delivery] = c.values;
  const { id, publishedAt } = delivery!;
  const shown = { id, key: 'k', attempt: 1, publishedAt, headers: { a: 'b' }, priority: 0, value: { n: 1 } };
  expect(JSON.parse(JSON.stringify(delivery))).toEqual(shown);
  c.unsubscribe();
});
