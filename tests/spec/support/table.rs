//! Tables of what a backend does and what the sidecar does instead.

use std::fmt::Debug;

/// A row says why the sidecar differs from the backend, and only where it does.
#[track_caller]
pub fn differs_on_purpose<T: PartialEq + Debug>(given: &str, backend: &T, ours: &T, why: &str) {
    if backend == ours {
        assert_eq!(why, "", "{given}: a reason for no difference");
    } else {
        assert!(!why.is_empty(), "{given}: {backend:?} became {ours:?} without a reason");
    }
}
