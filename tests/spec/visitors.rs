//! Public users: nobody stores them, and none can be another (interface §2 "Identity namespaces").

use crate::support::{Backend, Claims, SECRET, Script, Setup, Sidecar, in_seconds};

fn anonymous(backend: &Backend) -> Setup {
    Setup::before(backend)
        .file("visitors", SECRET)
        .set("anonymous", "secret_file = \"visitors\"")
        .route("/chat/**", "access = \"anonymous\"")
        .key("alice")
}

/// The name and value of the cookie that came with an answer.
async fn cookie(sidecar: &Sidecar) -> String {
    let answer = sidecar.get("/chat").send().await;
    assert_eq!(answer.status, 200);
    let line = answer.header("set-cookie").unwrap().to_owned();
    assert!(line.contains("; Secure; HttpOnly; SameSite=Lax"), "{line}");
    assert!(line.starts_with("__Host-doorward-visitor=anon-"), "{line}");
    line.split(';').next().unwrap().to_owned()
}

fn last_user(backend: &Backend) -> String {
    let seen = backend.seen();
    let told = seen.last().unwrap().folded("user_id").join(", ");
    assert!(told.starts_with("anon-"), "{told}");
    told
}

#[tokio::test]
async fn a_visitor_is_known_again_by_its_cookie() {
    let backend = Backend::start().await;
    let sidecar = anonymous(&backend).start().await;
    let cookie = cookie(&sidecar).await;
    let first = last_user(&backend);
    let again = sidecar.get("/chat").header("Cookie", &format!("a=1; {cookie}")).send().await;
    assert_eq!((again.status, again.header("set-cookie")), (200, None));
    assert_eq!(last_user(&backend), first);
    assert_eq!(backend.seen()[1].folded("cookie"), ["a=1"]);
    let page = ("Origin", "https://chat.example");
    let post = sidecar.request("POST", "/chat").header("Cookie", &cookie).header(page.0, page.1);
    assert_eq!(post.status().await, 200);
    assert_eq!(last_user(&backend), first);
    let socket = sidecar.websocket("/chat/ws").header("Cookie", &cookie).header(page.0, page.1);
    assert_eq!(socket.answer().await.0.status, 101);
    assert_eq!(last_user(&backend), first);
}

#[tokio::test]
async fn one_visitor_cannot_be_another() {
    let backend = Backend::start().await;
    let sidecar = anonymous(&backend).start().await;
    let cookie = cookie(&sidecar).await;
    let first = last_user(&backend);
    for (name, value) in [
        ("user_id", first.clone()),
        ("Cookie", format!("__Host-doorward-visitor={first}")),
        ("Cookie", cookie.replace("anon-0", "anon-1")),
        ("Cookie", format!("{cookie}x")),
        // A neighbour may set what only looks like a name that browsers guard.
        ("Cookie", format!("\u{a0}{cookie}")),
    ] {
        let answer = sidecar.get("/chat").header(name, &value).send().await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("set-cookie").is_some(), "{name}: {value}");
        assert_ne!(last_user(&backend), first, "{name}: {value}");
    }
}

#[tokio::test]
async fn a_foreign_page_does_not_speak_for_a_visitor() {
    let backend = Backend::start().await;
    let sidecar = anonymous(&backend).start().await;
    let cookie = cookie(&sidecar).await;
    let first = last_user(&backend);
    let post = sidecar.request("POST", "/chat").header("Cookie", &cookie);
    let answer = post.header("Origin", "https://evil.example").send().await;
    assert_eq!(answer.header("set-cookie"), None, "nor is the visitor's own cookie replaced");
    assert_ne!(last_user(&backend), first);
}

#[tokio::test]
async fn a_visitor_outlives_a_restart_and_a_reload() {
    let backend = Backend::start().await;
    let first = anonymous(&backend).start().await;
    let cookie = cookie(&first).await;
    let user = last_user(&backend);
    let setup = anonymous(&backend);
    first.reconfigure(&setup.clone().key("bob")).await;
    assert_eq!(first.get("/chat").header("Cookie", &cookie).status().await, 200);
    assert_eq!(last_user(&backend), user);
    let second = setup.start().await;
    assert_eq!(second.get("/chat").header("Cookie", &cookie).status().await, 200);
    assert_eq!(last_user(&backend), user);
}

#[tokio::test]
async fn without_a_secret_visitors_last_until_the_next_start_and_a_warning_says_so() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).route("/chat", "access = \"anonymous\"").key("alice");
    let sidecar = setup.clone().start().await;
    let cookie = cookie(&sidecar).await;
    let user = last_user(&backend);
    sidecar.reconfigure(&setup.key("bob")).await;
    assert_eq!(sidecar.get("/chat").header("Cookie", &cookie).status().await, 200);
    assert_eq!(last_user(&backend), user);
    let warned =
        sidecar.record("a warning", |line| line.to_string().contains("anonymous.secret_file"));
    assert_eq!(warned.await["level"], "WARN");
}

