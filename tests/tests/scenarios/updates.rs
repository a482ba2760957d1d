//! Firmware and software on their way to a device.

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{
    ChunkRefusal, Config, Event, Installed, InvalidPackage, LinkLost, PackageType, ProtocolVersion,
    Source, UpdateError, UpdateState, VersionPolicy,
};
use tb_tests::network::Cut;
use tb_tests::sim::{Assignment, ChecksumAlgorithm, Control, Package, Setup, UpdateKind};
use tb_tests::world::World;

use crate::{ms, sec};

fn setup(length: u32) -> Setup {
    let mut setup = World::setup(1);
    for (name, package) in [
        ("pump", Package::Pattern { length }),
        ("valve", Package::Pattern { length: 1_234 }),
        ("other", Package::Bytes(vec![7; length as usize])),
    ] {
        setup.packages.insert(name.to_owned(), package);
    }
    setup
}

fn config(version: ProtocolVersion) -> Config {
    World::config().version(VersionPolicy::Only(version))
}

/// A device with a server that has packages of `length` bytes.
fn device(version: ProtocolVersion, length: u32) -> World {
    World::of(config(version), setup(length), 1)
}

fn firmware(package: &str, version: &str) -> Control {
    Control::SetFw(Assignment::of_package("dev1", package, "pump", version))
}

fn software(package: &str, version: &str) -> Control {
    Control::SetSw(Assignment::of_package("dev1", package, "pump", version))
}

/// The states that the platform was told by the device, without those it told itself.
fn states(world: &mut World, kind: UpdateKind) -> Vec<String> {
    world
        .simulator()
        .update_reports()
        .iter()
        .filter(|report| report.kind == kind)
        .filter_map(|report| report.state.clone())
        .filter(|state| state != "QUEUED" && state != "INITIATED")
        .collect()
}

fn outcomes(world: &World) -> Vec<Result<(), UpdateError>> {
    let ended = &world.device().downloads().ended;
    ended.iter().map(|(_, outcome)| outcome.clone()).collect()
}

#[test]
fn a_package_found_at_connect_is_fetched_verified_and_told_state_by_state() {
    for version in [V3_1_1, V5] {
        let mut world = device(version, 100_000);
        world
            .control(firmware("pump", "1.4"))
            .follow_updates(PackageType::Firmware, "1.3")
            .wait(sec(5));
        assert_eq!(outcomes(&world), [Ok(())]);
        let offer = &world.device().downloads().offers[0];
        assert_eq!(offer.package.size(), Some(100_000));
        let installed = offer.package.installed();
        world
            .report_update(PackageType::Firmware, UpdateState::Updating)
            .wait(sec(1))
            .report_update(PackageType::Firmware, UpdateState::Updated(installed))
            .wait(sec(1));
        assert_eq!(
            states(&mut world, UpdateKind::Firmware),
            [
                "DOWNLOADING",
                "DOWNLOADED",
                "VERIFIED",
                "UPDATING",
                "UPDATED"
            ]
        );
        let reports = world.simulator().update_reports().to_vec();
        let versions: Vec<_> = (reports.iter())
            .filter(|report| report.state.as_deref() != Some("QUEUED"))
            .filter(|report| report.state.as_deref() != Some("INITIATED"))
            .filter_map(|report| report.version.as_deref())
            .collect();
        // What is installed now, with the beginning of the download, and at the end.
        assert_eq!(versions, ["1.3", "1.3", "1.4"]);
        world.settle();
        assert_eq!(world.device().downloads().offers.len(), 1);
    }
}

#[test]
fn a_package_announced_by_an_update_is_fetched_whenever_the_deletion_comes() {
    for late in [false, true] {
        let mut world = device(V5, 50_000);
        world.simulator().faults_mut().late_ota_deletion = late;
        world
            .follow_updates(PackageType::Firmware, "1.3")
            .wait(sec(5));
        assert_eq!(outcomes(&world), []);
        world.control(firmware("pump", "1.4")).wait(sec(5));
        assert_eq!(outcomes(&world), [Ok(())]);
        assert_eq!(world.device().downloads().withdrawn, []);
        // A package at a URL and one on the server, one after the other.
        world
            .control(Control::SetFw(Assignment::at_url(
                "dev1",
                "https://example.org/pump",
                "pump",
                "1.5",
            )))
            .wait(sec(5));
        let offer = world.device().downloads().offers.last().unwrap();
        assert!(matches!(&offer.package.source, Source::External { url, .. }
            if url == "https://example.org/pump"));
        world.control(firmware("other", "1.6")).wait(sec(5));
        assert_eq!(outcomes(&world), [Ok(()), Ok(())]);
        world.settle();
    }
}

