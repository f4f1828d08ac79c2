//! The panel of Cheshire Cat 1.9 with users of ours: its pages by the session, its calls by the
//! display token beside it, and the Cat's own key in the Cat's cookie.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::support::{Backend, CAT_HTTP_KEY, CAT_WS_KEY, Claims, PASSWORD, Setup, Sidecar};

const SESSION: &str = "__Host-doorward";
const DISPLAY: &str = "ccat_user_token";

async fn panel(backend: &Backend) -> Sidecar {
    started(Setup::cat(backend).accounts()).await
}

/// With the user alice, who may see the panel and talk.
async fn started(setup: Setup) -> Sidecar {
    let sidecar = setup.start().await;
    sidecar.until_logins_are_possible("").await;
    let permissions = json!({
        "STATUS": ["READ"], "STATIC": ["READ"], "CONVERSATION": ["WRITE"], "USERS": ["LIST"],
    });
    let body = json!({ "username": "alice", "password": PASSWORD, "permissions": permissions });
    let made = sidecar.request("POST", "/users/").key("admin").json(&body).send().await;
    assert_eq!(made.status, 200, "{}", made.text());
    sidecar
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

#[tokio::test]
async fn the_panel_opens_with_a_session_and_the_cat_sees_its_own_key_in_its_cookie() {
    let backend = Backend::start().await;
    let sidecar = panel(&backend).await;
    let mut browser = sidecar.browser("");
    let answer = browser.open("/admin/").send().await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/auth/login?referer=%2Fadmin%2F"))
    );
    browser.log_in("alice").await;
    browser.set_cookie("theme", "dark");
    assert_eq!(browser.open("/admin/").status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.head.all("cookie"), [format!("theme=dark; {DISPLAY}={CAT_HTTP_KEY}")]);
    assert_eq!(seen.folded("user_id"), ["alice"]);
    for cookie in [SESSION, DISPLAY] {
        assert!(!seen.everything().contains(browser.cookie(cookie).unwrap()), "{cookie}");
    }
    assert_eq!(browser.fetch("GET", "/core-static/cat.css").status().await, 200);
    assert_eq!(backend.seen()[1].head.all("cookie"), ["theme=dark"]);
    let page = sidecar.get("/admin/").key("admin");
    assert_eq!(page.header("Cookie", &format!("{DISPLAY}=mine")).status().await, 200);
    assert_eq!(backend.seen()[2].head.all("cookie"), [format!("{DISPLAY}={CAT_HTTP_KEY}")]);
}

#[tokio::test]
async fn what_the_panel_shows_is_in_a_cookie_that_authenticates_nobody() {
    let backend = Backend::start().await;
    let sidecar = panel(&backend).await;
    let mut browser = sidecar.browser("");
    let answer = browser.log_in("alice").await;
    let lines = answer.head.all("set-cookie");
    let display = lines.iter().find(|line| line.starts_with(DISPLAY)).unwrap();
    let settings = display.split_once(';').unwrap().1;
    assert_eq!(settings, " Path=/; Secure; SameSite=Lax; Max-Age=43200", "scripts read it");
    let shown = claims(browser.cookie(DISPLAY).unwrap());
    assert_eq!(shown["username"], "alice");
    assert_eq!(shown["permissions"]["CONVERSATION"], json!(["WRITE"]));
    assert_eq!(shown["jti"], claims(browser.cookie(SESSION).unwrap())["jti"]);
    let token = browser.cookie(DISPLAY).unwrap();
    let mut thief = sidecar.browser("");
    thief.set_cookie(DISPLAY, token);
    assert_eq!(
        thief.open("/admin/").send().await.header("location"),
        Some("/auth/login?referer=%2Fadmin%2F")
    );
    assert_eq!(thief.fetch("GET", "/admin/").status().await, 403);
    assert_eq!(thief.fetch("GET", "/").bearer(token).status().await, 403);
    assert_eq!(sidecar.websocket("/ws/alice").token(token).refused().await, 403);
    assert!(backend.seen().is_empty());
}

