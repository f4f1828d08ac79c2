//! [`Worker`]: one core's data plane. Everything a request needs is here, on one thread.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::Shared;
use super::activity::Activity;
use super::limits::Limiter;
use super::listener::Intake;
use super::own::Calls;
use super::request_id::{RequestId, RequestIds};
use super::scratch::Scratch;
use super::upstream::Pool;
use super::uses::Uses;
use crate::auth::Memo;
use crate::clock::Timestamp;
use crate::runtime::drain::{Draining, InFlight};
use crate::sessions::oversight::{Desk, SessionKind};
use crate::sessions::{Caller, Patience, Places, Sessions};
use crate::snapshot::Snapshot;
use crate::snapshot::live::Reader;
use crate::telemetry::access_log::AccessLog;
use crate::telemetry::metrics::WorkerMetrics;

/// How often logs are flushed, deadlines looked at and idle connections swept.
const TICK: Duration = Duration::from_millis(100);

/// Every so many ticks: what is looked at once a second.
const TICKS_A_SECOND: u32 = 10;

/// Verified tokens that a worker remembers.
const MEMO_CAPACITY: usize = 16 * 1024;

/// A snapshot, counted by this worker alone: a request must not touch a count that other cores
/// write.
pub(super) type Held = Rc<Arc<Snapshot>>;

/// One core's data plane. Not `Sync`, and without a lock.
pub(super) struct Worker {
    reader: Reader<Snapshot>,
    /// The snapshot in force as far as this worker has looked.
    snapshot: RefCell<Held>,
    pub(super) pool: Pool,
    pub(super) memo: RefCell<Memo>,
    pub(super) tunnels: Sessions<Caller>,
    /// Answers that take their time.
    pub(super) streams: Sessions<Caller>,
    pub(super) places: Places,
    pub(super) limiter: Arc<Limiter>,
    pub(super) calls: Calls,
    pub(super) uses: Uses,
    pub(super) metrics: Arc<WorkerMetrics>,
    pub(super) log: AccessLog,
    pub(super) draining: Draining,
    /// What tunnels and links read into.
    pub(super) scratch: Scratch,
    /// Where a name is written before it is logged.
    pub(super) name_buffer: RefCell<String>,
    ids: RefCell<RequestIds>,
    connections: RefCell<Vec<Weak<Activity>>>,
    closing: Cell<bool>,
}

impl Worker {
    fn new(shared: &Shared, index: usize) -> io::Result<Rc<Self>> {
        let snapshot = shared.reader.load();
        let metrics = shared.metrics.worker(index);
        let scratch = Scratch::new();
        let tunnels = Sessions::new();
        Ok(Rc::new(Self {
            reader: shared.reader.clone(),
            pool: Pool::new(&snapshot.backend, scratch.clone(), Arc::clone(&metrics)),
            memo: RefCell::new(Memo::new(MEMO_CAPACITY)),
            streams: tunnels.beside(),
            tunnels,
            places: shared.places.clone(),
            limiter: Arc::clone(&shared.limiter),
            calls: shared.calls.clone(),
            uses: Uses::new(shared.sightings.clone()),
            metrics,
            log: AccessLog::new(shared.log.clone(), snapshot.log_format),
            draining: shared.draining.clone(),
            scratch,
            name_buffer: RefCell::default(),
            ids: RefCell::new(RequestIds::new()?),
            connections: RefCell::default(),
            closing: Cell::new(false),
            snapshot: RefCell::new(Rc::new(snapshot)),
        }))
    }

    /// The snapshot in force: one atomic load, and another snapshot only after a publication.
    pub(super) fn snapshot(&self) -> Held {
        let current = Rc::clone(&self.snapshot.borrow());
        if self.reader.generation() == current.generation {
            return current;
        }
        let next = Rc::new(self.reader.load());
        self.pool.follow(&next.backend);
        self.log.set_format(next.log_format);
        *self.snapshot.borrow_mut() = Rc::clone(&next);
        next
    }

    pub(super) fn next_request_id(&self, now: Timestamp) -> RequestId {
        self.ids.borrow_mut().next(now)
    }

