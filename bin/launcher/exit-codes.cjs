'use strict';

/** Every exit code of the launcher; `bin/slipway --help` prints this table. */
const EXIT_CODES = {
  ok: [0, 'done; also after Ctrl-C, SIGTERM or SIGHUP once everything is ready'],
  unexpected: [1, 'unexpected error, failed tests, or a problem that doctor found'],
  usage: [2, 'unknown command or option'],
  notRunning: [3, 'not running (status, stop, admin)'],
  alreadyRunning: [4, 'already running in this folder'],
  unhealthy: [5, 'running, but a part does not answer (status)'],
  node: [10, 'no Node that is new enough, and none could be fetched'],
  packages: [11, 'the npm packages could not be installed'],
  build: [12, 'the product could not be built'],
  database: [13, 'no MariaDB or MySQL, and none could be installed'],
  temporal: [14, 'no Temporal server, and none could be fetched'],
  docker: [15, 'no Docker engine where the command cannot do without one (demo)'],
  systemPackage: [16, 'a system package is needed and was refused or could not be installed'],
  portTaken: [17, 'a port of config.yaml is taken by somebody else'],
  config: [18, 'config.yaml cannot be read or lacks a field'],
  partFailed: [19, 'a part did not start'],
  diskFull: [20, 'too little free disk space'],
  cache: [21, 'the cache folder cannot be written'],
  home: [22, 'the data folder cannot be written'],
  temporary: [23, 'the temporary folder cannot be written'],
  interrupted: [130, 'interrupted before everything was ready'],
};

/** A failure that is one sentence for a person: what is wrong and what to do about it. */
class LauncherError extends Error {
  /**
   * @param {keyof typeof EXIT_CODES} kind
   * @param {string} message
   */
  constructor(kind, message) {
    super(message);
    this.kind = kind;
  }

  get exitCode() {
    return /** @type {number} */ (EXIT_CODES[this.kind][0]);
  }
}

module.exports = { EXIT_CODES, LauncherError };
