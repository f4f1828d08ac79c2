//! Keys of the store, and whom they speak for.

use super::*;

#[test]
fn a_key_of_the_store_is_its_owner_as_long_as_there_is_one() {
    let mut scene = scene();
    assert_eq!(scene.bearer("dw_own"), Ok("alice".to_owned()));
    scene.change_alice(|alice| alice.permissions = permissions(&["A:C"]));
    assert_eq!(scene.bearer("dw_own"), Err(Denial::Forbidden));
    scene.change_alice(|alice| alice.permissions = permissions(&["A:B"]));
    let disable = |scene: &mut Scene| scene.change_alice(|it| it.status = Status::Disabled);
    assert_eq!(scene.review("dw_own", disable), Err(Ending::Revoked));
    assert_eq!(scene.bearer("dw_own"), refused(Rejection::Disabled));
    scene.absorb(Record::AccountGone(scene.alice));
    assert_eq!(scene.bearer("dw_own"), refused(Rejection::Unknown));
}

#[test]
fn a_key_of_the_store_acts_for_whom_it_may() {
    let mut scene = scene();
    let as_user = |scene: &mut Scene, user| {
        scene.ask(
            "GET",
            &[("authorization", "Bearer dw_acting"), ("user_id", user)],
        )
    };
    assert_eq!(as_user(&mut scene, "visitor-7"), Ok("visitor-7".to_owned()));
    assert_eq!(as_user(&mut scene, "alice"), Err(Denial::MayNotActAs));
}

#[test]
fn a_visitors_token_ends_with_the_key_that_named_it() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Visitor);
    let gone = Record::KeyGone(KeyName::parse("acting").unwrap());
    assert_eq!(
        scene.review(&text, |scene| scene.absorb(gone)),
        Err(Ending::Revoked)
    );
    assert_eq!(scene.bearer(&text), refused(Rejection::Unknown));
    let others = [UserGlob::parse("guest-*").unwrap()];
    scene.absorb(stored("acting", KeyOwner::Acting(others.into())));
    assert_eq!(scene.bearer(&text), refused(Rejection::User));
}

#[test]
fn a_store_that_was_not_read_yet_takes_nothing_from_declared_keys() {
    let mut scene = scene();
    let accounts = Accounts::new(Known::NotYet, AccountSettings::default());
    scene.gate.verifiers.accounts = Some(accounts);
    let (_, text) = scene.token(Purpose::Access);
    assert_eq!(scene.bearer("dw_own"), Err(Denial::StoreUnread));
    assert_eq!(scene.bearer(&text), Err(Denial::StoreUnread));
    assert_eq!(scene.cookie("GET", &text, &[]), Err(Denial::StoreUnread));
    assert_eq!(scene.bearer("full"), Ok("alice".to_owned()));
    assert_eq!(scene.bearer("wrong"), refused(Rejection::Unknown));
}

#[test]
fn nobody_else_is_called_like_one_whom_a_key_of_the_store_acts_for() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Access);
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
    let globs = [UserGlob::parse("ALI*").unwrap()];
    scene.absorb(stored("more", KeyOwner::Acting(globs.into())));
    assert_eq!(scene.bearer(&text), refused(Rejection::ReservedUser));
    assert_eq!(scene.bearer("dw_own"), refused(Rejection::ReservedUser));
    let alice = UserId::parse("alice").unwrap();
    let accounts = scene.gate.verifiers.accounts.as_ref().unwrap();
    assert!(accounts.reserves(&alice, NOW));
    scene.publish(AccountSettings {
        namespace: Namespace::Shared,
        ..AccountSettings::default()
    });
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
}

#[test]
fn a_user_whose_name_a_key_is_bound_to_is_still_in_force() {
    let mut scene = scene();
    let (_, text) = scene.token(Purpose::Access);
    let alice = UserId::parse("alice").unwrap();
    let bound = KeyOwner::Bound(UserId::parse("ALICE").unwrap());
    scene.absorb(stored("bound", bound));
    let accounts = scene.gate.verifiers.accounts.as_ref().unwrap();
    assert!(accounts.binds(&alice) && !accounts.reserves(&alice, NOW));
    assert_eq!(scene.bearer(&text), Ok("alice".to_owned()));
    scene.publish(AccountSettings {
        namespace: Namespace::Shared,
        ..AccountSettings::default()
    });
    let accounts = scene.gate.verifiers.accounts.as_ref().unwrap();
    assert!(!accounts.binds(&alice));
}
