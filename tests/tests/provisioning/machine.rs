//! The machine against the simulator.

use std::time::Duration;

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    Cause, Credentials, LinkLost, ProvisionError, ProvisionRequest, TlsFault, VersionPolicy,
};
use tb_tests::network::{Cut, Dial, Pieces, Side};
use tb_tests::sim::ConnectRefusal;

use crate::field::{Field, LONG, request, request_prepared};

const VERSIONS: [VersionPolicy; 2] = [VersionPolicy::Only(V5), VersionPolicy::Only(V3_1_1)];

fn own() -> Credentials {
    Credentials::token("made-on-this-side")
}

#[test]
fn every_kind_of_credentials_is_provisioned() {
    for version in VERSIONS {
        let certificate = "MIIBszCCAVmgAwIBAgIU";
        for (request, expected) in [
            (request().credentials(own()), Some(own())),
            (request().server_token(), None),
            (
                request().credentials(Credentials::basic("c7", Some("u7"), Some("p7"))),
                Some(Credentials::basic("c7", Some("u7"), Some("p7"))),
            ),
            (
                request().credentials(Credentials::basic("c8", None, None)),
                Some(Credentials::basic("c8", None, None)),
            ),
            (
                request().certificate(certificate).device_name("pump-7"),
                Some(Credentials::certificate()),
            ),
            (request().credentials(own()).gateway(), Some(own())),
        ] {
            let mut field = Field::new(1);
            let device = field.ask(version, request);
            let credentials = field.finish(device).unwrap();
            assert_eq!(credentials, expected.unwrap_or_else(|| credentials.clone()));
            assert_eq!(field.successes(), 1);
            if credentials != Credentials::certificate() {
                assert!(field.knows(&credentials), "{credentials:?}");
            }
        }
    }
}

#[test]
fn a_prepared_device_gets_the_credentials_that_it_asks_for() {
    for version in VERSIONS {
        let mut field = Field::new(1);
        let device = field.ask(version, request_prepared().credentials(own()));
        assert_eq!(field.finish(device), Ok(own()));
        assert!(field.knows(&own()));
        assert!(!field.knows(&Credentials::token("PREPARED_TOKEN")));
    }
}

#[test]
fn the_outcome_comes_at_once_and_the_connection_is_closed_behind_it() {
    let mut field = Field::new(1);
    let device = field.ask(VersionPolicy::Automatic, request().credentials(own()));
    field.wait(Duration::from_secs(1));
    assert_eq!(field.outcome(device), Some(&Ok(own())));
    assert!(field.simulator.open_connections().is_empty());
}

#[test]
fn a_wrong_key_and_a_taken_name_are_told_in_the_words_of_the_server() {
    for version in VERSIONS {
        let mut field = Field::new(1);
        let device = field.ask(version, ProvisionRequest::new("key", "wrong"));
        let message = "Provision data was not found!".to_owned();
        assert_eq!(
            field.finish(device),
            Err(ProvisionError::NotFound { message })
        );
        let message = "Failed to provision device!".to_owned();
        for refused in [
            request().device_name("taken"),
            request().credentials(Credentials::token("TAKEN_TOKEN")),
            request().device_name("taken").credentials(own()),
        ] {
            let device = field.ask(version, refused);
            let message = message.clone();
            assert_eq!(
                field.finish(device),
                Err(ProvisionError::Failed { message })
            );
        }
        assert_eq!(field.successes(), 0);
    }
}

#[test]
fn the_second_device_of_a_name_is_refused() {
    let mut field = Field::new(1);
    let pump = || request().device_name("pump-7");
    let first = field.ask(VersionPolicy::Automatic, pump().credentials(own()));
    assert_eq!(field.finish(first), Ok(own()));
    let other = Credentials::token("of another device");
    let second = field.ask(VersionPolicy::Automatic, pump().credentials(other));
    assert!(matches!(
        field.finish(second),
        Err(ProvisionError::Failed { .. })
    ));
    // A prepared device is given away once.
    let first = field.ask(VersionPolicy::Automatic, request_prepared().server_token());
    assert_eq!(
        field.finish(first),
        Ok(Credentials::token("PREPARED_TOKEN"))
    );
    let second = field.ask(VersionPolicy::Automatic, request_prepared().server_token());
    assert!(matches!(
        field.finish(second),
        Err(ProvisionError::Failed { .. })
    ));
}

