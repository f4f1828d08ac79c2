use std::net::{Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn throttle() -> Throttle {
    Throttle::new(ThrottleLimits::default())
}

fn address(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(0x0a00_0000 + number))
}

fn login(name: &str, number: u32) -> Login {
    Login::new(&UserId::parse(name).unwrap(), address(number))
}

/// Fails where it may; how often it could try.
fn fail(throttle: &Throttle, login: &Login, times: u32, now: Instant) -> u32 {
    let tries = (0..times).filter(|_| {
        let attempt = throttle.check(login.clone(), now);
        attempt.map(|attempt| throttle.failed(attempt)).is_ok()
    });
    u32::try_from(tries.count()).unwrap()
}

fn succeed(throttle: &Throttle, login: &Login, now: Instant) {
    throttle.succeeded(throttle.check(login.clone(), now).unwrap());
}

/// How long the next try would have to wait.
fn wait(throttle: &Throttle, login: &Login, now: Instant) -> Duration {
    match throttle.check(login.clone(), now) {
        Ok(attempt) => {
            throttle.withdrawn(attempt);
            Duration::ZERO
        }
        Err(RetryAfter(wait)) => wait,
    }
}

/// Strangers fail for a name until it is besieged.
fn besiege(throttle: &Throttle, name: &str, now: Instant) {
    for number in 10_000..10_010 {
        assert_eq!(fail(throttle, &login(name, number), 5, now), 5);
    }
}

#[test]
fn twenty_wrong_tries_delay_a_user_at_that_address_and_nowhere_else() {
    let (throttle, now) = (throttle(), Instant::now());
    assert_eq!(fail(&throttle, &login("alice", 1), 20, now), 5);
    assert_eq!(wait(&throttle, &login("alice", 1), now), SECOND);
    assert_eq!(
        wait(&throttle, &login("ALICE", 1), now),
        SECOND,
        "in any case"
    );
    succeed(&throttle, &login("alice", 2), now);
    assert_eq!(wait(&throttle, &login("bob", 1), now), Duration::ZERO);
}

#[test]
fn twenty_wrong_names_delay_an_address_and_no_other() {
    let (throttle, now) = (throttle(), Instant::now());
    for number in 0..20 {
        assert_eq!(
            fail(&throttle, &login(&format!("user{number}"), 1), 1, now),
            1
        );
    }
    let next = login("alice", 1);
    assert_eq!(wait(&throttle, &next, now), 30 * SECOND);
    assert_eq!(wait(&throttle, &login("alice", 2), now), Duration::ZERO);
    assert_eq!(fail(&throttle, &next, 2, now + 30 * SECOND), 1);
}

#[test]
fn one_ipv6_network_is_one_address() {
    let (throttle, now) = (throttle(), Instant::now());
    let at = |host: u128| {
        let address = IpAddr::V6(Ipv6Addr::from_bits(0x2001_0db8_u128 << 96 | host));
        Login::new(&UserId::parse("alice").unwrap(), address)
    };
    let tried: u32 = (0..20).map(|host| fail(&throttle, &at(host), 1, now)).sum();
    assert_eq!(tried, 5);
    assert_eq!(wait(&throttle, &at(1 << 64), now), Duration::ZERO);
}

#[test]
fn the_delay_grows_to_a_minute_and_not_beyond() {
    let (throttle, alice) = (throttle(), login("alice", 1));
    let mut now = Instant::now();
    fail(&throttle, &alice, 5, now);
    let mut waits = Vec::new();
    for _ in 0..9 {
        let next = wait(&throttle, &alice, now);
        waits.push(next.as_secs());
        now += next;
        assert_eq!(fail(&throttle, &alice, 1, now), 1);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
}

#[test]
fn a_hundred_tries_at_once_are_not_one() {
    let (throttle, now) = (throttle(), Instant::now());
    let under_way: Vec<_> = (0..100)
        .filter_map(|_| throttle.check(login("alice", 1), now).ok())
        .collect();
    assert_eq!(under_way.len(), 5);
    drop(under_way);
    assert_eq!(
        wait(&throttle, &login("alice", 1), now),
        SECOND,
        "to go away is no way round"
    );
}

#[test]
fn the_right_password_ends_a_users_delay_and_not_the_addresss() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, &login("alice", 1), 4, now);
    succeed(&throttle, &login("alice", 1), now);
    assert_eq!(fail(&throttle, &login("alice", 1), 20, now), 5);
    // An attacker who has an account must not be able to pay with it.
    for number in 0..16 {
        fail(&throttle, &login(&format!("user{number}"), 1), 1, now);
        succeed(&throttle, &login("mallory", 1), now);
    }
    assert_eq!(wait(&throttle, &login("bob", 1), now), 30 * SECOND);
}

