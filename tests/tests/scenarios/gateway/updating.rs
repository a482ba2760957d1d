//! The gateway gets a firmware of its own while it serves its children.

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_proto::{Event, GatewayConfig, PackageType, ProtocolVersion, VersionPolicy};
use tb_tests::network::Cut;
use tb_tests::sim::{Assignment, Control, Package};
use tb_tests::world::{Ending, World};

use crate::{ms, sec};

const CHILDREN: u8 = 5;

/// Children do everything that they do, in rounds, until the image is there. Tells how many rounds it took.
fn serve_while_updating(version: ProtocolVersion, cut: bool) -> (World, u64) {
    let mut setup = World::setup(1);
    setup.devices[0].gateway = true;
    let package = Package::Pattern { length: 10_000_000 };
    setup.packages.insert("gateway".to_owned(), package);
    let config = World::config()
        .version(VersionPolicy::Only(version))
        .gateway(GatewayConfig::new());
    let mut world = World::of(config, setup, 1);
    for child in 0..CHILDREN {
        world.add_child(child);
    }
    world
        .latency(ms(20), ms(5))
        .follow_children()
        .serve_children()
        .follow_updates(PackageType::Firmware, "1.3")
        .wait(sec(2))
        .control(Control::SetFw(Assignment::of_package(
            "dev1", "gateway", "pump", "1.4",
        )));
    let mut rounds = 0;
    while world.device().downloads().ended.is_empty() {
        rounds += 1;
        assert!(rounds < 1_000, "the image does not come");
        for child in 0..CHILDREN {
            world
                .child_send(child, 3)
                .child_attribute(child, 0)
                .call_child(child)
                .set_child_shared(child, 0);
        }
        world.wait(ms(100));
        if cut && rounds == 5 {
            world.cut(Cut::Rst).wait(sec(5));
        }
        let now = world.now().as_millis();
        let late = |accepted: u64| now - accepted > 2_000;
        for (id, ticket) in world.device().ledger().open() {
            let accepted = ticket.accepted.as_millis();
            assert!(!late(accepted), "{id:?} waits for the image: {ticket:?}");
        }
    }
    (world, rounds)
}

#[test]
fn an_image_arrives_intact_while_children_send_and_are_called_and_none_of_them_waits_for_it() {
    for (version, cut) in [(V5, false), (V3_1_1, false), (V5, true)] {
        let (mut world, rounds) = serve_while_updating(version, cut);
        assert!(rounds > 10, "{rounds} rounds: there was nothing meanwhile");
        let downloads = world.device().downloads();
        assert_eq!(downloads.ended.len(), 1);
        assert_eq!(downloads.ended[0].1, Ok(()), "{version}, cut: {cut}");
        world.settle();
        let ledger = world.device().ledger();
        let failed = ledger.count(|ending| matches!(ending, Ending::Undelivered(_)));
        assert_eq!(failed, 0, "{version}, cut: {cut}");
        let told = world.device().notices();
        let told = told.filter(|event| matches!(event, Event::ChildAttributesUpdated { .. }));
        let calls = rounds * u64::from(CHILDREN);
        if !cut {
            assert_eq!(world.arrivals().replies(), calls);
            assert_eq!(told.count() as u64, calls);
        }
    }
}
