#!/usr/bin/env node
/**
 * Firefox as Playwright wants it: starts the one that `FIREFOX` names and passes WebDriver BiDi on between
 * the two. Playwright asks at once for what only newer versions of Firefox know; that is answered here.
 */
import { spawn } from 'node:child_process'
import { WebSocket, WebSocketServer } from 'ws'

/** Colour scheme and the like as the system has them; a preference can say otherwise. */
const unknownToFirefox = new Set(['emulation.setMediaFeaturesOverride'])

const firefox = spawn(process.env.FIREFOX, process.argv.slice(2), {
  stdio: ['ignore', 'pipe', 'pipe'],
})
firefox.once('exit', (code) => process.exit(code ?? 1))
process.once('SIGTERM', () => firefox.kill('SIGTERM'))

let said = ''
let isServed = false
for (const stream of [firefox.stdout, firefox.stderr]) {
  stream.on('data', (chunk) => {
    process.stderr.write(chunk.toString().replaceAll('BiDi listening', 'BiDi of Firefox itself'))
    if (isServed) return
    said += chunk.toString()
    const [, url] = /WebDriver BiDi listening on (ws:\/\/\S+)\s/.exec(said) ?? []
    if (!url) return
    isServed = true
    serve(`${url}/session`)
  })
}

function serve(url) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 }, () => {
    // As Firefox says it: Playwright waits for these words.
    process.stderr.write(`WebDriver BiDi listening on ws://127.0.0.1:${server.address().port}\n`)
  })
  server.on('connection', (playwright) => {
    const browser = new WebSocket(url, { maxPayload: 0 })
    const waiting = []
    browser.on('open', () => {
      for (const frame of waiting.splice(0)) browser.send(frame)
    })
    browser.on('message', (frame) => playwright.send(frame.toString()))
    browser.on('error', () => playwright.terminate())
    browser.on('close', () => playwright.close())
    playwright.on('close', () => browser.close())
    playwright.on('message', (frame) => {
      const text = frame.toString()
      const { id, method } = JSON.parse(text)
      if (unknownToFirefox.has(method))
        playwright.send(JSON.stringify({ type: 'success', id, result: {} }))
      else if (browser.readyState === WebSocket.OPEN) browser.send(text)
      else waiting.push(text)
    })
  })
}
