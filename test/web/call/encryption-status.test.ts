import { describe, expect, test } from 'vitest'
import {
  createEncryptionWatch,
  isBroken,
  mayBePlayed,
  type TrackProgress,
} from '../../../web/livekit/encryption-status.ts'

const bo = 'bo:b1'
const encrypted = [{ isEncrypted: true }]

function watchBo() {
  let now = 10_000
  const watch = createEncryptionWatch({ now: () => now })
  let received = 0
  let decoded = 0
  return {
    watch,
    state: (tracks = encrypted) => watch.stateOf(bo, tracks),
    /** A second passes in which this much arrived and was decoded. */
    second(arrived: number, played: number): boolean {
      now += 1000
      received += arrived
      decoded += played
      return watch.measure(bo, [{ trackId: 'TR_v', received, decoded }])
    },
  }
}

describe('F13 the lock tells the truth', () => {
  test('R44 what is not encrypted is plaintext, whatever else is', () => {
    const { state } = watchBo()
    expect(state([])).toBe('nothing-sent')
    expect(state()).toBe('encrypted')
    expect(state([{ isEncrypted: true }, { isEncrypted: false }])).toBe('plaintext')
  })

  test('R44 data in clear counts as plaintext until Bo is gone', () => {
    const { watch, state } = watchBo()
    watch.reportPlainData(bo)
    expect(state()).toBe('plaintext')
    watch.forget(bo)
    expect(state()).toBe('encrypted')
  })

  test('a frame that fails while a key is on its way is no verdict', () => {
    const { watch, state, second } = watchBo()
    watch.reportFailure(bo)
    expect(watch.suspects()).toEqual([bo])
    expect(state()).toBe('encrypted')
    second(30, 20)
    second(30, 30)
    second(30, 30)
    expect(state()).toBe('encrypted')
    expect(watch.suspects()).toEqual([])
  })

  test('R44 what arrives and is never decoded cannot be decrypted', () => {
    const { watch, state, second } = watchBo()
    watch.reportFailure(bo)
    expect(second(30, 0)).toBe(false)
    expect(second(30, 0)).toBe(true)
    expect(state()).toBe('undecryptable')
    expect(second(30, 0)).toBe(false)
    expect(state()).toBe('undecryptable')
  })

  test('R45 with the right key it is well again', () => {
    const { watch, state, second } = watchBo()
    watch.reportFailure(bo)
    second(30, 0)
    second(30, 0)
    expect(second(30, 25)).toBe(true)
    expect(state()).toBe('encrypted')
  })

  test('silence is no cure: a verdict stays until something is decoded', () => {
    const { watch, state, second } = watchBo()
    watch.reportFailure(bo)
    second(30, 0)
    second(30, 0)
    for (let i = 0; i < 60; i++) second(0, 0)
    expect(state()).toBe('undecryptable')
  })

  test('a voice that works does not excuse a picture that does not', () => {
    const watch = createEncryptionWatch({ now: () => 0 })
    const tracks = (video: number, audio: number): TrackProgress[] => [
      { trackId: 'TR_v', received: video, decoded: 0 },
      { trackId: 'TR_a', received: audio, decoded: audio * 960 },
    ]
    watch.reportFailure(bo)
    watch.measure(bo, tracks(0, 0))
    watch.measure(bo, tracks(30, 50))
    expect(watch.stateOf(bo, encrypted)).toBe('undecryptable')
  })

  test('a paused track says nothing', () => {
    const at = (received: number, decoded: number) => ({ trackId: 'TR', received, decoded })
    expect(isBroken(at(10, 5), at(12, 5))).toBe(false)
    expect(isBroken(at(10, 5), at(20, 5))).toBe(true)
    expect(isBroken(at(10, 5), at(20, 6))).toBe(false)
  })

  test('R44 only what is encrypted and decrypted may be played', () => {
    expect(mayBePlayed('encrypted')).toBe(true)
    expect(mayBePlayed('nothing-sent')).toBe(true)
    expect(mayBePlayed('plaintext')).toBe(false)
    expect(mayBePlayed('undecryptable')).toBe(false)
  })
})
