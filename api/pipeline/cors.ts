import type { Config } from '../../config/schema';

/** Headers that let pages of other origins call the API (api spec 1.3); cookies only for an origin that is named. */
export function corsHeaders(config: Pick<Config, 'CORS_ORIGIN'>, path: string): Record<string, string> {
  const origin = config.CORS_ORIGIN;
  const isOpen = origin === '*';
  if (isOpen && !path.startsWith('/api/')) return {};
  const headers: Record<string, string> = {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Methods': 'GET, HEAD, OPTIONS, POST, DELETE, PUT',
    'Access-Control-Max-Age': '21600',
    'Access-Control-Allow-Headers': 'AUTHORIZATION, CONTENT-TYPE, X-REQUESTED-WITH',
  };
  if (isOpen) return headers;
  headers['Access-Control-Allow-Headers'] += ', COOKIE, X-CSRF-TOKEN';
  headers['Access-Control-Allow-Credentials'] = 'true';
  headers.Vary = 'Origin';
  return headers;
}
