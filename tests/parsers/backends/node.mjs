// Node's http, and a handler that writes down what its parser made of each request.
//
//   node node.mjs RECORDS

import { createHash } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import { createServer } from 'node:http'

const records = process.argv[2]
const write = (record) => appendFileSync(records, JSON.stringify(record) + '\n')
const pairs = (list) => list.flatMap((name, at) => (at % 2 ? [] : [[name, list[at + 1]]]))

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  const hash = createHash('sha256')
  let length = 0
  request.on('data', (piece) => {
    hash.update(piece)
    length += piece.length
  })
  request.on('error', () => write({ aborted: `${request.method} ${request.url}` }))
  request.on('end', () => {
    const trailers = pairs(request.rawTrailers)
    write({
      method: request.method, target: request.url, headers: pairs(request.rawHeaders), length, sha256: hash.digest('hex'), trailers,
    })
    const wanted = /answer=(\d{3})/.exec(request.url)
    response.writeHead(wanted ? Number(wanted[1]) : 200, { 'content-length': 5, 'x-backend': 'seen' })
    response.end('seen\n')
  })
})
server.on('clientError', (error, socket) => {
  // A peer that only goes away has said nothing wrong.
  if (error.code?.startsWith('HPE_') && error.code !== 'HPE_INVALID_EOF_STATE') write({ error: error.code })
  socket.destroy()
})
server.on('connect', (request, socket) => {
  write({ method: 'CONNECT', target: request.url, headers: pairs(request.rawHeaders), length: 0, sha256: '' })
  socket.destroy()
})
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`))
