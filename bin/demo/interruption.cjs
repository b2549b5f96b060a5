'use strict';

let isInterrupted = false;
const children = new Set();

/** Resolves when somebody asks the demo to stop. */
const interrupted = new Promise((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      isInterrupted = true;
      // Their own traps take away what they mounted.
      for (const child of children) end(child);
      resolve(undefined);
    });
  }
});

/** Ends this child, the leader of its own group, when the demo is interrupted. */
function endWithDemo(child) {
  children.add(child);
  child.once('close', () => children.delete(child));
  if (isInterrupted) end(child);
}

function end(child) {
  try {
    process.kill(-child.pid, 'SIGTERM');
  } catch {
    // It is gone already.
  }
}

/** Between two looks of something that waits. */
function refuseIfInterrupted() {
  if (isInterrupted) throw new Error('interrupted');
}

module.exports = { interrupted, endWithDemo, refuseIfInterrupted };
