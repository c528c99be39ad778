/**
 * Runs the voice session's machine in a browser: does what it asks, answers by events. The only
 * place that knows both the machine and LiveKit; made once per app, outside of components, so that
 * looking at another page hangs nothing up.
 */
import { createActor, waitFor, type SnapshotFrom } from 'xstate'
import type { Place, VoiceSessionEffect } from '../../../machines/voice-session.events.ts'
import { voiceSessionMachine } from '../../../machines/voice-session.machine.ts'
import { afterDisconnect, type DisconnectName } from '../../../machines/voice-session.reasons.ts'
import type { Join } from '../../../server/protocol/wire.ts'
import { canEncrypt } from '../../livekit/can-encrypt.ts'
import { safetyCodeOf } from '../../livekit/safety-code.ts'
import type { VoiceConnection, VoiceConnectionEvent } from '../../livekit/voice-connection.types.ts'
import { callPanelStore } from '../../stores/call-panel.store.ts'
import { callStore } from '../../stores/call.store.ts'
import { keepPlace, readKeptPlace } from './kept-place.ts'
import { pause, voiceSessionPatience, within } from './patience.ts'
import { clearMedia, showMedia } from './show-media.ts'
import type {
  FailedJoin,
  JoinResult,
  VoiceSession,
  VoiceSessionParts,
} from './voice-session.types.ts'

const leaveRetriesMs = [500, 2000]

