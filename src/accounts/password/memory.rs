//! [`Memory`]: what argon2 works in.

use argon2::{Argon2, Block};
use zeroize::Zeroize as _;

use super::HashFailed;
#[cfg(test)]
use super::effort::Effort;

/// The memory of one thread that hashes: allocated at the first hash, wiped after each, used again.
#[derive(Default)]
pub struct Memory {
    blocks: Vec<Block>,
    /// What has been done in it.
    #[cfg(test)]
    pub(super) efforts: Vec<Effort>,
}

impl Memory {
    /// Nothing is allocated yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is allocated, in KiB.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.blocks.capacity()
    }

    /// Runs argon2, with as much memory as its parameters say.
    pub(super) fn run(
        &mut self,
        argon2: &Argon2<'_>,
        input: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), HashFailed> {
        let count = argon2.params().block_count();
        if let Some(more) = count.checked_sub(self.blocks.len()) {
            self.blocks
                .try_reserve_exact(more)
                .map_err(|_| HashFailed::NoMemory)?;
            self.blocks.resize(count, Block::new());
        }
        #[cfg(test)]
        self.efforts.push(Effort::of_argon2(
            argon2.params().m_cost(),
            argon2.params().t_cost(),
        ));
        argon2
            .hash_password_into_with_memory(input, salt, output, &mut self.blocks)
            .map_err(HashFailed::Refused)
    }

    /// Forgets what was hashed, and gives back what is beyond this many KiB: a stored hash may
    /// have asked for more than is configured.
    pub(super) fn wipe(&mut self, keep: u32) {
        // What lies in it would let guesses be checked without the passes.
        self.blocks.iter_mut().zeroize();
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        if self.blocks.len() > keep {
            self.blocks.truncate(keep);
            self.blocks.shrink_to_fit();
        }
    }

    #[cfg(test)]
    pub(super) fn is_wiped(&self) -> bool {
        let mut words = self.blocks.iter().flat_map(AsRef::as_ref);
        words.all(|word| *word == 0)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.blocks.iter_mut().zeroize();
    }
}
