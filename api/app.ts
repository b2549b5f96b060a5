import type { Express, NextFunction, Request, Response } from 'express';
import express from 'express';

import type { ApiDeps } from './api-deps';
import { createBrowserCookies } from './pipeline/csrf';
import type { ApiRoute } from './route';
import { createApiRouter } from './router';

/** Everything of the HTTP process but `/v2`; pages of the console are mounted behind the route table. */
export function createApiApp(deps: ApiDeps, routes: ApiRoute[]): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  const router = createApiRouter(deps, createBrowserCookies(deps.config.DATABASE_SECRET_KEY), routes);
  app.use(async (request: Request, response: Response, next: NextFunction) => {
    if (!(await router(request, response))) next();
  });
  app.use((request: Request, response: Response) => {
    response.status(404).json({ message: `there is nothing at ${request.path}` });
  });
  return app;
}
