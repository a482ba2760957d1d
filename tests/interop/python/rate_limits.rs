//! A device keeps the limits that the server tells it.

use tb_tests::sim::server::SimulatorServer;
use tb_tests::sim::{Setup, Stored, TypedValue};

use crate::script::Script;

const TOKEN: &str = "PYTHON_DEVICE_TOKEN";
const MESSAGES: i64 = 30;
const POINTS: i64 = 200;

/// Three times the messages that the server takes at once, and then twice the points. The SDK keeps to 80 %
/// of each limit. Messages of equal size: a smaller one behind a larger one would be over the limit, because
/// the SDK waits until it could pay for the larger one again.
#[test]
fn a_burst_of_the_official_sdk_is_paced_by_the_limits_that_it_was_told() {
    let mut setup = Setup::one_device(TOKEN);
    setup.tenant_limits.device_messages = Some("100:1".to_owned());
    setup.tenant_limits.device_telemetry_messages = Some("10:1".to_owned());
    setup.tenant_limits.device_data_points = Some("100:1".to_owned());
    let server = SimulatorServer::start(setup).unwrap();
    let script = Script::start(
        "rate_limits",
        &server,
        &[TOKEN, &MESSAGES.to_string(), &POINTS.to_string()],
    );

    let limits = &script.step("limited")["limits"]["rateLimits"];
    assert_eq!(limits["messages"], "100:1");
    assert_eq!(limits["telemetryMessages"], "10:1");
    assert_eq!(limits["telemetryDataPoints"], "100:1");
    assert_eq!(script.step("messages_sent")["code"], 0);
    assert_eq!(script.step("points_sent")["code"], 0);
    script.step("done");
    script.ends_well();

    let (over, opened) = server.with(|simulator, _| {
        (
            simulator.over_limits().to_vec(),
            simulator.connections_opened(),
        )
    });
    assert_eq!((over, opened), (Vec::new(), 1));
    let points: Vec<_> = (server.stored().into_iter())
        .map(|fact| match fact {
            Stored::Telemetry {
                key,
                value: TypedValue::Long(value),
                ..
            } => (key, value),
            other => panic!("{other:?}"),
        })
        .collect();
    let messages = (0..MESSAGES).map(|number| ("number".to_owned(), number));
    let wanted = messages.chain((0..POINTS).map(|number| (format!("point{number}"), number)));
    assert_eq!(points, wanted.collect::<Vec<_>>());
}
