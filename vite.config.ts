/** Builds the web client; `npm run dev` serves it beside the server on port 8080. */
import vue from '@vitejs/plugin-vue'
import icons from 'unplugin-icons/vite'
import { defineConfig } from 'vite'
import { compression, defineAlgorithm } from 'vite-plugin-compression2'

export default defineConfig({
  root: 'web',
  plugins: [
    vue(),
    icons({ compiler: 'vue3' }),
    compression({
      algorithms: [defineAlgorithm('gzip', { level: 9 }), defineAlgorithm('brotliCompress')],
      exclude: [/index\.html$/],
    }),
  ],
  worker: { format: 'es' },
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    target: 'es2023',
    // Nothing as data: urls, which the content security policy would have to allow.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: {
      '/api': { target: 'http://localhost:8080', ws: true, changeOrigin: false },
      // The embedded media server: a join names it by the page's own host.
      '/livekit': { target: 'http://localhost:8080', ws: true, changeOrigin: false },
    },
  },
})
