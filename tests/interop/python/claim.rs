//! A device may be claimed by the customer who knows its key.

use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{ClaimOutcome, Setup, Stored};

use crate::script::Script;

const TOKEN: &str = "PYTHON_DEVICE_TOKEN";
const SECRET_KEY: &str = "on the label";

#[test]
fn a_device_of_the_official_sdk_is_claimed_with_the_key_that_it_told() {
    let setup = Setup::one_device(TOKEN);
    let device = setup.devices[0].name.clone();
    let server = SimulatorServer::start(setup).unwrap();
    let script = Script::start("claim", &server, &[TOKEN, SECRET_KEY, "60000"]);

    assert_eq!(script.step("claimable")["code"], 0);
    script.step("done");
    script.ends_well();
    assert_eq!(
        server.stored(),
        [Stored::Claim {
            device: device.clone(),
            secret_key: SECRET_KEY.to_owned(),
            duration_ms: 60_000,
        }]
    );
    let outcome = server
        .with(|simulator, now| simulator.claim_by_customer(now, &device, "customer", SECRET_KEY));
    assert_eq!(outcome, ClaimOutcome::Success);
}