#[test]
fn a_lost_answer_is_no_lost_device() {
    for version in VERSIONS {
        for named in [request(), request().device_name("pump-7")] {
            let mut field = Field::new(1);
            field.simulator.faults_mut().drop_response_every = 1;
            let device = field.ask(version, named.credentials(own()));
            field.wait(Duration::from_secs(5));
            assert_eq!(field.successes(), 1);
            assert_eq!(field.outcome(device), None);
            field.simulator.drop_connections(field.now);
            assert_eq!(field.finish(device), Ok(own()), "the token was tried");
            assert_eq!(field.statuses().count(), 1, "and nothing asked again");
        }
    }
}

#[test]
fn without_credentials_of_its_own_a_lost_answer_is_told() {
    let mut field = Field::new(1);
    field.simulator.faults_mut().drop_response_every = 1;
    let device = field.ask(VersionPolicy::Automatic, request().server_token());
    field.wait(Duration::from_secs(5));
    field.simulator.drop_connections(field.now);
    assert_eq!(field.finish(device), Err(ProvisionError::Unanswered));
    assert_eq!(field.statuses().count(), 1, "it is not repeated");
    // A certificate cannot be shown without TLS.
    let device = field.ask(VersionPolicy::Automatic, request().certificate("MIIB"));
    field.wait(Duration::from_secs(5));
    field.simulator.drop_connections(field.now);
    assert_eq!(field.finish(device), Err(ProvisionError::Unanswered));
}

#[test]
fn one_device_is_made_wherever_the_connection_is_cut() {
    for version in VERSIONS {
        for side in [Side::Client, Side::Server] {
            for how in [Cut::Rst, Cut::Fin] {
                for bytes in 0..260 {
                    let mut field = Field::new(1);
                    field.breaks.push_back(Some((side, bytes, how)));
                    let pump = request().device_name("pump-7").credentials(own());
                    let device = field.ask(version, pump);
                    let outcome = field.finish(device);
                    assert_eq!(outcome, Ok(own()), "{version:?} {side:?} {how:?} {bytes}");
                    assert_eq!(field.successes(), 1);
                }
            }
        }
    }
}

#[test]
fn a_server_token_is_given_or_its_loss_told_wherever_the_connection_is_cut() {
    for version in VERSIONS {
        for side in [Side::Client, Side::Server] {
            for bytes in 0..260 {
                let mut field = Field::new(1);
                field.breaks.push_back(Some((side, bytes, Cut::Rst)));
                let device = field.ask(version, request().server_token());
                match field.finish(device) {
                    Ok(credentials) => assert!(field.knows(&credentials)),
                    Err(error) => assert_eq!(error, ProvisionError::Unanswered),
                }
                assert!(field.successes() <= 1, "{version:?} {side:?} {bytes}");
            }
        }
    }
}

#[test]
fn bytes_may_come_one_by_one() {
    let mut field = Field::new(1);
    field.conditions().pieces = Pieces::OneByte;
    let device = field.ask(VersionPolicy::Automatic, request().credentials(own()));
    assert_eq!(field.finish(device), Ok(own()));
}

#[test]
fn a_refused_device_is_not_mistaken_for_one_provisioned_before() {
    // The first request is lost on its way; then the name is taken by somebody else.
    let mut field = Field::new(1);
    field.breaks.push_back(Some((Side::Client, 60, Cut::Rst)));
    let taken = request().device_name("taken").credentials(own());
    let device = field.ask(VersionPolicy::Only(V5), taken);
    assert!(matches!(
        field.finish(device),
        Err(ProvisionError::Failed { .. })
    ));
    assert_eq!(field.successes(), 0);
    assert!(!field.knows(&own()));
}

#[test]
fn what_was_provisioned_before_is_found_again() {
    for version in VERSIONS {
        let mut field = Field::new(1);
        let device = field.ask(version, request().credentials(own()));
        field.finish(device).unwrap();
        let device = field.resume(version, request().credentials(own()));
        assert_eq!(field.finish(device), Ok(own()));
        assert_eq!(field.statuses().count(), 1, "the credentials were tried");
    }
}

