-- Times are milliseconds since the Unix epoch. Lists are words with spaces between them.

CREATE TABLE audit (
  revision INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  author TEXT NOT NULL,
  origin TEXT NOT NULL,
  action TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL
) STRICT;

CREATE TRIGGER audit_is_never_shortened BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is never shortened'); END;

CREATE TRIGGER audit_is_never_rewritten BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is never rewritten'); END;

-- Which things a revision touched; how they are now is in their own tables.
CREATE TABLE touched (
  revision INTEGER NOT NULL REFERENCES audit (revision),
  kind TEXT NOT NULL CHECK (kind IN ('account', 'key', 'token', 'tokens-end', 'signing-key')),
  thing TEXT NOT NULL,
  PRIMARY KEY (revision, kind, thing)
) STRICT, WITHOUT ROWID;

-- `feed-begins`: what was touched up to this revision is forgotten. `tokens-end`: a time.
CREATE TABLE mark (
  name TEXT PRIMARY KEY NOT NULL CHECK (name IN ('feed-begins', 'tokens-end')),
  value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
  id TEXT PRIMARY KEY NOT NULL,
  username TEXT NOT NULL COLLATE NOCASE UNIQUE,
  password TEXT NOT NULL,
  permissions TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('enabled', 'disabled')),
  tokens_end INTEGER NOT NULL,
  created INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE key (
  name TEXT PRIMARY KEY NOT NULL,
  digest TEXT NOT NULL UNIQUE,
  beginning TEXT NOT NULL,
  account TEXT REFERENCES account (id),
  bound TEXT,
  acting TEXT,
  permissions TEXT NOT NULL,
  transports TEXT NOT NULL CHECK (transports IN ('both', 'http', 'websocket')),
  created INTEGER NOT NULL,
  expires INTEGER,
  CHECK ((account IS NOT NULL) + (bound IS NOT NULL) + (acting IS NOT NULL) = 1)
) STRICT, WITHOUT ROWID;

CREATE INDEX key_of_account ON key (account) WHERE account IS NOT NULL;

CREATE TABLE key_use (
  key TEXT PRIMARY KEY NOT NULL REFERENCES key (name) ON DELETE CASCADE,
  at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revocation (
  token TEXT PRIMARY KEY NOT NULL,
  until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX revocation_over ON revocation (until);

CREATE TABLE signing_key (
  kid TEXT PRIMARY KEY NOT NULL,
  purpose TEXT NOT NULL,
  algorithm TEXT NOT NULL,
  secret BLOB NOT NULL,
  created INTEGER NOT NULL,
  retires INTEGER
) STRICT, WITHOUT ROWID;
