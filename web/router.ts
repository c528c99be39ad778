/** The pages by address. Who is not signed in sees the door at any of them, and then the page. */
import { createRouter, createWebHistory } from 'vue-router'
import Home from './pages/Home.vue'
import NotFound from './pages/NotFound.vue'
import Room from './pages/Room.vue'

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', name: 'home', component: Home },
    { path: '/rooms/:roomId', name: 'room', component: Room, props: true },
    { path: '/:path(.*)*', name: 'not-found', component: NotFound },
  ],
})
