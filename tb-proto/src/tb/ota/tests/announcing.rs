use super::*;

#[test]
fn a_package_found_at_connect_is_offered() {
    let mut device = Device::new();
    assert!(device.updates.asks(at(0)));
    device.updates.asked();
    assert!(!device.updates.asks(at(1_000)));
    device.answer(assigned("pump", "1.4", 1_000));
    let offer = device.offered();
    assert_eq!(offer.id.package_type(), PackageType::Firmware);
    assert_eq!(offer.package.installed(), Installed::new("pump", "1.4"));
    assert_eq!(offer.package.size(), Some(1_000));
}

#[test]
fn a_package_announced_by_an_update_is_offered_once() {
    let mut device = Device::new();
    device.answer(json!({}));
    assert_eq!(device.news(), []);
    device.push(&update(assigned("pump", "1.4", 1_000)));
    device.offered();
    // The next connection finds it again.
    device.updates.link_down(at(10), LinkEnd::Innocent);
    device.answer(assigned("pump", "1.4", 1_000));
    assert_eq!(device.news(), []);
}

#[test]
fn nothing_is_asked_for_before_an_offer_is_accepted() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    assert_eq!(device.requests(at(0)), []);
    let offer = device.offered();
    device.updates.accept(offer.id, 0).unwrap();
    assert_eq!(device.requests(at(0)).len(), 1);
}

#[test]
fn what_is_installed_is_not_offered() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.3", 1_000));
    device.push(&update(assigned("pump", "1.3", 1_000)));
    assert_eq!(device.news(), []);
    // Titles and versions are compared whole.
    device.push(&update(assigned("pump", "1.3.1", 1_000)));
    device.offered();
    device.push(&update(assigned("pump2", "1.3", 1_000)));
    assert_eq!(device.news().len(), 2);
}

#[test]
fn a_version_that_is_a_number_is_taken_as_text() {
    let mut device = Device::new();
    let mut package = assigned("pump", "", 1_000);
    package["fw_version"] = json!(1.3);
    device.answer(package.clone());
    assert_eq!(device.news(), []);
    package["fw_version"] = json!(2);
    device.answer(package);
    assert_eq!(device.offered().package.version, "2");
}

#[test]
fn the_deletion_that_belongs_to_an_assignment_is_no_cancellation() {
    // Before, after, and for keys that were there (TB §8.2).
    let mut device = Device::new();
    device.answer(json!({}));
    device.push(&deletion(&["fw_url", "fw_tag"]));
    device.push(&update(assigned("pump", "1.4", 1_000)));
    let offer = device.offered();
    device.updates.accept(offer.id, 0).unwrap();
    device.push(&deletion(&["fw_tag", "fw_url"]));
    assert_eq!(device.news(), []);
    assert_eq!(device.requests(at(0)).len(), 1);
}

#[test]
fn a_package_at_an_url_is_followed_by_one_on_the_server_in_either_order_of_the_pushes() {
    for deletion_first in [true, false] {
        let mut device = Device::new();
        device.answer(json!({
            "fw_title": "pump", "fw_version": "1.4", "fw_url": "https://example.org/pump",
        }));
        let offer = device.offered();
        assert_eq!(
            offer.package.source,
            Source::External {
                url: "https://example.org/pump".into(),
                size: None,
                checksum: None
            }
        );
        assert_eq!(
            device.updates.accept(offer.id, 0),
            Err(UpdateError::External)
        );
        let pushes = [
            deletion(&["fw_url", "fw_tag"]),
            update(assigned("pump", "1.5", 1_000)),
        ];
        let order = if deletion_first { [0, 1] } else { [1, 0] };
        for push in order {
            device.push(&pushes[push]);
        }
        let news = device.news();
        assert!(!news.iter().any(|news| matches!(news, News::Unusable(_))));
        let Some(News::Offered(offer)) = news.last() else {
            panic!("{news:?}")
        };
        assert_eq!(offer.package.version, "1.5");
        assert!(matches!(offer.package.source, Source::Server { .. }));
    }
}

#[test]
fn a_cancelled_assignment_withdraws_the_offer() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    let offer = device.offered();
    device.push(&cancellation());
    assert_eq!(device.news(), [News::Withdrawn(offer.id)]);
    assert_eq!(
        device.updates.accept(offer.id, 0),
        Err(UpdateError::NotOffered)
    );
    // What was cancelled while nobody was connected is seen at the next connection.
    device.push(&update(assigned("pump", "1.4", 1_000)));
    let offer = device.offered();
    device.updates.link_down(at(1), LinkEnd::Innocent);
    device.answer(json!({}));
    assert_eq!(device.news(), [News::Withdrawn(offer.id)]);
}

