//! Tokens (RFC 7519, RFC 8725): the key decides the algorithm, every claim has its type, and what
//! is not understood is refused.

use serde_json::{Value, json};

use crate::support::{
    Backend, Claims, SECRET, Setup, Sidecar, Signer, encode, in_seconds, unsigned,
};

async fn sidecar(backend: &Backend) -> Sidecar {
    Setup::before(backend).issuer().start().await
}

/// Asserts that no token of these is taken, on either transport.
async fn refuses(sidecar: &Sidecar, tokens: impl IntoIterator<Item = String>) {
    for token in tokens {
        let status = sidecar.get("/").bearer(&token).status().await;
        assert_eq!(status, 401, "{token}");
    }
    assert!(!sidecar.log().contains("eyJ"), "a token in the log");
}

#[tokio::test]
async fn a_good_token_passes_until_it_expires() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let token = Claims::of("alice").sign();
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 200);
    let seen = backend.only();
    assert_eq!(seen.folded("user_id"), ["alice"]);
    assert!(!seen.everything().contains(&token));
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let algorithms = ["none", "None", "NONE", "nOnE", ""];
    let header = |algorithm: &&str| json!({"alg": algorithm, "typ": "JWT"});
    let claims = || Claims::of("alice");
    refuses(&sidecar, algorithms.iter().map(|name| unsigned(&header(name), &claims()))).await;
    refuses(&sidecar, algorithms.iter().map(|name| claims().under(&header(name)))).await;
    refuses(&sidecar, [unsigned(&json!({"typ": "JWT"}), &claims())]).await;
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_token_under_another_algorithm_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let claims = Claims::of("alice");
    let names = ["HS384", "HS512", "RS256", "ES256", "EdDSA", "dir", "HS-256", "hs256"];
    refuses(&sidecar, names.map(|name| claims.under(&json!({"alg": name})))).await;
    refuses(&sidecar, [Signer::hs512(SECRET).token("alice")]).await;
    for signer in [Signer::es256(), Signer::eddsa()] {
        refuses(
            &sidecar,
            [signer.token("alice"), signer.sign(&json!({"alg": "HS256"}), &claims.0)],
        )
        .await;
    }
}

#[tokio::test]
async fn a_public_key_is_not_a_secret() {
    let backend = Backend::start().await;
    let (rsa, ours) = (Signer::rs256(), "[[issuer]]\nname = \"idp\"\nalgorithms = [\"RS256\"]\n");
    let rest = "public_key_file = \"idp.pem\"\nissuer = \"https://id\"\naudience = [\"chat\"]\nuser = \"{sub}\"";
    let setup = Setup::before(&backend).file("idp.pem", &rsa.public_key());
    let sidecar = setup.block("idp", &format!("{ours}{rest}")).start().await;
    let claims = Claims::of("alice").with("iss", "https://id").with("aud", "chat");
    let good = rsa.sign(&json!({"alg": "RS256"}), &claims.0);
    assert_eq!(sidecar.get("/").bearer(&good).status().await, 200);
    let pem = rsa.public_key();
    for secret in [pem.clone(), pem.trim().to_owned(), pem.replace('\n', "")] {
        refuses(&sidecar, [Signer::hs256(&secret).sign(&json!({"alg": "HS256"}), &claims.0)]).await;
        refuses(&sidecar, [Signer::hs256(&secret).sign(&json!({"alg": "RS256"}), &claims.0)]).await;
    }
}

#[tokio::test]
async fn asymmetric_issuers_are_understood() {
    let backend = Backend::start().await;
    let rest = "issuer = \"https://id\"\naudience = [\"chat\"]\nuser = \"{sub}\"";
    for signer in [Signer::es256(), Signer::eddsa()] {
        let name = signer.algorithm();
        let block = format!(
            "[[issuer]]\nname = \"idp\"\nalgorithms = [{name:?}]\npublic_key_file = \"idp.pem\"\n{rest}"
        );
        let setup = Setup::before(&backend).file("idp.pem", &signer.public_key());
        let sidecar = setup.block("idp", &block).start().await;
        let claims =
            Claims::of("alice").with("iss", "https://id").with("aud", json!(["chat", "mail"]));
        let token = signer.sign(&json!({"alg": name}), &claims.0);
        assert_eq!(sidecar.get("/").bearer(&token).status().await, 200, "{name}");
        let swapped = signer.sign(&json!({"alg": "RS256"}), &claims.0);
        refuses(&sidecar, [swapped, unsigned(&json!({"alg": name}), &claims)]).await;
    }
}

