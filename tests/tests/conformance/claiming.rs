//! C-104 and C-105: claiming.

use serde_json::json;
use tb_tests::sim::{ClaimOutcome, Stored};

use crate::wire::{Version, puback, publish};
use crate::world::World;

const CLAIM: &str = "v1/devices/me/claim";

#[test]
fn c_104_a_claim_may_leave_out_its_members() {
    for version in Version::BOTH {
        let mut world = World::new();
        let peer = world.connected(version);
        let claims = [
            ("", "", 0),
            ("{}", "", 0),
            ("{\"secretKey\":\"s\"}", "s", 0),
            ("{\"durationMs\":5}", "", 5),
            (
                "{\"secretKey\":\"s\",\"durationMs\":\"60000\"}",
                "s",
                60_000,
            ),
        ];
        for (payload, _, _) in claims {
            world.send(peer, &publish(version, CLAIM, 7, payload));
            world.expect(peer, &[puback(7)]);
        }
        let expected = claims.map(|(_, secret_key, duration_ms)| Stored::Claim {
            device: "dev1".to_owned(),
            secret_key: secret_key.to_owned(),
            duration_ms,
        });
        assert_eq!(world.simulator.stored(), expected);
    }
}

#[test]
fn c_105_a_null_in_a_claim_is_class_u_and_an_array_class_a() {
    for version in Version::BOTH {
        for payload in [
            "{\"secretKey\":null}",
            "{\"durationMs\":null}",
            "{\"durationMs\":\"x\"}",
        ] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &publish(version, CLAIM, 7, payload));
            world.expect_class_u(peer, version);
        }
        for payload in ["[]", "{bad", "5"] {
            let mut world = World::new();
            let peer = world.connected(version);
            world.send(peer, &publish(version, CLAIM, 7, payload));
            world.expect_class_a(peer, version, 7);
        }
    }
}

#[test]
fn a_customer_claims_with_the_first_key_that_the_device_gave() {
    let mut world = World::new();
    let peer = world.connected(Version::V5);
    let now = world.now;
    let claim = |world: &mut World, key: &str| {
        world
            .simulator
            .claim_by_customer(world.now, "dev1", "Ann", key)
    };
    assert_eq!(
        claim(&mut world, ""),
        ClaimOutcome::Failure,
        "never allowed"
    );
    for key in ["first", "second"] {
        let payload = format!("{{\"secretKey\":\"{key}\"}}");
        world.send(peer, &publish(Version::V5, CLAIM, 7, &payload));
        world.expect(peer, &[puback(7)]);
    }
    assert_eq!(world.simulator.customer_of("dev1"), None);
    // A wrong key ends the claim.
    assert_eq!(claim(&mut world, "second"), ClaimOutcome::Failure);
    assert_eq!(claim(&mut world, "first"), ClaimOutcome::Failure);

    world.send(
        peer,
        &publish(Version::V5, CLAIM, 7, "{\"secretKey\":\"third\"}"),
    );
    assert_eq!(claim(&mut world, "third"), ClaimOutcome::Success);
    assert_eq!(claim(&mut world, "third"), ClaimOutcome::Claimed);
    assert_eq!(world.simulator.customer_of("dev1"), Some("Ann"));
    assert!(world.simulator.reclaim(now, "dev1"));
    assert!(!world.simulator.reclaim(now, "dev1"));
    // The device hears nothing of all this.
    world.expect(peer, &[puback(7)]);
}

#[test]
fn a_claim_expires_and_may_be_forbidden() {
    for (payload, patience_ms) in [
        ("{\"durationMs\":60000}", 60_000),
        ("{\"durationMs\":-1}", 86_400_000),
        ("{}", 86_400_000),
    ] {
        for (after_ms, outcome) in [
            (patience_ms - 1, ClaimOutcome::Success),
            (patience_ms, ClaimOutcome::Failure),
        ] {
            let mut world = World::new();
            let peer = world.connected(Version::V5);
            world.send(peer, &publish(Version::V5, CLAIM, 0, payload));
            let at = world.now.plus_millis(after_ms);
            let got = world.simulator.claim_by_customer(at, "dev1", "Ann", "");
            assert_eq!(got, outcome, "{payload}");
        }
    }
    let mut world = World::with(json!({"server": {"claiming_allowed": false}}));
    let peer = world.connected(Version::V5);
    world.send(peer, &publish(Version::V5, CLAIM, 7, "{}"));
    world.expect(peer, &[puback(7)]);
    let now = world.now;
    let outcome = world.simulator.claim_by_customer(now, "dev1", "Ann", "");
    assert_eq!(outcome, ClaimOutcome::Failure);
}
