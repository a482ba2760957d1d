//! Connections are lost, and nothing else is.

use tb_proto::ProtocolVersion::{V3_1_1, V5};
use tb_tests::network::Cut;
use tb_tests::world::World;

use crate::ms;

#[test]
fn a_reading_gets_through() {
    let mut world = World::new(1);
    world.send(1).wait(ms(1_000));
    assert_eq!(world.device().ledger().acknowledged(), 1);
    world.settle();
}

#[test]
fn readings_survive_every_kind_of_cut() {
    for version in [V5, V3_1_1] {
        for how in [Cut::Silent, Cut::Fin, Cut::Rst] {
            let mut world = World::speaking(version, 2);
            world
                .send(5)
                .wait(ms(130))
                .send(5)
                .cut(how)
                .send(5)
                .settle();
            assert_eq!(
                world.device().ledger().acknowledged(),
                15,
                "{version} {how:?}"
            );
        }
    }
}
