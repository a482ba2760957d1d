//! SOCKS5 (RFC 1928) with user and password (RFC 1929).

use alloc::vec;
use alloc::vec::Vec;
use core::net::IpAddr;

use tb_proto::Endpoint;

use super::{Login, ProxyError};

const VERSION: u8 = 5;
/// Methods of authentication (RFC 1928 §3).
const NO_LOGIN: u8 = 0;
const LOGIN: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
/// The version of the login itself (RFC 1929 §2).
const LOGIN_VERSION: u8 = 1;
const CONNECT: u8 = 1;
/// Types of an address (RFC 1928 §5).
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Where the dialogue is: each stage waits for the bytes of one answer.
#[derive(Debug)]
pub(super) struct Dialogue {
    stage: Stage,
    /// What came of the present answer.
    received: Vec<u8>,
    /// `LOGIN` ready to be sent, if there is one.
    login: Option<Vec<u8>>,
    request: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Method,
    Login,
    /// Version, reply, reserved, type of the address and its first byte: no reply is shorter.
    Reply,
    /// The rest of the address and the port; none of it matters here.
    Bound {
        length: usize,
    },
    Done,
}

impl Dialogue {
    /// The dialogue and what begins it.
    pub(super) fn new(login: Option<&Login>, target: &Endpoint) -> (Self, Vec<u8>) {
        let greeting = match login {
            Some(_) => vec![VERSION, 2, NO_LOGIN, LOGIN],
            None => vec![VERSION, 1, NO_LOGIN],
        };
        let dialogue = Self {
            stage: Stage::Method,
            received: Vec::new(),
            login: login.map(login_message),
            request: request(target),
        };
        (dialogue, greeting)
    }

    /// So many bytes of the present answer are still to come; 0: it is over.
    pub(super) fn wants(&self) -> usize {
        let length = match self.stage {
            Stage::Method | Stage::Login => 2,
            Stage::Reply => 5,
            Stage::Bound { length } => length,
            Stage::Done => 0,
        };
        length.saturating_sub(self.received.len())
    }

    /// Takes the next byte; gives what is to be sent because of it.
    pub(super) fn take(&mut self, byte: u8) -> Result<Vec<u8>, ProxyError> {
        self.received.push(byte);
        let next = match (self.stage, self.received.as_slice()) {
            (Stage::Method | Stage::Reply, [version]) if *version != VERSION => {
                return Err(ProxyError::OtherProtocol);
            }
            (Stage::Login, [version]) if *version != LOGIN_VERSION => {
                return Err(ProxyError::OtherProtocol);
            }
            (Stage::Method, [_, NO_LOGIN]) => (Stage::Reply, core::mem::take(&mut self.request)),
            (Stage::Method, [_, method]) => match (*method, self.login.take()) {
                (LOGIN, Some(login)) => (Stage::Login, login),
                (NO_ACCEPTABLE_METHOD, _) => return Err(ProxyError::LoginRequired),
                _ => return Err(ProxyError::OtherProtocol),
            },
            (Stage::Login, [_, 0]) => (Stage::Reply, core::mem::take(&mut self.request)),
            (Stage::Login, [_, _]) => return Err(ProxyError::LoginRefused),
            (Stage::Reply, [_, reply]) if *reply != 0 => return Err(refusal(*reply)),
            (Stage::Reply, [_, _, _, address, first]) => {
                let length = match *address {
                    IPV4 => 3 + 2,
                    IPV6 => 15 + 2,
                    NAME => usize::from(*first) + 2,
                    _ => return Err(ProxyError::OtherProtocol),
                };
                (Stage::Bound { length }, Vec::new())
            }
            (Stage::Bound { length }, received) if received.len() >= length => {
                (Stage::Done, Vec::new())
            }
            // A byte more than was asked for would be the server's, and would be lost.
            (Stage::Done, _) => return Err(ProxyError::OtherProtocol),
            _ => return Ok(Vec::new()),
        };
        self.received.clear();
        self.stage = next.0;
        Ok(next.1)
    }
}

/// RFC 1929 §2.
fn login_message(login: &Login) -> Vec<u8> {
    let mut message = vec![LOGIN_VERSION];
    push_counted(&mut message, login.user.as_bytes());
    push_counted(&mut message, login.password.as_bytes());
    message
}

/// RFC 1928 §4. A name is resolved by the proxy.
fn request(target: &Endpoint) -> Vec<u8> {
    let mut request = vec![VERSION, CONNECT, 0];
    match target.host().parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            request.push(NAME);
            push_counted(&mut request, target.host().as_bytes());
        }
    }
    request.extend(target.port().to_be_bytes());
    request
}

/// A text and before it its length, which whoever made the text has kept below 256.
fn push_counted(message: &mut Vec<u8>, text: &[u8]) {
    message.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    message.extend(text.iter().take(usize::from(u8::MAX)));
}

