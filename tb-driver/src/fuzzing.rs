//! What the fuzz target of this crate checks.

use alloc::vec::Vec;

use tb_proto::{Endpoint, Scheme};

use crate::proxy::{Handshake, Proxy, ProxyError, Step};

/// No dialogue with a proxy is longer.
const LONGEST: usize = 8 * 1024 + 1;

/// A byte that chooses the proxy, one that says how its answer is cut, and the answer: whatever it is, it ends
/// the same way however it is cut, and nothing behind it is touched.
pub fn proxies(data: &[u8]) {
    let [choice, cut, answer @ ..] = data else {
        return;
    };
    let whole = talk(*choice, usize::MAX, answer);
    let cut = talk(*choice, usize::from(*cut).max(1), answer);
    assert_eq!(whole, cut, "it depends on how the answer is cut");
}

#[derive(Debug, PartialEq)]
struct Ending {
    said: Vec<u8>,
    error: Option<ProxyError>,
}

fn talk(choice: u8, piece: usize, answer: &[u8]) -> Ending {
    let mut handshake = begin(choice);
    let (mut said, mut taken) = (Vec::new(), 0);
    loop {
        match handshake.step() {
            Step::Send(bytes) => said.extend(bytes),
            Step::Receive { at_most } => {
                assert!(at_most > 0, "a dialogue that waits for nothing is over");
                let rest = answer.get(taken..).unwrap_or_default();
                let piece = piece.min(at_most).min(rest.len());
                let data = rest.get(..piece).unwrap_or_default();
                if let Err(error) = handshake.handle_input(data) {
                    return Ending {
                        said,
                        error: Some(error),
                    };
                }
                taken += piece;
                assert!(taken <= LONGEST, "a proxy is listened to for ever");
                if piece == 0 {
                    return Ending { said, error: None };
                }
            }
            Step::Done => return Ending { said, error: None },
        }
    }
}

fn begin(choice: u8) -> Handshake {
    let url = ["socks5://proxy:1080", "http://proxy:3128"][usize::from(choice & 1)];
    let host = ["demo.example", "127.0.0.1", "::1", "h"][usize::from(choice >> 1 & 3)];
    let proxy: Proxy = url.parse().expect("an address of a proxy");
    let proxy = match choice & 8 {
        0 => proxy,
        _ => proxy.login("user", "password").expect("a login"),
    };
    let target = Endpoint::new(Scheme::Mqtt, host, 1883).expect("an address of a server");
    Handshake::new(&proxy, &target).expect("a name that is short enough")
}
