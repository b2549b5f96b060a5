import { Gauge, Registry, collectDefaultMetrics } from 'prom-client';

/** All that a reader of metrics needs. */
export interface ReadableMetrics {
  contentType: string;
  /** As Prometheus reads them. */
  metrics(): Promise<string>;
}

/** The metrics of one process; its composition root makes it and hands it on. */
export function createMetrics(part: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ part });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** A gauge that asks for its value whenever it is read; an error leaves the last value. */
export function addGauge(registry: Registry, name: string, help: string, read: () => Promise<number>): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    async collect() {
      this.set(await read());
    },
  });
}