#[test]
fn what_is_installed_is_left_alone() {
    let mut world = device(V5, 50_000);
    world
        .control(firmware("pump", "1.3"))
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(sec(5));
    assert_eq!(world.device().downloads().offers, []);
    assert_eq!(states(&mut world, UpdateKind::Firmware), [""; 0]);
    world.settle();
}

#[test]
fn an_offer_that_is_not_accepted_fetches_nothing() {
    let mut world = device(V5, 50_000);
    world
        .control(firmware("pump", "1.4"))
        .follow_updates(PackageType::Firmware, "1.3")
        .accept_offers(false)
        .wait(sec(60));
    assert_eq!(world.device().downloads().offers.len(), 1);
    assert_eq!(states(&mut world, UpdateKind::Firmware), [""; 0]);
    world.accept_offer(&[]).unwrap();
    world.wait(sec(5));
    assert_eq!(outcomes(&world), [Ok(())]);
    world.settle();
}

#[test]
fn firmware_and_software_come_side_by_side() {
    for version in [V3_1_1, V5] {
        let mut world = device(version, 400_000);
        world
            .follow_updates(PackageType::Firmware, "1")
            .follow_updates(PackageType::Software, "1")
            .latency(ms(20), ms(5))
            .wait(sec(1))
            .control(firmware("pump", "2"))
            .control(software("other", "3"))
            .wait(sec(30));
        assert_eq!(outcomes(&world), [Ok(()), Ok(())]);
        for kind in [UpdateKind::Firmware, UpdateKind::Software] {
            let states = states(&mut world, kind);
            assert_eq!(states, ["DOWNLOADING", "DOWNLOADED", "VERIFIED"]);
        }
        world.settle();
    }
}

#[test]
fn every_checksum_of_the_platform_is_understood() {
    for algorithm in [
        ChecksumAlgorithm::Md5,
        ChecksumAlgorithm::Sha256,
        ChecksumAlgorithm::Sha384,
        ChecksumAlgorithm::Sha512,
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Murmur3_32,
        ChecksumAlgorithm::Murmur3_128,
    ] {
        let assignment = Assignment::of_package("dev1", "valve", "pump", "1.4");
        let mut world = device(V5, 1_000);
        world
            .control(Control::SetFw(assignment.with_algorithm(algorithm)))
            .follow_updates(PackageType::Firmware, "1.3")
            .wait(sec(5));
        assert_eq!(outcomes(&world), [Ok(())], "{algorithm:?}");
        world.settle();
    }
}

#[test]
fn what_does_not_add_up_fails_once_and_is_not_fetched_again() {
    let mut world = device(V5, 50_000);
    let wrong = Assignment {
        checksum: Some("0".repeat(64)),
        ..Assignment::of_package("dev1", "pump", "pump", "1.4")
    };
    world
        .control(Control::SetFw(wrong))
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(sec(30))
        .cut(Cut::Rst)
        .wait(sec(600));
    let outcomes = outcomes(&world);
    assert!(
        matches!(
            outcomes.as_slice(),
            [Err(UpdateError::ChecksumMismatch { .. })]
        ),
        "{outcomes:?}"
    );
    assert_eq!(
        states(&mut world, UpdateKind::Firmware),
        ["DOWNLOADING", "DOWNLOADED", "FAILED"]
    );
    world.settle();
}

#[test]
fn a_refusal_ends_the_download_costs_one_connection_and_harms_nobody() {
    for version in [V3_1_1, V5] {
        let mut world = device(version, 50_000);
        world
            .follow_updates(PackageType::Firmware, "1.3")
            .wait(sec(5));
        // The attributes say that there is a package, and there is none.
        let checksum = "00".repeat(32);
        world
            .control(Control::SetShared {
                device: "dev1".into(),
                values: serde_json::json!({
                    "fw_title": "pump", "fw_version": 2, "fw_size": 1_000,
                    "fw_checksum": checksum, "fw_checksum_algorithm": "SHA256",
                })
                .as_object()
                .unwrap()
                .clone(),
            })
            .send(3)
            .wait(sec(300));
        let refused = UpdateError::Refused(ChunkRefusal::NotFound);
        assert_eq!(outcomes(&world), [Err(refused)], "{version:?}");
        assert_eq!(
            states(&mut world, UpdateKind::Firmware),
            ["DOWNLOADING", "FAILED"]
        );
        // Not the pause of a rate limit.
        assert_eq!(world.device().stats().connects, 2);
        world.settle();
    }
}

