/** A route as data: what it takes, what it answers, who may ask. Handlers and OpenAPI come of the same table. */
import type { z } from 'zod'
import type { SignedIn } from '../auth/signed-in.ts'
import type { Header } from './answer.ts'
import type { Arrival } from './origins.ts'

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
export type Who = 'anyone' | 'signed-in' | 'admin'

export interface Call<Body, Query> {
  me: SignedIn
  body: Body
  query: Query
  /** Of the path; a name that the path does not have throws. */
  param(name: string): string
  arrival: Arrival
  /** From `Authorization`, for the routes that know other tokens than sessions. */
  bearer: string | undefined
}

export interface Reply {
  status: number
  body?: unknown
  /** Instead of `body`, for answers that are no JSON: their `content-type` is in `headers`. */
  text?: string
  headers?: Header[]
}

export interface Route {
  method: Method
  /** Segments that begin with a colon are parameters. */
  path: string
  who: Who
  /** Every call endpoint answers `null` before any other check while calls are disabled (R50). */
  isOfCalls: boolean
  summary: string
  body: z.ZodType | null
  /** An empty body counts as `{}`. */
  bodyMayBeEmpty: boolean
  query: z.ZodType | null
  /** By status. Null: no body. */
  answers: Readonly<Record<number, z.ZodType | null>>
  /** What the answers are; errors are JSON always. */
  answerType: string
  handle(call: Call<unknown, unknown>): Promise<Reply>
}

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined

/** A route with its handler typed by its schemas. */
export function route<
  B extends z.ZodType | undefined = undefined,
  Q extends z.ZodType | undefined = undefined,
>(definition: {
  method: Method
  path: string
  who?: Who
  isOfCalls?: boolean
  summary: string
  body?: B
  bodyMayBeEmpty?: boolean
  query?: Q
  answers: Readonly<Record<number, z.ZodType | null>>
  answerType?: string
  handle(call: Call<Parsed<B>, Parsed<Q>>): Promise<Reply>
}): Route {
  return {
    who: 'signed-in',
    isOfCalls: false,
    bodyMayBeEmpty: false,
    answerType: 'application/json',
    ...definition,
    body: definition.body ?? null,
    query: definition.query ?? null,
    // Parsed by the very schemas that type the handler.
    handle: (call) => definition.handle(call as Call<Parsed<B>, Parsed<Q>>),
  }
}
