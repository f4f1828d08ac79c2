use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::task::{Context, Waker};

use futures_util::FutureExt as _;
use proptest::prelude::*;

use super::*;

const OFF: SocketLimit = SocketLimit::Off;

fn newcomer(user: &str, network: u128) -> Newcomer<'_> {
    Newcomer { user, network }
}

/// A table, and the time at which everything happens.
struct Rig {
    places: Places,
    now: Instant,
    /// A network that nobody has come from yet.
    network: u128,
}

impl Rig {
    fn new() -> Self {
        Self {
            places: Places::new(),
            now: Instant::now(),
            network: 1000,
        }
    }

    fn ask(&mut self, user: &str, limit: SocketLimit) -> Result<Waiting, NoPlace> {
        self.network += 1;
        self.ask_from(self.network, user, limit)
    }

    fn ask_from(&self, network: u128, user: &str, limit: SocketLimit) -> Result<Waiting, NoPlace> {
        self.places.ask(newcomer(user, network), limit, self.now)
    }

    /// A place that is free at once.
    fn open(&mut self, user: &str, limit: SocketLimit) -> Place {
        granted(self.ask(user, limit).expect("a place"))
    }

    /// How many users are known, and how many who were replaced.
    fn kept(&self) -> (usize, usize) {
        let shards = self.places.0.shards.iter();
        let kept = shards.map(|shard| {
            let shard = shard.lock().unwrap();
            (shard.users.len(), shard.replaced.len())
        });
        kept.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    }
}

fn granted(waiting: Waiting) -> Place {
    waiting.granted().now_or_never().expect("granted at once")
}

fn is_told(place: &Place) -> bool {
    let cx = Context::from_waker(Waker::noop());
    place.notice().poll(&cx).is_ready()
}

fn is_waiting(waiting: &Waiting) -> bool {
    let cx = Context::from_waker(Waker::noop());
    waiting.0.seat.poll_granted(&cx).is_pending()
}

#[test]
fn a_user_may_open_as_many_sockets_as_the_limit_says() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Refuse(2);
    let (first, _second) = (rig.open("alice", limit), rig.open("alice", limit));
    let refused = rig.ask("alice", limit).err().unwrap();
    assert_eq!(refused.retry_after, SOME_TIME);
    let _bob = rig.open("bob", limit);
    assert!(!is_told(&first));
    drop(first);
    drop(rig.open("alice", limit));
}

#[test]
fn a_lowered_limit_counts_for_new_sockets_only() {
    let mut rig = Rig::new();
    let open = [OFF; 5].map(|off| rig.open("alice", off));
    assert!(rig.ask("alice", SocketLimit::Refuse(3)).is_err());
    assert_eq!((open.len(), rig.places.of("alice")), (5, 5));
    assert!(!open.iter().any(is_told));
}

#[test]
fn a_user_without_sockets_takes_no_memory() {
    let mut rig = Rig::new();
    drop(rig.open("alice", OFF));
    for none in [SocketLimit::Refuse(0), SocketLimit::Replace(0)] {
        assert!(rig.ask("bob", none).is_err());
    }
    assert_eq!(rig.kept(), (0, 0));
}

#[test]
fn the_oldest_makes_room_and_the_newcomer_has_its_place_once_it_is_gone() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(2);
    let (oldest, older) = (rig.open("alice", limit), rig.open("alice", limit));
    let newcomer = rig.ask("alice", limit).unwrap();
    assert!(is_told(&oldest) && !is_told(&older));
    assert_eq!(oldest.replaced_at(), Some(rig.now));
    assert!(is_waiting(&newcomer));
    drop(oldest);
    let newcomer = granted(newcomer);
    assert!(!is_told(&older) && !is_told(&newcomer));
    assert_eq!(rig.places.of("alice"), 2);
}

#[test]
fn a_place_that_is_being_handed_over_is_nobody_elses() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    let old = rig.open("alice", limit);
    let newcomer = rig.ask("alice", limit).unwrap();
    let third = rig.ask("alice", limit).err().unwrap();
    assert_eq!(third.retry_after, PARTING);
    assert!(rig.ask("alice", SocketLimit::Refuse(1)).is_err());
    drop(old);
    let newcomer = granted(newcomer);
    assert!(!is_told(&newcomer));
    assert!(rig.ask("alice", SocketLimit::Refuse(1)).is_err());
}

