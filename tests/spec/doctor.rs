//! What `doorward doctor` sees of a running system.

use std::{collections::BTreeMap, net::SocketAddr, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Authority, Backend, CAT_HTTP_KEY, Script, Seen, Setup, doorward, run};

const WEAK: &str = "{\"access_token\":\"x\",\"token_type\":\"bearer\"}";
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// What doctor found.
struct Diagnosis {
    code: i32,
    levels: BTreeMap<String, Vec<String>>,
    text: String,
}

impl Diagnosis {
    /// The levels of one check's findings.
    fn levels(&self, check: &str) -> &[String] {
        self.levels.get(check).map_or(&[], Vec::as_slice)
    }
}

/// Runs it with this configuration, which nobody serves.
async fn examine(setup: &Setup, arguments: &[&str]) -> Diagnosis {
    let folder = TempDir::new().unwrap();
    // No certificate: doctor loads what serve would, and there is none here.
    setup.clone().without_tls().write_to(folder.path());
    let common = ["doctor", "--config", "doorward.toml", "--format", "json"];
    let mut doctor = doorward(&[&common, arguments].concat());
    doctor.current_dir(folder.path());
    let finished = run(doctor, "").await;
    let found: Value = serde_json::from_str(&finished.text)
        .unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    let mut levels: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in found["findings"].as_array().unwrap() {
        let word = |name: &str| finding[name].as_str().unwrap().to_owned();
        levels.entry(word("name")).or_default().push(word("level"));
    }
    Diagnosis { code: finished.code, levels, text: finished.text }
}

fn answer(headers: &str, body: &str) -> Script {
    let length = body.len();
    Script::answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
}

#[tokio::test]
async fn a_backend_that_answers_and_hides_is_no_trouble() {
    let backend = Backend::start().await;
    let found = examine(&Setup::cat(&backend), &[]).await;
    assert_eq!(found.code, 0, "{}", found.text);
    for check in ["backend", "around", "defaults", "headers", "files", "clock"] {
        assert_eq!(found.levels(check), ["ok"], "{check}: {}", found.text);
    }
    assert!(found.text.contains("says no time"), "{}", found.text);
    assert!(found.text.contains("not tried; --probe does"), "{}", found.text);
    // It is asked once, as doorward would ask it.
    let asked = backend.only();
    assert_eq!((asked.method(), asked.target()), ("GET", "/"));
    assert_eq!(asked.folded("authorization"), [format!("Bearer {CAT_HTTP_KEY}")]);
}

#[tokio::test]
async fn a_backend_that_is_not_there_is_a_problem() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let found = examine(&Setup::before_url(&format!("http://{gone}")), &["--probe"]).await;
    assert_eq!(found.code, 1, "{}", found.text);
    assert_eq!(found.levels("backend"), ["problem"]);
    assert!(found.text.contains("refused"), "{}", found.text);
    assert!(found.levels("defaults").is_empty(), "{}", found.text);
}

#[tokio::test]
async fn a_backend_that_says_nothing_is_given_up() {
    let backend = Backend::always(Script::Silence).await;
    let found = examine(&Setup::before(&backend), &[]).await;
    assert_eq!(found.levels("backend"), ["problem"]);
    assert!(found.text.contains("nothing within 5 s"), "{}", found.text);
}

#[tokio::test]
async fn a_refusal_of_what_doorward_shows_is_a_problem_and_shows_it_to_nobody() {
    let backend = Backend::always(Script::answer(REFUSED)).await;
    let found = examine(&Setup::cat(&backend), &[]).await;
    assert_eq!((found.code, found.levels("backend")), (1, &["problem".to_owned()][..]));
    assert!(!found.text.contains(CAT_HTTP_KEY), "{}", found.text);
}

