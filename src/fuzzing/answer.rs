//! The backend's answer: however the bytes are cut, it is read the same.

use crate::proxy::reading::{Answer, read_answer};

/// The first byte says how long the segments are; the others are what the backend said before it
/// closed.
pub fn answer(bytes: &[u8]) {
    let Some((size, bytes)) = bytes.split_first() else {
        return;
    };
    for method in [http::Method::GET, http::Method::HEAD] {
        let whole = read_answer(&method, bytes.chunks(bytes.len().max(1)));
        let cut = read_answer(&method, bytes.chunks(usize::from(*size % 32) + 1));
        assert_eq!(whole, cut, "{:?}", bytes.escape_ascii());
        if let Some(answer) = whole {
            holds(&method, bytes, &answer);
        }
    }
}

fn holds(method: &http::Method, bytes: &[u8], answer: &Answer) {
    let headers = &answer.headers;
    let lengths = headers.get_all("content-length").iter().count();
    let codings = headers.get_all("transfer-encoding").iter().count();
    assert!(lengths + codings <= 1, "framed twice: {headers:?}");
    if method == http::Method::HEAD || [101, 204, 304].contains(&answer.status) {
        assert!(answer.body.is_empty());
    } else if let Some(length) = headers.get("content-length") {
        assert_eq!(length.to_str().unwrap().parse(), Ok(answer.body.len()));
    }
    let contains = |part: &[u8]| part.is_empty() || bytes.windows(part.len()).any(|it| it == part);
    if codings == 0 {
        assert!(contains(&answer.body), "the body is none of the backend's");
    }
    for name in ["content-length", "transfer-encoding", "connection"] {
        assert!(!answer.trailers.contains_key(name), "{:?}", answer.trailers);
    }
}
