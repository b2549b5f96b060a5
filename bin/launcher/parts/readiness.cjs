'use strict';

const http = require('node:http');
const net = require('node:net');

const { pingEngine } = require('../tools/docker.cjs');

const PROBE_TIMEOUT_MS = 4000;

/**
 * How to ask a part whether it serves. `http` asks the port that the part was given in SLIPWAY_HEALTH_PORT unless it names one.
 * @typedef {{ type: 'http', path: string, port?: number } | { type: 'tcp' | 'mysql', host: string, port: number, path?: string }
 *   | { type: 'docker', host: string } | { type: 'none' }} Ready
 * @typedef {{ isReady: boolean, hasAnswered: boolean, why: string }} Health
 */

/**
 * @param {Ready | undefined} ready
 * @param {number | undefined} healthPort
 * @returns {Promise<Health>}
 */
async function askHealth(ready, healthPort) {
  if (!ready || ready.type === 'none') return { isReady: true, hasAnswered: true, why: '' };
  if (ready.type === 'docker') {
    const isReady = Boolean(await pingEngine(ready.host));
    return { isReady, hasAnswered: isReady, why: isReady ? '' : 'does not answer' };
  }
  if (ready.type === 'http') return askHttp(ready.port ?? healthPort ?? 0, ready.path);
  return askSocket(ready);
}

/** @returns {Promise<Health>} */
function askHttp(port, path) {
  return new Promise((resolve) => {
    const request = http.get(
      { host: '127.0.0.1', port, path, agent: false, timeout: PROBE_TIMEOUT_MS },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text = (text + chunk).slice(0, 200)));
        response.on('error', () => {});
        response.on('close', () => {
          const isReady = response.statusCode === 200;
          const detail = text.replace(/\s+/g, ' ').trim();
          resolve({
            isReady,
            hasAnswered: true,
            why: isReady ? '' : `answers ${response.statusCode} ${detail}`.trim(),
          });
        });
      },
    );
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve({ isReady: false, hasAnswered: false, why: 'does not answer' }));
  });
}

/** @returns {Promise<Health>} */
function askSocket({ type, host, port, path }) {
  return new Promise((resolve) => {
    const socket = path ? net.connect({ path }) : net.connect({ host, port });
    const finish = (isReady, hasAnswered = isReady) => {
      socket.destroy();
      resolve({ isReady, hasAnswered, why: isReady ? '' : hasAnswered ? 'refuses' : 'does not answer' });
    };
    socket.setTimeout(PROBE_TIMEOUT_MS, () => finish(false));
    socket.once('error', () => finish(false));
    if (type === 'tcp') socket.once('connect', () => finish(true));
    // A MySQL server greets first: protocol version 10 after the packet's header of four bytes. One that has all the
    // connections that it takes says so, which is no silence.
    else socket.once('data', (greeting) => finish(greeting[4] === 10, true));
    socket.once('end', () => finish(false));
  });
}

module.exports = { askHealth };
