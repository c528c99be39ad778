/** What goes over the wire, as schemas: they validate requests, type the web client, and become OpenAPI. */
import { z } from 'zod'
import { isPlainLine, isVisible, toPlainLine } from './plain-line.ts'

z.config({ jitless: true })

export const timeSchema = z.int().nonnegative().meta({ description: 'Epoch milliseconds' })
export const idSchema = z.string().min(1).max(128)
/** An id that a client names: whatever else it says is nothing of ours. */
const namedIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/)
/** PostgreSQL takes every character but this one. */
const storable = z.string().regex(/^[^\0]*$/)
/** A number as text, in digits: what else JavaScript would take for one is refused. */
const inQuery = (number: z.ZodInt) =>
  z.preprocess(
    (text) => (typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : text),
    number,
  )
/** Made by clients: a page's connection, a request that may be repeated. */
export const clientIdSchema = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/)

export const loginSchema = z
  .string()
  .transform((login) => login.toLowerCase())
  .pipe(z.string().regex(/^[a-z0-9._-]{2,32}$/))
export const passwordSchema = z.string().min(8).max(256)
/**
 * A name of a room or a person. Only what is given is held to it: names from before stay as they are,
 * and answers carry them.
 */
const line = (max: number) =>
  z
    .string()
    .transform(toPlainLine)
    .pipe(
      z
        .string()
        .min(1)
        .max(max)
        .refine(isPlainLine, 'only characters that can be seen, and at least one'),
    )
export const displayNameSchema = line(64)
export const roomNameSchema = line(80)
export const messageTextSchema = z
  .string()
  .min(1)
  .max(8000)
  .refine(isVisible, 'at least one character that can be seen')
  .regex(/^[^\p{Cs}\0]*$/u)

export const userSchema = z
  .strictObject({
    id: idSchema,
    login: z.string(),
    displayName: z.string(),
    admin: z.boolean(),
    deleted: z.literal(true).exactOptional(),
  })
  .meta({ id: 'User' })
export type User = z.infer<typeof userSchema>

export const participantSchema = z.strictObject({
  userId: idSchema,
  displayName: z.string(),
  joinedAt: timeSchema,
  state: z.enum(['joining', 'connected', 'reconnecting']),
})
export type Participant = z.infer<typeof participantSchema>

export const callSchema = z
  .strictObject({
    callId: idSchema,
    roomId: idSchema,
    startedAt: timeSchema,
    startedBy: idSchema,
    seq: z
      .int()
      .meta({ description: 'Number of the room’s last fact that this view has taken in' }),
    confirmed: z.boolean(),
    participants: z.array(participantSchema),
  })
  .meta({ id: 'Call' })
export type Call = z.infer<typeof callSchema>

export const roomSchema = z
  .strictObject({
    id: idSchema,
    name: z.string(),
    kind: z.enum(['room', 'dm']),
    visibility: z.enum(['public', 'private']),
    ownerId: idSchema.nullable(),
    memberCount: z.int(),
    seq: z.int(),
    call: callSchema.nullable(),
  })
  .meta({ id: 'Room' })
export type Room = z.infer<typeof roomSchema>

export const joinSchema = z
  .strictObject({
    callId: idSchema,
    connectionId: clientIdSchema,
    livekitUrl: z.string(),
    token: z.string(),
    tokenExpiresAt: timeSchema,
    e2eeKey: z.string().meta({
      description: 'Base64 of 32 random bytes; the string itself is the shared passphrase',
    }),
    keyEpoch: z.int(),
    call: callSchema,
  })
  .meta({ id: 'Join' })
export type Join = z.infer<typeof joinSchema>

const factBase = {
  seq: z.int(),
  at: timeSchema,
  by: idSchema.nullable(),
  source: z.enum(['user', 'livekit', 'reconciliation', 'deadline', 'membership', 'admin']),
}
const callFact = { ...factBase, callId: idSchema }
const participantFact = { ...callFact, userId: idSchema, connectionId: z.string() }

export const factSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      ...factBase,
      type: z.literal('message.posted'),
      text: z.string(),
      requestId: clientIdSchema.exactOptional(),
    }),
    z.strictObject({ ...factBase, type: z.literal('member.joined'), userId: idSchema }),
    z.strictObject({ ...factBase, type: z.literal('member.left'), userId: idSchema }),
    z.strictObject({ ...callFact, type: z.literal('call.started') }),
    z.strictObject({ ...callFact, type: z.literal('call.confirmed') }),
    z.strictObject({ ...callFact, type: z.literal('call.unconfirmed') }),
    z.strictObject({ ...participantFact, type: z.literal('participant.joined') }),
    z.strictObject({ ...participantFact, type: z.literal('participant.connected') }),
    z.strictObject({ ...participantFact, type: z.literal('participant.reconnecting') }),
    z.strictObject({
      ...participantFact,
      type: z.literal('participant.left'),
      reason: z.enum(['left', 'expired', 'removed', 'call-ended']),
    }),
    z.strictObject({ ...callFact, type: z.literal('key.rotated'), keyEpoch: z.int() }),
    z.strictObject({
      ...callFact,
      type: z.literal('call.ended'),
      reason: z.enum([
        'last-left',
        'room-deleted',
        'livekit-unavailable',
        'calls-disabled',
        'admin',
      ]),
      durationMs: z.int(),
      participants: z.array(idSchema),
    }),
  ])
  .meta({ id: 'Fact' })
export type Fact = z.infer<typeof factSchema>

// ---------------------------------------------------------------- requests

