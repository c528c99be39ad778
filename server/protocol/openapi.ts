/** OpenAPI 3.1 out of the very schemas that validate the requests. */
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
} from 'zod-openapi'
import { z } from 'zod'
import { errorAnswer } from './wire.ts'

/** What a route tells of itself; `server/http/route.ts` has more. */
export interface DescribedRoute {
  method: string
  path: string
  who: string
  summary: string
  body: z.ZodType | null
  bodyMayBeEmpty: boolean
  query: z.ZodType | null
  answers: Readonly<Record<number, z.ZodType | null>>
  answerType: string
}

export function createOpenApi(routes: readonly DescribedRoute[], version: string): object {
  const paths: ZodOpenApiPathsObject = {}
  for (const route of routes) {
    const path = route.path.replaceAll(/:([A-Za-z]+)/g, '{$1}')
    const method = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'patch' | 'delete'
    paths[path] = { ...paths[path], [method]: toOperation(route) }
  }
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Chatto Calls',
      version,
      description:
        'Rooms, messages and calls. Live changes come by the WebSocket /api/live; see docs/live.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ session: [] }, { bearer: [] }],
    components: {
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'chatto_session' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
    paths,
  })
}

function toOperation(route: DescribedRoute): ZodOpenApiOperationObject {
  const names = [...route.path.matchAll(/:([A-Za-z]+)/g)].map((match) => match[1] ?? '')
  const params = z.object(Object.fromEntries(names.map((name) => [name, z.string()])))
  const answers = Object.entries(route.answers).map(
    ([status, schema]) =>
      [
        status,
        {
          description: schema ? 'Done' : 'Done, nothing to say',
          ...(schema && { content: { [route.answerType]: { schema } } }),
        },
      ] as const,
  )
  const refused = {
    description: 'Refused',
    content: { 'application/json': { schema: errorAnswer } },
  }
  return {
    // eslint-disable-next-line regexp/no-super-linear-move -- paths of our own
    operationId: `${route.method.toLowerCase()}${route.path.replaceAll(/[/:]+(.)/g, (_, c: string) => c.toUpperCase())}`,
    summary: route.summary,
    ...(route.who === 'anyone' && { security: [] }),
    requestParams: {
      ...(names.length > 0 && { path: params }),
      ...(route.query instanceof z.ZodObject && { query: route.query }),
    },
    ...(route.body && {
      requestBody: {
        required: !route.bodyMayBeEmpty,
        content: { 'application/json': { schema: route.body } },
      },
    }),
    responses: { ...Object.fromEntries(answers), '4XX': refused, '5XX': refused },
  }
}