#[test]
fn a_replaced_package_gives_way_to_its_successor_and_a_cancelled_one_to_nothing() {
    let mut world = device(V5, 2_000_000);
    world
        .latency(ms(50), ms(0))
        .follow_updates(PackageType::Firmware, "1.3")
        .control(firmware("pump", "1.4"))
        .wait(sec(3))
        .control(firmware("other", "1.5"))
        .wait(sec(60));
    assert_eq!(outcomes(&world), [Err(UpdateError::Replaced), Ok(())]);
    world
        .control(firmware("pump", "1.6"))
        .wait(sec(3))
        .control(Control::SetFw(Assignment::none("dev1")))
        .wait(sec(60));
    assert_eq!(outcomes(&world).last(), Some(&Err(UpdateError::Cancelled)));
    assert_eq!(outcomes(&world).len(), 3);
    assert_eq!(
        states(&mut world, UpdateKind::Firmware),
        [
            "DOWNLOADING",
            "DOWNLOADING",
            "DOWNLOADED",
            "VERIFIED",
            "DOWNLOADING",
            "FAILED"
        ]
    );
    world.settle();
}

#[test]
fn a_package_that_changes_while_nobody_is_connected_is_noticed_before_another_chunk_is_asked_for() {
    let mut world = device(V5, 2_000_000);
    world
        .latency(ms(50), ms(0))
        .follow_updates(PackageType::Firmware, "1.3")
        .control(firmware("pump", "1.4"))
        .wait(sec(3))
        .refuse_dials(LinkLost::Unreachable)
        .cut(Cut::Rst)
        .control(firmware("other", "1.5"))
        .wait(sec(10))
        .accept_dials()
        .wait(sec(200));
    assert_eq!(outcomes(&world), [Err(UpdateError::Replaced), Ok(())]);
    world.settle();
}

#[test]
fn a_package_that_falls_out_of_the_cache_is_looked_up_again() {
    let mut world = device(V5, 1_000_000);
    world
        .latency(ms(50), ms(0))
        .follow_updates(PackageType::Firmware, "1.3")
        .control(firmware("pump", "1.4"))
        .wait(sec(2))
        .control(Control::EvictPackages)
        .wait(sec(60));
    assert_eq!(outcomes(&world), [Ok(())]);
    world.settle();
}

#[test]
fn nothing_is_asked_for_while_the_application_takes_nothing_and_the_session_lives_on() {
    let mut world = device(V5, 1_000_000);
    world
        .follow_updates(PackageType::Firmware, "1.3")
        .take_chunks(false)
        .control(firmware("pump", "1.4"))
        .wait(sec(5));
    let publishes = world.device().wire().publishes;
    let held = world.device().stats().buffered_bytes;
    assert!((32_768..200_000).contains(&held), "{held} bytes");
    // Longer than the server keeps a silent session (TB §14.4).
    world.wait(sec(1_500));
    assert_eq!(world.device().wire().publishes, publishes);
    assert_eq!(world.device().stats().connects, 1);
    world.take_chunks(true).wait(sec(10));
    assert_eq!(outcomes(&world), [Ok(())]);
    world.settle();
}

#[test]
fn chunk_requests_are_no_activity_and_a_long_download_pings() {
    let mut world = World::of(config(V5).chunk_size(1_000), setup(1_000_000), 1);
    // Each chunk takes a second and a half: twelve minutes and more.
    world
        .follow_updates(PackageType::Firmware, "1.3")
        .control(firmware("pump", "1.4"))
        .latency(ms(750), ms(0))
        .wait(sec(1_000));
    assert_eq!(outcomes(&world), [Ok(())]);
    assert_eq!(world.device().stats().connects, 1);
    assert!(world.device().wire().pings >= 8);
    world.settle();
}

#[test]
fn a_download_goes_on_from_what_was_stored_before_a_restart() {
    let length = 300_000;
    let mut world = device(V5, length);
    world
        .control(firmware("pump", "1.4"))
        .accept_offers(false)
        .wait(sec(1))
        .follow_updates(PackageType::Firmware, "1.3")
        .accept_offers(false)
        .wait(sec(2));
    let image: Vec<u8> = (0..length).map(|i| (31 * i + 7) as u8).collect();
    world.accept_offer(&image[..123_457]).unwrap();
    world.wait(sec(5));
    assert_eq!(outcomes(&world), [Ok(())]);
    assert_eq!(
        world.device().downloads().taken,
        u64::from(length) - 123_457
    );
    world.settle();
}

