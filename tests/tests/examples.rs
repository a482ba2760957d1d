//! Every example runs by itself, ends well and does not take long; those with more to look at have tests of
//! their own, and the quickstart is run as the README says.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

#[path = "../examples/claim_device.rs"]
mod claim_device;
#[path = "../examples/client_rpc.rs"]
mod client_rpc;
#[path = "../examples/embed_blocking_loop.rs"]
mod embed_blocking_loop;
#[path = "../examples/embed_thousand_devices.rs"]
mod embed_thousand_devices;
#[path = "../examples/gateway_claim_device.rs"]
mod gateway_claim_device;
#[path = "../examples/gateway_connect_disconnect_device.rs"]
mod gateway_connect_disconnect_device;
#[path = "../examples/gateway_request_attributes.rs"]
mod gateway_request_attributes;
#[path = "../examples/gateway_respond_to_rpc.rs"]
mod gateway_respond_to_rpc;
#[path = "../examples/gateway_respond_to_rpc_blocking.rs"]
mod gateway_respond_to_rpc_blocking;
#[path = "../examples/gateway_subscribe_to_attributes.rs"]
mod gateway_subscribe_to_attributes;
#[path = "../examples/gateway_telemetry_and_attributes.rs"]
mod gateway_telemetry_and_attributes;
#[path = "../examples/gateway_tls_connect.rs"]
mod gateway_tls_connect;
#[path = "../examples/provision_device.rs"]
mod provision_device;
#[path = "../examples/quic_transport.rs"]
mod quic_transport;
#[path = "../examples/quickstart_async_std.rs"]
mod quickstart_async_std;
#[path = "../examples/quickstart_smol.rs"]
mod quickstart_smol;
#[path = "../examples/rate_limits.rs"]
mod rate_limits;
#[path = "../examples/request_attributes.rs"]
mod request_attributes;
#[path = "../examples/respond_to_server_rpc.rs"]
mod respond_to_server_rpc;
#[path = "../examples/respond_to_server_rpc_blocking.rs"]
mod respond_to_server_rpc_blocking;
#[path = "../examples/respond_to_server_rpc_smol.rs"]
mod respond_to_server_rpc_smol;
#[path = "../examples/subscription_to_attributes.rs"]
mod subscription_to_attributes;
#[path = "../examples/subscription_to_attributes_blocking.rs"]
mod subscription_to_attributes_blocking;
#[path = "../examples/telemetry_and_attributes.rs"]
mod telemetry_and_attributes;
#[path = "../examples/telemetry_and_attributes_blocking.rs"]
mod telemetry_and_attributes_blocking;
#[path = "../examples/telemetry_pack.rs"]
mod telemetry_pack;
#[path = "../examples/telemetry_without_executor.rs"]
mod telemetry_without_executor;
#[path = "../examples/tls_device.rs"]
mod tls_device;
#[path = "../examples/websocket_transport.rs"]
mod websocket_transport;
#[path = "../examples/websocket_transport_blocking.rs"]
mod websocket_transport_blocking;

/// Against the simulator in their own process they wait for nothing but each other.
const AT_MOST: Duration = Duration::from_secs(5);

fn run(example: fn() -> ExitCode) {
    let begun = Instant::now();
    assert_eq!(example(), ExitCode::SUCCESS);
    assert!(begun.elapsed() < AT_MOST, "{:?}", begun.elapsed());
}

macro_rules! examples {
    ($($test:ident: $example:ident),+ $(,)?) => {
        $(#[test] fn $test() { run($example::main); })+
    };
}

#[test]
fn no_example_is_left_without_a_run() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut runs = fs::read_to_string(package.join("../.ci/run")).unwrap();
    for test in fs::read_dir(package.join("tests")).unwrap() {
        let path = test.unwrap().path();
        if path.is_file() {
            runs += &fs::read_to_string(path).unwrap();
        }
    }
    for example in fs::read_dir(package.join("examples")).unwrap() {
        let path = example.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let run = [
            format!("#[path = \"../examples/{name}.rs\"]\n"),
            format!("cargo run --example {name}\n"),
            format!("cargo run --example {name} "),
        ];
        assert!(
            run.iter().any(|run| runs.contains(run)),
            "nothing runs the example {name}"
        );
    }
}

examples! {
    a_device_is_claimed: claim_device,
    a_device_is_known_by_its_certificate: tls_device,
    a_device_is_provisioned: provision_device,
    a_device_calls_the_server: client_rpc,
    a_device_asks_for_attributes: request_attributes,
    a_device_sends_telemetry_and_attributes: telemetry_and_attributes,
    a_device_sends_many_readings: telemetry_pack,
    a_device_keeps_the_limits_of_its_server: rate_limits,
    a_device_follows_its_attributes: subscription_to_attributes,
    a_device_answers_calls: respond_to_server_rpc,
    a_device_sends_telemetry_and_attributes_on_threads: telemetry_and_attributes_blocking,
    a_device_follows_its_attributes_on_threads: subscription_to_attributes_blocking,
    a_device_answers_calls_on_threads: respond_to_server_rpc_blocking,
    a_loop_of_ones_own_drives_a_device: embed_blocking_loop,
    one_thread_drives_a_thousand_devices: embed_thousand_devices,
    a_device_sends_telemetry_over_web_socket: websocket_transport,
    a_device_sends_telemetry_over_web_socket_on_threads: websocket_transport_blocking,
    a_device_sends_telemetry_over_quic: quic_transport,
    a_gateway_sends_telemetry_and_attributes_of_a_child: gateway_telemetry_and_attributes,
    a_gateway_asks_for_attributes_of_a_child_and_follows_them: gateway_subscribe_to_attributes,
    a_gateway_answers_calls_to_children_on_threads: gateway_respond_to_rpc_blocking,
    a_gateway_answers_calls_to_children: gateway_respond_to_rpc,
    a_gateway_announces_children_and_says_that_one_is_gone: gateway_connect_disconnect_device,
    a_gateway_asks_for_attributes_of_a_child: gateway_request_attributes,
    a_gateway_allows_its_children_to_be_claimed: gateway_claim_device,
    a_gateway_speaks_tls: gateway_tls_connect,
    a_device_does_all_of_it_on_smol: quickstart_smol,
    a_device_does_all_of_it_on_async_std: quickstart_async_std,
    a_device_answers_calls_on_smol: respond_to_server_rpc_smol,
    a_device_sends_telemetry_from_a_thread_without_an_executor: telemetry_without_executor,
}
