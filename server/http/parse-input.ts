/** Bodies and queries from bytes to what the schemas allow; everything else is a 400 that names the field. */
import type { z } from 'zod'
import { AppError } from '../errors.ts'
import type { RequestHead } from './request.ts'
import type { Route } from './route.ts'

const deepestNesting = 16
const utf8 = new TextDecoder('utf-8', { fatal: true })

/** Throws `unsupported-media-type` or `invalid-request`. */
export function parseBody(route: Route, head: RequestHead, raw: Buffer): unknown {
  if (!route.body) return undefined
  if (raw.length === 0 && route.bodyMayBeEmpty) return parseWith(route.body, {})
  const type = (head.headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase()
  if (type !== 'application/json') {
    throw new AppError('unsupported-media-type', 'the body must be application/json')
  }
  return parseWith(route.body, parseJson(raw))
}

export function parseQuery(route: Route, head: RequestHead): unknown {
  if (!route.query) return undefined
  const fields: Record<string, string> = {}
  for (const [name, value] of new URLSearchParams(head.query)) {
    if (Object.hasOwn(fields, name)) throw invalid(name, 'given twice')
    fields[name] = value
  }
  return parseWith(route.query, fields)
}

function parseJson(raw: Buffer): unknown {
  try {
    const value: unknown = JSON.parse(utf8.decode(raw))
    if (depthOf(value) <= deepestNesting) return value
  } catch {
    throw invalid('', 'the body is no JSON in UTF-8')
  }
  throw invalid('', 'the body is nested too deeply')
}

function depthOf(value: unknown): number {
  let depth = 0
  let level: unknown[] = [value]
  while (level.length > 0 && depth <= deepestNesting) {
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null ? Object.values(item) : [],
    )
    depth += 1
  }
  return depth
}

function parseWith(schema: z.ZodType, value: unknown): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const issue = result.error.issues[0]
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys : []
  const field = [...(issue?.path ?? []), ...unknown].join('.')
  throw invalid(field, issue?.message ?? 'not allowed')
}

function invalid(field: string, why: string): AppError {
  const message = field === '' ? why : `${field}: ${why}`
  return new AppError('invalid-request', message, { field })
}
