//! What a request head must look like before anything in it is believed: said once, and in one way.

use http::{HeaderValue, Method, Uri, header, request::Parts, uri::PathAndQuery};

use super::{Denial, PathError};

/// The longest method: more than any that is registered has (RFC 9110 §16.1).
const LONGEST_METHOD: usize = 32;

/// CONNECT and TRACE are nobody's here (RFC 9110 §9.3.6, §9.3.8).
pub(super) fn check_method(method: &Method) -> Result<(), Denial> {
    match *method {
        Method::CONNECT | Method::TRACE => Err(Denial::MethodNotAllowed),
        _ if method.as_str().len() > LONGEST_METHOD => Err(Denial::MethodNotAllowed),
        _ => Ok(()),
    }
}

/// A target is taken for what it is only when it begins with its path: the parser makes `/` of a
/// path that is not there.
pub(super) fn check_target(target: &Uri) -> Result<(), Denial> {
    let is_ours = |scheme: &str| ["https", "http"].contains(&scheme);
    if !target.scheme_str().is_none_or(is_ours) {
        return Err(Denial::Malformed("scheme other than http"));
    }
    let written = target.path_and_query().map_or("/", PathAndQuery::as_str);
    if written.starts_with('/') {
        Ok(())
    } else {
        Err(PathError::NoLeadingSlash.into())
    }
}

/// No value begins or ends with a blank (RFC 9113 §8.2.1): some parsers take it off, some don't.
pub(super) fn check_values(head: &Parts) -> Result<(), Denial> {
    let is_blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    let mut values = head.headers.values().map(HeaderValue::as_bytes);
    if values.any(|value| is_blank(value.first()) || is_blank(value.last())) {
        return Err(Denial::Malformed("header value with blanks around it"));
    }
    Ok(())
}

/// What frames the message must be said in one way (RFC 9112 §6).
pub(super) fn check_framing(head: &Parts) -> Result<(), Denial> {
    // A look at all names costs less than a search for each of these, which are rare.
    let framing = [
        header::TRANSFER_ENCODING,
        header::EXPECT,
        header::CONTENT_LENGTH,
    ];
    if !head.headers.keys().any(|name| framing.contains(name)) {
        return Ok(());
    }
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let is_length =
        |value: &HeaderValue| !value.is_empty() && value.as_bytes().iter().all(u8::is_ascii_digit);
    if !lengths.all(is_length) {
        return Err(Denial::Malformed("content length that is none"));
    }
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => {}
        (Some(only), None) if only.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
        _ => return Err(Denial::Malformed("transfer coding other than chunked")),
    }
    let mut expectations = head.headers.get_all(header::EXPECT).iter();
    if expectations.any(|expected| !expected.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(Denial::ExpectationFailed);
    }
    Ok(())
}

/// A query is forwarded byte for byte, so it may hold only bytes that a target may hold.
pub(super) fn check_query(query: Option<&str>) -> Result<(), Denial> {
    let visible = |byte: u8| (0x21..=0x7e).contains(&byte);
    match query {
        Some(query) if !query.bytes().all(visible) => Err(Denial::Malformed("invalid query")),
        _ => Ok(()),
    }
}
