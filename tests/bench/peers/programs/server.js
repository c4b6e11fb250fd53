// node server.js PORT WORKERS: what it answers is in tests/bench/peers/peer.py.
'use strict';
const cluster = require('cluster');
const http = require('http');

const [port, workers] = process.argv.slice(2).map(Number);
const plaintext = Buffer.from('Hello, World!');
const tenKib = Buffer.alloc(10 * 1024, 'x');

cluster.schedulingPolicy = cluster.SCHED_NONE;  // workers accept themselves: 1.4 times the short ones
if (cluster.isPrimary) {
  for (let i = 0; i < workers; ++i) cluster.fork();
} else {
  const server = http.createServer((request, response) => {
    const body = request.url === '/10k' ? tenKib : plaintext;
    response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': body.length});
    response.end(body);
  });
  server.keepAliveTimeout = 75_000;
  server.listen({host: '127.0.0.1', port, backlog: 4096});
}