export function createVoiceSession(
  parts: VoiceSessionParts,
  patience = voiceSessionPatience,
): VoiceSession {
  const actor = createActor(voiceSessionMachine, { input: undefined })
  let connection: VoiceConnection | null = null
  /** The latest answer to a join: token and key are kept here, never in the machine. */
  let join: Join | null = null
  let retry: ReturnType<typeof setTimeout> | null = null
  let isRefreshing = false

  const place = (): Place | null => {
    const { roomId, callId, connectionId } = actor.getSnapshot().context
    return roomId && callId && connectionId ? { roomId, callId, connectionId } : null
  }

  const isIn = () =>
    (['connecting', 'connected', 'returning'] as const).some((state) =>
      actor.getSnapshot().matches(state),
    )

  async function check(effect: Extract<VoiceSessionEffect, { type: 'check' }>): Promise<void> {
    const { attempt, expectedCallId, roomId } = effect
    if (!canEncrypt()) {
      actor.send({ type: 'check.failed', attempt, why: 'cannot-encrypt' })
      return
    }
    // Loads while our server is being asked; a failure shows when it is needed.
    void parts.loadLivekit().catch(() => undefined)
    if (expectedCallId !== null) {
      const isOurs =
        (await parts.lock.takeIfFree(expectedCallId)) && (await isStillOn(roomId, expectedCallId))
      if (!isOurs) {
        actor.send({ type: 'check.failed', attempt, why: 'nothing-to-return-to' })
        return
      }
    }
    actor.send({ type: 'check.passed', attempt })
  }

  async function isStillOn(roomId: string, callId: string): Promise<boolean> {
    const standing = await parts.standing(roomId, callId)
    return standing === 'in-call' || standing === 'not-in-call'
  }

  async function ask(effect: Extract<VoiceSessionEffect, { type: 'ask' }>): Promise<void> {
    const { attempt, roomId, connectionId, expectedCallId } = effect
    // A join would start a new call (R1): a page that comes back asks first.
    if (expectedCallId !== null && !(await isStillOn(roomId, expectedCallId))) {
      actor.send({ type: 'join.refused', attempt, reason: 'call-ended' })
      return
    }
    // Given up meanwhile: then nobody wants to be in it.
    if (!isAsking(attempt)) return
    const asked = parts.join(roomId, connectionId)
    // An answer may come after the time for it, or after it was given up: the machine has it left (R16).
    void asked.then((result) => answered(result, attempt, roomId))
    if ((await within(patience.joinMs, asked)) === 'too-late') {
      actor.send({ type: 'join.refused', attempt, reason: 'server-unreachable' })
    }
  }

  function answered(result: JoinResult, attempt: number, roomId: string): void {
    if ('refused' in result) {
      actor.send({ type: 'join.refused', attempt, reason: result.refused })
      return
    }
    const { callId, connectionId } = result.join
    if (isAsking(attempt)) {
      join = result.join
      // Held already, unless this is a fresh join, or the page let go of it when it was hidden.
      parts.lock.take(callId)
    }
    actor.send({ type: 'join.answered', attempt, roomId, callId, connectionId })
  }

  function isAsking(attempt: number): boolean {
    const snapshot = actor.getSnapshot()
    return (
      snapshot.context.attempt === attempt &&
      (snapshot.matches('asking') || snapshot.matches({ returning: 'asking' }))
    )
  }

  async function connect(attempt: number): Promise<void> {
    const credentials = join
    if (!credentials) return
    let opened: VoiceConnection | null = null
    try {
      const part = await within(patience.loadMs, parts.loadLivekit())
      if (part === 'too-late') throw new Error('the part for calls does not load')
      await dropConnection()
      if (!isConnecting(attempt)) return
      opened = part.openVoiceConnection({
        emit: (event) => {
          showMedia(event)
          hear(event, attempt)
        },
        levels: parts.levels,
        memory: parts.memory,
        now: parts.now,
        livekitUrl: credentials.livekitUrl,
      })
      connection = opened
      if ((await within(patience.connectMs, opened.connect(credentials))) === 'too-late') {
        throw new Error('the media server does not answer')
      }
      callStore.trigger.safetyCodeChanged({
        code: await safetyCodeOf(credentials.e2eeKey, credentials.callId),
      })
      actor.send({ type: 'livekit.connected', attempt })
    } catch (cause) {
      if (opened !== null && connection !== opened) return
      await dropConnection()
      const trouble = cause instanceof Error ? cause.message : ''
      const isBlocked = trouble === 'media-blocked'
      if (trouble === 'page-outdated') callPanelStore.trigger.partMissing()
      actor.send({
        type: 'livekit.failed',
        attempt,
        reason: isBlocked ? 'media-blocked' : 'livekit-unreachable',
      })
    }
  }

  /** Not given up meanwhile. */
  function isConnecting(attempt: number): boolean {
    const snapshot = actor.getSnapshot()
    return (
      snapshot.context.attempt === attempt &&
      (snapshot.matches('connecting') || snapshot.matches({ returning: 'connecting' }))
    )
  }

  function hear(event: VoiceConnectionEvent, attempt: number): void {
    switch (event.type) {
      case 'reconnecting':
        return actor.send({ type: 'livekit.reconnecting', attempt })
      case 'reconnected':
        return actor.send({ type: 'livekit.reconnected', attempt })
      case 'disconnected':
        return void lost(event.reason, attempt)
      case 'microphone.changed':
      case 'camera.changed':
      case 'screen.changed':
      case 'microphone.failed':
      case 'camera.failed':
      case 'screen.failed':
        return actor.send(event)
      case 'device.gone':
      case 'device.back':
      case 'device.failed':
        return parts.onNews(event)
      case 'devices.changed':
        return plugIn(event)
      default:
        return
    }
  }

  /** A microphone that was missing is used as soon as it is plugged in. */
  function plugIn({ lists }: Extract<VoiceConnectionEvent, { type: 'devices.changed' }>): void {
    const snapshot = actor.getSnapshot()
    const isMissing =
      snapshot.matches({ connected: { microphone: 'refused' } }) &&
      snapshot.context.microphoneTrouble === 'missing'
    if (isMissing && lists.microphone.devices.length > 0) {
      actor.send({ type: 'microphone.wanted', enabled: true })
    }
  }

  async function lost(reason: DisconnectName, attempt: number): Promise<void> {
    const here = place()
    // While connecting, the failed promise of `connect` tells.
    if (!here || !actor.getSnapshot().matches('connected')) return
    await dropConnection()
    const standing =
      afterDisconnect[reason] === 'ask-our-server'
        ? await parts.standing(here.roomId, here.callId)
        : 'in-call'
    actor.send({ type: 'livekit.disconnected', attempt, reason, standing, at: parts.now() })
  }

  async function dropConnection(): Promise<void> {
    const dropped = connection
    connection = null
    parts.levels.clear()
    clearMedia()
    // LiveKit's client says goodbye first, which may take as long as the network likes.
    if (dropped) await within(patience.closeMs, dropped.close()).catch(() => undefined)
  }

  /** LiveKit's own report would do it, late: so it is worth some tries, and never more. */
  async function tellLeave(leaving: Place, failed?: FailedJoin): Promise<void> {
    for (const delayMs of [...leaveRetriesMs, null]) {
      try {
        return await parts.leave(leaving, failed)
      } catch {
        if (delayMs === null) return
        await pause(delayMs)
      }
    }
  }

  async function hangUp(leaving: Place): Promise<void> {
    connection?.silence()
    await within(patience.hangUpMs, tellLeave(leaving))
    await dropConnection()
    actor.send({ type: 'left' })
  }

  function run(effect: VoiceSessionEffect): void {
    switch (effect.type) {
      case 'check':
        return void check(effect)
      case 'ask':
        return void ask(effect)
      case 'connect':
        return void connect(effect.attempt)
      case 'wait':
        if (retry !== null) clearTimeout(retry)
        retry = setTimeout(() => actor.send({ type: 'retry.due', at: parts.now() }), effect.delayMs)
        return
      case 'set.microphone':
        return void connection?.setMicrophone(effect.enabled)
      case 'set.camera':
        return void connection?.setCamera(effect.enabled)
      case 'set.screen':
        return void connection?.setScreen(effect.enabled)
      case 'hang.up':
        return void hangUp(effect.place)
      case 'tell.leave':
        return void tellLeave(effect.place, effect.failed)
      case 'release':
        return release()
      case 'announce':
        return parts.onNews(effect)
      default:
        return effect satisfies never
    }
  }

  function release(): void {
    if (retry !== null) clearTimeout(retry)
    join = null
    keepPlace(parts.storage, null)
    parts.lock.release()
    void dropConnection()
    callStore.trigger.over()
  }

  function takeKey(callId: string, keyEpoch: number, e2eeKey: string): void {
    if (callId !== join?.callId || keyEpoch <= join.keyEpoch) return
    join = { ...join, keyEpoch, e2eeKey }
    void connection?.rotateKey(e2eeKey, keyEpoch)
    void safetyCodeOf(e2eeKey, callId).then((code) => callStore.trigger.safetyCodeChanged({ code }))
  }

  actor.on('*', run)
  actor.subscribe((snapshot) => {
    const here = place()
    if (here && isIn()) {
      keepPlace(parts.storage, {
        roomId: here.roomId,
        callId: here.callId,
        wishes: snapshot.context.wishes,
      })
    }
  })
  actor.start()

  return {
    actor,
    join(roomId) {
      actor.send({
        type: 'join.requested',
        roomId,
        connectionId: parts.newId(),
        wishes: { microphone: true, camera: false },
        expectedCallId: null,
        at: parts.now(),
      })
    },
    async hangUp() {
      actor.send({ type: 'leave.requested' })
      const isOver = (snapshot: SnapshotFrom<typeof voiceSessionMachine>) =>
        !snapshot.matches('leaving')
      await waitFor(actor, isOver, { timeout: 2 * patience.hangUpMs }).catch(() => undefined)
    },
    comeBack() {
      const kept = readKeptPlace(parts.storage)
      if (!kept) return
      actor.send({
        type: 'join.requested',
        roomId: kept.roomId,
        connectionId: parts.newId(),
        wishes: kept.wishes,
        expectedCallId: kept.callId,
        at: parts.now(),
      })
    },
    takeKey,
    async refreshKey() {
      const here = place()
      if (!here || !actor.getSnapshot().matches('connected') || isRefreshing) return
      isRefreshing = true
      try {
        if (!(await isStillOn(here.roomId, here.callId))) return
        const result = await parts.join(here.roomId, here.connectionId)
        if (!('join' in result)) return
        const { callId, connectionId, keyEpoch, e2eeKey } = result.join
        // The call ended between the two questions, or was left before the answer: nobody's wish.
        if (callId !== place()?.callId || !isIn()) {
          void tellLeave({ roomId: here.roomId, callId, connectionId })
        } else takeKey(callId, keyEpoch, e2eeKey)
      } finally {
        isRefreshing = false
      }
    },
    showVideo: (trackId, element) => connection?.showVideo(trackId, element) ?? (() => undefined),
    async startSound() {
      await connection?.startSound()
    },
    async useDevice(kind, deviceId) {
      await connection?.useDevice(kind, deviceId)
    },
    async refreshDevices() {
      await connection?.refreshDevices()
    },
    closePage() {
      const here = place()
      const snapshot = actor.getSnapshot()
      if (!here || !isIn()) return
      connection?.silence()
      parts.leaveBeacon(here)
      // Should the browser keep the page for its back button, it comes back like any lost one.
      void dropConnection()
      // The page that is loaded in its place must not wait until the browser has cleared this one away.
      parts.lock.release()
      actor.send({
        type: 'livekit.disconnected',
        attempt: snapshot.context.attempt,
        reason: 'CLIENT_INITIATED',
        standing: 'in-call',
        at: parts.now(),
      })
    },
  }
}