#[test]
fn a_newcomer_that_leaves_leaves_the_place_free() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    let old = rig.open("alice", limit);
    drop(rig.ask("alice", limit));
    // The old one goes all the same: who comes now need not send anyone away.
    let next = rig.ask_from(1, "alice", limit).unwrap();
    assert!(is_waiting(&next));
    drop(next);
    drop(old);
    let again = rig.open("alice", limit);
    drop(again);
    let waits = (rig.open("alice", limit), rig.ask("alice", limit));
    drop(waits);
    assert_eq!(rig.kept().0, 0);
}

#[test]
fn a_newcomer_that_leaves_with_the_place_already_its_own_gives_it_on() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    let old = rig.open("alice", limit);
    let newcomer = rig.ask("alice", limit).unwrap();
    drop(old);
    let next = rig.ask("alice", limit).unwrap();
    assert!(is_told(&newcomer.0) && is_waiting(&next));
    drop(newcomer);
    drop(granted(next));
}

#[test]
fn as_many_make_room_as_a_lowered_limit_asks_for() {
    let mut rig = Rig::new();
    let mut open = Vec::from([OFF; 4].map(|off| rig.open("alice", off)));
    let newcomer = rig.ask("alice", SocketLimit::Replace(2)).unwrap();
    assert_eq!(open.iter().filter(|place| is_told(place)).count(), 3);
    drop(open.drain(..2));
    assert!(is_waiting(&newcomer));
    drop(open.remove(0));
    drop(granted(newcomer));
    assert!(!is_told(&open[0]));
}

#[test]
fn whoever_was_replaced_rests_before_it_replaces() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    let first = granted(rig.ask_from(1, "alice", limit).unwrap());
    let second = rig.ask_from(2, "alice", limit).unwrap();
    drop(first);
    let second = granted(second);
    rig.now += Duration::from_secs(2);
    let refused = rig.ask_from(1, "alice", limit).err().unwrap();
    assert_eq!(refused.retry_after, Duration::from_secs(3));
    assert!(!is_told(&second));
    // Another user's from there, and one of the user's from elsewhere, are not meant.
    let _bob = rig.open("bob", limit);
    drop(rig.ask_from(1, "bob", limit).unwrap());
    assert!(!is_told(&second));
    rig.now += Duration::from_secs(3);
    let again = rig.ask_from(1, "alice", limit).unwrap();
    drop(second);
    drop(granted(again));
}

#[test]
fn whoever_was_replaced_has_a_place_that_is_free() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    let first = granted(rig.ask_from(1, "alice", limit).unwrap());
    let second = rig.ask("alice", limit).unwrap();
    drop(first);
    drop(granted(second));
    drop(granted(rig.ask_from(1, "alice", limit).unwrap()));
}

#[test]
fn who_was_replaced_is_forgotten() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    for user in 0..20_000 {
        let user = user.to_string();
        let old = rig.open(&user, limit);
        drop(rig.ask(&user, limit));
        drop(old);
    }
    let (_, remembered) = rig.kept();
    assert!((1000..=SHARDS * 512).contains(&remembered), "{remembered}");
    rig.now += Replaced::MEMORY;
    for user in 0..1000 {
        drop(rig.open(&user.to_string(), limit));
    }
    assert_eq!(rig.kept(), (0, 0));
}

#[test]
fn a_notice_wakes_who_waits_for_it_from_another_thread() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    for network in 0..200 {
        let old = rig.open("alice", limit);
        let (notice, places) = (old.notice(), rig.places.clone());
        let now = rig.now;
        let asking = std::thread::spawn(move || places.ask(newcomer("alice", network), limit, now));
        block_on(poll_fn(|cx| notice.poll(cx)));
        let next = asking.join().unwrap().unwrap();
        let waking = std::thread::spawn(move || drop(old));
        drop(block_on(next.granted()));
        waking.join().unwrap();
    }
    assert_eq!(rig.kept().0, 0);
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let within = async { tokio::time::timeout(Duration::from_secs(20), future).await };
    runtime.unwrap().block_on(within).expect("woken")
}