/// RFC 1928 §6.
fn refusal(reply: u8) -> ProxyError {
    match reply {
        2 => ProxyError::Forbidden,
        3 | 4 | 6 => ProxyError::Unreachable,
        5 => ProxyError::ConnectionRefused,
        _ => ProxyError::Refused {
            code: u16::from(reply),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::handshake::{Handshake, Step};
    use super::super::{Proxy, ProxyError};
    use alloc::vec::Vec;

    fn begin(login: Option<(&str, &str)>, target: &str) -> Handshake {
        let mut proxy: Proxy = "socks5://proxy:1080".parse().unwrap();
        if let Some((user, password)) = login {
            proxy = proxy.login(user, password).unwrap();
        }
        Handshake::new(&proxy, &target.parse().unwrap()).unwrap()
    }

    fn sends(handshake: &mut Handshake, bytes: &[u8]) {
        assert_eq!(handshake.step(), Step::Send(bytes.to_vec()));
    }

    /// Feeds an answer byte by byte; never is more wanted than is left of it.
    fn receives(handshake: &mut Handshake, bytes: &[u8]) -> Result<(), ProxyError> {
        for (n, byte) in bytes.iter().enumerate() {
            match handshake.step() {
                Step::Receive { at_most } => assert!((1..=bytes.len() - n).contains(&at_most)),
                other => panic!("{other:?}"),
            }
            handshake.handle_input(&[*byte])?;
        }
        Ok(())
    }

    #[test]
    fn a_name_is_told_to_the_proxy_which_resolves_it() {
        let mut handshake = begin(None, "mqtt://demo.example:1883");
        sends(&mut handshake, b"\x05\x01\0");
        receives(&mut handshake, b"\x05\0").unwrap();
        sends(&mut handshake, b"\x05\x01\0\x03\x0cdemo.example\x07\x5b");
        receives(&mut handshake, b"\x05\0\0\x01\x7f\0\0\x01\x12\x34").unwrap();
        assert_eq!(handshake.step(), Step::Done);
    }

    #[test]
    fn addresses_travel_as_addresses() {
        for (target, request) in [
            (
                "mqtt://127.0.0.1:1",
                &b"\x05\x01\0\x01\x7f\0\0\x01\0\x01"[..],
            ),
            (
                "mqtt://[::1]:1",
                b"\x05\x01\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\x01",
            ),
        ] {
            let mut handshake = begin(None, target);
            sends(&mut handshake, b"\x05\x01\0");
            receives(&mut handshake, b"\x05\0").unwrap();
            sends(&mut handshake, request);
        }
    }

    #[test]
    fn user_and_password_are_told_when_the_proxy_asks() {
        let mut handshake = begin(Some(("me", "pw")), "mqtt://h:1");
        sends(&mut handshake, b"\x05\x02\0\x02");
        receives(&mut handshake, b"\x05\x02").unwrap();
        sends(&mut handshake, b"\x01\x02me\x02pw");
        receives(&mut handshake, b"\x01\0").unwrap();
        sends(&mut handshake, b"\x05\x01\0\x03\x01h\0\x01");
        let v6 = b"\x05\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x12\x34";
        receives(&mut handshake, v6).unwrap();
        assert_eq!(handshake.step(), Step::Done);
    }

    #[test]
    fn a_proxy_that_does_not_ask_is_not_told() {
        let mut handshake = begin(Some(("me", "pw")), "mqtt://h:1");
        sends(&mut handshake, b"\x05\x02\0\x02");
        receives(&mut handshake, b"\x05\0").unwrap();
        sends(&mut handshake, b"\x05\x01\0\x03\x01h\0\x01");
        receives(&mut handshake, b"\x05\0\0\x03\x04name\x12\x34").unwrap();
        assert_eq!(handshake.step(), Step::Done);
        let server = handshake.handle_input(b"x");
        assert_eq!(
            server,
            Err(ProxyError::OtherProtocol),
            "that is the server's"
        );
    }

    /// What a dialogue ends with if the proxy says these things, one after the other.
    fn ends_with(login: Option<(&str, &str)>, answers: &[&[u8]]) -> ProxyError {
        let mut handshake = begin(login, "mqtt://h:1");
        for answer in answers {
            assert!(matches!(handshake.step(), Step::Send(_)));
            if let Err(error) = handshake.handle_input(answer) {
                return error;
            }
        }
        panic!("no error");
    }

    #[test]
    fn each_refusal_is_told_apart() {
        let me = Some(("me", "pw"));
        assert_eq!(ends_with(None, &[b"H"]), ProxyError::OtherProtocol);
        assert_eq!(ends_with(None, &[b"\x05\xff"]), ProxyError::LoginRequired);
        assert_eq!(ends_with(None, &[b"\x05\x02"]), ProxyError::OtherProtocol);
        let refused: &[&[u8]] = &[b"\x05\x02", b"\x01\x01"];
        assert_eq!(ends_with(me, refused), ProxyError::LoginRefused);
        let replies: Vec<_> = (1..=9)
            .map(|reply| ends_with(None, &[b"\x05\0", &[5, reply]]))
            .collect();
        assert_eq!(
            replies,
            [
                ProxyError::Refused { code: 1 },
                ProxyError::Forbidden,
                ProxyError::Unreachable,
                ProxyError::Unreachable,
                ProxyError::ConnectionRefused,
                ProxyError::Unreachable,
                ProxyError::Refused { code: 7 },
                ProxyError::Refused { code: 8 },
                ProxyError::Refused { code: 9 },
            ]
        );
        let odd: &[&[u8]] = &[b"\x05\0", b"\x05\0\0\x02\0"];
        assert_eq!(ends_with(None, odd), ProxyError::OtherProtocol);
    }
}
