'use strict';

const { EXIT_CODES } = require('./exit-codes.cjs');

/** @type {Record<string, { usage: string, summary: string, more?: string }>} */
const COMMANDS = {
  start: {
    usage: 'start [--yes] [--background]',
    summary: 'get what is missing, build, start everything, and supervise it until Ctrl-C',
    more: '--yes          install system packages without asking\n--background   return when it is ready and leave it running',
  },
  stop: { usage: 'stop', summary: 'stop the product of this folder, also after its launcher was killed' },
  status: { usage: 'status [--json]', summary: 'addresses, versions and health of each part' },
  doctor: {
    usage: 'doctor',
    summary: 'what was found, in which version, and what is missing; changes nothing',
  },
  logs: { usage: 'logs [part] [-f]', summary: 'the end of the logs, of one part or of all; -f goes on' },
  demo: {
    usage: 'demo [--yes] [--keep] [options of the demo]',
    summary: 'the main job from a git push to the messages, on the running product or one started for it',
    more: '--keep   leave the product running afterwards',
  },
  test: {
    usage: 'test [--yes] [options of mocha]',
    summary: 'lint, types, build and every test, with servers of their own',
  },
  bench: {
    usage: 'bench <name> [--yes] [options of the bench]',
    summary: 'measure with servers of its own: pipeline, outage; bench <name> --help tells more',
  },
  build: { usage: 'build', summary: 'build dist/' },
  exec: { usage: 'exec <command> [arguments]', summary: 'run a command on the Node that the product uses' },
  tools: {
    usage: 'tools [--yes] <command>…',
    summary:
      'install the Debian packages of git, curl, ssh, sshd, skopeo, debootstrap where they are missing',
  },
  admin: {
    usage: 'admin …',
    summary: 'accounts and tokens',
    more: [
      'admin password                        print the password that the first administrator was given',
      'admin user create <name> [options]    make an account',
      'admin user password <name> [options]  set the password of an account',
      'admin token [options]                 print a bearer token',
      'Options of the last three: bin/slipway admin user create --help and so on.',
    ].join('\n'),
  },
};

const ENVIRONMENT = [
  ['SLIPWAY_HOME', 'data folder, .slipway in the checkout by default'],
  ['XDG_CACHE_HOME', 'what is fetched or built once is kept in its folder slipway, ~/.cache by default'],
  ['DATABASE_URL', 'use this MySQL or MariaDB instead of a private one'],
  ['TEMPORAL_ADDRESS', 'use this Temporal server instead of a private one'],
  ['DOCKER_HOST', 'use this Docker engine'],
];

/** @param {string} [command] */
function helpText(command) {
  const known = command && COMMANDS[command];
  if (known) {
    const codes = command === 'status' || command === 'start' ? `\n\nExit codes:\n${exitCodes()}` : '';
    return `Usage: bin/slipway ${known.usage}\n\n${known.summary}${known.more ? `\n\n${indent(known.more)}` : ''}${codes}\n`;
  }
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length)) + 2;
  const commands = Object.entries(COMMANDS).map(([name, { summary }]) => `${name.padEnd(width)}${summary}`);
  const variables = ENVIRONMENT.map(([name, meaning]) => `${name.padEnd(18)}${meaning}`);
  return [
    'Usage: bin/slipway <command> [options]',
    `Commands:\n${indent(commands.join('\n'))}`,
    'Every other command (migrate, fsck, gc …) goes to the product itself.\nbin/slipway <command> --help tells more of one; --version prints the version.',
    `Environment:\n${indent(variables.join('\n'))}`,
    `Exit codes:\n${exitCodes()}\n`,
  ].join('\n\n');
}

function exitCodes() {
  return indent(
    Object.values(EXIT_CODES)
      .map(([code, meaning]) => `${String(code).padStart(3)}  ${meaning}`)
      .join('\n'),
  );
}

const indent = (text) => text.replace(/^/gm, '  ');

module.exports = { COMMANDS, helpText };
