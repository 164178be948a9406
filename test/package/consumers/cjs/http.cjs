const { createServer } = require('node:http');
const { tokenBucket } = require('sluice');
const { admission, politeFetch } = require('sluice/http');

const admit = admission({ limiter: tokenBucket({ rate: 1, burst: 1 }) });
const server = createServer((request, response) => {
  if (admit.node(request, response)) response.end('in');
});
server.listen(0, async () => {
  const address = `http://localhost:${server.address().port}`;
  console.log(await (await fetch(address)).text());
  const { status, headers } = await politeFetch({ attempts: 1 })(address);
  console.log(status, headers.get('retry-after'), headers.get('ratelimit'));
  server.closeAllConnections();
  server.close();
});
