//! No number of the checklist is forgotten.

const LAST: u32 = 150;

const SOURCES: [&str; 15] = [
    include_str!("attributes.rs"),
    include_str!("claiming.rs"),
    include_str!("provisioning.rs"),
    include_str!("client_rpc.rs"),
    include_str!("connect_and_session.rs"),
    include_str!("credentials.rs"),
    include_str!("gateway.rs"),
    include_str!("gateway_downlinks.rs"),
    include_str!("ota.rs"),
    include_str!("profiles.rs"),
    include_str!("publish_and_subscribe.rs"),
    include_str!("rate_limits.rs"),
    include_str!("server_rpc.rs"),
    include_str!("telemetry.rs"),
    include_str!("telemetry_values.rs"),
];

/// Numbers without a test, and the part of ThingsBoard that they wait for.
const LATER: [(core::ops::RangeInclusive<u32>, &str); 1] =
    [(91..=91, "status codes of the REST interface")];

#[test]
fn every_number_of_the_checklist_has_a_test_or_a_reason() {
    let sources = SOURCES.concat();
    for number in 1..=LAST {
        let tested = sources.contains(&format!("#[test]\nfn c_{number:03}_"));
        let reason = LATER.iter().find(|(numbers, _)| numbers.contains(&number));
        assert!(
            tested || reason.is_some(),
            "C-{number:03} has neither a test nor a reason"
        );
        if let Some((_, part)) = reason {
            assert!(
                !tested,
                "C-{number:03} has a test: it no longer waits for {part}"
            );
        }
    }
}
