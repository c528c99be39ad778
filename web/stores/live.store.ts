/** Puts the live socket's messages into the stores, and says how the connection is. */
import { createStore } from '@xstate/store'
import { useSelector } from '@xstate/store-vue'
import type { Ref } from 'vue'
import { followFacts, numbersToSync } from '../../server/protocol/follow-room.ts'
import type { ServerMessage } from '../../server/protocol/live.ts'
import type { Fact, Room } from '../../server/protocol/wire.ts'
import { api, serverAnswers } from '../api/client.ts'
import { growingWaitMs } from '../live/growing-wait.ts'
import { createLiveClient, type LiveState } from '../live/live-client.ts'
import { callEnded, keyChanged, reconnected } from '../live/live-events.ts'
import { createSocketDoubt } from '../live/socket-doubt.ts'
import { membersStore, applyMemberFacts } from './members.store.ts'
import { learnNames, nameOf } from './names.store.ts'
import { countUnread, markRead } from './read-marks.ts'
import { roomNow, roomsStore } from './rooms.store.ts'
import { refreshConfig, sessionStore } from './session.store.ts'
import { addFacts, loadTimeline, sendAgain, timelinesStore } from './timelines.store.ts'

const closed = {
  state: 'connecting' as LiveState,
  wasLive: false,
  /** It has been opening for so long that it will hardly come: a proxy without WebSockets, say. */
  isOverdue: false,
  /** The socket works, and the first list of rooms could not be fetched. */
  lacksRooms: false,
  /** The server answers, and sockets fail all the same. */
  isBlocked: false,
}

export const liveStore = createStore({
  context: closed,
  on: {
    moved: (context, event: { state: LiveState }) => ({
      ...context,
      state: event.state,
      wasLive: context.wasLive || event.state === 'live',
    }),
    overdue: (context) => ({ ...context, isOverdue: true }),
    roomsFailed: (context) => ({ ...context, lacksRooms: true }),
    roomsCame: (context) => ({ ...context, lacksRooms: false }),
    blocked: (context, event: { isBlocked: boolean }) => ({
      ...context,
      isBlocked: event.isBlocked,
    }),
    closed: () => closed,
  },
})

const overdueAfterMs = 5_000
let overdue: ReturnType<typeof setTimeout> | undefined
/** Counts the welcomes: what an earlier one has asked for is of no use any more. */
let welcomes = 0

let openRoom: string | null = null

/** The room that is on the screen, or none: its messages are read as they come. */
export function lookAt(roomId: string | null): void {
  openRoom = roomId
  const room = roomId === null ? undefined : roomNow(roomId)
  if (!room) return
  roomsStore.trigger.read({ roomId: room.id })
  markRead(room.id, room.seq)
}

const doubt = createSocketDoubt({
  serverAnswers,
  say: (isBlocked) => liveStore.trigger.blocked({ isBlocked }),
})
const hangsAfterMs = 5_000
let hanging: ReturnType<typeof setInterval> | undefined

function doubtSockets(state: LiveState): void {
  clearInterval(hanging)
  if (state === 'connecting') hanging = setInterval(() => void doubt.failed(), hangsAfterMs)
  else if (state === 'lost') void doubt.failed()
  else doubt.opened()
}

/** `closeReasons.sessionExpired` of the server’s protocol, whose code is not in the bundle. */
const expired = 'the session expired'

const client = createLiveClient({
  url: `${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/api/live`,
  onMessage: receive,
  onState(state, reason) {
    liveStore.trigger.moved({ state })
    doubtSockets(state)
    if (state === 'ended') sessionStore.trigger.ended({ byTime: reason === expired })
  },
  random: Math.random,
})

export function connect(): void {
  clearTimeout(overdue)
  overdue = setTimeout(() => liveStore.trigger.overdue(), overdueAfterMs)
  client.open()
}

export function disconnect(): void {
  clearTimeout(overdue)
  clearInterval(hanging)
  welcomes += 1
  client.close()
  doubt.opened()
  liveStore.trigger.closed()
  roomsStore.trigger.forgotten()
  timelinesStore.trigger.forgotten()
  membersStore.trigger.forgotten()
}

function receive(message: ServerMessage): void {
  switch (message.type) {
    case 'welcome':
      void welcome(message.rooms)
      return
    case 'facts':
      receiveFacts(message.roomId, message.facts)
      return
    case 'room':
      learnNames(namesIn(message.room.call))
      roomsStore.trigger.changed({ room: message.room })
      return
    case 'room-gone':
      roomsStore.trigger.gone({ roomId: message.roomId })
      return
    case 'view':
      learnNames(namesIn(message.call))
      roomsStore.trigger.viewed(message)
      if (timelinesStore.getSnapshot().context.rooms[message.roomId]) {
        void loadTimeline(message.roomId, true)
      }
      return
    case 'key':
      void keyChanged.trigger(message)
      return
    case 'pong':
      syncWith(message.rooms)
      return
    case 'error':
      return
    default:
      return message satisfies never
  }
}