#[test]
fn an_update_is_reported_after_a_restart_by_what_runs_now() {
    let mut world = device(V5, 1_000);
    world
        .control(firmware("pump", "1.4"))
        .follow_updates(PackageType::Firmware, "1.4")
        .report_update(
            PackageType::Firmware,
            UpdateState::Updated(Installed::new("pump", "1.4")),
        )
        .wait(sec(5));
    assert_eq!(world.device().downloads().offers, []);
    assert_eq!(states(&mut world, UpdateKind::Firmware), ["UPDATED"]);
    world.settle();
}

#[test]
fn reports_survive_a_lost_connection_and_a_full_queue() {
    let config = config(V5).max_queued_messages(10);
    let mut world = World::of(config, setup(1_000), 1);
    world
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(sec(2))
        .refuse_dials(LinkLost::Unreachable)
        .cut(Cut::Rst);
    while world.try_send().is_ok() {}
    world
        .report_update(PackageType::Firmware, UpdateState::Updating)
        .wait(sec(100))
        .accept_dials()
        .wait(sec(100));
    assert_eq!(states(&mut world, UpdateKind::Firmware), ["UPDATING"]);
    world.settle();
}

#[test]
fn a_download_that_is_followed_no_more_is_given_up_and_the_platform_hears_of_it() {
    let mut world = device(V5, 2_000_000);
    world
        .latency(ms(50), ms(0))
        .follow_updates(PackageType::Firmware, "1.3")
        .control(firmware("pump", "1.4"))
        .wait(sec(2))
        .unfollow_updates(PackageType::Firmware)
        .wait(sec(5));
    assert_eq!(
        states(&mut world, UpdateKind::Firmware),
        ["DOWNLOADING", "FAILED"]
    );
    world
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(sec(60));
    assert_eq!(outcomes(&world), [Ok(())]);
    world.settle();
}

#[test]
fn what_cannot_be_checked_is_not_offered_and_that_is_said_once() {
    let mut world = device(V5, 1_000);
    let values = serde_json::json!({
        "fw_title": "pump", "fw_version": "1.4", "fw_size": 1_000,
        "fw_checksum": "00", "fw_checksum_algorithm": "SHA1",
    });
    world
        .control(Control::SetShared {
            device: "dev1".into(),
            values: values.as_object().unwrap().clone(),
        })
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(sec(5))
        .cut(Cut::Rst)
        .wait(sec(100));
    let unusable = |event: &&Event| {
        matches!(event, Event::UpdateUnusable { reason, .. }
            if *reason == InvalidPackage::Algorithm { name: "SHA1".into() })
    };
    assert_eq!(world.device().notices().filter(unusable).count(), 1);
    assert_eq!(states(&mut world, UpdateKind::Firmware), ["FAILED"]);
    world.settle();
}

#[test]
fn a_firmware_of_64_mib_arrives_whole_through_cuts_and_losses_in_constant_memory() {
    const SIZE: u32 = 64 * 1024 * 1024;
    let live = |act: &mut dyn FnMut()| allocation_counter::measure(act).bytes_current;
    let mut world = World::measured_of(config(V5), setup(SIZE), 1, live);
    let assignment = Assignment::of_package("dev1", "pump", "pump", "1.4")
        .with_algorithm(ChecksumAlgorithm::Murmur3_128);
    world
        .control(Control::SetFw(assignment))
        .drop_answers(50)
        .latency(ms(2), ms(1))
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(ms(300));
    let (mut rounds, mut most) = (0_u32, 0);
    while outcomes(&world).is_empty() {
        world.wait(ms(500));
        most = most.max(world.device().memory());
        rounds += 1;
        if rounds.is_multiple_of(7) {
            world.cut([Cut::Rst, Cut::Fin][rounds as usize % 2]);
        }
        assert!(rounds < 20_000, "it does not get on");
    }
    assert_eq!(outcomes(&world), [Ok(())]);
    assert!(world.device().stats().connects > 20);
    // Two chunks that wait, each in a buffer of twice its size, and what a connection needs anyway.
    assert!(most < 256 * 1024, "{most} bytes");
    world.settle();
}
