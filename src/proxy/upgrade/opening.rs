//! [`Opening`]: the handshake with the backend, which may be abandoned at any time.

use http::Response;

use super::backend_side::BackendSide;
use crate::proxy::scratch::Scratch;
use crate::proxy::tunnel::Side;
use crate::proxy::upstream::{Answered, Failure, Lease, Message};
use crate::proxy::worker::Worker;
use crate::sessions::Place;
use crate::snapshot::Limits;

/// A connection to the backend on which a handshake is under way.
///
/// If it is dropped, the backend may have opened a socket all the same: the place is kept until
/// that has ended.
pub(super) struct Opening {
    /// There once it is connected, until it becomes something else.
    lease: Option<Lease>,
    place: Option<Place>,
    scratch: Scratch,
}

impl Opening {
    /// Connects and sends a handshake; the answer's head.
    pub(super) async fn begin(
        worker: &Worker,
        message: Box<Message>,
        limits: &Limits,
        place: Option<Place>,
    ) -> Result<(Response<()>, Self), Failure> {
        let mut opening = Self {
            lease: None,
            place,
            scratch: worker.scratch.clone(),
        };
        let lease = opening.lease.insert(worker.pool.connect(limits).await?);
        let response = lease.exchange(message, limits).await?;
        Ok((response, opening))
    }

    /// The backend has opened a socket.
    pub(super) fn opened(mut self) -> Result<Side<BackendSide>, Failure> {
        let lease = self.lease.take().ok_or(Failure::Closed)?;
        let (stream, read) = lease.into_upgraded();
        let stream = BackendSide::new(stream, self.place.take(), self.scratch.clone());
        Ok(Side { stream, read })
    }

    /// The backend has opened nothing: the place is free.
    pub(super) fn refused(mut self, response: Response<()>) -> Result<Answered, Failure> {
        let lease = self.lease.take().ok_or(Failure::Closed)?;
        Ok(Answered { response, lease })
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take() {
            let (stream, _) = lease.into_upgraded();
            drop(BackendSide::new(
                stream,
                self.place.take(),
                self.scratch.clone(),
            ));
        }
    }
}