export const registerRequest = z.strictObject({
  login: loginSchema,
  password: passwordSchema,
  displayName: displayNameSchema.optional(),
  setupCode: z.string().max(128).optional(),
})
export const loginRequest = z.strictObject({
  login: storable.min(1).max(64),
  password: z.string().min(1).max(256),
})
export const deleteMeRequest = z.strictObject({ password: z.string().min(1).max(256) })
export const createRoomRequest = z.strictObject({
  name: roomNameSchema,
  visibility: z.enum(['public', 'private']),
})
export const changeRoomRequest = z.strictObject({
  name: roomNameSchema.optional(),
  visibility: z.enum(['public', 'private']).optional(),
})
export const openDmRequest = z.strictObject({ userId: namedIdSchema })
export const postMessageRequest = z.strictObject({
  text: messageTextSchema,
  requestId: clientIdSchema.optional(),
})
export const joinCallRequest = z.strictObject({ connectionId: clientIdSchema.optional() })
export const leaveCallRequest = z
  .strictObject({
    callId: namedIdSchema,
    connectionId: clientIdSchema.optional(),
    closing: z.boolean().optional(),
    failed: z.enum(['livekit-unreachable', 'media-blocked']).optional().meta({
      description: 'Why the page gave its join up; the operator is told',
    }),
  })
  .refine((leave) => leave.closing !== true || leave.connectionId !== undefined, {
    path: ['connectionId'],
    message: 'a closing page must name its connection',
  })
export const timelineQuery = z.strictObject({
  before: inQuery(z.int().positive()).optional(),
  limit: inQuery(z.int().min(1).max(200)).default(50),
})
export const usersQuery = z.strictObject({ query: storable.max(64).default('') })
export const roomsQuery = z.strictObject({ scope: z.enum(['mine', 'public']).default('mine') })

// ---------------------------------------------------------------- answers

export const configAnswer = z.strictObject({
  name: z.string(),
  version: z.string(),
  calls: z.strictObject({ enabled: z.boolean() }),
})
export const sessionAnswer = z.strictObject({ user: userSchema, token: z.string() })
export const meAnswer = z.strictObject({ user: userSchema })
export const usersAnswer = z.strictObject({ users: z.array(userSchema) })
export const roomsAnswer = z.strictObject({ rooms: z.array(roomSchema) })
export const membersAnswer = z.strictObject({ members: z.array(userSchema) })
export const timelineAnswer = z.strictObject({
  entries: z.array(factSchema),
  users: z.array(userSchema),
  hasMore: z.boolean(),
})
export const callsAnswer = z.strictObject({ calls: z.array(callSchema) }).nullable()
export const leaveAnswer = z.strictObject({ left: z.boolean() }).nullable()
/** What people are told cannot be done because of something outside, for whoever runs this server. */
export const troubleSchema = z
  .strictObject({
    part: z.enum(['livekit', 'webhooks', 'clock', 'proxy', 'network', 'database', 'configuration']),
    code: z.string().meta({ description: 'Which trouble it is, for programs' }),
    message: z.string().meta({ description: 'The cause, and what to do about it' }),
    since: timeSchema,
    lastAt: timeSchema.meta({ description: 'When it was noticed last' }),
  })
  .meta({ id: 'Trouble' })
export type Trouble = z.infer<typeof troubleSchema>

/** Why it is so; null while all is well. */
const reason = z.string().nullable().meta({ description: 'The cause, and what to do about it' })
export const healthAnswer = z.strictObject({
  livekit: z.strictObject({
    state: z.enum(['off', 'reachable', 'unreachable']),
    since: timeSchema,
    reason,
    skewMs: z.int().nullable().meta({
      description: 'How far LiveKit’s clock is ahead of this server’s; null when it did not say',
    }),
  }),
  webhooks: z.strictObject({
    silent: z.boolean(),
    lastAt: timeSchema.nullable(),
    url: z.string().nullable(),
    reason,
  }),
  unconfirmedCalls: z.int(),
  troubles: z.array(troubleSchema),
})
export const callEvidenceAnswer = z.strictObject({
  callId: idSchema,
  roomId: idSchema,
  state: z.enum(['active', 'ended']),
  steps: z.int(),
  participants: z.array(
    z.strictObject({
      userId: idSchema,
      connections: z.array(
        z.strictObject({
          identity: z.string(),
          state: z.enum(['joining', 'connected', 'doubtful', 'gone']),
          goneWhy: z.enum(['left', 'expired', 'closed', 'removed', 'handover']).nullable(),
          deadlineAt: timeSchema.nullable(),
          participantSid: z.string().nullable(),
          step: z.int().meta({ description: 'The step that changed this connection last' }),
          event: z.string(),
          source: factBase.source,
          at: timeSchema,
          ageMs: z.int().nonnegative(),
        }),
      ),
    }),
  ),
})
export type Health = z.infer<typeof healthAnswer>
export type CallEvidence = z.infer<typeof callEvidenceAnswer>
export const activeCallsAnswer = z.strictObject({
  calls: z.array(
    z.strictObject({ callId: idSchema, roomId: idSchema, startedAt: timeSchema, steps: z.int() }),
  ),
})
export const ignoredAnswer = z.strictObject({
  ignored: z.array(
    z.strictObject({
      at: timeSchema,
      reason: z.string(),
      event: z.string(),
      callId: z.string().optional(),
      identity: z.string().optional(),
    }),
  ),
})
export const errorAnswer = z
  .strictObject({
    error: z.strictObject({
      code: z.string(),
      message: z.string(),
      details: z.record(z.string(), z.unknown()),
    }),
  })
  .meta({ id: 'Error' })