#[test]
fn what_was_not_looked_at_does_not_count() {
    let (throttle, now) = (throttle(), Instant::now());
    for number in 0..100 {
        for name in ["alice", &format!("user{number}")] {
            let attempt = throttle.check(login(name, 1), now).unwrap();
            throttle.withdrawn(attempt);
        }
    }
    fail(&throttle, &login("alice", 1), 5, now);
    let later = now + SECOND;
    let attempt = throttle.check(login("alice", 1), later).unwrap();
    throttle.withdrawn(attempt);
    assert_eq!(wait(&throttle, &login("alice", 1), later), Duration::ZERO);
}

#[test]
fn a_besieged_name_gives_strangers_fewer_tries_and_its_user_as_many_as_ever() {
    let (throttle, now) = (throttle(), Instant::now());
    succeed(&throttle, &login("alice", 1), now);
    besiege(&throttle, "alice", now);
    assert_eq!(fail(&throttle, &login("alice", 2), 5, now), 1);
    assert_eq!(wait(&throttle, &login("alice", 2), now), 5 * SECOND);
    assert_eq!(fail(&throttle, &login("bob", 2), 9, now), 5);
    assert_eq!(fail(&throttle, &login("alice", 1), 9, now), 5);
    assert_eq!(wait(&throttle, &login("alice", 1), now), SECOND);
    succeed(&throttle, &login("alice", 3), now);
    let over = now + Duration::from_hours(1);
    assert_eq!(fail(&throttle, &login("alice", 4), 9, over), 5);
}

#[test]
fn a_neighbour_who_fails_keeps_nobody_out_who_has_been_here_before() {
    let (throttle, now) = (throttle(), Instant::now());
    succeed(&throttle, &login("alice", 1), now);
    for number in 0..20 {
        fail(&throttle, &login(&format!("user{number}"), 1), 1, now);
    }
    assert_eq!(wait(&throttle, &login("bob", 1), now), 30 * SECOND);
    assert_eq!(wait(&throttle, &login("alice", 1), now), Duration::ZERO);
    // She is still a stranger elsewhere.
    besiege(&throttle, "alice", now);
    assert_eq!(fail(&throttle, &login("alice", 2), 9, now), 1);
}

#[test]
fn the_last_eight_addresses_of_a_user_are_known() {
    let (throttle, now) = (throttle(), Instant::now());
    for number in 1..=9 {
        succeed(&throttle, &login("alice", number), now);
    }
    succeed(&throttle, &login("alice", 3), now);
    besiege(&throttle, "alice", now);
    assert_eq!(fail(&throttle, &login("alice", 1), 9, now), 1, "forgotten");
    for number in 2..=9 {
        assert_eq!(fail(&throttle, &login("alice", number), 9, now), 5);
    }
}

#[test]
fn a_flood_of_names_from_one_address_evicts_nothing() {
    let (throttle, now) = (throttle(), Instant::now());
    fail(&throttle, &login("alice", 1), 5, now);
    let names = 0..50_000;
    let tried: u32 = names
        .map(|number| fail(&throttle, &login(&format!("user{number}"), 2), 1, now))
        .sum();
    assert_eq!(tried, 20);
    assert_eq!(wait(&throttle, &login("alice", 1), now), SECOND);
}

#[test]
fn a_flood_from_everywhere_takes_bounded_memory_and_no_users_addresses() {
    let (throttle, now) = (throttle(), Instant::now());
    succeed(&throttle, &login("alice", 1), now);
    for number in 0..60_000 {
        let one = login(&format!("user{number}"), 1_000_000 + number);
        assert_eq!(
            fail(&throttle, &one, 1, now),
            1,
            "no address pays for others"
        );
    }
    let tables = throttle.tables();
    assert!(tables.logins.len() <= 1 << 14);
    assert!(tables.addresses.len() <= 1 << 14);
    assert!(tables.names.len() <= 1 << 12);
    assert_eq!(tables.standing(&login("alice", 1)), Standing::Known);
}

