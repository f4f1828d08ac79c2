use std::sync::Arc;

use super::*;
use crate::auth::{Decision, KeySet, Memo, UserId};
use crate::config::{Environment, ReferenceKind, Written};
use crate::secret::Secret;
use crate::snapshot::{Address, Material};

mod settings;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const BACKEND: &str = "[backend]\nurl = 'http://127.0.0.1:1865'\n";
const KEY: &str = "0123456789abcdef";

fn compile_with(text: &str, materials: &Materials) -> Result<Compiled, Vec<String>> {
    let written = Written::from_file("doorward.toml", text, &Environment::default());
    let keys = ProcessKeys::new().unwrap();
    let context = Context {
        generation: Generation(1),
        now: NOW,
        keys: &keys,
        store: &crate::auth::Known::NotYet,
    };
    let compiled = compile(&written.config, materials, &context);
    match compiled {
        Ok(compiled) if written.is_sound() => Ok(compiled),
        Ok(_) => Err(written.report([]).lines().collect()),
        Err(errors) => {
            let errors = errors.0.into_iter().filter(Diagnostic::is_error);
            Err(written.report(errors).lines().collect())
        }
    }
}

fn compiled(text: &str) -> Result<Compiled, Vec<String>> {
    compile_with(text, &Materials::default())
}

/// The errors of a configuration with a backend, without their file.
fn errors(text: &str) -> Vec<String> {
    let lines = compiled(&format!("{text}{BACKEND}")).unwrap_err();
    lines
        .into_iter()
        .map(|line| line.replace("doorward.toml:", ""))
        .collect()
}

