//! Sessions of browsers: the login page, what a login opens, and what ends it.

use serde_json::json;

use crate::support::{Backend, Setup, Sidecar};

const SESSION: &str = "__Host-doorward";
const LOGIN: &str = "/_doorward/auth/login";

async fn with_alice(backend: &Backend) -> Sidecar {
    let sidecar = Sidecar::with_accounts(backend).await;
    sidecar.user("alice", &json!({})).await;
    sidecar
}

#[tokio::test]
async fn the_login_page_needs_nothing_from_elsewhere_and_tells_nobody_who_has_an_account() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let page = sidecar.get(&format!("{LOGIN}?referer=%2Fchat%3Fa%3Db")).send().await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    let policy = page.header("content-security-policy").unwrap();
    let rest = "; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with(rest), "{policy}");
    assert!(page.header("set-cookie").is_none());
    let text = page.text();
    assert!(text.contains("name=\"referer\" value=\"/chat?a=b\""), "{text}");
    assert!(
        !text.contains("alice") && !text.contains("<script") && !text.contains("://"),
        "{text}"
    );
    assert!(!text.contains("role=\"alert\""));
    let retry = sidecar.get(&format!("{LOGIN}?referer=%2F&retry=1")).send().await;
    assert!(retry.text().contains("role=\"alert\""));
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn a_login_by_form_is_the_user_on_pages_of_ours_and_nowhere_else() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let mut browser = sidecar.browser("/_doorward");
    let answer = browser.log_in("alice").await;
    let line = &answer.head.all("set-cookie")[0];
    let settings = line.split_once(';').unwrap().1;
    assert_eq!(settings, " Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=43200");
    assert_eq!(answer.head.all("set-cookie").len(), 1, "no page reads a display token here");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    browser.set_cookie("theme", "dark");
    assert_eq!(browser.open("/home").status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.folded("user_id"), ["alice"]);
    assert_eq!(seen.head.all("cookie"), ["theme=dark"]);
    assert_eq!(browser.fetch("POST", "/talk").status().await, 200);
    let cookie = format!("{SESSION}={}", browser.cookie(SESSION).unwrap());
    let stranger = sidecar.request("POST", "/talk").header("Cookie", &cookie);
    assert_eq!(stranger.header("Origin", "https://evil.example").status().await, 401);
    let token = browser.cookie(SESSION).unwrap();
    assert_eq!(sidecar.get("/").bearer(token).status().await, 401, "it is no bearer token");
}

#[tokio::test]
async fn whatever_is_wrong_with_a_login_by_form_the_answer_is_the_same() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let bob = sidecar.user("bob", &json!({})).await;
    let disable = json!({ "status": "disabled" });
    let path = format!("/users/{bob}");
    assert_eq!(sidecar.accounts("PUT", &path).key("admin").json(&disable).status().await, 200);
    let browser = sidecar.browser("/_doorward");
    let try_it = async |name, password| {
        let fields = [("username", name), ("password", password), ("referer", "%2Fa%3Fb")];
        browser.form("/auth/login", &fields).send().await
    };
    let wrong = try_it("alice", "another+one").await;
    assert_eq!(wrong.status, 303);
    let again = "/_doorward/auth/login?referer=%2Fa%3Fb&retry=1";
    assert_eq!(wrong.header("location"), Some(again));
    assert!(wrong.header("set-cookie").is_none());
    for (name, password) in [("bob", "correct+horse"), ("carol", "correct+horse"), ("no+name", "x")]
    {
        assert_eq!(try_it(name, password).await.lasting(), wrong.lasting(), "{name}");
    }
}

