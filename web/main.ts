/** Starts the web client. */
import { createApp } from 'vue'
import App from './App.vue'
import { provideVoiceSession } from './composables/use-voice-session.ts'
import { router } from './router.ts'
import { startSession } from './stores/session.store.ts'
import './styles/all.css'

const app = createApp(App)
app.use(router)
provideVoiceSession(app)
void startSession()
app.mount('#app')
