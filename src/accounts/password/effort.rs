//! [`Effort`]: how long a hash takes, in a unit that needs no clock.

/// Blocks of 1 KiB that argon2 fills, which take the same time each, nearly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Effort(u64);

/// What one of bcrypt's 2^cost rounds takes, in argon2's blocks: measured with `benches/password.rs`.
const BLOCKS_A_BCRYPT_ROUND: u64 = 90;

impl Effort {
    pub(super) const NONE: Self = Self(0);

    /// Of argon2 with this much memory in KiB.
    pub(super) fn of_argon2(memory: u32, passes: u32) -> Self {
        Self(u64::from(memory).saturating_mul(u64::from(passes)))
    }

    /// Of bcrypt with this cost.
    pub(super) fn of_bcrypt(cost: u32) -> Self {
        let rounds = 1_u64.checked_shl(cost).unwrap_or(u64::MAX);
        Self(rounds.saturating_mul(BLOCKS_A_BCRYPT_ROUND))
    }

    /// What is missing of this one when that one is done.
    pub(super) const fn without(self, done: Self) -> Self {
        Self(self.0.saturating_sub(done.0))
    }

    #[cfg(test)]
    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// The next run of argon2 with at most this much memory, as memory in KiB and passes; none when
    /// too little is left for one.
    pub(super) fn next_run(self, most_memory: u32) -> Option<(u32, u32)> {
        let memory = most_memory.min(u32::try_from(self.0).unwrap_or(u32::MAX));
        let enough = memory >= argon2::Params::MIN_M_COST;
        let passes = u32::try_from(self.0.checked_div(u64::from(memory))?).unwrap_or(u32::MAX);
        enough.then_some((memory, passes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn runs_make_up_for_all_that_is_missing_but_a_few_blocks(
            all in 0_u64..1 << 40,
            memory in 8_u32..1 << 20,
        ) {
            let (mut left, mut runs) = (Effort(all), 0);
            while let Some((run, passes)) = left.next_run(memory) {
                prop_assert!((8..=memory).contains(&run) && passes > 0);
                prop_assert!(u64::from(run) * u64::from(passes) <= left.0);
                left = left.without(Effort::of_argon2(run, passes));
                runs += 1;
            }
            prop_assert!(left.0 < 8 && runs <= 3, "{} left after {}", left.0, runs);
        }
    }

    #[test]
    fn nothing_is_missing_after_more_than_was_asked_for() {
        let asked = Effort::of_argon2(8, 1);
        assert_eq!(asked.without(Effort::of_argon2(9, 1)), Effort::NONE);
        assert_eq!(Effort::of_bcrypt(64), Effort(u64::MAX));
    }
}
