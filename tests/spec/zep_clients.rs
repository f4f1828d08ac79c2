//! What the clients of Zep 0.x and of its Community Edition 1.0 send and expect (interface §3, §5);
//! how they trust a private authority is their own affair.

use crate::support::{Backend, Script, Setup, Sidecar, differs_on_purpose, key_of};

/// A client: where its calls go, what it sends with them, what it asks for before any other call,
/// and the refusals it reads.
struct Client {
    given: &'static str,
    profile: &'static str,
    scheme: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    health: Health,
    unauthorized: &'static str,
}

#[derive(PartialEq)]
enum Health {
    NotAsked,
    WithoutCredential,
    WithCredential,
}

const CLIENTS: &[Client] = &[
    Client {
        given: "zep-python 1.5.0",
        profile: "zep",
        scheme: "Bearer",
        path: "/api/v1/user/alice",
        headers: &[("User-Agent", "python-httpx/0.24.1")],
        health: Health::WithoutCredential,
        unauthorized: "token is unauthorized\n",
    },
    Client {
        given: "@getzep/zep-js 0.10.0",
        profile: "zep",
        scheme: "Bearer",
        path: "/api/v1/user/alice",
        headers: &[("Content-Type", "application/json")],
        health: Health::WithCredential,
        unauthorized: "token is unauthorized\n",
    },
    Client {
        given: "zep-python 2.0.2",
        profile: "zep-ce",
        scheme: "Api-Key",
        path: "/api/v2/users/alice",
        headers: &[("X-Fern-Language", "Python"), ("X-Fern-SDK-Name", "zep-python")],
        health: Health::NotAsked,
        unauthorized: "unauthorized\n",
    },
    Client {
        given: "@getzep/zep-js 2.0.2",
        profile: "zep-ce",
        scheme: "Api-Key",
        path: "/api/v2/users/alice",
        headers: &[("X-Fern-Language", "JavaScript"), ("X-Fern-Runtime", "node")],
        health: Health::NotAsked,
        unauthorized: "unauthorized\n",
    },
];

const SHOWN: &str = "the-backends-own-secret-0123456789";

async fn zep(profile: &str) -> (Backend, Sidecar) {
    let backend = Backend::playing(|seen| match seen.target() {
        "/healthz" => Script::answer("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n."),
        _ => Script::Usual,
    })
    .await;
    let setup = Setup::before(&backend)
        .set("backend", &format!("profile = {profile:?}"))
        .set("backend", &format!("http_key = {SHOWN:?}"));
    let sidecar = setup.key("alice").start().await;
    (backend, sidecar)
}

#[tokio::test]
async fn each_client_finds_what_it_expects() {
    for Client { given, profile, scheme, path, headers, health, unauthorized } in CLIENTS {
        let (backend, sidecar) = zep(profile).await;
        let credential = |key: &str| format!("{scheme} {}", key_of(key));
        if *health != Health::NotAsked {
            let request = sidecar.get("/healthz");
            let request = match health {
                Health::WithCredential => request.header("Authorization", &credential("alice")),
                _ => request,
            };
            let answer = request.send().await;
            assert_eq!((answer.status, &*answer.text()), (200, "."), "{given}");
        }
        let call = |path: &str| {
            let request = sidecar.get(path);
            headers.iter().fold(request, |request, (name, value)| request.header(name, value))
        };
        let before = backend.seen().len();
        let none = call(path).send().await;
        assert_eq!((none.status, &*none.text()), (401, *unauthorized), "{given}");
        let bad = call(path).header("Authorization", &credential("nobody")).send().await;
        assert_eq!(bad.lasting(), none.lasting(), "{given}");
        let other = call(&path.replace("alice", "bob"));
        let other = other.header("Authorization", &credential("alice")).send().await;
        assert_eq!((other.status, &*other.text()), (403, "forbidden\n"), "{given}");
        assert_eq!(backend.seen().len(), before, "{given}");
        let good = call(path).header("Authorization", &credential("alice")).send().await;
        assert_eq!((good.status, &*good.text()), (200, "ok"), "{given}");
        let seen = &backend.seen()[before];
        assert_eq!(seen.folded("authorization"), [format!("{scheme} {SHOWN}")], "{given}");
        for (name, value) in *headers {
            assert_eq!(seen.head.field(name), Some(*value), "{given}");
        }
    }
}