fn warnings(text: &str) -> Vec<String> {
    let found = compiled(&format!("{text}{BACKEND}")).unwrap().warnings;
    found.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn assert_error(text: &str, part: &str) {
    let errors = errors(text);
    assert!(errors.len() == 1 && errors[0].contains(part), "{errors:#?}");
}

fn key(more: &str) -> String {
    format!("[[key]]\nid = 'web'\nvalue = '{KEY}'\n{more}\n")
}

#[test]
fn an_empty_file_is_an_error_and_never_an_open_door() {
    let errors = compiled("").unwrap_err();
    assert!(
        errors
            .iter()
            .any(|error| error.contains("the backend to protect")),
        "{errors:?}"
    );
}

#[test]
fn a_backend_is_enough_to_deny_everyone() {
    let compiled = compiled(BACKEND).unwrap();
    assert_eq!(compiled.snapshot.backend.authority, "127.0.0.1:1865");
    assert!(matches!(
        compiled.snapshot.backend.address,
        Address::Socket(_)
    ));
    assert!(
        compiled.warnings[0]
            .message
            .contains("nobody can be authenticated")
    );
}

#[test]
fn a_declared_key_opens_the_gate_as_its_user() {
    let snapshot = compiled(&format!("{}{BACKEND}", key("user = 'alice'")))
        .unwrap()
        .snapshot;
    let request = http::Request::get("/chat")
        .header("host", "localhost")
        .header("authorization", format!("Bearer {KEY}"))
        .header("user-id", "mallory")
        .body(())
        .unwrap();
    let head = request.into_parts().0;
    match snapshot.gate.admit(head, &mut Memo::new(1), NOW) {
        Decision::Admit(admitted) => {
            let head = admitted.head();
            assert_eq!(head.headers.get("user_id").unwrap(), "alice");
            assert!(head.headers.get("user-id").is_none());
            assert!(head.headers.get("authorization").is_none());
        }
        Decision::Own(own) => panic!("{own:?}"),
        Decision::Deny(denied) => panic!("{denied:?}"),
    }
}

#[test]
fn a_key_is_bound_or_acting_and_given_in_one_way() {
    assert_error(&key(""), "bound to a `user` or lists whom");
    assert_error(&key("user = 'a'\nacts_as = ['b']"), "never both");
    assert_error("[[key]]\nid = 'a'\nuser = 'a'\n", "needs sha256");
    assert_error(&key("user = 'a'\nvalue_env = 'X'"), "more than one source");
    let digest = "a".repeat(64);
    assert_error(
        &key(&format!("user = 'a'\nsha256 = '{digest}'")),
        "not by both",
    );
    assert_error(&key("user = 'a/b'"), "a user id is");
    assert_error(&key("acts_as = ['*-visitor']"), "`*` stands alone");
    assert_error(&key("acts_as = ['anon-1*']"), "without a credential");
    assert_error(
        &key("user = 'a'\npermissions = ['CHAT']"),
        "`CHAT`: a permission is",
    );
    assert_error(&key("user = 'a'\ntransports = []"), "no transport");
}

#[test]
fn two_keys_with_one_id_or_one_digest_are_an_error() {
    let one = |id: &str, digit: &str| {
        format!(
            "[[key]]\nid = '{id}'\nuser = 'x'\nsha256 = '{}'\n",
            digit.repeat(64)
        )
    };
    assert_error(
        &format!("{}{}", one("a", "1"), one("b", "1")),
        "8:10: the same key is declared",
    );
    assert_error(
        &format!("{}{}", one("a", "1"), one("a", "2")),
        "6:6: another key has the id",
    );
}

#[test]
fn weak_secrets_are_refused_unless_allowed() {
    let weak = "[[key]]\nid = 'a'\nuser = 'x'\nvalue = 'meow'\n";
    assert_error(weak, "published as a default");
    assert_error(&weak.replace("meow", "purr"), "fewer than 16 bytes");
    assert!(warnings(&format!("allow_weak_secrets = true\n{weak}"))[0].contains("published"));
    let digest = crate::auth::KeyDigest::of(b"meow_jwt");
    let hashed = format!("[[key]]\nid = 'a'\nuser = 'x'\nsha256 = '{digest}'\n");
    assert_error(&hashed, "published as a default");
    let issuer = "[[issuer]]\nname = 'i'\nalgorithms = ['HS256']\nsecret = 'short'\n";
    assert_error(issuer, "fewer than 32 bytes");
}

#[test]
fn a_key_that_nobody_could_send_is_refused() {
    for value in [
        "\\n0123456789abcdef",
        "0123456789abcdef ",
        "01234567\\u000089abcdef",
    ] {
        let key = format!("[[key]]\nid = 'a'\nuser = 'x'\nvalue = \"{value}\"\n");
        assert_error(&key, "no header can carry this key");
    }
}

fn issuer(name: &str, more: &str) -> String {
    let secret = format!("{name}{}", "s".repeat(40));
    format!("[[issuer]]\nname = '{name}'\nalgorithms = ['HS256']\nsecret = '{secret}'\n{more}\n")
}

#[test]
fn an_issuer_says_what_its_tokens_must_be() {
    assert!(compiled(&format!("{}{BACKEND}", issuer("a", ""))).is_ok());
    let mixed = issuer("a", "").replace("['HS256']", "['HS256', 'RS256']");
    assert!(errors(&mixed)[0].contains("never stands beside"));
    assert_error(
        &issuer("a", "").replace("['HS256']", "['ES256']"),
        "no key of this issuer fits",
    );
    assert_error(
        &issuer("a", "").replace("['HS256']", "[]"),
        "at least one algorithm",
    );
    assert_error(&issuer("a", "jwks_file = 'x'"), "has one of");
    assert_error(&issuer("a", "user = '{sub'"), "template");
    assert_error(&issuer("a", "audience = ['any', 'x']"), "stands alone");
    let none = "[[issuer]]\nname = 'i'\nalgorithms = ['RS256']\nissuer = 'i'\naudience = 'any'\n";
    assert_error(none, "needs a secret");
    assert!(warnings(&issuer("a", "require = []"))[0].contains("need not expire"));
}

#[test]
fn a_public_key_needs_issuer_and_audience() {
    let secret = Secret::new("s".repeat(40));
    let keys = Arc::new(KeySet::from_secret(&secret).unwrap());
    let mut materials = Materials::default();
    materials.insert(ReferenceKind::KeySet("jwks".into()), Material::Keys(keys));
    let text =
        format!("[[issuer]]\nname = 'i'\nalgorithms = ['HS256']\njwks_file = 'jwks'\n{BACKEND}");
    let errors = compile_with(&text, &materials).unwrap_err();
    assert!(
        errors.iter().any(|error| error.contains("the `iss` that")),
        "{errors:?}"
    );
    assert!(
        errors.iter().any(|error| error.contains("the `aud` that")),
        "{errors:?}"
    );
}

#[test]
fn identities_of_two_sources_must_be_told_apart() {
    let two = |a: &str, b: &str| format!("{}{}", issuer("a", a), issuer("b", b));
    assert_error(&two("", ""), "can't be told from those of `a`");
    assert!(
        compiled(&format!(
            "{}{BACKEND}",
            two("user = 'a-{sub}'", "user = 'b-{sub}'")
        ))
        .is_ok()
    );
    let shared = "shared_namespace = true";
    assert!(compiled(&format!("{}{BACKEND}", two(shared, shared))).is_ok());
    assert_error(&two(shared, ""), "can't be told");
    let acting = |more: &str| key(&format!("acts_as = ['*']\n{more}"));
    assert_error(
        &format!("{}{}", acting(""), issuer("a", "")),
        "those of key[0].acts_as",
    );
    let both = format!("{}{}{BACKEND}", acting(shared), issuer("a", shared));
    assert!(compiled(&both).is_ok());
    let visitors = key("acts_as = ['visitor-*']");
    assert!(compiled(&format!("{visitors}{}{BACKEND}", issuer("a", ""))).is_ok());
}

#[test]
fn names_of_the_store_are_told_apart_from_other_ids() {
    let accounts = "[accounts]\nstore = 'users.db'\n";
    let shared = "shared_namespace = true";
    let apart = "can't be told from names of [accounts]";
    assert_error(&format!("{}{accounts}", issuer("a", "")), apart);
    assert_error(&format!("{}{accounts}", key("acts_as = ['*']")), apart);
    assert_error(&format!("{}{accounts}", issuer("a", shared)), apart);
    let both = format!("{}{accounts}{shared}\n{BACKEND}", issuer("a", shared));
    assert!(compiled(&both).is_ok());
    let visitors = key("acts_as = ['visitor-*']");
    let prefixed = issuer("a", "user = 'kc-{sub}'");
    let fine = format!("{visitors}{prefixed}{accounts}{BACKEND}");
    let gate = compiled(&fine).unwrap().snapshot.gate;
    let accounts = gate.verifiers.accounts.unwrap();
    for (name, is_reserved) in [
        ("alice", false),
        ("Visitor-1", true),
        ("KC-alice", true),
        ("anon-1", true),
    ] {
        let name = UserId::parse(name).unwrap();
        assert_eq!(accounts.reserves(&name, NOW), is_reserved, "{name}");
    }
}

#[test]
fn no_user_of_the_store_is_given_the_name_of_a_bound_key() {
    let shared = "shared_namespace = true";
    let binds = |more: &str, accounts: &str| {
        let bound = key(&format!("user = 'Operator'\n{more}"));
        let accounts = format!("[accounts]\nstore = 'users.db'\n{accounts}\n");
        let gate = compiled(&format!("{bound}{accounts}{BACKEND}"))
            .unwrap()
            .snapshot
            .gate;
        let name = UserId::parse("operator").unwrap();
        let accounts = gate.verifiers.accounts.unwrap();
        assert!(
            !accounts.reserves(&name, NOW),
            "who is called so already may"
        );
        accounts.binds(&name)
    };
    assert!(binds("", "") && binds(shared, "") && binds("", shared));
    assert!(!binds(shared, shared));
}

#[test]
fn all_errors_of_all_sections_come_at_once() {
    let text = "\
[listen]
address = '0.0.0.0:80'
[[key]]
id = 'a'
user = 'x'
value = 'meow'
[[issuer]]
name = 'i'
algorithms = ['HS256', 'RS256']
secret = 'secret'
[[route]]
path = '/a'
[limits]
connections = 0
";
    let errors = compiled(text).unwrap_err();
    for part in [
        "2:11: without [tls]",
        "6:9: this secret",
        "9:14: HS*",
        "10:10: this secret",
    ] {
        assert!(
            errors.iter().any(|error| error.contains(part)),
            "{part} in {errors:#?}"
        );
    }
    for part in [
        "a route says",
        "nothing would ever pass",
        "the backend to protect",
    ] {
        assert!(
            errors.iter().any(|error| error.contains(part)),
            "{part} in {errors:#?}"
        );
    }
}
