use super::*;

#[test]
fn every_state_is_told_when_it_is_true_and_as_the_platform_writes_it() {
    let mut device = Device::new();
    let image = image(150);
    assert_eq!(
        device.reports(),
        [r#"{"current_fw_title":"pump","current_fw_version":"1.3"}"#]
    );
    device.answer(assigned("pump", "1.4", 150));
    let offer = device.offered();
    assert_eq!(device.reports(), [""; 0]);
    device.updates.accept(offer.id, 0).unwrap();
    assert_eq!(
        device.reports(),
        [r#"{"current_fw_title":"pump","current_fw_version":"1.3","fw_state":"DOWNLOADING"}"#]
    );
    let mut verifier = offer.package.verifier().unwrap();
    for _ in 0..2 {
        for asked in device.requests(at(0)) {
            device.serve(at(0), &image, asked);
        }
        assert_eq!(device.reports(), [""; 0]);
        let Fetched::Chunk(chunk) = device.updates.fetch(offer.id) else {
            panic!("a chunk came")
        };
        verifier.update(&chunk.bytes);
    }
    assert_eq!(device.updates.fetch(offer.id), Fetched::Done);
    assert_eq!(device.reports(), [r#"{"fw_state":"DOWNLOADED"}"#]);
    assert_eq!(device.updates.fetch(offer.id), Fetched::Done);
    assert_eq!(device.reports(), [""; 0]);
    device.updates.finish(offer.id, verifier.finish()).unwrap();
    assert_eq!(device.reports(), [r#"{"fw_state":"VERIFIED"}"#]);
}

#[test]
fn what_the_application_says_is_told_for_firmware_and_for_software() {
    let payload =
        |report: &Report, package_type| String::from_utf8(report.payload(package_type)).unwrap();
    let installed = Installed::new("pu\"mp", "1.4");
    for (state, firmware, software) in [
        (
            UpdateState::Updating,
            r#"{"fw_state":"UPDATING"}"#,
            r#"{"sw_state":"UPDATING"}"#,
        ),
        (
            UpdateState::Updated(installed),
            r#"{"current_fw_title":"pu\"mp","current_fw_version":"1.4","fw_state":"UPDATED"}"#,
            r#"{"current_sw_title":"pu\"mp","current_sw_version":"1.4","sw_state":"UPDATED"}"#,
        ),
        (
            UpdateState::Failed("no power".into()),
            r#"{"fw_state":"FAILED","fw_error":"no power"}"#,
            r#"{"sw_state":"FAILED","sw_error":"no power"}"#,
        ),
    ] {
        let report = Report::from(state);
        assert_eq!(payload(&report, PackageType::Firmware), firmware);
        assert_eq!(payload(&report, PackageType::Software), software);
    }
    let long = Report::Failed("é".repeat(10_000));
    assert!(payload(&long, PackageType::Firmware).len() < 600);
}

#[test]
fn a_failed_download_is_told_with_its_reason_and_a_replaced_one_is_not() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 150));
    let offer = device.offered();
    device.updates.accept(offer.id, 0).unwrap();
    device.reports();
    device
        .updates
        .finish(offer.id, Err(UpdateError::GivenUp))
        .unwrap();
    assert_eq!(
        device.reports(),
        [r#"{"fw_state":"FAILED","fw_error":"given up by the device"}"#]
    );
    device.updates.accept(offer.id, 0).unwrap();
    device.reports();
    // The platform counts the new package as queued already.
    device.push(&update(assigned("pump", "1.5", 150)));
    assert_eq!(device.reports(), [""; 0]);
    let offer = match device.news().pop() {
        Some(News::Offered(offer)) => offer,
        news => panic!("{news:?}"),
    };
    device.updates.accept(offer.id, 0).unwrap();
    device.reports();
    device.push(&cancellation());
    assert_eq!(device.reports().len(), 1);
}

#[test]
fn an_installed_package_is_not_offered_again_and_its_successor_is() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 150));
    let offer = device.offered();
    device.updates.say(
        &UpdateState::Updated(offer.package.installed()),
        &mut device.ids,
    );
    device.answer(assigned("pump", "1.4", 150));
    assert_eq!(device.news(), []);
    device.push(&update(assigned("pump", "1.5", 150)));
    device.offered();
}

#[test]
fn a_package_that_could_not_be_installed_can_be_tried_again() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 150));
    let offer = device.offered();
    device.updates.accept(offer.id, 150).unwrap();
    assert_eq!(device.updates.fetch(offer.id), Fetched::Done);
    device
        .updates
        .say(&UpdateState::Failed("no power".into()), &mut device.ids);
    assert_eq!(device.updates.accept(offer.id, 0), Ok(()));
}

#[test]
fn reports_that_cannot_be_sent_are_bounded_and_the_newest_are_kept() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 150));
    let offer = device.offered();
    for _ in 0..100 {
        device.updates.accept(offer.id, 0).unwrap();
        device
            .updates
            .finish(offer.id, Err(UpdateError::GivenUp))
            .unwrap();
    }
    let reports = device.reports();
    assert_eq!(reports.len(), 8);
    assert!(reports[7].contains("FAILED"));
}
