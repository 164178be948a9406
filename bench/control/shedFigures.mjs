// Charts of what shed.mjs simulates.
import { between } from './bars.mjs';
import { goodputAgainstLoad, goodputThroughStep, trace, yieldPerClass } from './shed.mjs';
import * as sluice from '../../dist/index.js';
import { quantile } from './simulation.mjs';

/** The other policies are variants of these. */
const SHOWN = ['FIFO 500', 'FIFO 50', 'shed', 'shedByDelay'];

/** @param {number[]} seeds @returns {Promise<import('./bars.mjs').Figure[]>} */
export async function shedFigures(seeds) {
  const loads = await goodputAgainstLoad(seeds, { policies: SHOWN, loads: [0.5, 0.8, 1, 1.2, 1.5, 2, 3, 5, 10] });
  const classes = await yieldPerClass(seeds, { policies: SHOWN });
  const ideal = classes.filter(({ policy }) => policy === classes[0]?.policy);
  const step = await goodputThroughStep(seeds, { policies: SHOWN });
  const capacity = step.filter(({ policy }) => policy === SHOWN[0]);
  return [
    {
      name: 'shed-load',
      title: 'Done within 250 ms, by how much comes',
      x: 'load, in parts of the capacity',
      logX: true,
      panels: [
        {
          y: '% of the capacity',
          values: loads.map(({ policy, load, goodput }) => ({ name: policy, x: load, y: 100 * goodput })),
        },
      ],
    },
    {
      name: 'shed-classes',
      title: 'Served in time at twice the capacity, by priority: 5 is the most important',
      x: 'priority',
      ticks: 5,
      reference: 'ideal',
      panels: [
        {
          y: '% of the class',
          values: [
            ...classes.map((it) => ({ name: it.policy, x: it.class, y: 100 * it.served })),
            ...ideal.map((it) => ({ name: 'ideal', x: it.class, y: 100 * it.ideal })),
          ],
        },
      ],
    },
    {
      name: 'shed-step',
      reference: 'capacity',
      title: '1,000 a second come; the capacity falls from 1,100 to 500 at 6 s, and is back at 14 s',
      x: 'seconds',
      panels: [
        {
          y: 'done in time a second',
          values: [
            ...step.map(({ policy, second, goodput }) => ({ name: policy, x: second, y: goodput })),
            ...capacity.map(({ second, capacity }) => ({ name: 'capacity', x: second, y: capacity })),
          ],
        },
        { y: 'p95 from arrival to done, ms', log: true, values: times(capacity) },
      ],
    },
  ];
}

/** @param {{ capacity: number }[]} capacity of each second */
function times(capacity) {
  const end = 1_000 * capacity.length;
  const service = (/** @type {number} */ time) =>
    10_000 / (capacity[Math.min(capacity.length - 1, Math.floor(time / 1_000))]?.capacity ?? NaN);
  return SHOWN.flatMap((policy) => {
    const { done } = trace(sluice, 1, policy, { end, rate: 1_000, service });
    return Array.from({ length: end / 500 }, (_, i) => ({
      name: policy,
      x: i / 2,
      y: quantile(
        between(done, 500 * i, 500 * (i + 1)).map(({ total }) => total),
        0.95,
      ),
    }));
  });
}
