/** Prometheus: the process, requests by route, and what the composition root adds. No ids, no names. */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'

export interface Metrics {
  /** `route`: a pattern, never a path. */
  count(request: { method: string; route: string; status: number; ms: number }): void
  text(): Promise<string>
  contentType: string
}

/** Anybody can make up methods; each would be a time series for ever. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** `gauges`: read whenever somebody looks. */
export function createMetrics(
  gauges: Readonly<Record<string, { help: string; read(): number }>>,
): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  for (const [name, { help, read }] of Object.entries(gauges)) {
    const gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        gauge.set(read())
      },
    })
  }
  const requests = new Counter({
    name: 'chatto_http_requests_total',
    help: 'Answered requests',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  })
  const seconds = new Histogram({
    name: 'chatto_http_request_seconds',
    help: 'Time from a request to its answer',
    labelNames: ['method', 'route'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
    registers: [registry],
  })
  return {
    count({ method: given, route, status, ms }) {
      const method = knownMethods.has(given) ? given : 'other'
      requests.inc({ method, route, status })
      seconds.observe({ method, route }, ms / 1000)
    },
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}
