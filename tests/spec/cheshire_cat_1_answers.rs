//! How Cheshire Cat 1.9 answers when it will not, and what a client hears of that (interface §5).

use crate::support::{Backend, HOST, Script, Setup, Sidecar, differs_on_purpose, key_of};

const REFUSAL: &str = r#"{"detail":{"error":"Invalid Credentials"}}"#;
const JSON: Option<&str> = Some("application/json");

/// A call that is refused: the Cat's status, content type and body, and why ours differ.
struct Refused {
    given: &'static str,
    method: &'static str,
    path: &'static str,
    key: Option<&'static str>,
    backend: (u16, Option<&'static str>, &'static str),
    why: &'static str,
}

const THE_CATS: (u16, Option<&str>, &str) = (403, JSON, REFUSAL);
const NOT_FOUND: (u16, Option<&str>, &str) = (404, JSON, r#"{"detail":"Not Found"}"#);
const NOT_ALLOWED: (u16, Option<&str>, &str) = (405, JSON, r#"{"detail":"Method Not Allowed"}"#);
const HANDSHAKE: (u16, Option<&str>, &str) = (403, Some("text/plain"), "");
const LOGIN: (u16, Option<&str>, &str) = (307, JSON, r#"{"detail":"Temporary Redirect"}"#);

const UNNAMED: &str =
    "what no rule names is denied, there or not: strangers learn no map of the backend";
const ONE_FORM: &str = "one refusal for all; of a handshake a client reads the status alone";
const NO_LOGIN: &str = "the login page is closed, so it is no use to be sent there";

const fn refused(
    given: &'static str,
    (method, path): (&'static str, &'static str),
    key: Option<&'static str>,
    backend: (u16, Option<&'static str>, &'static str),
    why: &'static str,
) -> Refused {
    Refused { given, method, path, key, backend, why }
}

const REFUSED: &[Refused] = &[
    refused("no credential", ("GET", "/"), None, THE_CATS, ""),
    refused("a bad credential", ("GET", "/"), Some("nobody"), THE_CATS, ""),
    refused("no permission", ("GET", "/plugins/"), Some("alice"), THE_CATS, ""),
    refused("a key for sockets", ("GET", "/"), Some("socket"), THE_CATS, ""),
    refused("a body that is none, of nobody", ("POST", "/message"), None, THE_CATS, ""),
    refused("a path that is none", ("GET", "/nothing"), Some("alice"), NOT_FOUND, UNNAMED),
    refused("a path that is none, of nobody", ("GET", "/nothing"), None, NOT_FOUND, UNNAMED),
    refused("another method", ("DELETE", "/message"), Some("alice"), NOT_ALLOWED, UNNAMED),
    refused("the panel, of nobody", ("GET", "/admin/"), None, LOGIN, NO_LOGIN),
    refused("a socket of nobody", ("WS", "/ws/bob"), None, HANDSHAKE, ONE_FORM),
    refused("a socket of a bad key", ("WS", "/ws/bob"), Some("nobody"), HANDSHAKE, ONE_FORM),
    refused("a socket of a key for HTTP", ("WS", "/ws/bob"), Some("page"), HANDSHAKE, ONE_FORM),
    refused("a socket not permitted", ("WS", "/ws/bob"), Some("reader"), HANDSHAKE, ONE_FORM),
    refused("a socket elsewhere", ("WS", "/elsewhere"), Some("alice"), HANDSHAKE, ONE_FORM),
];

async fn cat(backend: &Backend) -> Sidecar {
    Setup::cat(backend)
        .key("alice")
        .key_with("all", "user = \"alice\"\npermissions = [\"*:*\"]")
        .key_with("reader", "user = \"alice\"\npermissions = [\"STATUS:READ\"]")
        .key_with("page", "user = \"alice\"\ntransports = [\"http\"]")
        .key_with("socket", "user = \"alice\"\ntransports = [\"websocket\"]")
        .start()
        .await
}

#[tokio::test]
async fn every_refusal_is_the_same_403() {
    let backend = Backend::start().await;
    let sidecar = cat(&backend).await;
    for Refused { given, method, path, key, backend: theirs, why } in REFUSED {
        differs_on_purpose(given, theirs, &THE_CATS, why);
        let bearer = key.map_or(String::new(), |key| format!("Bearer {}", key_of(key)));
        let answer = if *method == "WS" {
            sidecar.websocket(path).header("Authorization", &bearer).answer().await.0
        } else {
            let request = sidecar.request(method, path).header("Authorization", &bearer);
            request.body("{\"text\": nothing").send().await
        };
        let ours = (answer.status, answer.header("content-type"), &*answer.text());
        assert_eq!(ours, THE_CATS, "{given}: {why}");
        assert_eq!(answer.header("www-authenticate"), None, "{given}");
        assert_eq!(answer.header("location"), None, "{given}");
    }
    assert_eq!(backend.connections(), 0);
}

/// What the Cat says of a request that passed; the client hears it as it is.
struct Passed {
    given: &'static str,
    method: &'static str,
    path: &'static str,
    head: &'static str,
    body: &'static str,
}

const PASSED: &[Passed] = &[
    Passed {
        given: "a body that is none, and what was in it",
        method: "POST",
        path: "/users/",
        head: "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json",
        body: r#"{"error":[{"type":"string_too_short","loc":["body","password"],"input":"four"}]}"#,
    },
    Passed {
        given: "what is not there",
        method: "GET",
        path: "/users/8f0b",
        head: "HTTP/1.1 404 Not Found\r\ncontent-type: application/json",
        body: r#"{"detail":{"error":"User not found"}}"#,
    },
    Passed {
        given: "another method",
        method: "POST",
        path: "/message",
        head: "HTTP/1.1 405 Method Not Allowed\r\nallow: GET\r\ncontent-type: application/json",
        body: r#"{"detail":"Method Not Allowed"}"#,
    },
    Passed {
        given: "its own refusal",
        method: "POST",
        path: "/users/",
        head: "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json",
        body: r#"{"detail":{"error":"Cannot duplicate user"}}"#,
    },
    Passed {
        given: "its own defect",
        method: "POST",
        path: "/message",
        head: "HTTP/1.1 500 Internal Server Error\r\ncontent-type: text/plain; charset=utf-8",
        body: "Internal Server Error",
    },
    Passed {
        given: "its panel's login",
        method: "GET",
        path: "/admin/",
        head: "HTTP/1.1 307 Temporary Redirect\r\nlocation: /auth/login?referer=%2Fadmin%2F",
        body: r#"{"detail":"Temporary Redirect"}"#,
    },
    Passed {
        given: "its refusal of a socket",
        method: "WS",
        path: "/ws/alice",
        head: "HTTP/1.1 403 Forbidden\r\ncontent-type: text/plain",
        body: "",
    },
];

#[tokio::test]
async fn what_the_cat_answers_itself_is_passed_on() {
    let backend = Backend::playing(|seen| {
        let row: usize = seen.head.field("x-row").unwrap().parse().unwrap();
        let Passed { head, body, .. } = &PASSED[row];
        Script::answer(format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
    })
    .await;
    let sidecar = cat(&backend).await;
    for (row, Passed { given, method, path, head, body }) in PASSED.iter().enumerate() {
        let (row, bearer) = (row.to_string(), format!("Bearer {}", key_of("all")));
        let answer = if *method == "WS" {
            let handshake = sidecar.websocket(path).header("Authorization", &bearer);
            handshake.header("X-Row", &row).answer().await.0
        } else {
            let request = sidecar.request(method, path).header("Authorization", &bearer);
            request.header("X-Row", &row).send().await
        };
        let mut lines = head.lines();
        assert_eq!(answer.head.start(), lines.next().unwrap(), "{given}");
        assert_eq!(answer.text(), *body, "{given}");
        for (name, value) in lines.map(|line| line.split_once(": ").unwrap()) {
            assert_eq!(answer.header(name), Some(value), "{given}: {name}");
        }
    }
}

/// A redirect of the Cat's to another spelling of the path, and where a client is sent.
struct Redirect {
    given: &'static str,
    path: &'static str,
    host: &'static str,
    backend: &'static str,
    doorward: &'static str,
    why: &'static str,
}

const IN_CLEAR: &str = "a client that follows http:// sends its key in clear text";
const INSIDE: &str = "the backend's own address is nobody's business, and no use to a client";

const fn redirect(given: &'static str, path: &'static str, location: &'static str) -> Redirect {
    Redirect { given, path, host: HOST, backend: location, doorward: location, why: "" }
}

impl Redirect {
    const fn but(self, doorward: &'static str, why: &'static str) -> Self {
        Self { doorward, why, ..self }
    }
}

/// `{proto}` is what the Cat is told by `X-Forwarded-Proto`; it listens to that from a loopback peer.
const REDIRECTS: &[Redirect] = &[
    redirect("told the scheme", "/users", "{proto}://chat.example/users/"),
    redirect("told the scheme", "/llm/settings/", "{proto}://chat.example/llm/settings"),
    redirect("told the scheme", "/admin", "{proto}://chat.example/admin/"),
    redirect("told nothing", "/users", "http://chat.example/users/")
        .but("https://chat.example/users/", IN_CLEAR),
    redirect("told nothing", "/llm/settings/", "http://chat.example/llm/settings")
        .but("https://chat.example/llm/settings", IN_CLEAR),
    redirect("told nothing", "/admin", "http://chat.example/admin/")
        .but("https://chat.example/admin/", IN_CLEAR),
    Redirect {
        host: "chat.example:8443",
        ..redirect("on another port", "/users", "http://chat.example:8443/users/?skip=0")
            .but("https://chat.example:8443/users/?skip=0", IN_CLEAR)
    },
    redirect("to itself", "/users", "{backend}/users/").but("https://chat.example/users/", INSIDE),
    redirect("without an origin", "/users", "/users/"),
    redirect("elsewhere", "/users", "https://elsewhere.example/users/"),
    redirect("elsewhere in clear", "/users", "http://elsewhere.example/users/"),
];

#[tokio::test]
async fn a_redirect_leads_to_the_public_origin_over_https() {
    let backend = Backend::playing(|seen| {
        let row: usize = seen.head.field("x-row").unwrap().parse().unwrap();
        let proto = seen.head.field("x-forwarded-proto").unwrap();
        let own = format!("http://{}", seen.head.field("x-backend").unwrap());
        let location = REDIRECTS[row].backend.replace("{proto}", proto).replace("{backend}", &own);
        Script::answer(format!(
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await;
    let sidecar = cat(&backend).await;
    let own = backend.url().strip_prefix("http://").unwrap();
    for (row, Redirect { given, path, host, backend: theirs, doorward, why }) in
        REDIRECTS.iter().enumerate()
    {
        differs_on_purpose(given, theirs, doorward, why);
        let request = sidecar.get(path).key("all").header("Host", host);
        let request = request.header("X-Row", &row.to_string()).header("X-Backend", own);
        let request =
            request.header("X-Forwarded-Proto", "http").header("X-Forwarded-Host", "evil");
        let answer = request.send().await;
        let expected = doorward.replace("{proto}", "https");
        let location = (answer.status, answer.header("location"));
        assert_eq!(location, (307, Some(&*expected)), "{given}, {path}: {why}");
        let seen = &backend.seen()[row];
        assert_eq!(seen.folded("x-forwarded-proto"), ["https"], "{given}");
        assert_eq!(seen.folded("x-forwarded-host"), [*host], "{given}");
        assert_eq!(seen.head.all("host"), [*host], "{given}");
    }
}

/// A page of another origin: what the Cat lets it read, and what it may read here.
struct Crossing {
    given: &'static str,
    method: &'static str,
    origin: &'static str,
    cookie: bool,
    backend: (u16, Option<&'static str>),
    doorward: (u16, Option<&'static str>),
    why: &'static str,
}

const APP: &str = "https://app.example";
const EVIL: &str = "https://evil.example";
const NAMED: &str = "[cors] origins says who may read, in place of the backend";
const NO_RULE: &str = "without [cors] a preflight is an ordinary request, and no rule names it";

const fn crossing(
    (method, origin, cookie): (&'static str, &'static str, bool),
    backend: (u16, Option<&'static str>),
    doorward: (u16, Option<&'static str>),
    why: &'static str,
) -> Crossing {
    let given = if cookie { "with a cookie" } else { "without a cookie" };
    Crossing { given, method, origin, cookie, backend, doorward, why }
}

const WITHOUT_CORS: &[Crossing] = &[
    crossing(("GET", EVIL, false), (200, Some("*")), (200, Some("*")), ""),
    crossing(("GET", EVIL, true), (200, Some(EVIL)), (200, Some(EVIL)), ""),
    crossing(("OPTIONS", EVIL, false), (200, Some(EVIL)), (403, None), NO_RULE),
    crossing(("OPTIONS", APP, true), (200, Some(APP)), (403, None), NO_RULE),
];

const WITH_CORS: &[Crossing] = &[
    crossing(("GET", APP, false), (200, Some("*")), (200, Some(APP)), NAMED),
    crossing(("GET", APP, true), (200, Some(APP)), (200, Some(APP)), ""),
    crossing(("GET", EVIL, false), (200, Some("*")), (200, None), NAMED),
    crossing(("GET", EVIL, true), (200, Some(EVIL)), (200, None), NAMED),
    crossing(
        ("OPTIONS", APP, false),
        (200, Some(APP)),
        (204, Some(APP)),
        "we answer, without a body",
    ),
    crossing(("OPTIONS", EVIL, true), (200, Some(EVIL)), (204, None), NAMED),
];

/// The Cat's own word: any origin is reflected on a preflight and beside a cookie, else `*`.
async fn reflecting() -> Backend {
    Backend::playing(|seen| {
        let origin = seen.head.field("origin").unwrap();
        let reflects = seen.method() == "OPTIONS" || seen.head.field("cookie").is_some();
        let allowed = if reflects { origin } else { "*" };
        Script::answer(format!(
            "HTTP/1.1 200 OK\r\naccess-control-allow-origin: {allowed}\r\n\
             access-control-allow-credentials: true\r\ncontent-length: 0\r\n\r\n"
        ))
    })
    .await
}

async fn crossings(sidecar: &Sidecar, rows: &[Crossing]) {
    for Crossing { given, method, origin, cookie, backend, doorward, why } in rows {
        let name = format!("{method} of {origin} {given}: {why}");
        differs_on_purpose(&name, backend, doorward, why);
        let request = sidecar.request(method, "/").key("alice").header("Origin", origin);
        let request = if *cookie { request.header("Cookie", "theme=dark") } else { request };
        let request = match *method {
            "OPTIONS" => request.header("Access-Control-Request-Method", "GET"),
            _ => request,
        };
        let answer = request.send().await;
        let ours = (answer.status, answer.header("access-control-allow-origin"));
        assert_eq!(ours, *doorward, "{name}");
        let credentials = answer.header("access-control-allow-credentials");
        assert_eq!(credentials, ours.1.map(|_| "true"), "{name}");
    }
}

#[tokio::test]
async fn pages_of_others_read_what_the_configuration_lets_them() {
    let backend = reflecting().await;
    crossings(&cat(&backend).await, WITHOUT_CORS).await;
    let setup = Setup::cat(&backend).key("alice");
    let sidecar = setup.set("cors", "origins = [\"https://app.example\"]").start().await;
    crossings(&sidecar, WITH_CORS).await;
}