#[test]
fn who_waits_is_listed_and_can_be_let_go() {
    let (throttle, now) = (throttle(), Instant::now());
    assert_eq!(throttle.throttled(now), []);
    fail(&throttle, &login("alice", 1), 5, now);
    for number in 0..20 {
        fail(&throttle, &login(&format!("user{number}"), 2), 1, now);
    }
    besiege(&throttle, "carol", now);
    let one = Network::of(address(1));
    let of = |name: &str, network| Throttling::Login {
        name: name.into(),
        network,
    };
    let listed = throttle.throttled(now);
    let find = |what: &Throttling| {
        let mut listed = listed.iter();
        let found = listed.find(|one| one.what == *what);
        found.map(|one| (one.failures, one.wait.as_secs()))
    };
    let address = Throttling::Address(Network::of(address(2)));
    let name = Throttling::Name("carol".into());
    assert_eq!(find(&of("alice", one)), Some((5, 1)));
    assert_eq!(find(&address), Some((20, 30)));
    assert_eq!(find(&name), Some((50, 0)));
    // And carol at each of ten addresses.
    assert_eq!(listed.len(), 13);
    for what in [of("Alice", one), address, Throttling::Name("Carol".into())] {
        assert!(throttle.clear(&what));
        assert!(!throttle.clear(&what));
    }
    assert_eq!(wait(&throttle, &login("alice", 1), now), Duration::ZERO);
    assert_eq!(wait(&throttle, &login("bob", 2), now), Duration::ZERO);
    assert_eq!(fail(&throttle, &login("carol", 3), 9, now), 5);
    assert!(throttle.throttled(now + Duration::from_hours(2)).is_empty());
}

/// What somebody does, a while after the one before.
#[derive(Clone, Debug)]
struct Step {
    after: Duration,
    name: u32,
    number: u32,
    outcome: Outcome,
}

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Fails,
    Succeeds,
    Withdraws,
}

fn steps(names: std::ops::Range<u32>) -> impl Strategy<Value = Vec<Step>> {
    let outcomes = prop_oneof![
        8 => Just(Outcome::Fails),
        1 => Just(Outcome::Succeeds),
        1 => Just(Outcome::Withdraws),
    ];
    let after = prop_oneof![4 => Just(0_u64), 1 => 0_u64..40_000];
    let step =
        (after, names, 0_u32..12, outcomes).prop_map(|(after, name, number, outcome)| Step {
            after: Duration::from_millis(after),
            name,
            number,
            outcome,
        });
    prop::collection::vec(step, 0..300)
}

fn walk(throttle: &Throttle, steps: &[Step], start: Instant) -> Instant {
    let mut now = start;
    for step in steps {
        now += step.after;
        let one = login(&format!("user{}", step.name), step.number);
        if let Ok(attempt) = throttle.check(one, now) {
            match step.outcome {
                Outcome::Fails => throttle.failed(attempt),
                Outcome::Succeeds => throttle.succeeded(attempt),
                Outcome::Withdraws => throttle.withdrawn(attempt),
            }
        }
    }
    now
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn who_waits_as_told_may_try(steps in steps(0..4), name in 0_u32..4, number in 0_u32..12) {
        let throttle = throttle();
        let now = walk(&throttle, &steps, Instant::now());
        let one = login(&format!("user{name}"), number);
        let told = wait(&throttle, &one, now);
        prop_assert!(told <= 60 * SECOND, "{told:?}");
        prop_assert_eq!(wait(&throttle, &one, now + told), Duration::ZERO);
        if let Some(early) = told.checked_sub(Duration::from_millis(1)) {
            prop_assert!(!wait(&throttle, &one, now + early).is_zero());
        }
    }

    #[test]
    fn strangers_elsewhere_never_delay_a_first_try(steps in steps(0..4), name in 0_u32..4) {
        let throttle = throttle();
        let now = walk(&throttle, &steps, Instant::now());
        let user = login(&format!("user{name}"), 77);
        prop_assert_eq!(wait(&throttle, &user, now), Duration::ZERO);
    }

    #[test]
    fn no_failures_of_others_delay_a_user_where_the_user_has_been(steps in steps(1..5)) {
        let throttle = throttle();
        let start = Instant::now();
        let user = login("user0", 3);
        succeed(&throttle, &user, start);
        let now = walk(&throttle, &steps, start);
        prop_assert_eq!(wait(&throttle, &user, now), Duration::ZERO);
    }

    #[test]
    fn guessing_is_slow(steps in steps(0..1)) {
        let throttle = throttle();
        let (start, one) = (Instant::now(), login("user0", 3));
        let (mut now, mut guesses) = (start, 0_u32);
        for step in &steps {
            now += step.after;
            guesses += fail(&throttle, &one, 9, now);
        }
        // 5 for nothing, 6 while the delay doubles, then one a minute.
        let minutes = u32::try_from((now - start).as_secs() / 60).unwrap();
        prop_assert!(guesses <= 5 + 7 + minutes, "{guesses} in {minutes} minutes");
    }
}
