//! Where Cheshire Cat 1.9 finds a credential and a user, and where the sidecar does (interface §3).

use serde_json::json;

use crate::support::{
    Backend, CAT_HTTP_KEY, CAT_WS_KEY, Claims, Setup, Sidecar, differs_on_purpose, key_of,
};
use Outcome::{As, Refused};

/// One way to call, and what comes of it.
struct Row {
    given: &'static str,
    target: &'static str,
    headers: &'static [(&'static str, &'static str)],
    backend: Outcome,
    doorward: Outcome,
    why: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Outcome {
    /// It passes as this user.
    As(&'static str),
    /// It gets this status.
    Refused(u16),
}

type Headers = &'static [(&'static str, &'static str)];

const fn row(given: &'static str, headers: Headers, backend: Outcome) -> Row {
    Row { given, target: "/", headers, backend, doorward: backend, why: "" }
}

impl Row {
    const fn at(self, target: &'static str) -> Self {
        Self { target, ..self }
    }

    const fn but(self, doorward: Outcome, why: &'static str) -> Self {
        Self { doorward, why, ..self }
    }
}

const SCHEME: &str = "the scheme has no case, and spaces may follow it (RFC 9110 §11)";
const WHOLE: &str = "a credential is one word behind one scheme, not what is left of a text";
const AMBIGUOUS: &str = "who sends two credentials gets neither: another reader takes the other";
const ADDED: &str = "one more place that other gateways' clients know";
const NO_ID: &str = "an id is short visible ASCII, so that it reads the same everywhere";

const HTTP: &[Row] = &[
    row("nothing", &[], Refused(403)),
    row("a bearer", &[("Authorization", "Bearer {key}")], As("user")),
    row("a bare value", &[("Authorization", "{key}")], As("user")),
    row("bearer", &[("Authorization", "bearer {key}")], Refused(403)).but(As("user"), SCHEME),
    row("BEARER", &[("Authorization", "BEARER {key}")], Refused(403)).but(As("user"), SCHEME),
    row("two spaces", &[("Authorization", "Bearer  {key}")], Refused(403)).but(As("user"), SCHEME),
    row("Bearer within", &[("Authorization", "{start}Bearer {rest}")], As("user"))
        .but(Refused(403), WHOLE),
    row("Bearer twice", &[("Authorization", "Bearer Bearer {key}")], As("user"))
        .but(Refused(403), WHOLE),
    row("Bearer behind", &[("Authorization", "{key}Bearer ")], Refused(403)),
    row("another scheme", &[("Authorization", "Basic {key}")], Refused(403)),
    row("a wrong key", &[("Authorization", "Bearer nonsense")], Refused(403)),
    row("no key", &[("Authorization", "Bearer ")], Refused(403)),
    row("an empty line", &[("Authorization", "")], Refused(403)),
    row("a token", &[("Authorization", "Bearer {token}")], As("alice")),
    row("a bare token", &[("Authorization", "{token}")], As("alice")),
    row("access_token", &[("access_token", "{key}")], As("user")),
    row("ACCESS_TOKEN", &[("ACCESS_TOKEN", "{key}")], As("user")),
    row("a token in access_token", &[("access_token", "{token}")], As("alice")),
    row("an empty access_token", &[("access_token", "")], Refused(403)),
    row("a scheme in access_token", &[("access_token", "Bearer {key}")], Refused(403)),
    row("access-token", &[("access-token", "{key}")], Refused(403)),
    row(
        "empty beside access_token",
        &[("Authorization", ""), ("access_token", "{key}")],
        As("user"),
    ),
    row("both alike", &[("Authorization", "Bearer {key}"), ("access_token", "{key}")], As("user")),
    row("a bad bearer", &[("Authorization", "Bearer x"), ("access_token", "{key}")], Refused(403))
        .but(Refused(400), AMBIGUOUS),
    row(
        "a bad access_token",
        &[("Authorization", "Bearer {key}"), ("access_token", "x")],
        As("user"),
    )
    .but(Refused(400), AMBIGUOUS),
    row("X-API-Key", &[("X-API-Key", "{key}")], Refused(403)).but(As("user"), ADDED),
    row("the first is good", &[("Authorization", "{key}"), ("Authorization", "x")], As("user"))
        .but(Refused(400), AMBIGUOUS),
    row("the second is good", &[("Authorization", "x"), ("Authorization", "{key}")], Refused(403))
        .but(Refused(400), AMBIGUOUS),
    row("two lines alike", &[("Authorization", "{key}"), ("Authorization", "{key}")], As("user"))
        .but(Refused(400), "a field that is no list has one line (RFC 9110 §5.3)"),
    row("?token=", &[], Refused(403)).at("/?token={key}"),
    row("?access_token=", &[], Refused(403)).at("/?access_token={key}"),
    row("a cookie for the API", &[("Cookie", "ccat_user_token={token}")], Refused(403)),
    row("a foreign page's cookie", &[COOKIE, ("Origin", "https://evil.example")], Refused(403)),
    row("70 kB of headers", &[KEY, ("X-Long", "{70 kB}")], As("user"))
        .but(Refused(431), "limits.header_size, 32 KiB, bounds what a stranger makes us keep"),
];

const KEY: (&str, &str) = ("Authorization", "Bearer {key}");
const TOKEN: (&str, &str) = ("Authorization", "Bearer {token}");
const COOKIE: (&str, &str) = ("Cookie", "ccat_user_token={token}");

const USERS: &[Row] = &[
    row("nobody", &[KEY], As("user")),
    row("somebody", &[KEY, ("user_id", "bob")], As("bob")),
    row("in capitals", &[KEY, ("USER_ID", "bob")], As("bob")),
    row("with a dash", &[KEY, ("user-id", "bob")], As("user")),
    row("in the query", &[KEY], As("user")).at("/?user_id=bob"),
    row("empty", &[KEY, ("user_id", "")], As("")).but(Refused(400), NO_ID),
    row("beyond ASCII", &[KEY, ("user_id", "\u{e9}")], As("Ã©")).but(Refused(400), NO_ID),
    row("with a space", &[KEY, ("user_id", "a b")], As("a b")).but(Refused(400), NO_ID),
    row("with a slash", &[KEY, ("user_id", "a/b")], As("a/b")).but(Refused(400), NO_ID),
    row("two dots", &[KEY, ("user_id", "..")], As("..")).but(Refused(400), NO_ID),
    row("4,000 long", &[KEY, ("user_id", "{4 kB}")], As("{4 kB}")).but(Refused(400), NO_ID),
    row("twice", &[KEY, ("user_id", "bob"), ("user_id", "eve")], As("bob"))
        .but(Refused(400), "another reader takes the second"),
    row("beside a token", &[TOKEN, ("user_id", "bob")], As("alice")),
    row("beside a bound key", &[("Authorization", "{bound}"), ("user_id", "bob")], As("bob"))
        .but(As("carol"), "the Cat knows no such keys: whoever has one names anybody"),
];

const OURS: &str = "https://chat.example";
const HEADERS: &str = "a header is a better place than a target, which gets into logs";

const WEBSOCKET: &[Row] = &[
    row("nothing", &[], Refused(403)).at("/ws/bob"),
    row("no path of a user", &[], As("user")).at("/ws?token={key}"),
    row("a user's path", &[], As("bob")).at("/ws/bob?token={key}"),
    row("an encoded path", &[], As("bob")).at("/ws/b%6Fb?token={key}"),
    row("an encoded key", &[], As("bob")).at("/ws/bob?token={encoded}"),
    row("beyond ASCII", &[], As("é")).at("/ws/%C3%A9?token={key}").but(Refused(400), NO_ID),
    row("an encoded slash", &[], Refused(403))
        .at("/ws/a%2Fb?token={key}")
        .but(Refused(400), "a path that two readers read in two ways is malformed, not unknown"),
    row("two dots", &[], As("..")).at("/ws/..?token={key}").but(Refused(400), NO_ID),
    row("a slash at the end", &[], Refused(403)).at("/ws/?token={key}").but(
        As("user"),
        "a slash at the end means nothing in any rule; the Cat gets a user's path",
    ),
    row("a segment too many", &[], Refused(403)).at("/ws/a/b?token={key}"),
    row("an unknown path", &[], Refused(403)).at("/chat?token={key}"),
    row("a wrong key", &[], Refused(403)).at("/ws/bob?token=nonsense"),
    row("an empty token", &[], Refused(403)).at("/ws/bob?token="),
    row("TOKEN", &[], Refused(403)).at("/ws/bob?TOKEN={key}"),
    row("the last is good", &[], As("bob"))
        .at("/ws/bob?token=x&token={key}")
        .but(Refused(400), AMBIGUOUS),
    row("the first is good", &[], Refused(403))
        .at("/ws/bob?token={key}&token=x")
        .but(Refused(400), AMBIGUOUS),
    row("twice the same", &[], As("bob")).at("/ws/bob?token={key}&token={key}"),
    row("a token", &[], As("alice")).at("/ws/alice?token={token}"),
    row("a token on another's path", &[], As("alice")).at("/ws/bob?token={token}"),
    row("a bearer", &[KEY], Refused(403)).at("/ws/bob").but(As("bob"), HEADERS),
    row("access_token", &[("access_token", "{key}")], Refused(403))
        .at("/ws/bob")
        .but(As("bob"), HEADERS),
    row("X-API-Key", &[("X-API-Key", "{key}")], Refused(403)).at("/ws/bob").but(As("bob"), ADDED),
    row("a bad bearer", &[("Authorization", "Bearer x")], As("bob"))
        .at("/ws/bob?token={key}")
        .but(Refused(400), AMBIGUOUS),
    row("a user_id header", &[("user_id", "eve")], As("bob")).at("/ws/bob?token={key}"),
    row("?user_id=", &[], As("bob")).at("/ws/bob?user_id=eve&token={key}"),
    row("the panel's cookie", &[COOKIE, ("Origin", OURS)], Refused(403)).at("/ws/alice"),
    row("our page", &[("Origin", OURS)], As("bob")).at("/ws/bob?token={key}"),
    row("a foreign page", &[("Origin", "https://evil.example")], As("bob"))
        .at("/ws/bob?token={key}")
        .but(Refused(403), "a page of others must not talk with what the browser adds"),
    row("a subprotocol", &[("Sec-WebSocket-Protocol", "chat")], As("bob"))
        .at("/ws/bob?token={key}"),
    row("a key as subprotocol", &[("Sec-WebSocket-Protocol", "bearer, {key}")], Refused(403))
        .at("/ws/bob")
        .but(As("bob"), "a page can set no header, and this one keeps the key out of the target"),
];

fn token() -> String {
    let permissions = json!({"STATUS": ["READ"], "CONVERSATION": ["WRITE"]});
    Claims::of("8f0b")
        .with("exp", 4_102_444_800_i64)
        .with("username", "alice")
        .with("permissions", permissions)
        .sign()
}

/// The text with what cannot stand in a table.
fn filled(text: &str) -> String {
    let key = key_of("site");
    let (start, rest) = key.split_at(8);
    let encoded = key.replacen('k', "%6B", 1);
    [
        ("{key}", key.as_str()),
        ("{bound}", &key_of("carol")),
        ("{token}", &token()),
        ("{start}", start),
        ("{rest}", rest),
        ("{encoded}", &encoded),
        ("{4 kB}", &"x".repeat(4000)),
        ("{70 kB}", &"x".repeat(70_000)),
    ]
    .iter()
    .fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
}

/// `site` acts for whom it names, as the Cat's own keys do; `carol`'s is bound to her; tokens name
/// their user as the Cat's do.
async fn cat() -> (Backend, Sidecar) {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend)
        // One socket after the other, all of one user.
        .set("websocket", "max_per_user = \"off\"")
        .key_with("site", "acts_as = [\"*\"]\nshared_namespace = true")
        .key("carol")
        .issuer_with("user = \"{username}\"\nshared_namespace = true");
    let sidecar = setup.start().await;
    (backend, sidecar)
}

async fn requests(rows: &[Row]) {
    let (backend, sidecar) = cat().await;
    for Row { given, target, headers, backend: theirs, doorward, why } in rows {
        differs_on_purpose(given, theirs, doorward, why);
        let before = backend.seen().len();
        let request = sidecar.get(&filled(target));
        let request = headers
            .iter()
            .fold(request, |request, (name, value)| request.header(name, &filled(value)));
        let status = request.status().await;
        let seen = backend.seen().split_off(before);
        match doorward {
            Refused(refused) => assert_eq!((status, seen.len()), (*refused, 0), "{given}: {why}"),
            As(user) => {
                assert_eq!((status, seen.len()), (200, 1), "{given}: {why}");
                assert_eq!(seen[0].folded("user_id"), [*user], "{given}");
                let shown = format!("Bearer {CAT_HTTP_KEY}");
                assert_eq!(seen[0].folded("authorization"), [shown], "{given}");
                has_nothing_of_the_clients(given, &seen[0].everything());
            }
        }
    }
}

fn has_nothing_of_the_clients(given: &str, seen: &str) {
    for credential in [key_of("site"), key_of("carol"), token()] {
        assert!(!seen.contains(&credential), "{given}: {seen}");
    }
}

#[tokio::test]
async fn a_credential_is_found_where_the_cat_finds_it_on_http() {
    requests(HTTP).await;
}

#[tokio::test]
async fn a_user_is_named_as_the_cats_callers_name_one() {
    requests(USERS).await;
}

#[tokio::test]
async fn a_credential_and_a_user_are_found_where_the_cat_finds_them_on_a_websocket() {
    let (backend, sidecar) = cat().await;
    for Row { given, target, headers, backend: theirs, doorward, why } in WEBSOCKET {
        differs_on_purpose(given, theirs, doorward, why);
        let before = backend.seen().len();
        let handshake = sidecar.websocket(&filled(target));
        let handshake = headers
            .iter()
            .fold(handshake, |shake, (name, value)| shake.header(name, &filled(value)));
        let (answer, _socket) = handshake.answer().await;
        let seen = backend.seen().split_off(before);
        match doorward {
            Refused(refused) => {
                assert_eq!((answer.status, seen.len()), (*refused, 0), "{given}: {why}");
            }
            As(user) => {
                assert_eq!((answer.status, seen.len()), (101, 1), "{given}: {why}");
                let (path, query) = seen[0].target().split_once('?').unwrap();
                assert_eq!(path, format!("/ws/{user}"), "{given}");
                let others: Vec<_> =
                    query.split('&').filter(|pair| pair.starts_with("token=")).collect();
                assert_eq!(others, [format!("token={CAT_WS_KEY}")], "{given}");
                assert!(seen[0].folded("user_id").is_empty(), "{given}");
                assert_eq!(answer.header("sec-websocket-protocol"), None, "{given}");
                has_nothing_of_the_clients(given, &seen[0].everything());
            }
        }
    }
}
