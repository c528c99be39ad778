/** Finds the route of a request by its method and path. */
import type { Method, Route } from './route.ts'

export interface Match {
  route: Route
  param(name: string): string
}

export type Router = (method: string, path: string) => Match | undefined

/** Parameters are single segments, percent-decoded; a segment that does not decode matches nothing. */
export function createRouter(routes: readonly Route[]): Router {
  const byMethod = new Map<string, { route: Route; segments: string[] }[]>()
  for (const route of routes) {
    const list = byMethod.get(route.method) ?? []
    list.push({ route, segments: route.path.split('/') })
    byMethod.set(route.method, list)
  }
  return (method, path) => {
    const wanted: Method | string = method === 'HEAD' ? 'GET' : method
    const given = path.split('/')
    for (const { route, segments } of byMethod.get(wanted) ?? []) {
      const params = matchSegments(segments, given)
      if (!params) continue
      return {
        route,
        param(name) {
          const value = params.get(name)
          if (value === undefined) throw new Error(`${route.path} has no parameter ${name}`)
          return value
        },
      }
    }
    return undefined
  }
}

function matchSegments(pattern: string[], given: string[]): Map<string, string> | undefined {
  if (pattern.length !== given.length) return undefined
  const params = new Map<string, string>()
  for (const [i, segment] of pattern.entries()) {
    const value = given[i] ?? ''
    if (!segment.startsWith(':')) {
      if (segment !== value) return undefined
      continue
    }
    const decoded = decodeSegment(value)
    if (decoded === undefined) return undefined
    params.set(segment.slice(1), decoded)
  }
  return params
}

/** Ids are short and plain; anything else is nothing of ours. */
function decodeSegment(segment: string): string | undefined {
  try {
    const decoded = decodeURIComponent(segment)
    return /^[A-Za-z0-9_-]{1,128}$/.test(decoded) ? decoded : undefined
  } catch {
    return undefined
  }
}
