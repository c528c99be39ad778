/** The pages by address. Who is not signed in sees the door at any of them, and then the page. */
import { createRouter, createWebHistory } from 'vue-router'
export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/', name: 'home', component: () => import('./pages/Home.vue') },
    {
      path: '/rooms/:roomId',
      name: 'room',
      component: () => import('./pages/Room.vue'),
      props: true,
    },
    { path: '/:path(.*)*', name: 'not-found', component: () => import('./pages/NotFound.vue') },
  ],
})
