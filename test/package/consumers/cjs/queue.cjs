const { take } = require('rxjs');
const { handle } = require('sluice');
const { memoryStore } = require('sluice/memory');
const { queue } = require('sluice/queue');
const { sqliteStore } = require('sluice/sqlite');

async function main() {
  for (const open of [() => memoryStore(), () => sqliteStore({ path: ':memory:' })]) {
    try {
      const store = open();
      const orders = queue(store, 'orders');
      await orders.publish('a');
      await orders
        .deliveries()
        .pipe(
          handle(async (order) => order, { concurrency: 1 }),
          take(1),
        )
        .forEach(({ delivery, outcome }) => console.log(store.kind, delivery.value, outcome));
      await store.close();
    } catch (error) {
      console.log(error.code);
    }
  }
}
main();
