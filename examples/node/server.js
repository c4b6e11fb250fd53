// A web server as one writes it, on the socket that it is given; and it leaves politely.
const http = require('http');
const net = require('net');

let leaving = false;

const server = http.createServer((request, response) => {
  if (leaving) response.setHeader('Connection', 'close');
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({
    language: 'JavaScript',
    pid: process.pid,
    slot: Number(process.env.SOCKHERD_SLOT),
    generation: Number(process.env.SOCKHERD_GENERATION),
  }));
});

server.listen({ fd: 3 });  // 3 is the first socket of LISTEN_FDS

process.on('SIGTERM', () => {
  leaving = true;
  // http's own close() also ends connections that are idle at this moment, where the next request may be on its way
  // already. This one only stops accepting: whoever asks once more is answered, with "Connection: close".
  net.Server.prototype.close.call(server);
  // Who has asked for nothing since then does not want anything any more.
  setTimeout(() => server.closeIdleConnections(), 2000).unref();
});
