'use strict';

const fs = require('node:fs');

const { embeddedServers, readConfig } = require('../parts/instance-config.cjs');

/**
 * Addresses of servers that are not the launcher's to run, from the environment and from config.yaml where there is one.
 * @param {import('../context.cjs').Context} context
 * @returns {{ url?: string, address?: string, host?: string }} database, Temporal, Docker engine
 */
function configuredServers({ layout, machine }) {
  const { env } = machine;
  if (!fs.existsSync(layout.config))
    return { url: env.DATABASE_URL, address: env.TEMPORAL_ADDRESS, host: env.DOCKER_HOST };
  const config = readConfig(layout.config, env);
  const embedded = embeddedServers(config, env);
  return {
    url: embedded.database ? undefined : config.DATABASE_URL,
    address: embedded.temporal ? undefined : config.TEMPORAL_ADDRESS,
    host: config.DOCKER_HOST,
  };
}

module.exports = { configuredServers };