    /// Makes sure that a connection is told when the process drains.
    pub(super) fn watch(&self, activity: &Rc<Activity>) {
        if self.closing.get() {
            activity.close();
        }
        self.connections.borrow_mut().push(Rc::downgrade(activity));
    }

    /// Runs until the process has drained, or the limit for that has passed.
    async fn run(self: Rc<Self>, intakes: Vec<Intake>, desk: Desk) {
        for intake in intakes {
            let worker = Rc::clone(&self);
            tokio::task::spawn_local(async move {
                if let Err(error) = intake.run(worker).await {
                    tracing::error!(%error, "cannot listen");
                }
            });
        }
        tokio::task::spawn_local(Rc::clone(&self).review());
        tokio::task::spawn_local(desk.attend([
            (SessionKind::WebSocket, self.tunnels.clone()),
            (SessionKind::Stream, self.streams.clone()),
        ]));
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0_u32;
        let mut deadline = None;
        while !deadline.is_some_and(|deadline| self.is_drained(deadline)) {
            ticks.tick().await;
            count = count.wrapping_add(1);
            self.tick();
            if count.is_multiple_of(TICKS_A_SECOND) {
                self.sweep();
            }
            if deadline.is_none() && self.draining.is_started() {
                self.close();
                deadline = Some(Instant::now() + self.snapshot().limits.drain);
            }
        }
        self.uses.sweep(Timestamp::now());
        self.log.flush();
    }

    fn tick(&self) {
        let now = Timestamp::now();
        self.tunnels.expire(now);
        self.streams.expire(now);
        self.pool.sweep();
        self.log.flush();
    }

    /// What is looked at once a second: who has been silent or stalled for too long, and which
    /// keys were used.
    fn sweep(&self) {
        let now = Timestamp::now();
        self.uses.sweep(now);
        let snapshot = self.snapshot();
        let patience = Patience {
            idle: snapshot.websocket.idle_timeout,
            stalled: Some(snapshot.limits.write_stall),
        };
        self.tunnels.sweep(now, patience);
        self.connections
            .borrow_mut()
            .retain(|connection| connection.strong_count() > 0);
    }

    /// Judges what is open again whenever a snapshot is published.
    async fn review(self: Rc<Self>) {
        let mut reader = self.reader.clone();
        loop {
            reader.changed().await;
            let snapshot = self.snapshot();
            let generation = snapshot.generation.0;
            let judge = move |caller: &Caller, now| snapshot.gate.review(&caller.proof, now);
            let now = Timestamp::now();
            tokio::join!(
                self.tunnels.review(generation, judge.clone(), now),
                self.streams.review(generation, judge, now),
            );
        }
    }

    /// Asks everything to come to an end.
    fn close(&self) {
        self.closing.set(true);
        for activity in self.connections.borrow().iter().filter_map(Weak::upgrade) {
            activity.close();
        }
        self.tunnels.drain();
        self.streams.drain();
    }

    fn is_drained(&self, deadline: Instant) -> bool {
        let idle = self
            .connections
            .borrow()
            .iter()
            .all(|connection| connection.strong_count() == 0);
        idle || Instant::now() >= deadline
    }
}

/// Starts a worker on a thread of its own; it ends when the process has drained.
pub(super) fn start(
    shared: &Shared,
    index: usize,
    intakes: Vec<Intake>,
    desk: Desk,
) -> io::Result<JoinHandle<()>> {
    let shared = shared.clone();
    let in_flight: InFlight = shared.draining.in_flight();
    thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || {
            // Held until this thread has no more to do.
            let _in_flight = in_flight;
            if let Err(error) = run(&shared, index, intakes, desk) {
                tracing::error!(%error, worker = index, "worker cannot run");
            }
        })
}

fn run(shared: &Shared, index: usize, intakes: Vec<Intake>, desk: Desk) -> io::Result<()> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .thread_name(format!("worker-{index}-resolver"))
        .build_local(LocalOptions::default())?;
    let worker = Worker::new(shared, index)?;
    runtime.block_on(worker.run(intakes, desk));
    Ok(())
}