#[tokio::test]
async fn a_backend_behind_tls_is_trusted_by_the_ca_file_alone() {
    let (authority, other) = (Authority::new(), Authority::new());
    let backend = Backend::over_tls(&authority).await;
    let setup = Setup::before(&backend).set("backend", "ca_file = 'ca.pem'");
    let found = examine(&setup.clone().file("ca.pem", &authority.pem()), &[]).await;
    assert_eq!(found.levels("backend"), ["ok"], "{}", found.text);
    let found = examine(&setup.file("ca.pem", &other.pem()), &[]).await;
    assert_eq!(found.levels("backend"), ["problem"], "{}", found.text);
    assert!(found.text.contains("invalid peer certificate"), "{}", found.text);
}

#[tokio::test]
async fn a_socket_that_everybody_may_write_to_is_an_open_door() {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

    let folder = TempDir::new().unwrap();
    let socket = folder.path().join("chat.sock");
    let backend = Backend::on_unix(&socket);
    let permit = |path: &Path, mode| {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    };
    permit(folder.path(), 0o755);
    for (mode, code, level) in [(0o660, 0, "ok"), (0o666, 1, "warning")] {
        permit(&socket, mode);
        let found = examine(&Setup::before(&backend), &[]).await;
        assert_eq!(found.levels("backend"), ["ok"], "{}", found.text);
        assert_eq!((found.code, found.levels("around")), (code, &[level.to_owned()][..]));
    }
}

#[tokio::test]
async fn a_backend_on_every_address_is_reachable_around() {
    let backend = Backend::at("0.0.0.0:0".parse().unwrap()).await;
    let address: SocketAddr = backend.url().trim_start_matches("http://").parse().unwrap();
    let port = address.port();
    let found = examine(&Setup::before_url(&format!("http://127.0.0.1:{port}")), &[]).await;
    // A machine without a network has no such address.
    let addresses = if_addrs::get_if_addrs().unwrap();
    let outward = addresses.iter().map(if_addrs::Interface::ip).filter(|ip| !ip.is_loopback());
    for ip in outward.filter(std::net::IpAddr::is_ipv4) {
        assert_eq!((found.code, found.levels("around")), (1, &["warning".to_owned()][..]));
        assert!(found.text.contains(&format!("{ip}:{port}")), "{ip}: {}", found.text);
    }
}

/// A Cat with its first users, and a key on HTTP alone.
fn half_set_up(seen: &Seen) -> Script {
    match (seen.method(), seen.target()) {
        ("POST", "/auth/token") => answer("", WEAK),
        (_, "/ws/doorward-doctor") => Script::Usual,
        _ if seen.folded("authorization") == [format!("Bearer {CAT_HTTP_KEY}")] => Script::Usual,
        _ => Script::answer(REFUSED),
    }
}

#[tokio::test]
async fn a_weak_default_is_found_with_probe_and_not_tried_without() {
    let backend = Backend::playing(half_set_up).await;
    let found = examine(&Setup::cat(&backend), &[]).await;
    assert_eq!((found.code, found.levels("defaults")), (0, &["ok".to_owned()][..]));
    assert_eq!(backend.only().target(), "/");

    let found = examine(&Setup::cat(&backend), &["--probe"]).await;
    assert_eq!(found.code, 1, "{}", found.text);
    assert_eq!(found.levels("defaults"), ["problem"; 3], "{}", found.text);
    for part in ["password admin", "password user", "a WebSocket without a credential"] {
        assert!(found.text.contains(part), "{part}: {}", found.text);
    }
    // A stranger does not know what doorward shows.
    for seen in backend.seen().iter().skip(2) {
        assert!(!seen.everything().contains(CAT_HTTP_KEY), "{seen:?}");
    }
}

#[tokio::test]
async fn a_backend_without_keys_lets_in_whoever_comes() {
    let backend = Backend::playing(|seen| match seen.target() {
        "/auth/token" => Script::answer(REFUSED),
        _ => Script::Usual,
    })
    .await;
    let found = examine(&Setup::cat(&backend), &["--probe"]).await;
    assert_eq!(found.levels("defaults"), ["problem"; 3], "{}", found.text);
    for part in ["no credential", "made-up", "a WebSocket"] {
        assert!(found.text.contains(part), "{part}: {}", found.text);
    }
}

