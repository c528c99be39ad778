/** How long a voice session waits. Nothing in it waits without end: what is late counts as failed. */
export interface VoiceSessionPatience {
  /** For the answer to a join; longer than our server waits for LiveKit. */
  joinMs: number
  /** For the part of the client that knows LiveKit, over a slow network. */
  loadMs: number
  /** For LiveKit, encryption included; longer than its client waits for each step. */
  connectMs: number
  /** For LiveKit's client to end. */
  closeMs: number
  /** For our server to hear that one hangs up. */
  hangUpMs: number
}

export const voiceSessionPatience: VoiceSessionPatience = {
  joinMs: 20_000,
  loadMs: 60_000,
  connectMs: 45_000,
  closeMs: 3000,
  hangUpMs: 3000,
}

export const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

/** The promise's own outcome, if it comes in time. What comes later is dropped, failures too. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | 'too-late'> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<'too-late'>((resolve) => {
    timer = setTimeout(() => resolve('too-late'), ms)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
