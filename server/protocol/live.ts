/** The messages of the live socket, `/api/live`. */
import { z } from 'zod'
import {
  callSchema,
  factSchema,
  idSchema,
  roomSchema,
  timeSchema,
  type Call,
  type Fact,
  type Room,
} from './wire.ts'

export const clientMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('sync'),
    rooms: z.record(idSchema, z.int().nonnegative()),
  }),
  z.strictObject({ type: z.literal('ping') }),
])
export type ClientMessage = z.infer<typeof clientMessageSchema>

/** Told to the client before the socket is closed for breaking the rules, or as a warning. */
export type LiveErrorCode = 'invalid-message' | 'slow-down'

export type ServerMessage =
  | {
      type: 'welcome'
      protocol: 1
      userId: string
      rooms: { roomId: string; seq: number; call: Call | null }[]
      /** The server's time, epoch milliseconds; servers from before do not say it. */
      at?: number
    }
  | { type: 'facts'; roomId: string; seq: number; facts: Fact[] }
  | { type: 'room'; room: Room }
  | { type: 'room-gone'; roomId: string }
  | { type: 'view'; roomId: string; seq: number; call: Call | null }
  | { type: 'key'; roomId: string; callId: string; keyEpoch: number; e2eeKey: string }
  | { type: 'pong'; rooms: Record<string, number>; at?: number }
  | { type: 'error'; code: LiveErrorCode }

export const serverMessageSchema = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('welcome'),
    protocol: z.literal(1),
    userId: idSchema,
    rooms: z.array(z.strictObject({ roomId: idSchema, seq: z.int(), call: callSchema.nullable() })),
    at: timeSchema.exactOptional(),
  }),
  z.strictObject({
    type: z.literal('facts'),
    roomId: idSchema,
    seq: z.int(),
    facts: z.array(factSchema),
  }),
  z.strictObject({ type: z.literal('room'), room: roomSchema }),
  z.strictObject({ type: z.literal('room-gone'), roomId: idSchema }),
  z.strictObject({
    type: z.literal('view'),
    roomId: idSchema,
    seq: z.int(),
    call: callSchema.nullable(),
  }),
  z.strictObject({
    type: z.literal('key'),
    roomId: idSchema,
    callId: idSchema,
    keyEpoch: z.int(),
    e2eeKey: z.string(),
  }),
  z.strictObject({
    type: z.literal('pong'),
    rooms: z.record(idSchema, z.int()),
    at: timeSchema.exactOptional(),
  }),
  z.strictObject({ type: z.literal('error'), code: z.string() }),
])

/** With 4403, or with 4401 of a session that is over: time ended it, or somebody. */
export const closeReasons = {
  sessionExpired: 'the session expired',
  sessionEnded: 'the session ended',
} as const

/** Close codes of the live socket. */
export const closeCodes = {
  notSignedIn: 4401,
  sessionEnded: 4403,
  tooManyMessages: 4429,
  restarting: 1012,
  brokeTheRules: 1008,
  tooLarge: 1009,
} as const
