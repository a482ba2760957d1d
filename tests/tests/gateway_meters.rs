//! What the example `gateway_meters` promises: a restart of the server costs no reading and no meter.

#[allow(
    dead_code,
    reason = "the example is run here without its main function"
)]
#[path = "../examples/gateway_meters.rs"]
mod example;

#[test]
fn fifty_meters_survive_a_restart_of_the_server() {
    // It fails by itself when a meter does not follow its attribute or answer, before or after.
    let (acknowledged, all) = example::run().unwrap();
    assert_eq!(acknowledged, all);
    assert!(all >= 100, "{all} readings of fifty meters");
}
