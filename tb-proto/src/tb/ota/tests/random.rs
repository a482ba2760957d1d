//! Downloads through a world that loses, doubles, reorders and spoils chunks, cuts connections, and
//! changes its mind about the assignment.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// The n-th of the answers under way arrives.
    Deliver(usize),
    /// It arrives and stays under way.
    Double(usize),
    Lose(usize),
    /// It arrives with another length.
    Cut(usize),
    /// The application takes one chunk.
    Take,
    /// Time goes on to the next deadline, or by a second.
    Wait,
    Reconnect,
    /// Another version is assigned.
    Replace,
    /// The deletion that goes with an assignment comes by.
    Delete,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        20 => (0_usize..4).prop_map(Step::Deliver),
        3 => (0_usize..4).prop_map(Step::Double),
        3 => (0_usize..4).prop_map(Step::Lose),
        1 => (0_usize..4).prop_map(Step::Cut),
        20 => Just(Step::Take),
        3 => Just(Step::Wait),
        2 => Just(Step::Reconnect),
        1 => Just(Step::Replace),
        1 => Just(Step::Delete),
    ]
}

/// The image of a version: they differ in every byte.
fn version_image(version: u8, size: usize) -> Vec<u8> {
    image(size)
        .into_iter()
        .map(|byte| byte.wrapping_add(version))
        .collect()
}

struct World {
    device: Device,
    now: Instant,
    size: usize,
    version: u8,
    /// Questions the server has read on this connection, with the version that was assigned when
    /// their number was first used.
    under_way: Vec<(ChunkRequest, u8)>,
    numbers: alloc::collections::BTreeMap<i32, u8>,
    offer: Option<Offer>,
    got: Vec<u8>,
    in_flight: u32,
}

impl World {
    fn new(size: usize, in_flight: u32, chunk_size: u32) -> Self {
        let mut device = Device::new();
        let settings = DownloadSettings {
            in_flight,
            chunk_size,
            // The world is worse than any server.
            retries: 200,
            ..SETTINGS
        };
        device.updates = Updates::new(PackageType::Firmware, Installed::new("pump", "0"), settings);
        let mut world = Self {
            device,
            now: at(0),
            size,
            version: 1,
            under_way: Vec::new(),
            numbers: alloc::collections::BTreeMap::new(),
            offer: None,
            got: Vec::new(),
            in_flight,
        };
        world.answer();
        world
    }

    fn assignment(&self) -> Value {
        let image = version_image(self.version, self.size);
        json!({
            "fw_title": "pump", "fw_version": self.version, "fw_size": self.size,
            "fw_checksum_algorithm": "MURMUR3_128",
            "fw_checksum": alloc::format!("{}", checksum(ChecksumAlgorithm::Murmur3_128, &image)),
        })
    }

    fn answer(&mut self) {
        let shared = self.assignment();
        self.device.answer(shared);
    }

    fn image(&self) -> Vec<u8> {
        version_image(self.version, self.size)
    }

    /// What goes on by itself after every step.
    fn settle(&mut self) {
        while let Some(news) = self.device.updates.poll_news() {
            if let News::Offered(offer) = news {
                self.device.updates.accept(offer.id, 0).unwrap();
                self.got.clear();
                self.offer = Some(offer);
            }
        }
        if self.device.updates.asks(self.now) {
            self.device.updates.asked();
            self.answer();
        }
        for asked in self.device.requests(self.now) {
            let version = *self.numbers.entry(asked.request).or_insert(self.version);
            self.under_way.push((asked, version));
        }
        let chunk = self.device.updates.settings().chunk_size as usize;
        assert!(self.device.updates.held() <= self.in_flight as usize * chunk);
    }

    fn deliver(&mut self, which: usize, keep: bool, cut: bool) {
        if self.under_way.is_empty() {
            return;
        }
        let which = which % self.under_way.len();
        let (asked, version) = if keep {
            self.under_way[which]
        } else {
            self.under_way.remove(which)
        };
        let image = version_image(version, self.size);
        let begin = (asked.chunk as usize * asked.size as usize).min(image.len());
        let end = (begin + asked.size as usize).min(image.len());
        let mut bytes = Bytes::copy_from_slice(&image[begin..end]);
        if cut {
            bytes.truncate(bytes.len() / 2);
        }
        self.device
            .updates
            .handle_chunk(self.now, asked.request, asked.chunk, bytes);
    }

    fn take(&mut self) -> bool {
        let Some(id) = self.offer.as_ref().map(|offer| offer.id) else {
            return false;
        };
        match self.device.updates.fetch(id) {
            Fetched::Chunk(chunk) => {
                assert_eq!(chunk.offset, self.got.len() as u64);
                self.got.extend_from_slice(&chunk.bytes);
                // Never a byte of another package.
                assert!(self.image().starts_with(&self.got));
                false
            }
            Fetched::Done => true,
            Fetched::Pending | Fetched::Ended(UpdateError::Replaced) => false,
            Fetched::Ended(error) => panic!("{error}"),
        }
    }

    fn act(&mut self, step: &Step) {
        match *step {
            Step::Deliver(which) => self.deliver(which, false, false),
            Step::Double(which) => self.deliver(which, true, false),
            Step::Cut(which) => self.deliver(which, false, true),
            Step::Lose(which) => {
                if !self.under_way.is_empty() {
                    self.under_way.remove(which % self.under_way.len());
                }
            }
            Step::Take => {
                self.take();
            }
            Step::Wait => {
                self.now = match self.device.updates.next_deadline() {
                    Some(due) => due.max(self.now),
                    None => self.now + Duration::from_secs(1),
                };
            }
            Step::Reconnect => {
                self.under_way.clear();
                self.numbers.clear();
                self.device.updates.link_down(self.now, LinkEnd::Innocent);
            }
            Step::Replace => {
                self.version = self.version.wrapping_add(1).max(1);
                let pushed = update(self.assignment());
                self.device
                    .updates
                    .handle_update(self.now, &pushed, &mut self.device.ids);
            }
            Step::Delete => self.device.push(&deletion(&["fw_url", "fw_tag"])),
        }
        self.settle();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_happens_to_chunks_the_package_that_is_assigned_last_arrives_whole(
        size in 1_usize..3_000,
        in_flight in 1_u32..6,
        chunk_size in 1_u32..400,
        steps in proptest::collection::vec(step(), 0..300),
    ) {
        let mut world = World::new(size, in_flight, chunk_size.max(size as u32 / 200));
        world.settle();
        for step in &steps {
            world.act(step);
        }
        // When the world calms down, it comes to an end.
        let mut rounds = 0;
        while !world.take() {
            world.act(&Step::Deliver(0));
            if world.under_way.is_empty() {
                world.act(&Step::Wait);
            }
            rounds += 1;
            prop_assert!(rounds < 5_000);
        }
        prop_assert_eq!(&world.got, &world.image());
        prop_assert_eq!(&world.offer.unwrap().package.version, &alloc::format!("{}", world.version));
    }
}