/** A reconnect asks from the numbers that it has; a first connection loads the rooms themselves. */
async function welcome(rooms: Extract<ServerMessage, { type: 'welcome' }>['rooms']): Promise<void> {
  welcomes += 1
  const mine = welcomes
  for (const { call } of rooms) learnNames(namesIn(call))
  void refreshConfig()
  const fetched = await fetchRooms(() => mine === welcomes)
  if (!fetched) return
  for (const room of fetched) learnNames(namesIn(room.call))
  if (!roomsStore.getSnapshot().context.loaded) {
    roomsStore.trigger.loaded({ rooms: fetched })
    if (openRoom !== null) lookAt(openRoom)
    const me = sessionStore.getSnapshot().context.me?.id
    if (me !== undefined) void countUnread(me)
    sendAgain()
    return
  }
  // Rooms that are known are brought up by number, so that no message is missed. What no fact tells,
  // a new name for one, is taken from the answer.
  for (const room of fetched) {
    if (roomNow(room.id)) roomsStore.trigger.described({ room })
    else roomsStore.trigger.changed({ room })
  }
  for (const roomId of Object.keys(roomsStore.getSnapshot().context.rooms)) {
    if (!fetched.some((room) => room.id === roomId)) roomsStore.trigger.gone({ roomId })
  }
  syncWith(Object.fromEntries(rooms.map(({ roomId, seq }) => [roomId, seq])))
  void reconnected.trigger()
  sendAgain()
}

/** The socket may work while the API does not: tries until it does, or until nobody waits for it. */
async function fetchRooms(isWanted: () => boolean): Promise<readonly Room[] | null> {
  for (let tries = 0; isWanted(); tries += 1) {
    try {
      const { rooms } = await api.rooms()
      if (!isWanted()) return null
      liveStore.trigger.roomsCame()
      return rooms
    } catch {
      if (!isWanted()) return null
      if (!roomsStore.getSnapshot().context.loaded) liveStore.trigger.roomsFailed()
      const waitMs = growingWaitMs(tries, Math.random())
      await new Promise((resolve) => setTimeout(resolve, waitMs))
    }
  }
  return null
}

function receiveFacts(roomId: string, facts: readonly Fact[]): void {
  const room = roomNow(roomId)
  if (!room) return
  const { next: fresh, syncFrom } = followFacts(room.seq, facts)
  if (syncFrom !== null) client.send({ type: 'sync', rooms: { [roomId]: syncFrom } })
  if (fresh.length === 0) return
  const me = sessionStore.getSnapshot().context.me?.id
  const isRead = openRoom === roomId && document.visibilityState === 'visible'
  const unread = isRead
    ? 0
    : fresh.filter((fact) => fact.type === 'message.posted' && fact.by !== me).length
  for (const fact of fresh) if (fact.type === 'call.ended') void callEnded.trigger(fact)
  roomsStore.trigger.told({ roomId, facts: fresh, unread })
  if (isRead) markRead(roomId, fresh.at(-1)?.seq ?? room.seq)
  addFacts(roomId, fresh)
  applyMemberFacts(roomId, fresh, (userId) => nameOf(userId) !== '')
}

/** Asks for what the server has sent of my rooms and this page does not have. */
function syncWith(told: Record<string, number>): void {
  const { rooms } = roomsStore.getSnapshot().context
  const have = Object.fromEntries(Object.values(rooms).map(({ id, seq }) => [id, seq]))
  const missing = numbersToSync(have, told)
  if (Object.keys(missing).length > 0) client.send({ type: 'sync', rooms: missing })
}

function namesIn(call: { participants: { userId: string; displayName: string }[] } | null) {
  return (call?.participants ?? []).map(({ userId, displayName }) => ({ id: userId, displayName }))
}

/** The connection was there and is lost, or does not come about at all: worth saying. */
export const useConnectionLost = (): Readonly<Ref<boolean>> =>
  useSelector(liveStore, ({ context: { state, wasLive, isOverdue, lacksRooms } }) => {
    if (state === 'ended') return false
    return lacksRooms || (state !== 'live' && (wasLive || isOverdue))
  })

/** What is lost will not come back by itself: the server is there, and sockets do not pass. */
export const useSocketsBlocked = (): Readonly<Ref<boolean>> =>
  useSelector(liveStore, ({ context }) => context.isBlocked)
