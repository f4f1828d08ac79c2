//! What is accepted as a pair, and what is said of the rest.

use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair, date_time_ymd};

use super::*;

struct Made {
    certificate: String,
    key: String,
}

fn made(names: &[&str]) -> Made {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    Made {
        certificate: made.cert.pem(),
        key: made.signing_key.serialize_pem(),
    }
}

fn error(certificate: &str, key: &str) -> CertificateError {
    Pair::parse(certificate.as_bytes(), key.as_bytes()).unwrap_err()
}

#[test]
fn names_and_validity_are_read_from_the_certificate() {
    let key = KeyPair::generate().unwrap();
    let names = ["Chat.example", "*.chat.example", "127.0.0.1", "::1"];
    let mut params = CertificateParams::new(names.map(str::to_owned)).unwrap();
    params.not_before = date_time_ymd(2026, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    let certificate = params.self_signed(&key).unwrap().pem();
    let pair = Pair::parse(certificate.as_bytes(), key.serialize_pem().as_bytes()).unwrap();
    let written: Vec<String> = pair.names().iter().map(ToString::to_string).collect();
    assert_eq!(
        written,
        ["chat.example", "*.chat.example", "127.0.0.1", "::1"]
    );
    assert_eq!(pair.not_before(), Timestamp::from_secs(1_767_225_600));
    assert_eq!(pair.not_after(), Timestamp::from_secs(1_798_761_600));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (a, b) = (made(&["a.example"]), made(&["b.example"]));
    assert_eq!(error(&a.certificate, &b.key), CertificateError::Mismatch);
}

#[test]
fn a_chain_in_the_wrong_order_is_named() {
    let (a, b) = (made(&["a.example"]), made(&["b.example"]));
    let chain = format!("{}{}", a.certificate, b.certificate);
    assert_eq!(error(&chain, &b.key), CertificateError::Order(2));
    assert!(Pair::parse(chain.as_bytes(), a.key.as_bytes()).is_ok());
}

#[test]
fn both_may_stand_in_one_file() {
    let a = made(&["a.example"]);
    let both = format!("{}{}", a.key, a.certificate);
    assert!(Pair::parse(both.as_bytes(), both.as_bytes()).is_ok());
}

#[test]
fn swapped_empty_and_encrypted_files_are_told_apart() {
    let a = made(&["a.example"]);
    assert_eq!(
        error(&a.key, &a.certificate),
        CertificateError::KeyInsteadOfCertificate
    );
    assert_eq!(
        error(&a.certificate, &a.certificate),
        CertificateError::CertificateInsteadOfKey
    );
    assert_eq!(error("", &a.key), CertificateError::NoCertificate);
    assert_eq!(error(&a.certificate, "hello"), CertificateError::NoKey);
    let encrypted = a.key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    assert_eq!(
        error(&a.certificate, &encrypted),
        CertificateError::EncryptedKey
    );
}

#[test]
fn a_half_written_pair_is_never_accepted() {
    let a = made(&["a.example"]);
    for end in 0..a.certificate.trim_end().len() {
        assert!(Pair::parse(&a.certificate.as_bytes()[..end], a.key.as_bytes()).is_err());
    }
    for end in 0..a.key.trim_end().len() {
        assert!(Pair::parse(a.certificate.as_bytes(), &a.key.as_bytes()[..end]).is_err());
    }
}

#[test]
fn an_error_never_quotes_the_key() {
    let a = made(&["a.example"]);
    let secret = a.key.lines().nth(1).unwrap();
    for broken in [
        a.key.replace("-----END", "----END"),
        a.key.replace("MI", "!!"),
    ] {
        let said = error(&a.certificate, &broken);
        assert!(!format!("{said} {said:?}").contains(&secret[2..]), "{said}");
    }
}

#[test]
fn a_wildcard_covers_one_label() {
    let name = Name::dns("*.Example.org");
    assert!(name.matches("chat.example.org"));
    assert!(name.matches("CHAT.example.ORG"));
    for host in [
        "example.org",
        "a.b.example.org",
        ".example.org",
        "chat.example.com",
        "",
    ] {
        assert!(!name.matches(host), "{host}");
    }
}

#[test]
fn addresses_match_in_every_spelling() {
    let name = Name::Ip("::1".parse().unwrap());
    assert!(name.matches("::1") && name.matches("[::1]") && name.matches("[0:0::1]"));
    assert!(!name.matches("127.0.0.1") && !name.matches("localhost"));
}

proptest! {
    #[test]
    fn no_bytes_panic(certificate: Vec<u8>, key: Vec<u8>) {
        prop_assert!(Pair::parse(&certificate, &key).is_err());
    }
}
