/** What everybody in a room is told again and again: who speaks, and how good the connections are. */
import { ConnectionQualityUpdate, ParticipantInfo_State, SpeakersChanged } from '@livekit/protocol'
import { createConnectionQualities } from './connection-quality.ts'
import type { MediaParticipant } from './media-participant.ts'
import type { SignalMessage } from './signal-outlet.ts'
import { createSpeakers } from './speakers.ts'

export interface RoomActivity {
  /** To somebody who has just connected. */
  sendCurrent(to: MediaParticipant): void
  tick(at: number): void
  forget(sid: string): void
}

const speakersEveryMs = 300
const qualityEveryMs = 1_000

export function createRoomActivity(
  participants: ReadonlyMap<string, MediaParticipant>,
  createdAt: number,
): RoomActivity {
  const speakers = createSpeakers()
  const qualities = createConnectionQualities()
  let speakersAt = createdAt
  let qualityAt = createdAt

  /** Each one’s own, too. */
  function broadcast(message: SignalMessage): void {
    for (const { outlet } of participants.values()) outlet.send(message)
  }

  function sendSpeakers(): void {
    const changes = speakers.read([...participants.values()])
    if (changes.length > 0) broadcast(toSpeakersChanged(changes))
  }

  function sendConnectionQuality(at: number): void {
    const visible = [...participants.values()].filter(
      ({ isHidden, state }) => !isHidden && state === ParticipantInfo_State.ACTIVE,
    )
    const conditions = new Map(
      visible.map(({ sid, connections }) => [sid, connections.condition(at)]),
    )
    const changes = qualities.read(conditions)
    if (changes.length > 0) broadcast(toQualityUpdate(changes))
  }

  return {
    sendCurrent({ outlet }) {
      const updates = qualities.current()
      if (updates.length > 0) outlet.send(toQualityUpdate(updates))
      const speaking = speakers.current()
      if (speaking.length > 0) outlet.send(toSpeakersChanged(speaking))
    },
    tick(at) {
      if (at - speakersAt >= speakersEveryMs) {
        speakersAt = at
        sendSpeakers()
      }
      if (at - qualityAt >= qualityEveryMs) {
        qualityAt = at
        sendConnectionQuality(at)
      }
    },
    forget: speakers.forget,
  }
}

function toSpeakersChanged(speakers: SpeakersChanged['speakers']): SignalMessage {
  return { case: 'speakersChanged', value: new SpeakersChanged({ speakers }) }
}

function toQualityUpdate(updates: ConnectionQualityUpdate['updates']): SignalMessage {
  return { case: 'connectionQuality', value: new ConnectionQualityUpdate({ updates }) }
}
