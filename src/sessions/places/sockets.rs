//! [`Sockets`]: those of one user, and those who wait for one of them to end.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::PARTING;
use super::seat::Seat;

/// The sockets of one user.
///
/// Whoever is admitted when there is room takes it at once only if that leaves enough for those who
/// wait, so each of them gets the place that was cleared for it.
#[derive(Debug, Default)]
pub(super) struct Sockets {
    /// The oldest first.
    open: Vec<Arc<Seat>>,
    /// How many of these, from the first on, are about to end: because they have been told to, or by
    /// themselves.
    leaving: usize,
    /// Who waits, and how many sockets there may be then; the first to come is the first to go.
    waiting: VecDeque<(Arc<Seat>, usize)>,
}

/// There are as many as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Crowded;

impl Sockets {
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.waiting.is_empty()
    }

    /// Opens one, however many there are.
    pub(super) fn open(&mut self, seat: &Arc<Seat>) {
        self.open.push(Arc::clone(seat));
        seat.grant();
    }

    /// Opens one, if there may be one more.
    pub(super) fn open_within(&mut self, seat: &Arc<Seat>, most: u32) -> Result<(), Crowded> {
        if self.open.len() + self.waiting.len() >= size(most) {
            return Err(Crowded);
        }
        self.open(seat);
        Ok(())
    }

    /// Opens one, or lets it wait for the oldest to go, which are to be told so. The error is how
    /// long to wait before asking again; `rest` is that of one who may not send others away.
    pub(super) fn replace_within(
        &mut self,
        seat: &Arc<Seat>,
        most: u32,
        rest: Option<Duration>,
    ) -> Result<Vec<Arc<Seat>>, Duration> {
        if self.open_within(seat, most).is_ok() {
            return Ok(Vec::new());
        }
        let most = size(most);
        if self.waiting.len() >= most {
            return Err(PARTING);
        }
        let staying = self.open.len() - self.leaving;
        let too_many = (staying + self.waiting.len() + 1).saturating_sub(most);
        if let (1.., Some(rest)) = (too_many, rest) {
            return Err(rest);
        }
        let told = self.open.iter().skip(self.leaving).take(too_many);
        let told: Vec<_> = told.cloned().collect();
        self.leaving += told.len();
        self.waiting.push_back((Arc::clone(seat), most));
        Ok(told)
    }

    /// One is about to end by itself: whoever comes next sends nobody away for it.
    pub(super) fn part(&mut self, seat: &Arc<Seat>) {
        let staying = self.open.iter().skip(self.leaving);
        let at = staying
            .into_iter()
            .position(|other| Arc::ptr_eq(other, seat));
        if let Some(at) = at
            && let Some(seats) = self.open.get_mut(self.leaving..=self.leaving + at)
        {
            seats.rotate_right(1);
            self.leaving += 1;
        }
    }

    /// Lets one go, whether it was open or waited. Those who have its place now are to be told so.
    pub(super) fn leave(&mut self, seat: &Arc<Seat>) -> Vec<Arc<Seat>> {
        let is_it = |other: &Arc<Seat>| Arc::ptr_eq(other, seat);
        if let Some(at) = self.open.iter().position(is_it) {
            self.open.remove(at);
            if at < self.leaving {
                self.leaving -= 1;
            }
        }
        self.waiting.retain(|(waiting, _)| !is_it(waiting));
        let mut granted = Vec::new();
        let open = self.open.len();
        while let Some((next, _)) = self
            .waiting
            .pop_front_if(|(_, most)| open + granted.len() < *most)
        {
            granted.push(next);
        }
        self.open.extend(granted.iter().cloned());
        granted
    }
}

fn size(most: u32) -> usize {
    usize::try_from(most).unwrap_or(usize::MAX)
}
