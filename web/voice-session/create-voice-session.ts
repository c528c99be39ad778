/**
 * Runs the voice session's machine: provides the promises that it invokes, does what it emits. Made once
 * per app, outside of components, so that looking at another page hangs nothing up.
 */
import { createActor, fromPromise, waitFor } from 'xstate'
import type { Checked, JoinOutcome, Place, Wishes } from '../../machines/voice-session.events.ts'
import { hasPlace, voiceSessionMachine, wishesOf } from '../../machines/voice-session.machine.ts'
import type { JoinInput } from '../../machines/voice-session.setup.ts'
import type { Join } from '../../server/protocol/wire.ts'
import { createPatience, voiceSessionPatience } from './patience.ts'
import type { MediaConnection, MediaEvent } from '../livekit/media-connection.types.ts'
import type { FailedJoin, VoiceSession, VoiceSessionPorts } from './voice-session.types.ts'

export function createVoiceSession<Connection extends MediaConnection>(
  ports: VoiceSessionPorts<Connection>,
  patience = voiceSessionPatience,
): VoiceSession<Connection> {
  const { pause, within } = createPatience(ports.clock)
  let connection: Connection | null = null
  /** Until the last connection is closed, its devices may be held. */
  let closing: Promise<unknown> = Promise.resolve()
  /** The latest answer to a join: token and key are saved here, never in the machine. */
  let join: Join | null = null
  let isRefreshing = false

  const actor = createActor(
    voiceSessionMachine.provide({
      actors: {
        check: fromPromise<Checked, JoinInput>(({ input }) => check(input)),
        join: fromPromise<JoinOutcome, JoinInput>(({ input, signal }) => ask(input, signal)),
        connect: fromPromise<void>(({ signal }) => connect(signal)),
        standing: fromPromise(({ input }) => ports.standing(input.roomId, input.callId)),
        hangUp: fromPromise<void, Place>(({ input }) => hangUp(input)),
      },
    }),
    { input: undefined, clock: ports.clock },
  )

  const place = (): Place | null => {
    const { roomId, callId, connectionId } = actor.getSnapshot().context
    return roomId && callId && connectionId ? { roomId, callId, connectionId } : null
  }
  const isIn = () => hasPlace(actor.getSnapshot())

  async function isStillOn(roomId: string, callId: string): Promise<boolean> {
    const standing = await ports.standing(roomId, callId)
    return standing === 'in-call' || standing === 'not-in-call'
  }

  async function check({ roomId, expectedCallId }: JoinInput): Promise<Checked> {
    if (!ports.canEncrypt()) return 'cannot-encrypt'
    // Loads while our server is being asked; a failure shows when it is needed.
    void ports.loadMedia().catch(() => undefined)
    if (expectedCallId === null) return 'may-join'
    const isOurs =
      (await ports.lock.acquireIfFree(expectedCallId)) && (await isStillOn(roomId, expectedCallId))
    return isOurs ? 'may-join' : 'nothing-to-return-to'
  }

  async function ask(input: JoinInput, signal: AbortSignal): Promise<JoinOutcome> {
    const { roomId, connectionId, expectedCallId } = input
    // A join would start a new call (R1): a page that comes back asks first.
    if (expectedCallId !== null && !(await isStillOn(roomId, expectedCallId))) {
      return { refused: 'call-ended' }
    }
    // Given up meanwhile: then nobody wants to be in it.
    signal.throwIfAborted()
    const asked = ports.join(roomId, connectionId)
    // R16: given up, or taken for lost; whatever is still answered is left there.
    signal.addEventListener('abort', () => {
      void asked.then((late) => 'join' in late && leaveLate({ ...late.join, roomId }))
    })
    const result = await asked
    if ('refused' in result) return result
    const { callId } = result.join
    if (!signal.aborted) {
      join = result.join
      // Held already, unless this is a fresh join, or the page let go of it when it was hidden.
      ports.lock.steal(callId)
    }
    return { callId, connectionId: result.join.connectionId }
  }

  /** R12: not out of the connection that the session goes on by. */
  function leaveLate({ roomId, callId, connectionId }: Place): void {
    const now = actor.getSnapshot()
    const isOver = (['idle', 'refused', 'failed', 'ended'] as const).some((is) => now.matches(is))
    if (isOver || now.context.connectionId !== connectionId) {
      void sendLeave({ roomId, callId, connectionId })
    }
  }

  async function connect(signal: AbortSignal): Promise<void> {
    const open = await within(patience.loadMs, ports.loadMedia())
    if (open === 'too-late') throw new Error('the part for calls does not load')
    await dropConnection()
    signal.throwIfAborted()
    if (!join) throw new Error('connected without a join')
    const opened = open(join, (event) => {
      if (connection === opened) handleMediaEvent(event)
    })
    connection = opened
    try {
      if ((await within(patience.connectMs, opened.connect(join))) === 'too-late') {
        throw new Error('the media server does not answer')
      }
    } catch (cause) {
      if (connection === opened) await dropConnection()
      throw cause
    }
  }

  function handleMediaEvent(event: MediaEvent): void {
    // What is left of it holds the devices.
    if (event.type === 'livekit.disconnected' && actor.getSnapshot().matches('connected')) {
      void dropConnection()
    }
    actor.send(event)
  }

  function dropConnection(): Promise<unknown> {
    const dropped = connection
    connection = null
    ports.mediaGone()
    // LiveKit's client says goodbye first, which may take as long as the network likes.
    if (dropped) closing = within(patience.closeMs, dropped.close()).catch(() => undefined)
    return closing
  }

  /** LiveKit's own report would do it, late: so it is worth some tries, and never more. */
  async function sendLeave(leaving: Place, failed?: FailedJoin): Promise<void> {
    for (const delayMs of [...patience.leaveRetriesMs, null]) {
      try {
        return await ports.leave(leaving, failed)
      } catch {
        if (delayMs === null) return
        await pause(delayMs)
      }
    }
  }

  async function hangUp(leaving: Place): Promise<void> {
    connection?.silence()
    await within(patience.hangUpMs, sendLeave(leaving))
    await dropConnection()
  }

  function release(): void {
    join = null
    ports.savedPlace.write(null)
    ports.lock.release()
    void dropConnection()
    ports.over()
  }

  function rotateKey(callId: string, keyEpoch: number, e2eeKey: string): void {
    if (callId !== join?.callId || keyEpoch <= join.keyEpoch) return
    join = { ...join, keyEpoch, e2eeKey }
    void connection?.rotateKey(e2eeKey, keyEpoch)
  }

  function begin(roomId: string, expectedCallId: string | null, wishes: Wishes): void {
    const connectionId = ports.newId()
    actor.send({ type: 'join.requested', roomId, connectionId, wishes, expectedCallId })
  }

  const { microphone, camera } = actor.getSnapshot().children
  microphone?.on('set', ({ enabled }) => void connection?.setMicrophone(enabled))
  camera?.on('set', ({ enabled }) => void connection?.setCamera(enabled))
  actor.on('set.screen', ({ enabled }) => void connection?.setScreen(enabled))
  actor.on('tell.leave', ({ place, failed }) => void sendLeave(place, failed))
  actor.on('release', release)
  actor.on('announce', ports.announce)
  actor.subscribe((snapshot) => {
    const here = place()
    if (!here || !hasPlace(snapshot)) return
    ports.savedPlace.write({ roomId: here.roomId, callId: here.callId, wishes: wishesOf(snapshot) })
  })
  actor.start()

  return {
    actor,
    connection: () => connection,
    join: (roomId) => begin(roomId, null, { microphone: true, camera: false }),
    async hangUp() {
      actor.send({ type: 'leave.requested' })
      const timeout = 2 * patience.hangUpMs
      await waitFor(actor, (now) => !now.matches('leaving'), { timeout }).catch(() => undefined)
    },
    comeBack() {
      const saved = ports.savedPlace.read()
      if (saved) begin(saved.roomId, saved.callId, saved.wishes)
    },
    rotateKey,
    async refreshKey() {
      const here = place()
      if (!here || !actor.getSnapshot().matches('connected') || isRefreshing) return
      isRefreshing = true
      try {
        if (!(await isStillOn(here.roomId, here.callId))) return
        const result = await ports.join(here.roomId, here.connectionId)
        if (!('join' in result)) return
        const { callId, connectionId, keyEpoch, e2eeKey } = result.join
        // The call ended between the two questions, or was left before the answer: nobody's wish.
        if (callId !== place()?.callId || !isIn()) {
          void sendLeave({ roomId: here.roomId, callId, connectionId })
        } else rotateKey(callId, keyEpoch, e2eeKey)
      } finally {
        isRefreshing = false
      }
    },
    closePage() {
      const here = place()
      if (!here || !isIn()) return
      connection?.silence()
      ports.leaveBeacon(here)
      // Should the browser keep the page for its back button, it comes back like any lost one.
      void dropConnection()
      // The page that is loaded in its place must not wait until the browser has cleared this one away.
      ports.lock.release()
      actor.send({ type: 'livekit.disconnected', reason: 'CLIENT_INITIATED' })
    },
  }
}
