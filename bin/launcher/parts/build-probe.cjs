'use strict';

const fs = require('node:fs');
const http = require('node:http');

const { currentSignal } = require('../cancellation.cjs');

const TRIAL_TIMEOUT_MS = 60_000;
const BLOCK = 512;

/**
 * Builds a tiny image with a RUN step once, so that an engine that starts but cannot build is found out now and not by a user.
 * @param {import('../machine.cjs').Machine} machine
 * @param {string} host `unix://…`
 * @returns {Promise<string | undefined>} why it cannot build
 */
async function whyItCannotBuild(machine, host) {
  const context = await trialContext(machine);
  if (!context) return undefined; // Nothing to try it with here (no ldd, or another libc).
  for (const network of ['none', 'host', 'default']) {
    const failure = await tryBuild(host, context, network);
    if (failure) return `a RUN step with network "${network}" fails: ${failure}`;
  }
  return undefined;
}

function tryBuild(host, context, network) {
  const query = `version=2&nocache=1&rm=1&forcerm=1&networkmode=${network}`;
  return new Promise((resolve) => {
    const request = http.request(
      {
        socketPath: host.replace('unix://', ''),
        path: `/build?${query}`,
        method: 'POST',
        headers: { 'content-type': 'application/x-tar', 'content-length': context.length },
        timeout: TRIAL_TIMEOUT_MS,
        signal: currentSignal(),
      },
      (response) => {
        let text = '';
        response.on('data', (chunk) => (text = (text + chunk).slice(-100_000)));
        response.on('error', (error) => resolve(error.message));
        response.on('end', () => resolve(readFailure(response.statusCode ?? 0, text)));
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer in time')));
    request.on('error', (error) => resolve(error.message));
    request.end(context);
  });
}

function readFailure(status, text) {
  const message = /"(?:error|message)":"((?:[^"\\]|\\.)*)"/.exec(text);
  if (status !== 200 || /"errorDetail"/.test(text)) return message ? message[1] : `answer ${status}`;
  return undefined;
}

/** An image from nothing: /bin/true with the libraries it wants. */
async function trialContext(machine) {
  const program = fs.realpathSync('/bin/true');
  const { code, stdout } = await machine.capture('ldd', [program], { timeoutMs: 5000 });
  if (code !== 0) return undefined;
  const libraries = [...stdout.matchAll(/(?:=> )?(\/\S+) \(0x/g)].map((match) => match[1]);
  const files = [program, ...new Set(libraries)].map((file) =>
    tarEntry(file.slice(1), fs.readFileSync(file)),
  );
  const dockerfile = Buffer.from(`FROM scratch\nCOPY . /\nRUN ["${program}"]\n`);
  return Buffer.concat([tarEntry('Dockerfile', dockerfile), ...files, Buffer.alloc(2 * BLOCK)]);
}

/** One file of a ustar archive. */
function tarEntry(name, content) {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 100);
  header.write('0000755\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)]);
}

module.exports = { whyItCannotBuild };
