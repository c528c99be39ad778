/** Bodies and queries from bytes to what the schemas allow; everything else is a 400 that names the field. */
import { z } from 'zod'
import { AppError } from '../errors.ts'
import type { RequestHead } from './request.ts'
import type { Route } from './route.ts'

/** What a route takes that takes nothing. */
const nothing = z.strictObject({})
const maxNesting = 16
const maxFieldNameLength = 100
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Throws `unsupported-media-type` or `invalid-request`. */
export function parseBody(
  route: Pick<Route, 'body' | 'bodyMayBeEmpty'>,
  head: Pick<RequestHead, 'headers'>,
  raw: Buffer,
): unknown {
  if (raw.length === 0) {
    if (!route.body) return undefined
    if (route.bodyMayBeEmpty) return parseWith(route.body, {})
    throw invalid('', 'the body is missing')
  }
  const encoding = head.headers.get('content-encoding') ?? 'identity'
  if (mediaType(head.headers.get('content-type')) !== 'application/json') {
    throw new AppError('unsupported-media-type', 'the body must be application/json')
  }
  if (encoding.toLowerCase() !== 'identity') {
    throw new AppError('unsupported-media-type', 'the body must not be compressed')
  }
  return parseWith(route.body ?? nothing, parseJson(raw))
}

export function parseQuery(
  route: Pick<Route, 'query' | 'path'>,
  head: Pick<RequestHead, 'query'>,
): unknown {
  // Who watches health or metrics may add what they like.
  if (!route.path.startsWith('/api')) return undefined
  if (!isWellEncoded(head.query)) throw invalid('', 'the query is not percent-encoded UTF-8')
  const fields = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(head.query)) {
    if (fields.has(name)) throw invalid(name, 'given twice')
    fields.set(name, value)
  }
  return parseWith(route.query ?? nothing, Object.fromEntries(fields))
}

/** Without parameters, in lower case. */
export function mediaType(contentType: string | undefined): string {
  return (contentType ?? '').split(';')[0]?.trim().toLowerCase() ?? ''
}

/** `URLSearchParams` takes anything. */
function isWellEncoded(query: string): boolean {
  try {
    decodeURIComponent(query)
    return true
  } catch {
    return false
  }
}

function parseJson(raw: Buffer): unknown {
  const value = toJson(raw)
  if (depthOf(value) > maxNesting) throw invalid('', 'the body is nested too deeply')
  return value
}

function toJson(raw: Buffer): unknown {
  try {
    return JSON.parse(utf8.decode(raw))
  } catch {
    // Not the parser's own words, which quote the body: it may hold a password.
    throw invalid('', 'the body is no JSON in UTF-8')
  }
}

function depthOf(value: unknown): number {
  let depth = 0
  let level: unknown[] = [value]
  while (level.length > 0 && depth <= maxNesting) {
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null
        ? Object.values(item as Record<string, unknown>)
        : [],
    )
    depth += 1
  }
  return depth
}

function parseWith(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  if (issue?.code === 'unrecognized_keys') {
    throw invalid([...issue.path, issue.keys[0] ?? ''].join('.'), 'is not known here')
  }
  throw invalid((issue?.path ?? []).join('.'), issue?.message ?? 'not allowed')
}

function invalid(name: string, why: string): AppError {
  const field = name.slice(0, maxFieldNameLength)
  const message = field === '' ? why : `${field}: ${why}`
  return new AppError('invalid-request', message, { field })
}
