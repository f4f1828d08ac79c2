use proptest::prelude::*;

use super::{effort::Effort, *};
use crate::auth::PasswordHash;

fn password(text: &str) -> Password {
    Password::presented(text.to_owned()).unwrap()
}

fn cheap() -> Hashing {
    Hashing::new(64, 2, 1).unwrap()
}

fn verify(hashing: Hashing, text: &str, stored: &str) -> Verdict {
    let stored = PasswordHash::new(stored);
    let mut memory = Memory::new();
    let verdict = hashing.verify(&password(text), Some(&stored), &mut memory);
    assert!(memory.is_wiped());
    verdict.unwrap()
}

/// By the reference implementation: `password`, salt `somesalt`.
const REFERENCE: [&str; 2] = [
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
];

/// By Python: 100 times `x`.
const BCRYPT_OF_X: &str = "$2a$05$......................YgIDy4hFBdVlc/6LHnD9mX488r9cLd2";

/// By Python: `correctbatteryhorsestapler`.
const BCRYPT: &str = "$2b$04$EGdrhbKUv8Oc9vGiXX0HQOxSg445d458Muh7DAHskb6QbtCvdxcie";

#[test]
fn a_chosen_password_has_8_to_1024_bytes() {
    let parse = |text: &str| Password::parse(text.to_owned()).map(|it| it.expose().len());
    assert_eq!(parse("1234567"), Err(PasswordError::TooShort));
    assert_eq!(parse("12345678"), Ok(8));
    assert_eq!(parse("pässwö"), Ok(8), "bytes, not characters");
    assert_eq!(parse(&"x".repeat(1024)), Ok(1024));
    assert_eq!(parse(&"x".repeat(1025)), Err(PasswordError::TooLong));
    assert_eq!(parse(&"é".repeat(513)), Err(PasswordError::TooLong));
}

#[test]
fn a_presented_password_may_be_shorter_and_not_longer() {
    let presented = |text: &str| Password::presented(text.to_owned());
    assert!(presented("admin").is_ok());
    assert_eq!(presented(""), Err(PasswordError::TooShort));
    assert_eq!(presented(&"x".repeat(1025)), Err(PasswordError::TooLong));
}

#[test]
fn a_password_does_not_show_itself() {
    let shown = format!("{:?}", password("hunter22"));
    assert_eq!(shown, "Password(…)");
    assert!(PasswordError::TooShort.to_string().contains('8'));
}

#[test]
fn hashes_of_the_reference_implementation_are_checked() {
    for stored in REFERENCE {
        assert_eq!(verify(cheap(), "password", stored), Verdict::RightButOld);
        assert_eq!(verify(cheap(), "passwore", stored), Verdict::Wrong);
    }
}

#[test]
fn a_hash_is_old_when_a_parameter_is_another() {
    let made = cheap().hash(&password("12345678"), &mut Memory::new());
    let made = made.unwrap();
    let check = |memory, passes, lanes| {
        let hashing = Hashing::new(memory, passes, lanes).unwrap();
        verify(hashing, "12345678", made.expose())
    };
    assert_eq!(check(64, 2, 1), Verdict::Right);
    for (memory, passes, lanes) in [(65, 2, 1), (32, 2, 1), (64, 3, 1), (64, 2, 2)] {
        assert_eq!(check(memory, passes, lanes), Verdict::RightButOld);
    }
    // A salt of 8 bytes.
    let hashing = Hashing::new(256, 2, 1).unwrap();
    let short = verify(hashing, "password", REFERENCE[0]);
    assert_eq!(short, Verdict::RightButOld);
}

