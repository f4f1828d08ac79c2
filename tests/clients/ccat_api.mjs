// The Cat's own TypeScript client, npm `ccat-api`, as its users write it. It sends its key twice on HTTP, as
// Authorization and as access_token, asserts a user id on every request, and reconnects by itself.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

const { CatClient } = createRequire(import.meta.url)('ccat-api')
const facts = JSON.parse(process.env.DOORWARD_TEST)

function client(credential, options = {}) {
  return new CatClient({
    host: 'localhost', port: facts.port, secure: true, credential, userId: 'mallory', instant: false,
    ws: { retries: 0, delay: 10 }, ...options,
  })
}

/** Settles with what the callback is first called with, or fails after ten seconds. */
function first(register) {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error('nothing happened for 10 s')), 10_000)
    register((value) => { clearTimeout(patience); resolve(value) })
  })
}

test('http calls are answered', async () => {
  const cat = client(facts.alice, { instant: true })
  assert.equal((await cat.api.status.home()).status, "We're all mad here, dear!")
  cat.close()
})

test('a wrong key is refused', async () => {
  const cat = client('wrong', { instant: true }).onError(() => {})
  await assert.rejects(cat.api.status.home(), (error) => error.status === 403)
  cat.close()
})

test('a chat streams for the verified user', async () => {
  const cat = client(facts.alice)
  const pieces = []
  const opened = first((done) => cat.onConnected(done))
  const answered = first((done) => cat.onMessage((message) => (message.type === 'chat' ? done(message) : pieces.push(message.content))))
  cat.init()
  await opened
  cat.send({ text: 'hello' })
  const answer = await answered
  cat.close()
  assert.equal(answer.user_id, 'alice')
  assert.equal(answer.text, 'Hello alice, you said: hello')
  assert.equal(pieces.join(''), answer.text)
  assert.ok(pieces.length > 2)
})

test('a chat with a wrong key never opens', async () => {
  const cat = client('wrong')
  let opened = false
  cat.onConnected(() => { opened = true })
  const failed = first((done) => cat.onError(done))
  cat.init()
  await failed
  cat.close()
  assert.equal(opened, false)
})
