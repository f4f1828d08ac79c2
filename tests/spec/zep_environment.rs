//! What each choice of Zep 0.x's own variables opens: in Zep, and here (interface §2 "Environment
//! alone").

use serde_json::{Value, json};

use crate::support::{Backend, Setup, Signer, differs_on_purpose};

const SECRET: &str = "a-secret-of-more-than-thirty-two-bytes";

/// The two variables, and the statuses of a call without a token and of one with it; nothing
/// where it does not start at all.
struct Row {
    given: &'static str,
    required: Option<&'static str>,
    secret: Option<&'static str>,
    backend: Option<[u16; 2]>,
    doorward: Option<[u16; 2]>,
    said: &'static [&'static str],
    why: &'static str,
}

const NO_END: &str = "tokens of this issuer need not expire";
const NOBODY: &str = "nobody can be authenticated";
const NOT_REQUIRED: &str = "ZEP_AUTH_REQUIRED is not true";
const CLOSED: &str =
    "what is not said to be required is required: nothing here opens a backend by default";

const IT_RUNS: &str = "closed is safe, and its log and health page can say what is missing";

const MATRIX: &[Row] = &[
    Row {
        given: "required",
        required: Some("true"),
        secret: Some(SECRET),
        backend: Some([401, 200]),
        doorward: Some([401, 200]),
        said: &[NO_END],
        why: "",
    },
    Row {
        given: "not required",
        required: Some("false"),
        secret: Some(SECRET),
        backend: Some([200, 200]),
        doorward: Some([401, 200]),
        said: &[NOT_REQUIRED, NO_END],
        why: CLOSED,
    },
    Row {
        given: "nothing said of it",
        required: None,
        secret: Some(SECRET),
        backend: Some([200, 200]),
        doorward: Some([401, 200]),
        said: &[NOT_REQUIRED, NO_END],
        why: CLOSED,
    },
    Row {
        given: "required, and empty",
        required: Some(""),
        secret: Some(SECRET),
        backend: Some([200, 200]),
        doorward: Some([401, 200]),
        said: &[NOT_REQUIRED, NO_END],
        why: CLOSED,
    },
    Row {
        given: "required without a secret",
        required: Some("true"),
        secret: None,
        backend: None,
        doorward: Some([401, 401]),
        said: &["ZEP_AUTH_SECRET is not set", NOBODY],
        why: IT_RUNS,
    },
    Row {
        given: "required with an empty secret",
        required: Some("true"),
        secret: Some(""),
        backend: None,
        doorward: Some([401, 401]),
        said: &["ZEP_AUTH_SECRET is empty", NOBODY],
        why: IT_RUNS,
    },
    Row {
        given: "not required, with the secret that everybody knows",
        required: Some("false"),
        secret: Some("do-not-use-this-secret-in-production"),
        backend: Some([200, 200]),
        doorward: None,
        said: &[],
        why: "with a secret that everybody knows, everybody signs tokens",
    },
];

#[tokio::test]
async fn a_token_is_needed_whatever_the_variables_leave_open_and_that_is_said_once() {
    for Row { given, required, secret, backend: theirs, doorward, said, why } in MATRIX {
        differs_on_purpose(given, theirs, doorward, why);
        let backend = Backend::start().await;
        let mut setup = Setup::from_environment(&backend);
        for (name, value) in [("ZEP_AUTH_REQUIRED", required), ("ZEP_AUTH_SECRET", secret)] {
            if let Some(value) = value {
                setup = setup.environment(name, value);
            }
        }
        let Some(statuses) = doorward else {
            let complaint = setup.refused().await;
            assert!(complaint.contains("ZEP_AUTH_SECRET"), "{given}: {complaint}");
            continue;
        };
        let sidecar = setup.start().await;
        let token = Signer::hs256(SECRET).sign(&json!({"alg": "HS256", "typ": "JWT"}), &json!({}));
        let call = || sidecar.get("/api/v1/user");
        let ours = [call().status().await, call().bearer(&token).status().await];
        assert_eq!(ours, *statuses, "{given}: {why}");
        let passed = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(backend.seen().len(), passed, "{given}");
        let is_last = |record: &Value| record["status"] == statuses[1];
        sidecar.record("the record of the call", is_last).await;
        let warned = sidecar.warnings();
        assert_eq!(warned.len(), said.len(), "{given}: {warned:?}");
        for (warning, words) in warned.iter().zip(*said) {
            assert!(warning.contains(words), "{given}: {warning}");
        }
    }
}
