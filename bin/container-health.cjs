'use strict';

const ANSWER_LIMIT_MS = 8000;

/** Asks the process of this container how it is: exit code 0 or 1, and its reason for who inspects the container. */
async function main() {
  const url = `http://127.0.0.1:${process.env.SLIPWAY_HEALTH_PORT}/health`;
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    process.stdout.write(`${await response.text()}\n`);
    return response.ok ? 0 : 1;
  } catch (error) {
    process.stdout.write(`no answer at ${url}: ${error.cause?.code ?? error.message}\n`);
    return 1;
  }
}

void main().then((code) => (process.exitCode = code));
