/** Rooms, their members, their history. */
import {
  changeRoomRequest,
  createRoomRequest,
  factSchema,
  membersAnswer,
  openDmRequest,
  postMessageRequest,
  roomSchema,
  roomsAnswer,
  roomsQuery,
  timelineAnswer,
  timelineQuery,
} from '../../protocol/wire.ts'
import type { RoomService } from '../../rooms/room-service.ts'
import { route, type Route } from '../route.ts'

export function roomRoutes(rooms: RoomService): Route[] {
  return [
    route({
      method: 'GET',
      path: '/api/rooms',
      summary: 'My rooms, or the public ones that I could join',
      query: roomsQuery,
      answers: { 200: roomsAnswer },
      handle: async ({ me, query }) => ({
        status: 200,
        body: { rooms: await rooms.list(me, query.scope) },
      }),
    }),
    route({
      method: 'POST',
      path: '/api/rooms',
      summary: 'Make a room; its maker owns it',
      body: createRoomRequest,
      answers: { 201: roomSchema },
      handle: async ({ me, body }) => ({ status: 201, body: await rooms.create(me, body) }),
    }),
    route({
      method: 'GET',
      path: '/api/rooms/:roomId',
      summary: 'A room; for a non-member of a public one without its call',
      answers: { 200: roomSchema },
      handle: async ({ me, param }) => ({
        status: 200,
        body: await rooms.get(me, param('roomId')),
      }),
    }),
    route({
      method: 'PATCH',
      path: '/api/rooms/:roomId',
      summary: 'Rename a room or change who sees it; its owner only',
      body: changeRoomRequest,
      answers: { 200: roomSchema },
      handle: async ({ me, body, param }) => ({
        status: 200,
        body: await rooms.change(me, param('roomId'), body),
      }),
    }),
    route({
      method: 'DELETE',
      path: '/api/rooms/:roomId',
      summary: 'Delete a room, ending its call; its owner only',
      answers: { 204: null },
      handle: async ({ me, param }) => {
        await rooms.delete(me, param('roomId'))
        return { status: 204 }
      },
    }),
    route({
      method: 'GET',
      path: '/api/rooms/:roomId/members',
      summary: 'Who is in a room',
      answers: { 200: membersAnswer },
      handle: async ({ me, param }) => ({
        status: 200,
        body: { members: await rooms.members(me, param('roomId')) },
      }),
    }),
    route({
      method: 'PUT',
      path: '/api/rooms/:roomId/members/:userId',
      summary: 'Join a public room, or add somebody as its owner',
      answers: { 204: null },
      handle: async ({ me, param }) => {
        await rooms.addMember(me, param('roomId'), param('userId'))
        return { status: 204 }
      },
    }),
    route({
      method: 'DELETE',
      path: '/api/rooms/:roomId/members/:userId',
      summary: 'Leave a room, or remove somebody as its owner',
      answers: { 204: null },
      handle: async ({ me, param }) => {
        await rooms.removeMember(me, param('roomId'), param('userId'))
        return { status: 204 }
      },
    }),
    route({
      method: 'POST',
      path: '/api/dms',
      summary: 'Open direct messages with somebody',
      body: openDmRequest,
      answers: { 200: roomSchema, 201: roomSchema },
      handle: async ({ me, body }) => {
        const { room, created } = await rooms.openDm(me, body.userId)
        return { status: created ? 201 : 200, body: room }
      },
    }),
    route({
      method: 'GET',
      path: '/api/rooms/:roomId/timeline',
      summary: 'The history of a room, newest last',
      query: timelineQuery,
      answers: { 200: timelineAnswer },
      handle: async ({ me, param, query }) => ({
        status: 200,
        body: await rooms.timeline(me, param('roomId'), query),
      }),
    }),
    route({
      method: 'POST',
      path: '/api/rooms/:roomId/messages',
      summary: 'Post a message; the same requestId is one message',
      body: postMessageRequest,
      answers: { 201: factSchema },
      handle: async ({ me, body, param }) => ({
        status: 201,
        body: await rooms.post(me, param('roomId'), body),
      }),
    }),
  ]
}
