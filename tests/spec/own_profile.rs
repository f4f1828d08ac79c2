//! A backend that nobody here has heard of, described by a TOML file and nothing else.

use crate::support::{Backend, Setup, Sidecar, key_of};

const PROFILE: &str = r#"
name = "parrot"
permissions = ["TALK:WRITE"]
strip_headers = ["x-parrot-admin"]
strip_cookies = ["parrot_login"]

[credentials]
http = ["bearer", "cookie:parrot_session"]
websocket = ["query:ticket", "cookie:parrot_session"]

[identity.http]
headers = ["x-parrot-user", "x-parrot-owner"]
[identity.websocket]
path = "/rooms/{id}"

[backend_credential]
http = "header:x-parrot-key"
websocket = "query:ticket"

[denial]
form = "text"
[denial.unauthenticated]
status = 418
content_type = "text/x-parrot"
challenge = "Parrot"
body = "who's a pretty boy then"
[denial.forbidden]
status = 423
content_type = "text/x-parrot"
body = "no crackers"
[denial.unauthenticated_handshake]
status = 402
body = ""
[denial.forbidden_handshake]
status = 409
body = ""

[[route]]
path = "/cages/{id}/**"
access = "authenticated"
others = "CAGES:ALL"
[[route]]
path = "/notes/{id}.*"
access = "authenticated"
[[route]]
path = "/talk"
require = "TALK:WRITE"
[[route]]
path = "/rooms/*"
require = "TALK:WRITE"
[[route]]
path = "/purse"
access = "authenticated"
cookie_credential = "ignore"
[[route]]
path = "/login"
access = "open"
login_cookies = "forward"
"#;

async fn parrot() -> (Backend, Sidecar) {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend)
        .set("backend", "profile = \"./parrot.toml\"")
        .set("backend", "http_key = \"parrot-http-key-0123\"")
        .set("backend", "ws_key = \"parrot-ws-key-01234\"")
        .file("parrot.toml", PROFILE)
        .key("polly")
        .key_with("keeper", "user = \"keeper\"\npermissions = [\"CAGES:ALL\"]");
    let sidecar = setup.start().await;
    (backend, sidecar)
}

#[tokio::test]
async fn the_identity_goes_where_the_profile_says() {
    let (backend, sidecar) = parrot().await;
    let claimed = sidecar
        .request("POST", "/talk")
        .key("polly")
        .header("X_Parrot_User", "keeper")
        .header("x-parrot-admin", "1");
    assert_eq!(claimed.status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.folded("x-parrot-user"), ["polly"]);
    assert_eq!(seen.folded("x-parrot-owner"), ["polly"]);
    assert!(seen.folded("x-parrot-admin").is_empty() && seen.folded("user_id").is_empty());
    assert_eq!(seen.folded("x-parrot-key"), ["parrot-http-key-0123"]);
    assert!(!seen.everything().contains(&key_of("polly")));
}

#[tokio::test]
async fn a_socket_has_it_in_its_path_and_the_backends_ticket_in_its_query() {
    let (backend, sidecar) = parrot().await;
    let target = format!("/rooms/keeper?ticket={}&x=1", key_of("polly"));
    assert_eq!(sidecar.websocket(&target).answer().await.0.status, 101);
    assert_eq!(backend.only().target(), "/rooms/polly?x=1&ticket=parrot-ws-key-01234");
}

#[tokio::test]
async fn a_cookie_carries_the_credential_for_pages_of_ours() {
    let (backend, sidecar) = parrot().await;
    let cookie = format!("theme=dark; parrot_session={}; parrot_login=x", key_of("polly"));
    let read = sidecar.get("/cages/polly/size").header("Cookie", &cookie);
    assert_eq!(read.status().await, 200);
    assert_eq!(backend.only().folded("cookie"), ["theme=dark"]);
    let foreign = sidecar.get("/cages/polly/size").header("Cookie", &cookie);
    assert_eq!(foreign.header("Sec-Fetch-Site", "cross-site").status().await, 418);
    let purse = || sidecar.get("/purse").header("Cookie", &cookie);
    assert_eq!(purse().status().await, 418, "a route that ignores cookies");
    assert_eq!(purse().key("polly").status().await, 200);
    let post = || sidecar.request("POST", "/talk").header("Cookie", &cookie);
    assert_eq!(post().status().await, 418);
    for foreign in [
        "https://evil.example", "http://chat.example", "https://chat.example:9999",
        "https://localhost", "null",
    ] {
        assert_eq!(post().header("Origin", foreign).status().await, 418, "{foreign}");
        let socket = sidecar.websocket("/rooms/x").header("Cookie", &cookie);
        assert!(socket.header("Origin", foreign).refused().await >= 400, "{foreign}");
    }
    let same_site = post().header("Origin", "https://chat.example");
    assert_eq!(same_site.header("Sec-Fetch-Site", "same-site").status().await, 418);
    assert_eq!(post().header("Origin", "https://chat.example").status().await, 200);
    let socket = || sidecar.websocket("/rooms/x").header("Cookie", &cookie);
    assert_eq!(socket().refused().await, 402);
    let opened = socket().header("Origin", "https://chat.example").answer().await;
    assert_eq!(opened.0.status, 101);
}

