// Users and logins by the Cat's own TypeScript client, npm `ccat-api`: what it asks of the Cat, doorward answers.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import test from 'node:test'

const { CatClient } = createRequire(import.meta.url)('ccat-api')
const facts = JSON.parse(process.env.DOORWARD_TEST)

function client(credential, options = {}) {
  return new CatClient({ host: 'localhost', port: facts.port, secure: true, credential, userId: 'mallory', instant: false, ws: { retries: 0, delay: 10 }, ...options })
}

/** Only its calls over HTTP: a client has them when it was begun. */
async function calling(credential, call) {
  const cat = client(credential, { instant: true }).onError(() => {})
  try {
    return await call(cat.api)
  } finally {
    cat.close()
  }
}

async function logIn(username, password) {
  const token = await calling(undefined, (api) => api.userAuth.authToken({ username, password }))
  assert.equal(token.token_type, 'bearer')
  return token.access_token
}

function first(register) {
  return new Promise((resolve, reject) => {
    const patience = setTimeout(() => reject(new Error('nothing happened for 10 s')), 10_000)
    register((value) => { clearTimeout(patience); resolve(value) })
  })
}

test('an administrator keeps users, and a user logs in and chats under its own name', async () => {
  const chief = client(await logIn('chief', facts.password), { instant: true })
  const { api } = chief
  const permissions = await api.userAuth.getAvailablePermissions()
  assert.deepEqual([...permissions.MEMORY].sort(), ['DELETE', 'EDIT', 'LIST', 'READ', 'WRITE'])
  const made = await api.users.createUser({ username: 'alice', password: facts.password })
  assert.equal(made.username, 'alice')
  assert.ok(made.permissions.CONVERSATION.includes('WRITE'))
  assert.deepEqual(await api.users.readUser(made.id), made)
  assert.deepEqual((await api.users.readUsers(0, 10)).map((user) => user.username), ['chief', 'alice'])
  assert.equal((await api.users.updateUser(made.id, { username: 'alicia' })).username, 'alicia')
  await assert.rejects(api.users.createUser({ username: 'ALICIA', password: facts.password }), (error) => error.status === 403)
  await assert.rejects(api.users.createUser({ username: 'bob', password: 'short' }), (error) => error.status === 400)

  const token = await logIn('alicia', facts.password)
  const cat = client(token)
  const opened = first((done) => cat.onConnected(done))
  cat.init()
  await opened
  assert.equal((await cat.api.status.home()).status, "We're all mad here, dear!")
  const answered = first((done) => cat.onMessage((message) => { if (message.type === 'chat') done(message) }))
  cat.send({ text: 'hello' })
  assert.equal((await answered).user_id, 'alicia')
  await assert.rejects(cat.api.users.readUsers(), (error) => error.status === 403)

  const closed = first((done) => cat.onDisconnected(done))
  assert.equal((await api.users.deleteUser(made.id)).id, made.id)
  await closed
  await assert.rejects(calling(token, (gone) => gone.status.home()), (error) => error.status === 403)
  await assert.rejects(api.users.readUser(made.id), (error) => error.status === 404)
  chief.close()
})

test('a wrong password and an unknown user are refused alike', async () => {
  for (const [username, password] of [['chief', 'not the password'], ['nobody', facts.password]]) {
    await assert.rejects(logIn(username, password), (error) => {
      assert.deepEqual(error.body, { detail: { error: 'Invalid Credentials' } })
      return error.status === 403
    })
  }
})
