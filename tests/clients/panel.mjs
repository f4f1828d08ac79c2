// What the Cat's panel does in a browser, with the same client of the Cat: it takes the token out of a cookie that scripts
// can read, shows whose it is and what is permitted, and sends it with every call.
import { CatClient } from 'ccat-api'

const main = document.querySelector('main')
const show = (name, text) => {
  const line = main.querySelector(`#${name}`) ?? main.appendChild(Object.assign(document.createElement('p'), { id: name }))
  line.textContent = text
}
const token = /(?:^|; )ccat_user_token=([^;]+)/.exec(document.cookie)?.[1]

if (!token) {
  show('name', 'nobody')
} else {
  const claims = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')))
  show('name', claims.username)
  show('permissions', Object.keys(claims.permissions).sort().join(' '))
  const cat = new CatClient({
    host: location.hostname, port: Number(location.port), secure: true, credential: token, userId: 'user', instant: false, ws: { retries: 1, delay: 10, onFailed: () => show('chat', 'failed') },
  })
  cat.onConnected(() => { show('chat', 'connected'); cat.send({ text: 'hello' }) })
  cat.onMessage((message) => { if (message.type === 'chat') show('chat', `${message.user_id}: ${message.text ?? message.content}`) })
  cat.onDisconnected(() => show('chat', 'disconnected'))
  cat.init()
  const tried = (name, call) => call.then((value) => show(name, JSON.stringify(value)), (error) => show(name, `refused: ${error.status}`))
  tried('status', cat.api.status.home())
  tried('users', cat.api.users.readUsers().then((users) => users.map((user) => user.username)))
}

const button = main.appendChild(Object.assign(document.createElement('button'), { id: 'logout', textContent: 'Logout' }))
button.addEventListener('click', () => {
  document.cookie = 'ccat_user_token=; path=/'
  location.reload()
})
