use bytes::Bytes;

use super::*;

/// A device in the middle of an accepted download of `size` bytes.
fn downloading(size: usize) -> (Device, OfferId) {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", size));
    let offer = device.offered();
    device.updates.accept(offer.id, 0).unwrap();
    (device, offer.id)
}

fn chunks_of(asked: &[ChunkRequest]) -> Vec<u32> {
    asked.iter().map(|asked| asked.chunk).collect()
}

fn bytes_of(fetched: Fetched) -> Vec<u8> {
    match fetched {
        Fetched::Chunk(chunk) => chunk.bytes.to_vec(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_question_goes_alone_and_then_as_many_as_may_be_in_flight() {
    let (mut device, id) = downloading(1_000);
    let image = image(1_000);
    let first = device.requests(at(0));
    assert_eq!(chunks_of(&first), [0]);
    assert_eq!(first[0].size, 100);
    device.serve(at(1), &image, first[0]);
    // What arrived and was not taken fills its place.
    assert_eq!(chunks_of(&device.requests(at(1))), [1]);
    assert_eq!(bytes_of(device.updates.fetch(id)), image[..100]);
    assert_eq!(chunks_of(&device.requests(at(1))), [2]);
    assert_eq!(device.requests(at(1)), []);
}

#[test]
fn nothing_more_is_asked_for_while_nobody_takes_what_came() {
    let (mut device, id) = downloading(1_000);
    let image = image(1_000);
    let mut now = 0;
    loop {
        let asked = device.requests(at(now));
        if asked.is_empty() {
            break;
        }
        for asked in asked {
            device.serve(at(now), &image, asked);
        }
        now += 1;
    }
    assert_eq!(device.updates.held(), 200);
    assert_eq!(device.updates.next_deadline(), None);
    bytes_of(device.updates.fetch(id));
    assert_eq!(chunks_of(&device.requests(at(now))), [2]);
}

#[test]
fn a_package_comes_whole_whatever_its_length() {
    for size in [1, 99, 100, 101, 200, 999, 1_000] {
        let (mut device, id) = downloading(size);
        let image = image(size);
        let mut verifier = Verifier::new(size as u64, checksum(ChecksumAlgorithm::Crc32, &image));
        let mut asked_for = 0;
        loop {
            for asked in device.requests(at(0)) {
                asked_for += 1;
                device.serve(at(0), &image, asked);
            }
            match device.updates.fetch(id) {
                Fetched::Chunk(chunk) => {
                    assert_eq!(chunk.offset, verifier.seen());
                    verifier.update(&chunk.bytes);
                }
                Fetched::Pending => {}
                Fetched::Done => break,
                Fetched::Ended(error) => panic!("{error}"),
            }
        }
        // None too many, even where the last chunk is full.
        assert_eq!(asked_for, size.div_ceil(100));
        let verified = verifier.finish().unwrap();
        device.updates.finish(id, Ok(verified)).unwrap();
    }
}

#[test]
fn duplicates_late_ones_and_strange_ones_are_ignored() {
    let (mut device, id) = downloading(1_000);
    let image = image(1_000);
    let first = device.requests(at(0))[0];
    device.serve(at(0), &image, first);
    device.serve(at(0), &image, first);
    bytes_of(device.updates.fetch(id));
    device.serve(at(0), &image, first);
    // Another request id, a chunk nobody asked for, one past the end.
    for (request, chunk) in [
        (first.request, 0),
        (first.request + 1, 1),
        (first.request, 7),
        (first.request, 99),
    ] {
        let bytes = Bytes::from_static(&[0; 100]);
        assert!(!device.updates.handle_chunk(at(0), request, chunk, bytes));
    }
    assert_eq!(device.updates.fetch(id), Fetched::Pending);
    assert_eq!(chunks_of(&device.requests(at(0))), [1, 2]);
}

#[test]
fn chunks_that_overtake_each_other_are_handed_out_in_order() {
    let (mut device, id) = downloading(300);
    let image = image(300);
    let first = device.requests(at(0))[0];
    device.serve(at(0), &image, first);
    bytes_of(device.updates.fetch(id));
    let two = device.requests(at(0));
    device.serve(at(0), &image, two[1]);
    assert_eq!(device.updates.fetch(id), Fetched::Pending);
    device.serve(at(0), &image, two[0]);
    assert_eq!(bytes_of(device.updates.fetch(id)), image[100..200]);
    assert_eq!(bytes_of(device.updates.fetch(id)), image[200..]);
    assert_eq!(device.updates.fetch(id), Fetched::Done);
}

#[test]
fn a_chunk_that_does_not_come_is_asked_for_again_less_and_less_often_and_then_given_up() {
    let (mut device, id) = downloading(1_000);
    let (mut now, mut pauses) = (at(0), Vec::new());
    let first = device.requests(now);
    while let Some(due) = device.updates.next_deadline() {
        pauses.push(due.duration_since(now).as_secs());
        assert_eq!(
            device.requests(Instant::from_micros(due.as_micros() - 1)),
            []
        );
        now = due;
        let again = device.requests(now);
        assert!(again.is_empty() || again == first);
    }
    assert_eq!(pauses, [20, 40, 80, 160]);
    let error = UpdateError::NoAnswer { chunk: 0 };
    assert_eq!(device.updates.fetch(id), Fetched::Ended(error));
}

#[test]
fn on_a_slow_line_a_chunk_has_its_time_from_when_the_one_before_it_came() {
    let (mut device, id) = downloading(1_000);
    let image = image(1_000);
    let first = device.requests(at(0))[0];
    device.serve(at(15), &image, first);
    bytes_of(device.updates.fetch(id));
    let two = device.requests(at(15));
    device.serve(at(30), &image, two[0]);
    assert_eq!(device.updates.next_deadline(), Some(at(50)));
}

#[test]
fn a_chunk_that_waits_to_be_written_has_no_deadline() {
    let (mut device, _) = downloading(1_000);
    let asked = device
        .updates
        .poll_request(at(0), &mut device.numbers)
        .unwrap();
    assert_eq!(device.updates.next_deadline(), None);
    device.updates.written(at(500), asked);
    assert_eq!(device.updates.next_deadline(), Some(at(520)));
}

#[test]
fn an_empty_chunk_before_the_end_makes_the_server_look_the_package_up_again() {
    let (mut device, id) = downloading(1_000);
    let image = image(1_000);
    let first = device.requests(at(0))[0];
    device.serve(at(0), &image, first);
    bytes_of(device.updates.fetch(id));
    let two = device.requests(at(0));
    device
        .updates
        .handle_chunk(at(1), two[0].request, 1, Bytes::new());
    assert_eq!(device.requests(at(1)), []);
    let due = device.updates.next_deadline().unwrap();
    let again = device.requests(due);
    assert_eq!(chunks_of(&again), [1]);
    assert_ne!(again[0].request, first.request);
    // What still comes under the old number may be of another package.
    device.serve(due, &image, two[1]);
    device.serve(due, &image, again[0]);
    assert_eq!(bytes_of(device.updates.fetch(id)), image[100..200]);
    assert_eq!(device.updates.fetch(id), Fetched::Pending);
}

#[test]
fn a_chunk_of_the_wrong_length_is_not_taken_for_ever() {
    let (mut device, id) = downloading(1_000);
    let mut now = at(0);
    let mut tries = 0;
    loop {
        for asked in device.requests(now) {
            tries += 1;
            let wrong = Bytes::from_static(&[0; 101]);
            device
                .updates
                .handle_chunk(now, asked.request, asked.chunk, wrong);
        }
        match device.updates.next_deadline() {
            Some(due) => now = due,
            None => break,
        }
    }
    assert_eq!(tries, 4);
    let error = UpdateError::WrongLength {
        chunk: 0,
        expected: 100,
        received: 101,
    };
    assert_eq!(device.updates.fetch(id), Fetched::Ended(error));
}

#[test]
fn a_download_goes_on_where_it_was_after_the_connection_was_lost() {
    let (mut device, id) = downloading(1_000);
    let image = image(1_000);
    let first = device.requests(at(0))[0];
    device.serve(at(0), &image, first);
    bytes_of(device.updates.fetch(id));
    let two = device.requests(at(0));
    device.serve(at(0), &image, two[1]);
    device.updates.link_down(at(1), LinkEnd::Innocent);
    // Not before the server has said what is assigned now.
    assert_eq!(device.requests(at(2)), []);
    assert!(device.updates.asks(at(2)));
    device.answer(assigned("pump", "1.4", 1_000));
    let again = device.requests(at(2));
    assert_eq!(chunks_of(&again), [1]);
    assert_ne!(again[0].request, first.request);
    device.serve(at(2), &image, again[0]);
    // The third chunk had come before.
    assert_eq!(bytes_of(device.updates.fetch(id)), image[100..200]);
    assert_eq!(bytes_of(device.updates.fetch(id)), image[200..300]);
}

#[test]
fn a_download_begins_behind_what_is_stored_even_within_a_chunk() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    let offer = device.offered();
    device.updates.accept(offer.id, 250).unwrap();
    let image = image(1_000);
    let asked = device.requests(at(0));
    assert_eq!(chunks_of(&asked), [2]);
    device.serve(at(0), &image, asked[0]);
    let Fetched::Chunk(chunk) = device.updates.fetch(offer.id) else {
        panic!("a chunk came")
    };
    assert_eq!((chunk.offset, &chunk.bytes[..]), (250, &image[250..300]));
}

#[test]
fn all_that_is_stored_already_needs_no_question() {
    let mut device = Device::new();
    device.answer(assigned("pump", "1.4", 1_000));
    let offer = device.offered();
    device.updates.accept(offer.id, 1_000).unwrap();
    assert_eq!(device.requests(at(0)), []);
    assert_eq!(device.updates.fetch(offer.id), Fetched::Done);
}

#[test]
fn a_cancelled_or_replaced_download_ends_and_says_so() {
    let (mut device, id) = downloading(1_000);
    device.requests(at(0));
    device.push(&cancellation());
    assert!(device.updates.take_stirred());
    assert_eq!(
        device.updates.fetch(id),
        Fetched::Ended(UpdateError::Cancelled)
    );

    let (mut device, id) = downloading(1_000);
    device.requests(at(0));
    device.push(&update(assigned("pump", "1.5", 500)));
    assert_eq!(
        device.updates.fetch(id),
        Fetched::Ended(UpdateError::Replaced)
    );
    let news = device.news();
    assert!(
        matches!(news.as_slice(), [News::Withdrawn(gone), News::Offered(new)]
        if *gone == id && new.package.version == "1.5")
    );
}

#[test]
fn the_same_assignment_again_does_not_disturb_a_download() {
    let (mut device, id) = downloading(1_000);
    let asked = device.requests(at(0));
    device.push(&update(assigned("pump", "1.4", 1_000)));
    assert_eq!(device.news(), []);
    device.serve(at(0), &image(1_000), asked[0]);
    bytes_of(device.updates.fetch(id));
}

#[test]
fn a_refusal_ends_the_download_with_it_and_nothing_starts_again_by_itself() {
    let (mut device, id) = downloading(1_000);
    device.requests(at(0));
    device
        .updates
        .handle_refusal(ChunkRefusal::parse(b"NOT_FOUND"));
    let error = UpdateError::Refused(ChunkRefusal::NotFound);
    assert_eq!(device.updates.fetch(id), Fetched::Ended(error));
    device.updates.link_down(at(1), LinkEnd::HungUp);
    device.answer(assigned("pump", "1.4", 1_000));
    assert_eq!(device.news(), []);
    assert_eq!(device.requests(at(2)), []);
    // Only the application tries once more.
    device.updates.accept(id, 0).unwrap();
    assert_eq!(device.requests(at(2)).len(), 1);
}

#[test]
fn a_question_that_closes_the_connection_is_not_put_again_and_again() {
    let (mut device, id) = downloading(1_000);
    device.requests(at(0));
    device.updates.link_down(at(1), LinkEnd::BlamesPacket);
    assert_eq!(
        device.updates.fetch(id),
        Fetched::Ended(UpdateError::ClosesConnection)
    );

    let (mut device, id) = downloading(1_000);
    let mut links = 0;
    while device.updates.fetch(id) == Fetched::Pending {
        device.answer(assigned("pump", "1.4", 1_000));
        device.requests(at(10 * links));
        device
            .updates
            .link_down(at(10 * links + 1), LinkEnd::HungUp);
        links += 1;
    }
    assert_eq!(links, 3);
}

#[test]
fn connections_that_are_lost_by_themselves_end_no_download_that_gets_on() {
    let (mut device, id) = downloading(10_000);
    let image = image(10_000);
    for link in 0..90 {
        device.answer(assigned("pump", "1.4", 10_000));
        // On every third connection only, a chunk gets through.
        for asked in device.requests(at(10 * link)) {
            if link % 3 == 0 {
                device.serve(at(10 * link), &image, asked);
            }
        }
        assert!(!matches!(device.updates.fetch(id), Fetched::Ended(_)));
        device.updates.link_down(at(10 * link + 1), LinkEnd::HungUp);
    }
}

#[test]
fn what_is_not_the_package_is_found_out_and_not_fetched_again() {
    let (mut device, id) = downloading(200);
    let mut wrong = image(200);
    wrong[150] ^= 1;
    let mut verifier = Verifier::new(200, checksum(ChecksumAlgorithm::Sha256, &image(200)));
    while !matches!(device.updates.fetch(id), Fetched::Done) {
        for asked in device.requests(at(0)) {
            device.serve(at(0), &wrong, asked);
        }
        if let Fetched::Chunk(chunk) = device.updates.fetch(id) {
            verifier.update(&chunk.bytes);
        }
    }
    // The last bytes were not looked at: that is found out too.
    assert!(verifier.finish().is_err());
    let error = UpdateError::ChecksumMismatch {
        computed: checksum(ChecksumAlgorithm::Sha256, &wrong),
    };
    device.updates.finish(id, Err(error)).unwrap();
    device.updates.link_down(at(1), LinkEnd::Innocent);
    device.answer(assigned("pump", "1.4", 200));
    assert_eq!(device.news(), []);
    assert_eq!(device.requests(at(2)), []);
}

#[test]
fn request_numbers_are_new_for_every_download_and_begin_again_at_the_end() {
    let mut numbers = RequestNumbers::default();
    let mut taken = Vec::new();
    for round in 0..3 {
        let (mut device, _) = downloading(1_000);
        device.numbers = numbers;
        taken.push(device.requests(at(round))[0].request);
        numbers = device.numbers;
    }
    assert_eq!(taken, [1, 2, 3]);
}
