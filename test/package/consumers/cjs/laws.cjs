const { boundedBuffer } = require('sluice');
const { ManualConsumer, ManualSource, operatorLaws } = require('sluice/testing');

// All but the laws does without fast-check.
const source = new ManualSource();
const consumer = new ManualConsumer(source.pipe(boundedBuffer({ capacity: 2 })));
source.send('a');
consumer.request(1);
console.log(consumer.values.join());

const subject = { name: 'buffer', create: (setup) => boundedBuffer({ capacity: 2, ...only(setup) }), bound: 2 };
const only = ({ scheduler, monitor, onDrop }) => ({ scheduler, monitor, onDrop });
try {
  for (const law of operatorLaws) law.check(subject, { runs: 10 });
  console.log('lawful');
} catch (error) {
  console.log(error.code, error.message);
}
