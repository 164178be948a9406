import sluice = require('sluice');
import node = require('sluice/node');

const numbers: import('rxjs').Observable<number> = sluice.pull([1]).pipe(sluice.boundedBuffer({ capacity: 1 }));
numbers.subscribe((value) => console.log(value.toFixed(1), typeof node.writeTo));