#[test]
fn a_hash_says_how_it_was_made_and_no_two_are_alike() {
    let mut memory = Memory::new();
    let hash = |memory: &mut Memory| Hashing::default().hash(&password("12345678"), memory);
    let (one, other) = (hash(&mut memory).unwrap(), hash(&mut memory).unwrap());
    assert!(one.expose().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    assert_ne!(one.expose(), other.expose());
    assert!(memory.is_wiped());
    assert_eq!(memory.size(), 19456);
}

#[test]
fn bcrypt_lets_in_and_is_old() {
    for text in ["2a", "2b", "2y"] {
        let stored = BCRYPT.replace("2b", text);
        let right = verify(cheap(), "correctbatteryhorsestapler", &stored);
        assert_eq!(right, Verdict::RightButOld);
        let wrong = verify(cheap(), "correctbatteryhorsestaple", &stored);
        assert_eq!(wrong, Verdict::Wrong);
    }
    let flawed = BCRYPT.replace("2b", "2x");
    let flawed = verify(cheap(), "correctbatteryhorsestapler", &flawed);
    assert_eq!(flawed, Verdict::Wrong);
}

#[test]
fn what_bcrypt_did_not_look_at_does_not_become_the_password() {
    let check = |count| verify(cheap(), &"x".repeat(count), BCRYPT_OF_X);
    assert_eq!(check(71), Verdict::Wrong);
    assert_eq!(check(72), Verdict::RightButOld);
    assert_eq!(check(73), Verdict::Right);
    assert_eq!(check(100), Verdict::Right);
}

#[test]
fn what_asks_for_too_much_is_checked_by_nothing() {
    let asks = |parameters: &str| {
        let stored = REFERENCE[0].replace("m=256,t=2,p=1", parameters);
        let mut memory = Memory::new();
        let verdict = cheap().verify(
            &password("password"),
            Some(&PasswordHash::new(stored)),
            &mut memory,
        );
        assert_eq!(verdict.unwrap(), Verdict::Wrong);
        assert_eq!(memory.efforts, [Effort::of_argon2(64, 2)], "{parameters}");
    };
    asks("m=1048577,t=2,p=1");
    asks("m=256,t=65,p=1");
    asks("m=1024,t=2,p=65");
    asks("m=4294967295,t=4294967295,p=1");
    assert_eq!(
        verify(cheap(), "x", &BCRYPT.replace("$04", "$17")),
        Verdict::Wrong
    );
    assert_eq!(Hashing::new(1_048_577, 1, 1), Err(InvalidHashing));
    assert_eq!(Hashing::new(64, 65, 1), Err(InvalidHashing));
    assert_eq!(Hashing::new(64, 0, 1), Err(InvalidHashing));
    assert_eq!(Hashing::new(15, 1, 2), Err(InvalidHashing));
    assert!(Hashing::new(1_048_576, 64, 64).is_ok());
}

#[test]
fn memory_beyond_what_is_configured_is_given_back() {
    let mut memory = Memory::new();
    let stored = PasswordHash::new(REFERENCE[0]);
    let verdict = cheap().verify(&password("password"), Some(&stored), &mut memory);
    assert_eq!(verdict.unwrap(), Verdict::RightButOld);
    assert_eq!(memory.size(), 64);
    let verdict = cheap().verify(&password("password"), None, &mut memory);
    assert_eq!((verdict.unwrap(), memory.size()), (Verdict::Wrong, 64));
}

/// What checking took: of argon2 as it was counted, of bcrypt by its cost.
fn effort(hashing: Hashing, stored: Option<&str>) -> Effort {
    let (stored, mut memory) = (stored.map(PasswordHash::new), Memory::new());
    let _ = hashing.verify(&password("password"), stored.as_ref(), &mut memory);
    let done = memory.efforts.iter().copied();
    done.fold(Effort::NONE, Effort::and)
}

#[test]
fn nobody_wrong_and_unknown_take_the_same() {
    let hashing = Hashing::new(512, 3, 1).unwrap();
    let own = hashing.hash(&password("other"), &mut Memory::new());
    let own = own.unwrap();
    let whole = Effort::of_argon2(512, 3);
    assert_eq!(effort(hashing, None), whole);
    assert_eq!(effort(hashing, Some(own.expose())), whole);
    for stored in REFERENCE {
        assert_eq!(effort(hashing, Some(stored)), whole, "right, but cheaper");
    }
    for nothing in [
        "",
        "$",
        "hunter2",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2id$v=18$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        // What Cheshire Cat keeps of a password that it could not hash: a salt.
        "$2b$12$EGdrhbKUv8Oc9vGiXX0HQO",
    ] {
        assert_eq!(effort(hashing, Some(nothing)), whole, "{nothing}");
        assert_eq!(verify(hashing, "password", nothing), Verdict::Wrong);
    }
    let rest = whole.without(Effort::of_bcrypt(4));
    assert_eq!(effort(hashing, Some(BCRYPT)), rest);
    let dearer = effort(cheap(), Some(REFERENCE[0]));
    assert_eq!(dearer, Effort::of_argon2(256, 2), "nothing is added to it");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn only_the_very_password_is_right(
        one in "\\PC{8,40}",
        other in "\\PC{8,40}",
        memory in 16_u32..128,
        passes in 1_u32..4,
        lanes in 1_u32..3,
    ) {
        let hashing = Hashing::new(memory, passes, lanes).unwrap();
        let mut space = Memory::new();
        let stored = hashing.hash(&password(&one), &mut space).unwrap();
        let mut check = |text: &str| hashing.verify(&password(text), Some(&stored), &mut space);
        prop_assert_eq!(check(&one), Ok(Verdict::Right));
        let same = if one == other { Verdict::Right } else { Verdict::Wrong };
        prop_assert_eq!(check(&other), Ok(same));
        let longer = format!("{one} ");
        prop_assert_eq!(check(&longer), Ok(Verdict::Wrong));
    }

    #[test]
    fn any_text_may_lie_in_the_store(
        text in "\\$(argon2id|2b|2a)\\$[v0-9=$mtp,a-zA-Z+/.]{0,90}|\\PC*",
    ) {
        prop_assert_eq!(verify(cheap(), "12345678", &text), Verdict::Wrong);
    }
}
