import type { Account } from '../../db/entities/accounts';
import { rfcDate } from '../present/dates';

/** A robot in api spec 14's shape; `token` is its password, shown to whoever administers the namespace. */
export function presentRobot(robot: Account, { withToken }: { withToken: boolean }) {
  return {
    name: robot.name,
    created: rfcDate(robot.createdAtMs),
    last_accessed: robot.lastAccessedMs === null ? null : rfcDate(robot.lastAccessedMs),
    description: robot.description,
    ...(withToken ? { token: robot.robotToken } : {}),
  };
}
