//! The profiles that come with the program.

use std::sync::Arc;

use super::{Profile, ProfileError};

/// Their names and texts.
const TEXTS: [(&str, &str); 2] = [
    (
        "generic",
        include_str!("../../config/profiles/generic.toml"),
    ),
    (
        "cheshire-cat-1",
        include_str!("../../config/profiles/cheshire-cat-1.toml"),
    ),
];

impl Profile {
    /// `generic`: identity in the header `user_id`, every path for whoever is authenticated.
    ///
    /// # Errors
    /// Never for the program as built: a test reads it.
    pub fn generic() -> Result<Arc<Self>, ProfileError> {
        let [(name, text), _] = TEXTS;
        Self::parse(name, text).map(Arc::new)
    }

    /// `cheshire-cat-1`: Cheshire Cat 1.x.
    ///
    /// # Errors
    /// Never for the program as built: a test reads it.
    pub fn cheshire_cat_1() -> Result<Arc<Self>, ProfileError> {
        let [_, (name, text)] = TEXTS;
        Self::parse(name, text).map(Arc::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_profile_reads_and_bears_its_own_name() {
        for (name, text) in TEXTS {
            assert_eq!(Profile::parse(name, text).unwrap().name, name);
        }
    }
}