#[tokio::test]
async fn refusals_are_the_profiles_own() {
    let (_backend, sidecar) = parrot().await;
    let stranger = sidecar.get("/talk").send().await;
    assert_eq!((stranger.status, stranger.text()), (418, "who's a pretty boy then".to_owned()));
    assert_eq!(stranger.header("www-authenticate"), Some("Parrot"));
    assert_eq!(stranger.header("content-type"), Some("text/x-parrot"));
    let keeper = sidecar.get("/talk").key("keeper").send().await;
    assert_eq!((keeper.status, keeper.text()), (423, "no crackers".to_owned()));
    assert_eq!(sidecar.websocket("/rooms/x").refused().await, 402);
    assert_eq!(
        sidecar.websocket(&format!("/rooms/x?ticket={}", key_of("keeper"))).refused().await,
        409
    );
}

#[tokio::test]
async fn a_segment_of_the_path_belongs_to_its_user() {
    let (backend, sidecar) = parrot().await;
    let status = async |path: &str, key: &str| sidecar.get(path).key(key).status().await;
    assert_eq!(status("/cages/polly", "polly").await, 200);
    assert_eq!(status("/cages/p%6flly/x/y", "polly").await, 200);
    assert_eq!(status("/cages/keeper", "polly").await, 423);
    assert_eq!(status("/cages/Polly", "polly").await, 423);
    assert_eq!(status("/cages/polly", "keeper").await, 200);
    assert_eq!(status("/notes/polly.1", "polly").await, 200);
    assert_eq!(status("/notes/polly.1", "keeper").await, 423);
    assert_eq!(status("/notes/polly.x.1", "polly").await, 423);
    assert_eq!(backend.seen().len(), 4);
}

#[tokio::test]
async fn the_backends_own_login_passes_where_a_route_says_so() {
    let (backend, sidecar) = parrot().await;
    let cookie = format!("parrot_login=x; parrot_session={}", key_of("polly"));
    let login = sidecar.request("POST", "/login").header("Cookie", &cookie);
    assert_eq!(login.status().await, 200);
    assert_eq!(backend.only().folded("cookie"), ["parrot_login=x"]);
    let beside = sidecar.request("POST", "/login").header("Cookie", "parrot_login=x");
    assert_eq!(beside.key("polly").status().await, 200);
    assert!(backend.seen()[1].folded("cookie").is_empty(), "beside another credential");
    assert!(backend.seen()[0].folded("x-parrot-user").is_empty());
}

#[tokio::test]
async fn a_profile_that_cannot_be_meant_does_not_start() {
    let backend = Backend::start().await;
    let token =
        "[backend_token]\nalgorithm = \"HS256\"\nlifetime = \"5m\"\n[backend_token.claims]\n";
    let minting = PROFILE
        .replace("headers = [\"x-parrot-user\", \"x-parrot-owner\"]", "by = \"token\"")
        .replace("[denial]\n", &format!("{token}name = \"{{user}}\"\n[denial]\n"));
    for (profile, complaint) in [
        (minting.replace("{user}\"", "cat-{user}\""), "neither `{user}`"),
        (minting.replace("name = \"{user}\"", "exp = \"{user}\""), "what `lifetime` says"),
        (minting.replace("\"5m\"", "\"0s\""), "no token is good"),
        (minting.replace("{user}\"", "somebody\""), "name no user"),
        (minting.clone(), "shown as `bearer`"),
        (minting.replace("HS256", "RS256"), "HS256, HS384 or HS512"),
        (PROFILE.replace("\"/login\"", "\"/login/{id}\""), "no verified id"),
        (PROFILE.replace("\"x-parrot-owner\"", "\"content-length\""), "says something else"),
        (
            PROFILE.replace("\"bearer\", \"cookie", "\"header:host\", \"cookie"),
            "says something else",
        ),
        (PROFILE.replace("others = \"CAGES:ALL\"", "others = \"CAGES\""), "RESOURCE:ACTION"),
        (PROFILE.replace("/cages/{id}/**", "/cages/**"), "could others be named"),
    ] {
        let setup = Setup::before(&backend)
            .set("backend", "profile = \"./parrot.toml\"")
            .set("backend", "jwt_secret = \"the-backends-own-secret-0123456789abcdef\"")
            .file("parrot.toml", &profile)
            .key("polly");
        let said = setup.refused().await;
        assert!(said.contains(complaint), "{complaint}: {said}");
    }
}
