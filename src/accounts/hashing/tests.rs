use std::{
    future::Future,
    pin::Pin,
    sync::{Weak, mpsc},
    task::{Context, Poll, Waker},
};

use super::*;

fn pool(threads: usize) -> HashingPool {
    HashingPool::new(NonZeroUsize::new(threads).unwrap()).unwrap()
}

fn cheap() -> Hashing {
    Hashing::new(64, 1, 1).unwrap()
}

fn password(text: &str) -> Arc<Password> {
    Arc::new(Password::parse(text.to_owned()).unwrap())
}

/// Waits for the thing itself.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        thread::yield_now();
    }
}

/// A request that waits for a job.
type Asking<'a, T> = Pin<Box<dyn Future<Output = Result<T, HashingError>> + 'a>>;

/// A job that has its thread until it is let go.
struct Held<'a> {
    ask: Option<Asking<'a, ()>>,
    let_go: mpsc::Sender<()>,
}

/// Asks for such a job and waits until it has begun.
fn hold(pool: &HashingPool) -> Held<'_> {
    let (let_go, gone) = mpsc::channel();
    let (begun, beginning) = mpsc::channel();
    let held = ask(
        pool.run(Places::Kept, move |_| {
            begun.send(()).unwrap();
            let _ = gone.recv();
            Ok(())
        }),
        let_go,
    );
    beginning.recv().unwrap();
    held
}

/// Asks once, as a request does, and does not wait.
fn ask<'a>(
    future: impl Future<Output = Result<(), HashingError>> + 'a,
    let_go: mpsc::Sender<()>,
) -> Held<'a> {
    let mut ask: Asking<'a, ()> = Box::pin(future);
    assert!(poll(&mut ask).is_pending());
    Held {
        ask: Some(ask),
        let_go,
    }
}

fn poll<T>(future: &mut Asking<'_, T>) -> Poll<Result<T, HashingError>> {
    future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
}

/// Asks for as many jobs as may wait.
fn fill(pool: &HashingPool) -> Vec<Held<'_>> {
    let nothing = || ask(pool.run(Places::Kept, |_| Ok(())), mpsc::channel().0);
    std::iter::repeat_with(nothing).take(QUEUE).collect()
}

#[tokio::test]
async fn a_password_is_checked_against_the_hash_that_was_made_of_it() {
    let pool = pool(2);
    let stored = pool.hash(cheap(), password("12345678")).await.unwrap();
    let check = |text, stored| pool.verify(cheap(), password(text), stored, Places::Kept);
    let right = check("12345678", Some(stored.clone())).await;
    assert_eq!(right, Ok(Verdict::Right));
    let wrong = check("12345679", Some(stored)).await;
    assert_eq!(wrong, Ok(Verdict::Wrong));
    assert_eq!(check("12345678", None).await, Ok(Verdict::Wrong));
    let counts = pool.counts();
    assert_eq!((counts.done, counts.queued, counts.running), (4, 0, 0));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let pool = pool(1);
    let held = hold(&pool);
    let waiting = fill(&pool);
    assert_eq!(
        pool.verify(cheap(), password("12345678"), None, Places::Kept)
            .await,
        Err(HashingError::Busy)
    );
    let counts = pool.counts();
    let now = (counts.queued, counts.running, counts.refused);
    assert_eq!(now, (QUEUE as u64, 1, 1));
    held.let_go.send(()).unwrap();
    held.ask.unwrap().await.unwrap();
    for one in waiting {
        one.ask.unwrap().await.unwrap();
    }
    assert_eq!(pool.counts().done, QUEUE as u64 + 1);
    assert!(
        pool.verify(cheap(), password("12345678"), None, Places::Kept)
            .await
            .is_ok()
    );
}

#[test]
fn the_last_places_are_not_for_everybody() {
    let pool = pool(1);
    let held = hold(&pool);
    let ask_for = |places| {
        let mut asking: Asking<'_, ()> = Box::pin(pool.run(places, |_| Ok(())));
        let answer = poll(&mut asking);
        (asking, answer)
    };
    let common = QUEUE - usize::try_from(KEPT).unwrap();
    let mut waiting: Vec<_> = (0..common).map(|_| ask_for(Places::Common)).collect();
    assert!(waiting.iter().all(|(_, answer)| answer.is_pending()));
    assert_eq!(
        ask_for(Places::Common).1,
        Poll::Ready(Err(HashingError::Busy))
    );
    waiting.extend((common..QUEUE).map(|_| ask_for(Places::Kept)));
    assert!(waiting.iter().all(|(_, answer)| answer.is_pending()));
    assert_eq!(
        ask_for(Places::Kept).1,
        Poll::Ready(Err(HashingError::Busy))
    );
    assert_eq!(pool.counts().refused, 2);
    held.let_go.send(()).unwrap();
}

