import { expect, test } from 'vitest'
import viteConfig from '../../../vite.config.ts'

test('in development, the embedded media server is reached by the page’s own host, as the api is', () => {
  const { proxy } = viteConfig.server ?? {}
  expect(proxy?.['/livekit']).toMatchObject({ ws: true, changeOrigin: false })
  expect(proxy?.['/livekit']).toEqual(proxy?.['/api'])
})
