const { join } = require('node:path');
const { pool, pull } = require('sluice');
const { threads } = require('sluice/threads');

try {
  const square = threads(join(__dirname, 'square.cjs'));
  pull([2, 3, 4])
    .pipe(pool(square, { concurrency: 2, order: 'source' }))
    .subscribe((n) => console.log(n));
} catch (error) {
  console.log(error.code, error.message);
}