#[test]
fn threads_that_replace_each_other_are_never_more_than_the_limit() {
    const MOST: u32 = 3;
    let places = Places::new();
    let (open, highest, admitted) = (AtomicU32::new(0), AtomicU32::new(0), AtomicUsize::new(0));
    let live = |network: u128| {
        let limit = SocketLimit::Replace(MOST);
        let Ok(waiting) = places.ask(newcomer("alice", network), limit, Instant::now()) else {
            return;
        };
        // Some leave without waiting for the place.
        if network.is_multiple_of(7) {
            return;
        }
        let place = block_on(waiting.granted());
        highest.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        admitted.fetch_add(1, Ordering::Relaxed);
        // Others end by themselves.
        if !network.is_multiple_of(3) {
            let patience = Duration::from_millis(2);
            let notice = place.notice();
            let replaced = async {
                let _ = tokio::time::timeout(patience, poll_fn(|cx| notice.poll(cx))).await;
            };
            block_on(replaced);
        }
        open.fetch_sub(1, Ordering::SeqCst);
        drop(place);
    };
    std::thread::scope(|scope| {
        for thread in 0..8_u128 {
            let live = &live;
            scope.spawn(move || (0..300).for_each(|turn| live(thread << 64 | turn)));
        }
    });
    assert!(admitted.load(Ordering::Relaxed) > 100);
    assert_eq!(highest.load(Ordering::SeqCst), MOST);
    let users = places
        .0
        .shards
        .iter()
        .map(|shard| shard.lock().unwrap().users.len());
    assert_eq!(users.sum::<usize>(), 0);
}

/// What one of many does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Ask { network: u8, refuses: bool },
    Leave(prop::sample::Index),
    Wait(u16),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        (0..4_u8, any::<bool>()).prop_map(|(network, refuses)| Act::Ask { network, refuses }),
        any::<prop::sample::Index>().prop_map(Act::Leave),
        (0..3000_u16).prop_map(Act::Wait),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_nobody_is_one_too_many_and_nobody_waits_in_vain(
        acts in prop::collection::vec(act(), 1..60), most in 0..4_u32,
    ) {
        let mut rig = Rig::new();
        let mut all: Vec<Waiting> = Vec::new();
        for act in acts {
            match act {
                Act::Ask { network, refuses } => {
                    let limit = if refuses { SocketLimit::Refuse(most) } else { SocketLimit::Replace(most) };
                    all.extend(rig.ask_from(u128::from(network), "alice", limit));
                }
                Act::Leave(which) => {
                    if !all.is_empty() {
                        drop(all.swap_remove(which.index(all.len())));
                    }
                }
                Act::Wait(millis) => rig.now += Duration::from_millis(millis.into()),
            }
            let waiting = all.iter().filter(|one| is_waiting(one)).count();
            let open = all.len() - waiting;
            let told = all.iter().filter(|one| is_told(&one.0)).count();
            prop_assert!(open <= most as usize);
            prop_assert!(waiting <= told, "{waiting} wait, {told} go");
            prop_assert_eq!(rig.places.of("alice"), open);
        }
        all.clear();
        prop_assert_eq!(rig.kept().0, 0);
    }
}

#[test]
fn a_socket_that_ends_by_itself_is_waited_for_and_not_replaced() {
    let rig = Rig::new();
    let limit = SocketLimit::Replace(1);
    let mut place = granted(rig.ask_from(7, "alice", limit).unwrap());
    for _ in 0..3 {
        place.part();
        let next = rig.ask_from(7, "alice", limit).unwrap();
        assert!(is_waiting(&next) && !is_told(&place));
        drop(place);
        place = granted(next);
    }
    assert_eq!(rig.kept(), (1, 0));
}

#[test]
fn nobody_has_to_go_for_one_who_takes_the_place_of_a_parting_one() {
    let mut rig = Rig::new();
    let limit = SocketLimit::Replace(2);
    let (first, second) = (rig.open("alice", limit), rig.open("alice", limit));
    second.part();
    second.part();
    let third = rig.ask("alice", limit).unwrap();
    assert!(is_waiting(&third) && !is_told(&first) && !is_told(&second));
    let fourth = rig.ask("alice", limit).unwrap();
    assert!(is_told(&first) && is_waiting(&fourth));
    drop(second);
    let _third = granted(third);
    drop(first);
    let _fourth = granted(fourth);
}
