//! doorward: an authentication sidecar for chat backends.
//!
//! It ends TLS in front of an unmodified backend, decides who is calling, throws away every
//! identity the client claims, and writes the verified one where the backend reads it.
//!
//! ```text
//!             ┌──────────────── one worker thread per core; it holds its own Arc<Snapshot> ────────────────┐
//!  client ──▶ proxy/listener ─▶ proxy/connection ─▶ proxy/handler ──────────▶ proxy/upstream ─▶ backend
//!             SO_REUSEPORT       TLS, ALPN, hyper      │ Gate::admit()         proxy/tunnel (after 101)
//!                                                      ▼ sync, pure            ▲
//!                                       extract ▶ verify ▶ policy ▶ rewrite ── Admitted
//!                                                      │ Denial
//!                                                      └▶ proxy/reply   the only place that picks a status
//!  ═══════════════════════════ the only joint: Arc<Snapshot> ═════════════════════════════════════════════
//!  config, env, secrets, certificates, keys ─▶ control/{watch,load} ▶ snapshot/compile ▶ snapshot/live
//! ```
//!
//! Modules in the order of their layers; a file imports only what stands above it in this list and
//! its own folder (`tests/architecture.rs` checks it).

// L0: what everything may use.
pub mod clock;
pub mod runtime;
pub mod secret;
pub mod telemetry;
// L1: pure decisions, and TLS material.
pub mod auth;
pub mod tls;
// L2: what the operator wrote.
pub mod config;
pub mod profile;
pub mod store;
// L3: what runs.
pub mod snapshot;
// What is open under it.
pub mod sessions;
// L4: the two planes; they never import each other.
pub mod control;
pub mod proxy;
// L5: who logs in with a password.
pub mod accounts;
// What operators do over HTTP.
pub mod admin;
// The embedded demonstration backend.
pub mod demo;
// L6: the composition root.
pub mod app;
// L7: the commands.
pub mod cli;
// L8: what must hold of all this for any bytes; not in the program.
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