#[test]
fn a_job_that_has_begun_keeps_its_place_when_its_asker_is_gone() {
    let pool = pool(1);
    let mut held = hold(&pool);
    held.ask = None;
    let waiting = fill(&pool);
    let counts = pool.counts();
    assert_eq!((counts.running, counts.queued), (1, QUEUE as u64));
    let mut refused: Asking<'_, ()> = Box::pin(pool.run(Places::Kept, |_| Ok(())));
    assert_eq!(poll(&mut refused), Poll::Ready(Err(HashingError::Busy)));
    held.let_go.send(()).unwrap();
    until(|| pool.counts().done == QUEUE as u64 + 1);
    drop(waiting);
}

#[test]
fn a_job_whose_asker_is_gone_before_it_begins_keeps_its_place_and_is_not_done() {
    let pool = pool(1);
    let held = hold(&pool);
    drop(fill(&pool));
    assert_eq!(pool.counts().queued, QUEUE as u64);
    let mut refused: Asking<'_, ()> = Box::pin(pool.run(Places::Kept, |_| Ok(())));
    assert_eq!(poll(&mut refused), Poll::Ready(Err(HashingError::Busy)));
    held.let_go.send(()).unwrap();
    until(|| pool.counts().passed_over == QUEUE as u64);
    let counts = pool.counts();
    assert_eq!((counts.queued, counts.done), (0, 1));
}

#[test]
fn as_many_run_at_once_as_there_are_threads() {
    let pool = pool(3);
    let held = [hold(&pool), hold(&pool), hold(&pool)];
    let waiting = ask(pool.run(Places::Kept, |_| Ok(())), mpsc::channel().0);
    let counts = pool.counts();
    assert_eq!((counts.running, counts.queued), (3, 1));
    drop(held);
    until(|| pool.counts().done == 4);
    drop(waiting);
}

#[tokio::test]
async fn a_panic_costs_one_job_and_no_thread() {
    let pool = pool(1);
    let broken = pool.run::<()>(Places::Kept, |_| panic!("on purpose")).await;
    assert_eq!(broken, Err(HashingError::BrokeOff));
    assert_eq!(
        pool.verify(cheap(), password("12345678"), None, Places::Kept)
            .await,
        Ok(Verdict::Wrong)
    );
    assert_eq!(pool.counts().running, 0);
}

#[tokio::test]
async fn a_thread_uses_its_memory_again() {
    let pool = pool(1);
    let size = || pool.run(Places::Kept, |memory| Ok(memory.size()));
    assert_eq!(size().await, Ok(0));
    for _ in 0..3 {
        pool.hash(cheap(), password("12345678")).await.unwrap();
        assert_eq!(size().await, Ok(64));
    }
}

#[test]
fn its_threads_end_with_it() {
    let pool = pool(3);
    let alive: Weak<Counts> = Arc::downgrade(&pool.counts);
    assert!(alive.strong_count() > 1);
    drop(pool);
    until(|| alive.strong_count() == 0);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn its_threads_alone_have_a_low_priority() {
    let niceness = || {
        let this = Some(rustix::thread::gettid());
        rustix::process::getpriority_process(this).unwrap()
    };
    let before = niceness();
    let pool = pool(1);
    let there = pool
        .run(Places::Kept, move |_| Ok(niceness()))
        .await
        .unwrap();
    assert_eq!((there, niceness()), (10.max(before), before));
}

#[test]
fn a_quarter_of_the_cores_hashes_and_one_at_least() {
    for (cores, threads) in [(1, 1), (2, 1), (7, 1), (8, 2), (64, 16)] {
        let cores = NonZeroUsize::new(cores).unwrap();
        assert_eq!(HashingPool::threads_of(cores).get(), threads);
    }
}