#[tokio::test]
async fn a_key_in_the_header_is_not_believed() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let trap = Backend::start().await;
    let (own, claims) =
        (Signer::hs256("another secret of thirty-two bytes or so"), Claims::of("alice"));
    let jwk = json!({"kty": "oct", "k": encode("another secret of thirty-two bytes or so")});
    let with = |name: &str, value: Value| json!({"alg": "HS256", name: value});
    let headers = [
        with("jwk", jwk),
        with("jku", json!(trap.url())),
        with("x5u", json!(trap.url())),
        with("x5c", json!(["AA=="])),
    ];
    refuses(&sidecar, headers.iter().map(|header| own.sign(header, &claims.0))).await;
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_key_id_is_only_a_name() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let trap = Backend::start().await;
    let own = Signer::hs256("another secret of thirty-two bytes or so");
    let ids = json!([
        "../../jwt-secret",
        "' OR 1=1 --",
        trap.url(),
        "k".repeat(4096),
        "a\0b",
        7,
        ["a"],
        {}
    ]);
    let token =
        |kid: &Value| own.sign(&json!({"alg": "HS256", "kid": kid}), &Claims::of("alice").0);
    refuses(&sidecar, ids.as_array().unwrap().iter().map(token)).await;
    assert_eq!(trap.connections(), 0);
    let of = |kid: Value| Claims::of("alice").under(&json!({"alg": "HS256", "kid": kid}));
    refuses(&sidecar, [json!(7), json!(["a"]), json!({}), json!(null)].map(of)).await;
    assert_eq!(sidecar.get("/").bearer(&of(json!("any"))).status().await, 200);
}

#[tokio::test]
async fn what_must_be_understood_and_is_not_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let headers = [
        json!({"alg": "HS256", "crit": ["require-mfa"], "require-mfa": true}),
        json!({"alg": "HS256", "crit": ["exp"]}),
        json!({"alg": "HS256", "crit": []}),
        json!({"alg": "HS256", "crit": ["b64"], "b64": false}),
        json!({"alg": "HS256", "b64": false}),
        json!({"alg": "HS256", "cty": "JWT"}),
        json!({"alg": "HS256", "enc": "A128GCM"}),
        json!({"alg": "HS256", "typ": "logout+jwt"}),
        json!(["HS256"]),
    ];
    refuses(&sidecar, headers.iter().map(|header| Claims::of("alice").under(header))).await;
    assert_eq!(backend.connections(), 0);
}

#[tokio::test]
async fn a_damaged_signature_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let good = Claims::of("alice").sign();
    let (message, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { "B" } else { "A" };
    let tokens = [
        format!("{message}."),
        message.to_owned(),
        format!("{message}.{}", &signature[..signature.len() - 2]),
        format!("{message}.{flipped}{}", &signature[1..]),
        format!("{good}="),
        format!("{good}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        "..".to_owned(),
        ".".repeat(8000),
        format!("{message}.{}", encode([0; 32])),
    ];
    refuses(&sidecar, tokens).await;
}

#[tokio::test]
async fn a_signature_in_another_spelling_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let good = Claims::of("alice").sign();
    let (rest, last) = good.split_at(good.len() - 1);
    // The last digit of 32 bytes in base64 has two bits to spare.
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let others = alphabet.chars().filter(|&digit| last != digit.to_string());
    refuses(&sidecar, others.map(|digit| format!("{rest}{digit}"))).await;
}

#[tokio::test]
async fn a_token_of_another_secret_is_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    for secret in [
        "",
        "secret",
        "do-not-use-this-secret-in-production",
        &SECRET[..32],
        &format!("{SECRET}\n"),
    ] {
        refuses(&sidecar, [Signer::hs256(secret).token("alice")]).await;
    }
}

#[tokio::test]
async fn every_time_has_its_type_and_counts() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let (past, later) = (in_seconds(-31), in_seconds(60));
    for (claim, values) in [
        ("exp", json!([null, later.to_string(), -1, [later], past, true, {}])),
        ("nbf", json!([later, later.to_string(), "soon", [past]])),
        ("iat", json!([later, later.to_string(), true])),
        ("sub", json!([7, ["alice"], null, {"id": "alice"}, true])),
    ] {
        let token = |value: &Value| Claims::of("alice").with(claim, value.clone()).sign();
        refuses(&sidecar, values.as_array().unwrap().iter().map(token)).await;
    }
    refuses(&sidecar, ["exp", "sub"].map(|claim| Claims::of("alice").without(claim).sign())).await;
}

