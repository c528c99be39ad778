/** Checks an answer against what the server itself publishes at `/api/openapi.json`: status and body. */
import { z } from 'zod'

export interface PublishedContract {
  /** `POST /api/rooms/{roomId}/messages`: every operation that is published. */
  readonly operations: readonly string[]
  /** Throws, saying what does not fit. Answers of unknown paths must be errors. */
  check(answer: { method: string; path: string; status: number; text: string }): void
}

interface Operation {
  pattern: RegExp
  method: string
  responses: Record<string, { content?: Record<string, { schema: unknown }> }>
}

export function readContract(document: unknown): PublishedContract {
  const { paths, components } = document as {
    paths: Record<string, Record<string, Pick<Operation, 'responses'>>>
    components: { schemas: Record<string, unknown> }
  }
  const schemas = new Map<unknown, z.ZodType>()
  const operations = Object.entries(paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, { responses }]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method: method.toUpperCase(),
      pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      responses,
    })),
  )

  /** References are written out: the published schemas are not recursive. */
  function writtenOut(part: unknown): unknown {
    if (Array.isArray(part)) return part.map(writtenOut)
    if (typeof part !== 'object' || part === null) return part
    if ('$ref' in part) {
      return writtenOut(components.schemas[String(part.$ref).split('/').at(-1) ?? ''])
    }
    return Object.fromEntries(
      Object.entries(part).map(([name, value]) => [name, writtenOut(value)]),
    )
  }

  function toSchema(published: unknown): z.ZodType {
    const known = schemas.get(published)
    if (known) return known
    const schema = z.fromJSONSchema(writtenOut(published) as never)
    schemas.set(published, schema)
    return schema
  }

  return {
    operations: operations.map(({ name }) => name),
    check({ method, path, status, text }) {
      const what = `${method} ${path} → ${status}`
      const plain = path.split('?')[0] ?? ''
      const asked = method === 'HEAD' ? 'GET' : method
      const operation = operations.find((o) => o.method === asked && o.pattern.test(plain))
      if (!operation) {
        if (status < 400) throw new Error(`${what}: answered, but not published`)
        return
      }
      const range = `${Math.floor(status / 100)}XX`
      const response = operation.responses[status] ?? operation.responses[range]
      if (!response) throw new Error(`${what}: this status is not published`)
      if (method === 'HEAD' || !response.content) {
        if (text !== '') throw new Error(`${what}: a body where none is published`)
        return
      }
      const json = response.content['application/json']
      if (!json) return
      const result = toSchema(json.schema).safeParse(JSON.parse(text))
      if (!result.success) throw new Error(`${what}: ${z.prettifyError(result.error)}\n${text}`)
    },
  }
}
