import type { Registry } from 'prom-client';
import { Counter, Histogram } from 'prom-client';

/** Uploads and pulls take from milliseconds to many minutes. */
const DURATION_BUCKETS_S = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600];

export interface RequestFigures {
  method: string;
  route: string;
  /** Of the answer, or `cut`. */
  status: string;
  seconds: number;
  receivedBytes: number;
  sentBytes: number;
}

/** What `serve` counts of its requests and caches. */
export class ServeMetrics {
  readonly #requests: Counter<'method' | 'route' | 'status'>;
  readonly #seconds: Histogram<'method' | 'route'>;
  readonly #received: Counter<'route'>;
  readonly #sent: Counter<'route'>;
  readonly #lookups: Counter<'cache' | 'result'>;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#requests = new Counter({
      name: 'slipway_http_requests_total',
      help: 'Requests that have ended',
      labelNames: ['method', 'route', 'status'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'slipway_http_request_duration_seconds',
      help: 'From the head of a request to the end of its answer',
      labelNames: ['method', 'route'],
      buckets: DURATION_BUCKETS_S,
      registers,
    });
    this.#received = new Counter({
      name: 'slipway_http_received_bytes_total',
      help: 'Bytes of requests, heads included',
      labelNames: ['route'],
      registers,
    });
    this.#sent = new Counter({
      name: 'slipway_http_sent_bytes_total',
      help: 'Bytes of answers, heads included',
      labelNames: ['route'],
      registers,
    });
    this.#lookups = new Counter({
      name: 'slipway_cache_lookups_total',
      help: 'Lookups in the caches of this process, by whether they saved work',
      labelNames: ['cache', 'result'],
      registers,
    });
  }

  countRequest({ method, route, status, seconds, receivedBytes, sentBytes }: RequestFigures): void {
    this.#requests.inc({ method, route, status });
    this.#seconds.observe({ method, route }, seconds);
    this.#received.inc({ route }, receivedBytes);
    this.#sent.inc({ route }, sentBytes);
  }

  readonly countLookup = (cache: string, isHit: boolean): void => {
    this.#lookups.inc({ cache, result: isHit ? 'hit' : 'miss' });
  };
}
