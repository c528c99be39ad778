/** Calls: looking, joining, leaving. All answer null while calls are disabled (R50). */
import type { CallService } from '../../calls/call-service.ts'
import {
  callsAnswer,
  callSchema,
  joinCallRequest,
  joinSchema,
  leaveAnswer,
  leaveCallRequest,
} from '../../protocol/wire.ts'
import { createRateLimit } from '../../rate-limit.ts'
import { route, type Route } from '../route.ts'

export function callRoutes(
  calls: CallService,
  { joinsPerMinute }: { joinsPerMinute: number },
): Route[] {
  /** Each join is a step of the call that everybody in it is told of (R52). */
  const limitJoins = createRateLimit({
    max: joinsPerMinute,
    inS: 60,
    refusal: 'too many joins into this call',
  })
  return [
    route({
      method: 'GET',
      path: '/api/calls',
      isOfCalls: true,
      summary: 'The calls that are on in my rooms',
      answers: { 200: callsAnswer },
      handle: async ({ me }) => ({ status: 200, body: await calls.list(me) }),
    }),
    route({
      method: 'GET',
      path: '/api/rooms/:roomId/call',
      isOfCalls: true,
      summary: 'The call of a room, or null',
      answers: { 200: callSchema.nullable() },
      handle: async ({ me, param }) => ({
        status: 200,
        body: await calls.get(me, param('roomId')),
      }),
    }),
    route({
      method: 'POST',
      path: '/api/rooms/:roomId/call/join',
      isOfCalls: true,
      summary: 'Join the call of a room; the first join starts it',
      body: joinCallRequest,
      bodyMayBeEmpty: true,
      answers: { 200: joinSchema.nullable() },
      handle: async ({ me, body, param, arrival }) => {
        const roomId = param('roomId')
        await limitJoins(`${me.user.id} ${roomId}`)
        const origin = { secure: arrival.secure, host: arrival.publicHost }
        return { status: 200, body: await calls.join(me, roomId, body, origin) }
      },
    }),
    route({
      method: 'POST',
      path: '/api/rooms/:roomId/call/leave',
      isOfCalls: true,
      summary: 'Leave a call, or say that the page closes',
      body: leaveCallRequest,
      answers: { 200: leaveAnswer },
      handle: async ({ me, body, param }) => ({
        status: 200,
        body: await calls.leave(me, param('roomId'), body),
      }),
    }),
  ]
}