#[test]
fn what_was_never_provisioned_is_asked_for_on_resuming() {
    for version in VERSIONS {
        let mut field = Field::new(1);
        let device = field.resume(version, request().credentials(own()));
        assert_eq!(field.finish(device), Ok(own()));
        assert_eq!(field.successes(), 1);
        let device = field.resume(version, request().server_token());
        assert!(field.finish(device).is_ok());
        assert_eq!(field.successes(), 2);
    }
}

#[test]
fn a_process_that_dies_at_any_moment_makes_no_second_device() {
    for version in VERSIONS {
        for millis in 0..220 {
            let mut field = Field::new(1);
            let pump = request().credentials(own());
            let first = field.ask(version, pump.clone());
            field.wait(Duration::from_millis(millis));
            field.kill(first);
            let second = field.resume(version, pump);
            assert_eq!(field.finish(second), Ok(own()), "{version:?} {millis}");
            assert_eq!(field.successes(), 1, "{version:?} {millis}");
        }
    }
}

#[test]
fn two_processes_with_one_token_make_one_device() {
    for delay in 0..200 {
        let mut field = Field::new(1);
        let pump = request().credentials(own());
        let first = field.resume(VersionPolicy::Automatic, pump.clone());
        field.wait(Duration::from_millis(delay));
        let second = field.resume(VersionPolicy::Automatic, pump);
        assert_eq!(field.finish(first), Ok(own()), "{delay}");
        assert_eq!(field.finish(second), Ok(own()), "{delay}");
        assert_eq!(field.successes(), 1, "{delay}");
    }
}

#[test]
fn nobody_waits_longer_than_the_deadline() {
    let second = Duration::from_secs(1);
    let minute = || request().credentials(own()).timeout(60 * second);
    // Nobody is there.
    let mut field = Field::new(1);
    field.conditions().dial = Dial::Refused(LinkLost::ConnectionRefused);
    let device = field.ask(VersionPolicy::Automatic, minute());
    field.wait(59 * second);
    assert_eq!(field.outcome(device), None, "it goes on trying");
    field.wait(second);
    let expected = ProvisionError::TimedOut {
        last: Some(Cause::Lost(LinkLost::ConnectionRefused)),
        written: false,
    };
    assert_eq!(field.finish(device), Err(expected));
    // Nobody answers.
    let mut field = Field::new(1);
    field.simulator.faults_mut().drop_response_every = 1;
    let device = field.ask(VersionPolicy::Automatic, minute());
    field.wait(60 * second);
    let expected = ProvisionError::TimedOut {
        last: None,
        written: true,
    };
    assert_eq!(field.finish(device), Err(expected));
}

#[test]
fn a_server_that_comes_late_is_found() {
    let mut field = Field::new(1);
    field.conditions().dial = Dial::Refused(LinkLost::ConnectionRefused);
    let device = field.ask(VersionPolicy::Automatic, request().credentials(own()));
    field.wait(Duration::from_secs(30));
    field.conditions().dial = Dial::Accepted;
    assert_eq!(field.finish(device), Ok(own()));
}

#[test]
fn what_no_time_will_mend_is_told_at_once() {
    let mut field = Field::new(1);
    field.conditions().dial = Dial::Refused(LinkLost::Tls(TlsFault::WrongName));
    let device = field.ask(VersionPolicy::Automatic, request().credentials(own()));
    field.wait(Duration::from_secs(1));
    let expected = ProvisionError::NotConnected(Cause::Lost(LinkLost::Tls(TlsFault::WrongName)));
    assert_eq!(field.outcome(device), Some(&Err(expected)));
    // A broker that is no ThingsBoard.
    let mut field = Field::new(1);
    field.simulator.faults_mut().refuse_connect = Some(ConnectRefusal {
        v3: 5,
        v5: 0x87,
        until: None,
    });
    let device = field.ask(VersionPolicy::Automatic, request().credentials(own()));
    field.wait(LONG);
    assert!(matches!(
        field.outcome(device),
        Some(Err(ProvisionError::NotConnected(Cause::Refused(_))))
    ));
}
