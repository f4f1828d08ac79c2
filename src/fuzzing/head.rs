//! A request head from the bytes of HTTP/1.1, as hyper hands it on.

use http::{Request, Version, request::Parts};

/// Reads a head; `None` when it is none, which hyper would have answered itself.
pub(super) fn read(bytes: &[u8]) -> Option<Parts> {
    let mut lines = [httparse::EMPTY_HEADER; 100];
    let mut read = httparse::Request::new(&mut lines);
    if !read.parse(bytes).ok()?.is_complete() {
        return None;
    }
    let mut request = Request::builder()
        .method(read.method?)
        .uri(read.path?)
        .version(match read.version? {
            0 => Version::HTTP_10,
            _ => Version::HTTP_11,
        });
    for line in read.headers.iter() {
        request = request.header(line.name, line.value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}