#[tokio::test]
async fn clocks_may_differ_by_the_leeway() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let of = || Claims::of("alice");
    for claims in [
        of().with("exp", in_seconds(-20)),
        of().with("nbf", in_seconds(20)),
        of().with("exp", 4_102_444_800.5),
    ] {
        assert_eq!(sidecar.get("/").bearer(&claims.sign()).status().await, 200, "{}", claims.0);
    }
}

#[tokio::test]
async fn claims_that_say_two_things_are_refused() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let exp = in_seconds(3600);
    let sign = |header: &str, claims: &str| {
        Signer::hs256(SECRET).sign_message(&format!("{}.{}", encode(header), encode(claims)))
    };
    let good = format!(r#"{{"sub":"alice","exp":{exp}}}"#);
    let tokens = [
        sign(r#"{"alg":"HS256"}"#, &format!(r#"{{"sub":"alice","sub":"bob","exp":{exp}}}"#)),
        sign(r#"{"alg":"none","alg":"HS256"}"#, &good),
        sign(r#"{"alg":"HS256"}"#, r#"{"sub":"alice","exp":1e400}"#),
        sign(r#"{"alg":"HS256"}"#, &format!("{}{}", "[".repeat(3000), "]".repeat(3000))),
        sign(r#"{"alg":"HS256"}"#, &format!("{good}{good}")),
        sign(r#"{"alg":"HS256"}"#, "\"alice\""),
    ];
    refuses(&sidecar, tokens).await;
}

const ISSUER: &str = "https://id.example";

/// A sidecar that wants an issuer and an audience.
async fn particular(backend: &Backend) -> Sidecar {
    let settings = format!("issuer = {ISSUER:?}\naudience = [\"chat\"]");
    Setup::before(backend).issuer_with(&settings).start().await
}

#[tokio::test]
async fn a_token_is_for_us_or_it_is_refused() {
    let backend = Backend::start().await;
    let sidecar = particular(&backend).await;
    let of = |aud: &Value| Claims::of("alice").with("iss", ISSUER).with("aud", aud.clone()).sign();
    for aud in [json!("chat"), json!(["chat"]), json!(["mail", "chat"])] {
        assert_eq!(sidecar.get("/").bearer(&of(&aud)).status().await, 200, "{aud}");
    }
    let others = json!(["Chat", ["mail"], [], "", ["cha", "t"], {"chat": 1}, null, true, "chat "]);
    refuses(&sidecar, others.as_array().unwrap().iter().map(of)).await;
    refuses(&sidecar, [Claims::of("alice").with("iss", ISSUER).sign()]).await;
}

#[tokio::test]
async fn a_token_for_somebody_else_is_not_for_whoever_names_no_audience() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let of = |aud: &Value| Claims::of("alice").with("aud", aud.clone()).sign();
    let audiences = json!(["mail", ["mail"], [], "", ["chat"]]);
    refuses(&sidecar, audiences.as_array().unwrap().iter().map(of)).await;
}

#[tokio::test]
async fn a_token_is_of_the_issuer_we_know_to_the_letter() {
    let backend = Backend::start().await;
    let sidecar = particular(&backend).await;
    let of = |iss: &Value| Claims::of("alice").with("iss", iss.clone()).with("aud", "chat").sign();
    assert_eq!(sidecar.get("/").bearer(&of(&json!(ISSUER))).status().await, 200);
    let others = json!([
        "https://id.example/",
        "https://id",
        "https://id.example.evil",
        [ISSUER],
        "",
        null,
        "HTTPS://id.example"
    ]);
    refuses(&sidecar, others.as_array().unwrap().iter().map(of)).await;
    refuses(&sidecar, [Claims::of("alice").with("aud", "chat").sign()]).await;
}

#[tokio::test]
async fn a_token_too_long_is_refused_without_a_look() {
    let backend = Backend::start().await;
    let sidecar = sidecar(&backend).await;
    let long = Claims::of("alice").with("pad", "x".repeat(9000)).sign();
    refuses(&sidecar, [long]).await;
    let fits = Claims::of("alice").with("pad", "x".repeat(4000)).sign();
    assert_eq!(sidecar.get("/").bearer(&fits).status().await, 200);
}

#[tokio::test]
async fn a_remembered_token_still_expires() {
    let backend = Backend::start().await;
    let sidecar = Setup::before(&backend).issuer_with("leeway = \"0s\"").start().await;
    let token = Claims::of("alice").with("exp", in_seconds(2)).sign();
    assert_eq!(sidecar.get("/").bearer(&token).status().await, 200);
    let refused = async || sidecar.get("/").bearer(&token).status().await == 401;
    crate::support::eventually("the token expires", refused).await;
}
