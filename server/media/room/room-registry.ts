/** All rooms of the media server: opened on the first entrance, gone when they report that they are over. */
import { WebhookEvent } from '@livekit/protocol'
import type { MediaConfig } from '../link/media-config.ts'
import type { RoomOptions } from '../link/media-grants.ts'
import type { TransportParts } from '../transport/peer-transport.ts'
import type { MediaParticipant } from './media-participant.ts'
import { createMediaRoom } from './media-room.ts'
import type { MediaRoom } from './media-room.types.ts'

export interface RoomRegistry {
  readonly all: readonly MediaRoom[]
  find(name: string): MediaRoom | undefined
  findParticipant(room: string, identity: string): MediaParticipant | undefined
  /** The one that is there, or a new one; the options count for a new one only. */
  open(options: RoomOptions & { name: string }): MediaRoom
  /** Of rooms that are over, too. */
  packetsReceived(): number
  clear(): void
}

const idLetters = 12

export function createRoomRegistry({
  config,
  parts,
  report,
  opened,
}: {
  config: MediaConfig
  parts: TransportParts
  report(event: WebhookEvent): void
  opened(): void
}): RoomRegistry {
  const rooms = new Map<string, MediaRoom>()
  let packetsOfGone = 0
  const newSid = (prefix: string) => `${prefix}${toLetters(parts.random(2 * idLetters))}`

  return {
    get all() {
      return [...rooms.values()]
    },
    find: (name) => rooms.get(name),
    findParticipant: (room, identity) => rooms.get(room)?.participants.get(identity),
    open(options) {
      const { name, metadata = '' } = options
      const present = rooms.get(name)
      if (present) return present
      const { times, maxParticipants } = config
      const room = createMediaRoom({
        name,
        sid: newSid('RM_'),
        metadata,
        maxParticipants: Math.min(options.maxParticipants || maxParticipants, maxParticipants),
        times: {
          ...times,
          emptyTimeoutS: options.emptyTimeout || times.emptyTimeoutS,
          departureTimeoutS: options.departureTimeout || times.departureTimeoutS,
        },
        parts,
        newSid,
        report: (of, event) => {
          report(new WebhookEvent({ ...event, room: of }))
        },
        finished() {
          rooms.delete(name)
          packetsOfGone += room.packetsReceived
        },
      })
      rooms.set(name, room)
      report(new WebhookEvent({ event: 'room_started', room: room.info() }))
      opened()
      return room
    },
    packetsReceived: () =>
      [...rooms.values()].reduce((sum, room) => sum + room.packetsReceived, packetsOfGone),
    clear() {
      rooms.clear()
    },
  }
}

const letters = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789'

function toLetters(random: Buffer): string {
  return Array.from({ length: idLetters }, (_, index) => {
    return letters[random.readUInt16BE(2 * index) % letters.length]
  }).join('')
}
