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

/** The whole answer to one message. */
function ask(cat, text) {
  const answered = first((done) => cat.onMessage((message) => { if (message.type === 'chat') done(message) }))
  cat.send({ text })
  return answered
}

test('http calls are answered', async () => {
  const cat = client(facts.alice, { instant: true })
  assert.equal((await cat.api.status.home()).status, "We're all mad here, dear!")
  cat.close()
})

test('a redirect is followed over TLS and the call succeeds', async () => {
  // The 307 of /llm/settings/ is absolute. Over plain http the call would fail: it is a TLS port that would be asked.
  const cat = client(facts.alice, { instant: true })
  assert.equal((await cat.api.llm.getLlmSettings('')).settings.length, 1)
  cat.close()
})

test('a wrong key and an expired token are refused', async () => {
  for (const credential of ['wrong', facts.expired]) {
    const cat = client(credential, { instant: true }).onError(() => {})
    await assert.rejects(cat.api.status.home(), (error) => error.status === 403)
    cat.close()
  }
})

test('one credential opens both', async () => {
  for (const [credential, user] of [[facts.alice, 'alice'], [facts.token, 'bob']]) {
    const cat = client(credential)
    const opened = first((done) => cat.onConnected(done))
    cat.init()
    await opened
    assert.equal((await cat.api.status.home()).status, "We're all mad here, dear!")
    assert.equal((await ask(cat, 'hello')).user_id, user)
    cat.close()
  }
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

test('a client whose socket the backend dropped connects again by itself', async () => {
  const cat = client(facts.alice, { ws: { retries: 3, delay: 10 } })
  let opened = first((done) => cat.onConnected(done))
  cat.init()
  await opened
  opened = first((done) => cat.onConnected(done))
  cat.ws.send('not json') // at which the Cat breaks off
  await opened
  assert.equal((await ask(cat, 'still here')).text, 'Hello alice, you said: still here')
  cat.close()
})

test('a client that closed connects again', async () => {
  const cat = client(facts.alice)
  for (const text of ['hello', 'here I am again']) {
    const opened = first((done) => cat.onConnected(done))
    cat.init()
    await opened
    assert.equal((await ask(cat, text)).text, `Hello alice, you said: ${text}`)
    const closed = first((done) => cat.onDisconnected(done))
    cat.reset()
    await closed
  }
})

test('a chat with a wrong key or an expired token never opens, and the client gives up', async () => {
  for (const credential of ['wrong', facts.expired]) {
    let failures = 0
    let opened = false
    const failed = first((done) => {
      const cat = client(credential, { ws: { retries: 3, delay: 10, onFailed: done } })
      cat.onConnected(() => { opened = true }).onError(() => { failures += 1 }).init()
    })
    assert.equal((await failed).name, 'FailedRetry')
    assert.equal(opened, false)
    assert.equal(failures, 3)
  }
})