#[test]
fn an_offer_that_was_never_told_is_not_withdrawn_before_it_is_told() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    device.push(&cancellation());
    assert!(
        !device
            .news()
            .iter()
            .any(|news| matches!(news, News::Offered(_)))
    );
}

#[test]
fn attributes_that_make_no_sense_alone_are_asked_for_before_anything_is_said() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    device.offered();
    device.push(&deletion(&["fw_size", "fw_checksum"]));
    assert_eq!(device.news(), []);
    assert!(device.updates.asks(at(0)));
    device.updates.asked();
    device.answer(json!({ "fw_title": "pump", "fw_version": "1.4" }));
    let missing = InvalidPackage::Missing { key: "fw_size" };
    assert!(device.news().contains(&News::Unusable(missing.clone())));
    // Once, not at every connection.
    device.updates.link_down(at(1), LinkEnd::Innocent);
    device.answer(json!({ "fw_title": "pump", "fw_version": "1.4" }));
    assert_eq!(device.news(), []);
    device.answer(assigned("pump", "1.4", 1_000));
    device.offered();
}

#[test]
fn a_package_that_cannot_be_checked_is_refused_and_the_platform_hears_of_it() {
    let bad = |key: &str, value: Value| {
        let mut package = assigned("pump", "1.4", 1_000);
        package[key] = value;
        let mut device = Device::new();
        device.reports();
        device.answer(package);
        let told = device.reports();
        assert_eq!(told.len(), 1);
        assert!(
            told[0].contains(r#""fw_state":"FAILED","fw_error":"#),
            "{told:?}"
        );
        match device.news().as_slice() {
            [News::Unusable(invalid)] => invalid.clone(),
            news => panic!("{news:?}"),
        }
    };
    assert_eq!(bad("fw_size", json!(0)), InvalidPackage::Size);
    assert_eq!(bad("fw_size", json!(-5)), InvalidPackage::Size);
    assert_eq!(bad("fw_size", json!("many")), InvalidPackage::Size);
    // More chunks than the server can count.
    assert_eq!(bad("fw_size", json!(i64::MAX)), InvalidPackage::Size);
    assert_eq!(bad("fw_checksum", json!("00ff")), InvalidPackage::Checksum);
    assert_eq!(
        bad("fw_checksum", Value::Null),
        InvalidPackage::Missing { key: "fw_checksum" }
    );
    assert_eq!(
        bad("fw_checksum_algorithm", json!("SHA1")),
        InvalidPackage::Algorithm {
            name: "SHA1".into()
        }
    );
    assert_eq!(
        bad("fw_title", json!("x".repeat(100_000))),
        InvalidPackage::TooLong { key: "fw_title" }
    );
}

#[test]
fn an_answer_that_a_push_has_overtaken_is_not_believed() {
    let mut device = Device::new();
    device.updates.asked();
    device.push(&update(assigned("pump", "1.4", 1_000)));
    device.offered();
    device
        .updates
        .handle_answer(&AttributeMap::default(), &mut device.ids);
    assert_eq!(device.news(), []);
    // A push that is only a part makes the question necessary once more.
    device.updates.asked();
    device.push(&deletion(&["fw_size"]));
    device
        .updates
        .handle_answer(&AttributeMap::default(), &mut device.ids);
    assert_eq!(device.news(), []);
    assert!(device.updates.asks(at(0)));
}

#[test]
fn a_question_without_an_answer_is_asked_again_less_and_less_often() {
    let mut device = Device::new();
    let mut now = 0;
    let mut pauses = Vec::new();
    for _ in 0..6 {
        device.updates.asked();
        device.updates.handle_no_answer(at(now));
        let due = device.updates.next_deadline().unwrap();
        assert!(!device.updates.asks(at(now)) && device.updates.asks(due));
        pauses.push(due.duration_since(at(now)).as_secs());
        now += 1_000;
    }
    assert_eq!(pauses, [60, 120, 240, 480, 600, 600]);
}

#[test]
fn attributes_of_others_change_nothing() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    device.offered();
    device.push(&update(
        json!({ "uploadFrequency": 5, "sw_title": "x", "sw_version": "y" }),
    ));
    device.push(&deletion(&["sw_title", "mode"]));
    assert_eq!(device.news(), []);
    assert!(!device.updates.asks(at(0)));
}