#[tokio::test]
async fn a_login_leads_to_paths_of_ours_alone() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let browser = sidecar.browser("/_doorward");
    for (referer, location) in [
        ("%2Fchat%3Fa%3Db", "/chat?a=b"),
        ("%2F%2Fevil.example", "/"),
        ("%2F%5Cevil.example", "/"),
        ("https%3A%2F%2Fevil.example", "/"),
        ("%2F%09%2Fevil.example", "/"),
        ("%2Fa%0D%0ASet-Cookie%3A%20x%3Dy", "/"),
        ("", "/"),
    ] {
        let fields = [("username", "alice"), ("password", "correct+horse"), ("referer", referer)];
        let answer = browser.form("/auth/login", &fields).send().await;
        assert_eq!((answer.status, answer.header("location")), (303, Some(location)), "{referer}");
        let page = sidecar.get(&format!("{LOGIN}?referer={referer}")).send().await.text();
        assert!(page.contains(&format!("name=\"referer\" value=\"{location}\"")), "{referer}");
    }
}

#[tokio::test]
async fn a_foreign_page_logs_nobody_in_and_nobody_out() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let mut browser = sidecar.browser("/_doorward");
    browser.log_in("alice").await;
    let fields = [("username", "alice"), ("password", "correct+horse")];
    let cookie = format!("{SESSION}={}", browser.cookie(SESSION).unwrap());
    for path in ["/auth/login", "/auth/logout"] {
        let post = || sidecar.accounts("POST", path).form(&fields).header("Cookie", &cookie);
        for request in [
            post(),
            post().header("Origin", "null"),
            post().header("Origin", "https://evil.example"),
            post().header("Origin", "http://chat.example"),
            post().header("Origin", "https://chat.example").header("Sec-Fetch-Site", "cross-site"),
        ] {
            let answer = request.send().await;
            assert_eq!(answer.status, 403, "{path}");
            assert!(answer.header("set-cookie").is_none());
        }
    }
    assert_eq!(browser.open("/home").status().await, 200, "she is still there");
}

#[tokio::test]
async fn what_is_no_filled_form_is_refused_as_a_page() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let browser = sidecar.browser("/_doorward");
    let json = json!({ "username": "alice", "password": "correct horse" });
    let form = |fields: &[(&str, &str)]| browser.form("/auth/login", fields);
    for (status, request) in [
        (400, form(&[("username", "alice")])),
        (400, form(&[("password", "correct+horse")])),
        (400, form(&[("username", "alice"), ("password", "")])),
        (400, form(&[("username", "%ff"), ("password", "correct+horse")])),
        (415, browser.fetch("POST", LOGIN).json(&json)),
    ] {
        let answer = request.send().await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(answer.header("content-security-policy").is_some());
        assert!(!answer.text().contains("correct"));
    }
    assert_eq!(sidecar.accounts("GET", "/auth/logout").status().await, 405);
}

#[tokio::test]
async fn failures_slow_down_the_form_too() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let browser = sidecar.browser("/_doorward");
    let fields = [("username", "alice"), ("password", "not+hers")];
    let mut last = browser.form("/auth/login", &fields).send().await;
    for _ in 0..20 {
        if last.status != 303 {
            break;
        }
        last = browser.form("/auth/login", &fields).send().await;
    }
    assert_eq!(last.status, 429);
    assert!(last.header("retry-after").unwrap().parse::<u32>().unwrap() >= 1);
    assert!(last.text().contains("Too many logins have failed"));
}

#[tokio::test]
async fn a_logout_ends_the_session_wherever_it_is_used() {
    let backend = Backend::start().await;
    let setup = Setup::before(&backend).accounts().set("listen", "workers = 2");
    let sidecar = setup.start().await;
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar.user("alice", &json!({})).await;
    let mut browser = sidecar.browser("/_doorward");
    browser.log_in("alice").await;
    let mut other = sidecar.browser("/_doorward");
    other.log_in("alice").await;
    let mut chat = browser.socket("/ws").await;
    let mut others = other.socket("/ws").await;
    assert!(chat.is_alive().await && others.is_alive().await);
    let stolen = browser.cookie(SESSION).unwrap().to_owned();
    let answer = browser.log_out().await;
    assert_eq!(answer.status, 303);
    assert_eq!(answer.header("location"), Some("/_doorward/auth/login?referer=%2F"));
    assert_eq!(browser.cookie(SESSION), None);
    assert_eq!(chat.closed_within_a_second().await, 4403);
    let mut thief = sidecar.browser("/_doorward");
    thief.set_cookie(SESSION, &stolen);
    assert_eq!(thief.fetch("GET", "/home").status().await, 401);
    assert!(others.is_alive().await, "another session of hers goes on");
    assert_eq!(other.open("/home").status().await, 200);
    assert_eq!(browser.log_out().await.status, 303, "there is none any more");
}