#[tokio::test]
async fn an_address_gets_so_many_ids_and_no_more() {
    let backend = Backend::start().await;
    let setup = anonymous(&backend).set("anonymous", "ids_per_address = \"2/1m\"");
    let sidecar = setup.start().await;
    let cookie = cookie(&sidecar).await;
    assert_eq!(sidecar.get("/chat").status().await, 200);
    let third = sidecar.get("/chat").send().await;
    assert_eq!(third.status, 429);
    assert!(third.header("retry-after").is_some() && third.header("set-cookie").is_none());
    assert_eq!(sidecar.get("/chat").header("Cookie", &cookie).status().await, 200);
    assert_eq!(sidecar.get("/chat").key("alice").status().await, 200);
    assert_eq!(backend.seen().len(), 4);
    // Whoever is not to be known again has an id as well, and is counted as well.
    assert_eq!(sidecar.request("POST", "/chat").status().await, 429);
    let foreign = sidecar.get("/chat").header("Origin", "https://evil.example");
    assert_eq!(foreign.status().await, 429);
    assert_eq!(sidecar.websocket("/chat/ws").refused().await, 429);
    assert_eq!(backend.seen().len(), 4);
}

#[tokio::test]
async fn no_cache_gives_one_visitors_cookie_to_others() {
    let public = Script::answer(
        "HTTP/1.1 200 OK\r\nCache-Control: public, max-age=600\r\nContent-Length: 2\r\n\r\nok",
    );
    let backend = Backend::always(public).await;
    let sidecar = anonymous(&backend).start().await;
    let answer = sidecar.get("/chat").send().await;
    assert_eq!(answer.header("cache-control"), Some("private, no-store"));
    let cookie = answer.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let again = sidecar.get("/chat").header("Cookie", &cookie).send().await;
    assert_eq!(again.header("cache-control"), Some("public, max-age=600"));
}

#[tokio::test]
async fn a_visitors_socket_ends_with_what_it_was_known_by() {
    let backend = Backend::start().await;
    let setup = anonymous(&backend).set("anonymous", "claimed_ids = [\"guest-*\"]");
    let sidecar = setup.clone().start().await;
    let cookie = cookie(&sidecar).await;
    let page = ("Origin", "https://chat.example");
    let known = sidecar.websocket("/chat/ws").header("Cookie", &cookie).header(page.0, page.1);
    let mut known = known.open().await;
    let mut guest = sidecar.websocket("/chat/ws").header("user_id", "guest-7").open().await;
    let mut alice = sidecar.websocket("/chat/ws").key("alice").open().await;
    sidecar.reconfigure(&setup.clone().set("anonymous", "claimed_ids = []")).await;
    assert_eq!(guest.closed_within_a_second().await, 4403);
    assert!(known.is_alive().await);
    sidecar.replace("visitors", "another-secret-of-thirty-two-bytes-and-more");
    assert_eq!(known.closed().await, 4403);
    assert!(alice.is_alive().await);
    let brief = anonymous(&backend).set("anonymous", "lifetime = \"1s\"").start().await;
    let mut brief = brief.websocket("/chat/ws").open().await;
    assert_eq!(brief.closed().await, 4401);
}

#[tokio::test]
async fn what_a_browser_claims_is_believed_only_by_a_setting_that_warns() {
    let backend = Backend::start().await;
    let setup = anonymous(&backend);
    let sidecar = setup.clone().start().await;
    let claim = async |id: &str| {
        assert_eq!(sidecar.get("/chat").header("user_id", id).status().await, 200);
        backend.seen().last().unwrap().folded("user_id").concat()
    };
    assert_ne!(claim("guest-7").await, "guest-7");
    sidecar.reconfigure(&setup.set("anonymous", "claimed_ids = [\"guest-*\"]")).await;
    assert_eq!(claim("guest-7").await, "guest-7");
    assert!(claim("alice").await.starts_with("anon-"));
    let warned = sidecar.record("a warning", |line| line.to_string().contains("without proof"));
    assert_eq!(warned.await["level"], "WARN");
}

#[tokio::test]
async fn an_id_that_anybody_may_claim_is_nobody_elses() {
    let backend = Backend::start().await;
    let setup = || anonymous(&backend).set("anonymous", "claimed_ids = [\"al*\"]");
    let bound = setup().refused().await;
    assert!(bound.contains("claim to be `alice`"), "{bound}");
    let acting = setup().without("alice").key_with("site", "acts_as = [\"Alb*\"]").refused().await;
    assert!(acting.contains("acts as `Alb*`"), "{acting}");
    for all in ["[\"*\"]", "[\"anon-*\"]"] {
        let set = anonymous(&backend).set("anonymous", &format!("claimed_ids = {all}"));
        let complaint = set.refused().await;
        assert!(
            complaint.contains("everybody's ids") || complaint.contains("ours to give"),
            "{complaint}"
        );
    }
    let sidecar = setup().without("alice").issuer().start().await;
    let token = Claims::of("Alice").with("exp", in_seconds(60)).sign();
    assert_eq!(sidecar.get("/chat").bearer(&token).status().await, 401);
}

#[tokio::test]
async fn a_visitor_is_not_authenticated() {
    let backend = Backend::start().await;
    let sidecar = anonymous(&backend).start().await;
    let cookie = cookie(&sidecar).await;
    assert_eq!(sidecar.get("/other").header("Cookie", &cookie).status().await, 401);
    let page = ("Origin", "https://chat.example");
    let handshake = sidecar.websocket("/chat/ws").header("Cookie", &cookie).header(page.0, page.1);
    let mut socket = handshake.open().await;
    let setup = anonymous(&backend).without("route /chat/** access = \"anonymous\"");
    sidecar.reconfigure(&setup).await;
    assert_eq!(socket.closed().await, 4403);
}
