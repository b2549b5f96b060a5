'use strict';

const { createServer } = require('node:http');
const { once } = require('node:events');

const LARGEST_BODY_BYTES = 1024 * 1024;

/** A webhook receiver on loopback that keeps what it got. */
async function startReceiver() {
  const received = [];
  const server = createServer((request, response) => {
    const chunks = [];
    let size = 0;
    request.on('data', (chunk) => {
      size += chunk.length;
      if (size > LARGEST_BODY_BYTES) request.destroy();
      else chunks.push(chunk);
    });
    request.on('end', () => {
      received.push({
        event: request.headers['x-slipway-event'],
        deliveryId: request.headers['x-slipway-delivery'],
        body: JSON.parse(Buffer.concat(chunks).toString('utf8')),
      });
      response.writeHead(204).end();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${server.address().port}/hook`,
    received,
    close: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

module.exports = { startReceiver };
