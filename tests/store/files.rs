//! What a file must stand.
