import type { Config } from '../config/schema';

/** Full names of the robots that work. */
export type AllowedRobots = 'all' | readonly string[];

export function allowedRobots(config: Pick<Config, 'ROBOTS_DISALLOW' | 'ROBOTS_WHITELIST'>): AllowedRobots {
  return config.ROBOTS_DISALLOW ? config.ROBOTS_WHITELIST : 'all';
}

export function isRobotAllowed(allowed: AllowedRobots, name: string): boolean {
  return allowed === 'all' || allowed.includes(name);
}
