import { pool, pull } from 'sluice';
import { threads } from 'sluice/threads';

try {
  const square = threads(new URL('./square.js', import.meta.url));
  pull([2, 3, 4])
    .pipe(pool(square, { concurrency: 2, order: 'source' }))
    .subscribe((n) => console.log(n));
} catch (error) {
  console.log(error.code, error.message);
}
