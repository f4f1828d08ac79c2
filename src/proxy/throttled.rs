//! Who asks for too much: bad credentials, new visitors, requests of one user.

use std::time::Instant;

use super::exchange::Exchange;
use super::handler::Asked;
use super::reply::Refusal;
use crate::auth::Denial;

impl Asked {
    /// Bad credentials of one address; a good one is never refused for the bad ones before it.
    pub(super) fn over_failure_rate(&self, denial: Denial, exchange: &Exchange) -> Option<Refusal> {
        let Denial::Unauthenticated(_) = denial else {
            return None;
        };
        let rate = self.snapshot.limits.failures_per_address?;
        let worker = &self.client.worker;
        let over = worker
            .limiter
            .failure(exchange.origin, rate, Instant::now());
        let retry_after = over.err()?;
        worker.metrics.throttled("failures_per_address");
        Some(Refusal::TooMany { retry_after })
    }

    pub(super) fn over_visitor_rate(&self, exchange: &Exchange) -> Option<Refusal> {
        let rate = self.snapshot.limits.ids_per_address?;
        let worker = &self.client.worker;
        let over = worker
            .limiter
            .visitor(exchange.origin, rate, Instant::now());
        let retry_after = over.err()?;
        worker.metrics.throttled("ids_per_address");
        Some(Refusal::TooMany { retry_after })
    }

    pub(super) fn over_user_rate(&self, exchange: &Exchange) -> Option<Refusal> {
        let rate = self.snapshot.limits.requests_per_user?;
        let user = exchange.admission()?.identity()?.user();
        let worker = &self.client.worker;
        let over = worker.limiter.request(user.as_str(), rate, Instant::now());
        let retry_after = over.err()?;
        worker.metrics.throttled("requests_per_user");
        Some(Refusal::TooMany { retry_after })
    }
}
