/** Frames of the link come whole however the stream is cut; the meeting place is private and short. */
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createFrameReader,
  encodeMessage,
  encodeSignal,
  type Frame,
  type ToMediaProcess,
} from '../../../../server/media/link/messages.ts'
import { prepareLinkFiles } from '../../../../server/media/carrier/socket-path.ts'

test('whatever pieces the stream comes in, the same frames come out (seed 7)', () => {
  const frame = fc.oneof(
    fc.record({
      kind: fc.constant('signal' as const),
      id: fc.nat(),
      data: fc.uint8Array({ maxLength: 300 }),
    }),
    fc.record({
      kind: fc.constant('message' as const),
      message: fc.record({ type: fc.constant('closed' as const), id: fc.nat() }),
    }),
  )
  const run = fc.property(
    fc.array(frame, { maxLength: 8 }),
    fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
    (frames, cuts) => {
      const bytes = Buffer.concat(
        frames.map((sent) =>
          sent.kind === 'signal' ? encodeSignal(sent.id, sent.data) : encodeMessage(sent.message),
        ),
      )
      const read = createFrameReader<ToMediaProcess>()
      const got: Frame<ToMediaProcess>[] = []
      for (let at = 0, i = 0; at < bytes.length; i += 1) {
        const size = cuts[i % cuts.length] ?? 1
        got.push(...read(bytes.subarray(at, at + size)))
        at += size
      }
      const plain = got.map((one) =>
        one.kind === 'signal' ? { ...one, data: Uint8Array.from(one.data) } : one,
      )
      expect(plain).toEqual(frames)
    },
  )
  fc.assert(run, { seed: 7, numRuns: 200 })
})

test('a length that nobody means is refused before it is waited for', () => {
  const read = createFrameReader<ToMediaProcess>()
  expect(() => read(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1]))).toThrow('too large')
})

describe('where they meet', () => {
  let root = ''
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'chatto-place-'))
  })
  afterEach(() => rmSync(root, { recursive: true, force: true }))

  test.skipIf(process.platform === 'win32')('is beside the database, for us only', () => {
    const { socketPath, logFile } = prepareLinkFiles(root)
    expect(dirname(socketPath)).toBe(join(root, 'media'))
    expect(dirname(logFile)).toBe(join(root, 'media'))
    expect(statSync(dirname(socketPath)).mode & 0o777).toBe(0o700)
  })

  test.skipIf(process.platform === 'win32')('a folder that was open to others is closed', () => {
    mkdirSync(join(root, 'media'), { mode: 0o755 })
    prepareLinkFiles(root)
    expect(statSync(join(root, 'media')).mode & 0o777).toBe(0o700)
  })

  test.skipIf(process.platform === 'win32')(
    'is short, and the same again, however deep the database lies',
    () => {
      const deep = join(root, 'a'.repeat(60), 'b'.repeat(60))
      const { socketPath } = prepareLinkFiles(deep)
      expect(socketPath.length).toBeLessThan(104)
      expect(prepareLinkFiles(deep).socketPath).toBe(socketPath)
      expect(prepareLinkFiles(`${deep}c`).socketPath).not.toBe(socketPath)
      expect(statSync(dirname(socketPath)).mode & 0o777).toBe(0o700)
      for (const folder of [deep, `${deep}c`]) {
        rmSync(dirname(prepareLinkFiles(folder).socketPath), { recursive: true })
      }
    },
  )

  test.skipIf(process.platform === 'win32')('is no link to somewhere else, and no file', () => {
    symlinkSync(root, join(root, 'media'))
    expect(() => prepareLinkFiles(root)).toThrow('is no folder')
    const other = join(root, 'other')
    mkdirSync(other)
    writeFileSync(join(other, 'media'), '')
    expect(() => prepareLinkFiles(other)).toThrow()
  })

  test('is a pipe on Windows', () => {
    expect(prepareLinkFiles(root, 'win32').socketPath).toMatch(
      /^\\\\\.\\pipe\\chatto-media-\w{24}$/,
    )
  })
})
