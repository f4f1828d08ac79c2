// The admin panel of Cheshire Cat 1.9, on no package registry, as far as logins go: its pages ask for the Cat's cookie, and
// its script does with its own what the panel's does. All else is the demonstration backend's, before which it stands.
//
//   node panel_stand_in.mjs BACKEND SCRIPT     BACKEND as http://host:port, with the variables of the Cat; SCRIPT made of panel.mjs
//
// Prints `seen URL`, which tells the cookies that the pages were asked with, and `ready URL`.
import { readFileSync } from 'node:fs'
import http from 'node:http'
import net from 'node:net'

const [backend, script] = [new URL(process.argv[2]), readFileSync(process.argv[3])]
const page = '<!doctype html><title>Panel</title><main></main><script src="/admin/assets/panel.js"></script>'
const seen = []

function answer(response, status, type, body, headers = {}) {
  response.writeHead(status, { 'content-type': type, ...headers }).end(body)
}

function panel(request, response) {
  const { pathname } = new URL(request.url, backend)
  if (pathname === '/admin/assets/panel.js') return answer(response, 200, 'text/javascript', script)
  seen.push(request.headers.cookie ?? '')
  const cookie = /(?:^|; )ccat_user_token=([^;]*)/.exec(request.headers.cookie ?? '')
  // A browser that the Cat does not know is sent to the login. Were that doorward's own, and the login good, it would turn in circles.
  if (cookie?.[1] !== process.env.CCAT_API_KEY) {
    return answer(response, 307, 'application/json', '{}', { location: `/auth/login?referer=${encodeURIComponent(pathname)}` })
  }
  answer(response, 200, 'text/html', page)
}

const server = http.createServer((request, response) => {
  if (request.url.startsWith('/admin/')) return panel(request, response)
  const { method, url: path, headers } = request
  const forwarded = http.request({ host: backend.hostname, port: backend.port, method, path, headers }, (answered) => {
    response.writeHead(answered.statusCode, answered.rawHeaders)
    answered.pipe(response)
  })
  request.pipe(forwarded.on('error', () => response.destroy()))
})

server.on('upgrade', (request, socket, first) => {
  const there = net.connect(backend.port, backend.hostname, () => {
    const lines = [`${request.method} ${request.url} HTTP/1.1`]
    for (let i = 0; i < request.rawHeaders.length; i += 2) lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`)
    there.write([...lines, '', ''].join('\r\n'))
    there.write(first)
    socket.pipe(there).pipe(socket)
  })
  for (const [end, other] of [[there, socket], [socket, there]]) end.on('error', () => other.destroy()).on('close', () => other.destroy())
})

const side = http.createServer((_, response) => answer(response, 200, 'application/json', JSON.stringify(seen)))
for (const [name, listener] of [['seen', side], ['ready', server]]) {
  await new Promise((listening) => listener.listen(0, '127.0.0.1', listening))
  console.log(`${name} http://127.0.0.1:${listener.address().port}`)
}
setTimeout(() => process.exit(1), 900_000).unref()