#[tokio::test]
async fn a_backend_that_is_set_up_withstands_every_probe() {
    let backend = Backend::playing(|seen| {
        let ours = seen.folded("authorization") == [format!("Bearer {CAT_HTTP_KEY}")];
        if ours { Script::Usual } else { Script::answer(REFUSED) }
    })
    .await;
    let found = examine(&Setup::cat(&backend), &["--probe"]).await;
    assert_eq!((found.code, found.levels("defaults")), (0, &["ok".to_owned()][..]));
    assert!(found.text.contains("5 tried, and none in force"), "{}", found.text);
}

/// Answers with the headers that it was sent, those apart.
fn echo_without(dropped: &'static str) -> impl Fn(&Seen) -> Script {
    move |seen| {
        let kept: Vec<String> = seen
            .head
            .fields()
            .filter(|(name, _)| *name != dropped)
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        answer("", &kept.join("\n"))
    }
}

#[tokio::test]
async fn a_header_that_arrives_is_told_from_one_that_is_dropped() {
    let open = Backend::playing(echo_without("none")).await;
    let found = examine(&Setup::cat(&open), &["--echo", "/who"]).await;
    assert_eq!((found.code, found.levels("headers")), (0, &["ok".to_owned()][..]));
    assert!(found.text.contains("user_id arrives"), "{}", found.text);
    // What the backend is shown came back in the body, and stays there.
    assert!(!found.text.contains(CAT_HTTP_KEY), "{}", found.text);

    let lossy = Backend::playing(echo_without("user_id")).await;
    let found = examine(&Setup::cat(&lossy), &["--echo", "/who"]).await;
    assert_eq!((found.code, found.levels("headers")), (1, &["problem".to_owned()][..]));
    assert!(found.text.contains("user_id does not arrive"), "{}", found.text);

    let mute = Backend::start().await;
    let found = examine(&Setup::cat(&mute), &["--echo", "/who"]).await;
    assert_eq!((found.code, found.levels("headers")), (0, &["warning".to_owned()][..]));
}

#[tokio::test]
async fn what_stands_between_is_suspected_by_what_it_says() {
    let nginx = Backend::always(answer("Server: nginx/1.27.0\r\n", "ok")).await;
    let found = examine(&Setup::before(&nginx), &[]).await;
    assert_eq!((found.code, found.levels("headers")), (0, &["warning".to_owned()][..]));
    assert!(found.text.contains("underscores_in_headers on;"), "{}", found.text);
}

#[tokio::test]
async fn a_clock_that_is_off_is_warned_of() {
    let late = Backend::always(answer("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "ok")).await;
    let found = examine(&Setup::before(&late), &[]).await;
    assert_eq!((found.code, found.levels("clock")), (0, &["warning".to_owned()][..]));
    assert!(found.text.contains("says 1994-11-06T08:49:37Z"), "{}", found.text);
}

#[tokio::test]
async fn the_path_to_ask_for_is_the_profiles() {
    let backend = Backend::start().await;
    let profile = include_str!("../../config/profiles/generic.toml");
    let setup = Setup::before(&backend)
        .set("backend", "profile = './own.toml'")
        .file("own.toml", &format!("liveness = '/healthz'\n{profile}"));
    let found = examine(&setup, &[]).await;
    assert_eq!(found.code, 0, "{}", found.text);
    assert_eq!(backend.only().target(), "/healthz");
}

#[tokio::test]
async fn a_configuration_that_cannot_be_used_is_said_as_check_says_it() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("doorward.toml"), "[backend]\nurk = 1\n").unwrap();
    let mut doctor = doorward(&["doctor", "--config", "doorward.toml"]);
    doctor.current_dir(folder.path());
    let finished = run(doctor, "").await;
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.text.contains("doorward.toml:2:1"), "{finished:?}");
    let wrong = run(doorward(&["doctor", "--echo", "who"]), "").await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.text.contains("begins with a slash"), "{wrong:?}");
}
