/** Finds the route of a request by its method and path. */
import { AppError } from '../errors.ts'
import type { Route } from './route.ts'

export interface Match {
  route: Route
  /**
   * A single segment, percent-decoded. `not-found` for what cannot be an id; checked here and not
   * while matching, because R50 comes before it.
   */
  param(name: string): string
}

export type Router = (method: string, path: string) => Match | undefined

export function createRouter(routes: readonly Route[]): Router {
  const byShape = new Map<string, { route: Route; segments: string[] }[]>()
  for (const route of routes) {
    const segments = route.path.split('/')
    const shape = shapeOf(route.method, segments)
    byShape.set(shape, [...(byShape.get(shape) ?? []), { route, segments }])
  }
  return (method, path) => {
    const given = path.split('/')
    const candidates = byShape.get(shapeOf(method === 'HEAD' ? 'GET' : method, given)) ?? []
    const found = candidates.find(({ segments }) => fits(segments, given))
    if (!found) return undefined
    const { route, segments } = found
    return {
      route,
      param(name) {
        const i = segments.indexOf(`:${name}`)
        if (i === -1) throw new Error(`${route.path} has no parameter ${name}`)
        return toId(given[i] ?? '')
      },
    }
  }
}

const shapeOf = (method: string, segments: string[]) => `${method} ${segments.length}`

const fits = (pattern: string[], given: string[]) =>
  pattern.every((segment, i) => segment.startsWith(':') || segment === given[i])

/** Ids are short and plain; anything else is nothing of ours. */
function toId(segment: string): string {
  const id = decode(segment)
  if (/^[A-Za-z0-9_-]{1,128}$/.test(id)) return id
  throw new AppError('not-found', 'there is nothing with such an id')
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return ''
  }
}
