'use strict';

// Loaded into a process of the product with `--require`: its wall clock is off, its monotonic one is right.
const shiftMs = Number(process.env.TEST_CLOCK_SHIFT_MS);
const trueNow = Date.now;
const TrueDate = Date;

globalThis.Date = class extends TrueDate {
  constructor(...parts) {
    if (parts.length === 0) super(trueNow() + shiftMs);
    else super(...parts);
  }

  static now() {
    return trueNow() + shiftMs;
  }
};
