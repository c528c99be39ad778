/** What a test can ask the media page. Everything in it goes over to the page and back as JSON. */

export interface PageJoin {
  url: string
  token: string
  e2eeKey: string
  /** True: one peer connection (v1), false: two (v0). */
  singlePeerConnection: boolean
  /** Pictures as the web client sends them to the embedded media server, not as small as can be. */
  isAsProduct?: boolean
}

/**
 * A tone goes out as a microphone, and does not pause as Chromium’s fake one does. The large screen has
 * more in it than 800 kbit/s carry.
 */
export type PageSource = 'camera' | 'microphone' | 'tone' | 'screen' | 'large-screen'

export interface PageReceived {
  /** `ada camera` */
  track: string
  frames: number
  energy: number
  bytes: number
  size: string
  /** Of sound: what was played, and how much of it was invented. */
  samples: number
  concealed: number
}

export interface PageData {
  from: string
  text: string
  topic: string
}

export interface PageRefusal {
  reason: string
  status: number | null
}

export interface MediaPageApi {
  /** Null when let in. */
  join(request: PageJoin): Promise<PageRefusal | null>
  /** Events in the order in which livekit-client told them. */
  log(): string[]
  sid(): string
  /** Of the own connection, as the server tells it. */
  quality(): string
  others(): string[]
  /** Who speaks, each time that it changed. */
  speakers(): string[]
  /** Turns the fake device on; for the screen, a moving picture of the page’s own. */
  publish(source: PageSource): Promise<void>
  unpublish(source: PageSource): Promise<void>
  mute(source: PageSource, muted: boolean): Promise<void>
  /** As with another camera: the published track gets another source. */
  switchCamera(width: number, height: number): Promise<void>
  received(): Promise<PageReceived[]>
  /** Identities of those whose every track is marked as encrypted. */
  encrypted(): string[]
  data(): PageData[]
  sendData(text: string, options: { reliable: boolean; topic: string }): Promise<void>
  sendText(text: string, topic: string): Promise<void>
  texts(): { from: string; text: string; topic: string }[]
  /** Others may call `greet`. */
  offerGreet(): void
  greet(identity: string, payload: string): Promise<string>
  simulate(
    scenario: 'signal-reconnect' | 'full-reconnect' | 'server-leave' | 'resume-reconnect',
  ): Promise<void>
  leave(): Promise<void>
}

declare global {
  interface Window {
    media: MediaPageApi
  }
}