#[tokio::test]
async fn calls_of_the_panel_take_the_session_and_its_own_display_token() {
    let backend = Backend::start().await;
    let sidecar = panel(&backend).await;
    let mut browser = sidecar.browser("");
    browser.log_in("alice").await;
    let display = browser.cookie(DISPLAY).unwrap().to_owned();
    for (method, path) in [("GET", "/"), ("POST", "/message")] {
        assert_eq!(browser.fetch(method, path).bearer(&display).status().await, 200, "{path}");
        let seen = backend.seen().pop().unwrap();
        assert_eq!(seen.folded("user_id"), ["alice"]);
        assert_eq!(seen.folded("authorization"), [format!("Bearer {CAT_HTTP_KEY}")]);
        assert!(seen.head.all("cookie").is_empty(), "no key where no rule forwards a login");
        assert_eq!(browser.fetch(method, path).status().await, 403, "the cookie alone: {path}");
    }
    let users = browser.fetch("GET", "/users/").bearer(&display).send().await;
    assert_eq!(users.status, 200, "{}", users.text());
    assert_eq!(browser.fetch("GET", "/plugins/").bearer(&display).status().await, 403);
    let mut other = sidecar.browser("");
    other.log_in("alice").await;
    let others = other.cookie(DISPLAY).unwrap();
    for (method, path) in [("GET", "/"), ("POST", "/message"), ("GET", "/users/")] {
        let with_another = browser.fetch(method, path).bearer(others);
        assert_eq!(with_another.status().await, 403, "of another session: {path}");
    }
    let before = backend.seen().len();
    let mut chat = browser.socket(&format!("/ws/somebody?token={display}")).await;
    assert!(chat.is_alive().await);
    let seen = backend.seen().split_off(before);
    assert_eq!(seen[0].target(), format!("/ws/alice?token={CAT_WS_KEY}"));
    assert!(seen[0].head.all("cookie").is_empty());
    assert_eq!(browser.log_out().await.status, 303);
    assert_eq!((browser.cookie(SESSION), browser.cookie(DISPLAY)), (None, None));
    assert_eq!(chat.closed_within_a_second().await, 4403);
}

#[tokio::test]
async fn a_panel_that_has_emptied_its_cookie_leads_to_the_login() {
    let backend = Backend::start().await;
    let sidecar = panel(&backend).await;
    let mut browser = sidecar.browser("");
    browser.log_in("alice").await;
    assert_eq!(browser.open("/admin/").status().await, 200);
    browser.set_cookie(DISPLAY, "");
    let answer = browser.open("/admin/settings").send().await;
    assert_eq!(
        (answer.status, answer.header("location")),
        (303, Some("/auth/login?referer=%2Fadmin%2Fsettings"))
    );
    assert_eq!(browser.fetch("GET", "/admin/assets/a.js").status().await, 200);
    browser.log_in("alice").await;
    assert_eq!(browser.open("/admin/settings").status().await, 200);
}

#[tokio::test]
async fn the_cats_own_login_counts_no_more_where_users_are_ours() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).accounts();
    let setup = setup.issuer_with("user = \"cat-{username}\"");
    let sidecar = started(setup).await;
    let permissions = json!({ "STATIC": ["READ"] });
    let cats = Claims::of("8f0b").with("username", "tom").with("permissions", permissions).sign();
    let mut browser = sidecar.browser("");
    browser.set_cookie(DISPLAY, &cats);
    assert_eq!(browser.fetch("GET", "/admin/").status().await, 403);
    assert_eq!(browser.open("/admin/").status().await, 303);
    assert_eq!(sidecar.get("/admin/").bearer(&cats).status().await, 200, "sent on purpose it does");
    assert_eq!(backend.only().folded("user_id"), ["cat-tom"]);
}

#[tokio::test]
async fn nobody_who_is_unknown_gets_the_cats_key() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).accounts();
    let setup = setup.route("/open", "access = \"open\"\nlogin_cookies = \"forward\"");
    let sidecar = setup.start().await;
    let open = sidecar.get("/open").header("Cookie", &format!("a=1; {DISPLAY}=x"));
    assert_eq!(open.status().await, 200);
    assert_eq!(backend.only().head.all("cookie"), ["a=1"]);
}

#[tokio::test]
async fn a_key_that_no_cookie_can_hold_does_not_start() {
    let backend = Backend::start().await;
    let setup = Setup::cat(&backend).accounts();
    let said = setup.set("backend", "http_key = \"a key; with two parts\"").refused().await;
    assert!(said.contains("can't be sent in a cookie"), "{said}");
}