#[tokio::test]
async fn over_http2_it_is_the_same() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let mut browser = sidecar.browser("/_doorward");
    let fields = [("username", "alice"), ("password", "correct+horse"), ("referer", "%2Fhome")];
    let answer = browser.form("/auth/login", &fields).send_over_http2().await;
    assert_eq!((answer.status, answer.header("location")), (303, Some("/home")));
    browser.keep(&answer);
    assert_eq!(browser.open("/home").send_over_http2().await.status, 200);
}

#[tokio::test]
async fn a_page_that_takes_a_login_leads_to_it_and_back() {
    let backend = Backend::start().await;
    let sidecar = with_alice(&backend).await;
    let mut browser = sidecar.browser("/_doorward");
    let answer = browser.open("/chat/caf%C3%A9?a=b&c=d%20e").send().await;
    assert_eq!(answer.status, 303);
    let login = "/_doorward/auth/login?referer=%2Fchat%2Fcaf%25C3%25A9%3Fa%3Db%26c%3Dd%2520e";
    assert_eq!(answer.header("location"), Some(login));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("x-request-id").is_some() && answer.body.is_empty());
    let page = browser.open(login).send().await.text();
    assert!(page.contains("value=\"/chat/caf%C3%A9?a=b&#38;c=d%20e\""), "{page}");
    let long = format!("/chat?{}", "a".repeat(3000));
    let answer = browser.open(&long).send().await;
    assert_eq!(answer.header("location"), Some("/_doorward/auth/login?referer=%2F"));
    // Over: it is as if there were none.
    browser.log_in("alice").await;
    let old = browser.cookie(SESSION).unwrap().to_owned();
    browser.log_out().await;
    browser.set_cookie(SESSION, &old);
    let answer = browser.open("/chat").send().await;
    assert_eq!(answer.header("location"), Some("/_doorward/auth/login?referer=%2Fchat"));
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn who_is_no_page_or_has_said_who_it_is_is_refused_as_ever() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend)
        .accounts()
        .route("/api/**", "access = \"authenticated\"\ncookie_credential = \"ignore\"")
        .route("/theirs", "require = \"THEIRS:READ\"")
        .start()
        .await;
    sidecar.until_logins_are_possible("/_doorward").await;
    sidecar.user("alice", &json!({})).await;
    let plain = sidecar.get("/chat").send().await;
    assert_eq!(plain.status, 401);
    let mut browser = sidecar.browser("/_doorward");
    for (given, request) in [
        ("a script", browser.fetch("GET", "/chat")),
        ("a form", browser.open("/chat").bearer("nonsense")),
        ("a page that takes no session", browser.open("/api/x")),
        ("half of a navigation", sidecar.get("/chat").header("Sec-Fetch-Mode", "navigate")),
        (
            "a frame",
            sidecar
                .get("/chat")
                .header("Sec-Fetch-Mode", "navigate")
                .header("Sec-Fetch-Dest", "iframe"),
        ),
    ] {
        assert_eq!(request.send().await.lasting(), plain.lasting(), "{given}");
    }
    browser.log_in("alice").await;
    assert_eq!(browser.open("/theirs").status().await, 403, "a login would not help");
    sidecar.reconfigure(&Setup::before(&backend).key("carol")).await;
    assert_eq!(sidecar.browser("").open("/chat").status().await, 401, "nobody can log in");
}
