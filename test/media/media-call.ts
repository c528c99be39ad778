/** One call on a media server under test, with the people who come. */
import { randomBytes } from 'node:crypto'
import type { VideoGrant } from 'livekit-server-sdk'
import { joinMedia, type MediaPerson, type Path } from './media-person.ts'
import { tokenFor, type MediaUnderTest } from './media-under-test.ts'

export interface JoinOptions {
  path?: Path
  /** Null: without encryption. */
  e2eeKey?: string | null
  grants?: VideoGrant
}

/** One room with its own key. */
export interface MediaCall {
  readonly media: MediaUnderTest
  readonly room: string
  readonly e2eeKey: string
  join(identity: string, options?: JoinOptions): Promise<MediaPerson>
  tokenFor(identity: string): Promise<string>
  /** Whoever is still there hangs up, one after the other. */
  hangUp(): Promise<void>
}

let calls = 0

export function newCall(media: MediaUnderTest): MediaCall {
  calls += 1
  const room = `call-${process.pid}-${calls}`
  const e2eeKey = randomBytes(32).toString('base64')
  const people: MediaPerson[] = []

  return {
    media,
    room,
    e2eeKey,
    tokenFor: (identity) => tokenFor(media, room, identity),
    async join(identity, { path = 'v1', e2eeKey: key = e2eeKey, grants = {} } = {}) {
      const token = await tokenFor(media, room, identity, grants)
      const person = await joinMedia({ url: media.url, token, e2eeKey: key, path })
      people.push(person)
      return person
    },
    async hangUp() {
      for (const person of people) await person.leave()
    },
  }
}