/// A call, what the server behind answers to it, and what is answered here.
struct Row {
    given: &'static str,
    profile: &'static str,
    path: &'static str,
    authorization: &'static str,
    backend: u16,
    doorward: u16,
    why: &'static str,
}

const fn row(
    given: &'static str,
    (profile, path): (&'static str, &'static str),
    authorization: &'static str,
    (backend, doorward): (u16, u16),
    why: &'static str,
) -> Row {
    Row { given, profile, path, authorization, backend, doorward, why }
}

const ZEP: (&str, &str) = ("zep", "/api/v1/user/alice");
const CE: (&str, &str) = ("zep-ce", "/api/v2/users/alice");
const SCHEME: &str = "the scheme has no case, and spaces may follow it (RFC 9110 §11)";
const BAD: &str =
    "a bad credential is refused on open routes too, so that who sends one hears of it";

const FORMS: &[Row] = &[
    row("Bearer", ZEP, "Bearer {key}", (200, 200), ""),
    row("bearer", ZEP, "bearer {key}", (200, 200), ""),
    row("Api-Key", ZEP, "Api-Key {key}", (401, 401), ""),
    row("a bare key", ZEP, "{key}", (401, 401), ""),
    row("Api-Key", CE, "Api-Key {key}", (200, 200), ""),
    row("api-key", CE, "api-key {key}", (401, 200), SCHEME),
    row("API-KEY", CE, "API-KEY {key}", (401, 200), SCHEME),
    row("two spaces", CE, "Api-Key  {key}", (401, 200), SCHEME),
    row("two words", CE, "Api-Key {key} {key}", (401, 401), ""),
    row(
        "Bearer",
        CE,
        "Bearer {key}",
        (401, 200),
        "one more place that other gateways' clients know",
    ),
    row("a bare key", CE, "{key}", (401, 401), ""),
    row("nothing", CE, "", (401, 401), ""),
    row("health without a key", ("zep", "/healthz"), "", (200, 200), ""),
    row("health with a key", ("zep", "/healthz"), "Bearer {key}", (200, 200), ""),
    row("health with a bad key", ("zep", "/healthz"), "Bearer nonsense", (200, 401), BAD),
    row("health without a key", ("zep-ce", "/healthz"), "", (200, 200), ""),
    row("health with a bad key", ("zep-ce", "/healthz"), "Api-Key nonsense", (200, 401), BAD),
    row("the newer API", ("zep", CE.1), "Bearer {key}", (404, 403), UNNAMED),
    row("the older API", ("zep-ce", ZEP.1), "Api-Key {key}", (404, 403), UNNAMED),
    row("behind a prefix", ("zep", "/zep/api/v1/user/alice"), "Bearer {key}", (404, 403), UNNAMED),
];

const UNNAMED: &str = "what no rule names is denied, there or not";

#[tokio::test]
async fn a_key_is_taken_in_the_form_of_the_clients() {
    for profile in ["zep", "zep-ce"] {
        let (backend, sidecar) = zep(profile).await;
        for Row { given, path, authorization, backend: theirs, doorward, why, .. } in
            FORMS.iter().filter(|row| row.profile == profile)
        {
            let name = format!("{given} for {profile}: {why}");
            differs_on_purpose(&name, theirs, doorward, why);
            let before = backend.seen().len();
            let authorization = authorization.replace("{key}", &key_of("alice"));
            let request = sidecar.get(path).header("Authorization", &authorization);
            assert_eq!(request.status().await, *doorward, "{name}");
            assert_eq!(backend.seen().len() - before, usize::from(*doorward == 200), "{name}");
        }
    }
}
