//! The profiles that come with the program.

use std::sync::Arc;

use super::{Profile, ProfileError};
use crate::config::ProfileName;

/// Their texts, in the order of [`ProfileName::EMBEDDED`].
const TEXTS: [&str; ProfileName::EMBEDDED.len()] = [
    include_str!("../../config/profiles/generic.toml"),
    include_str!("../../config/profiles/cheshire-cat-1.toml"),
    include_str!("../../config/profiles/cheshire-cat-2.toml"),
    include_str!("../../config/profiles/zep.toml"),
    include_str!("../../config/profiles/zep-ce.toml"),
];

impl Profile {
    /// The profile of this name, if it comes with the program.
    ///
    /// # Errors
    /// Never for the program as built: a test reads them all.
    pub fn embedded(name: &str) -> Option<Result<Arc<Self>, ProfileError>> {
        let mut named = ProfileName::EMBEDDED.iter().zip(TEXTS);
        let (name, text) = named.find(|(one, _)| **one == name)?;
        Some(Self::parse(name, text).map(Arc::new))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_profile_reads_and_bears_its_own_name() {
        for name in ProfileName::EMBEDDED {
            assert_eq!(Profile::embedded(name).unwrap().unwrap().name, name);
        }
        assert!(Profile::embedded("none").is_none());
    }
}
