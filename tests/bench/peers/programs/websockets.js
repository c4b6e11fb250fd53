// node websockets.js PORT WORKERS: /echo gives back what it gets, /room gives it to everybody in the room.
'use strict';
const cluster = require('cluster');
const {WebSocketServer} = require('ws');

const [port, workers] = process.argv.slice(2).map(Number);

// The room is in all workers: the primary hands on what one of them got, as cluster's users do it.
function primary() {
  cluster.setupPrimary({serialization: 'advanced'});  // buffers stay buffers
  for (let i = 0; i < workers; ++i) cluster.fork();
  cluster.on('message', (sender, message) => {
    for (const worker of Object.values(cluster.workers)) {
      if (worker !== sender) worker.send(message);
    }
  });
}

function worker() {
  const room = new Set();
  const deliver = ({data, binary}) => {
    for (const socket of room) socket.send(data, {binary});
  };
  const server = new WebSocketServer({host: '127.0.0.1', port, backlog: 4096, clientTracking: false});
  server.on('connection', (socket, request) => {
    socket.on('error', () => {});
    if (request.url === '/echo') {
      socket.on('message', (data, binary) => socket.send(data, {binary}));
      return;
    }
    room.add(socket);
    socket.on('close', () => room.delete(socket));
    socket.on('message', (data, binary) => {
      deliver({data, binary});
      process.send({data, binary});
    });
  });
  process.on('message', deliver);
}

if (cluster.isPrimary) primary();
else worker();
