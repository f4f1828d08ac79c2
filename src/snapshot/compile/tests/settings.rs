//! Routes, the public side, limits, origins and profiles.

use super::*;
use crate::snapshot::Cors;

#[test]
fn a_route_has_one_meaning_and_is_reached() {
    let route = |text: &str| format!("[[route]]\n{text}\n");
    assert_error(&route("path = '/a'"), "says `require` or `access`");
    assert_error(
        &route("path = '/a'\nrequire = 'A:B'\naccess = 'open'"),
        "never both",
    );
    assert_error(&route("path = 'a'\naccess = 'open'"), "begins with `/`");
    assert_error(
        &route("path = '/a'\nmethods = ['get']\naccess = 'open'"),
        "capitals",
    );
    assert_error(&route("path = '/a'\nrequire = 'A'"), "`A`: a permission is");
    let hidden = format!(
        "{}{}",
        route("path = '/a/**'\naccess = 'deny'"),
        route("path = '/a/b'\nmethods = ['GET']\naccess = 'open'")
    );
    assert_error(&hidden, "the earlier rule /a/** decides");
    let swapped = format!(
        "{}{}{}",
        key("user = 'a'"),
        route("path = '/a/b'\nmethods = ['GET']\naccess = 'open'"),
        route("path = '/a/**'\naccess = 'deny'"),
    );
    assert_eq!(warnings(&swapped), [""; 0]);
}

#[test]
fn a_route_that_swallows_rules_of_the_profile_is_warned_of() {
    let text = format!(
        "{}[[route]]\npath = '/memory/**'\naccess = 'open'\n{BACKEND}profile = 'cheshire-cat-1'\n",
        key("user = 'a'")
    );
    let warnings = compiled(&text).unwrap().warnings;
    assert!(
        warnings[0].message.contains("/memory/recall"),
        "{warnings:?}"
    );
}

#[test]
fn plain_http_stays_on_this_machine_unless_it_is_asked_for() {
    assert_error("[listen]\naddress = '0.0.0.0:80'\n", "only loopback");
    let asked = "[listen]\naddress = '0.0.0.0:80'\nplaintext = true\nhosts = 'chat.example'\n";
    let text = format!("{asked}{}{BACKEND}", key("user = 'a'"));
    let hosts = compiled(&text).unwrap().snapshot.gate.hosts;
    assert!(hosts.allow("chat.example") && !hosts.allow("localhost"));
    assert_error(
        "[listen]\nredirect = '127.0.0.1:80'\n",
        "no https to redirect to",
    );
    assert_error("[listen]\nhosts = 'chat.example:8443'\n", "without a port");
}

#[test]
fn what_could_not_be_loaded_is_an_error_at_its_setting() {
    assert_error(
        "[tls]\ncertificate = 'c'\nkey = 'k'\n",
        "2:15: could not be loaded",
    );
    assert_error(
        "[[key]]\nid='a'\nuser='a'\nvalue_file = 'f'\n",
        "4:14: could not be loaded",
    );
    assert_error(
        "[[keys_file]]\npath = 'f'\nuser = 'a'\n",
        "2:8: could not be loaded",
    );
}

#[test]
fn limits_that_would_shut_everyone_out_are_errors() {
    assert_error("[limits]\nheader_size = '4KiB'\n", "at least 8KiB");
    assert_error("[limits]\nconnections = 0\n", "nothing would ever pass");
    assert_error("[limits]\nfirst_byte = '0s'\n", "no time at all");
}

#[test]
fn origins_are_what_a_browser_sends() {
    assert_error(
        "[cors]\norigins = ['https://app.example/']\n",
        "2:12: not an origin",
    );
    let text = format!("[cors]\norigins = 'https://App.Example'\n{BACKEND}");
    let expected = Cors::Origins(vec!["https://app.example".try_into().unwrap()]);
    assert_eq!(compiled(&text).unwrap().snapshot.cors, expected);
}

#[test]
fn the_cat_gets_its_own_credentials_where_it_reads_them() {
    let text = format!(
        "{}{BACKEND}profile = 'cheshire-cat-1'\nhttp_key = 'of the cat'\nws_key = 'of the cat'\n",
        key("acts_as = ['*']")
    );
    let snapshot = compiled(&text).unwrap().snapshot;
    let admit = |request: http::request::Builder| {
        let request = request.header("host", "localhost");
        let head = request
            .header("x-api-key", KEY)
            .body(())
            .unwrap()
            .into_parts()
            .0;
        match snapshot.gate.admit(head, &mut Memo::new(1), NOW) {
            Decision::Admit(admitted) => admitted.into_parts().0.into_parts(),
            Decision::Own(own) => panic!("{own:?}"),
            Decision::Deny(denied) => panic!("{denied:?}"),
        }
    };
    let head = admit(http::Request::post("/message"));
    assert_eq!(
        head.headers.get("authorization").unwrap(),
        "Bearer of the cat"
    );
    assert_eq!(head.headers.get("user_id").unwrap(), "user");
    let handshake = http::Request::get("/ws/alice?token=0123456789abcdef&a=b")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    assert_eq!(admit(handshake).uri, "/ws/alice?a=b&token=of%20the%20cat");
}

#[test]
fn every_rule_of_an_embedded_profile_compiles_and_is_reached() {
    for (profile, rules) in [
        ("generic", 1),
        ("cheshire-cat-1", 51),
        ("cheshire-cat-2", 17),
        ("zep", 14),
        ("zep-ce", 14),
    ] {
        let secret = match profile {
            "cheshire-cat-2" => "jwt_secret = '0123456789abcdef0123456789abcdef'\n",
            _ => "",
        };
        let text = format!("{BACKEND}profile = '{profile}'\n{secret}");
        let snapshot = compiled(&text).unwrap().snapshot;
        let compiled = snapshot.gate.policy.rules();
        assert_eq!(compiled.len(), rules, "{profile}");
    }
}
